/** The player of one recording: its video elements, their common clock, and what the controls show and do. */
import { placeIn, remember } from "./memory";
import { fetchRecording, notYet, pauses, playable, type Recording } from "./recording";
import { feed, loadHls, type Source } from "./source";
import { SyncClock } from "./sync";
import { resumeAt, viewsOf, type View } from "./timeline";

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2] as const;
export type PlayerState = "loading" | "live" | "replay" | "ended";

interface Screen {
  view: View;
  video: HTMLVideoElement;
  source: Source | null;
  failed: boolean;
  /** Until then, events of this element are the consequence of our own commands. */
  ours: number;
}

const TICK = 100;
const REMEMBER_EVERY = 5_000;
/** Our own play, pause and seek come back as events within this time. */
const ECHO = 400;
/** Played by itself when the call ended this short a time ago: the person has just come from it. */
const FRESH = 20_000;

export class Player {
  recording = $state.raw<Recording | null>(null);
  views = $state.raw<View[]>([]);
  error = $state.raw<unknown>(null);
  time = $state(0);
  duration = $state(0);
  playing = $state(false);
  waiting = $state(false);
  /** All views have shown something. */
  ready = $state(false);
  ended = $state(false);
  speed = $state(1);
  volume = $state(1);
  muted = $state(false);
  /** The browser refuses sound until it is asked for with a click. */
  silenced = $state(false);
  buffered = $state(0);
  resumedAt = $state(0);
  failed = $state.raw<ReadonlySet<string>>(new Set());

  readonly id: string;
  readonly #clock = new SyncClock();
  readonly #screens = new Map<string, Screen>();
  readonly #stop = new AbortController();
  #timer: ReturnType<typeof setInterval> | undefined;
  #remembered = 0;
  #opening = false;
  readonly #autoplay: boolean | "fresh";

  constructor(id: string, autoplay: boolean | "fresh") {
    this.id = id;
    this.#autoplay = autoplay;
  }

  /** Not a $derived: that would end with the page on which a player was made ahead of its own. */
  get state(): PlayerState {
    if (!this.recording || !this.ready) return "loading";
    if (this.recording.state === "live") return "live";
    return this.ended ? "ended" : "replay";
  }

