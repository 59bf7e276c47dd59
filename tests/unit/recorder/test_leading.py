"""Which picture a lecture shows where only one is shown, and which tracks are told of while it is live."""

from __future__ import annotations

from typing import Any

import pytest

from recorder.codec import OPUS
from recorder.h264 import make_config
from recorder.journal import Line, State, config_line
from recorder.playlist import multivariant
from recorder.progressive import chosen
from recorder.summary import summarise
from tele.domain.seat import device_id, participant_id

HD = make_config(bytes.fromhex("6742c01fda014016e840000003004000000f03c60ca8"), [bytes.fromhex("68ce0fc8")])
ROOM = "lecture-00000001"
SPEAKER, GUEST = participant_id(ROOM, "speaker"), participant_id(ROOM, "guest")
ENCODER = device_id(ROOM, "token")


def track(who: str, source: str, start: float, *, whole: bool = True) -> list[Line]:
    """A track from a second on, with a whole segment or with one part of it; segments are 4 s."""
    kind, rate = ("audio", 48_000) if source == "microphone" else ("video", 90_000)
    name = f"{ {'microphone': 'audio', 'camera': 'cam'}.get(source, source) }-{who}"
    at, msn = round(start * rate), int(start // 4)
    found: list[Line] = [
        {"track": name, "participant": who, "source": source, "kind": kind, "start": at},
        {**config_line(name, 0, OPUS if kind == "audio" else HD), "bytes": 700, "sha256": "00"},
        {"track": name, "open": msn, "init": 0, "start": at},
        {"track": name, "part": [0, rate // 3, 9_000, 1]},
    ]
    if whole:
        end = {"start": at, "end": (msn + 1) * 4 * rate, "samples": 10, "bytes": 50_000, "sha256": "00"}
        found.append({"track": name, "segment": msn, "init": 0, **end})
    return found


def lecture(*tracks: list[Line], **options: Any) -> State:
    state = State()
    header = {"v": 1, "recording": "r", "room": ROOM, "started": 1_760_000_000.0, "grid": 4_000}
    state.apply({**header, "options": {"low_latency": True, "part": 340, **options}})
    for lines in tracks:
        for line in lines:
            state.apply(line)
    state.apply({"boundary": 4_000})
    return state


CAMERAS = {"guest": track(GUEST, "camera", 2.0), "speaker": track(SPEAKER, "camera", 1.0)}
OBS = track(ENCODER, "camera", 3.0)


@pytest.mark.parametrize("order", [("guest", "speaker"), ("speaker", "guest")])
def test_who_was_there_first_leads_whatever_their_names_are(order: tuple[str, str]) -> None:
    state = lecture(*(CAMERAS[who] for who in order))
    assert f"cam-{SPEAKER}/" in multivariant(state) and GUEST not in multivariant(state)
    assert [each.participant for each in chosen(state, "camera")] == [SPEAKER]


def test_an_encoder_leads_before_the_cameras_of_pages() -> None:
    state = lecture(*CAMERAS.values(), OBS, track(ENCODER, "microphone", 3.0))
    assert f"cam-{ENCODER}/" in multivariant(state) and SPEAKER not in multivariant(state)
    assert [each.name for each in chosen(state, "camera")] == [f"cam-{ENCODER}", f"audio-{ENCODER}"]


def test_a_host_who_was_told_leads_before_whoever_was_there_first() -> None:
    state = lecture(*CAMERAS.values(), host=GUEST)
    assert f"cam-{GUEST}/" in multivariant(state) and SPEAKER not in multivariant(state)
    assert [each.participant for each in chosen(state, "camera")] == [GUEST]
    with_encoder = lecture(*CAMERAS.values(), OBS, host=GUEST)
    assert f"cam-{ENCODER}/" in multivariant(with_encoder) and GUEST not in multivariant(with_encoder)


def test_a_live_track_is_told_of_from_its_first_part_on_where_something_was_before() -> None:
    camera, screen = track(SPEAKER, "camera", 0.0), track(SPEAKER, "screen", 5.0, whole=False)
    told = {each["source"]: each for each in summarise(lecture(camera, screen))["tracks"]}
    assert set(told) == {"camera", "screen"}
    assert (told["screen"]["start"], told["screen"]["duration"]) == (5.0, 0.333)
    assert (told["screen"]["width"], told["screen"]["codec"], told["screen"]["bytes"]) == (1280, "H264", 9_000)
    assert told["screen"]["gaps"] == []


def test_what_players_without_low_latency_cannot_begin_is_not_told_of() -> None:
    camera, voice = track(SPEAKER, "camera", 0.0, whole=False), track(SPEAKER, "microphone", 0.0)
    assert [each["source"] for each in summarise(lecture(camera, voice))["tracks"]] == ["microphone"]
