/** Several pictures on one clock: they stay together, wait for each other, and end together. */
import { describe, expect, it } from "vitest";
import { SyncClock, type Command, type Follower } from "../../src/replay/sync";

const follower = (time: number, more: Partial<Follower> = {}): Follower =>
  ({ time, duration: 100, ready: true, seeking: false, rate: 1, ...more });

function started(duration = 100): SyncClock {
  const clock = new SyncClock();
  clock.duration = duration;
  clock.play(0);
  return clock;
}

describe("SyncClock", () => {
  it("stands until it is played, then runs at its speed", () => {
    const clock = new SyncClock();
    clock.duration = 100;
    expect(clock.time(5_000)).toBe(0);
    clock.play(5_000);
    expect(clock.time(7_000)).toBe(2);
    clock.setSpeed(2, 7_000);
    expect(clock.time(8_000)).toBe(4);
    clock.pause(8_000);
    expect(clock.time(60_000)).toBe(4);
  });
  it("holds everybody while one waits for data, and goes on from the same second", () => {
    const clock = started();
    expect(clock.tick(1_000, [follower(1), follower(1, { ready: false })]).map(({ play }) => play)).toEqual([false, false]);
    expect(clock.waiting).toBe(true);
    expect(clock.time(9_000)).toBe(1);
    expect(clock.tick(9_000, [follower(1), follower(1)]).map(({ play }) => play)).toEqual([true, true]);
    expect(clock.time(10_000)).toBe(2);
  });
  it("is led by the first that runs, whose sound is never stretched", () => {
    const clock = started();
    const [first, second] = clock.tick(1_000, [follower(0.9), follower(1)]);
    expect(first).toEqual({ seek: null, rate: 1, play: true });
    expect(second?.rate).toBeLessThan(1);
    expect(clock.time(1_000)).toBe(0.9);
  });
  it("changes the pace by no more than a twentieth, until the drift is gone", () => {
    const clock = started();
    const rate = (drift: number, now: number): number => clock.tick(1_000, [follower(1), follower(1 + drift, { rate: now })])[1]?.rate ?? 0;
    expect(rate(0.03, 1)).toBe(1);
    expect(rate(0.06, 1)).toBeCloseTo(0.98);
    expect(rate(-0.2, 1)).toBeCloseTo(1.05);
    expect(rate(0.03, 0.98)).toBeCloseTo(0.98);
    expect(rate(0.01, 0.98)).toBe(1);
  });
  it("jumps over large drift, but never into a seek that is under way", () => {
    const clock = started();
    const commands = clock.tick(1_000, [follower(1), follower(3), follower(1)]);
    expect(commands[1]?.seek).toBe(1);
    clock.seek(50, 1_000);
    const [first] = clock.tick(1_000, [follower(1, { seeking: true }), follower(1)]);
    expect(first?.seek).toBeNull();
  });
  it("does not wait for one whose own recording is over", () => {
    const clock = started();
    clock.seek(50, 0);
    const commands = clock.tick(0, [follower(50), follower(40, { duration: 40, ready: false })]);
    expect(commands.map(({ play }: Command) => play)).toEqual([true, false]);
  });
  it("ends at the end, and plays from the start when played again", () => {
    const clock = started(10);
    clock.seek(9.99, 0);
    clock.tick(50, [follower(10, { duration: 10 })]);
    expect([clock.playing, clock.ended(50)]).toEqual([false, true]);
    clock.play(100);
    expect(clock.time(100)).toBe(0);
  });
  it("keeps a second that was asked for within the recording", () => {
    const clock = started(10);
    clock.seek(-4, 0);
    expect(clock.time(0)).toBe(0);
    clock.seek(400, 0);
    expect(clock.time(0)).toBe(10);
  });
});
