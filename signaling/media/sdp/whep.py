"""A player's offer (draft-ietf-wish-whep-03 §4.3) read and answered: its payload types and extension ids. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from signaling.media.errors import UnacceptableSdpError
from signaling.media.packets.form import ExtensionIds, Form, choose_ids
from signaling.media.sdp import lines as sdp_lines
from signaling.media.sdp.lines import LocalTransport
from signaling.media.sdp.parse import Codec, RemoteDescription, RemoteMedia
from tele.domain.media import CLOCK_RATE, Kind
from tele.domain.media import Codec as TrackCodec

CODECS: Final[dict[Kind, tuple[TrackCodec, ...]]] = {"audio": ("opus",), "video": ("H264", "VP9")}
FEEDBACK: Final = ("transport-cc", "ccm fir", "nack", "nack pli")
"""Without REMB: a player's own estimate follows what it receives, so that a picture once left out never came back.
Those without transport-cc are judged by the losses that they report."""
MAX_SECTIONS: Final = 16
BASELINE: Final = "42e0"
_URIS: Final = (
    sdp_lines.URI_MID,
    sdp_lines.URI_ABS_SEND_TIME,
    sdp_lines.URI_TRANSPORT_CC,
    sdp_lines.URI_AUDIO_LEVEL,
    sdp_lines.URI_PLAYOUT_DELAY,
)


@dataclass(frozen=True, slots=True)
class PlayerSection:
    """One m-section as it will be used: what may be sent in it, in which form, and the client's lines for it."""

    mid: str
    kind: Kind
    forms: dict[TrackCodec, Form]
    chosen: dict[TrackCodec, Codec]
    extensions: dict[str, int]


def sections(offer: RemoteDescription) -> tuple[PlayerSection, ...]:
    """What the player asks for. Raises UnacceptableSdpError when there is a section that could never be served."""
    if len(offer.media) > MAX_SECTIONS:
        raise UnacceptableSdpError(f"A player asks for at most {MAX_SECTIONS} tracks.")
    # With BUNDLE an id means the same in each section (RFC 9143 §9).
    offered: dict[str, int] = {}
    for media in offer.media:
        offered = media.extensions | offered
    ids = choose_ids(offered, _URIS)
    return tuple(_section(media, offered, ids) for media in offer.media)


def _section(media: RemoteMedia, offered: dict[str, int], ids: ExtensionIds) -> PlayerSection:
    if media.kind not in CODECS or media.rejected or media.direction not in ("recvonly", "sendrecv"):
        raise UnacceptableSdpError("Every media section must be recvonly audio or video.")
    kind: Kind = media.kind
    chosen: dict[TrackCodec, Codec] = {}
    forms: dict[TrackCodec, Form] = {}
    names_mid = offered.get(sdp_lines.URI_MID) == ids.mid
    for name in CODECS[kind]:
        codec = _choose(media, name)
        if codec is not None:
            repair = next((c for c in media.codecs if c.name == "rtx" and _apt(c) == codec.payload_type), None)
            chosen[name] = codec
            forms[name] = Form(codec.payload_type, repair.payload_type if repair else 0, ids, names_mid)
    if not forms:
        raise UnacceptableSdpError("A player must take Opus, and H.264 (packetization mode 1) or VP9 (profile 0).")
    known = {uri: offered[uri] for uri, number in zip(_URIS, ids, strict=True) if offered.get(uri) == number}
    known.pop(sdp_lines.URI_AUDIO_LEVEL if kind == "video" else sdp_lines.URI_PLAYOUT_DELAY, None)
    return PlayerSection(media.mid, kind, forms, chosen, {uri: known[uri] for uri in known if uri in media.extensions})


def _choose(media: RemoteMedia, name: TrackCodec) -> Codec | None:
    fitting = [codec for codec in media.codecs if codec.name == name.lower()]
    if name == "H264":
        # Everybody here sends fragmented units of the constrained baseline, which decoders of all profiles take.
        fitting = [codec for codec in fitting if codec.parameters.get("packetization-mode") == "1"]
        fitting.sort(key=lambda codec: not codec.parameters.get("profile-level-id", "").lower().startswith(BASELINE))
    elif name == "VP9":
        fitting = [codec for codec in fitting if codec.parameters.get("profile-id", "0") == "0"]
    return fitting[0] if fitting else None


def _apt(codec: Codec) -> int:
    value = codec.parameters.get("apt", "")
    return int(value) if value.isdecimal() else -1


def answer(
    offer: RemoteDescription,
    wanted: tuple[PlayerSection, ...],
    ssrcs: dict[str, tuple[int, int]],
    stream: str,
    transport: LocalTransport,
) -> tuple[str, Literal["active", "passive"]]:
    """The answer as text and our side of DTLS. `ssrcs` are each section's own and that of its retransmissions."""
    setup: Literal["active", "passive"] = "active" if offer.setup == "passive" else "passive"
    lines = sdp_lines.session(transport, [section.mid for section in wanted])
    for number, (media, section) in enumerate(zip(offer.media, wanted, strict=True)):
        types = [t for form in section.forms.values() for t in (form.payload_type, form.repair_type) if t]
        lines.append(f"m={section.kind} 9 {media.protocol} {' '.join(map(str, types))}")
        lines += sdp_lines.transport_lines(transport, setup)
        lines += ["a=rtcp-mux-only", "a=sendonly", f"a=mid:{section.mid}", f"a=msid:{stream} {stream}{number}"]
        lines += [f"a=extmap:{identifier} {uri}" for uri, identifier in section.extensions.items()]
        for name, codec in section.chosen.items():
            lines += _codec_lines(name, codec, section.forms[name])
        lines += _ssrc_lines(section, *ssrcs[section.mid], stream)
        if number == 0:
            lines += sdp_lines.candidates(transport)
    return sdp_lines.render(lines), setup


def _codec_lines(name: TrackCodec, codec: Codec, form: Form) -> list[str]:
    feedback = [each for each in FEEDBACK if each in codec.feedback]
    lines = sdp_lines.codec_lines(
        codec.payload_type, name, CLOCK_RATE[name], codec.channels, feedback, codec.parameters
    )  # fmt: skip
    if form.repair_type:
        apt = {"apt": str(codec.payload_type)}
        lines += sdp_lines.codec_lines(form.repair_type, "rtx", CLOCK_RATE[name], 1, (), apt)
    return lines


def _ssrc_lines(section: PlayerSection, ssrc: int, repair: int, stream: str) -> list[str]:
    lines = [f"a=ssrc:{ssrc} cname:{stream}"]
    if any(form.repair_type for form in section.forms.values()):
        lines = [f"a=ssrc-group:FID {ssrc} {repair}", *lines, f"a=ssrc:{repair} cname:{stream}"]
    return lines
