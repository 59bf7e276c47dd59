/** What stands beside the picture of a lecture: questions, polls, chat, hands and marks, as the server tells them. */
import { anything, flag, list, maybe, number, record, text, word, type Read } from "./wire";

const id = text(64);
const seconds = number();
const person = record({ id, name: text(200) });

const readQuestion = record({
  id,
  text: text(8000),
  author: person,
  at: text(40),
  offset: seconds,
  state: word("open", "answered", "hidden"),
  votes: number(0),
  answered: maybe(seconds),
  reply: maybe(text(8000)),
});
/** A question of the audience. Offsets are seconds since the lecture went live. */
export type Question = Read<typeof readQuestion>;

const readPoll = record({
  id,
  text: text(8000),
  options: list(text(400), 5),
  state: word("draft", "open", "closed"),
  quiz: flag,
  correct: maybe(number(0, 4)),
  counts: list(number(0), 5),
  opened: maybe(seconds),
  closed: maybe(seconds),
});
/** A poll, or a quiz when there is a right answer; `correct` is told once it is closed. */
export type Poll = Read<typeof readPoll>;

export const HANDS = ["raised", "invited", "on-stage", "lowered", "declined", "left"] as const;
export const readHandState = word(...HANDS);
export type HandState = Read<typeof readHandState>;

export const readHand = record({ person, organisation: maybe(text(200)), state: readHandState, at: text(40) });
/** A hand that waits, or somebody on the stage. */
export type Hand = Read<typeof readHand>;

export const readLine = record({ id, text: text(8000), author: person, at: text(40), offset: seconds, client_id: text(64) });
export type ChatLine = Read<typeof readLine>;

export const readMark = record({ offset: seconds, kind: text(32), data: anything });
/** Something that happened at a second of the lecture: a slide was turned, somebody came on stage. */
export type Mark = Read<typeof readMark>;

const shared = { lecture: id, questions: list(readQuestion, 2000), polls: list(readPoll, 200), stage: list(readHand, 50) };
export const readFloor = record(shared);
/** What everybody sees, told as a whole whenever any of it changes. */
export type Floor = Read<typeof readFloor>;

export const readOwnFloor = record({
  ...shared,
  chat: list(readLine, 20_000),
  timeline: list(readMark, 5000),
  votes: list(id, 2000),
  answers: anything,
  hand: maybe(readHandState),
  hands: list(readHand, 200),
  drafts: list(readPoll, 200),
});
/** The floor as one person finds it when they come. */
export type OwnFloor = Read<typeof readOwnFloor>;

/** The letter by which an option is called: A to E. */
export function letter(option: number): string {
  return String.fromCharCode(65 + option);
}

/** Whole percent of a count; 0 while nobody answered. */
export function percent(counts: readonly number[], option: number): number {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return all ? Math.round(((counts[option] ?? 0) / all) * 100) : 0;
}

/** Keep one line of each id, in the order in which they were said. */
export function withLine(lines: readonly ChatLine[], line: ChatLine): ChatLine[] {
  const others = lines.filter((each) => each.id !== line.id && each.client_id !== line.client_id);
  const before = others.findLastIndex((each) => each.at <= line.at);
  return others.toSpliced(before + 1, 0, line);
}
