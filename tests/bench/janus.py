"""Janus' videoroom as a server under test: a process of its own with a configuration that lasts as long as it does."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench.load import SSRC, pinned, with_candidate
from tests.media_client import MediaClient

ROOM = "bench"
PLUGIN, TRANSPORT = "libjanus_videoroom.so", "libjanus_http.so"
WAIT = 20.0
"""Seconds for Janus to answer anything."""

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>
int getifaddrs(struct ifaddrs **list) {
    int (*real)(struct ifaddrs **) = dlsym(RTLD_NEXT, "getifaddrs");
    int failed = real(list);
    for (struct ifaddrs *each = failed ? 0 : *list; each; each = each->ifa_next) each->ifa_flags &= ~IFF_LOOPBACK;
    return failed;
}
"""
"""Janus gathers no candidate on an interface that calls itself loopback."""

# All else is Janus' default.
CONFIGURATION = """
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{folder}/plugins"
    transports_folder = "{folder}/transports"
    events_folder = "{folder}/none"
    loggers_folder = "{folder}/none"
    debug_level = 2
}}
nat: {{
    ice_enforce_list = "127.0.0.1"
}}
"""
HTTP = """
general: {{
    json = "compact"
    base_path = "/janus"
    http = true
    ip = "127.0.0.1"
    port = {port}
    https = false
}}
admin: {{
    admin_http = false
}}
"""


