"""A room recorded from packets to playlist: nothing lost, lips in time, whatever clocks and networks do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from recorder.library import Library
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from tele.domain.media import Codec
from tests.unit.recorder.reading import assert_seamless, beeps, decoded, entries, flashes, samples
from tests.unit.recorder.synthetic import Clock, Network, Publisher, World

ALICE, BOB = "alice-000001", "bob-00000002"
LIPS = 0.045


class Studio:
    """A recorder in a world of its own."""

    def __init__(self, root: Path, settings: RecorderSettings) -> None:
        self.root = root
        self.world = World()
        self.start = self.world.now
        self.events: list[dict[str, Any]] = []
        self.recorder = self.make(settings)

    def make(self, settings: RecorderSettings) -> Recorder:
        world = self.world
        return Recorder(
            self.root,
            world.feed,
            self.events.append,
            vault=PlainVault(),
            clock=lambda: world.now,
            wall=lambda: 1_700_000_000 + world.now,
            settings=settings,
        )

    async def record(self, seconds: float) -> dict[str, Any]:
        await self.recorder.start("visit", "room", {})
        self.world.run(self.start + seconds, self.recorder.tick)
        return await self.recorder.seal("visit")

    def publisher(self, who: str, source: Any, codec: Codec, **more: Any) -> Publisher:
        return Publisher(who, source, codec, **more)


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    # Virtual time runs hundreds of times faster than the disk of a real call would have to: let all of it wait.
    made = Studio(tmp_path, RecorderSettings(min_free=0, resume_free=0, queue_items=10**7, queue_bytes=10**10))
    yield made
    await made.recorder.stop()


@pytest.mark.parametrize("codec", ["H264", "VP9"])
async def test_what_was_sent_is_what_plays(studio: Studio, codec: Codec) -> None:
    world, start = studio.world, studio.start
    network = Network(0.03, 0.02)
    sound = studio.publisher(ALICE, "microphone", "opus", clock=Clock(-9000, 60), network=network)
    picture = studio.publisher(ALICE, "camera", codec, clock=Clock(-9000, 60), network=network)
    world.microphone(sound, start, start + 23)
    world.camera(picture, start + 0.1, start + 23)
    summary = await studio.record(23.2)

    camera, audio = f"cam-{ALICE}", f"audio-{ALICE}"
    frames = decoded(studio.root, "visit", camera)
    assert len(frames) == len(picture.sent)
    times = [float(frame.time) for frame in frames]
    assert times == sorted(times) and len(set(times)) == len(times)
    for name in (camera, audio):
        assert_seamless(samples(studio.root, "visit", name))
    # The second of the first flash is the one in which the camera opened.
    assert len(flashes(frames)) == len(beeps(decoded(studio.root, "visit", audio))) - 1
    assert [(t["name"], t["codec"], t["gaps"]) for t in summary["tracks"]] == [(audio, "opus", []), (camera, codec, [])]
    assert summary["state"] == "sealed" and summary["duration"] == pytest.approx(23.2, abs=0.01)


@pytest.mark.parametrize(("offset", "ppm"), [(7200.0, 200.0), (-36_000.0, -200.0), (0.0, 0.0)])
async def test_lips_match_from_the_start_though_the_first_audio_report_is_late(
    studio: Studio, offset: float, ppm: float
) -> None:
    world, start, clock = studio.world, studio.start, Clock(offset, ppm)
    network = Network(0.05, 0.03)
    world.microphone(
        studio.publisher(ALICE, "microphone", "opus", clock=clock, network=network, first_report=2.3), start, start + 40
    )
    world.camera(studio.publisher(ALICE, "camera", "H264", clock=clock, network=network), start, start + 40, fps=30)
    await studio.record(40)
    sound = beeps(decoded(studio.root, "visit", f"audio-{ALICE}"))
    light = flashes(decoded(studio.root, "visit", f"cam-{ALICE}"))
    assert sound[0] < 0.2 and len(sound) == 40 and len(light) == 39
    offsets = [min((s - flash for s in sound), key=abs) for flash in light]
    assert max(map(abs, offsets)) <= LIPS


async def test_participants_are_together_though_their_clocks_are_hours_apart(studio: Studio) -> None:
    world, start = studio.world, studio.start
    for who, clock, delay in ((ALICE, Clock(7200, 150), 0.02), (BOB, Clock(-7200, -150), 0.06)):
        network = Network(delay, 0.03, seed=len(who))
        world.microphone(studio.publisher(who, "microphone", "opus", clock=clock, network=network), start, start + 30)
    await studio.record(30)
    heard = {who: beeps(decoded(studio.root, "visit", f"audio-{who}")) for who in (ALICE, BOB)}
    assert len(heard[ALICE]) == len(heard[BOB]) == 30
    assert max(abs(a - b) for a, b in zip(heard[ALICE], heard[BOB], strict=True)) <= 0.1


async def test_half_an_hour_of_drift_stays_in_time(studio: Studio) -> None:
    """Cheap frames, a real path: the track's own row of samples against the time at which each was captured."""
    world, start, seconds = studio.world, studio.start, 1800
    for who, ppm in ((ALICE, 200.0), (BOB, -200.0)):
        publisher = studio.publisher(who, "microphone", "opus", clock=Clock(3600, ppm), network=Network(0.03, 0.04))
        numbers = iter(range(10**9))
        # The packet's size is its number, so that each can be found again; DTX sizes are left out.
        world.microphone(
            publisher, start, start + seconds, encode=lambda _, n=numbers: bytes([0xF8]) * (next(n) % 997 + 3)
        )
    await studio.recorder.start("visit", "room", {})
    world.run(start + seconds, studio.recorder.tick)
    summary = await studio.recorder.seal("visit")
    assert summary["quality"]["clock_corrections"] + summary["quality"].get("dropped", 0) >= 20
    for who, ppm in ((ALICE, 200.0), (BOB, -200.0)):
        number, worst = -1, 0.0
        for sample in samples(studio.root, "visit", f"audio-{who}"):
            if sample.size - 3 == (number + 1) % 997:
                number += 1
            elif sample.size - 3 == (number + 2) % 997:
                number += 2
            else:
                assert sample.size == 3, "silence put in"
                continue
            captured = number * 0.02 / (1 + ppm * 1e-6)
            worst = max(worst, abs(sample.time - captured - 0.03))
        assert number > seconds * 49
        assert worst <= LIPS


