"""Which publication sits in which m-section of a subscriber, and when the next offer may go out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tele.domain.media import Kind

MAX_SLOTS: Final = 64
"""m-sections of one subscriber. What does not fit is not offered; audio is placed first."""


@dataclass(slots=True)
class Slot:
    """One m-section. Its place and mid never change; what it carries does."""

    mid: str
    kind: Kind
    publication: str | None = None
    dead: bool = False
    """Refused by the browser: it keeps its place and is never used again."""


class Negotiation:
    """One offer is outstanding at a time; wishes that come meanwhile are gathered into the next one."""

    def __init__(self, answer_within: float) -> None:
        self.slots: list[Slot] = []
        self.version = 0
        self.left_out = 0
        """Publications that found no slot."""
        self._answer_within = answer_within
        self._wanted: dict[str, Kind] = {}
        self._due = True
        self._deadline: float | None = None

    @property
    def outstanding(self) -> bool:
        """Whether an offer waits for its answer."""
        return self._deadline is not None

    def wish(self, wanted: Sequence[tuple[str, Kind]]) -> None:
        """What the subscriber is to receive: publication ids and kinds."""
        wish = dict(wanted)
        if wish != self._wanted:
            self._wanted = wish
            self._due = True

    def again(self) -> None:
        """Offer anew, whatever was said so far: after an ICE restart."""
        self._due = True
        self._deadline = None

    def next_offer(self, now: float) -> int | None:
        """Arrange the slots for the next offer and return its version; None when there is nothing to offer now."""
        if self._deadline is not None:
            if now < self._deadline:
                return None
            # Nobody answered: the message or the page was lost. The same is offered again under a new version.
            self._due = True
        if not self._due:
            return None
        self._arrange()
        self._due = False
        self._deadline = now + self._answer_within
        self.version += 1
        return self.version

    def answered(self, version: int) -> bool:
        """Note an answer; False when it is not to the outstanding offer."""
        if self._deadline is None or version != self.version:
            return False
        self._deadline = None
        return True

    def _arrange(self) -> None:
        for slot in self.slots:
            if slot.publication is not None and slot.publication not in self._wanted:
                slot.publication = None
        placed = {slot.publication for slot in self.slots}
        self.left_out = 0
        for publication, kind in sorted(self._wanted.items(), key=lambda item: item[1] != "audio"):
            if publication in placed:
                continue
            free = self._free(kind)
            if free is None:
                self.left_out += 1
            else:
                free.publication = publication
        if not self.slots:
            # Nothing to receive yet: one empty section brings ICE and DTLS up, so that the first picture comes sooner.
            self._free("audio")

    def _free(self, kind: Kind) -> Slot | None:
        for slot in self.slots:
            if slot.kind == kind and slot.publication is None and not slot.dead:
                return slot
        if len(self.slots) >= MAX_SLOTS:
            return None
        slot = Slot(f"{len(self.slots):02d}", kind)
        self.slots.append(slot)
        return slot
