"""Files kept in memory for many viewers: read once for all who ask meanwhile, whoever of them goes away."""

from __future__ import annotations

import asyncio

import pytest

from recorder.library import Item
from recorder.memory import Memory

KEY = ("recording", "cam/seg-1.m4s")
ITEM = Item("video/mp4", 8, "etag")


class Disk:
    """Reads that end when they are told to."""

    def __init__(self) -> None:
        self.reads = 0
        self.go_on = asyncio.Event()

    async def read(self) -> tuple[Item, bytes] | None:
        self.reads += 1
        await self.go_on.wait()
        return ITEM, b"pictures"


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_who_ask_at_once_cost_one_read() -> None:
    memory, disk = Memory(1_000, lambda: 0.0), Disk()
    asking = [asyncio.create_task(memory.load(KEY, disk.read)) for _ in range(5)]
    await settle()
    disk.go_on.set()
    found = await asyncio.gather(*asking)
    assert disk.reads == 1 and {held.data for held in found if held} == {b"pictures"}


async def test_who_goes_away_while_reading_takes_nobody_along() -> None:
    memory, disk = Memory(1_000, lambda: 0.0), Disk()
    first, *others = (asyncio.create_task(memory.load(KEY, disk.read)) for _ in range(4))
    await settle()
    first.cancel()
    await settle()
    disk.go_on.set()
    found = await asyncio.gather(*others)
    assert first.cancelled() and [held.data for held in found if held] == [b"pictures"] * 3
    assert disk.reads == 2


async def test_what_fails_fails_for_all_and_is_tried_again_by_the_next() -> None:
    memory = Memory(1_000, lambda: 0.0)

    async def broken() -> tuple[Item, bytes] | None:
        await asyncio.sleep(0)
        raise OSError("the disk is gone")

    asking = [asyncio.create_task(memory.load(KEY, broken)) for _ in range(3)]
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in told] == [OSError] * 3
    disk = Disk()
    disk.go_on.set()
    held = await memory.load(KEY, disk.read)
    assert held is not None and held.data == b"pictures"
    with pytest.raises(OSError):
        await memory.load(("recording", "other"), broken)
