/** Order for one peer connection: jobs run one after the other, and only the newest offer of a server is answered. */

/** Runs async jobs strictly one after the other; a failing job does not stop the next. */
export class Serial {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(job, job);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

/** What orders offers: the session they belong to and their number in it. */
export interface Versioned {
  session: string;
  version: number;
}

/**
 * Keeps at most one waiting offer. An offer of another session, or one not newer than the last taken, is stale:
 * each offer describes the whole connection, so an older one never has to be answered once a newer one is here.
 */
export class OfferQueue<O extends Versioned> {
  #session = "";
  #taken = -1;
  #waiting: O | null = null;

  /** Begin a new session: all that came before is stale. */
  begin(session: string): void {
    this.#session = session;
    this.#taken = -1;
    this.#waiting = null;
  }

  /** Returns whether the offer is news. */
  put(offer: O): boolean {
    if (offer.session !== this.#session || offer.version <= this.#taken) return false;
    if (this.#waiting && offer.version <= this.#waiting.version) return false;
    this.#waiting = offer;
    return true;
  }

  /** The offer to answer now, or null. */
  take(): O | null {
    const offer = this.#waiting;
    this.#waiting = null;
    if (offer) this.#taken = offer.version;
    return offer;
  }

  /** Whether an answer to this offer is still wanted: no newer one has come, the session is the same. */
  isCurrent(offer: O): boolean {
    return offer.session === this.#session && offer.version === this.#taken && this.#waiting === null;
  }
}

/**
 * The DTLS fingerprints in a description (RFC 8122 §5). A server that lost the session answers with other keys: then the
 * association cannot go on and the connection must be rebuilt.
 */
export function fingerprints(sdp: string): string {
  const found = sdp.match(/^a=fingerprint:.*$/gim) ?? [];
  return [...new Set(found.map((line) => line.trim().toLowerCase()))].sort().join("|");
}
