/**
 * What belongs to a second of a lecture. The picture is seen a moment after it was made, the socket tells at once: what the
 * speaker does is shown when the picture gets there, and shown again when it is played once more.
 */
import type { Mark, Poll, Question } from "./lecture-floor";

export interface Slide {
  deck: string;
  page: number;
}

/** A marked place on the seek bar and in the list beside it. */
export interface Chapter {
  start: number;
  kind: "slide" | "question" | "poll" | "stage";
  /** What a reader sees: a page number, the question, the poll, or a person's id. */
  text: string;
  /** For a slide, its picture. */
  slide?: Slide;
}

/** A poll that opens is shown early at most by this, in seconds: whoever watches from the start again can still answer. */
const MOST_HELD_BACK = 10;

/** Add a mark that was just told. Told twice it stays one; marks that overtook each other are put in order. */
export function withMark(marks: readonly Mark[], mark: Mark): Mark[] {
  const same = marks.some((each) => each.offset === mark.offset && each.kind === mark.kind);
  if (same) return [...marks];
  const before = marks.findLastIndex((each) => each.offset <= mark.offset);
  return marks.toSpliced(before + 1, 0, mark);
}

function slideOf(mark: Mark): Slide | null {
  const { deck, page } = mark.data;
  return typeof deck === "string" && typeof page === "number" ? { deck, page } : null;
}

/** The slide that stands at a second; null before the first and while they are put away. */
export function slideAt(marks: readonly Mark[], time: number): Slide | null {
  const last = marks.findLast((mark) => mark.kind === "slide" && mark.offset <= time);
  return last ? slideOf(last) : null;
}

/** Whether slides were shown at any time: then there is a place for them. */
export function hasSlides(marks: readonly Mark[]): boolean {
  return marks.some((mark) => mark.kind === "slide" && slideOf(mark) !== null);
}

/**
 * The poll to answer now, if the picture has reached it; `time` is the second seen, `edge` the newest there is. Somebody who
 * watches long behind is asked all the same, because only now the answer counts.
 */
export function askedAt(polls: readonly Poll[], time: number, edge: number): Poll | null {
  const open = polls.findLast((poll) => poll.state === "open");
  if (!open) return null;
  const reached = open.opened === null || time >= open.opened || edge - time > MOST_HELD_BACK;
  return reached ? open : null;
}

/** Closed polls whose closing the picture has reached, newest first. */
export function answeredBy(polls: readonly Poll[], time: number, edge: number): Poll[] {
  return polls.filter((poll) => poll.state === "closed" && (time >= (poll.closed ?? 0) || edge - time > MOST_HELD_BACK)).toReversed();
}

/** Everything worth going to, in order: slides, answered questions, polls, people who came on stage. */
export function chaptersOf(marks: readonly Mark[], questions: readonly Question[], polls: readonly Poll[]): Chapter[] {
  const chapters: Chapter[] = [];
  let shown = "";
  for (const mark of marks) {
    const slide = mark.kind === "slide" ? slideOf(mark) : null;
    const name = slide ? `${slide.deck} ${slide.page}` : "";
    if (slide && name !== shown) chapters.push({ start: mark.offset, kind: "slide", text: String(slide.page), slide });
    if (mark.kind === "slide") shown = name;
    if (mark.kind === "stage-up") chapters.push({ start: mark.offset, kind: "stage", text: String(mark.data.practitioner ?? "") });
  }
  for (const question of questions) {
    if (question.answered !== null) chapters.push({ start: question.answered, kind: "question", text: question.text });
  }
  for (const poll of polls) if (poll.opened !== null) chapters.push({ start: poll.opened, kind: "poll", text: poll.text });
  return chapters.sort((a, b) => a.start - b.start);
}

/** Index of the chapter in which a second lies, -1 before the first. */
export function chapterAt(chapters: readonly Chapter[], time: number): number {
  return chapters.findLastIndex((chapter) => chapter.start <= time);
}
