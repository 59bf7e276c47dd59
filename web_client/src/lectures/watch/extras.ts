/** The pictures beside the speaker's: opened and closed as they come and go, and kept in step with the one that leads. */
import { follow } from "../../lib/lecture-player";
import type { Picture } from "../../lib/lecture-pictures";
import { Stream } from "./stream";

/** A live picture whose newest second is so many older than the speaker's has ended. */
const LEFT_BEHIND = 4;

export class Extras {
  readonly #streams = new Map<string, Stream>();
  #pictures: readonly Picture[] = [];

  /** Have these and no others; those that are new begin at `start` (-1: the live edge). False when they are the same as before. */
  have(wanted: readonly Picture[], start: number): boolean {
    const keys = new Set(wanted.map((each) => each.key));
    if (wanted.length === this.#pictures.length && this.#pictures.every((each) => keys.has(each.key))) return false;
    for (const [key, stream] of this.#streams) {
      if (keys.has(key)) continue;
      stream.close();
      this.#streams.delete(key);
    }
    for (const each of wanted) {
      if (this.#streams.has(each.key)) continue;
      const stream = new Stream(document.createElement("video"), false);
      this.#streams.set(each.key, stream);
      void stream.load(each.url, start);
    }
    this.#pictures = wanted;
    return true;
  }

  /** The element of a picture, to be put where it is shown. */
  videoOf(key: string): HTMLVideoElement | undefined {
    return this.#streams.get(key)?.video;
  }

  /** Keys of those that have something to show now; `edge` is the speaker's newest second. */
  filled(edge: number): string[] {
    const shows = (each: Stream): boolean => each.video.readyState >= 2 && !each.empty && (!each.growing || edge - each.edge < LEFT_BEHIND);
    return [...this.#streams].filter(([, stream]) => shows(stream)).map(([key]) => key);
  }

  /** Keep up with the speaker's element. */
  follow(leader: HTMLVideoElement, running: boolean): void {
    for (const stream of this.#streams.values()) {
      const { video } = stream;
      if (video.readyState < 1) continue;
      stream.look(performance.now());
      if (!running) {
        if (!video.paused) video.pause();
        if (Math.abs(video.currentTime - leader.currentTime) > 0.3 && !video.seeking) video.currentTime = leader.currentTime;
        continue;
      }
      const { seek, rate } = follow(leader.currentTime, leader.playbackRate, video.currentTime);
      if (seek !== null && !video.seeking) video.currentTime = seek;
      if (Math.abs(video.playbackRate - rate) > 0.005) video.playbackRate = rate;
      if (video.paused) void video.play().catch(() => undefined); // refused without a click: the speaker's own start says so
    }
  }

  sound(silent: boolean, volume: number): void {
    for (const { key, sound } of this.#pictures) {
      const video = this.videoOf(key);
      if (!video) continue;
      video.muted = silent || !sound;
      video.volume = volume;
    }
  }

  pause(): void {
    for (const { video } of this.#streams.values()) video.pause();
  }

  hurry(): void {
    for (const stream of this.#streams.values()) stream.hurry();
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }
}
