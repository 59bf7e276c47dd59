"""Transactions, times, migrations and rows that stay as they are, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError, StatementError

from tele.store import audit
from tele.store.database import Database
from tele.store.migrate import head
from tele.store.tables import Addendum, AuditEvent, Opinion, Organisation, Practitioner, ServiceRequest

AT = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)


def place(place_id: str) -> Organisation:
    return Organisation(id=place_id, name="Somewhere", name_zh=None, kind="phc", duty_phone=None)


def person(person_id: str, **changes: Any) -> Practitioner:
    values = {
        "username": person_id, "name": "A", "name_zh": None, "title": None, "language": "en", "password_hash": "",
        "phone": None, "email": None, "active": True, "created_at": AT,
    }  # fmt: skip
    return Practitioner(id=person_id, **{**values, **changes})


def case(case_id: str, requester: str, where: str) -> ServiceRequest:
    return ServiceRequest(
        id=case_id, idempotency_key=case_id, requester=requester, organisation=where, specialty="cardiology",
        urgency="routine", question="?", status="active", stage="queued", policy={}, paging_state={},
        created_at=AT, updated_at=AT,
    )  # fmt: skip


async def count(database: Database) -> int:
    async with database.reading() as tx:
        return await tx.scalar(select(func.count()).select_from(Organisation)) or 0


async def test_what_is_committed_is_there_and_what_fails_is_not(database: Database) -> None:
    async with database.transaction() as tx:
        tx.add(place("one"))
    with pytest.raises(KeyError):
        async with database.transaction() as tx:
            tx.add(place("two"))
            await tx.flush()
            raise KeyError
    assert await count(database) == 1


async def test_a_transaction_inside_another_is_a_mistake_and_not_a_standstill(database: Database) -> None:
    async with database.transaction():
        with pytest.raises(RuntimeError, match="inside another"):
            async with database.transaction():
                pass
    async with database.transaction() as tx:  # and the lock was given back
        tx.add(place("one"))


async def test_many_writers_lose_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        tx.add_all([person("p"), place("o")])
        await tx.flush()
        tx.add(case("c", "p", "o"))

    async def add_one() -> None:
        async with database.transaction() as tx:
            row = await tx.get_one(ServiceRequest, "c", with_for_update=True)
            row.version += 1

    await asyncio.gather(*(add_one() for _ in range(40)))
    async with database.reading() as tx:
        assert (await tx.get_one(ServiceRequest, "c")).version == 41


async def test_of_two_who_claim_one_wins(database: Database) -> None:
    async with database.transaction() as tx:
        tx.add_all([person("p"), person("q"), place("o")])
        await tx.flush()
        tx.add(case("c", "p", "o"))

    async def claim(who: str) -> bool:
        async with database.transaction() as tx:
            taken = update(ServiceRequest).where(ServiceRequest.id == "c", ServiceRequest.accepted_by.is_(None))
            return (await tx.execute(taken.values(accepted_by=who).returning(ServiceRequest.id))).scalar() is not None

    won = await asyncio.gather(*(claim(who) for who in ["p", "q"] * 10))
    assert sum(won) == 1


async def test_times_are_utc_on_both_sides(database: Database) -> None:
    shanghai = AT.astimezone(timezone(timedelta(hours=8)))
    async with database.transaction() as tx:
        tx.add(person("p", created_at=shanghai))
    async with database.reading() as tx:
        found = (await tx.get_one(Practitioner, "p")).created_at
    assert found == AT and found.tzinfo is UTC
    with pytest.raises(StatementError, match="without a zone"):
        async with database.transaction() as tx:
            tx.add(person("q", created_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - that is the point


async def test_rows_refer_to_rows_that_exist_and_errors_tell_no_content(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed:
        async with database.transaction() as tx:
            wrong = case("c", "nobody", "nowhere")
            wrong.question = "the secret of L. N."
            tx.add(wrong)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda: update(Opinion).values(advice="something else"),
        lambda: update(Opinion).values(state="draft"),
        lambda: update(Addendum).values(text="something else"),
        lambda: update(AuditEvent).values(action="nothing"),
        lambda: delete(AuditEvent),
    ],
)
async def test_signed_and_audited_rows_stay_as_they_are(database: Database, change: Callable[[], Any]) -> None:
    async with database.transaction() as tx:
        tx.add_all([person("p"), place("o")])
        await tx.flush()
        tx.add(case("c", "p", "o"))
        await tx.flush()
        draft = Opinion(
            id="o", request="c", author="p", assessment="", advice="a", next_step=None, state="draft", updated_at=AT,
            signed_at=None,
        )  # fmt: skip
        tx.add(draft)
        await tx.flush()
        draft.advice, draft.state, draft.signed_at = "b", "signed", AT  # a draft may change, and be signed
        await tx.flush()
        tx.add(Addendum(id="a", opinion="o", text="more", author="p", at=AT))
        audit.record(tx, actor=None, action="x", subject_type="t", subject_id="s", at=AT, id="e")
    with pytest.raises(DBAPIError, match="fixed"):
        async with database.transaction() as tx:
            await tx.execute(change())


async def test_opening_again_finds_the_schema_at_its_head(database: Database, database_url: str) -> None:
    async with database.transaction() as tx:
        tx.add(place("one"))
        assert (await tx.execute(text("SELECT version_num FROM alembic_version"))).scalar() == head()
    again = await Database.open(database_url)
    assert await count(again) == 1
    await again.close()


async def test_nodes_that_start_together_migrate_once(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("one process owns a SQLite database")
    nodes = await asyncio.gather(*(Database.open(database_url) for _ in range(3)))
    for node in nodes:
        assert await count(node) == 0
        await node.close()


WRITER = """
import asyncio, sys
from tele.store.database import Database
from tele.store.tables import Organisation
async def main(url):
    database = await Database.open(url)
    for number in range(100_000):
        name = f"{sys.argv[2]}-{number}"
        async with database.transaction() as tx:
            tx.add(Organisation(id=name, name="x", name_zh=None, kind="phc", duty_phone=None))
        print(name, flush=True)
asyncio.run(main(sys.argv[1]))
"""


async def test_what_was_acknowledged_survives_a_kill(database_url: str, repository: Path) -> None:
    acknowledged: list[str] = []
    for attempt in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, database_url, str(attempt)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=repository,
        )
        assert writer.stdout is not None
        acknowledged += [writer.stdout.readline().strip() for _ in range(30)]
        writer.kill()
        acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.wait()
    database = await Database.open(database_url)
    async with database.reading() as tx:
        kept = set(await tx.scalars(select(Organisation.id)))
    await database.close()
    assert set(acknowledged) <= kept and len(kept) <= len(acknowledged) + 3
