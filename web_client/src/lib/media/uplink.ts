/** What our own line carries upwards, decided from samples of getStats(): all, a small picture, or the voice alone. */

import type { Report } from "./quality";

/** `full`: everything. `small`: one small picture, or the shared screen alone. `sound`: the voice, at its leanest. */
export type UplinkMode = "full" | "small" | "sound";

/** What is to be sent. */
export interface UplinkPlan {
  mode: UplinkMode;
  /** bit/s of the small picture. */
  picture: number;
  /** There is room for the large picture in its own size and pace. */
  roomy: boolean;
  /** Each packet repeats the sound of the one before (RFC 2198). */
  red: boolean;
}

/** One moment of the sending connection; `at` in milliseconds. */
export interface UplinkSample {
  at: number;
  /** bit/s that the browser believes the line carries; 0 where it does not say. */
  estimate: number;
  /** Bytes sent so far, ever growing. */
  bytesSent: number;
  /** The share of our packets that the server missed in its last report, 0 to 1. */
  loss: number;
  /** Seconds. */
  roundTrip: number;
}

/** bit/s below which a mode is left: beside the sound two pictures do not fit, or not even a small one. */
const FULL_LEAST = 280_000;
const SMALL_LEAST = 70_000;
/** bit/s above which, with the small picture at its best, the large one is worth a try; the sound alone never shows more than this. */
const FULL_PROMISED = 165_000;
const SMALL_PROMISED = 55_000;
/**
 * bit/s of the small picture: it grows while the line stays clear and shrinks before the sound would suffer. Its most is what a
 * receiver's line of 150 kbit/s carries beside the sound and all headers.
 */
export const PICTURE_MOST = 70_000;
const PICTURE_LEAST = 40_000;
const PICTURE_STEP = 10_000;
const PICTURE_BACK = 0.7;
/** Samples after a cut before the next: a full queue takes a while to drain. */
const PICTURE_PAUSE = 2;
const BAD_SAMPLES = 2;
const CLEAN_SAMPLES = 3;
/** Milliseconds in which a higher mode may find its pace before its estimate counts. */
const TRIAL = 8_000;
/** Milliseconds that a queue takes to drain and an estimate to settle after less is sent. */
const SETTLE = 3_000;
/** A mode that stood so long after a try is established. */
const PROVEN = 20_000;
const FIRST_WAIT = 4_000;
const LONGEST_WAIT = 120_000;
/** An estimate so much above that of the last failure is news: no need to wait. */
const NEWS = 1.4;
const LOSSY = 0.1;
const SOME_LOSS = 0.03;
/** Seconds by which a queue on our side of the line delays what we send. */
const QUEUE = 0.12;
/** Milliseconds in which a line without a queue is seen at its quickest: a longer way, as after a change of network, is none. */
const WAY = 6_000;
/** Where the browser believes in so much more than is sent, what gets lost is lost on the way and not in a queue. */
const ROOM = 1.3;
/** Above so many times the least of a mode its encoder makes do with what there is: no need to leave it. */
const AMPLE = 2;
/** bit/s from which on the large picture need not be reduced, and below which it is again. */
const ROOMY = 900_000;
const TIGHT = 500_000;
/** Sound sent twice costs as much again: on a narrow line only real losses are worth that. */
const RED_LEAST = 180_000;
/** From this loss on it is worth that on any line before which nothing waits: it is the way that loses, and not a lack of room. */
const LOSSY_WAY = 0.15;
const RED_HOLD = 10_000;

const LOWER: Record<UplinkMode, UplinkMode> = { full: "small", small: "sound", sound: "sound" };
const HIGHER: Record<UplinkMode, UplinkMode> = { sound: "small", small: "full", full: "full" };
const LEAST: Record<UplinkMode, number> = { full: FULL_LEAST, small: SMALL_LEAST, sound: 0 };

/**
 * Goes down within seconds and up by trying: an estimate cannot grow far beyond what is sent, so only sending more shows
 * whether the line carries more. A failed try doubles the wait for the next one, so that the voice is not disturbed for nothing.
 */
export class Uplink {
  #plan: UplinkPlan = { mode: "full", picture: PICTURE_MOST, roomy: false, red: true };
  #last: UplinkSample | null = null;
  #since = 0;
  #tried = false;
  #bad = 0;
  #clean = 0;
  #sinceCut = 0;
  #wait = FIRST_WAIT;
  #failedAt = 0;
  #redSince = -RED_HOLD;
  #ways: { at: number; roundTrip: number }[] = [];

  get plan(): UplinkPlan {
    return this.#plan;
  }

  /** The connection is a new one: what is measured begins anew, what was learnt stays. */
  restart(): void {
    this.#last = null;
    this.#ways = [];
    this.#bad = this.#clean = 0;
  }

