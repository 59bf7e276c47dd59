/** The media of one room as one object: what we send, what we receive, how well it goes, and how it heals. */

import type { Events, IceServer, VideoCodec } from "./protocol";
import type { LinkState, Signalling } from "./media/link";
import { Publisher } from "./media/publisher";
import { EMPTY_SAMPLE, LineMeter, sampleOf, type LineQuality, type LineSample } from "./media/quality";
import { Subscriber, type RemoteTracks } from "./media/subscriber";

export { browserCodecs } from "./media/codecs";
export type { LineQuality, LineSample, RemoteTracks, Signalling };

/** `connecting` until the first time all is well; `reconnecting` whenever it was and is not. */
export type MediaState = "connecting" | "connected" | "reconnecting";

export interface RoomMediaOptions {
  signalling: Signalling;
  codec: VideoCodec;
  iceServers?: IceServer[];
  /** Send the camera a second time in a quarter of the size; default on. */
  lowCamera?: boolean;
  onState: (state: MediaState) => void;
  onTracks: (tracks: Map<string, RemoteTracks>) => void;
  onLine: (quality: LineQuality, sample: LineSample) => void;
  createPeer?: (configuration: RTCConfiguration) => RTCPeerConnection;
  newSession?: () => string;
}

const SAMPLE_EVERY = 2_000;

export class RoomMedia {
  readonly #options: RoomMediaOptions;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #meter = new LineMeter();
  #state: MediaState = "connecting";
  #sampler: ReturnType<typeof setInterval> | undefined;
  #sampling = false;
  #closed = false;
  #sample = EMPTY_SAMPLE;
  #servers: IceServer[];

  constructor(options: RoomMediaOptions) {
    this.#options = options;
    this.#servers = options.iceServers ?? [];
    const shared = {
      signalling: options.signalling,
      createPeer: () => (options.createPeer ?? ((wanted) => new RTCPeerConnection(wanted)))(configuration(this.#servers)),
      newSession: options.newSession ?? randomName,
      onState: () => this.#update(),
    };
    this.#publisher = new Publisher({ ...shared, codec: options.codec, lowCamera: options.lowCamera ?? true });
    this.#subscriber = new Subscriber({ ...shared, onTracks: options.onTracks });
  }

  get state(): MediaState {
    return this.#state;
  }

  /** Connect both ways. Tracks set before go out with the first packets; null ones can follow later at no cost. */
  async start(): Promise<void> {
    this.#sampler = setInterval(() => void this.#measure(), SAMPLE_EVERY);
    await Promise.all([this.#publisher.start(), this.#subscriber.start()]);
  }

  setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    return this.#publisher.setMicrophone(track);
  }

  setCamera(track: MediaStreamTrack | null): Promise<void> {
    return this.#publisher.setCamera(track);
  }

  setScreen(track: MediaStreamTrack | null): Promise<void> {
    return this.#publisher.setScreen(track);
  }

  setCodec(codec: VideoCodec): Promise<void> {
    return this.#publisher.setCodec(codec);
  }

  /** Passwords of a TURN server end: the newest ones are used from the next restart on. */
  setServers(servers: IceServer[]): void {
    this.#servers = servers;
    for (const { connection } of [this.#publisher, this.#subscriber]) {
      if (connection.connectionState !== "closed") connection.setConfiguration(configuration(servers));
    }
  }

  /** The server's `media.offer`. */
  offer(offer: Events["media.offer"]): void {
    this.#subscriber.offer(offer);
  }

  /** The signalling line is back (and the room joined again), or the network changed. */
  async resume(): Promise<void> {
    await Promise.all([this.#publisher.resume(), this.#subscriber.resume()]);
  }

  /** The server's `media.lost`: the media plane started anew and knows nothing of us. */
  async rebuild(): Promise<void> {
    await Promise.all([this.#publisher.rebuild(), this.#subscriber.rebuild()]);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sampler);
    this.#publisher.close();
    this.#subscriber.close();
  }

  #update(): void {
    const up = this.#publisher.state;
    const down = this.#subscriber.state;
    // Alone in the room there is nothing to receive, and that is well.
    const well = up === "connected" && (down === "connected" || down === "idle");
    const next: MediaState = well ? "connected" : this.#state === "connecting" ? "connecting" : wasWell(up, down);
    if (next === this.#state || this.#closed) return;
    this.#state = next;
    this.#options.onState(next);
  }

  async #measure(): Promise<void> {
    if (this.#sampling || this.#closed) return;
    this.#sampling = true;
    try {
      const peers = [this.#publisher.connection, this.#subscriber.connection].filter((peer) => peer.connectionState !== "closed");
      const reports = await Promise.all(peers.map((peer) => peer.getStats()));
      this.#sample = sampleOf(
        reports.flatMap((report) => [...report.values()]),
        performance.now(),
      );
      this.#options.onLine(this.#meter.judge(this.#sample, this.#state !== "reconnecting"), this.#sample);
    } catch (error) {
      console.debug("no figures of the line:", error); // the connection was replaced meanwhile
    } finally {
      this.#sampling = false;
    }
  }
}

function configuration(servers: IceServer[]): RTCConfiguration {
  const iceServers = servers.map(({ urls, username, credential }) => ({
    urls,
    ...(username === null ? {} : { username }),
    ...(credential === null ? {} : { credential }),
  }));
  return { bundlePolicy: "max-bundle", iceServers };
}

/** A first subscription that is still connecting, as when the other person arrives, is no interruption. */
function wasWell(up: LinkState, down: LinkState): MediaState {
  return up === "connected" && down === "connecting" ? "connected" : "reconnecting";
}

/** 128 random bits; `crypto.randomUUID` is missing on pages without HTTPS. */
function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
