/** The connection that carries what we send: microphone, camera in two sizes, shared screen. We offer, the server answers. */

import type { Source, VideoCodec } from "../protocol";
import { preferCodec, preferRed } from "./codecs";
import { Link, type LinkOptions } from "./link";
import { Serial } from "./queue";
import { PICTURE_MOST, type UplinkPlan } from "./uplink";

export interface PublisherOptions extends LinkOptions {
  codec: VideoCodec;
  /** Send the camera a second time, small, for receivers on thin lines. */
  lowCamera: boolean;
  /** No pauses in the sound (DTX): a recorder that is watched live would wait for what comes after them. */
  steadySound: boolean;
}

type PublishedSource = Exclude<Source, "screen-audio">;
type Tracks = Record<"microphone" | "camera" | "screen", MediaStreamTrack | null>;

/**
 * The small picture is one that a thin line carries: few frames of full size rather than many tiny ones. Beside the large one it
 * gets the larger share of a scarce line (WebRTC-priority §4.1): it is what everybody on such a line sees.
 */
const ENCODINGS: Record<PublishedSource, RTCRtpEncodingParameters> = {
  microphone: { maxBitrate: 20_000, priority: "high", networkPriority: "high" },
  camera: { maxBitrate: 1_500_000, priority: "low" },
  "camera-low": { maxBitrate: PICTURE_MOST, maxFramerate: 15, scaleResolutionDownBy: 4, priority: "high" },
  screen: { maxBitrate: 2_500_000, maxFramerate: 15, priority: "medium" },
};
/** kbit/s, above all that a page sends. */
const CEILING = 5_000;
/** Speech stays clear at 20 kbit/s; with 26 of headers and the feedback it passes a receiver's line of 60. Ours needs a little less. */
const LEAN_SOUND = 16_000;
type DegradationPreference = "balanced" | "maintain-framerate" | "maintain-resolution";

/**
 * What a picture gives up first. A screen keeps its letters legible, the small picture its size. The large one loses both in
 * turn on a narrow line; Chromium regains them one step in some seconds, but all at once when it may leave "balanced".
 */
function degradation(source: PublishedSource, { roomy }: UplinkPlan): DegradationPreference {
  if (source !== "camera") return "maintain-resolution";
  return roomy ? "maintain-framerate" : "balanced";
}

/**
 * What of a source is sent by a plan; a shared screen comes before cameras. A line that is gone is told no words: Chromium keeps
 * every packet of them, and after a minute it sends a minute of old sound before the first picture.
 */
export function encodingOf(
  source: PublishedSource,
  { mode, picture }: UplinkPlan,
  { sharing = false, gone = false }: { sharing?: boolean; gone?: boolean },
): RTCRtpEncodingParameters {
  const usual = ENCODINGS[source];
  if (source === "microphone") return { ...usual, active: !gone, ...(mode === "full" ? {} : { maxBitrate: LEAN_SOUND }) };
  if (mode === "full") return { ...usual, active: true };
  if (mode === "sound") return { ...usual, active: false };
  if (source === "screen") return { ...usual, active: true, maxBitrate: picture, maxFramerate: 5 };
  return { ...usual, active: source === "camera-low" && !sharing, ...(source === "camera-low" ? { maxBitrate: picture } : {}) };
}

export class Publisher extends Link {
  #codec: VideoCodec;
  readonly #lowCamera: boolean;
  readonly #steadySound: boolean;
  /** Parameters are read and written back: one change at a time. */
  readonly #tuning = new Serial();
  #tracks: Tracks = { microphone: null, camera: null, screen: null };
  #transceivers = new Map<PublishedSource, RTCRtpTransceiver>();
  #plan: UplinkPlan = { mode: "full", picture: PICTURE_MOST, roomy: false, red: true };
  /** A track of its own for the small picture: what one sender does to the size of a track, others that share it get too. */
  #small: MediaStreamTrack | null = null;
  /** kbit/s that the server is said to take; see {@link Publisher.#probe}. */
  #ceiling = CEILING;

  constructor(options: PublisherOptions) {
    super(options);
    this.#codec = options.codec;
    this.#lowCamera = options.lowCamera;
    this.#steadySound = options.steadySound;
  }

  /** Swap what a source sends, or send nothing; no negotiation is needed once the transceiver stands. */
  setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    this.#tracks.microphone = track;
    return this.serial.run(() => this.#replace("microphone", track));
  }

  setCamera(track: MediaStreamTrack | null): Promise<void> {
    this.#tracks.camera = track;
    return this.serial.run(async () => {
      await this.#replace("camera", track);
      const old = this.#small;
      this.#small = this.#lowCamera ? (track?.clone() ?? null) : null;
      await this.#replace("camera-low", this.#small);
      old?.stop();
    });
  }

