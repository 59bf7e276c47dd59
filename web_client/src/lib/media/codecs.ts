/** Which codecs a browser can send and receive, and the order in which we offer them. */

import type { VideoCodec } from "../protocol";

/** The part of a codec capability that the choice needs (WebRTC §5.4 RTCRtpCodec). */
export interface CodecLike {
  mimeType: string;
  sdpFmtpLine?: string;
}

const PREFERRED: VideoCodec[] = ["H264", "VP9"];

function isCodec(codec: CodecLike, name: VideoCodec): boolean {
  return codec.mimeType.toLowerCase() === `video/${name.toLowerCase()}`;
}

/** Packetization mode 1 alone (RFC 6184 §6.3), and VP9 profile 0: what every browser decodes and the recorder writes. */
function isUsable(codec: CodecLike, name: VideoCodec): boolean {
  if (!isCodec(codec, name)) return false;
  const parameters = codec.sdpFmtpLine ?? "";
  if (name === "H264") return /packetization-mode=1/.test(parameters);
  return !/profile-id=[1-9]/.test(parameters);
}

/** Codecs that this browser both sends and receives, best first; a room needs both directions. */
export function supportedCodecs(sends: readonly CodecLike[], receives: readonly CodecLike[]): VideoCodec[] {
  return PREFERRED.filter(
    (name) => sends.some((codec) => isUsable(codec, name)) && receives.some((codec) => isUsable(codec, name)),
  );
}

/** What a video transceiver offers: the room's codec first, then the other one, then RTX; never VP8 or AV1. */
export function offeredCodecs<C extends CodecLike>(capabilities: readonly C[], room: VideoCodec): C[] {
  const names = [room, ...PREFERRED.filter((name) => name !== room)];
  const chosen = names.flatMap((name) => {
    const usable = capabilities.filter((codec) => isUsable(codec, name));
    return name === "H264" ? usable.sort((a, b) => profileRank(a) - profileRank(b)) : usable;
  });
  if (chosen.length === 0) return [];
  return [...chosen, ...capabilities.filter((codec) => codec.mimeType.toLowerCase() === "video/rtx")];
}

/** Constrained baseline first: hardware and the oldest decoders alike take it (RFC 7742 §6.2). */
function profileRank(codec: CodecLike): number {
  const profile = /profile-level-id=([0-9a-f]{4})/i.exec(codec.sdpFmtpLine ?? "")?.[1]?.toLowerCase() ?? "";
  if (profile === "42e0") return 0;
  return profile.startsWith("42") ? 1 : 2;
}

/** What the microphone offers: everything, redundant audio (RFC 2198) first or not at all. */
export function offeredSound<C extends CodecLike>(capabilities: readonly C[], red: boolean): C[] {
  const isRed = (codec: C): boolean => codec.mimeType.toLowerCase() === "audio/red";
  return [...(red ? capabilities.filter(isRed) : []), ...capabilities.filter((codec) => !isRed(codec))];
}

/** What this browser can do, asked of WebRTC itself. */
export function browserCodecs(): VideoCodec[] {
  const sends = globalThis.RTCRtpSender?.getCapabilities?.("video")?.codecs ?? [];
  const receives = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs ?? [];
  return supportedCodecs(sends, receives);
}

/** Put the offer's video codecs in order. */
export function preferCodec(transceiver: RTCRtpTransceiver, room: VideoCodec): void {
  prefer(transceiver, "video", (codecs) => offeredCodecs(codecs, room));
}

/** Offer redundant audio or leave it out; a sender that was agreed on it changes by a new offer alone (Chromium 153). */
export function preferRed(transceiver: RTCRtpTransceiver, red: boolean): void {
  prefer(transceiver, "audio", (codecs) => offeredSound(codecs, red));
}

/** Browsers differ in which capability list they check against: both are tried. */
function prefer<K extends "audio" | "video">(transceiver: RTCRtpTransceiver, kind: K, order: (codecs: RTCRtpCodec[]) => RTCRtpCodec[]): void {
  const lists = [RTCRtpReceiver.getCapabilities(kind), RTCRtpSender.getCapabilities(kind)];
  for (const capabilities of lists) {
    const codecs = order(capabilities?.codecs ?? []);
    if (codecs.length === 0) continue;
    try {
      transceiver.setCodecPreferences(codecs);
      return;
    } catch (error) {
      console.warn("this browser refused a codec order:", error);
    }
  }
}
