"""The engine of paging against real databases: who is rung, who comes next, and that no request is ever lost."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tele.domain.refusals import Conflict, Invalid, Refusal, Unknown
from tele.services import answer_page, queue
from tele.services.on_call import duty
from tests.flow.ward import ALL_AT_ONCE, DUTY_PHONE, Ward, ward_at


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/tele.db"
    url: str = request.getfixturevalue("postgres_url")
    name = f"paging_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return f"{url.rsplit('/', 1)[0]}/{name}"


@pytest.fixture
async def ward(database_url: str, tmp_path: Path) -> AsyncIterator[Ward]:
    async with ward_at(database_url, tmp_path) as ward:
        yield ward


async def test_time_out_rings_the_next_and_then_calls_the_coordinator(ward: Ward) -> None:
    await ward.on_call("ann", "bo")
    request = await ward.ask()
    assert await ward.ringing() == ["ann"]
    (ring,) = ward.pages.of("ann", "ring")
    assert (ring["consultation"], ring["age"], ring["question"]) == (request, 61, "Chest pain for two hours.")
    assert ring["requester"] == {"name": "Dr Gp", "organisation": "Fangcao"}
    line = await ward.progress(request)
    assert line["ringing"]["name"] == "Dr Ann"
    assert line["next"] == [{"name": "Dr Bo", "after_s": 25}, {"kind": "coordinator", "after_s": 50}]
    await ward.wait(25)
    assert await ward.ringing() == ["bo"]
    assert ward.pages.of("ann", "ring.end") == [
        {"page": ring["page"], "consultation": request, "outcome": "timed-out", "by": None}
    ]
    await ward.wait(25)
    assert await ward.outcomes(request) == [("ann", "timed-out"), ("bo", "timed-out")]
    assert (await ward.row(request)).stage == "queued"
    assert (await ward.audited(request))["coordinator.call"] == 1
    assert (await ward.progress(request))["line"]["code"] == "coordinator"
    await ward.wait(180)
    assert await ward.ringing() == ["ann"], "everybody is rung once more after a while"


async def test_decline_rings_the_next(ward: Ward) -> None:
    await ward.on_call("ann", "bo")
    request = await ward.ask()
    await answer_page.decline(ward.services, ward.people["ann"], request, "not my field")
    await ward.settle()
    assert await ward.ringing() == ["bo"]
    assert ward.pages.of(request, "consultation")[-1]["progress"]["ringing"]["name"] == "Dr Bo"
    with pytest.raises(Conflict, match="not-yours"):
        await answer_page.accept(ward.services, ward.people["ann"], request)


async def test_nobody_on_call_calls_the_coordinator_and_rings_who_comes(ward: Ward) -> None:
    request = await ward.ask("emergency")
    line = await ward.progress(request)
    assert (line["line"]["code"], line["on_call"], line["duty_phone"]) == ("nobody-on-call", 0, DUTY_PHONE)
    assert (await ward.audited(request))["coordinator.call"] == 1
    assert ward.pages.of("west", "queue")
    (item,) = (await queue.queue(ward.services, ward.people["coord"])).items
    assert (item.id, item.light, item.ringing) == (request, "green", None)
    await ward.wait(40)
    await ward.on_call("ann")
    assert await ward.ringing() == ["ann"]


async def test_cancel_while_ringing_stops_the_ring(ward: Ward) -> None:
    await ward.on_call("ann")
    request = await ward.ask()
    await answer_page.cancel(ward.services, ward.people["gp"], request, "better now")
    await ward.settle()
    assert await ward.outcomes(request) == [("ann", "cancelled")]
    assert ward.pages.of("ann", "ring.end")[-1]["outcome"] == "cancelled"
    row = await ward.row(request)
    assert (row.status, row.stage, row.cancelled_reason) == ("revoked", "cancelled", "better now")
    with pytest.raises(Conflict, match="cancelled"):
        await answer_page.accept(ward.services, ward.people["ann"], request)
    await answer_page.cancel(ward.services, ward.people["gp"], request)


async def test_of_a_hundred_who_accept_at_once_one_wins_and_the_others_hear_who(
    database_url: str, tmp_path: Path
) -> None:
    async with ward_at(database_url, tmp_path, policy=ALL_AT_ONCE) as ward:
        for number in range(97):
            await ward.employ(f"doc{number:02}", "specialist", "west", ("cardiology",))
        everybody = await ward.all_on_call()
        request = await ward.ask()
        assert len(await ward.ringing(request)) == 100

        async def accept(name: str) -> str | None:
            try:
                await answer_page.accept(ward.services, ward.people[name], request)
            except Conflict as refused:
                assert refused.code == "taken"
                return str(refused.extra["by"])
            return None

        answers = await asyncio.gather(*(accept(name) for name in everybody))
        await ward.settle()
        (winner,) = [name for name, answer in zip(everybody, answers, strict=True) if answer is None]
        assert set(answers) - {None} == {ward.people[winner].name}
        row = await ward.row(request)
        assert (row.accepted_by, row.stage) == (winner, "in-call")
        outcomes = dict(await ward.outcomes(request))
        assert outcomes.pop(winner) == "accepted"
        assert set(outcomes.values()) == {"taken"}
        assert (await ward.audited(request))["consultation.accept"] == 1
        assert len(await ward.encounters.running()) == 1


async def test_accepting_twice_is_accepting_once(ward: Ward) -> None:
    await ward.on_call("ann")
    request = await ward.ask()
    await answer_page.accept(ward.services, ward.people["ann"], request)
    await answer_page.accept(ward.services, ward.people["ann"], request)
    assert len(await ward.encounters.running()) == 1


async def test_the_gp_may_leave_while_it_rings(ward: Ward) -> None:
    ward.pages.open.add("gp")
    await ward.on_call("ann")
    request = await ward.ask()
    await ward.page_dies("gp")
    await ward.wait(10)
    assert await ward.ringing() == ["ann"]
    await answer_page.accept(ward.services, ward.people["ann"], request)
    assert (await ward.row(request)).stage == "in-call"


async def test_a_specialist_whose_page_dies_is_given_a_reload_and_then_the_next_is_rung(ward: Ward) -> None:
    await ward.on_call("ann", "bo")
    request = await ward.ask()
    await ward.page_dies("ann")
    await ward.wait(4)
    await ward.page_opens("ann")
    assert await ward.ringing() == ["ann"]
    (shown,) = (await duty(ward.services, ward.people["ann"])).ringing
    assert shown.consultation == request
    await ward.page_dies("ann")
    await ward.wait(5)
    assert await ward.outcomes(request) == [("ann", "cancelled"), ("bo", "ringing")]


async def test_someone_on_call_without_a_page_cannot_be_rung_until_it_opens(ward: Ward) -> None:
    await ward.on_call("ann", page=False)
    request = await ward.ask()
    assert (await ward.progress(request))["line"]["code"] == "nobody-reachable"
    assert (await ward.progress(request))["duty_phone"] == DUTY_PHONE
    await ward.page_opens("ann")
    assert await ward.ringing() == ["ann"]


async def test_only_the_free_are_rung_and_the_most_pressing_request_comes_first(ward: Ward) -> None:
    await ward.on_call("ann")
    first = await ward.ask("routine")
    assert await ward.ringing(first) == ["ann"]
    ward.clock.leap(1)
    routine, urgent = await ward.ask("routine"), await ward.ask("urgent")
    assert await ward.ringing(urgent) == []
    assert (await ward.progress(urgent))["line"]["code"] == "everyone-busy"
    assert [(await ward.progress(each))["position"] for each in (urgent, first, routine)] == [1, 2, 3]
    await answer_page.accept(ward.services, ward.people["ann"], first)
    await ward.settle()
    assert await ward.ringing() == []
    with pytest.raises(Refusal):
        await answer_page.accept(ward.services, ward.people["ann"], urgent)
    await ward.hang_up(first)
    assert await ward.ringing(urgent) == ["ann"]
    assert await ward.ringing(routine) == []


async def test_the_longest_idle_is_rung_first(ward: Ward) -> None:
    await ward.on_call("ann", "bo", "cy")
    order = []
    for _ in range(4):
        request = await ward.ask()
        (rung,) = await ward.ringing(request)
        order.append(rung)
        await answer_page.accept(ward.services, ward.people[rung], request)
        await ward.wait(30)
        await ward.hang_up(request)
    assert order == ["ann", "bo", "cy", "ann"]


async def test_in_ten_minutes(ward: Ward) -> None:
    await ward.on_call("ann", "bo")
    request = await ward.ask("routine")
    await answer_page.snooze(ward.services, ward.people["ann"], request)
    await ward.settle()
    assert await ward.ringing() == ["bo"]
    await answer_page.decline(ward.services, ward.people["bo"], request)
    await ward.settle()
    assert (await ward.progress(request))["line"]["code"] == "snoozed"
    await ward.wait(600)
    assert await ward.ringing() == ["ann"]


async def test_who_snoozed_can_take_it_early(ward: Ward) -> None:
    await ward.on_call("ann", "bo")
    request = await ward.ask("routine")
    await answer_page.snooze(ward.services, ward.people["ann"], request)
    await ward.settle()
    await answer_page.accept(ward.services, ward.people["ann"], request)
    assert (await ward.row(request)).accepted_by == "ann"
    assert dict(await ward.outcomes(request))["bo"] == "taken"


async def test_a_question_first_then_the_reply_rings_who_asked(ward: Ward) -> None:
    await ward.on_call("ann", "bo")
    request = await ward.ask()
    await answer_page.ask_more(ward.services, ward.people["ann"], request, "Please send an ECG.")
    await ward.settle()
    row = await ward.row(request)
    assert (row.status, row.stage) == ("on-hold", "needs-more")
    assert await ward.ringing() == []
    with pytest.raises(Unknown):
        await answer_page.reply(ward.services, ward.people["bo"], request, "I am not the GP")
    await ward.wait(60)
    await answer_page.reply(ward.services, ward.people["gp"], request, "Here it is.")
    await ward.settle()
    assert await ward.ringing() == ["ann"]
    with pytest.raises(Conflict, match="not-now"):
        await answer_page.reply(ward.services, ward.people["gp"], request, "And more.")


async def test_a_question_that_is_never_answered_ends_with_the_coordinator(ward: Ward) -> None:
    await ward.on_call("ann")
    request = await ward.ask("emergency")
    await answer_page.ask_more(ward.services, ward.people["ann"], request, "ECG?")
    await ward.wait(600)
    assert (await ward.audited(request))["coordinator.call"] == 1
    await queue.assign(ward.services, ward.people["coord"], request, "ann")
    await ward.settle()
    assert await ward.ringing() == ["ann"]


async def test_only_a_routine_request_is_answered_in_writing(ward: Ward) -> None:
    await ward.on_call("ann")
    urgent = await ward.ask("urgent")
    with pytest.raises(Conflict, match="not-now"):
        await answer_page.answer_in_writing(ward.services, ward.people["ann"], urgent)
    assert await ward.ringing(urgent) == ["ann"]
    await answer_page.decline(ward.services, ward.people["ann"], urgent)
    routine = await ward.ask("routine")
    await answer_page.answer_in_writing(ward.services, ward.people["ann"], routine)
    row = await ward.row(routine)
    assert (row.stage, row.accepted_by, row.written_reply) == ("awaiting-opinion", "ann", True)
    assert await ward.encounters.running() == []


async def test_handing_over_before_and_after_accepting(ward: Ward) -> None:
    await ward.on_call("ann", "bo", "cy")
    request = await ward.ask("routine")
    with pytest.raises(Invalid):
        await answer_page.hand_over(ward.services, ward.people["ann"], request, "gp")
    await answer_page.hand_over(ward.services, ward.people["ann"], request, "cy")
    await ward.settle()
    assert await ward.ringing() == ["cy"]
    await answer_page.accept(ward.services, ward.people["cy"], request)
    with pytest.raises(Conflict, match="not-now"):
        await answer_page.hand_over(ward.services, ward.people["cy"], request)
    await ward.hang_up(request)
    await answer_page.hand_over(ward.services, ward.people["cy"], request, "bo")
    await ward.settle()
    row = await ward.row(request)
    assert (row.stage, row.accepted_by, row.accepted_at) == ("ringing", None, None)
    assert await ward.ringing() == ["bo"]


async def test_the_coordinator_assigns_cancels_and_telephones(ward: Ward) -> None:
    await ward.on_call("ann", "bo")
    request = await ward.ask()
    with pytest.raises(Invalid):
        await queue.assign(ward.services, ward.people["coord"], request, "gp")
    await queue.assign(ward.services, ward.people["coord"], request, "bo")
    await ward.settle()
    assert await ward.outcomes(request) == [("ann", "cancelled"), ("bo", "ringing")]
    kinds = [one.kind for one in (await queue.contacts(ward.services, ward.people["coord"], request)).items]
    assert kinds == ["gp", "on-call", "on-call", "duty-desk"]
    await queue.cancel_queued(ward.services, ward.people["coord"], request, "sent to the emergency room")
    assert (await ward.row(request)).cancelled_reason == "sent to the emergency room"
    assert (await queue.queue(ward.services, ward.people["coord"])).items == []


async def test_a_coordinator_of_elsewhere_sees_nothing(ward: Ward) -> None:
    async with ward.services.database.transaction() as tx:
        from tele.store.tables import Organisation

        tx.add(Organisation(id="far", name="Far Centre", name_zh=None, kind="phc", duty_phone=None))
    stranger = await ward.employ("stranger", "coordinator", "far")
    request = await ward.ask()
    assert (await queue.queue(ward.services, stranger)).items == []
    with pytest.raises(Unknown):
        await queue.assign(ward.services, stranger, request, "ann")
    with pytest.raises(Unknown):
        await queue.contacts(ward.services, stranger, request)


async def test_the_expected_wait_is_learnt_from_acceptances(ward: Ward) -> None:
    await ward.on_call("ann")
    for seconds in (4, 6, 20):
        request = await ward.ask()
        assert (await ward.progress(request))["expected_wait_s"] is None
        await ward.wait(seconds)
        await answer_page.accept(ward.services, ward.people["ann"], request)
        await ward.hang_up(request)
    request = await ward.ask()
    assert (await ward.progress(request))["expected_wait_s"] == 6


async def test_going_off_call_while_ringing_rings_the_next(ward: Ward) -> None:
    await ward.on_call("ann", "bo")
    request = await ward.ask()
    await ward.off_call("ann")
    assert await ward.outcomes(request) == [("ann", "cancelled"), ("bo", "ringing")]


async def test_who_let_it_ring_and_comes_on_call_anew_is_rung_again(ward: Ward) -> None:
    await ward.on_call("ann")
    request = await ward.ask("routine")
    await ward.wait(45)
    assert await ward.ringing() == []
    await ward.off_call("ann")
    await ward.wait(10)
    await ward.on_call("ann")
    assert await ward.outcomes(request) == [("ann", "timed-out"), ("ann", "ringing")]


async def test_ring_again_is_the_gps_to_ask(ward: Ward) -> None:
    await ward.on_call("ann")
    request = await ward.ask("routine")
    await ward.wait(45)
    await answer_page.ring_again(ward.services, ward.people["gp"], request)
    await ward.settle()
    assert await ward.ringing() == ["ann"]
    with pytest.raises(Refusal):
        await answer_page.ring_again(ward.services, ward.people["bo"], request)


async def test_what_nobody_may_know_of_is_not_found(ward: Ward) -> None:
    await ward.on_call("ann", "bo")
    request = await ward.ask()
    for act in (answer_page.accept, answer_page.decline, answer_page.snooze, answer_page.cancel):
        with pytest.raises(Unknown):
            await act(ward.services, ward.people["bo"], request)
    assert await ward.ringing() == ["ann"]
