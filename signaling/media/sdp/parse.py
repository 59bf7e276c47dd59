"""Session descriptions from browsers: bounded, read by aiortc, and turned into values of our own or refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from aiortc import sdp
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from signaling.media.errors import BadSdpError
from signaling.media.sdp import simulcast
from signaling.media.sdp.simulcast import Rid

MAX_BYTES: Final = 65_536
MAX_LINES: Final = 3_000
MAX_MEDIA: Final = 32
"""m-lines of one description."""
MAX_REPEATED: Final = 128
"""Lines of one attribute in one m-section. Reading them takes time in the square of their number."""

_MID: Final = re.compile(r"[A-Za-z0-9_.~-]{1,16}")
_TOKEN: Final = re.compile(r"[!#-'*+\-.0-9A-Z^-~/]{1,64}")
"""What an m-line is made of (RFC 8866 §9, `token`, with the slash of protocols): answers repeat it."""

Direction = Literal["sendonly", "recvonly", "sendrecv", "inactive"]

Setup = Literal["actpass", "active", "passive"]

_REFUSALS = (ValueError, AssertionError, KeyError, IndexError, AttributeError, TypeError, StopIteration, OverflowError)
"""What aiortc's reader raises on input that is not SDP."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of an m-section."""

    payload_type: int
    name: str
    """Lower case, as in rtpmap: opus, red, h264, vp9, rtx …"""
    clock_rate: int
    channels: int
    parameters: dict[str, str]
    """fmtp; a parameter without a value maps to ""."""
    feedback: tuple[str, ...]
    """rtcp-fb values: "nack", "nack pli", "transport-cc" …"""


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """One m-section of a browser's description."""

    kind: str
    mid: str
    rejected: bool
    """Port 0, and not because the section is bundle-only."""
    direction: Direction
    codecs: tuple[Codec, ...]
    extensions: dict[str, int]
    """Header extension ids by URI (RFC 8285 §5)."""
    ssrcs: tuple[int, ...]
    retransmission_ssrcs: dict[int, int]
    """RTX SSRC to the SSRC that it repairs (`a=ssrc-group:FID`)."""
    rids: tuple[Rid, ...]
    """Simulcast layers that the browser sends, in its order (`simulcast.py`)."""
    formats: tuple[str, ...]
    """The m-line's formats, to repeat them when it is refused."""
    protocol: str


@dataclass(frozen=True, slots=True)
class RemoteDescription:
    """A browser's offer or answer."""

    media: tuple[RemoteMedia, ...]
    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    setup: Setup
    bundle: tuple[str, ...] = field(default=())


def parse(text: object) -> RemoteDescription:
    """Read an offer or answer; raises BadSdpError, whatever comes in."""
    if not isinstance(text, str):
        raise BadSdpError("The session description is not text.")
    if len(text) > MAX_BYTES:
        raise BadSdpError(f"The session description is longer than {MAX_BYTES} characters.")
    _check_bounds(text)
    try:
        description = sdp.SessionDescription.parse(text)
        return _convert(description, _rids(text), _bundle_only(text))
    except BadSdpError:
        raise
    except _REFUSALS as error:
        raise BadSdpError("The session description is malformed.") from error


def _check_bounds(text: str) -> None:
    if not text.startswith("v=0"):
        raise BadSdpError("The session description does not begin with v=0.")
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        raise BadSdpError(f"The session description has more than {MAX_LINES} lines.")
    media = 0
    repeated: dict[str, int] = {}
    for line in lines:
        if line.startswith("m="):
            media += 1
            repeated = {}
            if len(line.split()) > MAX_REPEATED:
                raise BadSdpError("An m-line lists too many formats.")
        name = line.partition(":")[0]
        repeated[name] = repeated.get(name, 0) + 1
        if repeated[name] > MAX_REPEATED:
            raise BadSdpError(f"One media section repeats {name[:20]} more than {MAX_REPEATED} times.")
    if media > MAX_MEDIA:
        raise BadSdpError(f"The session description has more than {MAX_MEDIA} media sections.")


def _rids(text: str) -> list[tuple[Rid, ...]]:
    """The simulcast layers of each m-section; aiortc's reader leaves them out."""
    return [simulcast.read([line.rstrip() for line in lines]) for lines in sdp.grouplines(text)[1]]


