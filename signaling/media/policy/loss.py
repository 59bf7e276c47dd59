"""How much is lost, and whether sending less would help: a line that loses at random must not be starved for it."""

from __future__ import annotations

from collections import deque
from math import sqrt
from typing import Final

SPAN: Final = 1.0
"""Seconds over which loss is counted when enough packets were sent; fewer packets are waited for up to LONGEST."""
LONGEST: Final = 3.0
ENOUGH: Final = 40
SURE: Final = 2.0
"""Standard deviations by which a count is discounted before it is believed."""

LONGEST_RUN: Final = 4.0
"""Losses in a row that count as one accident; longer runs are an overflowing buffer."""


class LossWindow:
    """Packets and bytes of the last second or so: reported, missing, arrived."""

    __slots__ = ("_entries", "_octets", "_runs", "lost", "packets")

    def __init__(self) -> None:
        self._entries: deque[tuple[float, int, int, int, int]] = deque()
        """When, packets, missing ones, runs of missing ones, bytes."""
        self.clear()

    def clear(self) -> None:
        """Forget all: from now on things are different."""
        self._entries.clear()
        self.packets = self.lost = self._runs = self._octets = 0

    def add(self, packets: int, lost: int, runs: int, octets: int, now: float) -> None:
        """One message: its new packets, how many are missing (less those that arrived late), in how many runs, all
        bytes."""
        entries = self._entries
        entries.append((now, packets, lost, runs, octets))
        self.packets += packets
        self.lost += lost
        self._runs += runs
        self._octets += octets
        while len(entries) > 1:
            since, count, missing, stretches, size = entries[0]
            age = now - since
            if age <= SPAN or (age <= LONGEST and self.packets - count < ENOUGH):
                break
            entries.popleft()
            self.packets -= count
            self.lost -= missing
            self._runs -= stretches
            self._octets -= size

    @property
    def fraction(self) -> float:
        """Missing among all, 0 to 1."""
        return max(0, self.lost) / self.packets if self.packets else 0.0

    @property
    def surely(self) -> float:
        """The loss that is believed: `fraction` less what chance may have added: more when losses come in runs."""
        if self.packets < ENOUGH // 2:
            return 0.0
        fraction = self.fraction
        run = min(LONGEST_RUN, max(1.0, self.lost / max(1, self._runs)))
        return max(0.0, fraction - SURE * sqrt(fraction * (1 - fraction) * (2 * run - 1) / self.packets))

    @property
    def bitrate(self) -> float | None:
        """bit/s that were sent, lost packets included; None while the window is short."""
        entries = self._entries
        if len(entries) < 2 or entries[-1][0] - entries[0][0] < SPAN / 3:
            return None
        return (self._octets - entries[0][4]) * 8 / (entries[-1][0] - entries[0][0])


TOLERATED: Final = 0.13
"""Loss without a queue that lowers nothing. A policer that drops what is too much stays this close to its rate."""
RELENTING: Final = 0.05
"""How fast the inherent loss follows a lower one, per message."""
NOTICED: Final = 0.02
"""Above this the estimate stays near what arrives."""
SAME: Final = 0.7
"""Loss that is still this part of what it was, although less is sent, was not made by us."""
TRIED: Final = 1.0
"""Seconds of packets sent after a decrease before it is judged."""
REDUCED: Final = 0.9
SLOW: Final = 100_000.0
"""bit/s below which there is only sound, which is never reduced: its loss is taken as the line's own."""


class InherentLoss:
    """Finds the loss that a line has by itself: an experiment after each decrease shows whether it helped.

    Loss-based estimators that assume that all loss is congestion sink to nothing at 10 % of random loss.
    """

    __slots__ = ("_before", "_loss", "_sent", "_since", "inherent")

    def __init__(self) -> None:
        self.inherent = 0.0
        """Fraction that is the line's own, as far as is known."""
        self._since: float | None = None
        self._before = self._loss = self._sent = 0.0

    @property
    def tolerated(self) -> float:
        """Loss up to which nothing is lowered while no queue is seen."""
        return self.inherent + TOLERATED

    @property
    def trying(self) -> bool:
        """Whether a decrease is being judged."""
        return self._since is not None

    def lowered(self, before: float, loss: float, sent: float, now: float) -> None:
        """The estimate was `before`, and is lowered for `loss` while `sent` bit/s were sent."""
        if self._since is None:
            self._before, self._loss, self._sent = before, loss, sent
        self._since = now

    def judge(self, window: LossWindow, now: float) -> float | None:
        """The estimate to go back to when lowering it did not help, else None. `window` began after the decrease."""
        fraction = window.fraction
        if self.inherent and window.packets >= ENOUGH:
            self.inherent -= RELENTING * max(0.0, self.inherent - fraction)
        sent = window.bitrate
        if self._since is None or now - self._since < TRIED or sent is None or window.packets < ENOUGH:
            return None
        self._since = None
        if fraction < self._loss * SAME or (sent > SLOW and sent > self._sent * REDUCED):
            # It helped; or no less is sent yet, and the next decrease goes on from here.
            return None
        self.inherent = fraction
        return self._before

    def forget(self) -> None:
        """Another path, or the line was gone."""
        self.inherent = 0.0
        self._since = None
