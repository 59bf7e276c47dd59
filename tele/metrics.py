"""The numbers of /metrics, gathered when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signaling.rooms import Rooms
from signaling.server import SocketServer
from tele.link import CallFailed, LinkDown
from tele.media_pool import MediaPool
from tele.process import holdings
from tele.services.paging import PagingEngine

Labels = tuple[tuple[str, str], ...]
Samples = dict[Labels, float]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Reads every part that counts something."""

    sockets: SocketServer
    rooms: Rooms
    media: MediaPool
    paging: PagingEngine

    async def read(self) -> dict[str, Samples]:
        """Metric → labels → value."""
        counts = self.rooms.counts()
        found: dict[str, Samples] = {
            "tele_pages_open": {(): self.sockets.connections},
            "tele_calls": {(): counts["rooms"]},
            "tele_people_in_calls": {(): counts["people"]},
            **{f"tele_front_{name}": {(): value} for name, value in holdings().items()},
        }
        try:
            workers = await self.media.stats()
        except (LinkDown, CallFailed):
            workers = []  # a worker that is starting has nothing to tell; tele_media_workers_up says so
        found["tele_media_workers_up"] = {(): len(workers)}
        for number, worker in enumerate(workers):
            for part, numbers in worker.items():
                _read(f"tele_{part}", numbers, (("worker", str(number)),), found)
        return found


def _read(prefix: str, numbers: Mapping[str, Any], labels: Labels, found: dict[str, Samples]) -> None:
    """Take a part's numbers; what has a label besides is name → label → its value → name → number."""
    for name, value in numbers.items():
        metric = f"{prefix}_{name}".replace("-", "_")
        if isinstance(value, int | float):
            found.setdefault(metric, {})[labels] = value
        elif isinstance(value, Mapping):
            for label, groups in value.items():
                for each, inner in groups.items():
                    _read(metric, inner, (*labels, (label, each)), found)
