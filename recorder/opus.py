"""Opus packets seen from outside (RFC 6716 §3.1): how long one plays, and silence of a given length."""

from __future__ import annotations

from recorder.errors import Malformed

RATE = 48_000
"""Samples per second of the RTP clock and of the track, whatever the encoder's own rate (RFC 7587 §4.1)."""

FRAME = 960
"""Samples in the 20 ms frame that WebRTC senders use, and the step in which silence is written."""

MAX_SAMPLES = 5760
"""120 ms, the longest packet (RFC 6716 §3.2.5)."""

SILENCE = b"\xf8\xff\xfe"
"""20 ms of digital silence: CELT, full band, mono, one frame."""

# The TOC's configuration picks the frame length: SILK 10/20/40/60 ms, hybrid 10/20 ms, CELT 2.5/5/10/20 ms (table 2).
_SILK = (480, 960, 1920, 2880)
_CELT = (120, 240, 480, 960)


def samples(packet: bytes) -> int:
    """Length of a packet in samples at 48 kHz; raises Malformed."""
    if not packet:
        raise Malformed("empty Opus packet")
    toc = packet[0]
    config = toc >> 3
    if config < 12:
        frame = _SILK[config & 3]
    elif config < 16:
        frame = _SILK[config & 1]
    else:
        frame = _CELT[config & 3]
    code = toc & 3
    if code == 0:
        count = 1
    elif code < 3:
        count = 2
    elif len(packet) < 2:
        raise Malformed("Opus packet without its frame count")
    else:
        count = packet[1] & 0x3F
    length = frame * count
    if not 0 < length <= MAX_SAMPLES:
        raise Malformed("Opus packet of no or too long a duration")
    return length


def is_quiet(packet: bytes) -> bool:
    """True for what an encoder sends in DTX: one or two bytes that say "nothing to hear" (RFC 7587 §3.1.3)."""
    return len(packet) <= 2


def silence(length: int) -> list[tuple[bytes, int]]:
    """Packets of silence and their samples that together last `length`, rounded up to 2.5 ms."""
    packets = [(SILENCE, FRAME)] * (length // FRAME)
    rest = length % FRAME
    # Configurations 30, 29, 28 are CELT full band of 10, 5 and 2.5 ms.
    for toc, size in ((0xF0, 480), (0xE8, 240), (0xE0, 120)):
        while rest >= size:
            packets.append((bytes((toc, 0xFF, 0xFE)), size))
            rest -= size
    if rest:
        packets.append((b"\xe0\xff\xfe", 120))
    return packets