  /** Fetch the recording, waiting while it is being sealed. Once is enough; after a failure it tries again. */
  async open(): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    try {
      await this.#open();
    } finally {
      this.#opening = false;
    }
  }

  async #open(): Promise<void> {
    if (this.views.length > 0) return;
    void loadHls().catch(() => undefined); // fetched beside the recording; feed() reports a failure
    for (const pause of pauses()) {
      if (this.#stop.signal.aborted) return;
      try {
        const recording = await fetchRecording(this.id, this.#stop.signal);
        if (playable(recording)) return this.#begin(recording);
        this.recording = recording;
        this.error = null;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.error = error;
        if (!notYet(error)) return;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** The element that shows a view. The player owns it, so that it can load before there is a page to show it on. */
  videoOf(view: View): HTMLVideoElement | undefined {
    return this.#screens.get(view.key)?.video;
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  play(): void {
    this.#clock.play(performance.now());
    this.#tick();
  }

  pause(): void {
    this.#clock.pause(performance.now());
    this.#tick();
    remember(this.id, this.time);
  }

  seek(time: number): void {
    this.#clock.seek(time, performance.now());
    this.resumedAt = 0;
    this.#tick();
  }

  /** Step by seconds from where we are. */
  step(seconds: number): void {
    this.seek(this.#clock.time(performance.now()) + seconds);
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.#clock.setSpeed(speed, performance.now());
    this.#tick();
  }

  /** The next or the previous of {@link SPEEDS}. */
  shiftSpeed(by: 1 | -1): void {
    const index = SPEEDS.findIndex((each) => each === this.speed);
    this.setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, index + by))] ?? 1);
  }

  setVolume(volume: number): void {
    this.volume = Math.min(1, Math.max(0, volume));
    this.muted = this.volume === 0;
    this.silenced = false;
    for (const screen of this.#screens.values()) this.#sound(screen);
  }

  /** Must run inside a click when the browser silenced the page. */
  setMuted(muted: boolean): void {
    this.muted = muted;
    this.silenced = false;
    if (!muted && this.volume === 0) this.volume = 1;
    for (const screen of this.#screens.values()) this.#sound(screen);
  }

  close(): void {
    this.#stop.abort();
    clearInterval(this.#timer);
    if (this.ready) remember(this.id, this.ended ? 0 : this.time);
    for (const screen of this.#screens.values()) screen.source?.close();
    this.#screens.clear();
  }

  #add(view: View): void {
    const video = document.createElement("video");
    video.playsInline = true;
    video.preload = "auto";
    video.dataset.view = view.key;
    // Until it is laid out, hls.js takes these for the size to load pictures for.
    video.width = 1280;
    video.height = 720;
    const screen: Screen = { view, video, source: null, failed: false, ours: 0 };
    this.#screens.set(view.key, screen);
    this.#sound(screen);
    const fail = (error: Error): void => {
      console.warn(`${view.key} cannot be played:`, error);
      screen.failed = true;
      this.failed = new Set([...this.failed, view.key]);
    };
    void feed(video, view.playlist, this.#clock.time(performance.now()), fail)
      .then((source) => {
        if (this.#screens.get(view.key) === screen) screen.source = source;
        else source.close();
      })
      .catch(fail);
    // Whoever plays, pauses or seeks one element from outside (a headset's button, say) means the whole recording.
    const listen = (event: string, act: () => void): void => {
      video.addEventListener(event, () => performance.now() > screen.ours && act());
    };
    listen("play", () => !this.playing && this.play());
    listen("pause", () => this.playing && !video.ended && !this.waiting && this.pause());
    listen("seeking", () => this.seek(video.currentTime));
  }

  #begin(recording: Recording): void {
    this.error = null;
    this.recording = recording;
    this.duration = this.#clock.duration = recording.duration;
    const place = resumeAt(placeIn(this.id), recording.duration);
    this.#clock.seek(place, performance.now());
    this.time = this.resumedAt = place;
    const views = viewsOf(recording);
    for (const view of views) this.#add(view);
    this.views = views;
    const over = Date.parse(recording.started) + recording.duration * 1000;
    if (this.#autoplay === true || (this.#autoplay === "fresh" && Math.abs(Date.now() - over) < FRESH)) this.#clock.play(performance.now());
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  #tick(): void {
    const now = performance.now();
    const screens = [...this.#screens.values()].filter((screen) => !screen.failed);
    const commands = this.#clock.tick(now, screens.map(({ video }) => ({
      time: video.currentTime,
      duration: video.readyState > 0 && Number.isFinite(video.duration) ? video.duration : this.duration,
      ready: video.readyState >= 3,
      seeking: video.seeking,
      rate: video.playbackRate,
    }))); // prettier-ignore
    for (const [index, screen] of screens.entries()) {
      const command = commands[index];
      const { video } = screen;
      if (!command || video.readyState === 0) continue;
      const { seek, rate, play } = command;
      if (seek !== null) {
        screen.ours = now + ECHO;
        video.currentTime = seek;
      }
      if (video.playbackRate !== rate) video.playbackRate = rate;
      if (play && video.paused) this.#start(screen, now);
      else if (!play && !video.paused) {
        screen.ours = now + ECHO;
        video.pause();
      }
    }
    this.time = this.#clock.time(now);
    this.playing = this.#clock.playing;
    this.waiting = this.#clock.waiting && this.ready;
    this.ended = this.#clock.ended(now) && !this.playing;
    this.ready ||= screens.length > 0 && screens.every(({ video }) => video.readyState >= 2);
    this.buffered = Math.min(this.duration, ...screens.map(({ video }) => reach(video, this.time)));
    if (this.playing && now - this.#remembered > REMEMBER_EVERY) {
      this.#remembered = now;
      remember(this.id, this.time);
    }
  }

  #start(screen: Screen, now: number): void {
    screen.ours = now + ECHO;
    screen.video.play().catch((error: unknown) => {
      if (!(error instanceof Error) || error.name !== "NotAllowedError" || screen.video.muted) return;
      // No sound without a click: show the pictures, and say so.
      this.silenced = true;
      for (const each of this.#screens.values()) this.#sound(each);
      screen.ours = performance.now() + ECHO;
      void screen.video.play().catch(() => this.pause());
    });
  }

  #sound({ view, video }: Screen): void {
    video.muted = this.muted || this.silenced || view.kind === "screen";
    video.volume = this.volume;
  }
}

/** How far the element can play on from here. */
function reach(video: HTMLVideoElement, time: number): number {
  for (let index = 0; index < video.buffered.length; index += 1) {
    if (video.buffered.start(index) <= time + 0.5 && time <= video.buffered.end(index)) return video.buffered.end(index);
  }
  return time;
}
