"""What /metrics shows of the workers: plain numbers with the worker's label, others with one more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tele.metrics import Numbers


class Pool:
    """Two workers."""

    async def stats(self) -> list[dict[str, Any]]:
        media = {
            "packets_in": 7,
            "tracks": {"source": {"camera": {"bitrate": 5.0}, "camera-low": {"bitrate": 1.0}}},
            "words": "are no number",
        }
        return [{"media": media, "recorder": {"errors": 0}}, {"media": {"packets_in": 9}}]


async def test_numbers_of_workers_get_their_labels() -> None:
    nothing = SimpleNamespace(connections=0, counts=lambda: {"rooms": 0, "people": 0})
    read = await Numbers(cast(Any, nothing), cast(Any, nothing), cast(Any, Pool()), cast(Any, nothing)).read()
    assert read["tele_media_packets_in"] == {(("worker", "0"),): 7, (("worker", "1"),): 9}
    assert read["tele_media_tracks_bitrate"] == {
        (("worker", "0"), ("source", "camera")): 5.0,
        (("worker", "0"), ("source", "camera-low")): 1.0,
    }
    assert read["tele_recorder_errors"] == {(("worker", "0"),): 0}
    assert not [name for name in read if "words" in name]
