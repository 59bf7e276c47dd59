/** Which codecs are offered, and in which order. */
import { describe, expect, it } from "vitest";
import { offeredCodecs, supportedCodecs } from "../../src/lib/media/codecs";

const vp8 = { mimeType: "video/VP8" };
const rtx = { mimeType: "video/rtx" };
const av1 = { mimeType: "video/AV1" };
const vp9 = { mimeType: "video/VP9", sdpFmtpLine: "profile-id=0" };
const vp9Deep = { mimeType: "video/VP9", sdpFmtpLine: "profile-id=2" };
const h264 = (profile: string, mode = 1) => ({
  mimeType: "video/H264",
  sdpFmtpLine: `level-asymmetry-allowed=1;packetization-mode=${mode};profile-level-id=${profile}`,
});
const chromium = [vp8, rtx, vp9, vp9Deep, h264("42001f"), h264("42001f", 0), h264("42e01f"), h264("4d001f"), av1];

describe("supportedCodecs", () => {
  it("names what goes both ways, H264 first", () => {
    expect(supportedCodecs(chromium, chromium)).toEqual(["H264", "VP9"]);
  });
  it("leaves out what can be received but not sent, as H264 in Firefox without its plug-in", () => {
    expect(supportedCodecs([vp8, vp9], chromium)).toEqual(["VP9"]);
  });
  it("does not take H264 without packetization mode 1", () => {
    expect(supportedCodecs([h264("42e01f", 0)], [h264("42e01f", 0)])).toEqual([]);
  });
});

describe("offeredCodecs", () => {
  it("puts constrained baseline first, then VP9 profile 0, then RTX; never VP8 or AV1", () => {
    expect(offeredCodecs(chromium, "H264")).toEqual([h264("42e01f"), h264("42001f"), h264("4d001f"), vp9, rtx]);
  });
  it("leads with VP9 in a room that uses it", () => {
    expect(offeredCodecs(chromium, "VP9").slice(0, 2)).toEqual([vp9, h264("42e01f")]);
  });
  it("is empty when nothing is usable, so that the browser's own order stays", () => {
    expect(offeredCodecs([vp8, av1, rtx], "H264")).toEqual([]);
  });
});
