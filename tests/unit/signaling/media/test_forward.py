"""The forwarding loop and the runs it sends: each subscriber gets what it would get packet by packet."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator

import pytest

from signaling.media.counters import Counters
from signaling.media.packets import rtp_header
from signaling.media.peers.forward import MAX_BURST, SENT_RING, FanOut
from signaling.media.transport import address
from signaling.media.transport.batch import Outbox, PinnedAddress
from tests.unit.signaling.media.wire import Subscriber

SO_NO_CHECK = 11
"""A socket option that makes the kernel refuse to cut messages into datagrams (net/ipv4/udp.c)."""


@pytest.fixture
def sender() -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


@pytest.fixture
def subscribers() -> Iterator[list[Subscriber]]:
    found = [Subscriber(1), Subscriber(2), Subscriber(3)]
    yield found
    for each in found:
        each.socket.close()


def packet(number: int, size: int) -> bytes:
    return rtp_header.canonical(
        size == 4, 102, number, 90 * number, rtp_header.send_time_element(0), None, bytes((number & 0xFF,)) * size
    )


SIZES = [1_000, 1_000, 1_000, 400, 1_000, 4, 4, 1_001, 1_000, 1_200]
"""Some runs: three and a shorter one; one and a shorter one; one; one and a shorter one; one."""


def send(sender: socket.socket, subscribers: list[Subscriber], longest_run: int | None, slots: int = 64) -> Counters:
    counters = Counters()
    outbox = Outbox(slots, counters)
    outbox.open(sender.fileno(), 16)
    if longest_run is not None:
        outbox.longest_run = longest_run
    fan = FanOut("p", outbox, counters, droppable=True)
    for index, each in enumerate(subscribers):
        fan.put(each, each.egress, 100 * index, 1_000 * index, each.constant)
    for number, size in enumerate(SIZES):
        fan.forward(packet(number, size), number, 90 * number, 1.0)
    outbox.flush()
    assert counters.get("packets_out") == len(SIZES) * len(subscribers)
    return counters


@pytest.mark.parametrize("longest_run", [None, 1, 2])
@pytest.mark.parametrize("slots", [64, 8])
def test_every_subscriber_gets_every_packet_patched_for_it(
    sender: socket.socket, subscribers: list[Subscriber], longest_run: int | None, slots: int
) -> None:
    counters = send(sender, subscribers, longest_run, slots)
    assert counters.get("datagrams_out") == len(SIZES) * len(subscribers)
    for index, each in enumerate(subscribers):
        expected = []
        for number, size in enumerate(SIZES):
            patched = bytearray(packet(number, size))
            rtp_header.PATCH.pack_into(
                patched,
                rtp_header.PATCH_START,
                number + 100 * index,
                90 * number + 1_000 * index,
                each.constant,
                number,
            )
            expected.append(bytes(patched))
        assert each.received() == expected
        assert each.egress.number == len(SIZES)
        assert [sent[0] for sent in each.egress.sent[: len(SIZES) + 1]] == [1.0] * len(SIZES) + [0.0]


def test_what_is_kept_of_each_packet_is_no_work_for_the_garbage_collector(
    sender: socket.socket, subscribers: list[Subscriber]
) -> None:
    send(sender, subscribers, None)
    gc.collect()
    stamps = subscribers[0].egress.sent[: len(SIZES)]
    assert [number for *_, number in stamps] == list(range(len(SIZES)))
    assert not any(gc.is_tracked(stamp) for stamp in stamps)


def test_where_the_kernel_does_not_cut_packets_go_one_by_one(
    sender: socket.socket, subscribers: list[Subscriber]
) -> None:
    sender.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    counters = send(sender, subscribers, 32)
    assert counters.get("runs_sent_apart") == 3 * len(subscribers)
    assert counters.get("datagrams_out") == len(SIZES) * len(subscribers)
    assert counters.get("dropped_send_refused") == 0
    assert [len(each.received()) for each in subscribers] == [len(SIZES)] * 3


def test_a_run_to_nobody_does_not_hold_up_the_others(sender: socket.socket, subscribers: list[Subscriber]) -> None:
    counters = Counters()
    outbox = Outbox(8, counters)
    outbox.open(sender.fileno(), 16)
    listener = subscribers[0].socket
    to = PinnedAddress(address.encode(socket.AF_INET, *listener.getsockname()))
    for destination in (0, to.pointer):
        begin = outbox.used
        for view, _, length in outbox.slots[begin : begin + 3]:
            view[:2] = b"xy"
            length[0] = 2
        outbox.address(destination, begin, 3)
    outbox.flush()
    assert [listener.recv(10) for _ in range(3)] == [b"xy"] * 3
    assert (counters.get("datagrams_out"), counters.get("dropped_send_refused")) == (3, 3)


def test_who_comes_or_goes_within_a_batch_gets_what_was_forwarded_in_between(
    sender: socket.socket, subscribers: list[Subscriber]
) -> None:
    counters = Counters()
    outbox = Outbox(64, counters)
    outbox.open(sender.fileno(), 16)
    fan = FanOut("p", outbox, counters, droppable=True)
    early, late, _ = subscribers
    fan.put(early, early.egress, 0, 0, early.constant)
    fan.forward(packet(0, 10), 0, 0, 1.0)
    fan.put(late, late.egress, 0, 0, late.constant)
    fan.forward(packet(1, 10), 1, 0, 1.0)
    fan.remove(early)
    fan.forward(packet(2, 10), 2, 0, 1.0)
    outbox.flush()
    assert [received[2:4] for received in early.received()] == [b"\x00\x00", b"\x00\x01"]
    assert [received[2:4] for received in late.received()] == [b"\x00\x01", b"\x00\x02"]


def test_a_burst_is_bounded(sender: socket.socket, subscribers: list[Subscriber]) -> None:
    outbox = Outbox(256, Counters())
    outbox.open(sender.fileno(), 16)
    fan = FanOut("p", outbox, Counters(), droppable=True)
    fan.put(0, subscribers[0].egress, 0, 0, subscribers[0].constant)
    for number in range(MAX_BURST):
        assert outbox.used == 0
        fan.forward(packet(number, 10), number, 0, 1.0)
    assert outbox.used == MAX_BURST < SENT_RING
