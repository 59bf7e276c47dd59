"""AAC of a lecture while it is live is told of as soon as its Opus, and by the rules, whatever happens."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from recorder.aac_format import AHEAD, BIT_RATE, FRAME, aac_name, boundaries, pieces, whole
from recorder.aac_track import AacTrack, beside, follow_sounds
from recorder.journal import KEPT
from recorder.playlist import multivariant
from tests.unit.recorder.hls_rules import attributes
from tests.unit.recorder.on_paper import HOST, Lecture, Sender

OPUS = f"audio-{HOST}"
AAC = aac_name(OPUS)
RATES = ("BANDWIDTH", "AVERAGE-BANDWIDTH")


@given(st.lists(st.integers(1, 300_000), min_size=1, max_size=200))
def test_every_segment_has_a_frame_and_none_waits_for_more_than_there_is(lengths: list[int]) -> None:
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    found = boundaries(ends)
    assert all(after > before for before, after in pairwise([0, *found]))
    for number, (length, end, last) in enumerate(zip(lengths, ends, found, strict=True)):
        if length >= (AHEAD + 2) * FRAME and min(lengths[: number + 1]) >= FRAME:
            assert 0 <= end - (last + AHEAD) * FRAME < FRAME


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=40), st.integers(1, 30), st.integers(0, 50))
def test_parts_cover_their_segment_and_are_short_enough(lengths: list[int], most: int, begun: int) -> None:
    ends = [begun * FRAME + sum(lengths[: number + 1]) for number in range(len(lengths))]
    first = whole(begun * FRAME)
    last = max(first + 1, whole(ends[-1]))
    found = pieces(first, last, ends, most)
    assert [frame for a, b in found for frame in range(a, b)] == list(range(first, last))
    assert all(0 < b - a <= most for a, b in found)
    # What is told of while it grows is the beginning of what is told in the end.
    for count in range(len(ends)):
        early = pieces(first, min(last, whole(ends[count])), ends[: count + 1], most)
        assert early == found[: len(early)]


def lecture(*, seed: int = 1, check_every: int = 5) -> tuple[Lecture, Sender, Sender]:
    made = Lecture(seed=seed, check_every=check_every, aac=True)
    return made, made.join(Sender("microphone", 50, "m1")), made.join(Sender("camera", 20, "c1"))


def test_a_part_is_told_of_as_soon_as_its_opus_is_and_is_no_more_than_three_frames_shorter() -> None:
    made, *_ = lecture(check_every=1)
    made.run(1)
    for _ in range(300):
        made.run(0.02)
        behind = made.state.tracks[OPUS].edge - made.state.others[AAC].edge
        assert AHEAD * FRAME <= behind < (AHEAD + 1) * FRAME
    assert len(made.playlists[AAC].segments) == len(made.playlists[OPUS].segments) == 3


def test_one_who_begins_to_follow_late_is_told_the_same() -> None:
    """Of each moment, and of those too whose parts no longer are remembered."""
    made, *_ = lecture(check_every=100)
    made.run(5)
    made.pause()
    made.now += 13
    made.resume()
    made.join(Sender("screen-audio", 100, "s1"))
    late = aac_name(f"screen-audio-{HOST}")
    for _ in range(12):
        made.run(KEPT / 2)
        follow_sounds(made.state)
        for name in (AAC, late):
            known, of = made.state.others[name], made.state.tracks[name.removeprefix("aac-")]
            fresh = beside(of)
            fresh.follow(made.state, of)
            assert isinstance(known, AacTrack)
            assert fresh.segments == known.segments and fresh.open == known.open and fresh.numbered == known.numbered
            common = fresh.parts.keys() & known.parts.keys()
            assert len(common) >= min(KEPT, len(fresh.segments))
            assert all(fresh.parts[msn] == known.parts[msn] for msn in common)
    assert len(made.state.tracks[OPUS].segments) > KEPT
    made.seal()


ACTIONS = st.sampled_from(["run", "away", "back", "loss", "clean", "size", "leave", "join", "pause", "fast", "slow"])


@given(st.lists(st.tuples(ACTIONS, st.integers(0, 40)), min_size=3, max_size=12), st.integers(0, 99))
@example([("pause", 0), ("pause", 0), ("run", 40), ("pause", 1)], 3)
@example([("leave", 3), ("pause", 33), ("join", 20), ("size", 1), ("size", 1)], 5)
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_whatever_happens_its_playlists_obey_the_rules(events: list[tuple[str, int]], seed: int) -> None:
    made, sound, camera = lecture(seed=seed, check_every=10)
    made.run(1)
    serial = 1
    for action, amount in events:
        if action in ("away", "back"):
            sound.away = action == "away"
        elif action == "loss":
            sound.loss, sound.jitter = amount / 100, amount / 200
        elif action == "clean":
            sound.loss = sound.jitter = 0.0
        elif action == "size":
            camera.size, camera.key_wanted = 1 - camera.size, True
        elif action == "leave" and sound in made.senders:
            made.leave(sound)
        elif action == "join" and sound not in made.senders:
            serial += 1
            sound = made.join(Sender("microphone", 50, f"m{serial}"))
        elif action in ("fast", "slow") and len(made.senders) < 5:
            serial += 1
            made.join(Sender("screen-audio", 50 if action == "fast" else 3, f"s{serial}"))
        elif action == "pause":
            made.pause()
            made.now += amount / 3
            made.resume()
        made.run(0.1 + amount / 10)
    made.seal()
    ends = boundaries(segment.end for segment in made.state.others[AAC].segments.values())
    assert len(ends) == len(made.playlists[OPUS].segments)


def test_variants_are_listed_once_more_for_players_without_opus() -> None:
    made, *_ = lecture()
    made.run(6)
    text = multivariant(made.state)
    variants = [line for line in text.splitlines() if line.startswith("#EXT-X-STREAM-INF")]
    assert ["opus" in line for line in variants] == [True, True, False, False]
    assert ["mp4a.40.2" in line for line in variants] == [False, False, True, True]
    told = [tuple(line.partition(",CODECS")[0].split(":")[1:]) for line in variants]
    assert told[:2] == told[2:], "a player that knows both has no reason to prefer the second"
    assert all(int(attributes(line.partition(":")[2])[name]) > BIT_RATE for line in variants for name in RATES)
    assert f'GROUP-ID="{AAC}"' in text and text.splitlines().count(f"{AAC}/index.m3u8") == 1
    made.state.others.clear()
    assert "mp4a" not in multivariant(made.state)
