"""What many viewers fetch at the same time, kept in memory: each file is read once, and soon forgotten."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from recorder.library import Item
from recorder.ready import Answers

LARGEST = 4 * 1024 * 1024
"""Bytes; longer files are streamed from the disk."""

TTL = 30.0
"""Seconds after which a file is looked for again: retention may have removed it."""

Key = tuple[str, str]
"""Recording and path."""


@dataclass(frozen=True, slots=True)
class Held:
    """An item with its bytes."""

    item: Item
    data: bytes
    until: float
    answers: Answers = field(default_factory=Answers)


class GivenUpError(Exception):
    """Whoever was reading for all has gone away."""


class Memory:
    """Of one event loop; holds at most `limit` bytes, what was used last the longest."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self.held = 0
        self.hits = 0
        self.misses = 0
        self._limit = limit
        self._clock = clock
        self._items: OrderedDict[Key, Held] = OrderedDict()
        self._reading: dict[Key, asyncio.Future[Held | None]] = {}

    def get(self, key: Key) -> Held | None:
        """What is held under a key, if it is still fresh."""
        held = self._items.get(key)
        if held is None:
            return None
        if held.until < self._clock():
            self._forget(key)
            return None
        self.hits += 1
        self._items.move_to_end(key)
        return held

    def put(self, key: Key, item: Item, data: bytes) -> Held:
        """Hold something from now on, at the cost of what was used longest ago."""
        self._forget(key)
        held = self._items[key] = Held(item, data, self._clock() + TTL)
        self.held += len(data)
        while self.held > self._limit:
            self._forget(next(iter(self._items)))
        return held

    async def load(self, key: Key, read: Callable[[], Awaitable[tuple[Item, bytes] | None]]) -> Held | None:
        """What is held, or read once for all who ask meanwhile; None when `read` finds nothing. Raises what it does."""
        while True:
            held = self.get(key)
            if held is not None:
                return held
            pending = self._reading.get(key)
            if pending is None:
                break
            try:
                return await asyncio.shield(pending)
            except GivenUpError:
                continue  # whoever read it for all has gone away: the next one reads
        self.misses += 1
        pending = self._reading[key] = asyncio.get_running_loop().create_future()
        try:
            found = await read()
            held = self.put(key, *found) if found is not None else None
        except BaseException as error:
            # Nobody else may be waiting: then it is raised here alone.
            pending.set_exception(error if isinstance(error, Exception) else GivenUpError())
            pending.exception()
            raise
        else:
            pending.set_result(held)
            return held
        finally:
            del self._reading[key]

    def _forget(self, key: Key) -> None:
        held = self._items.pop(key, None)
        if held is not None:
            self.held -= len(held.data)
