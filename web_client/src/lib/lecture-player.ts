/** What the player of a lecture is and should do, decided from plain figures: no element, no clock, no network. */
import type { LectureStatus } from "./lecture-types";

export type PlayerState = "loading" | "live" | "replay" | "ended";
/** `slides`: whatever is shown beside the speaker, and the sound; `sound`: nothing else. */
export type Quality = "auto" | "high" | "low" | "slides" | "sound";
export const QUALITIES: readonly Quality[] = ["auto", "high", "low", "slides", "sound"];

export interface Facts {
  status: LectureStatus;
  /** Something of it has been shown. */
  ready: boolean;
  /** A replay was played to its end. */
  ended: boolean;
}

/** `live` while it runs, `replay` from the moment it is over. */
export function stateOf({ status, ready, ended }: Facts): PlayerState {
  if (!ready || status === "planned" || status === "cancelled") return "loading";
  if (status === "in-progress") return "live";
  return ended ? "ended" : "replay";
}

export type Cover = "none" | "before" | "soon" | "cancelled" | "opening" | "away" | "lost" | "waiting" | "nothing" | "over";

export interface Situation extends Facts {
  /** Seconds until it is planned to begin; negative afterwards. */
  startsIn: number;
  /** Seconds since the presenters' line was lost; 0 while they are there, and for whoever looks at what was before. */
  awayFor: number;
  /** The element waits for data, for this many seconds. */
  waitingFor: number;
  /** Our own connection to the server is down. */
  lineDown: boolean;
  /** It is over, and nothing was recorded. */
  empty: boolean;
  /** It ended while being watched, and was watched to its end. */
  rolled: boolean;
}

/** A pause that the eye hardly notices is not worth a word. */
const NOTICED = 1.2;
/** Seconds after which the live picture shows what the socket has told. */
const SEEN_LATER = 2;

/** What stands over the picture instead of it: never an error while it can still come back by itself. */
export function coverOf(now: Situation): Cover {
  if (now.status === "cancelled") return "cancelled";
  if (now.status === "planned") return now.startsIn > 0 ? "before" : "soon";
  if (now.status === "completed" && now.empty) return "nothing";
  const stalled = !now.ready || now.waitingFor > NOTICED;
  // What is recorded meanwhile is black and silent: said as soon as it is seen, which is a moment after it happened.
  const away = now.awayFor > 0 && (stalled || now.awayFor > SEEN_LATER);
  if (now.status === "in-progress" && (stalled || away)) {
    if (away) return "away";
    if (now.lineDown) return "lost";
    return now.ready ? "waiting" : "opening";
  }
  if (!now.ready) return "opening";
  if (now.waitingFor > NOTICED) return now.lineDown ? "lost" : "waiting";
  return now.rolled ? "over" : "none";
}

/** Seconds behind the edge up to which one is "live". */
const NEAR = 5;
export function isNear(behind: number): boolean {
  return behind <= NEAR;
}

/** A stall in which the edge has gone on by this many seconds is not waited out: what was missed can be scrubbed back to. */
const GIVE_UP_AFTER = 4;
/** Short stalls may add up to this many seconds; fewer are made up for by playing faster, which goes on at the same time. */
const FALLEN_BEHIND = 6.5;
/** Whether to jump to the edge: who wants what is live is further behind than can be made up for. */
export function shouldJump({ waitingFor, behind, follows }: { waitingFor: number; behind: number; follows: boolean }): boolean {
  if (!follows) return false;
  return waitingFor > 0 ? waitingFor >= GIVE_UP_AFTER && behind > GIVE_UP_AFTER : behind > FALLEN_BEHIND;
}

export interface Follow {
  seek: number | null;
  rate: number;
}
/** Lips may be off by this much, in seconds (ITU-R BT.1359). */
const NOTICEABLE = 0.045;
const JUMP = 0.6;
/** How another picture keeps up with the one that leads: a slightly other pace for small drift, a jump for large. */
export function follow(leader: number, rate: number, follower: number): Follow {
  const drift = follower - leader;
  if (Math.abs(drift) > JUMP) return { seek: leader + 0.1, rate };
  if (Math.abs(drift) < NOTICEABLE) return { seek: null, rate };
  return { seek: null, rate: rate * (1 - Math.max(-0.08, Math.min(0.08, drift / 2))) };
}

