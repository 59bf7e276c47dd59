"""How requests for media wait for leave: looked up together, then from memory; a late or failed look lets nobody in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tele.domain.access import Action
from tele.domain.refusals import SignedOut, Unavailable, Unknown
from tele.services.leave import Granted, Key
from tele.services.viewing import Answer
from tele.web.edge import Edge
from tele.web.media_leave import MediaLeave

GRANTED = Granted("person", "session", frozenset({"person", "session", "recording", "lecture"}), 3600.0)


class Rows:
    """What a look finds, and how often anybody looked."""

    def __init__(self) -> None:
        self.answer: Answer = GRANTED
        self.asked: list[set[Key]] = []
        self.begun: list[Key] = []
        self.broken = False
        self.hold = asyncio.Event()
        self.hold.set()

    async def look(self, keys: Collection[Key], begun: Collection[Key]) -> dict[Key, Answer]:
        self.asked.append(set(keys))
        self.begun += begun
        answer = self.answer
        await self.hold.wait()
        if self.broken:
            raise OSError("the disk is gone")
        return dict.fromkeys(keys, answer)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def looking(rows: Rows, clock: Clock | None = None) -> AsyncIterator[MediaLeave]:
    leave = MediaLeave(rows.look, Edge(), clock or Clock())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(leave.run())
        yield leave
        running.cancel()


def request(token: str = "t") -> web.Request:
    return make_mocked_request("GET", "/media/recording/index.m3u8", headers={"Cookie": f"{Edge().cookie}={token}"})


async def test_all_who_wait_are_looked_up_together_and_then_from_memory() -> None:
    rows, clock = Rows(), Clock()
    async with looking(rows, clock) as leave:
        await asyncio.gather(*(leave.authorise(request(f"t{number % 50}"), "recording") for number in range(200)))
        assert len(rows.asked) == 1 and len(rows.asked[0]) == 50
        assert len(rows.begun) == 50
        for _ in range(100):
            await leave.authorise(request("t7"), "recording")
        assert len(rows.asked) == 1
        leave.changed("lecture")
        await leave.authorise(request("t7"), "recording")
        assert len(rows.asked) == 2 and len(rows.begun) == 50


async def test_refusals_are_not_remembered() -> None:
    rows = Rows()
    async with looking(rows) as leave:
        for answer, refusal in ((None, SignedOut), (Action.REPLAY, Unknown)):
            rows.answer = answer
            with pytest.raises(refusal):
                await leave.authorise(request(), "recording")
        assert len(leave.leaves) == 0
        rows.answer = GRANTED
        await leave.authorise(request(), "recording")
        with pytest.raises(SignedOut):
            await leave.authorise(make_mocked_request("GET", "/media/recording/index.m3u8"), "recording")


async def test_without_the_rows_nobody_is_let_in_and_the_next_look_is_another() -> None:
    rows = Rows()
    async with looking(rows) as leave:
        rows.broken = True
        with pytest.raises(Unavailable):
            await leave.authorise(request(), "recording")
        rows.broken = False
        await leave.authorise(request(), "recording")


async def test_a_look_that_took_too_long_lets_nobody_in() -> None:
    rows, clock = Rows(), Clock()
    async with looking(rows, clock) as leave:
        rows.hold.clear()
        asking = asyncio.create_task(leave.authorise(request(), "recording"))
        while not rows.asked:
            await asyncio.sleep(0)
        clock.now += 5.0
        rows.answer = Action.REPLAY
        rows.hold.set()
        with pytest.raises(Unknown):
            await asking
        assert len(rows.asked) == 2


@pytest.mark.parametrize(("answer", "status"), [(GRANTED, 204), (None, 401), (Action.REPLAY, 403)])
async def test_a_cache_that_asks_is_told_what_it_understands(answer: Answer, status: int) -> None:
    rows = Rows()
    rows.answer = answer
    async with looking(rows) as leave:
        path = "/media/recording/leave"
        asked = make_mocked_request(
            "GET", path, headers={"Cookie": f"{Edge().cookie}=t"}, match_info={"recording": "recording"}
        )
        assert (await leave.answer(asked)).status == status
        rows.broken = True
        leave.changed("lecture")
        with pytest.raises(Unavailable):
            await leave.answer(asked)
        stranger = make_mocked_request("GET", path, match_info={"recording": "recording"})
        assert (await leave.answer(stranger)).status == 401
