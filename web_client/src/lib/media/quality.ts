/** How good the line is, in words, from two samples of getStats(): good, weak or lost. */

export type LineQuality = "good" | "weak" | "lost";

/** Counters of one moment, summed over all streams; times in seconds, `at` in milliseconds. */
export interface LineSample {
  at: number;
  /** RTP packets received and found missing, both ever growing; whether they were lost on our line is not known here. */
  received: number;
  missing: number;
  bytesSent: number;
  /** Answers to ICE checks, over both connections: the sign of life of a line on which nobody speaks. */
  checksAnswered: number;
  /** Bytes of whatever kind that came over both connections. */
  heard: number;
  /** The share of our packets that the server missed in its last report, 0 to 1. */
  lossUp: number;
  roundTrip: number;
}

export const EMPTY_SAMPLE: LineSample = {
  at: 0, received: 0, missing: 0, bytesSent: 0, checksAnswered: 0, heard: 0, lossUp: 0, roundTrip: 0,
}; // prettier-ignore

const WEAK_LOSS = 0.04;
const WEAK_ROUND_TRIP = 0.5;
/** Browsers check ICE consent every 5 s or so (RFC 7675 §5.1): silence below this says nothing. */
const LOST_AFTER = 7_000;
/** While we send, the server's feedback comes many times a second: a shorter silence is already the line's. */
const LOST_UNANSWERED = 3_000;
/** A line is called good again only after this many good samples, so that the words do not flicker. */
const GOOD_SAMPLES = 5;

/** Judges a stream of samples; remembers what it needs between them. */
export class LineMeter {
  #last: LineSample | null = null;
  #lifeAt = 0;
  #sentThen = 0;
  #goodInRow = 0;
  #verdict: LineQuality = "good";

  /** `connected`: whether the browser itself still believes in the connection. */
  judge(sample: LineSample, connected: boolean): LineQuality {
    const last = this.#last;
    this.#last = sample;
    const known = last !== null && sample.at > last.at;
    // Counters start again from zero after a rebuild: that is a sign of life too.
    if (!known || sample.received !== last.received || sample.checksAnswered !== last.checksAnswered || sample.heard !== last.heard) {
      this.#lifeAt = sample.at;
      this.#sentThen = sample.bytesSent;
    }
    if (!known) return this.#verdict;
    const patience = sample.bytesSent > this.#sentThen ? LOST_UNANSWERED : LOST_AFTER;
    if (!connected || sample.at - this.#lifeAt > patience) return this.#say("lost");
    return this.#say(isWeak(sample) ? "weak" : "good");
  }

  #say(quality: LineQuality): LineQuality {
    this.#goodInRow = quality === "good" ? this.#goodInRow + 1 : 0;
    if (quality !== "good" || this.#goodInRow >= GOOD_SAMPLES || this.#verdict === "lost") this.#verdict = quality;
    return this.#verdict;
  }
}

/** What we miss, or see stand still, may have been lost on the other's line: of that the server tells. */
function isWeak(sample: LineSample): boolean {
  return sample.lossUp > WEAK_LOSS || sample.roundTrip > WEAK_ROUND_TRIP;
}

/** One entry of getStats(). */
export type Report = Record<string, unknown> & { type: string };

/** Sum the reports of all peer connections into one sample; fields that a browser does not have count as zero. */
export function sampleOf(reports: Iterable<Report>, at: number): LineSample {
  const sample = { ...EMPTY_SAMPLE, at };
  const figure = (report: Report, field: string): number =>
    typeof report[field] === "number" && Number.isFinite(report[field]) ? (report[field] as number) : 0;
  for (const report of reports) {
    if (report.type === "inbound-rtp") {
      sample.received += figure(report, "packetsReceived");
      sample.missing += Math.max(0, figure(report, "packetsLost"));
    } else if (report.type === "outbound-rtp") {
      sample.bytesSent += figure(report, "bytesSent");
    } else if (report.type === "remote-inbound-rtp") {
      sample.lossUp = Math.max(sample.lossUp, figure(report, "fractionLost"));
      sample.roundTrip = Math.max(sample.roundTrip, figure(report, "roundTripTime"));
    } else if (report.type === "candidate-pair" && report.nominated === true) {
      sample.checksAnswered += figure(report, "responsesReceived");
      sample.heard += figure(report, "bytesReceived");
      sample.roundTrip = Math.max(sample.roundTrip, figure(report, "currentRoundTripTime"));
    }
  }
  return sample;
}
