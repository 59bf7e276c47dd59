"""Whose picture a lecture shows when only one is shown."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.journal import State, TrackState
from tele.domain.seat import is_device


def leading(state: State, pictures: Sequence[TrackState]) -> TrackState:
    """An encoder's, else the host's (`host` in the recording's options), else that which came first: guests come later.

    An encoder's stands before a page's camera: it was made up to be shown. Raises ValueError where there is none.
    """
    host = state.options.get("host")
    return min(
        pictures,
        key=lambda track: (not is_device(track.participant), track.participant != host, track.start, track.name),
    )
