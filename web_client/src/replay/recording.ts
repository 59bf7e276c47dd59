/** One recording as the server tells it: read, checked, and asked for again while it is still being sealed. */
import { api, ApiError } from "../lib/api";
import { readMessage } from "../lib/protocol";
import { list, maybe, number, otherwise, record, text, word, type Read } from "../lib/wire";

const seconds = number(0);
const readTrack = record({
  name: text(200),
  participant: record({ id: text(64), name: text(200), role: otherwise(text(32), "") }),
  source: text(32),
  kind: word("audio", "video"),
  start: otherwise(seconds, 0),
  duration: otherwise(seconds, 0),
  playlist: text(500),
});
const readGap = record({
  participant: maybe(text(64)),
  source: maybe(text(32)),
  start: seconds,
  duration: seconds,
});
const readChapter = record({ start: seconds, title: text(300) });
const readRecording = record({
  id: text(64),
  title: text(2000),
  state: word("live", "sealed"),
  duration: seconds,
  started: text(40),
  tracks: list(readTrack, 200),
  chapters: otherwise(list(readChapter, 500), []),
  messages: otherwise(list(readMessage, 5000), []),
  gaps: otherwise(list(readGap, 5000), []),
});
/** Times are seconds on the recording's own timeline; all of its playlists share it. */
export type Recording = Read<typeof readRecording>;
export type Track = Recording["tracks"][number];
export type Gap = Recording["gaps"][number];

export async function fetchRecording(id: string, signal: AbortSignal): Promise<Recording> {
  return readRecording(await api.get<unknown>(`/api/recordings/${encodeURIComponent(id)}`, { signal }));
}

/** Whether there is something to play yet: a recording is listed a moment before its files are closed. */
export function playable(recording: Recording): boolean {
  return recording.state === "sealed" && recording.tracks.length > 0;
}

/** Whether asking again a moment later may help. */
export function notYet(error: unknown): boolean {
  return error instanceof ApiError && [0, 404, 409, 425, 502, 503, 504].includes(error.status);
}

/** Pauses between questions in ms: quick while sealing takes its usual fraction of a second, then patient. */
export function* pauses(): Generator<number> {
  for (let count = 0; ; count += 1) yield count < 20 ? 80 : count < 40 ? 500 : 3_000;
}
