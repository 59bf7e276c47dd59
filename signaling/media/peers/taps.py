"""Who listens to a room besides its participants: each tap is shielded from the others, the call from all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from signaling.media.counters import Counters
from tele.domain.media import MediaTap, Track


class Taps:
    """The taps of one room. It outlives the room, so that a recorder may listen before anyone has joined."""

    def __init__(self, counters: Counters) -> None:
        self._taps: list[MediaTap] = []
        self._counters = counters

    def __bool__(self) -> bool:
        return bool(self._taps)

    def add(self, tap: MediaTap, open_tracks: Iterable[Track]) -> None:
        """Begin to listen, with what is open already."""
        self._taps.append(tap)
        for track in open_tracks:
            with self._shielded():
                tap.track_opened(track)

    def remove(self, tap: MediaTap) -> None:
        """Stop listening; doing it twice does nothing."""
        if tap in self._taps:
            self._taps.remove(tap)

    def opened(self, track: Track) -> None:
        """A publication began."""
        for tap in list(self._taps):
            with self._shielded():
                tap.track_opened(track)

    def closed(self, publication: str) -> None:
        """A publication ended."""
        for tap in list(self._taps):
            with self._shielded():
                tap.track_closed(publication)

    def packet(self, publication: str, data: bytes, arrival: float) -> None:
        """One decrypted RTP packet."""
        for tap in list(self._taps):
            with self._shielded():
                tap.packet(publication, data, arrival)

    def sender_report(self, publication: str, ntp: int, rtp: int, arrival: float) -> None:
        """The sender's clock."""
        for tap in list(self._taps):
            with self._shielded():
                tap.sender_report(publication, ntp, rtp, arrival)

    @contextlib.contextmanager
    def _shielded(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a listener does wrong, the call goes on
            self._counters.error("tap_errors", error)
