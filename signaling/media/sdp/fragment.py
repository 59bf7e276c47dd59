"""SDP fragments for trickle ICE and ICE restarts (RFC 8840 §9, RFC 9725 §4.3): read one, make one. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from signaling.media.errors import BadSdpError
from signaling.media.sdp import lines as sdp_lines
from signaling.media.sdp.lines import LocalTransport

MAX_BYTES: Final = 16_384
MAX_HEAD: Final = 3
"""One group, one m-line, one mid (RFC 9725 §4.3.2: the section that carries the bundle)."""

_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")
_LINE: Final = re.compile(r"(a|m|c)=[^\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a client tells of its ICE session; its candidates are of no use to an ICE-lite server, which waits."""

    ufrag: str
    """Empty when the fragment names none: it then speaks of the session that there is."""
    head: tuple[str, ...] = ()
    """Its lines that name the bundle and the section which carries it: our fragment repeats them."""


def read(text: object) -> Fragment:
    """Read a fragment; raises BadSdpError, whatever comes in."""
    if not isinstance(text, str) or len(text) > MAX_BYTES:
        raise BadSdpError("The SDP fragment is no text, or too long.")
    lines = text.splitlines()
    if not lines or not all(_LINE.fullmatch(line) for line in lines):
        raise BadSdpError("The SDP fragment is malformed.")
    ufrags = {line[12:] for line in lines if line.startswith("a=ice-ufrag:")}
    passwords = {line[10:] for line in lines if line.startswith("a=ice-pwd:")}
    if len(ufrags) > 1 or len(passwords) > 1 or bool(ufrags) != bool(passwords):
        raise BadSdpError("The SDP fragment must name one user fragment and its password, or neither.")
    if not all(_UFRAG.fullmatch(each) for each in ufrags) or not all(_PASSWORD.fullmatch(each) for each in passwords):
        raise BadSdpError("The SDP fragment has malformed ICE credentials (RFC 8839 §5.4).")
    if not ufrags and not any(line.startswith(("a=candidate:", "a=end-of-candidates")) for line in lines):
        raise BadSdpError("The SDP fragment has neither credentials nor candidates.")
    head = [line for line in lines if line.startswith(("a=group:", "m=", "a=mid:"))]
    return Fragment(next(iter(ufrags), ""), tuple(head[:MAX_HEAD]))


def make(transport: LocalTransport, head: tuple[str, ...]) -> str:
    """Our side of the new ICE session that a client's fragment began; `head` is that fragment's."""
    return sdp_lines.render(
        [
            "a=ice-lite",
            *head,
            f"a=ice-ufrag:{transport.credentials.ufrag}",
            f"a=ice-pwd:{transport.credentials.password}",
            *sdp_lines.candidates(transport),
        ]
    )
