"""The lines that every description of this server has in common: session, transport, candidates, codecs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from signaling.media.policy.ice import Credentials

HEADER_EXTENSION: Final = "urn:ietf:params:rtp-hdrext:"
URI_MID: Final = HEADER_EXTENSION + "sdes:mid"
URI_RID: Final = HEADER_EXTENSION + "sdes:rtp-stream-id"
URI_REPAIRED_RID: Final = HEADER_EXTENSION + "sdes:repaired-rtp-stream-id"
URI_AUDIO_LEVEL: Final = HEADER_EXTENSION + "ssrc-audio-level"
URI_ABS_SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
URI_PLAYOUT_DELAY: Final = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
URI_TRANSPORT_CC: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

H264_CAMERA: Final = "42e01f"
"""Constrained baseline, level 3.1: 1280x720 at 30 fps (ITU-T H.264 table A-1)."""
H264_SCREEN: Final = "42e028"
"""Constrained baseline, level 4.0: 1920x1080 at 30 fps."""

_UDP_PREFERENCE: Final = 126
_TCP_PREFERENCE: Final = 90


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """What a description says about our end of one peer."""

    credentials: Credentials
    fingerprint: tuple[str, str]
    addresses: tuple[str, ...]
    port: int
    tcp: bool
    session_id: int
    """The number in `o=`: the same for all descriptions of a peer."""
    version: int


def session(transport: LocalTransport, bundled: Iterable[str]) -> list[str]:
    """Everything above the first m-line."""
    return [
        "v=0",
        f"o=- {transport.session_id} {transport.version} IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        " ".join(("a=group:BUNDLE", *bundled)),
        "a=msid-semantic: WMS *",
    ]


def transport_lines(transport: LocalTransport, setup: str) -> list[str]:
    """Credentials and certificate of one m-section."""
    name, value = transport.fingerprint
    return [
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=ice-ufrag:{transport.credentials.ufrag}",
        f"a=ice-pwd:{transport.credentials.password}",
        f"a=fingerprint:{name} {value}",
        f"a=setup:{setup}",
    ]


def candidates(transport: LocalTransport) -> list[str]:
    """Host candidates, UDP before TCP and the first address before the others (RFC 8839 §5.1, RFC 6544 §4.5)."""
    lines: list[str] = []
    for index, host in enumerate(transport.addresses):
        # RFC 8445 §5.1.2.1, with the address's place in the list as the local preference.
        local = 65_535 - index
        lines.append(_candidate(index * 2 + 1, "udp", _UDP_PREFERENCE << 24 | local << 8 | 255, host, transport.port))
        if transport.tcp:
            # RFC 6544 §4.2: the top three bits of the local preference tell the direction; 4 is passive.
            priority = _TCP_PREFERENCE << 24 | (4 << 13 | local & 0x1FFF) << 8 | 255
            lines.append(_candidate(index * 2 + 2, "tcp", priority, host, transport.port) + " tcptype passive")
    return [*lines, "a=end-of-candidates"]


def _candidate(foundation: int, protocol: str, priority: int, host: str, port: int) -> str:
    return f"a=candidate:{foundation} 1 {protocol} {priority} {ipaddress.ip_address(host)} {port} typ host"


def codec_lines(
    payload_type: int, name: str, clock_rate: int, channels: int, feedback: Iterable[str], parameters: dict[str, str]
) -> list[str]:
    """rtpmap, rtcp-fb and fmtp of one payload type."""
    suffix = f"/{channels}" if channels > 1 else ""
    lines = [f"a=rtpmap:{payload_type} {name}/{clock_rate}{suffix}"]
    lines += [f"a=rtcp-fb:{payload_type} {each}" for each in feedback]
    if parameters:
        values = ";".join(f"{key}={value}" if value else key for key, value in parameters.items())
        lines.append(f"a=fmtp:{payload_type} {values}")
    return lines


def render(lines: Iterable[str]) -> str:
    """The description as text (RFC 8866 §5)."""
    return "".join(f"{line}\r\n" for line in lines)