@dataclass(frozen=True)
class Installation:
    """What of Janus is on this machine."""

    program: str
    compiler: str
    plugin: Path
    transport: Path

    async def start(self, core: int, recordings: str = "") -> Janus:
        """A fresh Janus on that core, with an empty room; with a folder, what is sent in rooms is recorded there."""
        folder = Path(tempfile.mkdtemp(prefix="bench-janus-"))
        try:
            return await self._start(folder, core, recordings)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    async def _start(self, folder: Path, core: int, recordings: str) -> Janus:
        for name in ("plugins", "transports", "none"):
            (folder / name).mkdir()
        (folder / "plugins" / PLUGIN).symlink_to(self.plugin)
        (folder / "transports" / TRANSPORT).symlink_to(self.transport)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        (folder / "janus.jcfg").write_text(CONFIGURATION.format(folder=folder))
        (folder / "janus.transport.http.jcfg").write_text(HTTP.format(port=port))
        (folder / "shim.c").write_text(SHIM)
        shim = folder / "shim.so"
        build = [self.compiler, "-shared", "-fPIC", "-O1", "-o", str(shim), str(folder / "shim.c"), "-ldl"]
        subprocess.run(build, check=True)
        with (folder / "log").open("wb") as log, pinned(core):
            process = await asyncio.create_subprocess_exec(
                self.program,
                f"--configs-folder={folder}",
                f"--config={folder / 'janus.jcfg'}",
                "--disable-colors",
                env={**os.environ, "LD_PRELOAD": str(shim)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        server = Janus(process, folder, f"http://127.0.0.1:{port}/janus", recordings)
        try:
            await server.open()
        except BaseException:
            await server.stop()
            raise
        return server


def find() -> Installation:
    """What is installed. Raises LookupError, in words for whoever runs the benchmark."""
    program = shutil.which("janus")
    if program is None:
        raise LookupError("Janus is not installed (on Debian: apt-get install janus).")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise LookupError("Janus skips loopback; making it listen there needs a C compiler, and there is no cc here.")
    libraries = []
    for kind, name in (("plugins", PLUGIN), ("transports", TRANSPORT)):
        roots = (Path("/usr/lib"), Path("/usr/local/lib"), Path("/opt/janus/lib"))
        paths = [path for root in roots for depth in ("", "*/") for path in root.glob(f"{depth}janus/{kind}/{name}")]
        if not paths:
            raise LookupError(f"Janus is installed without {name}.")
        libraries.append(paths[0].resolve())
    return Installation(program, compiler, *libraries)


class Janus:
    """The running process, spoken to over its HTTP transport: one session, a handle per peer."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, url: str, recordings: str) -> None:
        self._process = process
        self.folder = folder
        self._url = url
        self._session = ""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        self._events: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._up: dict[int, asyncio.Event] = {}
        self._recordings = recordings
        self._rooms: dict[str, int] = {}
        self._feeds: dict[str, dict[str, int]] = {}
        """Who sends in which room: Janus' number by name."""
        self._tasks = Tasks(Counters())

    @property
    def pid(self) -> int:
        """Janus' process."""
        return self._process.pid

    async def open(self) -> None:
        """Wait until it answers and make the room. Raises RuntimeError with its log when it does not come up."""
        async with asyncio.timeout(WAIT):
            while True:
                if self._process.returncode is not None:
                    raise RuntimeError(f"Janus ended at once:\n{(self.folder / 'log').read_text()[-2000:]}")
                try:
                    created = await self._post(self._url, {"janus": "create"})
                    break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)
        self._session = f"{self._url}/{created['data']['id']}"
        self._tasks.spawn(self._poll(), "events of Janus")
        await self.open_room(ROOM)

    async def open_room(self, room: str) -> None:
        """Make a room, recorded where recordings are made."""
        handle = await self._attach()
        self._rooms[room] = number = len(self._rooms) + 1
        body: dict[str, Any] = {"request": "create", "room": number, "videocodec": "h264", "publishers": 8}
        body["bitrate"] = 0
        if self._recordings:
            body |= {"record": True, "rec_dir": self._recordings}
        made = await self._post(f"{self._session}/{handle}", {"janus": "message", "body": body})
        if made["plugindata"]["data"].get("videoroom") != "created":
            raise RuntimeError(f"Janus makes no room: {made}")

    async def publish(
        self, client: MediaClient, *, room: str = ROOM, name: str = "publisher", audio: bool = False, ssrc: int = SSRC
    ) -> None:
        """Connect somebody who sends a camera, and with `audio` a microphone; it is the DTLS client."""
        handle = await self._attach()
        sections = [("audio", "opus", ssrc - 1)] if audio else []
        offer = with_candidate(client, client.offer(*sections, ("video", "H264", ssrc)))
        body = {"request": "joinandconfigure", "room": self._rooms[room], "ptype": "publisher"}
        jsep = {"type": "offer", "sdp": offer.replace("a=setup:actpass", "a=setup:active")}
        answer = await self._ask(handle, body, jsep)
        self._feeds.setdefault(room, {})[name] = answer["plugindata"]["data"]["id"]
        await client.connect(answer["jsep"]["sdp"])
        await self._connected(handle)

    async def subscribe(self, client: MediaClient, index: int, *, room: str = ROOM, name: str = "") -> None:
        """Connect somebody who receives the others of the room."""
        handle = await self._attach()
        streams = [{"feed": feed} for who, feed in self._feeds[room].items() if who != name]
        body = {"request": "join", "room": self._rooms[room], "ptype": "subscriber", "streams": streams}
        offer = (await self._ask(handle, body))["jsep"]["sdp"]
        await self._ask(
            handle, {"request": "start"}, {"type": "answer", "sdp": with_candidate(client, client.answer(offer))}
        )
        await client.connect(offer)
        await self._connected(handle)

    async def counts(self) -> dict[str, int]:
        """None are asked for."""
        return {}

    async def stop(self) -> None:
        """End the process and remove its folder."""
        await self._tasks.stop()
        await self._http.close()
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(self._process.wait(), 10)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _post(self, url: str, message: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(url, json={**message, "transaction": "t"}) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
        if answer["janus"] == "error":
            raise RuntimeError(f"Janus refuses: {answer['error']}")
        return answer

    async def _attach(self) -> int:
        answer = await self._post(self._session, {"janus": "attach", "plugin": "janus.plugin.videoroom"})
        handle = int(answer["data"]["id"])
        self._events[handle], self._up[handle] = asyncio.Queue(), asyncio.Event()
        return handle

    async def _ask(self, handle: int, body: dict[str, Any], jsep: dict[str, Any] | None = None) -> dict[str, Any]:
        """A request whose answer comes as an event."""
        message = {"janus": "message", "body": body, **({"jsep": jsep} if jsep else {})}
        await self._post(f"{self._session}/{handle}", message)
        event = await asyncio.wait_for(self._events[handle].get(), WAIT)
        if "error" in event["plugindata"]["data"]:
            raise RuntimeError(f"Janus refuses: {event['plugindata']['data']}")
        return event

    async def _connected(self, handle: int) -> None:
        await asyncio.wait_for(self._up[handle].wait(), WAIT)

    async def _poll(self) -> None:
        """Sort what Janus says by handle."""
        while True:
            async with self._http.get(self._session, params={"maxev": "20"}) as response:
                events = await response.json(content_type=None)
            for event in events if isinstance(events, list) else [events]:
                handle = event.get("sender")
                if event["janus"] == "webrtcup":
                    self._up[handle].set()
                elif event["janus"] == "event":
                    self._events[handle].put_nowait(event)
