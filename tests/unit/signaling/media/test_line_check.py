"""Credentials for checks without a call: how long they are good, and what they give away."""

from __future__ import annotations

import random

from signaling.media.packets import stun
from signaling.media.policy.line_check import LIFETIME, LineCheck
from tests.media_client import stun_request


def test_credentials_are_good_for_at_least_their_lifetime_and_end() -> None:
    check = LineCheck(random.Random(1).choice)
    first, expires_in = check.credentials(0.0)
    assert expires_in == 2 * LIFETIME
    assert check.credentials(LIFETIME - 1) == (first, LIFETIME + 1)
    second, _ = check.credentials(LIFETIME)
    assert second != first
    assert check.password(first.ufrag, 2 * LIFETIME - 1) == first.password
    assert check.password(first.ufrag, 2 * LIFETIME) is None
    assert check.password(second.ufrag, 2 * LIFETIME) == second.password
    assert check.password("", 0.0) is None


def test_the_oldest_of_three_is_forgotten() -> None:
    check = LineCheck(random.Random(1).choice)
    first, _ = check.credentials(0.0)
    check.credentials(LIFETIME)
    check.credentials(2 * LIFETIME)
    assert check.password(first.ufrag, 0.0) is None


def test_an_answer_is_not_larger_than_the_check_that_asks_for_it() -> None:
    credentials, _ = LineCheck(random.Random(1).choice).credentials(0.0)
    shortest = stun_request(f"{credentials.ufrag}:x", credentials.password)
    for host in ("192.0.2.1", "2001:db8::1"):
        assert len(stun.binding_success(bytes(12), stun.mapped_address(host, 1), credentials.password)) <= len(shortest)