  /** The plan from now on; the same object as before when nothing changes. */
  judge(sample: UplinkSample): UplinkPlan {
    const last = this.#last;
    this.#last = sample;
    if (!last || sample.at <= last.at || sample.bytesSent < last.bytesSent) return this.#plan;
    const sent = ((sample.bytesSent - last.bytesSent) * 8_000) / (sample.at - last.at);
    const carried = carriedBy(sample, sent);
    const queued = this.#isQueued(sample);
    const room = carried > sent * ROOM;
    const overflows = carried < AMPLE * LEAST[this.#plan.mode] && queued && sample.loss > LOSSY;
    const clear = room || (!queued && sample.loss < LOSSY);

    this.#bad = this.#isFailing(sample, carried, overflows) ? this.#bad + 1 : 0;
    this.#clean = clear && carried >= LEAST[this.#plan.mode] ? this.#clean + 1 : 0;
    if (this.#tried && sample.at - this.#since > PROVEN) this.#established();
    if (this.#bad >= BAD_SAMPLES) this.#lower(sample.at, carried);
    else if (this.#mayTry(sample.at, carried)) this.#enter(HIGHER[this.#plan.mode], sample.at, true);
    else if (this.#plan.mode === "small") this.#size(!room && (queued || sample.loss > LOSSY));
    else if (this.#plan.mode === "full") this.#furnish(carried);
    this.#judgeRed(sample, carried, queued);
    return this.#plan;
  }

  #isQueued({ at, roundTrip }: UplinkSample): boolean {
    if (roundTrip > 0) this.#ways = [...this.#ways.filter((way) => at - way.at < WAY), { at, roundTrip }];
    return roundTrip > Math.min(...this.#ways.map((way) => way.roundTrip)) + QUEUE;
  }

  #isFailing(sample: UplinkSample, carried: number, overflowing: boolean): boolean {
    const { mode, picture } = this.#plan;
    const since = sample.at - this.#since;
    if (mode === "sound" || (mode === "small" && since < SETTLE)) return false;
    const overflows = overflowing && (mode === "full" || picture <= PICTURE_LEAST);
    const trying = this.#tried && since < TRIAL;
    return overflows || (!trying && carried < LEAST[mode]);
  }

  #mayTry(at: number, carried: number): boolean {
    const { mode, picture } = this.#plan;
    if (mode === "full" || this.#clean < CLEAN_SAMPLES) return false;
    const promised = mode === "small" ? FULL_PROMISED : SMALL_PROMISED;
    if (carried < promised || (mode === "small" && picture < PICTURE_MOST)) return false;
    const news = this.#failedAt > 0 && carried > this.#failedAt * NEWS;
    return news || at - this.#since >= this.#wait;
  }

  /** The small picture's bits: a little more while the line is clear, much less as soon as it is not. */
  #size(congested: boolean): void {
    this.#sinceCut += 1;
    let { picture } = this.#plan;
    if (!congested) picture = Math.min(PICTURE_MOST, picture + PICTURE_STEP);
    else if (this.#sinceCut > PICTURE_PAUSE) {
      picture = Math.max(PICTURE_LEAST, picture * PICTURE_BACK);
      this.#sinceCut = 0;
    }
    if (picture !== this.#plan.picture) this.#plan = { ...this.#plan, picture };
  }

  #furnish(carried: number): void {
    const roomy = carried > (this.#plan.roomy ? TIGHT : ROOMY);
    if (roomy !== this.#plan.roomy) this.#plan = { ...this.#plan, roomy };
  }

  #lower(at: number, carried: number): void {
    if (this.#tried) {
      this.#failedAt = carried;
      this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    }
    this.#enter(LOWER[this.#plan.mode], at, false);
  }

  #established(): void {
    this.#tried = false;
    this.#failedAt = 0;
    this.#wait = FIRST_WAIT;
  }

  #enter(mode: UplinkMode, at: number, tried: boolean): void {
    this.#plan = { mode, picture: mode === "full" ? PICTURE_MOST : PICTURE_LEAST, roomy: false, red: this.#plan.red };
    this.#since = at;
    this.#tried = tried;
    this.#bad = this.#clean = this.#sinceCut = 0;
  }

  /** Changing it takes a negotiation: off at once where it does not fit, else not often. */
  #judgeRed(sample: UplinkSample, carried: number, queued: boolean): void {
    const lossyWay = !queued && sample.loss > (this.#plan.red ? SOME_LOSS : LOSSY_WAY);
    const red = this.#plan.mode === "full" || lossyWay || (carried > RED_LEAST && sample.loss > SOME_LOSS);
    if (red === this.#plan.red) return;
    const urgent = !red && carried <= RED_LEAST;
    if (!urgent && sample.at - this.#redSince < RED_HOLD) return;
    this.#plan = { ...this.#plan, red };
    this.#redSince = sample.at;
  }
}

/** bit/s that seem to arrive. A browser without an estimate shows by its losses alone that it sends too much. */
function carriedBy(sample: UplinkSample, sent: number): number {
  if (sample.estimate > 0) return sample.estimate;
  return sample.loss > LOSSY ? sent * (1 - sample.loss) : Infinity;
}

/** The sample in the report of the sending connection. */
export function uplinkSampleOf(reports: Iterable<Report>, at: number): UplinkSample {
  const sample: UplinkSample = { at, estimate: 0, bytesSent: 0, loss: 0, roundTrip: 0 };
  const figure = (report: Report, field: string): number =>
    typeof report[field] === "number" && Number.isFinite(report[field]) ? (report[field] as number) : 0;
  for (const report of reports) {
    if (report.type === "candidate-pair" && report.nominated === true) {
      sample.estimate = Math.max(sample.estimate, figure(report, "availableOutgoingBitrate"));
      sample.bytesSent += figure(report, "bytesSent");
    } else if (report.type === "remote-inbound-rtp" && report.kind === "audio") {
      // The last report on a picture that pauses would stand for ever; the voice's are always fresh.
      sample.loss = figure(report, "fractionLost");
      sample.roundTrip = figure(report, "roundTripTime");
    }
  }
  return sample;
}
