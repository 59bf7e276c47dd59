"""Reaching people who have no page open: a real mail server, a real webhook receiver, addresses that are refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from aiosmtpd.controller import Controller
from sqlalchemy import select, update

from tele.services import answer_page
from tele.services.channels import Channels, Contact, DeliveryFailed, Notice
from tele.services.channels.email import EmailChannel
from tele.services.channels.target import PinnedResolver, is_allowed
from tele.services.channels.webhook import WebhookChannel, sign
from tele.store.tables import Delivery, Practitioner
from tests.clock import START, FakeClock
from tests.flow.ward import Ward, ward_at
from tests.peers import free_port

SECRET = "between-us"
NOTICE = Notice("delivery-1", "ring", "case-1", "Cardiology", "urgent", START, START)
ANN = Contact("ann", "Dr Ann", "en", "ann@west.example", "+86 138 5550 0003")


@dataclass
class Mailbox:
    """What a mail server took; `answer` is what it says to the next messages."""

    answer: str = "250 OK"
    got: list[Any] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@pytest.fixture
def mail() -> Any:
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, EmailChannel("127.0.0.1", port, "Tele <tele@west.example>", "https://tele.west.example", starttls=False)
    controller.stop()


@dataclass
class Receiver:
    """A webhook's other end."""

    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes, dict[str, str]]] = field(default_factory=list)
    body: str = "{}"

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read(), dict(request.query)))
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, text=self.body, headers={"Location": "/elsewhere"})


@asynccontextmanager
async def receiving(**options: Any) -> AsyncIterator[tuple[Receiver, WebhookChannel]]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    async with TestServer(app) as server:
        hook = WebhookChannel(
            str(server.make_url("/hook")), SECRET, "https://tele.example", FakeClock(), allow_private=True
        )
        yield receiver, replace(hook, **options)


async def give(ward: Ward, name: str, **contact: str) -> None:
    async with ward.services.database.transaction() as tx:
        await tx.execute(update(Practitioner).where(Practitioner.id == name).values(**contact))


async def deliveries(ward: Ward) -> list[tuple[str, str, str, int]]:
    async with ward.services.database.reading() as tx:
        rows = await tx.scalars(select(Delivery).order_by(Delivery.created_at, Delivery.channel))
        return [(row.practitioner, row.channel, row.state, row.attempts) for row in rows]


async def test_with_no_page_open_a_specialist_is_rung_by_mail(mail: Any, tmp_path: Path) -> None:
    box, channel = mail
    async with ward_at(f"sqlite+aiosqlite:///{tmp_path}/t.db", tmp_path, channels=Channels({"email": channel})) as ward:
        await give(ward, "ann", email="ann@west.example", language="zh-CN")
        await ward.on_call("ann", page=False)
        request = await ward.ask()
        assert await ward.ringing() == ["ann"]
        (message,) = box.got
        assert message["To"] == "ann@west.example"
        assert "心内科" in message["Subject"]
        text = message.get_content()
        assert "https://tele.west.example/" in text
        assert "Chest pain" not in text
        assert request not in text
        assert await deliveries(ward) == [("ann", "email", "sent", 1)]
        await ward.wait(89)
        assert await ward.ringing() == ["ann"], "a mail is given more time than a page"
        await ward.wait(1)
        assert await ward.ringing() == []


async def test_who_has_a_page_open_gets_no_mail_until_it_dies(mail: Any, tmp_path: Path) -> None:
    box, channel = mail
    async with ward_at(f"sqlite+aiosqlite:///{tmp_path}/t.db", tmp_path, channels=Channels({"email": channel})) as ward:
        await give(ward, "ann", email="ann@west.example")
        await ward.on_call("ann")
        await ward.ask()
        assert box.got == []
        await ward.page_dies("ann")
        await ward.wait(5)
        assert len(box.got) == 1
        assert await ward.ringing() == ["ann"]


async def test_nobody_on_call_reaches_the_coordinator_by_mail(mail: Any, tmp_path: Path) -> None:
    box, channel = mail
    async with ward_at(f"sqlite+aiosqlite:///{tmp_path}/t.db", tmp_path, channels=Channels({"email": channel})) as ward:
        await give(ward, "coord", email="coord@west.example")
        await ward.ask("emergency")
        assert [message["To"] for message in box.got] == ["coord@west.example"]
        await ward.wait(600)
        assert len(box.got) == 3, "not one for each round of a long wait"


async def test_a_failed_message_is_tried_again_and_given_up_in_the_end(mail: Any, tmp_path: Path) -> None:
    box, channel = mail
    async with ward_at(f"sqlite+aiosqlite:///{tmp_path}/t.db", tmp_path, channels=Channels({"email": channel})) as ward:
        await give(ward, "coord", email="coord@west.example")
        box.answer = "451 later"
        await ward.ask("routine")
        assert await deliveries(ward) == [("coord", "email", "pending", 1)]
        box.answer = "250 OK"
        await ward.wait(2)
        assert await deliveries(ward) == [("coord", "email", "sent", 2)]
        box.answer = "451 later"
        await ward.ask("routine")
        await ward.wait(600)
        assert (await deliveries(ward))[1] == ("coord", "email", "failed", 6)


async def test_a_message_for_a_ring_that_is_over_is_not_sent(mail: Any, tmp_path: Path) -> None:
    box, channel = mail
    async with ward_at(f"sqlite+aiosqlite:///{tmp_path}/t.db", tmp_path, channels=Channels({"email": channel})) as ward:
        await give(ward, "ann", email="ann@west.example")
        await ward.on_call("ann", page=False)
        box.answer = "451 later"
        request = await ward.ask()
        await answer_page.cancel(ward.services, ward.people["gp"], request)
        await ward.wait(5)
        assert len(box.got) == 1
        assert await deliveries(ward) == [("ann", "email", "dropped", 2)]


