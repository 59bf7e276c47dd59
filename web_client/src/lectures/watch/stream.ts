/** Feeds one video element from a playlist that may still be growing, and brings it back whenever it breaks. */
import type HlsClass from "hls.js";
import { lazy } from "../../lib/lazy";
import { levelFor, SmallInstead } from "../../lib/lecture-player";
import { aacOf, trackOf } from "../../lib/lecture-pictures";
import { loadHls, takeOpus } from "../../replay/source";
import { partwise } from "./part-abr";

/** Waits between attempts, in ms: a presenter who is away comes back at any moment. */
const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 4_000;
/** So many repairs within so many ms, and the source is loaded anew. */
const REPAIRS = 2;
const TOGETHER = 20_000;
/** The first piece has come, for so many ms it is not shown and no other is on its way: the source is loaded anew. */
const STUCK = 3_000;
/** How much faster what is behind the live edge is played, until it is there. */
const HURRIED = 1.5;
/** What voices are recorded in. */
const OPUS = 'audio/mp4; codecs="opus"';
/** What the recorder calls the black that stands for a picture that was not there. */
const FILLED = /(?:^|\/)gap-/;

export class Stream {
  readonly video: HTMLVideoElement;
  url = "";
  onlevels: () => void = () => undefined;
  #hls: HlsClass | null = null;
  #native = false;
  #turn = 0;
  #pause = FIRST_PAUSE;
  #repairs: number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #level = -1;
  readonly #small = new SmallInstead();
  #held = false;
  #spared = false;
  readonly #leads: boolean;
  #chases = true;

  /** `leads`: hurries after the live edge by itself; others are kept in step with the one that leads. */
  constructor(video: HTMLVideoElement, leads: boolean) {
    this.video = video;
    this.#leads = leads;
    video.playsInline = true;
    video.preload = "auto";
  }

