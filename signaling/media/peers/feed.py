"""One source of one participant as the others receive it: one sound, or one picture in one or two layers."""

from __future__ import annotations

from math import inf
from typing import Final

from signaling.media.peers.publication import Publication
from signaling.media.policy.allocation import Layer
from signaling.media.policy.allocation import Source as FeedSource
from tele.domain.media import Codec, Kind, Source

FEED_SOURCE: Final[dict[Source, FeedSource]] = {
    "microphone": "microphone",
    "camera": "camera",
    "camera-low": "camera",
    "screen": "screen",
    "screen-audio": "screen-audio",
}
EXPECTED: Final[dict[Source, float]] = {
    "microphone": 40_000.0,
    "camera": 100_000.0,
    "camera-low": 80_000.0,
    "screen": 80_000.0,
    "screen-audio": 64_000.0,
}
"""bit/s that a publication is taken to need before it has been measured: browsers begin small."""
MOST_SOUND: Final = 200_000.0
"""bit/s that a sound is taken to need at most. What browsers kept while nothing passed comes all at once afterwards, at
several times that: it must not cost everybody the pictures."""

FeedKey = tuple[str, FeedSource, Codec]
"""What belongs together: the stream that a publishing peer's publications share, the source, and the codec."""


def feed_key(publication: Publication) -> FeedKey:
    """The feed that a publication belongs to."""
    return publication.stream, FEED_SOURCE[publication.track.source], publication.track.codec


class Feed:
    """Made with its first publication; without any, it is over."""

    def __init__(self, first: Publication) -> None:
        self.id = first.track.publication
        """Its first publication's id."""
        self.participant = first.track.participant
        self.stream, self.source, self.codec = feed_key(first)
        self.kind: Kind = first.track.kind
        self.layers: tuple[Layer, ...] = ()
        """What can be sent now, as the choice wants it: lowest bitrate first."""
        self._publications: dict[str, Publication] = {}
        self.add(first)

    def __bool__(self) -> bool:
        return bool(self._publications)

    def add(self, publication: Publication) -> None:
        """Another layer."""
        self._publications[publication.track.publication] = publication
        self.measure()

    def remove(self, publication: Publication) -> None:
        """A layer ended."""
        self._publications.pop(publication.track.publication, None)
        self.measure()

    def publication(self, key: str | None) -> Publication | None:
        """The layer of this key."""
        return self._publications.get(key) if key is not None else None

    def measure(self) -> None:
        """Take the layers' bitrates as they are measured by now. A layer that fell silent is none, unless all did."""
        every = self._publications.values()
        flowing = [each for each in every if each.rate.bitrate > 0 or not each.packets]
        most = MOST_SOUND if self.kind == "audio" else inf
        layers = [
            Layer(each.track.publication, min(most, each.rate.bitrate) or EXPECTED[each.track.source])
            for each in flowing or every
        ]
        # Which is the larger one is seen, not believed: clients list the layers of a simulcast either way round.
        layers.sort(key=lambda layer: layer.bitrate)
        if len(layers) != len(self.layers) or any(map(_differs, layers, self.layers)):
            self.layers = tuple(layers)


def _differs(now: Layer, before: Layer) -> bool:
    """Whether the choice should hear of it: small changes would only make work for every subscriber."""
    return now.key != before.key or abs(now.bitrate - before.bitrate) > 0.05 * before.bitrate
