/**
 * Several video elements on one clock. The first that runs leads: the clock follows it, so that its sound is never
 * stretched. The others get a slightly other pace for small drift, a jump for large; all stop while one waits for data.
 */

/** What the clock needs to know of a video element. Times in seconds. */
export interface Follower {
  time: number;
  duration: number;
  /** It can show the present moment and the next (HTMLMediaElement readyState ≥ 3). */
  ready: boolean;
  seeking: boolean;
  /** Its playbackRate now. */
  rate: number;
}
/** What to do with it. */
export interface Command {
  seek: number | null;
  rate: number;
  play: boolean;
}

/** A correction begins at the first of these and ends at the second: nobody hears or sees less (ITU-R BT.1359: 45 ms). */
const NOTICED = 0.04;
const SETTLED = 0.012;
/** Beyond this, running faster would take too long: jump. */
const JUMP = 0.3;
/** How much the pace is changed; more could be heard. Large drift is worth more than small. */
const NUDGE_SMALL = 0.02;
const NUDGE_LARGE = 0.05;
/** A follower this close to its own end is done and holds up nobody. */
const AT_END = 0.15;

export class SyncClock {
  #time = 0;
  #at = 0;
  #speed = 1;
  #wanted = false;
  #held = false;
  duration = 0;

  /** Whether the person wants it to play; it may be waiting for data all the same. */
  get playing(): boolean {
    return this.#wanted;
  }

  /** Whether it waits for a follower. */
  get waiting(): boolean {
    return this.#wanted && this.#held;
  }

  get speed(): number {
    return this.#speed;
  }

  /** Seconds on the recording's timeline; `now` in milliseconds of any steady clock. */
  time(now: number): number {
    const running = this.#wanted && !this.#held;
    return Math.min(this.duration, this.#time + (running ? ((now - this.#at) / 1000) * this.#speed : 0));
  }

  play(now: number): void {
    if (this.time(now) >= this.duration - AT_END) this.seek(0, now);
    this.#settle(now);
    this.#wanted = true;
  }

  pause(now: number): void {
    this.#settle(now);
    this.#wanted = false;
  }

  seek(time: number, now: number): void {
    this.#time = Math.min(Math.max(0, time), this.duration);
    this.#at = now;
  }

  setSpeed(speed: number, now: number): void {
    this.#settle(now);
    this.#speed = speed;
  }

  /** Look at all followers, hold or release the clock, and say what each of them is to do. */
  tick(now: number, followers: readonly Follower[]): Command[] {
    let time = this.time(now);
    const lacking = followers.some((each) => time < each.duration - AT_END && (!each.ready || each.seeking));
    if (lacking !== this.#held) {
      this.#settle(now);
      this.#held = lacking;
    }
    if (this.#wanted && this.duration > 0 && time >= this.duration - 0.01) this.pause(now);
    const run = this.#wanted && !this.#held;
    const leader = followers.find((each) => each.ready && !each.seeking && time < each.duration - AT_END);
    if (run && leader && Math.abs(leader.time - time) <= JUMP) {
      this.seek(leader.time, now);
      time = leader.time;
    }
    return followers.map((each) => this.#follow(each, time, run));
  }

  /** Whether the end has been reached. */
  ended(now: number): boolean {
    return this.duration > 0 && this.time(now) >= this.duration - AT_END;
  }

  #follow(follower: Follower, time: number, run: boolean): Command {
    const goal = Math.min(time, follower.duration || time);
    const drift = follower.time - goal;
    const over = goal >= follower.duration - AT_END && follower.time >= follower.duration - AT_END;
    if (over) return { seek: null, rate: this.#speed, play: false };
    // A seek under way is left alone: a second one would start it from the beginning.
    if (Math.abs(drift) > JUMP) return { seek: follower.seeking ? null : goal, rate: this.#speed, play: run };
    const correcting = Math.abs(follower.rate - this.#speed) > 0.001;
    if (!run || Math.abs(drift) <= (correcting ? SETTLED : NOTICED)) return { seek: null, rate: this.#speed, play: run };
    const nudge = Math.abs(drift) > 2 * NOTICED ? NUDGE_LARGE : NUDGE_SMALL;
    return { seek: null, rate: this.#speed * (1 - Math.sign(drift) * nudge), play: run };
  }

  #settle(now: number): void {
    this.#time = this.time(now);
    this.#at = now;
  }
}
