"""One recording that runs: the listener of its room, and what the recorder keeps about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from recorder.journal import State
from recorder.session import Command, Session
from tele.domain.media import Track

Wish = Literal["recording", "paused", "sealed"]
"""What was asked for last; an alarm stands between the wish and its fulfilment."""


class Running:
    """One recording that runs, or would run if its disk let it; hears its room while it runs."""

    def __init__(
        self,
        state: State,
        room: str,
        clock: Callable[[], float],
        execute: Callable[[Running, list[Command]], None],
    ) -> None:
        """`clock` is that of the arrival times; `execute` does what the session asks for."""
        self._clock = clock
        self._execute = execute
        self.state = state
        self.room = room
        self.origin = 0.0
        self.session: Session | None = None
        self.stop_listening: Callable[[], None] | None = None
        self.alarm: str | None = None
        self.wish: Wish = "recording"

    def track_opened(self, track: Track) -> None:
        if self.session is not None:
            self._execute(self, self.session.track_opened(track, self.now()))

    def packet(self, publication: str, data: bytes, arrival: float) -> None:
        if self.session is not None:
            commands = self.session.packet(publication, data, arrival - self.origin)
            if commands:
                self._execute(self, commands)

    def sender_report(self, publication: str, ntp: int, rtp: int, arrival: float) -> None:
        if self.session is not None:
            self.session.sender_report(publication, ntp, rtp, arrival - self.origin)

    def track_closed(self, publication: str) -> None:
        if self.session is not None:
            self.session.track_closed(publication)

    def now(self) -> float:
        """Seconds of session time."""
        return self._clock() - self.origin

    def leave(self) -> Session | None:
        """Stop hearing the room; returns the session that was, if it still has to be finished."""
        session, self.session = self.session, None
        if self.stop_listening is not None:
            self.stop_listening()
            self.stop_listening = None
        return session
