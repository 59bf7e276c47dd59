/** What the server tells of the floor is read, or refused as a whole. */
import { describe, expect, it } from "vitest";
import { letter, percent, readFloor, readOwnFloor, withLine, type ChatLine } from "../../src/lib/lecture-floor";
import { events } from "../../src/lib/protocol";
import { MalformedError } from "../../src/lib/wire";

const person = { id: "p", name: "Dr Li" };
const poll = { id: "b", text: "?", options: ["x", "y"], state: "open", quiz: true, correct: null, counts: [1, 3], opened: 2, closed: null };
const floor = {
  lecture: "l",
  questions: [{ id: "q", text: "?", author: person, at: "2026", offset: 1, state: "open", votes: 2, answered: null, reply: null }],
  polls: [poll],
  stage: [{ person, organisation: null, state: "on-stage", at: "2026" }],
};
const line = (id: string, at: string, client_id = id): ChatLine => ({ id, text: id, author: person, at, offset: 0, client_id });

describe("floor", () => {
  it("is read as told, with fields that a newer server adds left out", () => {
    expect(readFloor({ ...floor, weather: "fine" })).toEqual(floor);
    expect(events["lecture.floor"](floor).polls[0]?.quiz).toBe(true);
  });

  it("of one person holds their own choices", () => {
    const own = { ...floor, chat: [], timeline: [], votes: ["q"], answers: { b: 1 }, hand: null, hands: [], drafts: [] };
    expect(readOwnFloor(own).answers).toEqual({ b: 1 });
  });

  it("with a state nobody knows is refused", () => {
    expect(() => readFloor({ ...floor, polls: [{ ...poll, state: "exploded" }] })).toThrow(MalformedError);
  });
});

describe("chat", () => {
  it("keeps lines in the order in which they were said, each once", () => {
    const lines = [line("a", "1"), line("c", "3")];
    expect(withLine(lines, line("b", "2")).map((each) => each.id)).toEqual(["a", "b", "c"]);
    expect(withLine(lines, line("a", "1"))).toHaveLength(2);
    expect(withLine(lines, line("server", "3", "c")).map((each) => each.id)).toEqual(["a", "server"]);
  });
});

it("polls count in whole percent", () => {
  expect([0, 1].map((option) => percent([1, 3], option))).toEqual([25, 75]);
  expect(percent([0, 0], 0)).toBe(0);
  expect([0, 4].map(letter)).toEqual(["A", "E"]);
});