async def test_loss_and_disorder_leave_a_playable_recording(studio: Studio) -> None:
    world, start = studio.world, studio.start
    network = Network(0.04, 0.12, loss=0.03, seed=7)
    sound = studio.publisher(ALICE, "microphone", "opus", network=network)
    picture = studio.publisher(ALICE, "camera", "H264", network=network)
    world.microphone(sound, start, start + 30)
    world.camera(picture, start, start + 30)
    summary = await studio.record(30)
    frames = decoded(studio.root, "visit", f"cam-{ALICE}")
    assert 200 < len(frames) < len(picture.sent)
    assert not any(frame.is_corrupt for frame in frames)
    assert_seamless(samples(studio.root, "visit", f"cam-{ALICE}"))
    assert_seamless(samples(studio.root, "visit", f"audio-{ALICE}"))
    assert summary["quality"]["lost"] > 30
    assert summary["quality"]["silence_seconds"] > 0.3
    heard = beeps(decoded(studio.root, "visit", f"audio-{ALICE}"))
    assert len(heard) >= 29


async def test_silence_that_is_not_sent_is_silence_and_no_gap(studio: Studio) -> None:
    world, start = studio.world, studio.start
    sound = studio.publisher(ALICE, "microphone", "opus")
    world.microphone(sound, start, start + 25, silent=lambda t: 5 < t - start < 20)
    summary = await studio.record(25)
    found = samples(studio.root, "visit", f"audio-{ALICE}")
    assert_seamless(found)
    assert found[-1].time + found[-1].duration == pytest.approx(25, abs=0.1)
    assert summary["tracks"][0]["gaps"] == []
    heard = beeps(decoded(studio.root, "visit", f"audio-{ALICE}"))
    assert [round(t) for t in heard] == [*range(6), *range(20, 25)]


async def test_a_participant_who_comes_back_goes_on_in_the_same_track(studio: Studio) -> None:
    world, start = studio.world, studio.start
    for part, (begin, end) in enumerate(((0.0, 12.0), (21.0, 40.0))):
        world.microphone(
            studio.publisher(BOB, "microphone", "opus", publication=f"m{part}"), start + begin, start + end
        )
        world.camera(studio.publisher(BOB, "camera", "H264", publication=f"v{part}"), start + begin, start + end)
    world.microphone(studio.publisher(ALICE, "microphone", "opus"), start, start + 40)
    summary = await studio.record(40)
    tracks = {track["name"]: track for track in summary["tracks"]}
    assert set(tracks) == {f"audio-{BOB}", f"cam-{BOB}", f"audio-{ALICE}"}
    for name in (f"audio-{BOB}", f"cam-{BOB}"):
        (gap,) = tracks[name]["gaps"]
        assert gap["start"] == pytest.approx(12, abs=0.6)
        assert gap["start"] + gap["duration"] == pytest.approx(21, abs=0.7)
        assert_seamless(samples(studio.root, "visit", name))
    light = flashes(decoded(studio.root, "visit", f"cam-{BOB}"))
    assert [round(t) for t in light] == [*range(1, 12), *range(21, 40)]
    library = Library(studio.root, PlainVault())
    listed = [entries(library.media_playlist("visit", name)) for name in tracks]
    assert len({tuple(entry.discontinuity for entry in found) for found in listed}) == 1
    assert any(entry.discontinuity for entry in listed[0])


