"""What a subscriber is to receive makes an offer: one m-section per slot, in an order that never changes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from signaling.media.packets import rtp_header
from signaling.media.sdp import lines as sdp_lines
from signaling.media.sdp.lines import LocalTransport
from signaling.media.sdp.parse import RemoteDescription
from tele.domain.media import Codec as TrackCodec
from tele.domain.media import Kind, Source

PAYLOAD_TYPE: Final[dict[TrackCodec, int]] = {"opus": 111, "H264": 96, "VP9": 98}
RETRANSMISSION_TYPE: Final[dict[TrackCodec, int]] = {"H264": 97, "VP9": 99}
RED_TYPE: Final = 63

SlotUse = Literal["active", "inactive", "dead"]


@dataclass(frozen=True, slots=True)
class OfferedSlot:
    """One m-section of an offer. A dead one was refused by the browser and only keeps its place (RFC 9429 §5.2.2)."""

    mid: str
    kind: Kind
    use: SlotUse
    codec: TrackCodec
    source: Source = "camera"
    stream: str = ""
    """The stream's id and CNAME: what has the same is played in step."""
    track: str = ""
    ssrc: int = 0
    retransmission_ssrc: int = 0


@dataclass(frozen=True, slots=True)
class SlotAnswer:
    """What the browser said about one m-section."""

    accepted: bool
    retransmission: bool
    red: bool
    holds: bool
    """Whether it reads for how long pictures are to be held."""


def offer(slots: tuple[OfferedSlot, ...], transport: LocalTransport, *, red: bool) -> str:
    """The offer as text."""
    lines: list[str] = []
    bundled: list[str] = []
    for slot in slots:
        if slot.use == "dead":
            lines += [f"m={slot.kind} 0 UDP/TLS/RTP/SAVPF 0", "c=IN IP4 0.0.0.0", "a=inactive", f"a=mid:{slot.mid}"]
            continue
        section = _section(slot, red=red)
        section[1:1] = sdp_lines.transport_lines(transport, "actpass")
        if not bundled:
            section += sdp_lines.candidates(transport)
        bundled.append(slot.mid)
        lines += section
    return sdp_lines.render([*sdp_lines.session(transport, bundled), *lines])


def _section(slot: OfferedSlot, *, red: bool) -> list[str]:
    main = PAYLOAD_TYPE[slot.codec]
    repair = RETRANSMISSION_TYPE.get(slot.codec)
    red = red and slot.kind == "audio"
    types = [*([RED_TYPE] if red else []), main, *([repair] if repair is not None else [])]
    lines = [
        f"m={slot.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, types))}",
        "a=sendonly" if slot.use == "active" else "a=inactive",
        f"a=mid:{slot.mid}",
        f"a=extmap:{rtp_header.EXTENSION_MID} {sdp_lines.URI_MID}",
        f"a=extmap:{rtp_header.EXTENSION_ABS_SEND_TIME} {sdp_lines.URI_ABS_SEND_TIME}",
        f"a=extmap:{rtp_header.EXTENSION_TRANSPORT_CC} {sdp_lines.URI_TRANSPORT_CC}",
    ]
    if slot.kind == "audio":
        lines.append(f"a=extmap:{rtp_header.EXTENSION_AUDIO_LEVEL} {sdp_lines.URI_AUDIO_LEVEL}")
        if red:
            lines += sdp_lines.codec_lines(RED_TYPE, "red", 48_000, 2, (), {f"{main}/{main}": ""})
        opus = {"minptime": "10", "useinbandfec": "1", "usedtx": "1"}
        lines += sdp_lines.codec_lines(main, "opus", 48_000, 2, ("transport-cc",), opus)
    else:
        lines.append(f"a=extmap:{rtp_header.EXTENSION_PLAYOUT_DELAY} {sdp_lines.URI_PLAYOUT_DELAY}")
        # REMB is for clients that know nothing newer; who has both uses transport-cc.
        feedback = ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
        lines += sdp_lines.codec_lines(main, slot.codec, 90_000, 1, feedback, _video_parameters(slot))
        if repair is not None:
            lines += sdp_lines.codec_lines(repair, "rtx", 90_000, 1, (), {"apt": str(main)})
    if slot.use == "active":
        lines.append(f"a=msid:{slot.stream} {slot.track}")
        # The media's own SSRC first: Chromium takes the first one listed for it.
        if repair is not None:
            lines.append(f"a=ssrc-group:FID {slot.ssrc} {slot.retransmission_ssrc}")
        lines.append(f"a=ssrc:{slot.ssrc} cname:{slot.stream}")
        if repair is not None:
            lines.append(f"a=ssrc:{slot.retransmission_ssrc} cname:{slot.stream}")
    return lines


def _video_parameters(slot: OfferedSlot) -> dict[str, str]:
    if slot.codec == "H264":
        level = sdp_lines.H264_SCREEN if slot.source == "screen" else sdp_lines.H264_CAMERA
        return {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": level}
    return {"profile-id": "0"}


def read_answer(answer: RemoteDescription, slots: tuple[OfferedSlot, ...]) -> dict[str, SlotAnswer]:
    """What the browser takes of each slot, by mid. Payload types are ours: a browser that renames them is refused."""
    sections = {media.mid: media for media in answer.media}
    result: dict[str, SlotAnswer] = {}
    for slot in slots:
        media = sections.get(slot.mid)
        if media is None or media.rejected or media.kind != slot.kind or slot.use == "dead":
            result[slot.mid] = SlotAnswer(False, False, False, False)
            continue
        names = {codec.payload_type: codec.name for codec in media.codecs}
        result[slot.mid] = SlotAnswer(
            accepted=names.get(PAYLOAD_TYPE[slot.codec]) == slot.codec.lower()
            and (slot.use != "active" or media.direction in ("recvonly", "sendrecv")),
            retransmission=names.get(RETRANSMISSION_TYPE.get(slot.codec, -1)) == "rtx",
            red=names.get(RED_TYPE) == "red",
            holds=sdp_lines.URI_PLAYOUT_DELAY in media.extensions,
        )
    return result
