"""A lecture as it is watched live: every playlist at every moment, whatever the network does to the speaker."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from recorder.boxes import walk
from recorder.directives import Answer, BadDirective, Directives, answer, parse
from recorder.fmp4 import scan
from recorder.names import segment_file
from recorder.playlist import multivariant
from recorder.playlist_live import Edge, live_playlist
from tests.unit.recorder.on_paper import HOST, Lecture, Sender

CAMERA, SOUND = f"cam-{HOST}", f"audio-{HOST}"


def lecture(*, seed: int = 1, check_every: int = 5) -> tuple[Lecture, Sender, Sender]:
    made = Lecture(seed=seed, check_every=check_every)
    sound = made.join(Sender("microphone", 50, "m1"))
    camera = made.join(Sender("camera", 20, "c1"))
    return made, sound, camera


def behind(made: Lecture, track: str) -> float:
    """Seconds that a playlist is behind the clock."""
    state = made.state.tracks[track]
    return made.now - state.edge / state.rate


@pytest.mark.parametrize("fps", [10, 12.5, 15, 20, 24, 25, 30, 60])
def test_parts_come_in_time_and_are_full_at_every_frame_rate(fps: float) -> None:
    made = Lecture()
    made.join(Sender("microphone", 50, "m1"))
    made.join(Sender("camera", fps, "c1"))
    made.run(1.5)
    for _ in range(200):
        made.run(0.1)
        assert behind(made, CAMERA) < 0.55 and behind(made, SOUND) < 0.45
    assert len(made.state.tracks[CAMERA].segments) == 7  # after 1, 2, 4, 8 … s
    assert not made.state.cuts


def test_a_speaker_who_is_away_is_black_in_time_and_comes_back() -> None:
    made, sound, camera = lecture()
    made.run(10)
    sound.away = camera.away = True
    worst = 0.0
    for _ in range(250):
        made.run(0.1)
        worst = max(worst, behind(made, CAMERA), behind(made, SOUND))
    assert worst < 2.2
    sound.away = camera.away = False
    made.run(1.5)
    assert behind(made, CAMERA) < 0.7
    made.run(10)
    maps = [segment.map for segment in made.playlists[CAMERA].segments]
    assert [name for name, _ in groupby(maps)] == ["init-0.mp4", "gap-init-h264.mp4", "init-0.mp4"]
    made.seal()


def test_a_picture_that_changes_its_size_does_so_at_a_segment_and_time_goes_on() -> None:
    made, _, camera = lecture()
    for number in range(30):
        made.run(1.3)
        camera.size = 1 - camera.size
        camera.key_wanted = True
        made.run(0.05 * (number % 4))
    made.seal()
    maps = [segment.map for segment in made.playlists[CAMERA].segments]
    assert len(list(groupby(maps))) > 10
    assert {segment.map for segment in made.playlists[SOUND].segments} == {"init-0.mp4"}


def test_a_second_camera_and_a_screen_come_and_go() -> None:
    made, _, camera = lecture()
    made.run(5.3)
    low = made.join(Sender("camera-low", 15, "c2"))
    made.run(3.1)
    screen = made.join(Sender("screen", 10, "s1"))
    made.run(12)
    made.leave(screen)
    made.run(7)
    made.join(Sender("screen", 10, "s2", size=1))
    made.leave(low)
    made.run(5)
    made.leave(camera)
    made.run(3)
    made.join(Sender("camera", 30, "c3"))
    made.run(45)
    assert made.playlists[CAMERA].parts and len(made.playlists) == 4
    made.seal()
    lengths = {len(playlist.segments) for playlist in made.playlists.values()}
    assert len(lengths) == 1


def test_it_goes_on_after_a_pause_and_after_a_crash() -> None:
    made, *_ = lecture()
    made.run(9.7)
    made.pause()
    made.now += 33.0
    made.resume()
    made.run(10)
    kinds = [segment.uri[:3] for segment in made.playlists[CAMERA].segments]
    assert "gap" in kinds and kinds[-1] == "seg"
    assert behind(made, CAMERA) < 0.7
    made.seal()


def test_a_loss_shows_the_last_keyframe_again_until_the_next() -> None:
    made, _, camera = lecture()
    made.run(6)
    camera.loss = 1.0
    for _ in range(6):
        made.run(0.1)
        assert behind(made, CAMERA) < 1.6
    camera.loss = 0.0
    made.run(6)
    assert not made.state.cuts
    parts = made.playlists[CAMERA].parts
    assert not any(part.gap for part in parts)
    assert sum(part.independent for part in parts) > len(made.playlists[CAMERA].segments) + 1


@pytest.mark.parametrize("seed", range(3))
def test_a_lecturer_by_satellite_is_shown_some_seconds_late_and_moves(seed: int) -> None:
    made, sound, camera = lecture(seed=seed)
    for sender in (sound, camera):
        sender.delay, sender.jitter = 0.6, 0.02
    camera.loss, camera.repair = 0.03, 1.3
    made.run(20)  # by then it is known how long repairs take
    dropped, behind_then = made.session.quality()["dropped"], []
    for _ in range(200):
        made.run(0.2)
        behind_then.append(behind(made, CAMERA))
    assert made.session.quality()["dropped"] - dropped <= 5, "of 800 pictures"
    assert min(behind_then) > 2.5 and max(behind_then) < 3.5, "as even as it came"
    made.seal()
    last = made.state.tracks[CAMERA].last
    assert last is not None and last.end / 90_000 > 59, "what was still held is there"


def test_parts_are_the_bytes_of_their_segment() -> None:
    made, *_ = lecture()
    made.run(15)
    for track in made.state.tracks.values():
        for msn, parts in track.parts.items():
            data = made.files[(track.name, segment_file(msn))]
            assert sum(part.bytes for part in parts) == len(data)
            for part in parts:
                piece = data[part.offset : part.offset + part.bytes]
                assert [kind for kind, *_ in walk(piece)] == [b"moof", b"mdat"]
                found = scan(piece)
                assert found is not None
                assert (found.start, found.end - found.start) == (part.start, part.duration)


@pytest.mark.parametrize("after", [0, 1, 2, 5, 9, 10, 11, 15, 19, 20, 21, 25, 40])
@pytest.mark.parametrize(("fps", "delay"), [(2, 0.0), (10, 0.1), (20, 0.0), (20, 0.2), (30, 0.5)])
@pytest.mark.parametrize("lost", [0.0, 0.24, 0.5, 1.4])
def test_an_end_just_behind_a_boundary_leaves_no_track_without_a_picture(
    fps: float, delay: float, lost: float, after: int
) -> None:
    made = Lecture()
    made.join(Sender("microphone", 50, "m1", delay=0.0))
    camera = made.join(Sender("camera", fps, "c1", delay=delay))
    made.run(8.0 - lost)
    camera.loss = 1.0
    made.run(lost)
    made.now += after / 1000
    made.seal()
    lasts = {name: list(playlist.segments)[-1] for name, playlist in made.playlists.items()}
    assert len({segment.uri for segment in lasts.values()}) == 1, lasts
    assert all(segment.uri.startswith("seg") and segment.duration > 0.005 for segment in lasts.values()), lasts


def test_a_crowd_of_changes_is_bounded() -> None:
    """A sender whose every keyframe has another size costs a cut now and then, not a segment each."""
    made, _, camera = lecture(check_every=15)
    for _ in range(300):
        camera.size = 1 - camera.size
        camera.key_wanted = True
        made.run(0.1)
    assert len(made.state.starts) < 20 + 30 / 5 + 30 / 4 + 3


GOLDEN = Path(__file__).resolve().parents[2] / "golden/recorder"


def compare(name: str, made: str) -> None:
    """A whole playlist against tests/golden/recorder; REWRITE_GOLDEN=1 makes it anew."""
    path = GOLDEN / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(made)
    assert made == path.read_text(), name


def show(made: Lecture, moment: str, *, skip: bool = False) -> None:
    for track in made.state.tracks.values():
        compare(f"live-{moment}-{track.source}.m3u8", live_playlist(made.state, track, skip=skip))


def test_who_comes_at_the_beginning_is_not_told_that_pictures_need_nothing() -> None:
    made, *_ = lecture()
    for after in (0.8, 2.0, 6.0):
        made.run(after)
        (line,) = [each for each in multivariant(made.state).splitlines() if "RESOLUTION" in each]
        average = int(line.split("AVERAGE-BANDWIDTH=")[1].split(",")[0])
        assert (average > 1_000_000) == (after < 6), line


def test_golden_playlists_of_each_moment() -> None:
    """The start, the middle of a segment, a cut, a gap, black, a delta update, the end."""
    made, sound, camera = lecture()
    made.run(0.8)
    show(made, "start")
    made.run(5.0)
    show(made, "running")
    camera.size, camera.key_wanted = 1, True
    made.run(1.0)
    show(made, "change")
    camera.loss = 1.0
    made.run(0.8)
    camera.loss = 0.0
    made.run(0.7)
    show(made, "gap")
    sound.away = camera.away = True
    made.run(4)
    show(made, "black")
    sound.away = camera.away = False
    made.run(36)
    show(made, "delta", skip=True)
    compare("live-index.m3u8", multivariant(made.state))
    made.pause()
    show(made, "paused")
    made.apply({"state": "sealed", "at": made.state.starts[-1], "quality": {}})
    show(made, "end")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Answer.NOW),
        ({"_HLS_skip": "YES"}, Answer.NOW),
        ({"_HLS_msn": "0"}, Answer.NOW),
        ({"_HLS_msn": "7"}, Answer.NOW),
        ({"_HLS_msn": "8"}, Answer.WAIT),
        ({"_HLS_msn": "9"}, Answer.WAIT),
        ({"_HLS_msn": "10"}, Answer.REFUSE),
        ({"_HLS_msn": "7", "_HLS_part": "3"}, Answer.NOW),
        ({"_HLS_msn": "7", "_HLS_part": "12"}, Answer.NOW),
        ({"_HLS_msn": "8", "_HLS_part": "1"}, Answer.NOW),
        ({"_HLS_msn": "8", "_HLS_part": "2"}, Answer.WAIT),
        ({"_HLS_msn": "8", "_HLS_part": "10"}, Answer.WAIT),
        ({"_HLS_msn": "8", "_HLS_part": "11"}, Answer.REFUSE),
        ({"_HLS_msn": "9", "_HLS_part": "0"}, Answer.WAIT),
        ({"_HLS_msn": "9", "_HLS_part": "9"}, Answer.REFUSE),
        ({"_HLS_msn": "8", "_HLS_part": "2", "_HLS_skip": "v2", "other": "x"}, Answer.WAIT),
    ],
)
def test_what_a_reload_is_answered(query: dict[str, str], expected: Answer) -> None:
    edge = Edge(msn=7, parts=2, lengths={6: 12, 7: 12}, following=100, ended=False)
    assert answer(parse(query), edge, 0.34) is expected
    assert answer(parse(query), replace(edge, ended=True), 0.34) is Answer.NOW


def test_a_part_beyond_the_last_of_its_segment_is_the_first_of_the_next() -> None:
    asked = Directives(7, 12)
    waiting = Edge(msn=7, parts=0, lengths={7: 12}, following=100, ended=False)
    assert answer(asked, waiting, 0.34) is Answer.WAIT
    assert answer(asked, replace(waiting, parts=1), 0.34) is Answer.NOW


@pytest.mark.parametrize(
    "query", [{"_HLS_part": "1"}, {"_HLS_msn": "-1"}, {"_HLS_msn": "x"}, {"_HLS_msn": "1" * 10}, {"_HLS_msn": ""}]
)
def test_what_no_player_asks_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadDirective):
        parse(query)


ACTIONS = st.sampled_from(
    ["run", "away", "back", "loss", "clean", "size", "key", "ssrc", "leave", "join", "pause", "low"]
)


@given(st.lists(st.tuples(ACTIONS, st.integers(0, 40)), min_size=3, max_size=14), st.integers(0, 99))
@example([("clean", 2), ("size", 18), ("loss", 37), ("join", 26)], 3)
@example([("clean", 8), ("away", 5), ("back", 7), ("join", 29), ("size", 15), ("away", 5), ("join", 29)], 2)
@example([("loss", 19), ("run", 26), ("key", 2), ("join", 25), ("pause", 0)], 47)
@example([("low", 20), ("run", 31), ("pause", 20), ("low", 6), ("loss", 6), ("run", 20), ("pause", 2)], 9)
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_whatever_happens_the_playlists_obey_the_rules(events: list[tuple[str, int]], seed: int) -> None:
    made, sound, camera = lecture(seed=seed, check_every=10)
    made.run(1)
    serial = 1
    for action, amount in events:
        if action == "away":
            sound.away = camera.away = True
        elif action == "back":
            sound.away = camera.away = False
        elif action == "loss":
            sound.loss = camera.loss = amount / 100
            camera.jitter = amount / 200
        elif action == "clean":
            sound.loss = camera.loss = camera.jitter = 0.0
        elif action == "size":
            camera.size, camera.key_wanted = 1 - camera.size, True
        elif action == "key":
            camera.key_wanted = True
        elif action == "ssrc":
            camera.ssrc += 1
            camera.key_wanted = True
        elif action == "leave" and camera in made.senders:
            made.leave(camera)
        elif action == "join" and camera not in made.senders:
            serial += 1
            camera = made.join(Sender("camera", (2, 10, 15, 20, 30)[amount % 5], f"c{serial}"))
        elif action == "low" and len(made.senders) < 4:
            serial += 1
            made.join(Sender("camera-low", 15, f"l{serial}"))
        elif action == "pause":
            made.pause()
            made.now += amount / 3
            made.resume()
        made.run(0.1 + amount / 10)
    made.seal()
