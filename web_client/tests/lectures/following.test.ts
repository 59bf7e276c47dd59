/** A lecture for whoever follows it: its end, though its last seconds, or the news of it, never come, and pauses. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Lecture } from "../../src/lib/lecture-types";

/** As much of a video element as the player looks at; `until` is the second at which what is loaded ends. */
class FakeVideo extends EventTarget {
  currentTime = 0;
  until = 0;
  paused = true;
  ended = false;
  muted = false;
  volume = 1;
  playbackRate = 1;
  seeking = false;

  get readyState(): number {
    return this.currentTime < this.until ? 4 : 2;
  }
  play(): Promise<void> {
    this.paused = false;
    this.dispatchEvent(new Event("play"));
    return Promise.resolve();
  }
  pause(): void {
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }
  run(seconds: number): void {
    if (!this.paused) this.currentTime = Math.max(this.currentTime, Math.min(this.until, this.currentTime + seconds * this.playbackRate));
  }
}

/** A playlist and what was loaded of it. */
class FakeStream {
  static readonly all: FakeStream[] = [];
  readonly video: FakeVideo;
  growing = true;
  edge = 0;
  lowest = false;
  /** Where something more was loaded, beyond a hole. */
  island: number | null = null;
  readonly loads: [string, number][] = [];
  onload: () => void = () => undefined;
  readonly heights = [];
  readonly known = true;
  readonly told = true;
  readonly tracks = new Set(["audio-s", "cam-s"]);
  readonly origin = null;
  readonly empty = false;
  readonly reach = 0;

  constructor(video: FakeVideo) {
    this.video = video;
    FakeStream.all.push(this);
  }
  get sync(): number {
    return this.growing ? this.edge - 1 : this.edge - 0.2;
  }
  load(url: string, start: number): Promise<void> {
    this.loads.push([url, start]);
    this.onload();
    return Promise.resolve();
  }
  beyond(time: number): number | null {
    return this.island !== null && this.island > time ? this.island : null;
  }
  chases = true;
  chase(wanted: boolean): void {
    this.chases = wanted;
  }
  hold(): void {}
  spare(): void {}
  look(): void {}
  hurry(): void {}
  close(): void {}
}

vi.mock("../../src/lectures/watch/stream", () => ({ Stream: FakeStream }));
const track = (name: string, kind: string, source: string): object => ({ name, kind, source, start: 0, duration: 100, playlist: "", participant: { id: "s", name: "S", role: "" } });
const tracks = [track("audio-s", "audio", "microphone"), track("cam-s", "video", "camera")];
vi.mock("../../src/replay/recording", () => ({ fetchRecording: () => Promise.resolve({ id: "r", state: "live", tracks }) }));

const { LecturePlayer } = await import("../../src/lectures/watch/player.svelte");
const lecture = (status: Lecture["status"]): Lecture => ({ id: "l", status, recording: "r", presenters: [{ id: "s", name: "S" }], started_at: null, duration: null }) as unknown as Lecture;
const WHOLE = "/media/r/index.m3u8";

let player: InstanceType<typeof LecturePlayer>;
let stream: FakeStream;

