/** One lecture as its open page knows it: fetched once, then kept up to date by what the server tells. */
import { api, ApiError } from "../lib/api";
import { readOwnFloor, withLine, type ChatLine, type Hand, type HandState, type Mark, type Poll, type Question } from "../lib/lecture-floor";
import { withMark } from "../lib/lecture-marks";
import type { Lecture } from "../lib/lecture-types";
import type { Events } from "../lib/protocol";
import { live } from "../lib/live.svelte";
import { connection } from "../lib/socket";

/** A thousand pages hear of a change in the same moment: each asks within this many ms. */
const SPREAD = 1_000;

export class LectureWatch {
  lecture = $state.raw<Lecture | null>(null);
  /** Why there is nothing to show. */
  error = $state.raw<unknown>(null);
  /** Whether the floor is known. */
  settled = $state(false);
  questions = $state.raw<Question[]>([]);
  polls = $state.raw<Poll[]>([]);
  /** Polls that were not opened yet: for hosts. */
  drafts = $state.raw<Poll[]>([]);
  stage = $state.raw<Hand[]>([]);
  hands = $state.raw<Hand[]>([]);
  chat = $state.raw<ChatLine[]>([]);
  marks = $state.raw<Mark[]>([]);
  votes = $state.raw<ReadonlySet<string>>(new Set());
  /** My choice by poll. */
  answers = $state.raw<Readonly<Record<string, number>>>({});
  hand = $state<HandState | null>(null);
  watching = $state(0);
  picture = $state<"on" | "away">("on");
  /** Since when the presenters are away, by the server's clock in ms. */
  awaySince = $state<number | null>(null);
  /** Counts up when something about the tracks may have changed: a player asks for them again. */
  turn = $state(0);

  readonly id: string;
  #stops: (() => void)[] = [];
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #asked = 0;

  constructor(id: string) {
    this.id = id;
  }

  get path(): string {
    return `/api/lectures/${encodeURIComponent(this.id)}`;
  }

  /** What this reader calls somebody of the stage: a room tells names in one language only. */
  nameOf(person: { id: string; name: string }): string {
    const known = [...(this.lecture?.presenters ?? []), ...this.stage.map((hand) => hand.person)];
    return known.find((each) => each.id === person.id)?.name ?? person.name;
  }

  /** Follow from now on; returns the way to stop. */
  start(): () => void {
    const here = <P extends { lecture: string }>(handler: (payload: P) => void) => {
      return (payload: P) => payload.lecture === this.id && handler(payload);
    };
    this.#stops = [
      connection.onReady(() => void this.#catchUp()),
      connection.on("lecture", (change) => change.id === this.id && this.#changed(change)),
      connection.on("lecture.floor", here(({ questions, polls, stage }) => {
        this.questions = questions;
        this.polls = polls;
        this.stage = stage;
        this.drafts = this.drafts.filter((draft) => !polls.some((poll) => poll.id === draft.id));
      })),
      connection.on("lecture.line", here(({ line }) => (this.chat = withLine(this.chat, line)))),
      connection.on("lecture.line-down", here(({ id }) => (this.chat = this.chat.filter((line) => line.id !== id)))),
      connection.on("lecture.mark", here(({ mark }) => (this.marks = withMark(this.marks, mark)))),
      connection.on("lecture.watching", here(({ watching }) => (this.watching = watching))),
      connection.on("lecture.picture", here(({ state }) => this.#pictured(state))),
      connection.on("lecture.hands", here(({ hands }) => (this.hands = hands))),
      connection.on("lecture.hand", here(({ state }) => (this.hand = state))),
    ]; // prettier-ignore
    void this.load();
    return () => this.#stop();
  }

  /** Fetch everything (again). */
  async load(): Promise<void> {
    await Promise.all([this.loadLecture(), this.loadFloor()]);
  }

  async loadLecture(): Promise<void> {
    try {
      this.adopt(await api.get<Lecture>(this.path));
    } catch (error) {
      if (!this.lecture || (error instanceof ApiError && [403, 404].includes(error.status))) this.error = error;
    }
  }

  async loadFloor(): Promise<void> {
    const mine = (this.#asked += 1);
    try {
      const floor = readOwnFloor(await api.get<unknown>(`${this.path}/floor`));
      if (mine !== this.#asked) return;
      this.questions = floor.questions;
      this.polls = floor.polls;
      this.drafts = floor.drafts;
      this.stage = floor.stage;
      this.hands = floor.hands;
      this.chat = floor.chat;
      this.marks = floor.timeline;
      this.votes = new Set(floor.votes);
      this.answers = floor.answers as Record<string, number>;
      this.hand = floor.hand;
      this.settled = true;
    } catch (error) {
      console.info("the floor comes later:", error); // the next change, or the line that is back, fetches it again
    }
  }

  /** Take over a lecture that an answer held. */
  adopt(fresh: Lecture): void {
    if (this.lecture && fresh.version < this.lecture.version) return;
    this.lecture = fresh;
    this.error = null;
    this.watching = Math.max(this.watching, fresh.watching);
  }

  voted(question: string, wanted: boolean): void {
    const votes = new Set(this.votes);
    if (wanted) votes.add(question);
    else votes.delete(question);
    this.votes = votes;
    const by = wanted ? 1 : -1;
    this.questions = this.questions.map((each) => (each.id === question ? { ...each, votes: Math.max(0, each.votes + by) } : each));
  }

  answered(poll: string, option: number): void {
    this.answers = { ...this.answers, [poll]: option };
  }

  said(line: ChatLine): void {
    this.chat = withLine(this.chat, line);
  }

  turned(mark: Mark): void {
    this.marks = withMark(this.marks, mark);
  }

  #changed({ version, what }: Events["lecture"]): void {
    // Told in one breath to everybody: the state is taken at its word, the rest is asked for a moment later.
    if (what === "ended" && this.lecture) this.lecture = { ...this.lecture, status: "completed" };
    this.turn += 1;
    if (this.lecture && version !== null && version <= this.lecture.version && what !== "ended") return;
    const soon = what === "live" ? 0 : Math.random() * SPREAD;
    this.#later(soon, () => void this.loadLecture());
    if (what === "ended") this.#later(soon + SPREAD, () => void this.loadFloor());
  }

  #pictured(state: "on" | "away"): void {
    this.picture = state;
    this.awaySince = state === "on" ? null : (this.awaySince ?? live.now);
    this.turn += 1;
  }

  async #catchUp(): Promise<void> {
    const first = this.lecture === null;
    try {
      const { watching, picture } = await connection.request("lecture.watch", { lecture: this.id });
      this.watching = watching;
      this.#pictured(picture);
    } catch (error) {
      console.info("not watching yet:", error); // tried again with the next connection
    }
    if (!first) await this.load();
  }

  #later(delay: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delay);
    this.#timers.add(timer);
  }

  #stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    for (const timer of this.#timers) clearTimeout(timer);
    void connection.request("lecture.unwatch", { lecture: this.id }).catch(() => undefined);
  }
}
