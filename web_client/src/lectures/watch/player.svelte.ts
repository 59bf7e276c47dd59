/** The player of one lecture: live with a way back, then the replay, on the same page and the same elements. */
import { differing, levelFor, isNear, shouldJump, stateOf, ThinLine, type PlayerState, type Quality } from "../../lib/lecture-player";
import { grown, picturesAt, trackUrl, voiceOf, type Picture } from "../../lib/lecture-pictures";
import type { Lecture } from "../../lib/lecture-types";
import { placeIn, remember } from "../../replay/memory";
import { fetchRecording, type Recording } from "../../replay/recording";
import { Extras } from "./extras";
import { roomy } from "./connections";
import { Looks, SPREAD } from "./looks";
import { keepQuality, keptQuality } from "./quality";
import { Stream } from "./stream";

const TICK = 200;
const REMEMBER_EVERY = 5_000;
/** Loading and starting pause an element for up to so many ms; what was wanted is tried again as often. */
const OURS = 1_500;
/** How fast what is left is played when a lecture that one follows ends: the replay must not wait for the second or two one is behind. */
const CLOSING = 2;
/** After so many seconds without a picture what is missing is passed over. */
const HOLE = 3;

export class LecturePlayer {
  time = $state(0);
  /** The newest second there is; the length, of a replay. */
  edge = $state(0);
  sync = $state(0);
  buffered = $state(0);
  ready = $state(false);
  playing = $state(false);
  ended = $state(false);
  /** It ended while it was watched here, to its end. */
  rolled = $state(false);
  waitingFor = $state(0);
  speed = $state(1);
  volume = $state(1);
  muted = $state(false);
  /** The browser refuses sound until it is asked for with a click. */
  silenced = $state(false);
  quality = $state<Quality>("auto");
  /** The line does not carry the picture for now. */
  sparing = $state(false);
  recording = $state.raw<Recording | null>(null);
  pictures = $state.raw<Picture[]>([]);
  /** Keys of the pictures that have something to show now. */
  filled = $state.raw<ReadonlySet<string>>(new Set());
  /** Seconds to add to a position for the second of the lecture. */
  shift = $state(0);
  status = $state<Lecture["status"]>("planned");
  levels = $state(0);
  /** Presenters or our connection are away: what does not come meanwhile says nothing about the line. */
  excused = false;
  /** The speaker's camera is off at this second. */
  blank = $state(false);

  readonly main: Stream;
  readonly near = $derived(this.sync - this.time < 0 || isNear(this.sync - this.time));
  /** The second of the lecture that is seen, and the newest. */
  readonly at = $derived(this.time + this.shift);
  readonly newest = $derived(this.edge + this.shift);
  readonly silent = $derived(this.muted || this.silenced);
  readonly seen = $derived(this.quality !== "slides" && this.quality !== "sound" && !this.sparing);

  #lecture: Lecture | null = null;
  readonly #extras = new Extras();
  readonly #roomy = roomy();
  #thin = new ThinLine();
  #wanted = false;
  /** What is live is wanted: one has not gone back, though the line may be behind. */
  #follows = true;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #looks = new Looks(() => void this.#look());
  #remembered = 0;
  #hidden = false;
  /** It was seen live on this page. */
  #sawLive = false;
  #abort = new AbortController();
  #source = "";
  /** Until then a pause is the consequence of what we did ourselves. */
  #ours = 0;
  #retryAt = 0;
  /** When the picture last went on. */
  #moved = performance.now();

