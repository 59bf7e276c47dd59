"""Pages that watch: who hears what, changes told together, and a presenter's line that is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from signaling import messages
from signaling.heads import NoHeads
from signaling.lectures import WATCHED, Lectures
from signaling.ports import Json, SocketError
from tele.domain.access import Actor
from tele.domain.refusals import Unknown
from tele.services.tasks import Tasks

LECTURE = "lecture-0123456789"
GP = Actor("gp-1", "Chen Jie", "zh-CN", (("gp", "phc"),), frozenset(), "s1")
SPEC = Actor("spec-1", "Li Wei", "en", (("specialist", "west"),), frozenset(), "s2")


class Sockets:
    def __init__(self) -> None:
        self.groups: dict[str, set[str]] = {}
        self.said: list[tuple[str, str, Json]] = []
        self.news = asyncio.Event()

    async def listen(self, sid: str, group: str) -> None:
        self.groups.setdefault(group, set()).add(sid)

    async def unlisten(self, sid: str, group: str) -> None:
        self.groups[group].discard(sid)

    async def to_group(self, group: str, event: str, payload: Json) -> None:
        self.said.append((group, event, payload))
        self.news.set()


class House:
    def __init__(self) -> None:
        self.asked = 0

    async def came(self, actor: Actor, lecture: str) -> tuple[str, bool]:
        if not lecture.startswith("lecture"):
            raise Unknown
        return actor.language, actor is SPEC

    async def floor(self, lecture: str, language: str) -> Json:
        self.asked += 1
        return {"lecture": lecture, "in": language}

    async def hands(self, lecture: str, language: str) -> Json:
        return {"lecture": lecture, "hands": []}


@pytest.fixture
async def hall() -> AsyncIterator[tuple[Lectures, Sockets, House]]:
    sockets, house, tasks = Sockets(), House(), Tasks("test")
    lectures = Lectures(groups=sockets, heads=NoHeads(), tasks=tasks, remind=lambda: None, deck=lambda: None)
    lectures.start(house)
    yield lectures, sockets, house
    await tasks.close()


def watch(lecture: str = LECTURE) -> messages.LectureWatch:
    return messages.LectureWatch(lecture=lecture)


async def test_readers_of_each_language_and_hosts_hear_their_own(hall: Any) -> None:
    lectures, sockets, _ = hall
    assert await lectures.watch(GP, "a", watch()) == {"watching": 1, "picture": "on"}
    assert (await lectures.watch(SPEC, "b", watch()))["watching"] == 2
    assert sockets.groups[f"lecture:{LECTURE}:zh-CN"] == {"a"} and sockets.groups[f"lecture:{LECTURE}:en"] == {"b"}
    assert sockets.groups[f"lecture:{LECTURE}:hosts:en"] == {"b"}
    await lectures.unwatch("b", messages.LectureUnwatch(lecture=LECTURE))
    assert not sockets.groups[f"lecture:{LECTURE}:hosts:en"] and lectures.watching(LECTURE) == 1
    lectures.disconnected("a")
    assert lectures.watching(LECTURE) == 0


async def test_hosts_alone_hear_of_encoders_and_of_what_is_new(hall: Any) -> None:
    lectures, sockets, _ = hall
    encoder = {"id": "token-1", "name": "OBS", "connected": True}
    for devices in ([], [encoder], [encoder], [], []):
        await lectures.devices(LECTURE, devices)
    groups = {f"lecture:{LECTURE}:hosts:en", f"lecture:{LECTURE}:hosts:zh-CN"}
    assert {group for group, _, _ in sockets.said} == groups
    assert [payload["devices"] for group, _, payload in sockets.said if group.endswith("en")] == [[encoder], []]


async def test_who_is_not_invited_hears_nothing(hall: Any) -> None:
    lectures, sockets, _ = hall
    with pytest.raises(SocketError, match="no such"):
        await lectures.watch(GP, "a", watch("another-0123456789"))
    assert not sockets.groups


async def test_a_page_watches_a_bounded_number(hall: Any) -> None:
    lectures, _, _ = hall
    for number in range(WATCHED):
        await lectures.watch(GP, "a", watch(f"lecture-{number:010d}"))
    with pytest.raises(SocketError) as refused:
        await lectures.watch(GP, "a", watch())
    assert refused.value.code == "too-many"


async def test_many_changes_are_told_together(hall: Any) -> None:
    lectures, sockets, house = hall
    for _ in range(100):
        lectures.floor(LECTURE)
    await asyncio.wait_for(sockets.news.wait(), 5)
    while len(sockets.said) < 4:
        sockets.news.clear()
        await asyncio.wait_for(sockets.news.wait(), 5)
    assert house.asked == 2  # once for each language
    assert [(group.rpartition(":")[2], event) for group, event, _ in sockets.said] == [
        ("en", "lecture.floor"), ("en", "lecture.hands"), ("zh-CN", "lecture.floor"), ("zh-CN", "lecture.hands")
    ]  # fmt: skip


async def test_a_lost_picture_is_told_once_and_to_who_comes(hall: Any) -> None:
    lectures, sockets, _ = hall
    await lectures.picture(LECTURE, "on")
    await lectures.picture(LECTURE, "away")
    await lectures.picture(LECTURE, "away")
    assert [(event, payload["state"]) for _, event, payload in sockets.said] == [("lecture.picture", "away")]
    assert (await lectures.watch(GP, "a", watch()))["picture"] == "away"
    await lectures.picture(LECTURE, "on")
    assert sockets.said[-1][2]["state"] == "on"
