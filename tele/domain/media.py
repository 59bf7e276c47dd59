"""What the media plane and the recorder agree on: tracks, decrypted packets, and the bus that carries them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["audio", "video"]
Source = Literal["microphone", "camera", "camera-low", "screen", "screen-audio"]
Codec = Literal["opus", "H264", "VP9"]

CLOCK_RATE: dict[Codec, int] = {"opus": 48_000, "H264": 90_000, "VP9": 90_000}
"""RTP clock rate in Hz (RFC 7587 §4.1, RFC 6184 §8.2.1, RFC 9628 §7)."""


@dataclass(frozen=True, slots=True)
class Track:
    """One publication of one participant: what the bus carries packets of.

    `publication` is unique for the life of a worker; the same participant and source come back under a new one after
    a reload, and whoever records continues the same recorded track.
    """

    publication: str
    room: str
    participant: str
    source: Source
    kind: Kind
    codec: Codec


class MediaTap(Protocol):
    """What hears a room: called on the media plane's event loop, must return at once.

    An exception is counted by the caller and never reaches the call. Times are seconds of the worker's monotonic clock.
    """

    def track_opened(self, track: Track) -> None:
        """A publication began; its packets follow."""

    def packet(self, publication: str, data: bytes, arrival: float) -> None:
        """One decrypted RTP packet with its header; a retransmission is restored to its original form (RFC 4588 §4).

        Packets come in order of arrival: late, missing and doubled ones are the listener's to sort out.
        """

    def sender_report(self, publication: str, ntp: int, rtp: int, arrival: float) -> None:
        """The sender's own clock: 64-bit NTP time and the RTP timestamp of the same instant (RFC 3550 §6.4.1)."""

    def track_closed(self, publication: str) -> None:
        """The publication ended; nothing more comes under this id."""


class RoomFeed(Protocol):
    """What the media plane offers to whoever records."""

    def listen(self, room: str, tap: MediaTap) -> Callable[[], None]:
        """Begin with `track_opened` for each open track of the room; returns the function that stops listening."""

    def request_keyframe(self, publication: str) -> None:
        """Ask the sender for a picture that can be decoded alone (RFC 4585 §6.3.1); coalesced, never dropped."""