/** Stalls within so many ms count together: after two the smallest picture is taken, after two more the sound alone. */
const TOGETHER = 20_000;
/** So long a step takes until it can be seen to help: what was under way in the large picture comes first. */
const SETTLES = 8_000;
const FIRST_REST = 30_000;
const LONGEST_REST = 240_000;
/** Seconds of waiting that are a stall, and how far the edge is gone by then: else the next part is merely late. */
const STALLED = 1;
/** A stall that goes on counts once more after each so many ms. */
const GOES_ON = 3_000;

export interface Waiting {
  /** Seconds for which nothing has moved. */
  waitingFor: number;
  /** Seconds behind where a viewer of what is live should be. */
  behind: number;
  /** Nothing smaller with a picture is left to take. */
  lowest: boolean;
  /** The wait has another cause than a thin line: presenters or server are away, or the line was measured to be ample. */
  excused: boolean;
}

/**
 * Decides when a line that stalls is spared the large picture, then any picture, and when more is tried again: a net
 * below the player's own choice, which knows no sound alone and needs some seconds to measure. Times in ms.
 */
export class ThinLine {
  #stalls: number[] = [];
  #counted = -Infinity;
  #rest = FIRST_REST;
  #since = 0;
  #step: "all" | "small" | "none" = "all";

  /** Whether only the smallest picture is to be taken now, if any. */
  get small(): boolean {
    return this.#step !== "all";
  }

  /** Whether the picture is left out now. */
  get sparing(): boolean {
    return this.#step === "none";
  }

  /** Look at how it plays, often. */
  look(now: number, { waitingFor, behind, lowest, excused }: Waiting): void {
    if (waitingFor <= STALLED) this.#counted = -Infinity;
    // What was missed meanwhile has to come first, too.
    else if (excused) this.#counted = now;
    else if (now - this.#counted > GOES_ON && behind > STALLED) {
      this.#counted = now;
      this.#stalled(now, lowest);
    }
  }

  /** Look at the clock; true when it is time to try more. */
  retry(now: number): boolean {
    if (this.#step === "all" || now - this.#since < this.#rest) return false;
    this.#step = this.sparing ? "small" : "all";
    this.#since = now;
    this.#stalls = [];
    this.#rest = Math.min(this.#rest * 2, LONGEST_REST);
    return true;
  }

  /** The person chose for themselves. */
  reset(): void {
    this.#step = "all";
    this.#stalls = [];
    this.#rest = FIRST_REST;
  }

  #stalled(now: number, lowest: boolean): void {
    if (this.sparing || (this.small && now - this.#since < SETTLES)) return;
    this.#stalls = [...this.#stalls.filter((at) => now - at < TOGETHER), now];
    if (this.#stalls.length < 2) return;
    this.#step = lowest || this.small ? "none" : "small";
    this.#since = now;
    this.#stalls = [];
  }
}

/** So long nothing is shown before the small picture is tried: who comes on stage is awaited three seconds ahead, with nothing to see. */
const MISSED = 4_000;
const FIRST_TRIAL = 12_000;
const LONGEST_TRIAL = 120_000;

/**
 * Decides when the small picture stands in for the large one: a sender on a thin line, or with a slow processor, sends the small
 * one alone, and the large one is empty meanwhile. Nobody tells when it is back: it is tried now and then. Times in ms.
 */
export class SmallInstead {
  #missing: number | null = null;
  #since: number | null = null;
  #trial = FIRST_TRIAL;

  /** What is shown now is `empty`; it is the `smallest` there is. Returns whether to hold to the smallest. */
  look(now: number, empty: boolean, smallest: boolean): boolean {
    this.#missing = empty ? (this.#missing ?? now) : null;
    const missed = this.#missing !== null && now - this.#missing >= MISSED;
    if (this.#since === null) {
      if (missed && !smallest) this.#since = now;
    } else if (now - this.#since >= this.#trial) {
      this.#since = this.#missing = null;
      this.#trial = Math.min(this.#trial * 2, LONGEST_TRIAL);
    }
    return this.#since !== null;
  }
}

/** Of the renditions, given by their heights, the index to hold to; -1 lets the player choose. Of equal ones it is the
 * first: the same pictures may be listed again with another sound. */
export function levelFor(quality: Quality, heights: readonly number[]): number {
  if ((quality !== "high" && quality !== "low") || differing(heights) < 2) return -1;
  return heights.indexOf(quality === "low" ? Math.min(...heights) : Math.max(...heights));
}

/** How many of the renditions one can tell apart. */
export function differing(heights: readonly number[]): number {
  return new Set(heights).size;
}