  constructor() {
    this.main = new Stream(document.createElement("video"), true);
    this.main.onlevels = () => {
      this.levels = differing(this.main.heights);
      this.main.hold(levelFor(this.quality, this.main.heights));
    };
    this.quality = keptQuality();
    const { video } = this.main;
    video.addEventListener("pause", () => this.#paused());
    video.addEventListener("play", () => (this.#wanted = true));
    video.addEventListener("ended", () => this.#tick());
  }

  get state(): PlayerState {
    return stateOf({ status: this.status, ready: this.ready, ended: this.ended });
  }

  /** The lecture changed, or is there for the first time. */
  update(lecture: Lecture): void {
    const before = this.#lecture;
    this.#lecture = lecture;
    this.status = lecture.status;
    if (!lecture.recording || (lecture.status !== "in-progress" && lecture.status !== "completed")) return;
    if (before?.recording !== lecture.recording) {
      const live = lecture.status === "in-progress";
      const place = live ? -1 : (placeIn(lecture.id) ?? 0);
      this.#wanted = live;
      void this.#load(place > (lecture.duration ?? Infinity) - 10 ? 0 : place);
      this.#timer ??= setInterval(() => this.#tick(), TICK);
      this.look(0);
    }
    if (before?.status === "in-progress" && lecture.status === "completed") {
      this.look(SPREAD);
      this.main.hurry();
    }
  }

  /** Ask for the tracks within a moment. */
  look(within = SPREAD): void {
    this.#looks.soon(within);
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  play(): void {
    this.#wanted = true;
    this.rolled = false;
    if (this.ended) this.seek(0);
    // After a pause on a phone one wants what is now, unless one had gone back.
    if (this.#catchesUp && !this.near) this.#go(this.main.sync);
    void this.#start();
  }

  pause(): void {
    this.#wanted = false;
    this.main.video.pause();
    this.#extras.pause();
  }

  /** Go to a position in seconds. */
  seek(time: number): void {
    this.#go(time);
    this.#follows = isNear(this.main.sync - this.time);
  }

  /** Go to a second of the lecture, as a mark tells it. */
  goTo(offset: number): void {
    this.rolled = false;
    this.seek(offset - this.shift);
    if (!this.playing) this.play();
  }

  toLive(): void {
    this.seek(this.main.sync);
    this.play();
  }

  step(seconds: number): void {
    this.seek(this.time + seconds);
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    if (speed < 1) this.#follows = false;
    this.main.video.playbackRate = speed;
  }

  setVolume(volume: number): void {
    this.volume = Math.min(1, Math.max(0, volume));
    this.setMuted(this.volume === 0);
  }

  /** Must run inside a click when the browser silenced the page. */
  setMuted(muted: boolean): void {
    [this.muted, this.silenced] = [muted, false];
    if (!muted) this.volume ||= 1;
    this.#sound();
  }

  setQuality(quality: Quality): void {
    this.quality = quality;
    this.#thin.reset();
    this.sparing = false;
    this.main.spare(false);
    keepQuality(quality);
    this.main.hold(levelFor(quality, this.main.heights));
    this.#resource();
    this.#arrange();
  }

  /** The element of a picture, to be put where it is shown. */
  videoOf(key: string): HTMLVideoElement | undefined {
    return this.#extras.videoOf(key);
  }

  /** The line is back, or the presenter is. */
  hurry(): void {
    this.main.hurry();
    this.#extras.hurry();
    this.look();
  }

  /** The page is seen or not. A phone lets nothing but sound go on in the background. */
  setHidden(hidden: boolean): void {
    this.#hidden = hidden && matchMedia("(pointer: coarse)").matches && this.playing;
    this.#resource();
    if (!hidden && this.#wanted && this.main.video.paused) void this.#start();
  }

  close(): void {
    this.#abort.abort();
    clearInterval(this.#timer);
    this.#looks.close();
    if (this.#lecture && this.state !== "live" && this.ready) remember(this.#lecture.id, this.ended ? 0 : this.time);
    this.main.close();
    this.#extras.close();
  }

  /** Whether what is live now is wanted, however far behind one is. */
  get #catchesUp(): boolean {
    return this.status === "in-progress" && this.#follows;
  }

  #go(time: number): void {
    const goal = (this.main.video.currentTime = Math.max(0, Math.min(time, this.main.sync)));
    [this.time, this.ended] = [goal, false];
    this.#moved = performance.now();
  }

  /** The playlist that is wanted: everything, or the speaker's voice alone. */
  #address(): string {
    const recording = this.#lecture?.recording ?? "";
    const whole = `/media/${recording}/index.m3u8`;
    if (this.seen && !this.#hidden) return whole;
    const voice = voiceOf(this.recording?.tracks ?? [], this.main.tracks, this.#speaker);
    return voice ? trackUrl(recording, voice.name) : whole;
  }

  get #speaker(): string {
    return this.#lecture?.presenters[0]?.id ?? "";
  }

  async #load(start: number): Promise<void> {
    this.#source = this.#address();
    this.#ours = this.#retryAt = performance.now() + OURS;
    this.#sound();
    await this.main.load(this.#source, start);
    if (this.#wanted) await this.#start();
  }

  /** Change the source, where the wanted one is another; go on where we are. */
  #resource(): void {
    if (!this.#lecture?.recording || this.#address() === this.#source) return;
    void this.#load(this.#catchesUp ? -1 : this.time);
  }

  async #look(): Promise<void> {
    const id = this.#lecture?.recording;
    if (!id) return;
    this.#looks.began();
    try {
      const { tracks } = (this.recording = await fetchRecording(id, this.#abort.signal));
      const stale = this.status === "in-progress" && this.seen && this.main.told && grown(tracks, this.main.tracks, this.#speaker);
      if (stale) void this.#load(this.#follows ? -1 : this.time);
      else this.#resource();
      this.#arrange();
      if (this.recording.tracks.length === 0) this.#looks.again(2_000);
    } catch (error) {
      if (!this.#abort.signal.aborted) console.info("the tracks come later:", error);
      this.#looks.again(4_000);
    }
  }

  /** Open and close what stands beside the speaker. */
  #arrange(): void {
    const { recording } = this;
    if (!recording || !this.#lecture || !this.main.known) return;
    const quality: Quality = this.#hidden ? "sound" : this.sparing ? "slides" : this.quality;
    const live = this.status === "in-progress";
    const wanted = picturesAt({ recording: recording.id, tracks: recording.tracks, main: this.main.tracks, speaker: this.#speaker, time: this.time, live, roomy: this.#roomy, quality });
    if (!this.#extras.have(wanted, this.#catchesUp ? -1 : this.time)) return;
    this.pictures = wanted;
    this.#sound();
  }

  #tick(): void {
    const now = performance.now();
    const { main } = this;
    const { video } = main;
    this.ready ||= video.readyState >= 2;
    if (video.currentTime !== this.time || !this.#wanted || video.readyState > 2) this.#moved = now;
    this.time = video.currentTime;
    this.edge = main.edge;
    this.sync = main.sync;
    this.blank = main.empty;
    this.playing = this.#wanted && !video.ended;
    this.waitingFor = this.ready ? (now - this.#moved) / 1000 : 0;
    this.buffered = main.reach;
    if (this.#wanted && video.paused && !video.ended && video.readyState > 2 && now > this.#retryAt) void this.#start();
    const origin = main.origin;
    const started = Date.parse(this.#lecture?.started_at ?? "");
    if (origin !== null && !Number.isNaN(started)) {
      const shift = (origin - started) / 1000;
      if (Math.abs(shift - this.shift) > 0.05) this.shift = shift;
    }
    if (this.status === "in-progress") this.#live(now);
    else this.#replayed(now);
    if (this.status === "in-progress" || !this.recording?.tracks.length) this.#looks.tick(now);
    this.#arrange();
    main.look(now);
    this.#extras.follow(video, this.playing && !video.paused);
    const filled = this.#extras.filled(this.edge);
    if (filled.join() !== [...this.filled].join()) this.filled = new Set(filled);
  }

  #live(now: number): void {
    const { waitingFor } = this;
    if (this.playing && waitingFor === 0) this.#follows ||= this.near && this.speed >= 1;
    this.main.chase(this.#follows);
    const { video } = this.main;
    if (!this.#follows && video.playbackRate !== this.speed) video.playbackRate = this.speed;
    const shown = waitingFor > 0 || video.readyState > 2;
    if (this.playing && shown && shouldJump({ waitingFor, behind: this.sync - this.time, follows: this.#follows })) this.#go(this.sync);
    else this.#overHole();
    if (this.quality === "auto") {
      const { main } = this;
      this.#thin.look(now, { waitingFor, behind: this.sync - this.time, lowest: main.lowest, excused: this.excused || main.carried });
    }
    this.#thin.retry(now);
    this.main.spare(this.#thin.small);
    if (this.sparing !== this.#thin.sparing) {
      this.sparing = this.#thin.sparing;
      this.#resource();
    }
  }

  /** Nothing comes any more where we are, but there is something further on: a break in the line leaves a hole. */
  #overHole(): boolean {
    if (this.waitingFor < HOLE) return false;
    const beyond = this.main.beyond(this.time) ?? (this.main.growing ? null : this.time + HOLE);
    if (beyond === null || beyond >= this.edge) return false;
    this.#go(beyond);
    return true;
  }

  #replayed(now: number): void {
    const { main } = this;
    const { video } = main;
    const waits = this.waitingFor >= HOLE && !this.#overHole();
    const rolls = this.#wanted && this.#sawLive;
    if (rolls && this.#follows) video.playbackRate = CLOSING;
    else if (this.sparing) this.#unspare();
    // It is over, and the playlist that is played from does not know: it is asked for anew.
    if (waits && main.growing && now > this.#retryAt) void this.#load(this.time);
    // What is missing in the very last seconds is not coming.
    const left = this.edge - video.currentTime;
    const over = this.ready && (video.ended || (!main.growing && this.edge > 0 && left <= (waits ? HOLE : 0.25)));
    if (over && !this.ended) {
      if (rolls) {
        // What was live is the replay now: it stands at its beginning.
        this.#sawLive = false;
        this.rolled = true;
        this.pause();
        this.setSpeed(this.speed);
        this.seek(0);
      } else {
        this.ended = true;
        this.#wanted = false;
      }
    }
    if (this.playing && now - this.#remembered > REMEMBER_EVERY && this.#lecture) {
      this.#remembered = now;
      remember(this.#lecture.id, this.time);
    }
  }

  /** A line that was too thin for live pictures is tried with them again. */
  #unspare(): void {
    this.#thin.reset();
    this.sparing = false;
    this.#resource();
  }

  async #start(): Promise<void> {
    const { video } = this.main;
    this.#ours = this.#retryAt = performance.now() + OURS;
    try {
      await video.play();
      if (this.status === "in-progress") this.#sawLive = true;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "NotAllowedError" || video.muted) return;
      this.silenced = true;
      this.#sound();
      await video.play().catch(() => undefined); // then it waits for a click on "play"
      if (this.status === "in-progress") this.#sawLive = true;
    }
  }

  /** Paused from outside: by a phone, which was called or lost its headphones, or by a browser on its own account. */
  #paused(): void {
    const { video } = this.main;
    if (document.hidden && this.#wanted && !video.ended) void video.play().catch(() => undefined);
    else if (byTheirPhone() && performance.now() > this.#ours && !video.ended && !video.seeking && video.readyState > 2) this.#wanted = false;
  }

  #sound(): void {
    this.main.video.muted = this.silent;
    this.main.video.volume = this.volume;
    this.#extras.sound(this.silent, this.volume);
  }
}

/** Whether a pause that was not asked for here may be somebody's: on other machines, and before anything was touched, it is not, and
 * what plays by itself would stand still with nobody having stopped it. Buttons of keyboards and headsets come as requests. */
function byTheirPhone(): boolean {
  return matchMedia("(pointer: coarse)").matches && (navigator.userActivation?.hasBeenActive ?? true);
}
