"""Two nodes that share a database and a real Redis: rings, calls and presence cross between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import peers
from tests.people import caller
from tests.server import Server, running_server


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with peers.redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="module")
def nodes(redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    folder: Path = tmp_path_factory.mktemp("nodes")
    shared = {
        "TELE_REDIS__URL": redis,
        "TELE_DATABASE__URL": f"sqlite+aiosqlite:///{folder / 'shared.sqlite3'}",
        "TELE_MEDIA__WORKERS": "0",
    }
    with (
        running_server(folder / "data", TELE_NODE="a", **shared) as first,
        running_server(folder / "data", TELE_NODE="b", **shared) as second,
    ):
        yield first, second


async def test_a_ring_on_the_other_node_and_a_call_across_both(nodes: tuple[Server, Server]) -> None:
    first, second = nodes
    async with caller(first.url, "gp") as gp, caller(second.url, "spec") as specialist:
        await specialist.ok("PUT", "/api/on-call", {"on": True})
        made = await gp.ask()
        ring = await specialist.hears("ring", consultation=made["id"])
        assert ring["question"] == "ST elevation?"
        await specialist.ok("POST", f"/api/consultations/{made['id']}/accept")
        await gp.hears("consultation", id=made["id"], stage="in-call")
        case = await gp.ok("GET", f"/api/consultations/{made['id']}")
        room = case["encounter"]["room"]
        here = await gp.send("room.join", {"room": room, "codecs": ["H264", "VP9"]})
        there = await specialist.send("room.join", {"room": room, "codecs": ["H264", "VP9"]})
        assert here["ok"] and there["ok"]
        assert [person["role"] for person in there["people"]] == ["gp", "specialist"]
        assert there["recording"] == "on"
        sent = await specialist.send("chat.send", {"room": room, "text": "V2 to V4?", "client_id": "c_12345678"})
        assert sent["ok"]
        heard = await gp.hears("chat.message", room=room)
        assert heard["message"]["text"] == "V2 to V4?"
        await specialist.send("media.subscribe", {"room": room, "session": "s_12345678"})
        await specialist.ok("POST", f"/api/consultations/{made['id']}/hang-up")
        over = await gp.hears("room.ended", room=room)
        assert over["reason"] == "hung-up"
        await gp.hears("consultation", id=made["id"], what="recording")
        assert (await gp.send("room.join", {"room": room, "codecs": ["H264"]}))["error"]["code"] == "room-ended"


async def test_a_page_on_the_other_node_counts_as_open(nodes: tuple[Server, Server]) -> None:
    first, second = nodes
    async with caller(second.url, "derm") as skin, caller(first.url, "gp2") as gp:
        await skin.ok("PUT", "/api/on-call", {"on": True})
        made = await gp.ask(specialty="dermatology", urgency="emergency")
        await skin.hears("ring", consultation=made["id"])
        await gp.ok("POST", f"/api/consultations/{made['id']}/cancel")
        end = await skin.hears("ring.end", consultation=made["id"])
        assert end["outcome"] == "cancelled"
        await skin.ok("PUT", "/api/on-call", {"on": False})
