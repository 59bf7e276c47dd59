"""Who listens to a room besides its participants: each tap is shielded from the others, the call from all."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from signaling.media.counters import Counters
from tele.domain.media import MediaTap, Track


class Taps:
    """The taps of one room. It outlives the room, so that a recorder may listen before anyone has joined."""

    def __init__(self, counters: Counters) -> None:
        self._taps: tuple[MediaTap, ...] = ()
        self._counters = counters

    def __bool__(self) -> bool:
        return bool(self._taps)

    def add(self, tap: MediaTap, open_tracks: Iterable[Track]) -> None:
        """Begin to listen, with what is open already."""
        self._taps = (*self._taps, tap)
        for track in open_tracks:
            self._tell(tap.track_opened, track)

    def remove(self, tap: MediaTap) -> None:
        """Stop listening; doing it twice does nothing."""
        self._taps = tuple(each for each in self._taps if each is not tap)

    def opened(self, track: Track) -> None:
        """A publication began."""
        for tap in self._taps:
            self._tell(tap.track_opened, track)

    def closed(self, publication: str) -> None:
        """A publication ended."""
        for tap in self._taps:
            self._tell(tap.track_closed, publication)

    def packet(self, publication: str, data: bytes, arrival: float) -> None:
        """One decrypted RTP packet."""
        for tap in self._taps:
            self._tell(tap.packet, publication, data, arrival)

    def sender_report(self, publication: str, ntp: int, rtp: int, arrival: float) -> None:
        """The sender's clock."""
        for tap in self._taps:
            self._tell(tap.sender_report, publication, ntp, rtp, arrival)

    def _tell(self, listener: Callable[..., None], *what: object) -> None:
        try:
            listener(*what)
        except Exception as error:  # noqa: BLE001 - whatever a listener does wrong, the call goes on
            self._counters.error("tap_errors", error)
