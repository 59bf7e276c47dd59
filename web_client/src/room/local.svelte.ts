/** What this person sends: microphone, camera and shared screen, with what is on, what failed, and what was chosen. */
import {
  facesOutwards,
  loadChoice,
  open,
  openCamera,
  openMicrophone,
  problemOf,
  saveChoice,
  type DeviceChoice,
  type DeviceProblem,
} from "../lib/devices";
import type { RoomMedia } from "../lib/media";
import { Serial } from "../lib/media/queue";
import { steady } from "../lib/media/redraw";

/** What the others are told, and what survives a reload: nobody is unmuted by one. */
export interface Switches {
  mic: boolean;
  camera: boolean;
  screen: boolean;
}

/**
 * Frames a second that a shared screen has at least. In a call a keyframe must come soon after it is asked for; a broadcast is
 * cut into parts of a third of a second, and what a part holds waits for the frame after it.
 */
const SCREEN_RATE = { call: 2, broadcast: 10 };

export class LocalMedia {
  choice = $state.raw<DeviceChoice>(loadChoice());
  microphone = $state.raw<MediaStreamTrack | null>(null);
  camera = $state.raw<MediaStreamTrack | null>(null);
  screen = $state.raw<MediaStreamTrack | null>(null);
  micOn = $state(true);
  cameraOn = $state(true);
  microphoneProblem = $state<DeviceProblem | null>(null);
  cameraProblem = $state<DeviceProblem | null>(null);
  /** Devices are being asked for, perhaps with a question of the browser's. */
  opening = $state(false);
  /** A mirror is what people expect of themselves, but not of what a rear camera shows. */
  readonly mirrored = $derived(!facesOutwards(this.camera));
  readonly switches = $derived<Switches>({
    mic: this.micOn && this.microphone !== null,
    camera: this.cameraOn && this.camera !== null,
    screen: this.screen !== null,
  });

  readonly #serial = new Serial();
  readonly #screenRate: number;
  #media: RoomMedia | null = null;
  #closed = false;

  constructor(start?: Partial<Switches>, purpose: keyof typeof SCREEN_RATE = "call") {
    this.#screenRate = SCREEN_RATE[purpose];
    this.micOn = start?.mic ?? true;
    this.cameraOn = start?.camera ?? true;
  }

  /** Send through this connection from now on. */
  attach(media: RoomMedia): void {
    this.#media = media;
    void media.setMicrophone(this.microphone);
    void media.setCamera(this.camera);
    if (this.screen) void media.setScreen(this.screen);
  }

  /** Open what is wanted. Never rejects: what failed is told by the problem fields. */
  open(): Promise<void> {
    return this.#serial.run(async () => {
      this.opening = true;
      // The microphone opens even when muted, so that unmuting is instant; a camera that is off stays dark.
      const opened = await open(this.choice, { microphone: !this.microphone, camera: this.cameraOn && !this.camera });
      this.opening = false;
      if (this.#closed) {
        opened.microphone?.stop();
        opened.camera?.stop();
        return;
      }
      this.microphoneProblem = opened.microphoneProblem;
      this.cameraProblem = opened.cameraProblem;
      if (opened.microphone) await this.#useMicrophone(opened.microphone);
      if (opened.camera) await this.#useCamera(opened.camera);
    });
  }

  /** Mute keeps the device open: coming back must not cost the first word. */
  async toggleMicrophone(): Promise<void> {
    if (!this.microphone) {
      this.micOn = true;
      return this.#serial.run(() => this.#openMicrophone());
    }
    this.micOn = !this.micOn;
    this.microphone.enabled = this.micOn;
  }

  /** Off means off: the device is released and its light goes out. */
  toggleCamera(): Promise<void> {
    return this.#serial.run(async () => {
      if (this.camera) {
        this.cameraOn = false;
        this.camera.stop();
        this.camera = null;
        await this.#media?.setCamera(null);
      } else {
        this.cameraOn = true;
        await this.#openCamera();
      }
    });
  }

  chooseMicrophone(id: string): Promise<void> {
    return this.#serial.run(async () => {
      this.choice = saveChoice({ microphone: id });
      await this.#openMicrophone();
    });
  }

  chooseCamera(id: string): Promise<void> {
    return this.#serial.run(async () => {
      this.choice = saveChoice({ camera: id, facing: undefined });
      if (this.cameraOn) await this.#openCamera();
    });
  }

  chooseSpeaker(id: string): void {
    this.choice = saveChoice({ speaker: id });
  }

  /** A phone's other side. */
  flip(): Promise<void> {
    return this.#serial.run(async () => {
      const facing = facesOutwards(this.camera) ? "user" : "environment";
      this.choice = saveChoice({ facing, camera: undefined });
      this.cameraOn = true;
      await this.#openCamera();
    });
  }

  /** Let the person pick a screen, a window or a tab. A picker that was closed is no mistake. */
  async shareScreen(): Promise<void> {
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({
        video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 15, max: 15 } },
        audio: false,
      });
    } catch (error) {
      if (error instanceof Error && error.name === "NotAllowedError") return;
      throw error;
    }
    const source = stream.getVideoTracks()[0];
    if (!source || this.#closed) return;
    source.contentHint = "detail";
    const track = steady(source, this.#screenRate);
    // The browser's own "stop sharing" button ends the source.
    source.addEventListener("ended", () => void this.stopScreen());
    this.#releaseScreen = () => source.stop();
    this.screen = track;
    await this.#media?.setScreen(track);
  }

  async stopScreen(): Promise<void> {
    if (!this.screen) return;
    this.#releaseScreen();
    this.screen.stop();
    this.screen = null;
    await this.#media?.setScreen(null);
  }

  close(): void {
    this.#closed = true;
    this.#releaseScreen();
    for (const track of [this.microphone, this.camera, this.screen]) track?.stop();
    this.microphone = this.camera = this.screen = null;
  }

  #releaseScreen: () => void = () => undefined;

  async #openMicrophone(): Promise<void> {
    try {
      const track = await openMicrophone(this.choice.microphone);
      this.microphoneProblem = null;
      await this.#useMicrophone(track);
    } catch (error) {
      this.microphoneProblem = problemOf(error);
    }
  }

  async #openCamera(): Promise<void> {
    // Phones cannot hold two cameras open at once: the old one goes first.
    this.camera?.stop();
    try {
      const track = await openCamera(this.choice);
      this.cameraProblem = null;
      await this.#useCamera(track);
    } catch (error) {
      this.cameraProblem = problemOf(error);
      this.camera = null;
      await this.#media?.setCamera(null);
    }
  }

  async #useMicrophone(track: MediaStreamTrack): Promise<void> {
    if (this.#closed) return track.stop();
    const old = this.microphone;
    track.enabled = this.micOn;
    track.addEventListener("ended", () => {
      // Unplugged: whatever microphone is left takes over.
      if (this.microphone === track) void this.#serial.run(() => this.#openMicrophone());
    });
    this.microphone = track;
    await this.#media?.setMicrophone(track);
    old?.stop();
  }

  async #useCamera(track: MediaStreamTrack): Promise<void> {
    if (this.#closed) return track.stop();
    const old = this.camera;
    track.addEventListener("ended", () => {
      if (this.camera === track) void this.#serial.run(() => this.#openCamera());
    });
    this.camera = track;
    await this.#media?.setCamera(track);
    if (old !== track) old?.stop();
  }
}
