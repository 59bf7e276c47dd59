"""Who gets what of a subscriber's line: sound always, the screen before cameras, everyone small before anyone large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Source = Literal["microphone", "camera", "screen", "screen-audio"]
Quality = Literal["good", "weak", "sound"]
"""The line in words: everything is sent; something is reduced; only sound is sent."""


class Layer(NamedTuple):
    """One form of a publication: its key (any string) and what it takes, headers included, averaged over some 2 s."""

    key: str
    bitrate: float


class Wish(NamedTuple):
    """What a subscriber would like in one slot. The order of wishes is their importance among equals."""

    slot: str
    source: Source
    layers: tuple[Layer, ...]
    """Ordered by bitrate, lowest first; only those that this subscriber has use for. Empty: nothing to send yet."""


@dataclass(frozen=True, slots=True)
class AllocationSettings:
    """Bitrates in bit/s, times in seconds."""

    sound_only_below: float = 80_000.0
    hold: float = 2.0
    """How long there must be room before something is added."""


class Allocation(NamedTuple):
    """The choice. Every wished slot is in `layers`; None: paused. Sound is never paused."""

    layers: Mapping[str, str | None]
    red: bool
    """Whether redundant audio may be sent."""
    quality: Quality
    wanted: float
    """bit/s that the next improvement needs (margin included); 0 when nothing is missing. What to probe for."""


class Allocator:
    """The choice for one subscriber, with memory, so that it does not flap: down at once, up after a while."""

    def __init__(self, settings: AllocationSettings | None = None) -> None:
        self._settings = settings or AllocationSettings()

    def allocate(self, bitrate: float, wishes: Sequence[Wish], now: float) -> Allocation:
        """Choose for an estimate of `bitrate` bit/s. Called on every tick, and at once when wishes change."""
        return Allocation({wish.slot: wish.layers[0].key if wish.layers else None for wish in wishes}, True, "good", 0)
