/** What the speaker does is shown when the picture gets there, in order, and again when it is played once more. */
import { describe, expect, it } from "vitest";
import type { Mark, Poll, Question } from "../../src/lib/lecture-floor";
import { answeredBy, askedAt, chapterAt, chaptersOf, hasSlides, slideAt, withMark } from "../../src/lib/lecture-marks";

const slide = (offset: number, page: number | null, deck = "d"): Mark => ({ offset, kind: "slide", data: { deck, page } });
const poll = (change: Partial<Poll>): Poll => ({
  id: "p", text: "Which lead?", options: ["V1", "V2"], state: "open", quiz: false, correct: null, counts: [0, 0], opened: 100, closed: null, ...change,
}); // prettier-ignore
const question = (change: Partial<Question>): Question => ({
  id: "q", text: "Why?", author: { id: "a", name: "A" }, at: "", offset: 5, state: "open", votes: 0, answered: null, reply: null, ...change,
}); // prettier-ignore

describe("slides", () => {
  const marks = [slide(10, 1), slide(20, 2), slide(30, null), slide(40, 3)];

  it("stand from their second until the next, and are away while they are put away", () => {
    expect(slideAt(marks, 9.9)).toBeNull();
    expect(slideAt(marks, 10)).toEqual({ deck: "d", page: 1 });
    expect(slideAt(marks, 29.9)?.page).toBe(2);
    expect(slideAt(marks, 35)).toBeNull();
    expect(slideAt(marks, 99)?.page).toBe(3);
  });

  it("that were told early wait for the picture", () => {
    const told = withMark(marks, slide(52, 4));
    expect(slideAt(told, 50.5)?.page).toBe(3);
    expect(slideAt(told, 52)?.page).toBe(4);
  });

  it("are put in order when their messages overtake each other, and counted once when told twice", () => {
    const late = withMark(withMark([slide(10, 1)], slide(30, 3)), slide(20, 2));
    expect(late.map((mark) => mark.offset)).toEqual([10, 20, 30]);
    expect(withMark(late, slide(20, 2))).toHaveLength(3);
  });

  it("of another kind or without a page are none", () => {
    expect(hasSlides([{ offset: 0, kind: "stage-up", data: {} }, slide(1, null)])).toBe(false);
    expect(slideAt([{ offset: 0, kind: "slide", data: { page: "2" } }], 5)).toBeNull();
  });
});

describe("polls", () => {
  it("are asked when the picture has reached their opening", () => {
    expect(askedAt([poll({})], 98, 101)).toBeNull();
    expect(askedAt([poll({})], 100, 103)?.id).toBe("p");
  });

  it("are asked at once of somebody who watches far behind: only now the answer counts", () => {
    expect(askedAt([poll({})], 40, 103)?.id).toBe("p");
  });

  it("tell their result when the picture has reached their closing, newest first", () => {
    const closed = [poll({ id: "a", state: "closed", closed: 110 }), poll({ id: "b", state: "closed", closed: 120 })];
    expect(answeredBy(closed, 112, 121).map((each) => each.id)).toEqual(["a"]);
    expect(answeredBy(closed, 120, 121).map((each) => each.id)).toEqual(["b", "a"]);
    expect(askedAt(closed, 121, 121)).toBeNull();
  });
});

describe("chapters", () => {
  const marks = [slide(10, 1), slide(12, 1), slide(30, 2), { offset: 45, kind: "stage-up", data: { practitioner: "x" } }];
  const chapters = chaptersOf(marks, [question({ answered: 33 }), question({ id: "r" })], [poll({ opened: 20 }), poll({ id: "d", opened: null })]);

  it("are everything worth going to, by its second; the same slide again is none", () => {
    expect(chapters.map((each) => [each.start, each.kind])).toEqual([[10, "slide"], [20, "poll"], [30, "slide"], [33, "question"], [45, "stage"]]); // prettier-ignore
    expect(chapters.at(-1)?.text).toBe("x");
  });

  it("know in which of them a second lies", () => {
    expect(chapterAt(chapters, 5)).toBe(-1);
    expect(chapterAt(chapters, 31)).toBe(2);
    expect(chapterAt(chapters, 500)).toBe(4);
  });
});
