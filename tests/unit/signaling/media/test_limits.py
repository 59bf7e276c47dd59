"""What strangers may cost and how many may be under way, in virtual time."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.packets import stun
from signaling.media.policy.limits import IN_ALL, MAX_SOURCES, PER_SOURCE, RESERVED, Allowances, Strangers
from signaling.media.policy.waiting import Waiting
from signaling.media.transport import address
from tests.media_client import stun_request


def test_an_allowance_is_used_up_and_comes_back_with_time() -> None:
    allowances: Allowances[str] = Allowances(10.0, 3, 8)
    for _ in range(3):
        assert allowances.has("a", 0.0)
        allowances.charge("a", 0.0)
    assert not allowances.has("a", 0.0)
    assert not allowances.has("a", 0.099)
    assert allowances.has("a", 0.1)
    assert allowances.has("b", 0.0), "each key has its own"
    allowances.charge("a", 0.1)
    assert not allowances.has("a", 0.1)
    assert [allowances.has("a", 100.0), len(allowances)] == [True, 1]


steps = st.lists(st.tuples(st.integers(0, 40), st.floats(0, 0.5)), max_size=200)


@given(steps)
def test_nobody_gets_more_than_its_share_and_the_table_is_bounded(sequence: list[tuple[int, float]]) -> None:
    rate, burst, most = 5.0, 4, 16
    allowances: Allowances[int] = Allowances(rate, burst, most)
    now, alone = 0.0, 0
    for key, pause in sequence:
        now += pause
        assert allowances.has(key, now) or allowances.has(key, now + 1 / rate + 1e-9)
        # Key 0 fails whenever it may; the others as they come, too few of them to push it out.
        if allowances.has(0, now):
            allowances.charge(0, now)
            alone += 1
        if key % 8:
            allowances.charge(key % 8, now)
        assert len(allowances) <= most
    assert alone <= burst + rate * now + 1


@given(st.lists(st.integers(0, 10_000), max_size=300))
def test_many_keys_push_out_the_one_that_failed_longest_ago(keys: list[int]) -> None:
    allowances: Allowances[int] = Allowances(1.0, 2, 10)
    for now, key in enumerate(keys):
        allowances.charge(key, now / 1000)
    assert len(allowances) == min(10, len(set(keys)))


def test_a_flood_is_stopped_for_each_source_and_for_all_together() -> None:
    strangers = Strangers()
    read = 0
    for each in range(100_000):  # one source, a second
        if strangers.admits(b"one", each / 100_000):
            strangers.failed(b"one", each / 100_000)
            read += 1
    assert read <= PER_SOURCE[0] + PER_SOURCE[1] + 1
    assert strangers.admits(b"two", 1.0)
    strangers = Strangers()
    read = 0
    for each in range(100_000):  # each datagram from another one
        source = each.to_bytes(4, "big")
        if strangers.admits(source, each / 100_000):
            strangers.failed(source, each / 100_000)
            read += 1
    assert read <= IN_ALL[0] + IN_ALL[1] + 1
    assert len(strangers) <= MAX_SOURCES
    assert not strangers.admits(b"two", 1.0)
    assert strangers.spend_reserve("known", 1.0), "a check with known credentials gets through all the same"


def test_the_reserve_of_one_fragment_is_small_and_its_own() -> None:
    strangers = Strangers()
    assert sum(strangers.spend_reserve("a", 0.0) for _ in range(100)) == RESERVED[1]
    assert strangers.spend_reserve("b", 0.0)
    assert strangers.spend_reserve("a", 0.3)


def test_the_oldest_of_a_crowd_gives_way() -> None:
    waiting: Waiting[int] = Waiting(2, 5)
    assert [waiting.enter(who, b"a") for who in (1, 2)] == [None, None]
    assert not waiting.has_room(b"a")
    assert waiting.has_room(b"b")
    assert waiting.enter(3, b"a") == 1
    assert waiting.enter(3, b"a") is None, "twice is once"
    assert [waiting.enter(who, b"b") for who in (4, 5)] == [None, None]
    assert waiting.enter(6, b"c") is None
    assert not waiting.has_room(b"d")
    assert waiting.enter(7, b"d") == 2, "the oldest of the source that has most"
    waiting.leave(7)
    waiting.leave(7)
    assert waiting.all() == [3, 4, 5, 6]
    assert 3 in waiting
    assert 7 not in waiting


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 3)), max_size=200))
def test_waiting_keeps_its_bounds_and_lets_everyone_in(moves: list[tuple[bool, int, int]]) -> None:
    waiting: Waiting[int] = Waiting(3, 7)
    inside: dict[int, bytes] = {}
    for enters, who, place in moves:
        source = bytes((inside[who][0] if who in inside else place,))
        if enters:
            gone = waiting.enter(who, source)
            inside[who] = source
            if gone is not None:
                assert gone != who
                del inside[gone]
        else:
            waiting.leave(who)
            inside.pop(who, None)
        assert set(waiting.all()) == inside.keys()
        assert len(waiting) <= 7
        assert all(list(inside.values()).count(each) <= 3 for each in inside.values())


@pytest.mark.parametrize(
    ("family", "host", "network"),
    [
        (socket.AF_INET, "192.0.2.1", bytes((192, 0, 2, 1))),
        (socket.AF_INET6, "192.0.2.1", bytes((192, 0, 2, 1))),
        (socket.AF_INET6, "2001:db8:1:2:3:4:5:6", bytes.fromhex("20010db800010002")),
    ],
)
def test_a_source_is_an_ipv4_address_or_an_ipv6_network(
    family: socket.AddressFamily, host: str, network: bytes
) -> None:
    assert address.network(address.encode(family, host, 4711)) == network


@given(st.binary(max_size=120))
def test_a_glance_finds_the_fragment_and_never_raises(data: bytes) -> None:
    stun.peek_ufrag(data)
    assert stun.peek_ufrag(stun_request("me:you", "secret") + data) == "me"
