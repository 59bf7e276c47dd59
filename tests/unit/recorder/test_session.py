"""A session against whatever a publisher may send: it never fails, never grows without bound, never mixes tracks up."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import InvalidName
from recorder.journal import State
from recorder.names import participant_name, recording_name, track_name
from recorder.session import Announce, Append, AskKeyframe, Close, Command, Log, Session, Store
from recorder.settings import RecorderSettings
from tele.domain.media import Track
from tests.unit.recorder.on_paper import HOST, Sender
from tests.unit.recorder.synthetic import Encoder, h264_payloads, rtp

ALICE = "alice-000001"


def track(number: int, *, participant: str = ALICE, source: str = "camera", codec: str = "H264") -> Track:
    kind = "audio" if codec == "opus" else "video"
    return Track(f"publication-{number}", "room", participant, source, kind, codec)  # type: ignore[arg-type]


def fold(commands: list[Command]) -> State:
    """What the writer would have made of the commands."""
    state = State("visit", "room", 0.0)
    for command in commands:
        if isinstance(command, Log):
            state.apply(command.line)
        elif isinstance(command, Store | Close):
            state.apply({**command.line, "bytes": 1, "sha256": ""})
    return state


BODIES = st.one_of(
    st.binary(max_size=30),
    st.builds(
        lambda s, t, c, p, m: rtp(s, t, c, p, marker=m),
        st.integers(0, 40),
        st.integers(0, 2**32 - 1),
        st.integers(1, 2),
        st.binary(max_size=20),
        st.booleans(),
    ),
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["packet", "report", "open", "close", "tick"]), st.integers(0, 2), BODIES, st.floats(0, 3)
        ),
        max_size=60,
    )
)
@settings(max_examples=200, deadline=None)
def test_nothing_a_publisher_sends_makes_it_fail(events: list[tuple[str, int, bytes, float]]) -> None:
    session = Session(State(), RecorderSettings(), 0.0)
    tracks = [track(0), track(1, codec="VP9", source="screen"), track(2, codec="opus", source="microphone")]
    commands = session.begin(0.0)
    now = 0.0
    for kind, number, body, step in events:
        now += step
        if kind == "packet":
            commands += session.packet(f"publication-{number}", body, now)
        elif kind == "report":
            session.sender_report(f"publication-{number}", int.from_bytes(body[:8], "big"), len(body), now)
        elif kind == "open":
            commands += session.track_opened(tracks[number], now)
        elif kind == "close":
            session.track_closed(f"publication-{number}")
        else:
            commands += session.tick(now)
    state = fold(commands + session.finish(now))
    assert state.status == "paused" and state.closed == len(state.starts) - 2
    assert all(found.open is None for found in state.tracks.values())


def test_a_sender_that_turns_its_picture_round_and_round_is_bounded() -> None:
    session = Session(State(), RecorderSettings(), 0.0)
    commands = session.track_opened(track(0), 0.0)
    payloads = [h264_payloads(Encoder("H264", width, 180).encode(key=True)) for width in (320, 352, 384)]
    sequence = 0
    for number in range(1800):
        now = number / 30
        for index, payload in enumerate(payloads[number % 3]):
            marker = index == len(payloads[number % 3]) - 1
            commands += session.packet("publication-0", rtp(sequence, number * 3000, 1, payload, marker=marker), now)
            sequence += 1
        commands += session.tick(now)
    state = fold(commands + session.finish(60.0))
    assert len(state.starts) < 20 + 60 / 5 + 60 / 10 + 3
    assert len(state.tracks[f"cam-{ALICE}"].inits) == 3


def test_a_thousand_publications_are_not_a_thousand_tracks() -> None:
    session = Session(State(), RecorderSettings(max_tracks=5), 0.0)
    for number in range(1000):
        session.track_opened(track(number, participant=f"participant-{number}"), 0.0)
    assert session.publications == 5 and session.refused == 995


def test_two_tracks_never_share_a_folder() -> None:
    session = Session(State(), RecorderSettings(), 0.0)
    session.track_opened(track(1, participant="lo-abcdefgh", source="camera"), 0.0)
    session.track_opened(track(2, participant="abcdefgh", source="camera-low"), 0.0)
    assert (session.publications, session.refused) == (1, 1)


def test_a_new_publication_takes_its_track_over_from_one_that_has_not_ended() -> None:
    session = Session(State(), RecorderSettings(), 0.0)
    assert session.track_opened(track(1), 0.0) == [AskKeyframe("publication-1")]
    assert session.track_opened(track(2), 1.0) == [AskKeyframe("publication-2")]
    payloads = h264_payloads(Encoder("H264").encode(key=True))

    def send(publication: str) -> list[Command]:
        made: list[Command] = []
        for index, payload in enumerate(payloads):
            made += session.packet(publication, rtp(index, 0, 1, payload, marker=index == len(payloads) - 1), 1.1)
        return made + session.tick(1.3)

    assert not any(isinstance(command, Announce) for command in send("publication-1"))
    assert any(isinstance(command, Announce) for command in send("publication-2"))
    session.track_closed("publication-1")
    assert session.publications == 1


def test_a_part_goes_out_within_its_time() -> None:
    """What a crash can lose is what has not gone out: the open part, its last frame, and what waits to be sorted."""
    session = Session(State(), RecorderSettings(), 0.0)
    session.track_opened(track(0, source="microphone", codec="opus"), 0.0)
    chance, last = random.Random(1), 0.0
    for number in range(500):
        now = number * 0.02 + chance.random() * 0.01
        commands = session.packet("publication-0", rtp(number, number * 960, 1, b"\x78" * 40), now)
        commands += session.tick(now)
        if any(isinstance(command, Append) for command in commands):
            last = now
        assert now - last <= 0.6


@pytest.mark.parametrize("name", ["", "a" * 65, "../x", "a/b", "a.b", "ü", "a b", "a\n"])
def test_names_that_are_no_names(name: str) -> None:
    with pytest.raises(InvalidName):
        recording_name(name)
    with pytest.raises(InvalidName):
        participant_name(name)
    with pytest.raises(InvalidName):
        track_name(name, "camera")


TRIP = 1.2
"""Seconds to a satellite's other side and back."""


