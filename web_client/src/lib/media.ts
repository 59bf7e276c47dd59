/** The media of one room as one object: what we send, what we receive, how well it goes, and how it heals. */

import type { Events, IceServer, VideoCodec } from "./protocol";
import type { LinkState, Signalling } from "./media/link";
import { Publisher } from "./media/publisher";
import { Hold } from "./media/buffer";
import { Lips } from "./media/lips";
import { EMPTY_SAMPLE, LineMeter, sampleOf, type LineQuality, type LineSample, type Report } from "./media/quality";
import { Subscriber, type RemoteTracks } from "./media/subscriber";
import { Uplink, uplinkSampleOf, type UplinkMode } from "./media/uplink";

export { browserCodecs } from "./media/codecs";
export type { LineQuality, LineSample, RemoteTracks, Signalling, UplinkMode };

/** `connecting` until the first time all is well; `reconnecting` whenever it was and is not. */
export type MediaState = "connecting" | "connected" | "reconnecting";

export interface RoomMediaOptions {
  signalling: Signalling;
  codec: VideoCodec;
  iceServers?: IceServer[];
  /** Send the camera a second time in a quarter of the size; default on. */
  lowCamera?: boolean;
  /** Send sound also while nobody speaks; default off. */
  steadySound?: boolean;
  onState: (state: MediaState) => void;
  onTracks: (tracks: Map<string, RemoteTracks>) => void;
  onLine: (quality: LineQuality, sample: LineSample) => void;
  /** The participants whose picture runs behind their voice are others than before. */
  onLate?: (participants: ReadonlySet<string>) => void;
  /** What our line carries upwards changed, and with it what is sent. */
  onUplink: (mode: UplinkMode) => void;
  createPeer?: (configuration: RTCConfiguration) => RTCPeerConnection;
  newSession?: () => string;
}

const SAMPLE_EVERY = 1_000;

export class RoomMedia {
  readonly #options: RoomMediaOptions;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #meter = new LineMeter();
  readonly #uplink = new Uplink();
  #sending: RTCPeerConnection | null = null;
  #state: MediaState = "connecting";
  #sampler: ReturnType<typeof setInterval> | undefined;
  #sampling = false;
  #closed = false;
  #sample = EMPTY_SAMPLE;
  readonly #hold = new Hold();
  readonly #lips = new Lips();
  #received: ReadonlyMap<string, RemoteTracks> = new Map();
  #late: ReadonlySet<string> = new Set();
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
    this.#publisher = new Publisher({ ...shared, codec: options.codec, lowCamera: options.lowCamera ?? true, steadySound: options.steadySound ?? false });
    const onTracks = (tracks: Map<string, RemoteTracks>): void => options.onTracks((this.#received = tracks));
    this.#subscriber = new Subscriber({ ...shared, onTracks });
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
      const peers = [this.#publisher.connection, this.#subscriber.connection];
      const [up = [], down = []] = await Promise.all(peers.map(reportsOf));
      const now = performance.now();
      this.#sample = sampleOf([...up, ...down], now);
      this.#subscriber.hold(this.#hold.judge(this.#sample));
      const late = this.#lips.judge(this.#received, down);
      if (late !== this.#late) this.#options.onLate?.((this.#late = late));
      this.#options.onLine(this.#meter.judge(this.#sample, this.#state !== "reconnecting"), this.#sample);
      if (this.#publisher.state === "connected") await this.#adapt(up, now);
    } catch (error) {
      console.debug("no figures of the line:", error); // the connection was replaced meanwhile
    } finally {
      this.#sampling = false;
    }
  }

  /** Send what the line carries. */
  async #adapt(reports: Report[], now: number): Promise<void> {
    if (this.#sending !== this.#publisher.connection) this.#uplink.restart();
    this.#sending = this.#publisher.connection;
    const before = this.#uplink.plan;
    const plan = this.#uplink.judge(uplinkSampleOf(reports, now));
    if (plan === before) return;
    if (plan.mode !== before.mode) this.#options.onUplink(plan.mode);
    await this.#publisher.setPlan(plan);
  }
}

async function reportsOf(peer: RTCPeerConnection): Promise<Report[]> {
  return peer.connectionState === "closed" ? [] : [...(await peer.getStats()).values()];
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
