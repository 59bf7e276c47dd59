"""The link to a media worker: answers, refusals, order, events, and life after either side died."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tele import link
from tele.link import LENGTH, CallFailed, LinkDown, LinkServer, Message, RemoteNode


class Refused(Exception):
    code = "bad-sdp"


class Worker:
    """Answers `echo`, refuses `refuse`, breaks on `crash`, and holds `slow` until it is let go."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.go = asyncio.Event()

    async def call(self, name: str, arguments: Message) -> Message:
        if name == "refuse":
            raise Refused("not a session description")
        if name == "crash":
            raise KeyError("boom")
        if name == "slow":
            await self.go.wait()
        self.order.append(str(arguments.get("tag", name)))
        return {"echo": arguments}


class Pair:
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="tele-test-")
        self.path = Path(self.folder.name) / "worker.sock"
        self.worker = Worker()
        self.server = LinkServer(self.worker)
        self.events: asyncio.Queue[Message] = asyncio.Queue()
        self.ups = 0
        self.refusals: list[Exception] = []
        self.came_up = asyncio.Event()
        self.node = RemoteNode(self.path, self.events.put_nowait, self.up)
        self.running: asyncio.Task[None] | None = None

    async def up(self) -> None:
        self.ups += 1
        if self.refusals:
            raise self.refusals.pop()
        self.came_up.set()

    async def start(self) -> None:
        await self.server.start(self.path)
        self.running = asyncio.get_running_loop().create_task(self.node.run())
        await self.came_up.wait()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = Pair()
    await pair.start()
    yield pair
    assert pair.running is not None
    pair.running.cancel()
    await asyncio.gather(pair.running, return_exceptions=True)
    await pair.server.stop()
    pair.folder.cleanup()


async def test_a_call_is_answered_and_a_refusal_keeps_its_code(pair: Pair) -> None:
    assert await pair.node.call("echo", {"room": "r", "text": "张伟"}) == {"echo": {"room": "r", "text": "张伟"}}
    with pytest.raises(CallFailed) as refused:
        await pair.node.call("refuse", {})
    assert refused.value.code == "bad-sdp"
    with pytest.raises(CallFailed) as broken:
        await pair.node.call("crash", {})
    assert (broken.value.code, str(broken.value)) == ("internal", "internal error")


async def test_calls_of_one_room_keep_their_order_and_others_do_not_wait(pair: Pair) -> None:
    first = asyncio.ensure_future(pair.node.call("slow", {"room": "a", "tag": "a1"}))
    second = asyncio.ensure_future(pair.node.call("echo", {"room": "a", "tag": "a2"}))
    await pair.node.call("echo", {"room": "b", "tag": "b1"})
    assert pair.worker.order == ["b1"]
    pair.worker.go.set()
    await asyncio.gather(first, second)
    assert pair.worker.order == ["b1", "a1", "a2"]


async def test_events_arrive(pair: Pair) -> None:
    pair.server.emit({"event": "offer", "version": 1})
    assert await pair.events.get() == {"event": "offer", "version": 1}


async def test_a_worker_that_dies_fails_its_calls_and_is_greeted_again(pair: Pair) -> None:
    waiting = asyncio.ensure_future(pair.node.call("slow", {"room": "a"}))
    await pair.node.call("echo", {"room": "b"})
    await pair.server.stop()
    with pytest.raises(LinkDown):
        await waiting
    pair.came_up.clear()
    pair.server = LinkServer(pair.worker)
    await pair.server.start(pair.path)
    await pair.came_up.wait()
    assert pair.ups == 2
    assert await pair.node.call("echo", {}) == {"echo": {}}


@pytest.mark.parametrize("junk", [b"\xff" * 64, LENGTH.pack(3) + b"[1]", LENGTH.pack(9) + b"not json!"])
async def test_junk_on_the_socket_ends_that_connection_alone(pair: Pair, junk: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(pair.path)
    writer.write(junk)
    assert await reader.read() == b""
    writer.close()
    assert await pair.node.call("echo", {}) == {"echo": {}}


async def test_a_greeting_that_failed_is_tried_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that was busy for a moment must not leave calls without their recorder."""
    monkeypatch.setattr(link, "GREETING_PAUSES", (0.0, 0.0, 0.0))
    await pair.server.stop()
    pair.came_up.clear()
    pair.refusals = [RuntimeError("database is locked"), LinkDown("no answer")]
    pair.server = LinkServer(pair.worker)
    await pair.server.start(pair.path)
    async with asyncio.timeout(5):
        await pair.came_up.wait()
    assert pair.ups == 4


async def test_calls_that_come_together_leave_a_turn_of_the_loop_between_them(pair: Pair) -> None:
    loop, turns = asyncio.get_running_loop(), 0
    carried_out: list[int] = []

    def turn() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(turn)

    async def call(name: str, arguments: Message) -> Message:
        carried_out.append(turns)
        return {}

    pair.worker.call = call  # type: ignore[method-assign]
    turn()
    await asyncio.gather(*(pair.node.call("echo", {"room": f"room-{number}"}) for number in range(100)))
    assert len(set(carried_out)) == 100
