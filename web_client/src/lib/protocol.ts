/** Every real-time message, both ways, with its type and its reader (the page's half of signaling/PROTOCOL.md). */

import { readFloor, readHand, readHandState, readLine as readChatLine, readMark } from "./lecture-floor";
import { anything, flag, list, maybe, number, otherwise, record, text, word, type Read, type Reader } from "./wire";

const id = text(64);
const name = text(200);
const sdp = text(200_000);

export const SOURCES = ["microphone", "camera", "camera-low", "screen", "screen-audio"] as const;
export type Source = (typeof SOURCES)[number];
export type VideoCodec = "H264" | "VP9";

export const readMessage = record({
  id,
  kind: text(32),
  author: record({ id, name }),
  text: text(8000),
  at: text(40),
  offset: maybe(number()),
  client_id: maybe(text(64)),
});
/** One line of the conversation; `offset` is seconds since the call began, null outside a call. */
export type Message = Read<typeof readMessage>;

export const readPerson = record({
  participant: id,
  id,
  name,
  role: text(32),
  mic: otherwise(flag, true),
  camera: otherwise(flag, true),
  screen: otherwise(flag, false),
  connected: otherwise(flag, true),
  line: otherwise(word("good", "weak"), "good"),
});
/** Somebody in the room; `participant` is their seat, `id` the account, `line` how what they send arrives. */
export type Person = Read<typeof readPerson>;

const readIceServer = record({ urls: list(text(300), 10), username: maybe(text(300)), credential: maybe(text(300)) });
export type IceServer = Read<typeof readIceServer>;

const readTrack = record({ mid: text(16), participant: id, source: word(...SOURCES), kind: word("audio", "video") });
/** Which publication an m-line of the server's offer carries. */
export type OfferedTrack = Read<typeof readTrack>;

const readLine = record({ down: word("good", "weak", "sound"), up: word("good", "weak") });
/** How our own line is: what we receive, and what arrives of us. `sound`: pictures wait. */
export type Line = Read<typeof readLine>;
const FINE: Line = { down: "good", up: "good" };

const readRecordingState = word("off", "on", "paused");
const nothing = record({});
/** Whether the presenters of a lecture are seen and heard now, or their line is lost. */
const readPicture = word("on", "away");

const readDevice = record({ id, name, connected: flag });
/** An encoder that is connected to a lecture; `id` is that of its token. */
export type Encoder = Read<typeof readDevice>;

/** Client → server: what each event carries and what its acknowledgement holds beside `ok`. */
export interface Requests {
  hello: { tab_visible: boolean };
  "room.join": { room: string; codecs: VideoCodec[]; participant?: string };
  "room.leave": { room: string };
  "media.publish": { room: string; session: string; sdp: string; sources: Record<string, Source> };
  "media.subscribe": { room: string; session: string };
  "media.answer": { room: string; session: string; version: number; sdp: string };
  "media.state": { room: string; mic: boolean; camera: boolean; screen: boolean };
  "chat.send": { room: string; text: string; client_id: string };
  "pointer.move": { room: string; target: string; x: number; y: number };
  "stage.show": { room: string; file: string | null };
  "lecture.watch": { lecture: string };
  "lecture.unwatch": { lecture: string };
}
export type RequestName = keyof Requests;

export const replies = {
  hello: record({ me: id, server_time: text(40) }),
  "room.join": record({
    participant: id,
    codec: word("H264", "VP9"),
    people: list(readPerson, 200),
    recording: readRecordingState,
    chat: otherwise(list(readMessage, 5000), []),
    stage: maybe(record({ file: maybe(id) })),
    ice_servers: otherwise(list(readIceServer, 10), []),
    consultation: maybe(id),
    lecture: maybe(id),
    known: otherwise(flag, true),
    line: otherwise(readLine, FINE),
  }),
  "room.leave": nothing,
  "media.publish": record({ sdp }),
  "media.subscribe": nothing,
  "media.answer": nothing,
  "media.state": nothing,
  "chat.send": record({ message: readMessage }),
  "pointer.move": nothing,
  "stage.show": nothing,
  "lecture.watch": record({ watching: otherwise(number(0), 0), picture: otherwise(readPicture, "on") }),
  "lecture.unwatch": nothing,
} satisfies { [E in RequestName]: Reader<unknown> };
export type Reply<E extends RequestName> = Read<(typeof replies)[E]>;

