"""How benchmarks begin and end: a core is left to the server; then a verdict in words, and the result as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any


def leave_a_core() -> int:
    """Keep this process, and what it starts, off the first core, which the server is given; returns that core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    return cores[0]


def conclude(result: dict[str, Any], broken: Sequence[str] | None = None) -> dict[str, Any]:
    """Say what is promised and not so, then the result, which is returned, as the last line.

    `broken` is None where nothing is promised. Exits with 1 when a promise is broken.
    """
    if broken is not None:
        result["broken"] = list(broken)
        print("not as promised: " + "; ".join(broken) if broken else "as promised")
    print(json.dumps(result))
    if broken:
        raise SystemExit(1)
    return result
