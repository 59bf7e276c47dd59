"""A browser's offer to publish, and the room's codec, make an answer: a pure function, nothing is negotiated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, cast

from aiortc.sdp import H264Profile, parse_h264_profile_level_id

from signaling.media.errors import BadSdpError
from signaling.media.sdp import lines as sdp_lines
from signaling.media.sdp import simulcast
from signaling.media.sdp.lines import LocalTransport
from signaling.media.sdp.parse import Codec, RemoteDescription, RemoteMedia
from tele.domain.media import Codec as TrackCodec
from tele.domain.media import Kind, Source

SOURCE_KIND: Final[dict[Source, Kind]] = {
    "microphone": "audio",
    "camera": "video",
    "camera-low": "video",
    "screen": "video",
    "screen-audio": "audio",
}
ACCEPTED_EXTENSIONS: Final = (
    sdp_lines.URI_MID,
    sdp_lines.URI_RID,
    sdp_lines.URI_REPAIRED_RID,
    sdp_lines.URI_AUDIO_LEVEL,
    sdp_lines.URI_ABS_SEND_TIME,
    sdp_lines.URI_TRANSPORT_CC,
)
ACCEPTED_FEEDBACK: Final = {"audio": ("transport-cc",), "video": ("transport-cc", "nack", "nack pli")}


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What the room and the operator want."""

    video: TrackCodec
    """The room's video codec: the only one accepted."""
    red: bool = True
    """Prefer redundant audio (RFC 2198) where the browser offers it."""
    stereo: bool = False
    """Lectures may carry music; speech is mono."""
    any_profile: bool = False
    """Take H264 of every profile and packetization mode: devices send what their encoder makes. The constrained
    baseline in mode 1 is preferred all the same, and what is taken is repeated in the answer (RFC 6184 §8.2.2)."""


@dataclass(frozen=True, slots=True)
class AcceptedMedia:
    """One m-section that will carry packets, or one layer of it, as both sides now see it."""

    mid: str
    source: Source
    kind: Kind
    codec: TrackCodec
    payload_type: int
    retransmission_type: int | None
    red_type: int | None
    extensions: dict[str, int]
    ssrcs: tuple[int, ...]
    """Announced SSRCs; empty with simulcast, whose layers are told apart by rid."""
    retransmission_ssrcs: dict[int, int]
    rid: str = ""
    """Which layer of the section it is, when that has several."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others of the same peer."""
        return self.mid, self.rid


@dataclass(frozen=True, slots=True)
class Answer:
    """The text for the browser and what the server must route."""

    sdp: str
    media: tuple[AcceptedMedia, ...]
    setup: Literal["active", "passive"]
    """Our side of DTLS: passive is the server."""


def answer(
    offer: RemoteDescription, sources: dict[str, Source], policy: AnswerPolicy, transport: LocalTransport
) -> Answer:
    """Answer an offer. Sections without a source, or without a codec we take, are refused or left inactive.

    Raises BadSdpError when a source does not fit its section.
    """
    check_sources(offer, sources)
    setup: Literal["active", "passive"] = "active" if offer.setup == "passive" else "passive"
    sections: list[list[str]] = []
    accepted: list[AcceptedMedia] = []
    bundled: list[str] = []
    for media in offer.media:
        taken = _accept(media, sources.get(media.mid), policy)
        if taken is None:
            sections.append(_refused(media))
            continue
        receiving = media.mid in sources and media.direction in ("sendonly", "sendrecv")
        layers = _layers(media, taken, sources) if receiving else [taken]
        lines = _section(media, taken, policy, "recvonly" if receiving else "inactive")
        lines += simulcast.answer_lines(
            [rid.name for rid in media.rids if any(each.rid == rid.name for each in layers)]
        )
        lines[1:1] = sdp_lines.transport_lines(transport, setup)
        if not bundled:
            # With BUNDLE the first section's candidates serve all (RFC 9143 §7.1.1).
            lines += sdp_lines.candidates(transport)
        bundled.append(media.mid)
        sections.append(lines)
        if receiving:
            accepted += layers
    text = sdp_lines.render([*sdp_lines.session(transport, bundled), *(line for lines in sections for line in lines)])
    return Answer(text, tuple(accepted), setup)


def check_sources(offer: RemoteDescription, sources: dict[str, Source]) -> None:
    """Raise BadSdpError when a source names a section that is missing or of the other kind."""
    kinds = {media.mid: media.kind for media in offer.media}
    for mid, source in sources.items():
        if kinds.get(mid) != SOURCE_KIND[source]:
            raise BadSdpError(f"The source {source} names a media section that does not fit it.")