async def test_messages_outlive_a_restart(mail: Any, tmp_path: Path) -> None:
    box, channel = mail
    async with ward_at(f"sqlite+aiosqlite:///{tmp_path}/t.db", tmp_path, channels=Channels({"email": channel})) as ward:
        await give(ward, "ann", email="ann@west.example")
        await ward.on_call("ann", page=False)
        await ward.engine.deliveries.stop()
        await ward.send()
        await ward.clock.advance(0.5, lambda: _until_ringing(ward))
        await ward.engine.stop()
        assert box.got == []
        second = await ward.node()
        await second.settle()
        assert len(box.got) == 1
        await second.engine.stop()


async def _until_ringing(ward: Ward) -> None:
    import asyncio

    while not await ward.ringing():
        await asyncio.sleep(0)


async def test_the_webhook_is_signed_and_says_nothing_of_the_case() -> None:
    async with receiving() as (receiver, hook):
        await hook.send(NOTICE, ANN)
        ((headers, content, _),) = receiver.got
        stamp, digest = (part.partition("=")[2] for part in headers["Tele-Signature"].split(","))
        assert int(stamp) == int(START.timestamp())
        wanted = hmac.new(SECRET.encode(), f"{stamp}.".encode() + content, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(digest, wanted)
        assert headers["Tele-Signature"] != sign("another", int(stamp), content)
        assert headers["Idempotency-Key"] == "delivery-1"
        told = json.loads(content)
        assert told["to"] == {"name": "Dr Ann", "phone": "+86 138 5550 0003", "language": "en"}
        assert set(told) == {"type", "delivery", "consultation", "urgency", "until", "to", "text"}


async def test_the_robots_of_wecom_and_dingtalk_get_their_own_shape() -> None:
    async with receiving(shape="wecom") as (receiver, hook):
        await hook.send(NOTICE, ANN)
        told = json.loads(receiver.got[0][1])
        assert told["msgtype"] == "text"
        assert told["text"]["mentioned_mobile_list"] == [ANN.phone]
        receiver.body = '{"errcode": 45009, "errmsg": "api freq out of limit"}'
        with pytest.raises(DeliveryFailed, match="45009"):
            await hook.send(NOTICE, ANN)
    async with receiving(shape="dingtalk") as (receiver, hook):
        await hook.send(NOTICE, ANN)
        _, content, query = receiver.got[0]
        assert json.loads(content)["at"]["atMobiles"] == [ANN.phone]
        wanted = hmac.digest(SECRET.encode(), f"{query['timestamp']}\n{SECRET}".encode(), "sha256")
        assert base64.b64decode(query["sign"]) == wanted


@pytest.mark.parametrize(("status", "final"), [(500, False), (503, False), (429, False), (404, True), (302, False)])
async def test_a_refusing_receiver_is_tried_again_where_that_may_help(status: int, final: bool) -> None:
    async with receiving() as (receiver, hook):
        receiver.answers = [status]
        with pytest.raises(DeliveryFailed, match=str(status)) as failed:
            await hook.send(NOTICE, ANN)
        assert failed.value.final is final
        assert len(receiver.got) == 1, "no redirect is followed"


class Rebinding(AbstractResolver):
    """A name server of the other side's: a good address first, the loopback afterwards."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        address = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ResolveResult(hostname=host, host=address, port=port, family=2, proto=6, flags=0)]

    async def close(self) -> None:
        return None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://[::1]:{port}/", "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/", "http://[::ffff:127.0.0.1]:{port}/", "http://0.0.0.0:{port}/", "file:///etc/passwd",
        "http://user:pass@example.org/", "http://localhost:{port}/",
    ],
)  # fmt: skip
async def test_the_webhook_goes_nowhere_inside(url: str) -> None:
    async with receiving() as (receiver, hook):
        port = hook.url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(DeliveryFailed) as failed:
            await replace(hook, url=url.format(port=port), allow_private=False).send(NOTICE, ANN)
        assert failed.value.final
        assert receiver.got == []


async def test_a_name_that_changes_its_mind_leads_nowhere() -> None:
    async with receiving() as (receiver, hook):
        port = hook.url.rpartition(":")[2].partition("/")[0]
        resolver = PinnedResolver(allow_private=False, inner=Rebinding("127.0.0.1"))
        inside = replace(hook, url=f"http://rebind.example:{port}/", allow_private=False, resolver=lambda: resolver)
        with pytest.raises(DeliveryFailed, match="not allowed"):
            await inside.send(NOTICE, ANN)
        assert receiver.got == []


def test_link_local_stays_forbidden_even_where_private_is_allowed() -> None:
    assert is_allowed("8.8.8.8", allow_private=False)
    assert not is_allowed("192.168.1.5", allow_private=False)
    assert is_allowed("192.168.1.5", allow_private=True)
    assert is_allowed("127.0.0.1", allow_private=True)
    for address in ("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:169.254.169.254"):
        assert not is_allowed(address, allow_private=True)


async def test_an_address_cannot_smuggle_a_header(mail: Any) -> None:
    box, channel = mail
    with pytest.raises(DeliveryFailed) as failed:
        await channel.send(NOTICE, replace(ANN, email="ann@west.example\r\nBcc: all@west.example"))
    assert failed.value.final
    assert box.got == []
