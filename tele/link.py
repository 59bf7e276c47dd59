"""Commands in, events out: the same calls to a media node inside this process or in a worker over a Unix socket."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import structlog

from tele.services.tasks import Tasks

log = structlog.get_logger(__name__)

Message = dict[str, Any]
LENGTH = struct.Struct("!I")
MAX_FRAME = 8 * 1024 * 1024
"""Bytes; the largest message is a snapshot of all rooms."""
MAX_BACKLOG = 32 * 1024 * 1024
"""Bytes that may wait to be read by the other side before it counts as dead."""
GREETING_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between attempts to bring the rooms of a worker that came up to what the database says."""
CALL_LIMIT = 15.0
"""Seconds a call may take: a worker that does not answer is treated like one that is down."""


class LinkDown(Exception):
    """The worker is not reachable now: it is starting again, and the caller should try later."""

    code = "media-down"


class CallFailed(Exception):
    """The other side refused the call; `code` says why in a word that a client can translate."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Callee(Protocol):
    """What a link leads to."""

    async def call(self, name: str, arguments: Message) -> Message:
        """Carry out one command; raises an exception with a `code` when it is refused."""


async def read_frame(reader: asyncio.StreamReader) -> Message:
    """One length-prefixed JSON object; raises ValueError when it is not one, IncompleteReadError at the end."""
    (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if size > MAX_FRAME:
        raise ValueError(f"frame of {size} bytes")
    message = json.loads(await reader.readexactly(size))
    if not isinstance(message, dict):
        raise ValueError("a frame that is not an object")
    return message


def frame(message: Message) -> bytes:
    """A message as it goes over the socket."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    return LENGTH.pack(len(body)) + body


class LinkServer:
    """The worker's end: answers calls and sends events.

    Calls about one room or recording are carried out in the order in which they came; others do not wait for them.
    """

    def __init__(self, callee: Callee) -> None:
        self._callee = callee
        self._tasks = Tasks("link")
        self._last: dict[str, asyncio.Task[Any]] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[Any]] = set()

    async def start(self, path: Path) -> None:
        """Listen; a socket file that a killed worker left behind is replaced."""
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, path=path)
        path.chmod(0o600)

    async def stop(self) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=1.0)
        await self._tasks.close()

    def emit(self, event: Message) -> None:
        """Send an event to every front; one that does not read is cut off rather than waited for."""
        data = frame(event)
        for writer in list(self._writers):
            if writer.transport.get_write_buffer_size() > MAX_BACKLOG:
                log.warning("link.front_does_not_read")
                writer.transport.abort()
            else:
                writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            while True:
                message = await read_frame(reader)
                arguments = message.get("arguments") or {}
                subject = str(arguments.get("room") or arguments.get("recording") or "")
                task = self._tasks.spawn(self._answer(writer, message, self._last.get(subject)), "call")
                self._last[subject] = task
                task.add_done_callback(functools.partial(self._forget, subject))
                # One call per turn of the loop: what many who come back at once want must not run in a row, for packets
                # are forwarded between two turns.
                await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the front went away; it comes back by itself
        except ValueError as mistake:
            log.error("link.bad_frame", reason=str(mistake))
        finally:
            self._writers.discard(writer)
            writer.close()

    def _forget(self, subject: str, done: asyncio.Task[Any]) -> None:
        if self._last.get(subject) is done:
            del self._last[subject]

    async def _answer(self, writer: asyncio.StreamWriter, message: Message, before: asyncio.Task[Any] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        answer = await self._carry_out(message)
        if not writer.is_closing():
            writer.write(frame(answer))

    async def _carry_out(self, message: Message) -> Message:
        number = message.get("id")
        try:
            result = await self._callee.call(str(message.get("call")), message.get("arguments") or {})
        except Exception as error:  # whatever happened belongs to this one call: told and logged
            code = getattr(error, "code", None)
            if not isinstance(code, str):
                log.exception("link.call_failed", call=message.get("call"))
                return {"id": number, "error": {"code": "internal", "text": "internal error"}}
            return {"id": number, "error": {"code": code, "text": str(error)}}
        return {"id": number, "result": result}


class RemoteNode:
    """The front's end: calls that wait for their answer, events, and reconnection for as long as it runs."""

    def __init__(self, path: Path, on_event: Callable[[Message], None], on_up: Callable[[], Awaitable[None]]) -> None:
        self._path = path
        self._on_event = on_event
        self._on_up = on_up
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._up_task: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether the worker is connected now."""
        return self._writer is not None

    async def call(self, name: str, arguments: Message) -> Message:
        """Raises LinkDown when the worker is away or does not answer, CallFailed when it refuses."""
        if self._writer is None:
            raise LinkDown("the media worker is starting")
        number = next(self._numbers)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(frame({"id": number, "call": name, "arguments": arguments}))
            message = await asyncio.wait_for(answer, CALL_LIMIT)
        except (TimeoutError, ConnectionError):
            raise LinkDown(f"the media worker did not answer {name}") from None
        finally:
            self._waiting.pop(number, None)
        if error := message.get("error"):
            raise CallFailed(error["code"], error["text"])
        result: Message = message["result"]
        return result

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            while True:
                try:
                    reader, writer = await asyncio.open_unix_connection(self._path)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                await self._converse(reader, writer)
        finally:
            if self._up_task is not None:
                self._up_task.cancel()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._up_task = asyncio.get_running_loop().create_task(self._told_up())
        try:
            while True:
                message = await read_frame(reader)
                if "event" in message:
                    self._on_event(message)
                elif (answer := self._waiting.get(message.get("id", 0))) and not answer.done():
                    answer.set_result(message)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as reason:
            log.warning("link.worker_lost", worker=self._path.name, reason=type(reason).__name__)
        finally:
            self._writer = None
            self._up_task.cancel()
            writer.close()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError("the media worker went away"))

    async def _told_up(self) -> None:
        for pause in GREETING_PAUSES:
            try:
                await self._on_up()
                return
            except LinkDown:
                if self._writer is None:
                    log.info("link.worker_lost_while_greeting")  # the next connection greets again
                    return
            except Exception:  # the greeting repairs rooms; its failure must not cut the link
                log.exception("link.greeting_failed")
            await asyncio.sleep(pause)  # the database was busy, or the worker was: calls wait for their recorder


class LocalNode:
    """The same calls to a node in this process."""

    up = True

    def __init__(self, callee: Callee) -> None:
        self._callee = callee

    async def call(self, name: str, arguments: Message) -> Message:
        """Raises CallFailed exactly where the remote end would."""
        try:
            return await self._callee.call(name, arguments)
        except CallFailed:
            raise
        except Exception as error:
            if isinstance(code := getattr(error, "code", None), str):
                raise CallFailed(code, str(error)) from error
            raise
