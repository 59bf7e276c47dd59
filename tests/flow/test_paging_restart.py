"""Paging through death and company: the engine killed at any step, its words lost, and several nodes at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tele.services import answer_page
from tests.flow.test_paging import database_url as database_url
from tests.flow.ward import Ward, ward_at


async def die(ward: Ward) -> None:
    """The process goes at once: nothing is finished, nobody is told."""
    await ward.engine.stop()


async def test_a_restart_while_ringing_goes_on_where_it_was(database_url: str, tmp_path: Path) -> None:
    async with ward_at(database_url, tmp_path) as ward:
        await ward.on_call("ann", "bo")
        request = await ward.ask()
        await die(ward)
        ward.pages.told.clear()
        ward.clock.leap(10)
        second = await ward.node()
        await second.settle()
        assert await second.ringing() == ["ann"]
        assert len(second.pages.of("ann", "ring")) == 1, "the ring is said again"
        await second.wait(15)
        assert await second.outcomes(request) == [("ann", "timed-out"), ("bo", "ringing")]
        await second.engine.stop()


async def test_a_long_outage_loses_nothing(database_url: str, tmp_path: Path) -> None:
    async with ward_at(database_url, tmp_path) as ward:
        await ward.on_call("ann", "bo")
        first, second_request = await ward.ask("routine"), await ward.ask("emergency")
        await die(ward)
        ward.clock.leap(3600)
        second = await ward.node()
        await second.settle()
        assert len(await second.ringing()) == 2
        assert {(await second.row(one)).stage for one in (first, second_request)} == {"ringing"}
        await second.engine.stop()


async def test_a_request_that_was_stored_and_never_looked_at_is_rung_by_the_next(
    database_url: str, tmp_path: Path
) -> None:
    async with ward_at(database_url, tmp_path) as ward:
        await ward.on_call("ann")
        await die(ward)
        request, _ = await ward.send()
        second = await ward.node()
        await second.settle()
        assert await second.ringing(request) == ["ann"]
        await second.engine.stop()


async def test_words_that_were_lost_are_said_again(database_url: str, tmp_path: Path) -> None:
    async with ward_at(database_url, tmp_path) as ward:
        await ward.on_call("ann")
        ward.pages.broken = True
        await ward.send()
        await ward.settle()
        assert await ward.ringing() == ["ann"]
        assert ward.pages.of("ann", "ring") == []
        ward.pages.broken = False
        await ward.wait(10)
        assert ward.pages.of("ann", "ring")


@pytest.mark.parametrize("steps", range(1, 60, 4))
async def test_killed_after_any_number_of_steps_paging_goes_on(steps: int, tmp_path: Path) -> None:
    """The engine is cancelled after so many turns of the event loop: in a read, in a transaction, before its words."""
    async with ward_at(f"sqlite+aiosqlite:///{tmp_path}/tele.db", tmp_path) as ward:
        await ward.on_call("ann", "bo")
        request, _ = await ward.send()
        for _ in range(steps):
            await asyncio.sleep(0)
        await die(ward)
        second = await ward.node()
        await second.settle()
        assert await second.ringing(request) == ["ann"]
        assert await second.outcomes(request) == [("ann", "ringing")]
        await answer_page.accept(second.services, second.people["ann"], request)
        assert (await second.audited(request))["page.ring"] == 1
        await second.engine.stop()


async def test_three_nodes_ring_once_and_outlive_each_other(database_url: str, tmp_path: Path) -> None:
    async with ward_at(database_url, tmp_path) as ward:
        nodes = [ward, await ward.node(), await ward.node()]

        async def settle() -> None:
            for node in nodes:
                await node.settle()

        await ward.on_call("ann", "bo", "cy")
        requests = [(await ward.send())[0] for _ in range(3)]
        for node in nodes:
            node.engine.wake("")
        await settle()
        assert await ward.ringing() == ["ann", "bo", "cy"]
        assert [len(await ward.outcomes(request)) for request in requests] == [1, 1, 1]
        await die(nodes.pop(0))
        await ward.clock.advance(25, settle)
        # Each let one ring; those who are free again are rung for the next that waits.
        assert await ward.ringing() == ["ann", "bo", "cy"]
        assert [len(await ward.outcomes(request)) for request in requests] == [2, 2, 2]
        for node in nodes:
            assert node.engine.failures == 0
            await node.engine.stop()


async def test_a_state_that_cannot_be_read_is_rung_anew_and_stops_nobody_else(tmp_path: Path) -> None:
    async with ward_at(f"sqlite+aiosqlite:///{tmp_path}/tele.db", tmp_path) as ward:
        broken = await ward.ask()
        async with ward.services.database.transaction() as tx:
            row = await tx.merge(await ward.row(broken))
            row.paging_state, row.paging_version = {"version": 99}, row.paging_version + 1
        await ward.on_call("ann", "bo")
        other = await ward.ask()
        assert await ward.ringing(broken) == ["ann"]
        assert await ward.ringing(other) == ["bo"]