const readRing = record({
  page: id,
  consultation: id,
  specialty: text(64),
  urgency: word("routine", "urgent", "emergency"),
  question: text(8000),
  requester: record({ name, organisation: name }),
  sex: maybe(text(32)),
  age: maybe(number(0, 200)),
  sent_at: text(40),
  expires_at: maybe(text(40)),
  routine: otherwise(flag, false),
});
/** A request that rings for this specialist now. */
export type Ring = Read<typeof readRing>;

/** Server → client: the reader of each event. */
export const events = {
  ring: readRing,
  "ring.end": record({ page: id, consultation: id, outcome: text(32), by: maybe(name) }),
  consultation: record({ id, stage: text(32), version: number(0), progress: maybe(anything), what: otherwise(text(32), "changed") }),
  queue: nothing,
  "on-call": anything,
  "room.people": record({ room: id, people: list(readPerson, 200) }),
  "room.ended": record({ room: id, by: maybe(name), reason: maybe(text(64)) }),
  "media.offer": record({ room: id, session: id, version: number(0), sdp, tracks: list(readTrack, 400) }),
  "media.renegotiate": record({ room: id, codec: word("H264", "VP9") }),
  "media.lost": record({ room: id }),
  peer: record({ room: id, participant: id, state: text(32) }),
  line: record({ room: id, down: word("good", "weak", "sound"), up: word("good", "weak") }),
  "chat.message": record({ room: id, message: readMessage }),
  pointer: record({ room: id, participant: id, target: text(140), x: number(0, 1), y: number(0, 1) }),
  stage: record({ room: id, file: maybe(id), by: maybe(name) }),
  recording: record({ room: id, state: readRecordingState, reason: maybe(text(64)) }),
  lecture: record({ id, version: maybe(number(0)), what: text(32) }),
  "lecture.floor": readFloor,
  "lecture.line": record({ lecture: id, line: readChatLine }),
  "lecture.line-down": record({ lecture: id, id }),
  "lecture.mark": record({ lecture: id, mark: readMark }),
  "lecture.watching": record({ lecture: id, watching: number(0) }),
  "lecture.picture": record({ lecture: id, state: readPicture }),
  "lecture.hands": record({ lecture: id, hands: list(readHand, 200) }),
  "lecture.devices": record({ lecture: id, devices: list(readDevice, 40) }),
  "lecture.hand": record({ lecture: id, state: readHandState }),
  "lecture.reminder": record({ id, title: text(400), starts_at: text(40) }),
  "session.ended": record({ reason: maybe(text(64)) }),
} satisfies Record<string, Reader<unknown>>;
export type Events = { [E in keyof typeof events]: Read<(typeof events)[E]> };
export type EventName = keyof Events;

/**
 * A request that did not succeed. Codes of the server pass through; ours are `offline` (no line, or it broke before the
 * answer), `timeout` (no answer in time), `malformed` (an answer that cannot be read) and `signed-out`.
 */
export class RequestError extends Error {
  constructor(
    readonly code: string,
    message = code,
  ) {
    super(message);
    this.name = "RequestError";
  }
}

const readRefusal = record({ code: text(64), message: otherwise(text(1000), "") });

/** Turn an acknowledgement into the reply, or throw {@link RequestError}. */
export function readReply<E extends RequestName>(event: E, ack: unknown): Reply<E> {
  let body: Record<string, unknown>;
  try {
    body = anything(ack);
    if (body.ok === true) return replies[event](body) as Reply<E>;
  } catch (error) {
    throw new RequestError("malformed", error instanceof Error ? error.message : String(error));
  }
  let refusal: { code: string; message: string };
  try {
    refusal = readRefusal(body.error);
  } catch {
    throw new RequestError("malformed", "a refusal without a code");
  }
  throw new RequestError(refusal.code, refusal.message || refusal.code);
}
