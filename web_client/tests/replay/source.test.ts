import { describe, expect, it } from "vitest";
import type Hls from "hls.js";
import { takeOpus } from "../../src/replay/source";

/** What hls.js has of its variants, by their sounds. */
function variants(...sounds: (string | undefined)[]) {
  const levels = sounds.map((audioCodec, height) => ({ audioCodec, height }));
  return { levels, removeLevel: (index: number) => levels.splice(index, 1) };
}

function left(...sounds: (string | undefined)[]): number[] {
  const hls = variants(...sounds);
  takeOpus(hls as unknown as Hls);
  return hls.levels.map((level) => level.height);
}

describe("which sound is taken", () => {
  it("is Opus where both are there", () => {
    expect(left("opus", "mp4a.40.2", "opus", "mp4a.40.2")).toEqual([0, 2]);
    expect(left("mp4a.40.2", "mp4a.40.2", "opus")).toEqual([2]);
  });

  it("is AAC where a browser knows no Opus", () => {
    expect(left("mp4a.40.2", "mp4a.40.2")).toEqual([0, 1]);
  });

  it("is none where there is none", () => {
    expect(left(undefined, undefined)).toEqual([0, 1]);
  });
});
