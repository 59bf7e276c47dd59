"""How a line is in words, for the person whose line it is: judged from figures, and with patience. Pure."""

from __future__ import annotations

from typing import Final

from signaling.media.policy.allocation import Quality

PATIENCE: Final[dict[Quality, float]] = {"good": 2.0, "weak": 5.0, "sound": 0.5}
"""Seconds that a state must last to be told: each call begins small for a few, which is nobody's trouble."""
WEAK_LOSS, GOOD_LOSS = 0.05, 0.02
"""Fractions of a line's packets. From the first on it is weak, though retransmission may hide it; below the other it is
good again."""
WEAK_JITTER, GOOD_JITTER = 0.06, 0.03
"""Seconds (RFC 3550 §6.4.1): what a receiver's buffer must make up for."""


class Steady:
    """Tells a state once it has lasted."""

    __slots__ = ("_since", "_unsure", "told")

    def __init__(self) -> None:
        self.told: Quality = "good"
        self._unsure: Quality = "good"
        self._since = 0.0

    def see(self, quality: Quality, now: float) -> Quality:
        """The state seems to be this; returns what is to be told."""
        if quality != self._unsure:
            self._unsure = quality
            self._since = now
        if now - self._since >= PATIENCE[quality]:
            self.told = quality
        return self.told


def judge_downlink(before: Quality, allocated: Quality, loss: float) -> Quality:
    """What is sent to a subscriber, and the fraction of it that is lost on the way.

    Only the server can tell: what a browser misses or sees stand still may have been lost on the publisher's line.
    """
    if allocated != "good":
        return allocated
    return _judge(before, weak=loss >= WEAK_LOSS, good=loss < GOOD_LOSS)


def judge_uplink(before: Quality, loss: float, jitter: float) -> Quality:
    """What arrives of a publisher in a second: the fraction lost, the worst jitter in seconds."""
    return _judge(
        before, weak=loss >= WEAK_LOSS or jitter >= WEAK_JITTER, good=loss < GOOD_LOSS and jitter < GOOD_JITTER
    )


def _judge(before: Quality, *, weak: bool, good: bool) -> Quality:
    """Neither: as it was."""
    if weak:
        return "weak"
    return "good" if good or before == "good" else "weak"
