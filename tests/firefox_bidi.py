"""Between Playwright and a stock Firefox: WebDriver BiDi passed on, but for the commands that Firefox has not got.

Started in Firefox's place, with its path and then its arguments. Playwright insists on emulating media features (dark
or light, less motion), and Firefox 153 does not know the command; for a test of calls and players nothing is lost.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Final

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

UNKNOWN: Final = frozenset({"emulation.setMediaFeaturesOverride"})
LISTENING: Final = "WebDriver BiDi listening on "
LARGEST: Final = 64 * 1024 * 1024
"""Bytes of one message, a screenshot being the largest."""

Socket = web.WebSocketResponse | ClientWebSocketResponse


def answer_to(message: str) -> str | None:
    """The answer to a command that is not to reach the browser; None for all others."""
    command = json.loads(message)
    if command.get("method") not in UNKNOWN:
        return None
    return json.dumps({"type": "success", "id": command["id"], "result": {}})


async def _pass_on(source: Socket, target: Socket, *, commands: bool) -> None:
    """Messages of one direction until either side closes."""
    async for message in source:
        if message.type is not WSMsgType.TEXT:
            continue
        answer = answer_to(message.data) if commands else None
        await (target if answer is None else source).send_str(message.data if answer is None else answer)
    await target.close()


async def _serve(browser: str) -> str:
    """Listen on a port of loopback for the one that drives the browser at `browser`; returns the address."""

    async def drive(request: web.Request) -> web.WebSocketResponse:
        driver = web.WebSocketResponse(max_msg_size=LARGEST)
        await driver.prepare(request)
        async with (
            ClientSession() as http,
            http.ws_connect(f"{browser}{request.path}", max_msg_size=LARGEST) as firefox,
            asyncio.TaskGroup() as both,
        ):
            both.create_task(_pass_on(driver, firefox, commands=True))
            both.create_task(_pass_on(firefox, driver, commands=False))
        return driver

    app = web.Application()
    app.router.add_get("/{path:.*}", drive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"ws://127.0.0.1:{runner.addresses[0][1]}"


async def main(command: list[str]) -> int:
    """Run Firefox, tell our address where it tells its own, and end as it ends."""
    firefox = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert firefox.stderr is not None
    async for line in firefox.stderr:
        said = line.decode(errors="replace").rstrip()
        if said.startswith(LISTENING):
            said = LISTENING + await _serve(said.removeprefix(LISTENING))
        print(said, file=sys.stderr, flush=True)
    return await firefox.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
