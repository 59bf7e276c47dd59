"""Silence means less of a peer that has nothing to send than of one whose stream broke off."""

from __future__ import annotations

import pytest

from signaling.media.policy.liveness import Liveness, Patience


def connected() -> Liveness:
    life = Liveness(Patience(silent=3, idle=7), 0.0)
    life.secured(0.0)
    return life


def test_a_stream_that_breaks_off_is_noticed_after_three_seconds() -> None:
    life = connected()
    for number in range(50):
        life.heard(2.0 + number * 0.02)
    assert life.tick(5.9) is None
    assert life.tick(6.0) == "disconnected"


@pytest.mark.parametrize("pace", [2.5, 5.0, 6.0])
def test_a_peer_that_only_sends_checks_is_not_called_disconnected(pace: float) -> None:
    life = connected()
    for number in range(1, 20):
        assert life.tick(number * pace - 0.01) is None
        assert life.heard(number * pace) is None
    assert life.state == "connected"
    assert life.tick(19 * pace + 7.0) == "disconnected"
    assert life.heard(60 * pace) == "connected"
