/** How long sound and pictures are held back on a line that loses: until what was lost can have come again. */

import type { LineSample } from "./quality";

/** The share of packets missing (before repairs) from which on waiting pays. */
const LOSSY = 0.01;
/** For so long the line counts as lossy after the last sign of it, in milliseconds: every change of the wait is heard. */
const KEPT = 15_000;
/** Without a round trip of its own a browser asks again after 100 ms: what is lost twice comes after two trips and that. */
const PATIENCE = 100;
const LONGEST = 600;
/** Over a satellite one trip is longer than that: then the first repair is waited for, and no second one. */
const ONCE = 200;
const SATELLITE = 1_600;
/** A change smaller than this is not worth a stretched second. */
const STEP = 80;

export class Hold {
  #last: LineSample | null = null;
  #lossyUntil = 0;
  #hold = 0;

  /** Milliseconds to hold back from now on; 0 leaves it to the browser. */
  judge(sample: LineSample): number {
    const last = this.#last;
    this.#last = sample;
    if (last === null || sample.at <= last.at) return this.#hold;
    const received = Math.max(0, sample.received - last.received);
    const missing = Math.max(0, sample.missing - last.missing);
    if (received + missing > 20 && missing / (received + missing) > LOSSY) this.#lossyUntil = sample.at + KEPT;
    if (sample.at > this.#lossyUntil) return (this.#hold = 0);
    const trip = sample.roundTrip * 1000;
    const twice = 2 * trip + PATIENCE;
    const wanted = Math.round(twice <= LONGEST ? twice : Math.max(LONGEST, Math.min(SATELLITE, trip + ONCE)));
    if (wanted > this.#hold || wanted < this.#hold - STEP) this.#hold = wanted;
    return this.#hold;
  }
}
