/** Holding back: only on a line that loses, for as long as repairs take, and not in small steps. */
import { describe, expect, it } from "vitest";
import { Hold } from "../../src/lib/media/buffer";
import { EMPTY_SAMPLE, type LineSample } from "../../src/lib/media/quality";

/** A hold that is shown samples a second apart. */
function watching() {
  const hold = new Hold();
  let sample: LineSample = { ...EMPTY_SAMPLE, at: 1_000, received: 1_000, roundTrip: 0.1 };
  hold.judge(sample);
  return (lost: number, roundTrip = 0.1): number => {
    sample = { ...sample, at: sample.at + 1_000, received: sample.received + 100, missing: sample.missing + lost, roundTrip };
    return hold.judge(sample);
  };
}

describe("Hold", () => {
  it("leaves a clean line to the browser, and one with a stray loss too", () => {
    const second = watching();
    expect([second(0), second(1), second(0)]).toEqual([0, 0, 0]);
  });
  it("waits two round trips and the browser's patience on a line that loses", () => {
    const second = watching();
    expect([second(10), second(10, 0.2), second(10, 0.35)]).toEqual([300, 500, 600]);
  });
  it("waits for the first repair alone where a round trip is long by itself", () => {
    const second = watching();
    expect([second(10, 1.2), second(10, 3)]).toEqual([1400, 1600]);
  });
  it("does not follow every wobble of the round trip", () => {
    const second = watching();
    expect([second(10, 0.1), second(10, 0.09), second(10, 0.05)]).toEqual([300, 300, 200]);
  });
  it("ends a while after the last loss", () => {
    const second = watching();
    second(10);
    const later = Array.from({ length: 17 }, () => second(0));
    expect(later.slice(0, 15)).toEqual(Array(15).fill(300));
    expect(later.at(-1)).toBe(0);
  });
});
