/** What a phone's lock screen shows of a lecture, and what its buttons do. */

interface Steered {
  readonly playing: boolean;
  play(): void;
  pause(): void;
  step(seconds: number): void;
}

/** Tell the system; returns the way to take it back. Browsers without it show nothing there. */
export function mediaSession(player: Steered, { title, artist, artwork }: { title: string; artist: string; artwork: string | null }): () => void {
  if (!("mediaSession" in navigator) || typeof MediaMetadata === "undefined") return () => undefined;
  const session = navigator.mediaSession;
  session.metadata = new MediaMetadata({ title, artist, album: "Tele", artwork: artwork ? [{ src: artwork }] : [] });
  const acts: [MediaSessionAction, MediaSessionActionHandler][] = [
    ["play", () => player.play()],
    ["pause", () => player.pause()],
    ["seekbackward", ({ seekOffset }) => player.step(-(seekOffset ?? 10))],
    ["seekforward", ({ seekOffset }) => player.step(seekOffset ?? 10)],
  ];
  const set = (action: MediaSessionAction, handler: MediaSessionActionHandler | null): void => {
    try {
      session.setActionHandler(action, handler);
    } catch (error) {
      console.debug("this system has no such button:", error);
    }
  };
  for (const [action, handler] of acts) set(action, handler);
  return () => {
    for (const [action] of acts) set(action, null);
    session.metadata = null;
  };
}
