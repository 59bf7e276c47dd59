"""Playlists and init sections, whole files compared with tests/golden/recorder.

After a wanted change run it with REWRITE_GOLDEN=1 in the environment, and read the difference.
"""

from __future__ import annotations

import os
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.codec import OPUS
from recorder.coverage import cover, discontinuities
from recorder.fmp4 import init_section
from recorder.h264 import make_config
from recorder.journal import Line, State, config_line, decode, encode
from recorder.names import program_date
from recorder.playlist import media_playlist, multivariant, participant_playlist, screen_playlist
from recorder.slate import CONFIGS, filling
from recorder.summary import summarise
from recorder.vp9 import make_config as vp9_config

GOLDEN = Path(__file__).resolve().parents[2] / "golden/recorder"
ALICE, BOB = "alice-000001", "bob-00000002"
HD = make_config(bytes.fromhex("6742c01fda014016e840000003004000000f03c60ca8"), [bytes.fromhex("68ce0fc8")])


def compare(name: str, made: bytes) -> None:
    path = GOLDEN / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made)
    assert made == path.read_bytes(), name


def lines(*, status: str) -> list[Line]:
    """Alice throughout with a changed picture; Bob for 14 s, away, back; Bob's screen for 10 s."""
    audio_a, cam_a, low_a = f"audio-{ALICE}", f"cam-{ALICE}", f"cam-lo-{ALICE}"
    audio_b, cam_b, screen_b = f"audio-{BOB}", f"cam-{BOB}", f"screen-{BOB}"
    made: list[Line] = [
        {"v": 1, "recording": "visit", "room": "room", "started": 1_760_000_000.25, "grid": 10_000, "options": {}}
    ]

    def track(name: str, who: str, source: str, kind: str, start: int, *configs: object) -> None:
        made.append({"track": name, "participant": who, "source": source, "kind": kind, "start": start})
        for index, config in enumerate(configs):
            made.append({**config_line(name, index, config), "bytes": 700, "sha256": "00"})  # type: ignore[arg-type]

    def segment(name: str, msn: int, init: int, start: float, end: float, size: int) -> None:
        rate = 48_000 if name.startswith("audio") else 90_000
        made.append({"track": name, "open": msn, "init": init, "start": round(start * rate)})
        made.append(
            {
                "track": name,
                "segment": msn,
                "init": init,
                "start": round(start * rate),
                "end": round(end * rate),
                "samples": 10,
                "bytes": size,
                "sha256": f"{msn:02x}",
            }
        )

    small = CONFIGS["H264"]
    track(audio_a, ALICE, "microphone", "audio", 480, OPUS)
    track(cam_a, ALICE, "camera", "video", 0, small, HD)
    track(low_a, ALICE, "camera-low", "video", 0, small)
    for name, size in ((audio_a, 40_000), (cam_a, 900_000), (low_a, 90_000)):
        segment(name, 0, 0, 0, 10.02, size)
    made.append({"boundary": 10_000})
    track(audio_b, BOB, "microphone", "audio", 10 * 48_000, OPUS)
    track(cam_b, BOB, "camera", "video", 10 * 90_000, vp9_config(640, 360))
    for name in (audio_a, cam_a, low_a, audio_b, cam_b):
        segment(name, 1, 0, 10.02 if name.endswith(ALICE) else 10, 16.5, 60_000)
    made.append({"boundary": 16_500})
    track(screen_b, BOB, "screen", "video", 16_500 * 90, vp9_config(1920, 1080))
    for name in (audio_a, cam_a, low_a, audio_b, screen_b):
        segment(name, 2, 1 if name == cam_a else 0, 16.5, 20, 50_000)
    made.append({"boundary": 20_000})
    for name in (audio_a, cam_a, low_a):
        segment(name, 3, 1 if name == cam_a else 0, 20, 30.1, 500_000)
    made += [{"boundary": 30_000}, {"closed": 3}]
    for name in (audio_a, cam_a, low_a, audio_b, cam_b):
        segment(name, 4, 1 if name == cam_a else 0, 30 if name.endswith(BOB) else 30.1, 33.25, 40_000)
    made += [
        {"boundary": 33_250},
        {"track": audio_a, "gap": [48_000 * 4, 48_000 * 6]},
    ]
    if status == "sealed":
        made += [{"closed": 4}, {"state": "sealed", "at": 33_250, "quality": {"lost": 4}}]
    return made


