/** What a recording shows at a given second: whose pictures there are, who was away, which words were being said. */
import type { Message } from "../lib/protocol";
import type { Gap, Recording, Track } from "./recording";

/** One video element of the player: a person with their voice, or the screen they shared. */
export interface View {
  key: string;
  participant: string;
  name: string;
  role: string;
  kind: "person" | "screen";
  playlist: string;
  /** Whether there is a picture at all; a person may have been heard only. */
  picture: boolean;
  /** Seconds in which this view has something to show. */
  start: number;
  end: number;
}

/** People first in the order in which they came, then their screens. */
export function viewsOf(recording: Recording): View[] {
  const people = new Map<string, Track[]>();
  for (const track of recording.tracks) {
    people.set(track.participant.id, [...(people.get(track.participant.id) ?? []), track]);
  }
  const persons: View[] = [];
  const screens: View[] = [];
  for (const [participant, tracks] of people) {
    const first = tracks[0];
    if (!first) continue;
    const add = (kind: View["kind"], of: Track[], playlist: string): void => {
      if (of.length === 0) return;
      (kind === "person" ? persons : screens).push({
        key: `${participant}:${kind}`,
        participant,
        name: first.participant.name,
        role: first.participant.role,
        kind,
        playlist,
        picture: of.some((track) => track.kind === "video"),
        start: Math.min(...of.map((track) => track.start)),
        end: Math.max(...of.map((track) => track.start + track.duration)),
      });
    };
    const shared = (track: Track): boolean => track.source.startsWith("screen");
    const own = tracks.find((track) => !shared(track))?.playlist ?? first.playlist;
    add("person", tracks.filter((track) => !shared(track)), own.replace(/-screen\.m3u8$/, ".m3u8"));
    add("screen", tracks.filter((track) => shared(track)), own.replace(/(-screen)?\.m3u8$/, "-screen.m3u8"));
  }
  return [...persons, ...screens];
}

/** Gaps shorter than this are not worth a word. */
const WORTH_SAYING = 1.5;

/** What is missing at a second: whose voices, and when the first of them is back. */
export interface Absence {
  participants: string[];
  /** Nobody was recorded: the recording was paused, or the server away. */
  everyone: boolean;
  until: number;
}

/** Who is missing at this second. A camera that was merely off is no absence. */
export function absenceAt(gaps: readonly Gap[], views: readonly View[], time: number): Absence {
  const people = views.filter((view) => view.kind === "person");
  const missing = gaps.filter(
    (gap) =>
      (gap.source === null || gap.source === "microphone") &&
      gap.duration >= WORTH_SAYING &&
      time >= gap.start &&
      time < gap.start + gap.duration,
  );
  const participants = people.map((view) => view.participant).filter((each) => missing.some((gap) => gap.participant === each));
  return {
    participants,
    everyone: people.length > 0 && participants.length === people.length,
    until: Math.min(...missing.map((gap) => gap.start + gap.duration)),
  };
}

/** Whether a view shows something at this second; a screen comes and goes. */
export function showsAt(view: View, time: number, gaps: readonly Gap[]): boolean {
  if (view.kind === "person") return view.picture;
  const missing = gaps.some(
    (gap) => gap.participant === view.participant && gap.source === "screen" && time >= gap.start && time < gap.start + gap.duration,
  );
  return time >= view.start - 0.1 && time <= view.end + 0.1 && !missing;
}

/** Lines that belong to the call, by their second. */
export function spoken(messages: readonly Message[]): (Message & { offset: number })[] {
  return messages
    .filter((message): message is Message & { offset: number } => message.offset !== null && message.offset >= 0)
    .sort((a, b) => a.offset - b.offset);
}

/** Index of the last line said by this second, -1 before the first. */
export function lineAt(lines: readonly { offset: number }[], time: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lines[middle]?.offset ?? Infinity) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Where to begin: where it was left, unless that was at the very start or the very end. */
export function resumeAt(stored: number | undefined, duration: number): number {
  return stored !== undefined && stored > 5 && stored < duration - 10 ? stored : 0;
}

/** Gaps of all people on the bar, joined where they touch: stretches in which something is missing. */
export function holes(gaps: readonly Gap[]): { start: number; end: number }[] {
  const sorted = gaps
    .filter((gap) => gap.duration >= WORTH_SAYING && (gap.source === null || gap.source === "microphone"))
    .map(({ start, duration }) => ({ start, end: start + duration }))
    .sort((a, b) => a.start - b.start);
  const joined: { start: number; end: number }[] = [];
  for (const hole of sorted) {
    const last = joined.at(-1);
    if (last && hole.start <= last.end) last.end = Math.max(last.end, hole.end);
    else joined.push({ ...hole });
  }
  return joined;
}
