/** Whose picture runs behind their voice: what was lost on their line comes late, and the voice does not wait for it. */

import type { Report } from "./quality";
import type { RemoteTracks } from "./subscriber";

/** Seconds that the picture is held longer than the voice, from which on it is said, and down to which it still is. */
const SAID_FROM = 0.5;
const SAID_TO = 0.3;
/** Fewer pictures or pieces of sound between two looks say nothing about how long they were held. */
const ENOUGH = 3;

/** What a stream has counted so far: seconds in which something waited to be played, and how much was. */
interface Waited {
  seconds: number;
  played: number;
}

/** Judges a stream of getStats(), a second apart. */
export class Lips {
  #before = new Map<string, Waited>();
  #held = new Map<string, number>();
  #late: ReadonlySet<string> = new Set();

  /** The participants whose picture is late; the same object as before while they are the same. */
  judge(people: ReadonlyMap<string, RemoteTracks>, reports: Iterable<Report>): ReadonlySet<string> {
    this.#measure(reports);
    const late = [...people].filter(([who, tracks]) => this.#isLate(tracks, this.#late.has(who))).map(([who]) => who);
    if (late.length !== this.#late.size || late.some((who) => !this.#late.has(who))) this.#late = new Set(late);
    return this.#late;
  }

  #isLate({ camera, microphone }: RemoteTracks, said: boolean): boolean {
    const picture = camera && this.#held.get(camera.id);
    const voice = microphone && this.#held.get(microphone.id);
    return picture !== undefined && voice !== undefined && picture - voice > (said ? SAID_TO : SAID_FROM);
  }

  /** How long each track's content was held since the last look, in seconds, by the track's id. */
  #measure(reports: Iterable<Report>): void {
    const now = new Map<string, Waited>();
    const held = new Map<string, number>();
    for (const { type, trackIdentifier: track, jitterBufferDelay: seconds, jitterBufferEmittedCount: played } of reports) {
      if (type !== "inbound-rtp" || typeof track !== "string" || typeof seconds !== "number" || typeof played !== "number") continue;
      now.set(track, { seconds, played });
      const before = this.#before.get(track);
      const more = before ? played - before.played : 0;
      const known = more < ENOUGH ? this.#held.get(track) : (seconds - (before?.seconds ?? 0)) / more;
      if (known !== undefined) held.set(track, known);
    }
    this.#before = now;
    this.#held = held;
  }
}