def fold(status: str) -> State:
    state = State()
    for line in lines(status=status):
        state.apply(line)
    return state


@pytest.mark.parametrize("status", ["recording", "sealed"])
def test_playlists(status: str) -> None:
    state = fold(status)
    compare(f"{status}-index.m3u8", multivariant(state).encode())
    for name, track in state.tracks.items():
        compare(f"{status}-{name}.m3u8", media_playlist(state, track).encode())
    compare(f"{status}-{ALICE}.m3u8", (participant_playlist(state, ALICE) or "").encode())
    compare(f"{status}-{BOB}.m3u8", (participant_playlist(state, BOB) or "").encode())
    compare(f"{status}-{BOB}-screen.m3u8", (screen_playlist(state, BOB) or "").encode())
    assert participant_playlist(state, "nobody-0000") is None
    assert screen_playlist(state, ALICE) is None


@pytest.mark.parametrize(
    ("name", "config"), [("h264", HD), ("vp9", vp9_config(640, 360)), ("opus", OPUS), ("slate", CONFIGS["H264"])]
)
def test_init_sections(name: str, config: object) -> None:
    compare(f"init-{name}.mp4", init_section(config))  # type: ignore[arg-type]


def test_filling_segment() -> None:
    compare("filling.m4s", filling("H264", 1, 90_000, 270_000))


def test_every_track_covers_every_interval_without_a_hole() -> None:
    state = fold("sealed")
    for track in state.tracks.values():
        spans = cover(state, track)
        assert [span.msn for span in spans] == list(range(5))
        assert spans[0].start == 0
        assert all(before.end == after.start for before, after in pairwise(spans))
    assert discontinuities(state) == {1, 2, 3, 4}


def test_a_picture_that_outlasts_the_end_has_as_many_entries_as_its_sound() -> None:
    """hls.js waits for ever when the sound counts one discontinuity more than the picture."""
    state = State()
    for line in lines(status="recording"):
        state.apply(line)
    name, start = f"audio-{ALICE}", round(33.25 * 48_000)
    state.apply({"track": name, "open": 5, "init": 0, "start": start})
    sizes = {"samples": 2, "bytes": 100, "sha256": "05"}
    state.apply({"track": name, "segment": 5, "init": 0, "start": start, "end": start + 960, **sizes})
    for line in ({"boundary": 33_250}, {"closed": 5}, {"state": "sealed", "at": 33_250, "quality": {}}):
        state.apply(line)
    for track in state.tracks.values():
        assert [span.msn for span in cover(state, track)] == list(range(6)), track.name


@given(started=st.floats(1.7e9, 1.9e9), ticks=st.integers(0, 90_000 * 3_600 * 12))
def test_dates_are_as_far_apart_as_what_they_tell_of(started: float, ticks: int) -> None:
    first, later = (datetime.fromisoformat(program_date(started, at)).timestamp() for at in (0.0, ticks / 90_000))
    assert abs(later - first - ticks / 90_000) < 0.000_51


def test_summary() -> None:
    summary = summarise(fold("sealed"))
    assert summary["duration"] == 33.25 and summary["started"] == 1_760_000_000.25
    bob = next(track for track in summary["tracks"] if track["name"] == f"cam-{BOB}")
    assert (bob["codec"], bob["codecs"], bob["width"], bob["height"]) == ("VP9", "vp09.00.21.08", 640, 360)
    assert (bob["start"], bob["duration"]) == (10.0, 23.25)
    assert bob["gaps"] == [{"start": 16.5, "duration": 13.5}]
    assert summary["quality"] == {"lost": 4, "gaps": 3, "gap_seconds": 2.0 + 13.5 + 10.0}


def test_the_journal_reads_back_and_ends_at_a_torn_line() -> None:
    made = lines(status="sealed")
    data = b"".join(map(encode, made))
    assert decode(data) == (made, len(data))
    assert decode(data + b'{"track":"x"')[1] == len(data)
    assert decode(data + b'{"track":\n{}\n')[0] == made