def _bundle_only(text: str) -> list[bool]:
    """Which m-sections are bundle-only: their port 0 does not refuse them (RFC 9143 §6)."""
    return [any(line.rstrip() == "a=bundle-only" for line in lines) for lines in sdp.grouplines(text)[1]]


def _convert(
    description: sdp.SessionDescription, rids: list[tuple[Rid, ...]], bundle_only: list[bool]
) -> RemoteDescription:
    live = [media for media in description.media if media.port]
    transport = live or description.media
    if not transport:
        raise BadSdpError("The session description has no media section.")
    first = next((media for media in transport if media.dtls is not None), None)
    if first is None or first.dtls is None or not first.dtls.fingerprints:
        raise BadSdpError("The session description has no DTLS fingerprint.")
    ice = first.ice
    if ice is None or not ice.usernameFragment or not ice.password:
        raise BadSdpError("The session description has no ICE credentials.")
    bundle = next((tuple(map(str, group.items)) for group in description.group if group.semantic == "BUNDLE"), ())
    mids = [media.rtp.muxId for media in description.media]
    if len(set(mids)) != len(mids) or not all(_MID.fullmatch(mid) for mid in mids):
        raise BadSdpError("Each media section needs a mid of its own.")
    for media in description.media:
        if not all(_TOKEN.fullmatch(str(word)) for word in (media.kind, media.profile, *media.fmt)):
            raise BadSdpError("An m-line has characters that no m-line has.")
    for media in live:
        if media.kind not in ("audio", "video"):
            continue
        if not media.rtcp_mux:
            raise BadSdpError("Every media section needs rtcp-mux.")
        if len(live) > 1 and media.rtp.muxId not in bundle:
            raise BadSdpError("All media sections must be bundled.")
    setup = sdp.DTLS_ROLE_SETUP[first.dtls.role]
    if setup not in ("actpass", "active", "passive"):
        raise BadSdpError("The DTLS setup attribute is unknown.")
    return RemoteDescription(
        media=tuple(_media(*each) for each in zip(description.media, rids, bundle_only, strict=True)),
        ufrag=ice.usernameFragment,
        password=ice.password,
        fingerprints=tuple((each.algorithm, each.value) for each in first.dtls.fingerprints),
        setup=cast(Setup, setup),
        bundle=bundle,
    )


def _media(media: sdp.MediaDescription, rids: tuple[Rid, ...], bundle_only: bool) -> RemoteMedia:
    repairs: dict[int, int] = {}
    for group in media.ssrc_group:
        if group.semantic == "FID" and len(group.items) == 2:
            repairs[int(group.items[1])] = int(group.items[0])
    return RemoteMedia(
        kind=media.kind,
        mid=media.rtp.muxId,
        rejected=media.port == 0 and not bundle_only,
        direction=cast(Direction, media.direction or "sendrecv"),
        codecs=tuple(_codec(codec) for codec in media.rtp.codecs if _is_listed(codec, media.fmt)),
        extensions={header.uri: header.id for header in media.rtp.headerExtensions if 1 <= header.id <= 255},
        ssrcs=tuple(each.ssrc for each in media.ssrc if each.ssrc not in repairs),
        retransmission_ssrcs=repairs,
        rids=rids,
        formats=tuple(str(each) for each in media.fmt),
        protocol=media.profile,
    )


def _is_listed(codec: RTCRtpCodecParameters, formats: Sequence[object]) -> bool:
    """An rtpmap is about a format of its m-line (RFC 8866 §6.6), which for RTP has 7 bits (RFC 3550 §5.1)."""
    return codec.payloadType is None or (codec.payloadType in formats and 0 <= codec.payloadType <= 127)


def _codec(codec: RTCRtpCodecParameters) -> Codec:
    if codec.payloadType is None:
        raise BadSdpError("A codec has no payload type.")
    return Codec(
        payload_type=codec.payloadType,
        name=codec.name.lower(),
        clock_rate=codec.clockRate,
        channels=codec.channels or 1,
        parameters={name: "" if value is None else str(value) for name, value in codec.parameters.items()},
        feedback=tuple(
            each.type if each.parameter is None else f"{each.type} {each.parameter}" for each in codec.rtcpFeedback
        ),
    )
