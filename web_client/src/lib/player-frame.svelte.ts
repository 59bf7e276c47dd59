/** What is around a player's picture: full screen, controls that step back while nobody touches them, the keys. */

/** After so many ms without a touch the controls step back. */
const REST = 2_800;
/** Where keys have a meaning of their own. */
const ELSEWHERE = "input:not([type=range]), textarea, select, dialog, [contenteditable], [role=tablist], [role=radiogroup], [role=menu]";
const PRESSED = "button, a, summary, [role=switch]";

/** What every player does for a key. */
export interface Keyed {
  toggle(): void;
  step(seconds: number): void;
}

export class PlayerFrame {
  element = $state<HTMLElement>();
  /** It plays, and nobody has touched it for a moment. */
  idle = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #playing: () => boolean;

  constructor(playing: () => boolean) {
    this.#playing = playing;
  }

  touched(): void {
    this.idle = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.idle = this.#playing()), REST);
  }

  /** To full screen and back. `video` is what an iPhone makes large instead: it knows no full screen but a video's own. */
  full(video?: HTMLVideoElement & { webkitEnterFullscreen?: () => void }): void {
    const complain = (error: unknown): void => console.info("full screen:", error);
    if (document.fullscreenElement) document.exitFullscreen().catch(complain);
    else if (this.element?.requestFullscreen) this.element.requestFullscreen().catch(complain);
    else video?.webkitEnterFullscreen?.();
  }

  /** A key was pressed somewhere on the page: do what it means to the player, if it is meant for it. */
  press(event: KeyboardEvent, player: Keyed, own: Record<string, () => void>): void {
    const target = event.target as HTMLElement;
    if (event.metaKey || event.ctrlKey || event.altKey || target.closest(ELSEWHERE)) return;
    if (event.key === " " && target.closest(PRESSED)) return; // presses what has the focus
    const acts: Record<string, () => void> = {
      " ": () => player.toggle(),
      k: () => player.toggle(),
      j: () => player.step(-10),
      l: () => player.step(10),
      ArrowLeft: () => player.step(-5),
      ArrowRight: () => player.step(5),
      ...own,
    };
    const act = acts[event.key];
    if (!act) return;
    act();
    event.preventDefault();
    this.touched();
  }
}
