"""Processes: started, killed one by one and all at once, and ended in order."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.people import caller
from tests.server import Server, eventually, is_running, running_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "data") as server:
        yield server


def ports_free(server: Server) -> bool:
    with socket.socket() as web, socket.socket(type=socket.SOCK_DGRAM) as media:
        web.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            web.bind(("127.0.0.1", server.port))
            media.bind(("127.0.0.1", server.media_port))
        except OSError:
            return False
    return True


@pytest.mark.parametrize("role", ["_front", "_media"])
def test_a_killed_process_comes_back(server: Server, role: str) -> None:
    before = server.children()
    assert set(before) == {"_front", "_media 0"}
    server.kill(role)
    eventually(
        lambda: server.children().keys() == before.keys() and server.children() != before, 5, "not started again"
    )
    eventually(server.is_ready, 10, "not ready again")


def test_a_visitor_during_the_restart_waits_instead_of_being_refused(server: Server) -> None:
    server.kill("_front")
    with urllib.request.urlopen(f"{server.url}/healthz", timeout=10) as answer:
        assert answer.status == 200


def test_children_end_with_their_supervisor_and_leave_no_port_taken(server: Server) -> None:
    children = server.children()
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(5)
    eventually(lambda: not any(is_running(child) for child in children.values()), 2, "orphans are left")
    assert ports_free(server)


def test_after_a_kill_of_everything_the_same_data_serves_again(server: Server) -> None:
    server.kill_all()
    eventually(lambda: ports_free(server), 2, "a port is still taken")
    server.start()
    assert "demo accounts were made" in server.log
    assert server.log.count("demo accounts were made") == 1


def test_it_ends_in_order_when_asked(server: Server) -> None:
    assert server.stop() == 0
    assert ports_free(server)


async def test_a_ring_survives_the_death_of_the_front(server: Server) -> None:
    async with caller(server.url, "gp", page=False) as gp:
        async with caller(server.url, "spec") as specialist:
            await specialist.ok("PUT", "/api/on-call", {"on": True})
            made = await gp.ask()
            await specialist.hears("ring", consultation=made["id"])
            server.kill("_front")
        async with caller(server.url, "spec") as specialist:
            seen = await specialist.ok("GET", "/api/on-call")
            assert seen["on"] is True
            accepted = await specialist.ok("POST", f"/api/consultations/{made['id']}/accept")
            assert accepted["stage"] == "in-call"


async def test_a_call_survives_the_death_of_everything(server: Server) -> None:
    async with caller(server.url, "gp") as gp, caller(server.url, "spec") as specialist:
        await specialist.ok("PUT", "/api/on-call", {"on": True})
        made = await gp.ask()
        await specialist.hears("ring", consultation=made["id"])
        await specialist.ok("POST", f"/api/consultations/{made['id']}/accept")
        room = (await gp.ok("GET", f"/api/consultations/{made['id']}"))["encounter"]["room"]
        before = await gp.send("room.join", {"room": room, "codecs": ["H264"]})
        server.kill_all()
        server.start()
    async with caller(server.url, "gp") as gp:
        after = await gp.send("room.join", {"room": room, "codecs": ["H264"]})
        assert (after["participant"], after["recording"]) == (before["participant"], "on")
        await gp.ok("POST", f"/api/consultations/{made['id']}/hang-up")
        await gp.hears("consultation", id=made["id"], what="recording")
        listed = await gp.ok("GET", "/api/recordings?state=sealed")
        assert [each["consultation"] for each in listed["items"]] == [made["id"]]