/** Time goes by. */
async function pass(seconds: number): Promise<void> {
  for (let step = 0; step < seconds * 10; step += 1) {
    stream.video.run(0.1);
    await vi.advanceTimersByTimeAsync(100);
  }
}

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
  vi.stubGlobal("document", { createElement: () => new FakeVideo(), hidden: false });
  FakeStream.all.length = 0;
  player = new LecturePlayer();
  [stream] = FakeStream.all as [FakeStream];
  Object.assign(stream, { edge: 101 });
  Object.assign(stream.video, { currentTime: 95, until: 100 });
  player.update(lecture("in-progress"));
  await pass(2);
});
afterEach(() => {
  player.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** It is over, and the playlist says so. */
function over(): void {
  Object.assign(stream, { growing: false });
  player.update(lecture("completed"));
}

describe("a lecture that one follows ends", () => {
  it("and stands at the beginning of its replay, when everything came", async () => {
    stream.video.until = stream.edge;
    over();
    await pass(6);
    expect(player).toMatchObject({ rolled: true, playing: false, time: 0 });
  });

  it("and is over though its last seconds never come", async () => {
    stream.edge = 102.5;
    over();
    await pass(12);
    expect(player).toMatchObject({ rolled: true, playing: false, time: 0 });
  });

  it("and what is missing further back is passed over", async () => {
    stream.edge = 130;
    stream.island = 104;
    over();
    await pass(8);
    expect(stream.video.currentTime).toBeGreaterThanOrEqual(104);
    stream.video.until = stream.edge;
    await pass(20);
    expect(player.rolled).toBe(true);
  });

  it("and a hole of which nothing further was loaded is stepped through", async () => {
    stream.edge = 130;
    over();
    await pass(45);
    expect(player).toMatchObject({ rolled: true, playing: false });
  });

  it("and a playlist that never heard of it is asked for anew, where one was", async () => {
    stream.onload = () => Object.assign(stream, { growing: stream.loads.length < 2 });
    player.update(lecture("completed"));
    await pass(12);
    expect(stream.loads).toEqual([[WHOLE, -1], [WHOLE, 100]]); // prettier-ignore
    expect(player.rolled).toBe(true);
  });

  it("and whoever heard the voice alone, for a thin line, has the pictures again", async () => {
    Object.assign(stream, { lowest: true, edge: 103 });
    for (let stall = 0; stall < 2; stall += 1) {
      await pass(12);
      stream.edge = stream.video.currentTime + 5;
      stream.video.until = stream.video.currentTime + 1;
      await pass(4);
      stream.video.until = stream.edge;
    }
    expect(player.sparing).toBe(true);
    expect(stream.loads.at(-1)?.[0]).toBe("/media/r/audio-s/index.m3u8");
    stream.video.until = stream.edge = stream.video.currentTime + 4;
    over();
    await pass(12);
    expect(player).toMatchObject({ rolled: true, sparing: false });
    player.play();
    await pass(1);
    expect(stream.loads.at(-1)?.[0]).toBe(WHOLE);
  });
});

describe("who is behind", () => {
  /** It runs on, `behind` seconds ahead of what is seen. */
  async function runOn(behind: number): Promise<void> {
    const { video } = stream;
    Object.assign(stream, { edge: video.currentTime + behind + 1 });
    video.until = stream.edge;
    await pass(1);
  }

  it("after many short stalls is brought to what is live, which was wanted", async () => {
    await runOn(9);
    expect(player.near).toBe(true);
  });

  it("by what playing faster makes up for is not jerked there", async () => {
    await runOn(6);
    expect(stream.video.currentTime).toBeLessThan(stream.edge - 5);
  });

  it("because one went back stays there, and comes along again once one is back", async () => {
    stream.edge = stream.video.until = 200;
    player.seek(150);
    await pass(3);
    expect(stream.video.currentTime).toBeLessThan(154);
    player.toLive();
    await pass(1);
    await runOn(9);
    expect(player.near).toBe(true);
  });

  it("because one went back a little is not hurried", async () => {
    stream.edge = stream.video.until = 200;
    player.toLive();
    await pass(1);
    expect(stream.chases).toBe(true);
    stream.video.playbackRate = 1.4; // as it is hurried
    player.step(-9);
    await pass(1);
    expect([stream.chases, stream.video.playbackRate]).toEqual([false, 1]);
    player.toLive();
    await pass(1);
    expect(stream.chases).toBe(true);
  });

  it("because one plays slowly is left alone", async () => {
    player.setSpeed(0.75);
    await runOn(9);
    expect(player.near).toBe(false);
  });

  it("because one paused is left alone until one plays", async () => {
    player.pause();
    await runOn(60);
    expect(player.near).toBe(false);
    player.play();
    await pass(1);
    expect(player.near).toBe(true);
  });

  it("when the source changes is at what is live", async () => {
    stream.edge = stream.video.currentTime + 7;
    stream.video.until = stream.video.currentTime;
    player.setQuality("sound");
    expect(stream.loads.at(-1)).toEqual(["/media/r/audio-s/index.m3u8", -1]);
  });
});

describe("a pause that nobody asked for here", () => {
  function on(phone: boolean, touched: boolean): void {
    vi.stubGlobal("matchMedia", () => ({ matches: phone }));
    vi.stubGlobal("navigator", { userActivation: { hasBeenActive: touched } });
  }

  it.each([
    [false, true],
    [true, false],
  ])("is ended again where it cannot be somebody's (phone: %s, touched: %s)", async (phone, touched) => {
    on(phone, touched);
    stream.video.pause();
    await pass(2);
    expect([player.playing, stream.video.paused]).toEqual([true, false]);
  });

  it("stays on a phone that is in use, which was called or lost its headphones", async () => {
    on(true, true);
    stream.video.pause();
    await pass(4);
    expect([player.playing, stream.video.paused]).toEqual([false, true]);
  });

  it("stays where one pressed the button", async () => {
    on(false, true);
    player.pause();
    await pass(4);
    expect([player.playing, stream.video.paused]).toEqual([false, true]);
  });
});
