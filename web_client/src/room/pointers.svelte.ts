/** The pointers that both people see on a picture: sent at most 20 times a second, gone soon after they rest. */
import type { Events } from "../lib/protocol";
import type { Point } from "./geometry";

export interface Pointer extends Point {
  participant: string;
  target: string;
  at: number;
}

const SEND_EVERY = 50;
/** A pointer fades when it has not moved for this long. */
export const POINTER_LIFE = 2_500;

export class Pointers {
  shown = $state.raw<Pointer[]>([]);
  readonly #send: (target: string, point: Point) => void;
  readonly #me: () => string;
  #sentAt = 0;
  #waiting: { target: string; point: Point } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sweeper: ReturnType<typeof setInterval> | undefined;

  constructor(send: (target: string, point: Point) => void, me: () => string) {
    this.#send = send;
    this.#me = me;
  }

  /** Our own pointer moved; the last place of a quick movement is always sent. */
  move(target: string, point: Point): void {
    this.#show({ participant: this.#me(), target, ...point });
    this.#waiting = { target, point };
    const wait = this.#sentAt + SEND_EVERY - performance.now();
    if (wait <= 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), wait);
  }

  receive({ participant, target, x, y }: Events["pointer"]): void {
    if (participant !== this.#me()) this.#show({ participant, target, x, y });
  }

  close(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#sweeper);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#waiting) return;
    this.#sentAt = performance.now();
    this.#send(this.#waiting.target, this.#waiting.point);
    this.#waiting = null;
  }

  #show(pointer: Omit<Pointer, "at">): void {
    const rest = this.shown.filter((each) => each.participant !== pointer.participant);
    this.shown = [...rest, { ...pointer, at: performance.now() }];
    this.#sweeper ??= setInterval(() => {
      const alive = this.shown.filter((each) => performance.now() - each.at < POINTER_LIFE);
      if (alive.length !== this.shown.length) this.shown = alive;
      if (alive.length === 0) {
        clearInterval(this.#sweeper);
        this.#sweeper = undefined;
      }
    }, 250);
  }
}
