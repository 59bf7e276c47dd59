"""Floods: what strangers send is bounded before it is read, and people behind the same address notice nothing."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from signaling.media.errors import BadSdpError
from signaling.media.peers import publish_peer
from signaling.media.policy.limits import IN_ALL, PER_SOURCE, RESERVED
from signaling.media.transport import mux
from tests.media_call import AUDIO, OPUS, Call, calling, publishing, rtp
from tests.media_client import MediaClient, stun_request


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        running.clock.stand_still()
        yield running


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        yield sock


async def flood(call: Call, stranger: socket.socket, data: bytes, count: int) -> None:
    """So many datagrams, as fast as they are read."""
    before = await call.count("datagrams_in")
    for index in range(count):
        stranger.sendto(data, ("127.0.0.1", call.plane.port))
        if index % 100 == 99:
            await call.until(functools.partial(_read, call, before + index))


def _read(call: Call, count: int) -> bool:
    return call.plane._counters.get("datagrams_in") >= count


def _heard(client: MediaClient, count: int) -> bool:
    return len(client.rtp) == count


async def say(client: MediaClient, number: int) -> None:
    client.send_secured(rtp(AUDIO, OPUS, number, 960 * number, b"%d" % number))


async def test_a_flood_of_checks_is_not_read_and_the_same_house_can_still_join(
    call: Call, stranger: socket.socket
) -> None:
    await flood(call, stranger, stun_request("nobody:x", "guess"), PER_SOURCE[1] + 500)
    assert await call.count("dropped_stun_unknown") == PER_SOURCE[1]
    assert await call.count("dropped_over_limit_stun") >= 400
    # Everyone in this test comes from 127.0.0.1.
    publisher, subscriber = await call.publisher(), await call.subscriber()
    await say(publisher, 1)
    await call.until(lambda: subscriber.rtp)
    before = await call.count("dropped_over_limit_stun")
    for _ in range(200):  # who is in a call is not limited
        publisher.check()
        await asyncio.sleep(0)
    await call.until(lambda: publisher.checks_answered >= 200)
    assert await call.count("dropped_over_limit_stun") == before


async def test_guesses_at_a_password_are_bounded(call: Call, stranger: socket.socket) -> None:
    publisher = await call.publisher()
    await flood(call, stranger, stun_request(f"{publisher.remote_ufrag}:x", "guess"), PER_SOURCE[1] + 500)
    assert await call.count("dropped_stun_integrity") <= PER_SOURCE[1] + RESERVED[1]
    assert await call.count("dropped_over_limit_stun") >= 400
    subscriber = await call.subscriber()
    await say(publisher, 1)
    await call.until(lambda: subscriber.rtp)


async def test_forged_media_of_a_known_stream_is_bounded(call: Call, stranger: socket.socket) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    await say(publisher, 1)
    await call.until(lambda: subscriber.rtp)
    await flood(call, stranger, rtp(AUDIO, OPUS, 9, 9, bytes(100)), PER_SOURCE[1] + 300)
    assert await call.count("dropped_not_authentic") == PER_SOURCE[1]
    assert await call.count("dropped_over_limit_srtp") == 300
    await say(publisher, 2)
    await call.until(lambda: len(subscriber.rtp) == 2)


async def test_thirty_people_of_one_house_join_at_once_beside_a_flood_from_everywhere(call: Call) -> None:
    now = call.clock()
    for each in range(IN_ALL[1]):
        call.plane._mux._strangers.failed(each.to_bytes(4, "big"), now)
    assert not call.plane._mux._strangers.admits(b"\x7f\0\0\1", now)
    clients = [call.client() for _ in range(30)]
    answers = []
    for number, client in enumerate(clients):
        await call.plane.join(call.room, f"doctor-{number}", ["H264"])
        answer = await call.plane.publish(call.room, f"doctor-{number}", "p", *publishing(client))
        answers.append(answer["sdp"])
    await asyncio.gather(*(client.connect(sdp) for client, sdp in zip(clients, answers, strict=True)))
    for number in range(30):
        await call.state(f"doctor-{number}", "publish", "p", "connected")
    assert await call.count("dropped_over_limit_handshake") == 0


async def test_handshakes_beyond_the_bound_wait_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mux, "BEGINNING", 1)
    async with calling() as call:
        first, second = call.client(), call.client()
        answers = []
        for name, client in (("a", first), ("b", second)):
            await call.plane.join(call.room, name, ["H264"])
            answers.append((await call.plane.publish(call.room, name, "p", *publishing(client)))["sdp"])
        first.read_transport(answers[0])
        first.check()
        await call.until(lambda: first.checks_answered)
        first.send(bytes.fromhex("16fefd0000000000000000000c010000000000000000000000"))  # begins, and leaves it at that
        await call.until(lambda: len(call.plane._mux._handshakes) == 1)
        joining = asyncio.create_task(second.connect(answers[1]))
        await call.until(lambda: call.plane._counters.get("dropped_over_limit_handshake"))
        assert call.states("b", "publish", "p") == ["connecting"]
        await call.plane.leave(call.room, "a")
        await joining
        await call.state("b", "publish", "p", "connected")


async def test_connections_without_credentials_are_bounded_and_the_oldest_give_way(call: Call) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", call.plane.port) for _ in range(mux.BEGINNING + 10)]
    await call.until(lambda: call.plane._counters.get("closed_tcp_over_limit") == 10)
    assert [await reader.read() for reader, _ in opened[:10]] == [b""] * 10
    publisher = await call.publisher()
    assert len(call.plane._mux._unclaimed) == mux.BEGINNING
    # The next one is served although the bound is reached, and is kept once it has shown its credentials.
    reader, writer = await asyncio.open_connection("127.0.0.1", call.plane.port)
    check = stun_request(f"{publisher.remote_ufrag}:{publisher.ufrag}", publisher.remote_password, nominate=False)
    writer.write(len(check).to_bytes(2, "big") + check)
    size = int.from_bytes(await reader.readexactly(2), "big")
    assert (await reader.readexactly(size))[:2] == b"\x01\x01"
    call.clock.ahead += 11
    assert await opened[-1][0].read() == b"", "the others are closed after a while"
    assert call.plane._mux.sizes()["tcp_claimed"] == 1
    for _, each in [*opened, (reader, writer)]:
        each.close()


async def test_a_peer_with_too_many_connections_loses_the_oldest(call: Call) -> None:
    publisher = await call.publisher()
    check = stun_request(f"{publisher.remote_ufrag}:{publisher.ufrag}", publisher.remote_password, nominate=False)
    opened = []
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", call.plane.port)
        writer.write(len(check).to_bytes(2, "big") + check)
        await reader.readexactly(2)
        opened.append((reader, writer))
    await call.until(lambda: call.plane._mux.sizes()["tcp_claimed"] == 15)
    assert call.plane._mux.sizes()["paths"] == 16
    for _, writer in opened:
        writer.close()


async def test_two_people_whose_streams_have_the_same_number_both_move(call: Call) -> None:
    publishers = [await call.publisher(name) for name in ("gp", "nurse")]
    subscriber = await call.subscriber()
    for each in publishers:
        await say(each, 1)
    await call.until(lambda: len(subscriber.rtp) == 2)
    for index, each in enumerate(publishers):
        each.move()
        await say(each, 2)
        await call.until(functools.partial(_heard, subscriber, 3 + index))
    assert await call.count("dropped_unknown_source") == 0
    assert call.plane._mux.sizes()["ssrcs"] == 1
    await call.plane.leave(call.room, "gp")
    publishers[1].move()
    await say(publishers[1], 3)
    await call.until(lambda: len(subscriber.rtp) == 5)


async def test_a_sender_that_changes_its_stream_all_the_time_is_remembered_in_bounds(call: Call) -> None:
    publisher = await call.publisher(video=False)
    for number in range(300):
        publisher.send_secured(rtp(AUDIO + number, OPUS, number, 0, b"x", mid="0"))
    await call.until(lambda: call.plane._counters.get("packets_in") == 300)
    assert call.plane._mux.sizes()["ssrcs"] <= 128


async def test_an_offer_that_is_refused_late_leaves_nothing_behind(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise BadSdpError("not this one")

    monkeypatch.setattr(publish_peer, "answer", refuse)
    await call.plane.join(call.room, "gp", ["H264"])
    for number in range(3):
        with pytest.raises(BadSdpError):
            await call.plane.publish(call.room, "gp", f"p{number}", *publishing(call.client()))
    assert set(call.plane._mux.sizes().values()) == {0}
    assert (await call.plane.snapshot())["rooms"][call.room]["participants"]["gp"]["publish"] is None