def by_satellite(seed: int) -> tuple[dict[str, float], int, float]:
    """A camera recorded for 40 s by a line that loses 3 %: the session's figures, keyframes asked for, seconds kept."""
    session, chance = Session(State(), RecorderSettings(), 0.0), random.Random(seed)
    camera = Sender("camera", 20, "publication-0", jitter=0.07)
    camera.start(0.0)
    commands = session.track_opened(camera.track, 0.0)
    coming: list[tuple[float, int, bytes]] = []
    answers: list[float] = []
    sent = 0
    for step in range(40 * 50):
        now = step * 0.02
        camera.key_wanted |= any(at <= now for at in answers)
        answers = [at for at in answers if at > now]
        for arrival, data in camera.due(now, chance):
            sent += 1
            spared = not 1 < now < 36 or chance.random() > 0.03
            late = 0.0 if spared else TRIP + 0.1 if chance.random() > 0.03 else 2 * TRIP + 0.2
            coming.append((arrival + TRIP / 2 + late, sent, data))
        coming.sort()
        made: list[Command] = []
        while coming and coming[0][0] <= now:
            arrival, _, data = coming.pop(0)
            made += session.packet("publication-0", data, arrival)
        made += session.tick(now) if step % 5 == 0 else []
        answers += [now + TRIP / 2] * sum(isinstance(command, AskKeyframe) for command in made)
        commands += made
    commands += session.finish(40.0)
    spans = fold(commands).tracks[track_name(HOST, "camera")].segments.values()
    asked = sum(isinstance(command, AskKeyframe) for command in commands)
    return session.quality(), asked, sum(each.end - each.start for each in spans) / 90_000


def test_a_camera_by_satellite_is_recorded_nearly_whole_and_asked_for_few_keyframes() -> None:
    runs = [by_satellite(seed) for seed in range(20)]
    lost, dropped, frames = (
        sum(quality.get(name, 0) for quality, _, _ in runs) for name in ("lost", "dropped", "frames")
    )
    assert lost <= 2 * len(runs), "until it is known how long repairs take"
    assert dropped <= 0.06 * frames, (dropped, frames)
    assert sum(asked for _, asked, _ in runs) <= 14 * len(runs), (
        "about two for each segment, and until the first is there"
    )
    assert sum(kept for _, _, kept in runs) >= 38.5 * len(runs)
