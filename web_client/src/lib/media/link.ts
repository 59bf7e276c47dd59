/** One peer connection that heals itself: an ICE restart first, a new connection under a new session when that fails. */

import { RequestError, type Source } from "../protocol";
import { fingerprints, Serial } from "./queue";

/** `idle`: nothing to carry yet. `interrupted`: it worked before and does not now. */
export type LinkState = "idle" | "connecting" | "connected" | "interrupted" | "closed";

/** How the media plane is reached; rejects with {@link RequestError}. */
export interface Signalling {
  publish(session: string, sdp: string, sources: Record<string, Source>): Promise<string>;
  subscribe(session: string): Promise<void>;
  answer(session: string, version: number, sdp: string): Promise<void>;
  /** Whether the signalling line carries now; asks the server rather than trusting the socket's last word. */
  alive(): Promise<boolean>;
}

export interface LinkOptions {
  signalling: Signalling;
  createPeer: () => RTCPeerConnection;
  newSession: () => string;
  onState: (state: LinkState) => void;
}

/** Browsers often come back by themselves from "disconnected": wait a moment before doing anything. */
const PATIENCE = 1_500;
/** A restart or a new connection that has not connected by then is given up; the next one gets twice the time. */
const CONNECT_FIRST = 6_000;
const CONNECT_MOST = 24_000;
/** A connection that heard something within so many milliseconds is there: who sends hears feedback 20 times a second. */
const FRESH = 500;
const RETRY_FIRST = 500;
const RETRY_MOST = 4_000;

export abstract class Link {
  protected peer: RTCPeerConnection;
  protected session: string;
  /** The server's keys as first seen by this connection; other keys mean that the server forgot us. */
  protected remoteKeys = "";
  protected readonly options: LinkOptions;
  protected readonly serial = new Serial();
  #state: LinkState = "idle";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry = RETRY_FIRST;
  #limit = CONNECT_FIRST;
  #wasConnected = false;
  /** An exchange of descriptions failed and is still to come. */
  #owes = false;
  /** Our ICE credentials are others than the server was told: the next exchange is a restart. */
  #searched = false;

  constructor(options: LinkOptions) {
    this.options = options;
    this.session = options.newSession();
    this.peer = this.#newPeer();
  }

  get state(): LinkState {
    return this.#state;
  }

  get connection(): RTCPeerConnection {
    return this.peer;
  }

  /** Fill a new peer connection, before it negotiates. */
  protected abstract furnish(): void;
  /** Exchange descriptions; `restart` asks for new ICE credentials on the same DTLS association. Runs inside `serial`. */
  protected abstract negotiate(restart: boolean): Promise<void>;

  /** The state is another. */
  protected entered(): void {
    // Nothing, unless a kind of link has something to do about it.
  }

  /** First connection. */
  start(): Promise<void> {
    return this.serial.run(async () => {
      this.furnish();
      await this.#attempt(false);
    });
  }

