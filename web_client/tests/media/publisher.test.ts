/** What is sent of each source by a plan, and the one line of a description that we change. */
import { describe, expect, it } from "vitest";
import { encodingOf, withCeiling, withoutPauses } from "../../src/lib/media/publisher";
import { offeredSound } from "../../src/lib/media/codecs";

const plan = { picture: 60_000, roomy: false, red: false };

describe("encodingOf", () => {
  it("sends both pictures and the screen on a good line", () => {
    for (const source of ["camera", "camera-low", "screen"] as const) {
      expect(encodingOf(source, { ...plan, mode: "full" }, { sharing: true })).toMatchObject({ active: true });
    }
  });
  it("keeps the small picture alone on a narrow one, at its share", () => {
    expect(encodingOf("camera", { ...plan, mode: "small" }, {})).toMatchObject({ active: false });
    expect(encodingOf("camera-low", { ...plan, mode: "small" }, {})).toMatchObject({ active: true, maxBitrate: 60_000 });
  });
  it("prefers a shared screen to the camera", () => {
    expect(encodingOf("camera-low", { ...plan, mode: "small" }, { sharing: true })).toMatchObject({ active: false });
    expect(encodingOf("screen", { ...plan, mode: "small" }, { sharing: true })).toMatchObject({ active: true, maxBitrate: 60_000 });
  });
  it("never stops the voice for a thin line, and makes it leaner", () => {
    const usual = encodingOf("microphone", { ...plan, mode: "full" }, {});
    const lean = encodingOf("microphone", { ...plan, mode: "sound" }, {});
    expect(lean).toMatchObject({ active: true });
    expect(lean.maxBitrate).toBeLessThan(usual.maxBitrate ?? 0);
    for (const source of ["camera", "camera-low", "screen"] as const) {
      expect(encodingOf(source, { ...plan, mode: "sound" }, { sharing: true })).toMatchObject({ active: false });
    }
  });
});

describe("a line that is gone", () => {
  it("is told no words: a browser would keep them all, and send old sound before the first picture", () => {
    expect(encodingOf("microphone", { ...plan, mode: "full" }, { gone: true })).toMatchObject({ active: false });
    expect(encodingOf("microphone", { ...plan, mode: "sound" }, { gone: false })).toMatchObject({ active: true });
  });
});

describe("offeredSound", () => {
  const codecs = ["audio/opus", "audio/red", "audio/G722"].map((mimeType) => ({ mimeType }));
  const names = (red: boolean): string[] => offeredSound(codecs, red).map(({ mimeType }) => mimeType);
  it("offers repeated sound first, or not at all", () => {
    expect(names(true)).toEqual(["audio/red", "audio/opus", "audio/G722"]);
    expect(names(false)).toEqual(["audio/opus", "audio/G722"]);
  });
});

describe("withCeiling", () => {
  const sdp = "v=0\r\nm=audio 9 X 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\nm=video 9 X 1\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\nm=video 9 X 2\r\na=mid:2\r\n";
  it("tells it of each picture, after c=, once", () => {
    const told = withCeiling(withCeiling(sdp, 5000), 5001);
    expect(told).toBe(
      "v=0\r\nm=audio 9 X 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\nm=video 9 X 1\r\nc=IN IP4 0.0.0.0\r\nb=AS:5001\r\na=mid:1\r\nm=video 9 X 2\r\nb=AS:5001\r\na=mid:2\r\n",
    );
  });
});

describe("withoutPauses", () => {
  it("takes the wish for DTX out of a description, and nothing else", () => {
    const sdp = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\na=fmtp:63 111/111\r\n";
    expect(withoutPauses(sdp)).toBe("a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=fmtp:63 111/111\r\n");
  });

  it("finds it in the middle, too", () => {
    expect(withoutPauses("a=fmtp:111 minptime=10;usedtx=1;useinbandfec=1\r\n")).toBe("a=fmtp:111 minptime=10;useinbandfec=1\r\n");
  });
});
