"""What a source of a participant is said to need."""

from __future__ import annotations

from signaling.media.counters import Counters
from signaling.media.peers.feed import EXPECTED, MOST_SOUND, Feed
from signaling.media.peers.publication import Publication
from signaling.media.peers.taps import Taps
from signaling.media.transport.batch import Outbox
from tele.domain.media import Codec, Kind, Source, Track


def publication(source: Source, kind: Kind, codec: Codec) -> Publication:
    counters = Counters()
    track = Track(f"p-{source}", "room", "gp", source, kind, codec)
    return Publication(track, "stream", Taps(counters), Outbox(64, counters), counters, lambda: None)


def needed(each: Publication, bitrate: float) -> float:
    """bit/s that its feed is said to need, when so many were measured."""
    each.rate.bitrate = bitrate
    return Feed(each).layers[0].bitrate


def test_sound_that_comes_all_at_once_after_an_outage_leaves_room_for_pictures() -> None:
    sound = publication("microphone", "audio", "opus")
    assert needed(sound, 0.0) == EXPECTED["microphone"]
    assert needed(sound, 42_000.0) == 42_000.0
    assert needed(sound, 1_300_000.0) == MOST_SOUND
    assert needed(publication("camera", "video", "H264"), 1_300_000.0) == 1_300_000.0
