"""The same services on PostgreSQL: what differs there is who waits for whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tele.domain.ids import new_id
from tele.services.recorded import with_people
from tele.web.encounters import ENCOUNTERS
from tests.flow.house import House
from tests.flow.test_api_files import picture


@pytest.fixture
async def house(tmp_path: Path, postgres_url: str) -> AsyncIterator[House]:
    name = "t" + "".join(letter for letter in new_id().lower() if letter.isalnum())
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    await connection.execute(f"CREATE DATABASE {name}")
    house = await House.open(postgres_url.rsplit("/", 1)[0] + f"/{name}", tmp_path)
    yield house
    await house.close()
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def test_one_key_one_case_however_many_try_at_once(house: House) -> None:
    gp = await house.client("gp")
    send = [
        gp.post("/api/consultations", json=house.question(), headers={"Idempotency-Key": "k"}) for _ in range(8)
    ]  # fmt: skip
    replies = await asyncio.gather(*send)
    assert {reply.status for reply in replies} == {201}
    assert len({(await reply.json())["id"] for reply in replies}) == 1 == len(house.live.woken)


async def test_a_message_sent_twice_at_once_is_one(house: House) -> None:
    case = (await house.ask())["id"]
    await house.accept(case, "spec")
    gp = await house.client("gp")
    send = [
        gp.post(f"/api/consultations/{case}/messages", json={"text": "hello", "client_id": "c"}) for _ in range(6)
    ]  # fmt: skip
    replies = await asyncio.gather(*send)
    assert {reply.status for reply in replies} == {201}
    assert len((await house.see("gp", case))["messages"]) == 1


async def test_a_file_goes_to_one_case_alone(house: House) -> None:
    gp = await house.client("gp")
    file = (await (await gp.post("/api/files?name=a.png", data=picture())).json())["id"]
    send = [gp.post("/api/consultations", json=house.question(files=[file])) for _ in range(4)]
    assert sorted([reply.status for reply in await asyncio.gather(*send)]) == [201, 422, 422, 422]


async def test_two_signatures_at_once_are_one(house: House) -> None:
    case = (await house.ask())["id"]
    await house.accept(case, "spec", "answer-in-writing")
    spec = await house.client("spec")
    body = {"assessment": "a", "advice": "b", "next_step": "refer"}
    send = [spec.post(f"/api/consultations/{case}/opinion/sign", json=body) for _ in range(4)]
    assert {reply.status for reply in await asyncio.gather(*send)} == {200}
    assert [action for action, _ in await house.audited(case)].count("opinion.sign") == 1
    other = await spec.post(f"/api/consultations/{case}/opinion/sign", json={**body, "advice": "c"})
    assert (other.status, (await other.json())["code"]) == (409, "opinion-signed")
    listed = await (await spec.get("/api/consultations?scope=closed")).json()
    assert [each["id"] for each in listed["items"]] == [case]


async def test_a_withdrawal_while_the_recording_is_sealed_stands(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    case = (await house.ask())["id"]
    await house.accept(case, "spec")
    gp = await house.client("gp")
    recording = (await house.see("gp", case))["recording"]["id"]
    withdrawals = []

    async def in_the_middle(*arguments: Any) -> dict[str, Any]:
        withdraw = gp.post(f"/api/consultations/{case}/recording", json={"action": "withdraw"})
        withdrawals.append(asyncio.create_task(withdraw))
        await asyncio.wait(withdrawals, timeout=0.5)  # either it is done now, or it waits for us
        return await with_people(*arguments)

    monkeypatch.setattr("tele.services.encounters.with_people", in_the_middle)
    await house.app[ENCOUNTERS].sealed(recording, {"duration": 1.0, "tracks": []})
    assert (await withdrawals[0]).status == 200
    assert (await house.see("gp", case))["recording"]["state"] == "withdrawn"
