/** When a recording's tracks are asked for: at once when the server tells of a change, often for a while after it, else seldom. */

/** How often, in ms. */
const EVERY = 25_000;
/** What the server told of is listed some seconds later, when its first file is whole: looked for so often, for so long. */
const EXPECT_EVERY = 1_500;
const EXPECT_FOR = 9_000;
/** A thousand viewers are told at the same moment. */
export const SPREAD = 1_200;

export class Looks {
  #at = Infinity;
  #expectUntil = 0;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #look: () => void;

  constructor(look: () => void) {
    this.#look = look;
  }

  /** Look at some moment within so many ms, because something changed. */
  soon(within = SPREAD): void {
    this.#expectUntil = performance.now() + EXPECT_FOR;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#look();
    }, Math.random() * within);
    this.#timers.add(timer);
  }

  /** A look begins now: when the next one is due. */
  began(): void {
    const every = performance.now() < this.#expectUntil ? EXPECT_EVERY : EVERY;
    this.again(every * (0.7 + Math.random() * 0.6));
  }

  /** The next one is due in so many ms. */
  again(after: number): void {
    this.#at = performance.now() + after;
  }

  /** Look if it is time. */
  tick(now: number): void {
    if (now <= this.#at) return;
    this.#at = Infinity;
    this.#look();
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
