"""How a call survives its network: new addresses, silence, restarts, TCP, and a page that is loaded again."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import AsyncIterator

import pytest

from signaling.media.packets import rtcp, rtp_header
from tests.media_call import AUDIO, H264, KEYFRAME, OPUS, VIDEO, Call, calling, publishing, rtp
from tests.media_client import MediaClient, stun_request


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        yield running


def say(client: MediaClient, number: int) -> None:
    client.send_secured(rtp(AUDIO, OPUS, number, 960 * number, b"%d" % number))


def heard(client: MediaClient) -> list[bytes]:
    return [data[28:] for data in client.rtp]


async def test_a_publisher_is_known_again_by_its_packets_at_a_new_address(call: Call) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    say(publisher, 1)
    await call.until(lambda: heard(subscriber) == [b"1"])
    publisher.move()
    say(publisher, 2)
    await call.until(lambda: heard(subscriber) == [b"1", b"2"])
    publisher.send_secured(rtp(VIDEO, H264, 1, 0, b"\x41no keyframe", wide=1))
    await call.until(lambda: publisher.rtcp, "feedback at the new address")
    assert call.states("gp", "publish", "p1") == ["connecting", "connected"]


async def test_forged_packets_of_a_known_ssrc_do_not_move_a_path(call: Call) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    say(publisher, 1)
    await call.until(lambda: heard(subscriber) == [b"1"])
    stranger = call.client()
    stranger.remote = publisher.remote
    stranger.send(rtp(AUDIO, OPUS, 2, 0, b"forged" + bytes(16)))
    replayed = publisher.seal(rtp(AUDIO, OPUS, 3, 0, b"3"))
    publisher.send(replayed)
    await call.until(lambda: len(subscriber.rtp) == 2)
    stranger.send(replayed)
    await call.until(lambda: call.plane._counters.get("dropped_not_authentic") == 2)
    publisher.rtcp.clear()
    publisher.send_secured(rtp(VIDEO, H264, 1, 0, b"\x41", wide=1))
    await call.until(lambda: publisher.rtcp)
    assert not stranger.received


async def test_a_nominated_check_moves_a_subscriber(call: Call) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    say(publisher, 1)
    await call.until(lambda: heard(subscriber) == [b"1"])
    subscriber.move()
    subscriber.check()
    await call.until(lambda: subscriber.checks_answered > 1)
    say(publisher, 2)
    await call.until(lambda: heard(subscriber) == [b"1", b"2"])


async def test_one_who_only_receives_is_known_again_by_a_report(call: Call) -> None:
    """In Chromium it comes every second, a check every 2.5 s. All who only receive report with the same SSRC."""
    publisher, subscriber = await call.publisher(), await call.subscriber()
    others = [await call.subscriber(f"other{number}", f"s{number + 2}") for number in range(10)]
    say(publisher, 1)
    await call.until(lambda: all(heard(each) == [b"1"] for each in (subscriber, *others)))
    report = rtcp.receiver_report(1, [], "subscriber")
    for each in (subscriber, *others):
        each.send_secured(report)
    await call.until(lambda: len(call.plane._mux._directory.reporting_as(1, call.clock() + 60)) == 8, "all reports")
    call.clock.ahead += 0.5
    for each in others:
        each.send_secured(report)
    subscriber.move()
    subscriber.send_secured(report)
    say(publisher, 2)
    await call.until(lambda: heard(subscriber) == [b"1", b"2"])
    await call.until(lambda: all(heard(each) == [b"1", b"2"] for each in others))


async def test_reports_that_a_page_leaves_behind_do_not_keep_its_network_out(call: Call) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    subscriber.send_secured(rtcp.receiver_report(1, [], "subscriber"))
    await call.until(lambda: call.plane._mux._directory.reporting_as(1, call.clock() + 60), "the report")
    stranger = call.client()
    stranger.remote = publisher.remote
    counts = call.plane._counters

    def read() -> int:
        return counts.get("dropped_over_limit_srtp") + counts.get("dropped_not_authentic")

    for _ in range(10):
        before = read()
        for _ in range(50):
            stranger.send(rtcp.receiver_report(1, [], "from a connection that is over") + bytes(14))
        await call.until(lambda before=before: read() >= before + 50, "what was sent")  # type: ignore[misc]
    assert counts.get("dropped_over_limit_srtp") > 0, "looking for the sender is bounded"
    assert call.plane._mux.sizes()["strangers"] == 0, "its network pays nothing"


async def test_a_plain_check_moves_a_path_only_after_two_seconds_of_silence(call: Call) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    say(publisher, 1)
    await call.until(lambda: heard(subscriber) == [b"1"])
    subscriber.check()
    answered = subscriber.checks_answered
    await call.until(lambda: subscriber.checks_answered > answered)
    subscriber.move()
    answered = subscriber.checks_answered
    subscriber.check(nominate=False)
    await call.until(lambda: subscriber.checks_answered > answered)
    chosen = await call.count("paths_chosen")
    call.clock.ahead += 2.1
    subscriber.check(nominate=False)
    await call.until(lambda: call.plane._counters.get("paths_chosen") == chosen + 1)
    say(publisher, 2)
    await call.until(lambda: heard(subscriber)[-1:] == [b"2"])


async def test_silence_is_told_and_forgiven_until_the_seat_is_given_up(call: Call) -> None:
    publisher, subscriber = await call.publisher("gp", "p1"), await call.subscriber()
    say(publisher, 1)
    await call.until(lambda: heard(subscriber) == [b"1"])
    call.clock.ahead += 3.1
    await call.state("gp", "publish", "p1", "disconnected")
    say(publisher, 2)
    await call.state("gp", "publish", "p1", "connected")
    call.clock.ahead += 31
    await call.state("gp", "publish", "p1", "failed")
    await call.state("spec", "subscribe", "s1", "failed")
    received = subscriber.received
    say(publisher, 3)
    await call.state("gp", "publish", "p1", "connected")
    await call.until(lambda: call.plane._counters.get("packets_in") == 3)
    assert subscriber.received == received, "without consent nothing is sent"
    subscriber.send_secured(struct.pack("!BBHI", 0x80, 201, 1, 1))
    await call.state("spec", "subscribe", "s1", "connected")
    say(publisher, 4)
    await call.until(lambda: heard(subscriber)[-1:] == [b"4"])
    numbers = [rtp_header.parse(data).sequence for data in subscriber.rtp]
    assert numbers[-1] == numbers[-2] + 1, "after a pause numbers go on as if nothing had been"
    call.clock.ahead += 151
    await call.state("gp", "publish", "p1", "closed")
    assert [event["state"] for event in call.of("publication")] == ["opened"] * 2 + ["closed"] * 2


async def test_an_ice_restart_of_the_publisher_keeps_its_keys_and_publications(call: Call) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    say(publisher, 1)
    await call.until(lambda: heard(subscriber) == [b"1"])
    before = publisher.remote_ufrag, publisher.remote_password
    publisher.ufrag = "restarted"
    publisher.move()
    answer = await call.plane.publish(call.room, "gp", "p1", *publishing(publisher))
    publisher.read_transport(answer["sdp"])
    assert publisher.remote_ufrag != before[0]
    answered = publisher.checks_answered
    publisher.check()
    await call.until(lambda: publisher.checks_answered > answered)
    publisher.send(stun_request(f"{before[0]}:old", before[1]))
    await call.until(lambda: publisher.checks_answered > answered + 1, "an answer to the old credentials")
    say(publisher, 2)
    await call.until(lambda: heard(subscriber) == [b"1", b"2"])
    assert len(call.of("publication")) == 2
    assert await call.count("handshakes_done") == 2


async def test_a_renegotiation_without_restart_keeps_the_credentials(call: Call) -> None:
    publisher = await call.publisher()
    before = publisher.remote_ufrag
    offer, _ = publishing(publisher)
    answer = await call.plane.publish(
        call.room, "gp", "p1", offer.replace("a=sendonly", "a=inactive", 1), {"1": "camera"}
    )
    assert f"a=ice-ufrag:{before}\r\n" in answer["sdp"]
    assert [event["source"] for event in call.of("publication") if event["state"] == "closed"] == ["microphone"]


async def test_an_ice_restart_of_the_subscriber_comes_as_a_new_offer(call: Call) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    before = call.of("offer")[-1]
    subscriber.move()
    await call.plane.subscribe(call.room, "spec", "s1")
    await call.until(lambda: call.of("offer")[-1]["version"] > before["version"])
    offer = call.of("offer")[-1]
    pattern = r"a=ice-ufrag:(\S+)"
    assert set(re.findall(pattern, offer["sdp"])).isdisjoint(re.findall(pattern, before["sdp"]))
    assert re.findall(r"a=ssrc:.*", offer["sdp"]) == re.findall(r"a=ssrc:.*", before["sdp"])
    subscriber.read_transport(offer["sdp"])
    subscriber.check()
    answered = subscriber.checks_answered
    await call.until(lambda: subscriber.checks_answered > answered)
    say(publisher, 1)
    await call.until(lambda: heard(subscriber) == [b"1"])
    assert await call.count("handshakes_done") == 2


async def test_a_reload_takes_the_place_of_the_old_page(call: Call) -> None:
    await call.publisher("gp", "p1")
    subscriber = await call.subscriber()
    old = {track["publication"] for track in call.of("offer")[-1]["tracks"]}
    again = await call.publisher("gp", "p2")
    assert call.states("gp", "publish", "p1")[-1] == "closed"
    await call.until(lambda: old.isdisjoint(track["publication"] for track in call.of("offer")[-1]["tracks"]))
    offer = call.of("offer")[-1]
    assert [track["mid"] for track in offer["tracks"]] == ["00", "01"], "the sections are used again"
    await call.until(lambda: call.plane._counters.get("offers_sent") == len(call.of("offer")))
    number = 0

    def speak() -> bool:
        nonlocal number
        number += 1
        say(again, number)
        return bool(subscriber.rtp)

    await call.until(speak)
    assert (await call.plane.snapshot())["rooms"][call.room]["participants"]["gp"]["publish"] == "connected"


async def test_a_goodbye_closes_at_once(call: Call) -> None:
    publisher = await call.publisher()
    await call.subscriber()
    await publisher.close(goodbye=True)
    call.clients.remove(publisher)
    await call.state("gp", "publish", "p1", "closed")
    await call.until(lambda: call.of("offer")[-1]["tracks"] == [])


class TcpFrames:
    """A browser whose network lets only TCP through: RFC 4571 frames both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(struct.pack("!H", len(data)) + data)

    async def receive(self) -> bytes:
        (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        return await self.reader.readexactly(size)


async def test_a_subscriber_on_tcp_hears_and_its_path_ends_with_the_connection(call: Call) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    assert f" tcp 1520435199 127.0.0.1 {call.plane.port} typ host tcptype passive" in call.of("offer")[-1]["sdp"]
    frames = TcpFrames(*await asyncio.open_connection("127.0.0.1", call.plane.port))
    check = stun_request(f"{subscriber.remote_ufrag}:x", subscriber.remote_password)
    frames.send(check[:9])  # half a frame's bytes are not a frame
    frames.writer.write(b"")
    frames.send(check)
    assert (await frames.receive())[:2] == b"\x01\x01"
    say(publisher, 1)
    packet = await frames.receive()
    subscriber._inbound.view[: len(packet)] = packet
    subscriber._secured(len(packet))
    assert heard(subscriber) == [b"1"]
    subscriber.check()  # the UDP path is chosen again by a nominated check
    await call.until(lambda: subscriber.checks_answered > 1)
    say(publisher, 2)
    await call.until(lambda: heard(subscriber) == [b"1", b"2"])
    frames.writer.close()
    await frames.writer.wait_closed()
    say(publisher, 3)
    await call.until(lambda: heard(subscriber) == [b"1", b"2", b"3"])


async def test_a_tcp_frame_that_no_browser_sends_ends_that_connection(call: Call) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", call.plane.port)
    writer.write(b"\xff\xff" + bytes(100))
    assert await reader.read() == b""
    idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", call.plane.port)
    await call.until(lambda: call.plane._mux._unclaimed)
    call.clock.ahead += 11
    assert await idle_reader.read() == b"", "a connection that shows no credentials is closed"
    for each in (writer, idle_writer):
        each.close()


async def test_both_ip_versions_are_served_by_one_port() -> None:
    async with calling(bind="::", advertised=("127.0.0.1", "::1")) as call:
        publisher, subscriber = await call.publisher(), await call.subscriber()
        offer = call.of("offer")[-1]["sdp"]
        assert f" udp 2130706175 ::1 {call.plane.port} typ host" in offer
        say(publisher, 1)
        await call.until(lambda: heard(subscriber) == [b"1"])


async def test_a_subscriber_asks_again_for_a_picture_when_its_path_moved(call: Call) -> None:
    publisher, subscriber = await call.publisher(audio=False), await call.subscriber()
    publisher.send_secured(rtp(VIDEO, H264, 1, 0, KEYFRAME))
    await call.until(lambda: subscriber.rtp)
    asked = await call.count("plis_sent")
    call.clock.ahead += 1
    subscriber.move()
    subscriber.check()
    await call.until(lambda: call.plane._counters.get("plis_sent") == asked + 1)
    assert any(part.kind == rtcp.PAYLOAD_FEEDBACK for data in publisher.rtcp for part in rtcp.walk(data)) or asked == 0


async def answers_to(call: Call, *checks: bytes) -> list[bytes]:
    """What comes back to an address that nobody knows, for the checks and then for one that is surely answered."""
    last = await call.plane.line_check()
    found: list[bytes] = []
    arrived = asyncio.Event()
    marker = stun_request(f"{last['ufrag']}:last", last["password"])

    class Ear(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
            arrived.set() if data[8:20] == marker[8:20] else found.append(data)

    remote = ("127.0.0.1", call.plane.port)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Ear, remote_addr=remote)
    for check in (*checks, marker):
        transport.sendto(check)
    async with asyncio.timeout(5):
        await arrived.wait()
    transport.close()
    return found


async def test_a_site_can_try_its_line_without_a_call(call: Call) -> None:
    given = await call.plane.line_check()
    assert (given["addresses"], given["port"], given["tcp"]) == (["127.0.0.1"], call.plane.port, True)
    signed = stun_request(f"{given['ufrag']}:x", given["password"])
    wrong = stun_request(f"{given['ufrag']}:x", "guessed")
    plain = signed[:2] + b"\0\0" + signed[4:20]
    assert [data[:2] for data in await answers_to(call, signed, wrong, plain)] == [b"\x01\x01"]
    frames = TcpFrames(*await asyncio.open_connection("127.0.0.1", call.plane.port))
    frames.send(signed)
    assert (await frames.receive())[:2] == b"\x01\x01"
    call.clock.ahead += 11
    assert await frames.reader.read() == b"", "such a connection is not kept"
    frames.writer.close()
    call.clock.ahead += 600
    assert await answers_to(call, signed) == [], "old credentials are no credentials"


async def test_a_try_of_the_line_takes_nobodys_path(call: Call) -> None:
    publisher, subscriber = await call.publisher(), await call.subscriber()
    given = await call.plane.line_check()
    publisher.send(stun_request(f"{given['ufrag']}:x", given["password"]))
    say(publisher, 1)
    await call.until(lambda: heard(subscriber) == [b"1"])
    assert await call.count("dropped_unknown_source") == 0
