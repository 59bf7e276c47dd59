"""Who gets what of a line: the rules, for any room; and that a wavering estimate changes nothing."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.media.policy.allocation import SOUND, Allocation, AllocationSettings, Allocator, Layer, Source, Wish

SETTINGS = AllocationSettings()
MICROPHONE = Wish("a", "microphone", (Layer("plain", 45_000),))
CAMERA = Wish("v", "camera", (Layer("low", 100_000), Layer("high", 1_200_000)))
SCREEN = Wish("s", "screen", (Layer("only", 500_000),))


def settle(
    allocator: Allocator, bitrate: float, wishes: list[Wish], begin: float = 0.0, span: float = 20.0
) -> Allocation:
    """Ask ten times a second for so long; the last answer."""
    answer = allocator.allocate(bitrate, wishes, begin)
    for tick in range(1, int(span * 10)):
        answer = allocator.allocate(bitrate, wishes, begin + tick / 10)
    return answer


def layers(source: Source) -> st.SearchStrategy[tuple[Layer, ...]]:
    most = 1 if source in SOUND else 3
    rates = st.lists(st.integers(8_000, 3_000_000), min_size=1, max_size=most, unique=True)
    if source in SOUND:
        rates = st.lists(st.integers(8_000, 60_000), min_size=1, max_size=1)
    return rates.map(lambda each: tuple(Layer(str(index), float(rate)) for index, rate in enumerate(sorted(each))))


@st.composite
def rooms(draw: st.DrawFn) -> list[Wish]:
    sources: list[Source] = draw(
        st.lists(st.sampled_from(("microphone", "camera", "screen", "screen-audio")), max_size=10)
    )
    return [Wish(str(index), source, draw(layers(source))) for index, source in enumerate(sources)]


def taken(answer: Allocation, wishes: list[Wish]) -> float:
    total = 0.0
    for wish in wishes:
        key = answer.layers[wish.slot]
        total += next((layer.bitrate for layer in wish.layers if layer.key == key), 0.0)
    return total


BITRATES = st.floats(30_000, 8_000_000)


@settings(deadline=None)
@given(rooms(), st.lists(BITRATES, min_size=1, max_size=20))
def test_sound_is_never_paused_and_the_rest_fits(wishes: list[Wish], bitrates: list[float]) -> None:
    allocator = Allocator()
    for index, bitrate in enumerate(bitrates):
        answer = allocator.allocate(bitrate, wishes, index * 1.0)
        assert set(answer.layers) == {wish.slot for wish in wishes}
        for wish in wishes:
            if wish.source in SOUND:
                assert answer.layers[wish.slot] == wish.layers[0].key
        pictures = [wish for wish in wishes if wish.source not in SOUND and answer.layers[wish.slot] is not None]
        if bitrate < SETTINGS.sound_only_below:
            assert not pictures
        if len(pictures) == 1 and answer.layers[pictures[0].slot] == pictures[0].layers[0].key:
            assert taken(answer, wishes) <= bitrate * SETTINGS.margin, "the one picture may stay a little above"
        elif pictures:
            assert answer.bitrate <= bitrate
            assert taken(answer, wishes) <= answer.bitrate + 1e-6


@settings(deadline=None)
@given(rooms(), BITRATES)
def test_in_the_end_the_order_of_importance_holds(wishes: list[Wish], bitrate: float) -> None:
    answer = settle(Allocator(), bitrate, wishes)
    level = {
        wish.slot: next((i for i, layer in enumerate(wish.layers) if layer.key == answer.layers[wish.slot]), -1)
        for wish in wishes
    }
    sound = sum(wish.layers[0].bitrate for wish in wishes if wish.source in SOUND)
    screens = [wish for wish in wishes if wish.source == "screen"]
    cameras = [wish for wish in wishes if wish.source == "camera"]
    shown = [wish for wish in cameras if level[wish.slot] >= 0]
    room = bitrate / SETTINGS.margin
    on_screen = sum(wish.layers[level[wish.slot]].bitrate for wish in screens if level[wish.slot] >= 0)
    for screen in screens:
        if level[screen.slot] < 0 and shown:
            assert sound + on_screen + screen.layers[0].bitrate > room, "a screen that fits comes before any camera"
    lowest = sum(wish.layers[0].bitrate for wish in shown)
    for camera in cameras:
        if level[camera.slot] < 0 and any(level[wish.slot] > 0 for wish in cameras):
            needed = sound + on_screen + lowest + camera.layers[0].bitrate
            assert needed > room, "nobody is large while somebody who would fit is not seen"


@settings(deadline=None)
@given(rooms(), st.floats(90_000, 8_000_000), st.integers(0, 2**32))
def test_an_estimate_that_wavers_by_a_tenth_changes_nothing(wishes: list[Wish], bitrate: float, seed: int) -> None:
    # Around the threshold for sound alone the same margin holds, see below; here the room may be anything.
    chance = random.Random(seed)
    allocator = Allocator()
    now, changes, before = 0.0, 0, None
    for tick in range(600):
        now = tick / 10
        answer = allocator.allocate(bitrate * chance.uniform(0.9, 1.1), wishes, now)
        if before is not None and tick > 200 and before != dict(answer.layers):
            changes += 1
        before = dict(answer.layers)
    # A screen may find its chance late, and what is less important go for it a little after; nothing comes back.
    assert changes <= 2


def test_at_150_kbit_sound_and_a_picture_and_at_60_sound_alone() -> None:
    allocator = Allocator()
    answer = settle(allocator, 150_000, [MICROPHONE, CAMERA])
    assert answer.layers == {"a": "plain", "v": "low"}
    assert answer.quality == "weak"
    assert not answer.red
    answer = allocator.allocate(60_000, [MICROPHONE, CAMERA], 60.0)
    assert answer.layers == {"a": "plain", "v": None}, "down at once"
    assert answer.quality == "sound"
    assert 140_000 < answer.wanted < 160_000
    answer = allocator.allocate(150_000, [MICROPHONE, CAMERA], 60.1)
    assert answer.layers["v"] is None, "up after a hold"
    assert settle(allocator, 150_000, [MICROPHONE, CAMERA], 60.2, 3).layers["v"] == "low"


def test_a_rich_line_gives_everything_and_says_so() -> None:
    answer = settle(Allocator(), 4_000_000, [MICROPHONE, CAMERA, SCREEN], span=3)
    assert answer.layers == {"a": "plain", "v": "high", "s": "only"}
    assert answer.red
    assert answer.quality == "good"
    assert answer.wanted == 0


def test_the_screen_comes_before_the_camera() -> None:
    allocator = Allocator()
    assert settle(allocator, 2_000_000, [MICROPHONE, CAMERA]).layers["v"] == "high"
    answer = settle(allocator, 800_000, [MICROPHONE, CAMERA, SCREEN], 60.0)
    assert answer.layers == {"a": "plain", "v": "low", "s": "only"}
    answer = allocator.allocate(560_000, [MICROPHONE, CAMERA, SCREEN], 120.0)
    assert answer.layers == {"a": "plain", "v": None, "s": "only"}


def test_a_new_picture_that_fits_needs_no_hold() -> None:
    allocator = Allocator()
    allocator.allocate(1_000_000, [MICROPHONE], 0.0)
    assert allocator.allocate(1_000_000, [MICROPHONE, CAMERA], 0.1).layers["v"] == "low"


def test_nothing_is_added_before_a_better_estimate_has_come() -> None:
    allocator = Allocator()
    for tenth in range(30):
        answer = allocator.allocate(2_000_000, [MICROPHONE, CAMERA], tenth / 10, ready=False)
        assert answer.layers == {"a": "plain", "v": "low"}, "what there is at least is there at once"
    allocator.allocate(2_000_000, [MICROPHONE, CAMERA], 3.0)
    assert allocator.allocate(2_000_000, [MICROPHONE, CAMERA], 3.01 + SETTINGS.hold).layers["v"] == "high"


def test_what_had_to_be_taken_back_soon_comes_back_later() -> None:
    allocator = Allocator()
    now, ups = 0.0, []
    for _ in range(5):
        allocator.allocate(300_000, [MICROPHONE, CAMERA], now)
        begin = now
        while allocator.allocate(2_000_000, [MICROPHONE, CAMERA], now).layers["v"] != "high":
            now += 0.1
        ups.append(now - begin)
        now += 1
    assert ups == sorted(ups)
    assert ups[0] < 2
    assert ups[-1] > 8
    assert ups[-1] <= SETTINGS.longest_hold + 0.2


def test_a_layer_that_outgrew_the_estimate_comes_back_as_soon_as_there_is_room() -> None:
    allocator = Allocator()
    young = Wish("v", "camera", (Layer("low", 80_000), Layer("high", 100_000)))
    grown = Wish("v", "camera", (Layer("low", 80_000), Layer("high", 600_000)))
    assert settle(allocator, 300_000, [MICROPHONE, young], span=3.0).layers["v"] == "high"
    assert settle(allocator, 300_000, [MICROPHONE, grown], 3.0, span=1.0).layers["v"] == "low"
    assert settle(allocator, 900_000, [MICROPHONE, grown], 4.0, span=SETTINGS.hold + 0.3).layers["v"] == "high"


def test_the_one_picture_is_not_kept_for_long_when_the_line_does_not_carry_it() -> None:
    allocator = Allocator()
    assert settle(allocator, 160_000, [MICROPHONE, CAMERA], 0, 5).layers["v"] == "low"
    assert allocator.allocate(125_000, [MICROPHONE, CAMERA], 5.0).layers["v"] == "low"
    assert settle(allocator, 125_000, [MICROPHONE, CAMERA], 5.1, SETTINGS.strained + 1).layers["v"] is None
    assert settle(allocator, 150_000, [MICROPHONE, CAMERA], 25, 20).layers["v"] is None, "just enough was not enough"
    assert settle(allocator, 200_000, [MICROPHONE, CAMERA], 50, 13).layers["v"] == "low"


def test_around_the_threshold_for_sound_alone_nothing_flaps() -> None:
    small = Wish("v", "camera", (Layer("low", 20_000),))
    for bitrate in range(70_000, 120_000, 2_000):
        allocator, chance, seen = Allocator(), random.Random(bitrate), []
        for tick in range(900):
            answer = allocator.allocate(bitrate * chance.uniform(0.9, 1.1), [MICROPHONE, small], tick / 10)
            if tick > 300:
                seen.append(answer.layers["v"])
        assert sum(a != b for a, b in itertools.pairwise(seen)) <= 1


def test_a_wish_without_layers_is_answered_and_takes_nothing() -> None:
    answer = Allocator().allocate(500_000, [Wish("v", "camera", ()), Wish("a", "microphone", ())], 0.0)
    assert answer.layers == {"v": None, "a": None}
    assert answer.quality == "good"