  /** Begin or end the shared screen: its m-line opens and closes with it. */
  async setScreen(track: MediaStreamTrack | null): Promise<void> {
    this.#tracks.screen = track;
    const transceiver = this.#transceivers.get("screen");
    if (!transceiver && !track) return;
    if (transceiver) {
      await this.#replace("screen", track);
      transceiver.direction = track ? "sendonly" : "inactive";
    } else {
      this.#add("screen", track);
    }
    await this.serial.run(() => this.#applyPlan());
    await this.renegotiate();
  }

  /** Send what the line carries. Pictures stop and begin without a negotiation; redundant sound takes one. */
  async setPlan(plan: UplinkPlan): Promise<void> {
    const { mode, red } = this.#plan;
    this.#plan = plan;
    await this.serial.run(() => this.#applyPlan());
    if (plan.red !== red) {
      const microphone = this.#transceivers.get("microphone");
      if (microphone) preferRed(microphone, plan.red);
      await this.renegotiate();
    }
    if (plan.mode === "full" && mode !== "full") await this.serial.run(() => this.#probe());
  }

  /** The room changes its codec, as when someone joins who cannot decode the present one. */
  async setCodec(codec: VideoCodec): Promise<void> {
    if (codec === this.#codec) return;
    this.#codec = codec;
    for (const [source, transceiver] of this.#transceivers) {
      if (source !== "microphone") preferCodec(transceiver, codec);
    }
    await this.renegotiate();
  }

  override close(): void {
    super.close();
    this.#small?.stop();
    this.#small = null;
  }

  protected override furnish(): void {
    this.#transceivers.clear();
    this.#add("microphone", this.#tracks.microphone);
    this.#add("camera", this.#tracks.camera);
    if (this.#lowCamera) this.#add("camera-low", this.#small);
    if (this.#tracks.screen) this.#add("screen", this.#tracks.screen);
  }

  protected override entered(): void {
    const microphone = this.#transceivers.get("microphone");
    // Not in its turn: an exchange that waits for the server must not keep the voice waiting.
    if (microphone) void this.#tune("microphone", microphone.sender);
  }

  protected override async negotiate(restart: boolean): Promise<void> {
    if (restart) this.peer.restartIce();
    // The server is ICE-lite and learns our addresses from our checks: no need to wait for candidates (RFC 8445 §2.5).
    await this.peer.setLocalDescription(await this.peer.createOffer());
    const offer = this.peer.localDescription?.sdp ?? "";
    const said = await this.options.signalling.publish(this.session, offer, this.#sources());
    const answer = this.#steadySound ? withoutPauses(said) : said;
    if (this.peer.signalingState === "closed") return;
    this.admit(answer);
    await this.peer.setRemoteDescription({ type: "answer", sdp: withCeiling(answer, this.#ceiling) });
    this.expectConnected();
  }

  #add(source: PublishedSource, track: MediaStreamTrack | null): void {
    const kind = source === "microphone" ? "audio" : "video";
    // One stream for camera and voice keeps lips and words together; the screen is a stream of its own.
    const stream = new MediaStream();
    const transceiver = this.peer.addTransceiver(track ?? kind, {
      direction: "sendonly",
      streams: [stream],
      sendEncodings: [this.#encoding(source)],
    });
    this.#transceivers.set(source, transceiver);
    if (kind === "audio") preferRed(transceiver, this.#plan.red);
    else preferCodec(transceiver, this.#codec);
    void this.#tune(source, transceiver.sender);
  }

  #encoding(source: PublishedSource): RTCRtpEncodingParameters {
    return encodingOf(source, this.#plan, { sharing: this.#tracks.screen !== null, gone: this.state === "interrupted" });
  }

  async #applyPlan(): Promise<void> {
    for (const [source, { sender }] of this.#transceivers) await this.#tune(source, sender);
  }

  /**
   * Let the browser look at once for what the line carries: left alone its estimate grows by 8 % a second. Chromium sends a
   * short burst when the bandwidth that the other side takes (b=AS, RFC 8866 §5.8) has grown; this is between us and it alone.
   */
  async #probe(): Promise<void> {
    const { peer } = this;
    const known = peer.currentRemoteDescription?.sdp;
    if (!known || peer.connectionState !== "connected") return;
    try {
      this.#ceiling += 1;
      await peer.setLocalDescription(await peer.createOffer());
      await peer.setRemoteDescription({ type: "answer", sdp: withCeiling(known, this.#ceiling) });
    } catch (error) {
      console.debug("no look for more bandwidth:", error); // it comes by itself, later
    }
  }

  async #replace(source: PublishedSource, track: MediaStreamTrack | null): Promise<void> {
    await this.#transceivers.get(source)?.sender.replaceTrack(track);
  }

  #tune(source: PublishedSource, sender: RTCRtpSender): Promise<void> {
    return this.#tuning.run(async () => {
      try {
        const parameters = sender.getParameters();
        const encodings = parameters.encodings?.map((each) => ({ ...each, ...this.#encoding(source) }));
        const reduced = source === "microphone" ? {} : { degradationPreference: degradation(source, this.#plan) };
        await sender.setParameters({ ...parameters, encodings, ...reduced } as RTCRtpSendParameters);
      } catch (error) {
        console.debug("this browser does not take these sending parameters:", error);
      }
    });
  }

  #sources(): Record<string, Source> {
    const sources: Record<string, Source> = {};
    for (const [source, transceiver] of this.#transceivers) {
      if (transceiver.mid !== null && transceiver.direction !== "inactive") sources[transceiver.mid] = source;
    }
    return sources;
  }
}

/** A description that does not ask for DTX (RFC 7587 §6.1). */
export function withoutPauses(sdp: string): string {
  return sdp.replace(/^(a=fmtp:.*?);?usedtx=1/gm, "$1");
}

/** A description whose pictures take so many kbit/s; the line comes after c= (RFC 8866 §5). */
export function withCeiling(sdp: string, kilobits: number): string {
  return sdp
    .replace(/^b=AS:\d+\r?\n/gm, "")
    .replace(/^(m=video .*\r?\n(?:[ic]=.*\r?\n)*)/gm, `$1b=AS:${kilobits}\r\n`);
}
