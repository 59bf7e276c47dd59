/** Which pictures stand beside the speaker's at a second: the shared screen, a second presenter, whoever is on stage. */
import type { Track } from "../replay/recording";
import type { Quality } from "./lecture-player";

export interface Picture {
  key: string;
  kind: "screen" | "person";
  participant: string;
  name: string;
  /** HLS playlist. */
  url: string;
  /** Whether it is heard. */
  sound: boolean;
  /** Whether there is something to see. */
  seen: boolean;
}

export interface Moment {
  recording: string;
  tracks: readonly Track[];
  /** Names of the tracks that the player plays as the speaker. */
  main: ReadonlySet<string>;
  /** Whose those are where that cannot be told by their names. */
  speaker: string;
  /** Position in seconds. */
  time: number;
  live: boolean;
  /** The browser may ask for as much at a time as it likes, as over HTTP/2. */
  roomy?: boolean;
  quality: Quality;
}

/** Live playlists that may be waited for at a time, each of which holds a connection: browsers open six to a server without HTTP/2. */
const HELD = 5;
/** Where connections do not count: as much as a phone can decode. */
const DECODED = 8;
/** A live track whose newest second is this much older than the newest of all is over. */
const OVER = 5;
/** Shown from a little before, so that it is there in time. */
const AHEAD = 3;

/** The address of one track alone. */
export function trackUrl(recording: string, name: string): string {
  return `/media/${recording}/${name}/index.m3u8`;
}

/** The name of the track behind a playlist's address, or an empty string; AAC that was made of a track is that track. */
export function trackOf(url: string): string {
  return /\/(?:aac-)?([^/]+)\/index\.m3u8(?:$|\?)/.exec(url)?.[1] ?? "";
}

/** The same sound alone for browsers that know no Opus; every other address as it is. */
export function aacOf(url: string): string {
  return url.replace(/\/((?:screen-)?audio-[^/]+\/index\.m3u8)$/, "/aac-$1");
}

/** Who leads: whose tracks the player plays, else the speaker. */
function ownerOf(tracks: readonly Track[], main: ReadonlySet<string>, speaker: string): string {
  return tracks.find((track) => main.has(track.name))?.participant.id ?? speaker;
}

/** Whether the speaker has a camera or a voice that the playlist, as it was when it was loaded, did not name. */
export function grown(tracks: readonly Track[], main: ReadonlySet<string>, speaker: string): boolean {
  const owner = ownerOf(tracks, main, speaker);
  return tracks.some((track) => track.participant.id === owner && !track.source.startsWith("screen") && !main.has(track.name));
}

/** The speaker's voice alone. */
export function voiceOf(tracks: readonly Track[], main: ReadonlySet<string>, speaker: string): Track | null {
  const voices = tracks.filter((track) => track.source === "microphone");
  return voices.find((track) => main.has(track.name)) ?? voices.find((track) => track.participant.id === speaker) ?? voices[0] ?? null;
}

/** Beside the speaker: the screen, everybody's voice, then as many faces as there are connections left. */
export function picturesAt({ recording, tracks, main, speaker, time, live, roomy = false, quality }: Moment): Picture[] {
  const newest = Math.max(0, ...tracks.map((track) => track.start + track.duration));
  const on = (track: Track): boolean => {
    const end = track.start + track.duration;
    const running = live && end > newest - OVER;
    return time >= track.start - AHEAD && (running || time <= end);
  };
  const owner = ownerOf(tracks, main, speaker);
  const faces = quality !== "slides" && quality !== "sound";
  const pictures: Picture[] = [];
  let left = (live && !roomy ? HELD : DECODED) - (faces ? 2 : 1);

  const screen = tracks.findLast((track) => track.source === "screen" && on(track));
  if (screen && quality !== "sound") {
    const { id, name } = screen.participant;
    pictures.push({ key: screen.name, kind: "screen", participant: id, name, url: trackUrl(recording, screen.name), sound: false, seen: true });
    left -= 1;
  }
  const others = new Map<string, Track[]>();
  for (const track of tracks) {
    const shared = track.source.startsWith("screen");
    if (shared || track.participant.id === owner || main.has(track.name) || !on(track)) continue;
    others.set(track.participant.id, [...(others.get(track.participant.id) ?? []), track]);
  }
  const heard = [...others].map(([participant, of]) => ({ participant, of, voice: of.find((track) => track.kind === "audio") }));
  // Who speaks is heard, however many there are: a stage has few seats, and silence would look like a fault.
  left -= heard.filter(({ voice }) => voice).length;
  for (const { participant, of, voice } of heard) {
    const name = of[0]?.participant.name ?? "";
    if (faces && left >= 1 && of.some((track) => track.kind === "video")) {
      pictures.push({ key: `${participant}:person`, kind: "person", participant, name, url: of[0]?.playlist ?? "", sound: true, seen: true });
      left -= 1;
    } else if (voice) {
      pictures.push({ key: `${participant}:voice`, kind: "person", participant, name, url: trackUrl(recording, voice.name), sound: true, seen: false });
    }
  }
  return pictures;
}
