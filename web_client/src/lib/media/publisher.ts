/** The connection that carries what we send: microphone, camera in two sizes, shared screen. We offer, the server answers. */

import type { Source, VideoCodec } from "../protocol";
import { preferCodec } from "./codecs";
import { Link, type LinkOptions } from "./link";

export interface PublisherOptions extends LinkOptions {
  codec: VideoCodec;
  /** Send the camera a second time, small, for receivers on thin lines. */
  lowCamera: boolean;
}

type PublishedSource = Exclude<Source, "screen-audio">;
type Tracks = Record<"microphone" | "camera" | "screen", MediaStreamTrack | null>;

const ENCODINGS: Record<PublishedSource, RTCRtpEncodingParameters> = {
  microphone: { maxBitrate: 40_000, priority: "high", networkPriority: "high" },
  camera: { maxBitrate: 1_500_000 },
  "camera-low": { maxBitrate: 150_000, scaleResolutionDownBy: 4 },
  screen: { maxBitrate: 2_500_000, maxFramerate: 15 },
};

export class Publisher extends Link {
  #codec: VideoCodec;
  readonly #lowCamera: boolean;
  #tracks: Tracks = { microphone: null, camera: null, screen: null };
  #transceivers = new Map<PublishedSource, RTCRtpTransceiver>();

  constructor(options: PublisherOptions) {
    super(options);
    this.#codec = options.codec;
    this.#lowCamera = options.lowCamera;
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
      await this.#replace("camera-low", track);
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
    await this.renegotiate();
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

  protected override furnish(): void {
    this.#transceivers.clear();
    this.#add("microphone", this.#tracks.microphone);
    this.#add("camera", this.#tracks.camera);
    if (this.#lowCamera) this.#add("camera-low", this.#tracks.camera);
    if (this.#tracks.screen) this.#add("screen", this.#tracks.screen);
  }

  protected override async negotiate(restart: boolean): Promise<void> {
    if (restart) this.peer.restartIce();
    // The server is ICE-lite and learns our addresses from our checks: no need to wait for candidates (RFC 8445 §2.5).
    await this.peer.setLocalDescription(await this.peer.createOffer());
    const offer = this.peer.localDescription?.sdp ?? "";
    const answer = await this.options.signalling.publish(this.session, offer, this.#sources());
    if (this.peer.signalingState === "closed") return;
    this.admit(answer);
    await this.peer.setRemoteDescription({ type: "answer", sdp: answer });
    this.expectConnected();
  }

  #add(source: PublishedSource, track: MediaStreamTrack | null): void {
    const kind = source === "microphone" ? "audio" : "video";
    // One stream for camera and voice keeps lips and words together; the screen is a stream of its own.
    const stream = new MediaStream();
    const transceiver = this.peer.addTransceiver(track ?? kind, {
      direction: "sendonly",
      streams: [stream],
      sendEncodings: [ENCODINGS[source]],
    });
    this.#transceivers.set(source, transceiver);
    if (kind === "video") {
      preferCodec(transceiver, this.#codec);
      void this.#tune(transceiver.sender, source === "screen" ? "maintain-resolution" : "balanced");
    }
  }

  async #replace(source: PublishedSource, track: MediaStreamTrack | null): Promise<void> {
    await this.#transceivers.get(source)?.sender.replaceTrack(track);
  }

  /** On a thin line a camera may lose size and pace, a screen only pace: its letters must stay legible. */
  async #tune(sender: RTCRtpSender, preference: "balanced" | "maintain-resolution"): Promise<void> {
    try {
      await sender.setParameters({ ...sender.getParameters(), degradationPreference: preference } as RTCRtpSendParameters);
    } catch (error) {
      console.debug("degradationPreference is not supported:", error);
    }
  }

  #sources(): Record<string, Source> {
    const sources: Record<string, Source> = {};
    for (const [source, transceiver] of this.#transceivers) {
      if (transceiver.mid !== null && transceiver.direction !== "inactive") sources[transceiver.mid] = source;
    }
    return sources;
  }
}