  /**
   * The signalling line is back, or the network changed: find the server again, keeping the session. What found it already
   * and owes nothing is left alone, for a restart would take it away for a moment.
   */
  resume(): Promise<void> {
    return this.serial.run(async () => {
      if (this.#owes || !(await carries(this.peer))) await this.#attempt(true);
    });
  }

  /** The server lost this session: begin anew. */
  rebuild(): Promise<void> {
    return this.serial.run(() => this.#rebuild());
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#enter("closed");
    this.#drop(this.peer);
  }

  /** Compare the server's keys with those seen first; throws when this connection cannot go on. */
  protected admit(sdp: string): void {
    const keys = fingerprints(sdp);
    if (this.remoteKeys && keys && keys !== this.remoteKeys) throw new ForgottenError();
    this.remoteKeys = keys;
  }

  /** Negotiate again because of what we send or receive; heals as usual when it fails. */
  protected renegotiate(): Promise<void> {
    return this.serial.run(() => this.#attempt(false));
  }

  /** Descriptions were exchanged: from now on the transport must come up within the limit. */
  protected expectConnected(): void {
    if (this.#state === "closed") return;
    if (this.peer.connectionState === "connected") return this.#connected();
    this.#enter(this.#wasConnected ? "interrupted" : "connecting");
    this.#arm(this.#limit, () => {
      this.#limit = Math.min(this.#limit * 2, CONNECT_MOST); // a slow line or device must not be cut short each time
      void this.#heal(true);
    });
  }

  /** What a failed exchange leads to: waiting for the line, or a new connection. */
  protected recover(error: unknown): void {
    if (this.#state === "closed") return;
    this.#owes = true;
    const lineDown = error instanceof RequestError && ["offline", "timeout", "signed-out", "media-down"].includes(error.code);
    if (!(error instanceof ForgottenError) && !lineDown) console.warn("media negotiation failed:", error);
    if (this.#wasConnected && this.peer.connectionState !== "connected") this.#enter("interrupted");
    const delay = error instanceof ForgottenError ? 0 : this.#retry;
    this.#retry = Math.min(this.#retry * 2, RETRY_MOST);
    this.#arm(delay, () => void this.#heal(!lineDown));
  }

  async #attempt(restart: boolean): Promise<void> {
    if (this.#state === "closed") return;
    try {
      await this.negotiate(restart || this.#searched);
      this.#owes = this.#searched = false;
    } catch (error) {
      this.recover(error);
    }
  }

  async #rebuild(): Promise<void> {
    if (this.#state === "closed") return;
    this.#drop(this.peer);
    this.session = this.options.newSession();
    this.remoteKeys = "";
    this.#searched = false;
    this.peer = this.#newPeer();
    this.#enter(this.#wasConnected ? "interrupted" : "connecting");
    this.furnish();
    await this.#attempt(false);
  }

  async #heal(anew: boolean): Promise<void> {
    if (this.#state === "closed") return;
    if (!(await this.options.signalling.alive())) return this.#search();
    await this.serial.run(() => (anew ? this.#rebuild() : this.#attempt(true)));
  }

  /**
   * Without a signalling line nothing can be agreed; `resume()` follows when it is back. Until then checks keep going out, so
   * that media flows from the moment in which the network is back: left alone, a browser stops them after 30 s, and fails
   * again each time, which leads here again. This is an ICE restart of our side alone, with what the server said last for its
   * answer: being ICE-lite (RFC 8445 §2.5) it knows checks by its own credentials, whichever of ours they carry.
   */
  async #search(): Promise<void> {
    const { peer } = this;
    const known = peer.currentRemoteDescription?.sdp;
    if (this.#state !== "interrupted" || peer.connectionState !== "failed" || !known) return;
    try {
      await this.serial.run(async () => {
        this.#searched = true;
        peer.restartIce();
        await peer.setLocalDescription(await peer.createOffer());
        // What was an offer becomes an answer: the end that waited for DTLS goes on waiting (RFC 8842 §5).
        await peer.setRemoteDescription({ type: "answer", sdp: known.replaceAll("a=setup:actpass", "a=setup:passive") });
      });
    } catch (error) {
      console.debug("cannot look for the server without asking it:", error); // then it waits for the signalling line
    }
  }

  #newPeer(): RTCPeerConnection {
    const peer = this.options.createPeer();
    peer.onconnectionstatechange = () => {
      if (peer !== this.peer || this.#state === "closed") return;
      switch (peer.connectionState) {
        case "connected":
          this.#connected();
          break;
        case "disconnected":
          this.#enter("interrupted");
          this.#arm(PATIENCE, () => void this.#heal(false));
          break;
        case "failed":
          this.#enter("interrupted");
          this.#arm(0, () => void this.#heal(false));
          break;
      }
    };
    return peer;
  }

  #connected(): void {
    clearTimeout(this.#timer);
    this.#retry = RETRY_FIRST;
    this.#limit = CONNECT_FIRST;
    this.#wasConnected = true;
    this.#enter("connected");
  }

  #arm(delay: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delay);
  }

  #drop(peer: RTCPeerConnection): void {
    peer.onconnectionstatechange = null;
    peer.ontrack = null;
    peer.close();
  }

  #enter(state: LinkState): void {
    if (state === this.#state || this.#state === "closed") return;
    this.#state = state;
    this.entered();
    this.options.onState(state);
  }
}

/** Whether packets come over a connection now; no where the browser does not tell when the last one came. */
async function carries(peer: RTCPeerConnection): Promise<boolean> {
  if (peer.connectionState !== "connected") return false;
  // A path that was just found again may carry before it is nominated.
  const pairs = [...(await peer.getStats()).values()].filter(({ type }) => type === "candidate-pair");
  return pairs.some(({ timestamp, lastPacketReceivedTimestamp: last }) => typeof last === "number" && timestamp - last < FRESH);
}

/** The server answered with other keys: it no longer knows this session. */
export class ForgottenError extends Error {
  constructor() {
    super("the media server began anew");
    this.name = "ForgottenError";
  }
}
