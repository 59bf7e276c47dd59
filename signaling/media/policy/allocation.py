"""Who gets what of a subscriber's line: sound always, the screen before cameras, everyone small before anyone large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Source = Literal["microphone", "camera", "screen", "screen-audio"]
Quality = Literal["good", "weak", "sound"]
"""The line in words: everything is sent; something is reduced; only sound is sent."""

SOUND: Final[frozenset[Source]] = frozenset(("microphone", "screen-audio"))
PAUSED: Final = -1


class Layer(NamedTuple):
    """One form of a publication: its key (any string) and what it takes, headers included, averaged over some 2 s."""

    key: str
    bitrate: float


class Wish(NamedTuple):
    """What a subscriber would like in one slot. The order of wishes is their importance among equals."""

    slot: str
    source: Source
    layers: tuple[Layer, ...]
    """Ordered by bitrate, lowest first; only those that this subscriber has use for. Empty: nothing to send yet.
    Of a sound source only the first is looked at."""


@dataclass(frozen=True, slots=True)
class AllocationSettings:
    """Bitrates in bit/s, times in seconds."""

    sound_only_below: float = 80_000.0
    """An estimate below this is for sound alone."""
    margin: float = 1.25
    """What is added must fit into the estimate divided by this; what is there already, into the estimate itself. An
    estimate that wavers by ±10 % then changes nothing."""
    hold: float = 0.3
    """How long there must be room before something is added: people wait for it."""
    careful_hold: float = 1.5
    """The same for a minute after something had to be taken back."""
    longest_hold: float = 12.0
    """The hold doubles up to this when what was added had to be taken back soon."""
    soon: float = 6.0
    strained: float = 15.0
    """How long the one picture may take more than the estimate has. After that it would only hurt the sound."""
    wary: float = 60.0
    """For how long it then needs the same margin as everything else to come back."""
    redundancy: float = 0.6
    """What redundant audio (RFC 2198) takes, as a part of the sound itself: payload twice, headers once."""


class Allocation(NamedTuple):
    """The choice. Every wished slot is in `layers`; None: paused. Sound is never paused."""

    layers: Mapping[str, str | None]
    red: bool
    """Whether redundant audio may be sent."""
    quality: Quality
    bitrate: float
    """bit/s that the choice takes."""
    wanted: float
    """bit/s that the next improvement needs, margin included; 0 when nothing is missing. What to probe for."""
    everything: float
    """bit/s that all wishes at their best need, margin included."""


class _Choice(NamedTuple):
    levels: Mapping[str, int]
    """Index of the layer of each picture, PAUSED for none."""
    red: bool
    bitrate: float
    missing: float
    """Total bit/s with which the first step that did not fit would have fitted; 0 when all did."""


class Allocator:
    """The choice for one subscriber, with memory, so that it does not flap: down at once, up after a while."""

    def __init__(self, settings: AllocationSettings | None = None) -> None:
        self._settings = settings or AllocationSettings()
        self._levels: dict[str, int] = {}
        """What each picture has now."""
        self._red = True
        self._sound_only = False
        self._room_since: float | None = None
        self._strained_since: float | None = None
        self._strained = self._wary = False
        self._hold = self._settings.hold
        self._raised = self._cut = self._gave_up = float("-inf")
        self._raised_on = 0.0
        """The estimate with which it was raised."""

    def allocate(self, bitrate: float, wishes: Sequence[Wish], now: float, *, ready: bool = True) -> Allocation:
        """Choose for an estimate of `bitrate` bit/s. Called on every tick, and at once when wishes change.

        Not `ready`: a better estimate is about to come, nothing is added before.
        """
        settings = self._settings
        pictures = [wish for wish in wishes if wish.source not in SOUND and wish.layers]
        # Whoever is new gets the lowest layer without a hold: they are waited for.
        self._levels = {wish.slot: min(self._levels.get(wish.slot, 0), len(wish.layers) - 1) for wish in pictures}
        if bitrate < settings.sound_only_below:
            self._sound_only = True
        elif not pictures and bitrate >= settings.sound_only_below * settings.margin:
            self._sound_only = False
        self._strained = self._strained_since is not None and now - self._strained_since > settings.strained
        self._wary = now - self._gave_up < settings.wary
        kept = self._fill(bitrate, wishes, grow=False)
        better = self._fill(bitrate, wishes, grow=True)
        lowered = any(kept.levels[slot] < level for slot, level in self._levels.items())
        if lowered and pictures:
            self._note_cut(bitrate, now)
        if not ready or (better.levels == kept.levels and better.red == kept.red):
            self._room_since = None
            chosen = kept
        else:
            if self._room_since is None or lowered:
                self._room_since = now
            if now - self._room_since >= self._hold:
                chosen = better
                self._room_since = None
                self._raised, self._raised_on = now, bitrate
            else:
                chosen = kept
        if now - self._cut > 5 * settings.longest_hold:
            self._hold = settings.hold
        self._levels, self._red = dict(chosen.levels), chosen.red
        if self._sound_only and any(level > PAUSED for level in chosen.levels.values()):
            self._sound_only = False
        if chosen.bitrate <= bitrate or all(level == PAUSED for level in chosen.levels.values()):
            self._strained_since = None
        elif self._strained_since is None:
            self._strained_since = now
        return self._tell(chosen, better, wishes)

    def _note_cut(self, bitrate: float, now: float) -> None:
        self._cut = now
        if self._strained:
            self._gave_up = now
        soon = now - self._raised < self._settings.soon
        # A layer that outgrew an estimate which stayed, as that of one who has just begun, says nothing of the line.
        if soon and bitrate >= self._raised_on:
            return
        self._hold = max(self._hold, self._settings.careful_hold)
        if soon:
            self._hold = min(self._settings.longest_hold, self._hold * 2)
            self._raised = float("-inf")

    def _fill(self, bitrate: float, wishes: Sequence[Wish], *, grow: bool) -> _Choice:
        """Take the steps that fit, in order. Without `grow` only up to what there is already."""
        settings = self._settings
        total = sound = sum(wish.layers[0].bitrate for wish in wishes if wish.source in SOUND and wish.layers)
        pictures = [wish for wish in wishes if wish.source not in SOUND and wish.layers]
        levels = {wish.slot: PAUSED for wish in pictures}
        missing = 0.0
        red = False
        threshold = settings.sound_only_below * (settings.margin if self._sound_only else 1.0)
        if bitrate < threshold or (self._sound_only and not grow):
            least = min((wish.layers[0].bitrate for wish in pictures), default=0.0)
            return _Choice(levels, red, total, max(threshold, total + least) if pictures else 0.0)
        for wish, level in _steps(pictures):
            if wish is None:
                cost, held = sound * settings.redundancy, self._red
            else:
                if levels[wish.slot] != level - 1:
                    continue
                cost = wish.layers[level].bitrate - (wish.layers[level - 1].bitrate if level else 0.0)
                held = level <= self._levels[wish.slot]
            if not held and not grow:
                continue
            limit = bitrate if held else bitrate / settings.margin
            if wish is not None and level == 0 and all(each == PAUSED for each in levels.values()):
                # The one picture that there must be: it comes when it just fits, and stays while it nearly does.
                limit = bitrate * self._reserve(held)
            if total + cost <= limit:
                total += cost
                if wish is None:
                    red = True
                else:
                    levels[wish.slot] = level
            elif not missing and wish is not None:
                # Redundancy alone is not worth a probe.
                missing = (total + cost) * (bitrate / limit if limit else settings.margin)
        return _Choice(levels, red, total, missing)

    def _reserve(self, held: bool) -> float:
        if held:
            return 1.0 if self._strained else self._settings.margin
        return 1 / self._settings.margin if self._wary else 1.0

    def _tell(self, chosen: _Choice, better: _Choice, wishes: Sequence[Wish]) -> Allocation:
        layers: dict[str, str | None] = {}
        best = 0.0
        reduced = False
        for wish in wishes:
            if not wish.layers:
                layers[wish.slot] = None
            elif wish.source in SOUND:
                layers[wish.slot] = wish.layers[0].key
                best += wish.layers[0].bitrate * (1 + self._settings.redundancy)
            else:
                level = chosen.levels[wish.slot]
                layers[wish.slot] = None if level == PAUSED else wish.layers[level].key
                reduced = reduced or level < len(wish.layers) - 1
                best += wish.layers[-1].bitrate
        shown = any(level > PAUSED for level in chosen.levels.values())
        quality: Quality = "good" if not reduced else "weak" if shown else "sound"
        return Allocation(layers, chosen.red, quality, chosen.bitrate, better.missing, best * self._settings.margin)


def _steps(pictures: Sequence[Wish]) -> Iterator[tuple[Wish | None, int]]:
    """Every picture's layers in the order in which they are granted; None stands for redundant audio."""
    screens = [wish for wish in pictures if wish.source == "screen"]
    cameras = [wish for wish in pictures if wish.source != "screen"]
    for group, first in ((screens, 0), (cameras, 0)):
        for wish in group:
            yield wish, first
        if group is screens:
            yield from _higher(screens)
    yield None, 0
    yield from _higher(cameras)


def _higher(pictures: Sequence[Wish]) -> Iterator[tuple[Wish, int]]:
    for level in range(1, max((len(wish.layers) for wish in pictures), default=0)):
        for wish in pictures:
            if level < len(wish.layers):
                yield wish, level
