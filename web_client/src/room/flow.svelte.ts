/** Whether a video element still gets new pictures: a picture that stands still is not shown as if it were live. */

/** Milliseconds without a new picture after which it stands still; a quiet screen sends two a second. */
const STILL_AFTER = 2_500;
const LOOK_EVERY = 500;

export class Flow {
  /** True until pictures stop. Before the first one it is true as well: that a picture is coming is said elsewhere. */
  flowing = $state(true);
  #seen = 0;
  #at = 0;

  /** Watch from now on; returns how to stop. */
  watch(video: HTMLVideoElement): () => void {
    const look = (): void => this.look(video.getVideoPlaybackQuality().totalVideoFrames, performance.now(), document.hidden);
    const timer = setInterval(look, LOOK_EVERY);
    return () => clearInterval(timer);
  }

  /** A picture is about to come: it gets its time. */
  begin(now: number): void {
    this.flowing = true;
    this.#at = now;
  }

  /** `frames` shown so far, at `now` ms. A hidden page shows none, which says nothing. */
  look(frames: number, now: number, hidden: boolean): void {
    if (frames !== this.#seen || hidden) {
      this.flowing = true;
      this.#at = now;
    } else if (frames > 0 && now - this.#at > STILL_AFTER) {
      this.flowing = false;
    }
    this.#seen = frames;
  }
}
