"""Signing in and out: cookies, mistakes, lock-out, revocation, other sites."""

from __future__ import annotations

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient
from sqlalchemy import select

from tele.domain.refusals import Refusal
from tele.services import accounts, sign_in
from tele.store.tables import AuditEvent, SignInSession
from tests.flow.house import PASSWORD, Client, House


async def post(client: Client, username: str, password: str, **headers: str) -> tuple[int, dict[str, object]]:
    reply = await client.post("/api/session", json={"username": username, "password": password}, headers=headers)
    return reply.status, await reply.json()


async def test_me_tells_roles_and_places(house: House) -> None:
    client = await house.client("coord")
    me = await (await client.get("/api/session")).json()
    assert me["username"] == "coord" and me["roles"] == ["coordinator"] and me["password_is_demo"] is True
    assert [place["name"] for place in me["organisations"]] == ["Fangcao Health Centre", "West Hospital"]
    spec = await (await (await house.client("spec")).get("/api/session")).json()
    assert spec["organisations"][0]["specialties"] == ["cardiology"]


async def test_the_cookie_is_for_us_alone(house: House) -> None:
    client = await house.client()
    reply = await client.post("/api/session", json={"username": "gp", "password": PASSWORD})
    cookie = reply.headers["Set-Cookie"]
    assert cookie.startswith("tele_session=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    token = cookie.split("=", 1)[1].split(";")[0]
    async with house.services.database.reading() as tx:
        kept = (await tx.scalars(select(SignInSession.token_hash))).all()
    assert token not in kept and sign_in.hash_token(token) in kept


async def test_every_mistake_gets_the_same_answer(house: House) -> None:
    client = await house.client()
    wrong = await post(client, "gp", "not this one")
    nobody = await post(client, "nobody-here", "not this one")
    assert wrong == nobody
    assert wrong[0] == 401 and wrong[1]["code"] == "wrong-credentials"
    await accounts.set_active(house.services, None, "gp", False)
    assert await post(client, "gp", PASSWORD) == wrong


async def test_ten_failures_lock_the_account_and_the_source(house: House) -> None:
    client = await house.client()
    for _ in range(10):
        assert (await post(client, "gp", "wrong"))[0] == 401
    status, problem = await post(client, "gp", PASSWORD)
    assert (status, problem["code"]) == (429, "too-many-attempts")
    reply = await client.post("/api/session", json={"username": "spec", "password": PASSWORD})
    assert reply.status == 429 and int(reply.headers["Retry-After"]) > 0  # the same source


async def test_successes_are_not_counted_as_failures(house: House) -> None:
    client = await house.client()
    for _ in range(15):
        assert (await post(client, "gp", PASSWORD))[0] == 200


async def test_signing_out_ends_the_session_and_what_it_holds(house: House) -> None:
    client = await house.client("gp")
    assert (await client.delete("/api/session")).status == 204
    reply = await client.get("/api/session")
    assert (reply.status, (await reply.json())["code"]) == (401, "signed-out")
    (ended,) = house.live.ended_sessions
    assert ended[0] == await house.person("gp") and ended[1] and ended[2] == "signed-out"


async def test_signing_out_everywhere_ends_the_other_browser_too(house: House) -> None:
    first = await house.client("gp")
    second = await house.client()
    await post(second, "gp", PASSWORD)
    assert (await first.delete("/api/session?everywhere=1")).status == 204
    assert (await second.get("/api/session")).status == 401
    assert house.live.ended_sessions[-1][1] is None


async def test_a_stolen_cookie_dies_with_its_session(house: House) -> None:
    client = await house.client("gp")
    (cookie,) = client.session.cookie_jar
    thief: Client = TestClient(house.server, cookie_jar=CookieJar(unsafe=True))
    headers = {"Cookie": f"tele_session={cookie.value}"}
    assert (await thief.get("/api/session", headers=headers)).status == 200
    await client.delete("/api/session")
    assert (await thief.get("/api/session", headers=headers)).status == 401
    for forged in ("", "x", "x" * 5000, cookie.value[:-1], "é"):
        reply = await thief.get("/api/session", headers={"Cookie": f"tele_session={forged}"})
        assert reply.status in (400, 401), forged
    await thief.session.close()


async def test_sessions_end_when_idle_and_after_a_week(house: House) -> None:
    client = await house.client("gp")
    for _ in range(3):
        house.clock.forward(hours=11)
        assert (await client.get("/api/session")).status == 200
    house.clock.forward(hours=12, seconds=1)
    assert (await client.get("/api/session")).status == 401
    await post(client, "gp", PASSWORD)
    for _ in range(15):
        house.clock.forward(hours=11)
        await client.get("/api/session")
    house.clock.forward(hours=4)
    assert (await client.get("/api/session")).status == 401


async def test_closing_an_account_ends_it_at_once(house: House) -> None:
    client = await house.client("gp")
    case = await house.ask()
    await accounts.set_active(house.services, None, "gp", False)
    assert (await client.get(f"/api/consultations/{case['id']}")).status == 401
    assert house.live.ended_sessions[-1] == (await house.person("gp"), None, "disabled")


async def test_a_new_password_signs_out_who_has_the_old_one(house: House) -> None:
    client = await house.client("gp")
    with pytest.raises(Refusal):
        await accounts.set_password(house.services, None, "gp", "short")
    await accounts.set_password(house.services, None, "gp", "a much longer one")
    assert (await client.get("/api/session")).status == 401
    assert (await post(client, "gp", PASSWORD))[0] == 401
    status, me = await post(client, "gp", "a much longer one")
    assert status == 200 and me["password_is_demo"] is False


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
async def test_other_sites_change_nothing(house: House, headers: dict[str, str], status: int) -> None:
    client = await house.client()
    got, problem = await post(client, "gp", PASSWORD, **headers)
    assert got == status
    if status == 403:
        assert problem["code"] == "cross-site"


async def test_our_own_origin_may(house: House) -> None:
    client = await house.client()
    own = f"http://{house.server.host}:{house.server.port}"
    assert (await post(client, "gp", PASSWORD, Origin=own))[0] == 200


async def test_problems_speak_the_callers_language(house: House) -> None:
    client = await house.client()
    reply = await client.get("/api/session", headers={"Accept-Language": "zh-TW,zh;q=0.9,en;q=0.5"})
    assert (await reply.json())["title"] == "未登录"
    signed_in = await house.client("gp")
    assert (await signed_in.put("/api/session/language", json={"language": "zh-CN"})).status == 204
    me = await (await signed_in.get("/api/session")).json()
    assert me["name"] == "李娜医生" and me["organisations"][0]["name"] == "芳草社区卫生服务中心"
    reply = await signed_in.get("/api/consultations/nothing")
    assert (await reply.json())["title"] == "未找到"


async def test_sign_ins_and_failures_are_audited_without_names(house: House) -> None:
    client = await house.client()
    await post(client, "gp", "wrong")
    await post(client, "gp", PASSWORD)
    async with house.services.database.reading() as tx:
        events = (await tx.scalars(select(AuditEvent).where(AuditEvent.action.startswith("sign-in")))).all()
    assert sorted(event.action for event in events) == ["sign-in", "sign-in.failed"]
    assert all("gp" not in str(event.details) for event in events)
