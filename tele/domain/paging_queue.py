"""The queue of waiting requests: who comes first, how long it is likely to take, and how the promise stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import Literal

from tele.domain.escalation import URGENCIES

Light = Literal["green", "amber", "red"]

SAMPLE = 20
"""How many recent acceptances the expected wait looks at."""
ENOUGH = 3
"""With fewer than this many, no wait is foretold."""


def queue_order(urgency: str, created_at: datetime, request: str) -> tuple[int, datetime, str]:
    """Sort key of the queue: the most pressing first, then the oldest."""
    rank = next((at for at, one in enumerate(URGENCIES) if one == urgency), len(URGENCIES))
    return rank, created_at, request


def expected_wait(recent: Sequence[float]) -> int | None:
    """Seconds that a request is likely to wait, from how long recent ones waited; None when too few are known."""
    sample = list(recent)[:SAMPLE]
    return round(median(sample)) if len(sample) >= ENOUGH else None


def light(waited_s: float, promise_s: int) -> Light:
    """The coordinators' traffic light: amber from half of the promised time, red from all of it."""
    if waited_s >= promise_s:
        return "red"
    return "amber" if waited_s * 2 >= promise_s else "green"
