"""What lies next to the socket: STUN, addresses, batches of datagrams, the turnstile, the pinned private parts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from aioice import stun as reference
from aiortc import RTCDtlsTransport
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.packets import stun
from signaling.media.tasks import Tasks
from signaling.media.transport import address, dtls
from signaling.media.transport.batch import STRIDE, Inbox, Outbox, PinnedAddress
from signaling.media.transport.turnstile import Turnstile
from tests.media_client import stun_request


def binding_request(username: str, password: str, *, nominate: bool = False) -> bytes:
    """A request made by aioice."""
    message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = 2
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    return bytes(message)


@pytest.mark.parametrize("nominate", [False, True])
def test_a_check_is_read_and_authenticated(nominate: bool) -> None:
    for data in (
        binding_request("me:you", "secret", nominate=nominate),
        stun_request("me:you", "secret", nominate=nominate),
    ):
        request = stun.parse_binding_request(data)
        assert request is not None
        assert (request.local_ufrag, request.use_candidate) == ("me", nominate)
        assert request.authentic("secret")
        assert not request.authentic("wrong")


@given(st.integers(0, 130), st.integers(1, 255))
def test_any_changed_byte_is_noticed(at: int, change: int) -> None:
    data = bytearray(binding_request("me:you", "secret"))
    data[at % len(data)] ^= change
    request = stun.parse_binding_request(bytes(data))
    assert request is None or not request.authentic("secret")


@given(st.binary(max_size=200))
def test_any_bytes_are_no_request(data: bytes) -> None:
    assert stun.parse_binding_request(data) is None
    head = b"\x00\x01" + (len(data) // 4 * 4).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12)
    stun.parse_binding_request(head + data[: len(data) // 4 * 4])


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_the_answer_is_what_aioice_reads(host: str) -> None:
    data = stun.binding_success(bytes(range(12)), stun.mapped_address(host, 54_321), "secret")
    message = reference.parse_message(data)  # checks FINGERPRINT
    assert message.check_message_integrity(b"secret")
    assert (message.message_class, message.transaction_id) == (reference.Class.RESPONSE, bytes(range(12)))
    assert message.attributes["XOR-MAPPED-ADDRESS"] == (host, 54_321)
    mapped = reference.parse_message(
        stun.binding_success(bytes(12), stun.mapped_address("::ffff:192.0.2.1", 1), "secret")
    )
    assert mapped.attributes["XOR-MAPPED-ADDRESS"] == ("192.0.2.1", 1)


@pytest.mark.parametrize(
    ("family", "host"),
    [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")],
)
def test_addresses_survive_the_way_to_the_kernel_and_back(family: socket.AddressFamily, host: str) -> None:
    raw = address.encode(family, host, 8443)
    assert len(raw) == address.SIZE[family]
    assert address.decode(raw) == (host, 8443)


def test_an_ipv6_host_does_not_fit_an_ipv4_socket() -> None:
    with pytest.raises(ValueError, match="no IPv4 address"):
        address.encode(socket.AF_INET, "::1", 1)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.socket(type=socket.SOCK_DGRAM) as a, socket.socket(type=socket.SOCK_DGRAM) as b:
        for sock in (a, b):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        yield a, b


def put(outbox: Outbox, destination: int, data: bytes) -> None:
    view, _, length = outbox.take(destination)
    view[: len(data)] = data
    length[0] = len(data)


def test_a_batch_leaves_and_arrives_in_order_with_its_sender(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    counters = Counters()
    outbox, inbox = Outbox(4, counters), Inbox(8, 16)
    outbox.open(a.fileno(), 16)
    to_b = PinnedAddress(address.encode(socket.AF_INET, *b.getsockname()))
    for index in range(6):  # more than the outbox holds: it sends by itself
        put(outbox, to_b.pointer, b"datagram %d" % index)
    outbox.flush()
    assert inbox.receive(b.fileno()) == 6
    for index in range(6):
        assert bytes(inbox.slots[index][0][: inbox.size(index)]) == b"datagram %d" % index
        assert address.decode(inbox.sender(index)) == a.getsockname()
    assert inbox.receive(b.fileno()) == 0
    a.sendto(b"", b.getsockname())
    a.sendto(bytes(STRIDE + 100), b.getsockname())
    assert inbox.receive(b.fileno()) == 2
    assert (inbox.size(0), inbox.size(1)) == (0, STRIDE)
    assert counters.get("datagrams_out") == 6


def test_a_destination_that_is_refused_does_not_hold_up_the_others(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    counters = Counters()
    outbox = Outbox(8, counters)
    outbox.open(a.fileno(), 16)
    to_b = PinnedAddress(address.encode(socket.AF_INET, *b.getsockname()))
    to_port_0 = PinnedAddress(address.encode(socket.AF_INET, "127.0.0.1", 0))
    for destination in (to_b.pointer, 0, to_port_0.pointer, to_b.pointer):
        put(outbox, destination, b"x")
    outbox.flush()
    assert (b.recv(10), b.recv(10)) == (b"x", b"x")
    assert counters.get("dropped_send_refused") == 2


async def test_the_turnstile_lets_one_through_per_turn_of_the_loop() -> None:
    turnstile, turns = Turnstile(), 0
    passed: list[tuple[int, int]] = []
    running = True

    async def count() -> None:
        nonlocal turns
        while running:
            turns += 1
            await asyncio.sleep(0)

    async def step(number: int) -> None:
        await turnstile.turn()
        passed.append((number, turns))

    counting = asyncio.create_task(count())
    impatient = asyncio.create_task(step(99))
    steps = [asyncio.create_task(step(number)) for number in range(5)]
    await asyncio.sleep(0)
    steps[2].cancel()
    await asyncio.gather(impatient, *steps, return_exceptions=True)
    running = False
    await counting
    assert [number for number, _ in passed] == [99, 0, 1, 3, 4], "in order, and who gave up holds up nobody"
    at = [turn for _, turn in passed]
    assert len(set(at)) == len(at)


def test_the_private_parts_are_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    dtls.check_pinned()
    monkeypatch.delattr(RTCDtlsTransport, "_recv_next")
    with pytest.raises(
        RuntimeError, match=r"fits aiortc 1\.16\.0, pylibsrtp 1\.0\.0; found aiortc .*_recv_next is gone"
    ):
        dtls.check_pinned()


async def test_a_task_that_fails_is_counted() -> None:
    counters = Counters()
    tasks = Tasks(counters)

    async def fail() -> None:
        raise ValueError("a bug")

    async def sleep() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ValueError, match="a bug"):
        await tasks.spawn(fail(), "failing")
    sleeping = tasks.spawn(sleep(), "sleeping")
    await tasks.stop()
    assert sleeping.cancelled()
    assert (len(tasks), counters.get("task_errors")) == (0, 1)


@pytest.mark.parametrize("wrong", [{"port": 70_000}, {"advertised": ()}, {"advertised": ("media.example",)}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"port|address"):
        MediaConfig(**{"port": 0, **wrong})  # type: ignore[arg-type]