def _accept(media: RemoteMedia, source: Source | None, policy: AnswerPolicy) -> AcceptedMedia | None:
    if media.rejected or media.kind not in ("audio", "video"):
        return None
    kind = cast(Kind, media.kind)
    wanted: TrackCodec = "opus" if kind == "audio" else policy.video
    codec = next((each for each in media.codecs if _fits(each, wanted)), None)
    if codec is None and policy.any_profile:
        codec = next((each for each in media.codecs if each.name == wanted.lower()), None)
    if codec is None:
        return None
    repair = next(
        (c for c in media.codecs if c.name == "rtx" and c.parameters.get("apt") == str(codec.payload_type)), None
    )
    red = None
    if kind == "audio" and policy.red:
        # RFC 2198 §5: fmtp lists the payload types of the blocks.
        block = str(codec.payload_type)
        red = next((c for c in media.codecs if c.name == "red" and block in "/".join(c.parameters).split("/")), None)
    return AcceptedMedia(
        mid=media.mid,
        source=source or ("microphone" if kind == "audio" else "camera"),
        kind=kind,
        codec=wanted,
        payload_type=codec.payload_type,
        retransmission_type=repair.payload_type if repair else None,
        red_type=red.payload_type if red else None,
        extensions={uri: number for uri, number in media.extensions.items() if uri in ACCEPTED_EXTENSIONS},
        # Firefox lists the SSRCs of its simulcast layers without saying which is which: the rids tell.
        ssrcs=() if media.rids else media.ssrcs,
        retransmission_ssrcs={} if media.rids else media.retransmission_ssrcs,
    )


def _layers(media: RemoteMedia, taken: AcceptedMedia, sources: dict[str, Source]) -> list[AcceptedMedia]:
    """The publications that a section makes: with simulcast two, the camera and its small layer.

    A camera whose small layer has a section of its own needs no second one, and a screen has none.
    """
    told_apart = sdp_lines.URI_MID in taken.extensions and sdp_lines.URI_RID in taken.extensions
    names = simulcast.choose(media.rids) if told_apart else ()
    if len(names) < 2 or taken.source != "camera" or "camera-low" in sources.values():
        return [taken]
    large, small = names
    return [replace(taken, rid=large), replace(taken, rid=small, source="camera-low")]


def _fits(codec: Codec, wanted: TrackCodec) -> bool:
    if codec.name != wanted.lower():
        return False
    if wanted == "H264":
        try:
            profile, _ = parse_h264_profile_level_id(codec.parameters.get("profile-level-id", sdp_lines.H264_CAMERA))
        except ValueError:
            return False
        return codec.parameters.get("packetization-mode") == "1" and profile == H264Profile.PROFILE_CONSTRAINED_BASELINE
    if wanted == "VP9":
        return codec.parameters.get("profile-id", "0") == "0"
    return True


def _section(
    media: RemoteMedia, taken: AcceptedMedia, policy: AnswerPolicy, direction: Literal["recvonly", "inactive"]
) -> list[str]:
    chosen = next(codec for codec in media.codecs if codec.payload_type == taken.payload_type)
    types = [t for t in (taken.red_type, taken.payload_type, taken.retransmission_type) if t is not None]
    lines = [
        f"m={media.kind} 9 {media.protocol} {' '.join(map(str, types))}",
        f"a={direction}",
        f"a=mid:{media.mid}",
    ]
    lines += [f"a=extmap:{number} {uri}" for uri, number in taken.extensions.items()]
    feedback = [each for each in ACCEPTED_FEEDBACK[media.kind] if each in chosen.feedback]
    if taken.red_type is not None:
        pair = {f"{taken.payload_type}/{taken.payload_type}": ""}
        lines += sdp_lines.codec_lines(taken.red_type, "red", 48_000, 2, (), pair)
    lines += sdp_lines.codec_lines(
        taken.payload_type,
        taken.codec,
        chosen.clock_rate,
        chosen.channels,
        feedback,
        _parameters(taken, chosen, policy),
    )
    if taken.retransmission_type is not None:
        apt = {"apt": str(taken.payload_type)}
        lines += sdp_lines.codec_lines(taken.retransmission_type, "rtx", chosen.clock_rate, 1, (), apt)
    return lines


def _parameters(taken: AcceptedMedia, chosen: Codec, policy: AnswerPolicy) -> dict[str, str]:
    if taken.codec == "opus":
        # FEC carries the previous frame in the next packet, DTX stops sending in silence (RFC 7587 §6.1).
        speech = {"minptime": "10", "useinbandfec": "1", "usedtx": "1"}
        return {**speech, "stereo": "1", "sprop-stereo": "1"} if policy.stereo else speech
    if taken.codec == "H264" and policy.any_profile:
        said = ("level-asymmetry-allowed", "packetization-mode", "profile-level-id")
        return {name: chosen.parameters[name] for name in said if name in chosen.parameters}
    if taken.codec == "H264":
        level = sdp_lines.H264_SCREEN if taken.source == "screen" else sdp_lines.H264_CAMERA
        return {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": level}
    return {"profile-id": "0"}


def _refused(media: RemoteMedia) -> list[str]:
    formats = " ".join(media.formats[:1]) or "0"
    return [
        f"m={media.kind} 0 {media.protocol} {formats}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        f"a=mid:{media.mid}",
    ]