  /** Play this playlist from a second; -1: at the live edge. */
  async load(url: string, start: number): Promise<void> {
    this.url = url;
    const mine = (this.#turn += 1);
    const Hls = await lazy(loadHls);
    if (mine !== this.#turn) return;
    this.#drop();
    const address = Hls.getMediaSource()?.isTypeSupported(OPUS) ? url : aacOf(url);
    if (!Hls.isSupported()) return this.#byItself(address, url, start);
    const hls = new Hls({
      startPosition: start,
      // Blob workers are not allowed here, and there is nothing to transmux.
      enableWorker: false,
      lowLatencyMode: true,
      maxLiveSyncPlaybackRate: this.#pace,
      // Each stall adds this to how far behind the edge one is, for good: a second would soon be several.
      liveSyncOnStallIncrease: 0.3,
      maxBufferLength: 20,
      maxMaxBufferLength: 60,
      backBufferLength: 90,
      capLevelToPlayerSize: true,
      abrEwmaDefaultEstimate: 3_000_000,
      testBandwidth: false,
      manifestLoadingMaxRetry: 0,
      // Who comes at the beginning finds a playlist with nothing in it, and would not look at that picture again for good.
      errorPenaltyExpireMs: 3_000,
      // Seconds in which half of what was measured counts no more: parts tell it three times a second.
      abrEwmaFastLive: 2,
      abrEwmaSlowLive: 4,
      abrController: partwise(Hls),
    });
    this.#hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      takeOpus(hls);
      hls.loadLevel = this.#wanted;
      this.onlevels();
    });
    hls.on(Hls.Events.FRAG_BUFFERED, () => (this.#pause = FIRST_PAUSE));
    unstick(hls, Hls.Events, () => hls === this.#hls && void this.load(url, start));
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (!data.fatal || hls !== this.#hls) return;
      const position = this.video.currentTime;
      clearTimeout(this.#timer);
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR && this.#repair()) return hls.recoverMediaError();
      const manifest = data.details.startsWith("manifest") || data.type !== Hls.ErrorTypes.NETWORK_ERROR;
      this.#timer = setTimeout(() => {
        if (manifest) void this.load(url, position > 1 ? position : start);
        else hls.startLoad();
      }, this.#pause);
      this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 1.5);
    });
    hls.attachMedia(this.video);
    hls.loadSource(address);
  }

  /** Whether the playlist still grows. */
  get growing(): boolean {
    if (this.#native) return this.video.duration === Infinity;
    return this.#hls?.latestLevelDetails?.live ?? true;
  }

  /** The newest second that there is. */
  get edge(): number {
    const { seekable, duration } = this.video;
    if (this.#native) return seekable.length ? seekable.end(seekable.length - 1) : 0;
    const details = this.#hls?.latestLevelDetails;
    return details ? details.edge : Number.isFinite(duration) ? duration : 0;
  }

  /** Where to play to be live; the end of what does not grow. */
  get sync(): number {
    return (this.growing ? this.#hls?.liveSyncPosition : null) ?? Math.max(0, this.edge - (this.#native ? 3 : 0.2));
  }

  /** When second 0 was, in ms since 1970; null while unknown. */
  get origin(): number | null {
    const date = this.#native ? startDate(this.video) : null;
    if (date !== null) return date;
    const playing = this.#hls?.playingDate;
    return playing ? playing.getTime() - this.video.currentTime * 1000 : null;
  }

  /** Heights of the pictures to choose from, in the player's order. */
  get heights(): number[] {
    return this.#hls?.levels.map((level) => level.height) ?? [];
  }

  /** Whether what is loaded is the smallest there is. */
  get lowest(): boolean {
    const hls = this.#hls;
    if (!hls || hls.levels.length < 2) return true;
    const smallest = Math.min(...hls.levels.map((level) => level.bitrate));
    return (hls.levels[hls.loadLevel]?.bitrate ?? 0) <= smallest;
  }

  /** Whether the line, as measured, carries what is loaded: then what does not come is not there yet. */
  get carried(): boolean {
    const hls = this.#hls;
    const level = hls?.levels[hls.loadLevel];
    return hls !== null && level !== undefined && hls.bandwidthEstimate > level.maxBitrate;
  }

  /** Whether it is known what the playlist is made of; a browser that plays by itself never tells. */
  get known(): boolean {
    return this.#native || (this.#hls?.levels.length ?? 0) > 0;
  }

  /** Whether the tracks are told at all. */
  get told(): boolean {
    return !this.#native && this.known;
  }

  /** Names of the tracks that this playlist is made of. */
  get tracks(): Set<string> {
    const urls = [...(this.#hls?.levels.flatMap((level) => level.url) ?? []), ...(this.#hls?.audioTracks.map((track) => track.url) ?? [])];
    return new Set([...urls, this.url].map(trackOf).filter(Boolean));
  }

  /** Hold to one of {@link heights}; -1 leaves the choice to the player. */
  hold(level: number): void {
    this.#level = level;
    this.#choose();
  }

  /** Look at what is shown: where the large picture is not sent, the small one stands in. `now` in ms. */
  look(now: number): void {
    const held = this.#small.look(now, this.empty, this.lowest);
    if (held === this.#held) return;
    this.#held = held;
    // What is loaded of a live one ends in a second; throwing it away would only make the player wait.
    if (this.growing || !held) this.#from(this.#wanted);
    else this.#choose();
  }

  /** Hurry after the live edge, or not: whoever went back watches at a pace of their own. */
  chase(wanted: boolean): void {
    if (wanted === this.#chases) return;
    this.#chases = wanted;
    if (this.#hls) this.#hls.config.maxLiveSyncPlaybackRate = this.#pace;
  }

  get #pace(): number {
    return this.#leads && this.#chases ? HURRIED : 1;
  }

  /** Take the smallest picture, for the line carries no other. */
  spare(spared: boolean): void {
    if (spared === this.#spared) return;
    this.#spared = spared;
    this.#from(this.#wanted);
  }

  /** The rendition to play; -1: the player chooses. */
  get #wanted(): number {
    return this.#held || this.#spared ? levelFor("low", this.heights) : this.#level;
  }

  #choose(): void {
    if (this.#hls && this.#hls.levels.length > 0) this.#hls.nextLevel = this.#wanted;
  }

  /** Load what comes next in this rendition, and keep what there is. */
  #from(level: number): void {
    if (this.#hls && this.#hls.levels.length > 0) this.#hls.loadLevel = level;
  }

  /** Whether what fills the place of a picture is shown now: the camera is off, or the screen is no longer shared. */
  get empty(): boolean {
    const details = this.#hls?.latestLevelDetails;
    const { currentTime } = this.video;
    const last = details?.fragments.at(-1);
    const open = details?.fragmentHint && (!last || currentTime >= last.end) ? details.fragmentHint : null;
    const fragment = open ?? details?.fragments.findLast((each) => each.start <= currentTime + 0.05);
    return fragment !== undefined && (fragment.gap === true || [fragment.relurl, fragment.initSegment?.relurl].some((url) => url && FILLED.test(url)));
  }

  /** How far the element can play on from where it is. */
  get reach(): number {
    const { buffered, currentTime } = this.video;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) <= currentTime + 0.5 && currentTime <= buffered.end(index)) return buffered.end(index);
    }
    return currentTime;
  }

  /** Where there is something to play beyond a hole, or null. */
  beyond(time: number): number | null {
    const { buffered } = this.video;
    for (let index = 0; index < buffered.length; index += 1) if (buffered.start(index) > time) return buffered.start(index) + 0.05;
    return null;
  }

  /** Ask at once for what is new, as when the line is back. */
  hurry(): void {
    this.#pause = FIRST_PAUSE;
    this.#hls?.startLoad();
  }

  close(): void {
    this.#turn += 1;
    this.#drop();
    this.video.removeAttribute("src");
    this.video.load();
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#hls?.destroy();
    this.#hls = null;
  }

  /** Whether another repair is worth trying. */
  #repair(): boolean {
    const now = performance.now();
    this.#repairs = [...this.#repairs.filter((at) => now - at < TOGETHER), now];
    return this.#repairs.length <= REPAIRS;
  }

  /** Browsers without Media Source Extensions, such as those of older iPhones and of WeChat on them, play HLS themselves. */
  #byItself(address: string, url: string, start: number): void {
    this.#native = true;
    const { video } = this;
    video.src = address;
    if (start >= 0) video.addEventListener("loadedmetadata", () => (video.currentTime = start), { once: true });
    video.addEventListener(
      "error",
      () => {
        this.#timer = setTimeout(() => void this.load(url, start), this.#pause);
        this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 1.5);
      },
      { once: true },
    );
  }
}

/** Safari's own: the date of second 0. */
function startDate(video: HTMLVideoElement & { getStartDate?: () => Date }): number | null {
  const time = video.getStartDate?.().getTime();
  return time === undefined || Number.isNaN(time) ? null : time;
}

/**
 * Begin again what never begins: all that was asked for has come, and nothing of it is shown. Seen where sound and picture began in
 * different stretches of a playlist, and hls.js let each wait for the other.
 */
function unstick(hls: HlsClass, events: typeof HlsClass.Events, again: () => void): void {
  const coming = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let begun = false;
  hls.on(events.FRAG_LOADING, (_, { frag }) => {
    coming.add(frag.type);
    clearTimeout(timer);
  });
  hls.on(events.FRAG_LOADED, (_, { frag }) => {
    coming.delete(frag.type);
    clearTimeout(timer);
    if (!begun && coming.size === 0) timer = setTimeout(again, STUCK);
  });
  for (const event of [events.FRAG_BUFFERED, events.DESTROYING] as const) {
    hls.on(event, () => {
      begun = true;
      clearTimeout(timer);
    });
  }
}
