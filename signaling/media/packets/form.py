"""The form in which a client that made its own offer wants packets: its payload types and extension ids, not ours."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from signaling.media.packets.rtp_header import EXTENSION_PLAYOUT_DELAY, ONE_BYTE_PROFILE, PAYLOAD_AT

_HEAD: Final = struct.Struct("!IHH")
MAX_ID: Final = 14
"""Ids of one-byte header extensions (RFC 8285 §4.2)."""
STOP: Final = 15
"""The id at which a receiver stops reading."""


class ExtensionIds(NamedTuple):
    """The ids of the elements of a canonical packet. One that the client did not offer has an id that it does not
    know, so that it skips the element (RFC 8285 §5): the packet's layout stays the same for everybody."""

    mid: int
    send_time: int
    transport_cc: int
    audio_level: int
    playout_delay: int


def choose_ids(offered: Mapping[str, int], uris: tuple[str, str, str, str, str]) -> ExtensionIds:
    """Ids for the elements of these URIs: the client's where it has offered them with a one-byte id, else free ones.

    An id that it gives to two URIs, against RFC 8285 §5, is that of the first.
    """
    taken = set(offered.values())
    free = (number for number in range(MAX_ID, 0, -1) if number not in taken)
    chosen: list[int] = []
    for uri in uris:
        number = offered.get(uri, 0)
        chosen.append(number if 1 <= number <= MAX_ID and number not in chosen else next(free, STOP))
    return ExtensionIds(*chosen)


@dataclass(frozen=True, slots=True)
class Form:
    """One codec of one client. `repair_type` is 0 where it takes no RTX; `names_mid`: whether it takes MID elements."""

    payload_type: int
    repair_type: int
    ids: ExtensionIds
    names_mid: bool = True

    def constant(self, ssrc: int, mid: bytes) -> bytes:
        """As `rtp_header.constant_part`, for a mid of any length: one that does not fit two bytes is left out."""
        element = bytes((self.ids.mid << 4 | 1, 0, 0))
        if self.names_mid and len(mid) == 2:
            element = bytes((self.ids.mid << 4 | 1,)) + mid
        elif self.names_mid and len(mid) == 1:
            element = bytes((self.ids.mid << 4,)) + mid + b"\0"
        elif self.names_mid:
            element = bytes(3)
        return _HEAD.pack(ssrc, ONE_BYTE_PROFILE, 3) + element + bytes((self.ids.transport_cc << 4 | 1,))

    def shape(self, packet: bytes, payload_type: int | None = None) -> bytes:
        """A canonical packet in this form; what differs per subscriber is left to be patched as ever."""
        kind = self.payload_type if payload_type is None else payload_type
        level = self.ids.audio_level << 4 if packet[26] else 0
        held = packet[22] >> 4 == EXTENSION_PLAYOUT_DELAY
        timing = self.ids.playout_delay if held else self.ids.send_time
        return (
            bytes((packet[0], packet[1] & 0x80 | kind))
            + packet[2:22]
            + bytes((timing << 4 | 2,))
            + packet[23:26]
            + bytes((level, packet[27]))
            + packet[PAYLOAD_AT:]
        )
