"""Frames to segments: whatever comes and whenever, segments touch, are numbered in order and begin with a keyframe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.codec import Config
from recorder.grid import MIN_INTERVAL, Grid
from recorder.segment import GapFound, Output, PartClosed, Sample, SegmentClosed, SegmentOpened
from recorder.segment_audio import AudioSegmenter
from recorder.segment_video import VideoSegmenter
from recorder.slate import CONFIGS

SMALL = CONFIGS["H264"]
LARGE = replace(SMALL, width=640)
MS = 90


def flat(outputs: Iterable[Output]) -> list[Sample]:
    return [sample for output in outputs if isinstance(output, PartClosed) for sample in output.samples]


def check(outputs: list[Output], grid: Grid, rate: int) -> None:
    """What must hold of every track."""
    msn, at, end, index = -1, 0, 0, 0
    opened = False
    for output in outputs:
        if isinstance(output, SegmentOpened):
            assert not opened and output.msn > msn and output.start >= end
            msn, at, index, opened = output.msn, output.start, 0, True
        elif isinstance(output, PartClosed):
            assert opened and (output.msn, output.index, output.start) == (msn, index, at)
            assert output.duration == sum(sample.duration for sample in output.samples) > 0
            assert index or output.independent
            assert len(output.samples) == 1 or output.duration <= 0.35 * rate
            at, index = at + output.duration, index + 1
        elif isinstance(output, SegmentClosed):
            assert opened and (output.msn, output.end) == (msn, at) and output.end > output.start
            end, opened = at, False
    assert not opened


@pytest.fixture
def grid() -> Grid:
    return Grid(10_000)


def test_what_is_watched_from_its_beginning_has_short_segments_first() -> None:
    grid = Grid(4000, first=1000)
    assert grid.index(13_000) == 5
    assert grid.starts == [0, 1000, 2000, 4000, 8000, 12_000]


def test_boundaries_keep_their_distance_from_a_cut_at_the_beginning() -> None:
    grid = Grid(4000, first=1000)
    assert grid.cut(700) and grid.upcoming == 2000
    assert grid.cut(1900) and grid.upcoming == 4000
    assert grid.cut(3900) and grid.upcoming == 8000
    resumed = Grid(4000, grid.starts[:2], first=1000)
    assert resumed.upcoming == 2000


def test_a_period_shorter_than_the_beginning_stays_as_it_is() -> None:
    grid = Grid(1000, first=1000)
    assert grid.index(2500) == 2 and grid.starts == [0, 1000, 2000]


@pytest.fixture
def video(grid: Grid) -> VideoSegmenter:
    return VideoSegmenter(grid, SMALL, 0.35, quiet=2.0)


def feed(video: VideoSegmenter, times: Iterable[int], keys: dict[int, Config]) -> list[Output]:
    """Frames at milliseconds `times`; `keys` names those that are keyframes."""
    outputs: list[Output] = []
    for time in times:
        outputs += video.clock(time * MS)
        outputs += video.frame(time * MS, b"x", keys.get(time))
    return outputs


def test_nothing_is_recorded_before_a_keyframe_and_the_first_is_shown_from_the_boundary(video: VideoSegmenter) -> None:
    assert feed(video, [0, 40, 80], {}) == [] and video.dropped == 3 and video.wants_key(0)
    outputs = feed(video, range(120, 1000, 40), {120: SMALL}) + video.finish(1000)
    assert isinstance(outputs[0], SegmentOpened) and outputs[0].start == 0
    assert flat(outputs)[0].duration == 160 * MS
    assert isinstance(outputs[-1], SegmentClosed) and outputs[-1].end == 1000 * MS


def test_a_keyframe_near_the_boundary_begins_the_next_segment(video: VideoSegmenter, grid: Grid) -> None:
    outputs = feed(video, range(0, 20_400, 40), {0: SMALL, 5000: SMALL, 9800: SMALL, 20_120: SMALL})
    assert [o.start // MS for o in outputs if isinstance(o, SegmentOpened)] == [0, 9800, 20_120]
    assert [(o.start // MS, o.end // MS) for o in outputs if isinstance(o, SegmentClosed)] == [
        (0, 9800),
        (9800, 20_120),
    ]
    assert not video.wants_key(20_200 * MS) and video.wants_key(29_750 * MS)
    check(outputs + video.finish(20_400), grid, 90_000)


def test_a_segment_without_a_keyframe_in_time_is_cut_and_frames_dropped(video: VideoSegmenter, grid: Grid) -> None:
    outputs = feed(video, range(0, 13_000, 40), {0: SMALL, 12_400: SMALL})
    closed = [o for o in outputs if isinstance(o, SegmentClosed)]
    assert [(o.start // MS, o.end // MS) for o in closed] == [(0, 11_520)]
    assert video.dropped == (12_400 - 11_520) // 40
    # It comes too late to be shown from the cut on: it makes a cut of its own.
    assert grid.starts == [0, 10_000, 12_400]


def test_another_picture_size_makes_a_cut_but_not_too_often(video: VideoSegmenter, grid: Grid) -> None:
    outputs = feed(video, range(0, 4000, 40), {0: SMALL, 2000: LARGE, 2200: SMALL, 2800: SMALL})
    opened = [(o.start // MS, o.config.width) for o in outputs if isinstance(o, SegmentOpened)]
    assert opened == [(0, 320), (2000, 640), (2800, 320)]
    assert grid.starts == [0, 2000, 2800]
    assert video.dropped == (2800 - 2200) // 40


def test_a_camera_that_falls_silent_is_absent_after_two_seconds(video: VideoSegmenter, grid: Grid) -> None:
    outputs = feed(video, range(0, 3000, 40), {0: SMALL})
    for now in range(3000, 8000, 100):
        outputs += video.clock(now * MS)
    (closed,) = [o for o in outputs if isinstance(o, SegmentClosed)]
    assert closed.end == 5000 * MS and grid.starts == [0, 5000]
    outputs += feed(video, range(8000, 9000, 40), {8000: SMALL})
    assert [o.start // MS for o in outputs if isinstance(o, SegmentOpened)] == [0, 8000]


def test_loss_freezes_the_picture_and_long_loss_is_a_gap(video: VideoSegmenter) -> None:
    outputs = feed(video, range(0, 1000, 40), {0: SMALL})
    outputs += video.frame(1000 * MS, b"x", None, after_loss=True)
    outputs += feed(video, [1040, 1080, 2400], {2400: SMALL}) + video.finish(3000)
    assert [(o.start // MS, o.end // MS) for o in outputs if isinstance(o, GapFound)] == [(960, 2400)]
    assert max(sample.duration for sample in flat(outputs)) == 1440 * MS


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["frame", "frame", "frame", "key", "resized", "lost", "wait", "cut"]),
        st.integers(1, 900),
    ),
    max_size=120,
)


@given(ACTIONS)
@settings(max_examples=200, deadline=None)
def test_video_always_makes_a_sound_track(actions: list[tuple[str, int]]) -> None:
    grid = Grid(4000)
    video = VideoSegmenter(grid, SMALL, 0.35, quiet=2.0)
    outputs: list[Output] = []
    now, config = 0, SMALL
    for action, step in actions:
        now += step if action in ("wait", "cut") else 33
        if action == "cut":
            grid.cut(now)
        elif action == "wait":
            for moment in range(now - step, now + 1, 100):
                outputs += video.clock(moment * MS)
        else:
            if action == "resized":
                config = LARGE if config is SMALL else SMALL
            key = config if action in ("key", "resized") else None
            outputs += video.frame(now * MS, b"x", key, after_loss=action == "lost")
        outputs += video.clock(now * MS)
    outputs += video.finish(grid.finish(now))
    check(outputs, grid, 90_000)
    assert all(b - a >= MIN_INTERVAL for a, b in zip(grid.starts, grid.starts[1:-1], strict=False))
    for output in outputs:
        if isinstance(output, SegmentClosed):
            assert output.end - output.start <= (grid.longest + 2000) * MS


@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(-300, 300), st.booleans(), st.booleans()), max_size=60))
@settings(max_examples=200, deadline=None)
def test_audio_always_makes_an_unbroken_row(found: list[tuple[int, int, bool, bool]]) -> None:
    grid = Grid(4000)
    audio = AudioSegmenter(grid, 0.35)
    outputs: list[Output] = []
    now = 0
    for step, early, quiet, lost in found:
        now += step
        outputs += audio.clock(now * 48)
        outputs += audio.frame(max(0, now + early) * 48, b"" if quiet else b"xyz", 960, after_loss=lost)
    outputs += audio.finish(grid.finish(now))
    check(outputs, grid, 48_000)
    opened = [o for o in outputs if isinstance(o, SegmentOpened)]
    closed = [o for o in outputs if isinstance(o, SegmentClosed)]
    assert [o.end for o in closed[:-1]] == [o.start for o in opened[1:]]
    assert [o.msn for o in opened] == list(range(opened[0].msn, opened[0].msn + len(opened))) if opened else True
    if closed:
        assert closed[-1].end >= now * 48 - 960


def test_sound_that_runs_fast_or_slow_is_corrected_by_whole_frames() -> None:
    for skew, change in ((1.001, "corrections"), (0.999, "dropped")):
        audio = AudioSegmenter(Grid(10_000), 0.35)
        worst = 0
        for number in range(5000):
            time = round(number * 960 * skew)
            audio.frame(time, b"xyz", 960)
            worst = max(worst, abs(audio.end - 960 - time) if audio.dropped == 0 or skew > 1 else 0)
        assert worst <= 721
        assert getattr(audio, change) == pytest.approx(5, abs=1)


def test_fill_of_an_absent_speaker_ends_with_the_interval() -> None:
    grid = Grid(10_000)
    audio = AudioSegmenter(grid, 0.35)
    outputs = audio.frame(0, b"xyz", 960)
    audio.attached = False
    for now in range(0, 25_000, 100):
        outputs += audio.clock(now * 48)
    assert [(o.start, o.end) for o in outputs if isinstance(o, SegmentClosed)] == [(0, 480_000)]
    assert [o.end for o in outputs if isinstance(o, GapFound)] == [480_000]


def test_the_budget_of_cuts_is_bounded() -> None:
    grid = Grid(10_000)
    made = sum(grid.cut(time) for time in range(600, 60_000, 600))
    assert made <= 20 + 60_000 / 5000 + 1