async def test_a_changed_picture_size_gets_its_own_init_section(studio: Studio) -> None:
    world, start = studio.world, studio.start
    world.camera(
        studio.publisher(ALICE, "camera", "H264"),
        start,
        start + 20,
        size=lambda t: (320, 180) if t - start < 6.5 else (640, 360),
    )
    await studio.record(20)
    found = entries(Library(studio.root, PlainVault()).media_playlist("visit", f"cam-{ALICE}"))
    assert [(entry.init, entry.discontinuity) for entry in found[:2]] == [("init-0.mp4", False), ("init-1.mp4", True)]
    frames = decoded(studio.root, "visit", f"cam-{ALICE}")
    assert {(frame.width, frame.height) for frame in frames} == {(320, 180), (640, 360)}
    first_large = next(float(frame.time) for frame in frames if frame.width == 640)
    assert first_large == pytest.approx(6.5, abs=0.1)


async def test_stop_and_resume_leave_a_gap_and_one_recording(studio: Studio) -> None:
    world, start, recorder = studio.world, studio.start, studio.recorder
    world.microphone(studio.publisher(ALICE, "microphone", "opus"), start, start + 70)
    world.camera(studio.publisher(ALICE, "camera", "H264"), start, start + 70)
    await recorder.start("visit", "room", {})
    assert (await recorder.start("visit", "room", {}))["state"] == "recording"
    world.run(start + 15, recorder.tick)
    paused = await recorder.pause("visit")
    assert paused["state"] == "paused" and paused["duration"] == pytest.approx(15, abs=0.01)
    assert world.feed.taps["room"] == []
    world.run(start + 45, recorder.tick)
    await recorder.start("visit", "room", {})
    world.run(start + 60, recorder.tick)
    summary = await recorder.seal("visit")
    assert summary["duration"] == pytest.approx(60, abs=0.01)
    for track in summary["tracks"]:
        (gap,) = track["gaps"]
        assert gap["start"] == pytest.approx(15, abs=0.1)
        assert gap["duration"] == pytest.approx(30, abs=0.7)
        assert_seamless(samples(studio.root, "visit", track["name"]))
    light = flashes(decoded(studio.root, "visit", f"cam-{ALICE}"))
    assert [round(t) for t in light] == [*range(1, 15), *range(45, 60)]
    assert [e["state"] for e in studio.events if e["event"] == "recording"] == [
        "recording",
        "paused",
        "recording",
        "sealed",
    ]
    assert await recorder.seal("visit") == summary


async def test_a_running_recording_can_be_played_by_another_process(studio: Studio) -> None:
    world, start, recorder = studio.world, studio.start, studio.recorder
    world.microphone(studio.publisher(ALICE, "microphone", "opus"), start, start + 60)
    world.camera(studio.publisher(ALICE, "camera", "H264"), start, start + 60)
    await recorder.start("visit", "room", {})
    library = Library(studio.root, PlainVault())
    listed: list[str] = []
    for until in range(5, 60, 5):
        world.run(start + until, recorder.tick)
        await recorder._start_writer().drained("visit")
        summary = library.summary("visit")
        assert summary is not None and summary["state"] == "recording"
        text = library.media_playlist("visit", f"cam-{ALICE}") if summary["tracks"] else ""
        # An EVENT playlist only grows (RFC 8216 §4.3.3.5).
        assert text.startswith("".join(line + "\n" for line in listed)) or not listed
        listed = text.splitlines()
        assert "#EXT-X-ENDLIST" not in text
    assert len(entries("\n".join(listed))) >= 4
    await recorder.seal("visit")
    sealed = library.media_playlist("visit", f"cam-{ALICE}")
    assert sealed.endswith("#EXT-X-ENDLIST\n") and sealed.startswith("\n".join(listed))


async def test_sound_alone_is_a_recording(studio: Studio) -> None:
    world, start = studio.world, studio.start
    world.microphone(studio.publisher(ALICE, "microphone", "opus"), start, start + 12)
    summary = await studio.record(12)
    assert [track["kind"] for track in summary["tracks"]] == ["audio"]
    library = Library(studio.root, PlainVault())
    for text in (library.playlist("visit"), library.participant_playlist("visit", ALICE)):
        assert 'CODECS="opus"' in text and f"audio-{ALICE}/index.m3u8" in text


async def test_every_stored_file_is_in_the_manifest_by_its_hash(studio: Studio) -> None:
    world, start = studio.world, studio.start
    world.camera(studio.publisher(ALICE, "camera", "VP9"), start, start + 12)
    await studio.record(12)
    folder = studio.root / "visit"
    manifest = json.loads((folder / "manifest.json").read_text())
    track = manifest["tracks"][f"cam-{ALICE}"]
    digests = {s["sha256"] for s in track["segments"]} | {i["sha256"] for i in track["inits"]}
    stored = list((folder / f"cam-{ALICE}").iterdir())
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in stored} == digests
    assert len(stored) == len(digests) >= 3


async def test_keyframes_are_asked_for_at_once_on_the_grid_and_while_none_comes(studio: Studio) -> None:
    world, start, recorder = studio.world, studio.start, studio.recorder
    publisher = studio.publisher(ALICE, "camera", "H264")
    world.send(publisher.open(start + 1))
    await recorder.start("visit", "room", {})
    world.run(start + 1.05, recorder.tick)
    assert len(world.feed.asked) == 1
    world.run(start + 3.05, recorder.tick)
    assert len(world.feed.asked) in (4, 5)
