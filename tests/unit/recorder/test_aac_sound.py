"""AAC that is made of a live recording's Opus: the same sound without a seam, the same bytes whoever asks, whenever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from recorder.aac import make as make_rest
from recorder.aac_codec import Encoder, listen
from recorder.aac_format import CONFIG, FRAME, aac_name
from recorder.aac_live import Opus, Order, make, order
from recorder.aac_track import AacTrack, follow_sounds
from recorder.fmp4 import fragments
from recorder.journal import State, TrackState
from recorder.library import Library
from recorder.names import part_file, segment_file
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from tests.unit.recorder.synthetic import Publisher, World

HOST = "host-0000001"
OPUS = f"audio-{HOST}"
AAC = aac_name(OPUS)

RATE = 48_000
SECONDS = 23


class Speaker:
    """20 ms packets of a voice that glides, and of nothing for a while in between."""

    def __init__(self) -> None:
        context: Any = av.CodecContext.create("libopus", "w")
        context.sample_rate, context.layout, context.format = RATE, "stereo", "flt"
        context.bit_rate = 128_000
        context.options = {"application": "audio", "frame_duration": "20"}
        self._context = context
        self._at = 0

    def encode(self, **_: object) -> bytes:
        time = np.arange(self._at, self._at + 960) / RATE
        wave = 0.3 * np.sin(2 * np.pi * 330 * time) + 0.2 * np.sin(2 * np.pi * 1500 * time + 40 * np.sin(5 * time))
        sound = (np.stack([wave, 0.5 * wave]) * (np.sin(2 * np.pi * 1.3 * time) > -0.4)).astype(np.float32)
        frame: Any = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound.T.reshape(1, -1)), format="flt", layout="stereo"
        )
        frame.sample_rate, frame.pts = RATE, self._at
        self._at += 960
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


@pytest.fixture
async def recorded(tmp_path: Path) -> Path:
    """A lecture of a voice that came a second late."""
    root = tmp_path
    world = World()
    recorder = Recorder(
        root,
        world.feed,
        lambda _: None,
        vault=PlainVault(),
        clock=lambda: world.now,
        settings=RecorderSettings(min_free=0, resume_free=0, queue_items=10**7, queue_bytes=10**10),
    )
    publisher, speaker = Publisher(HOST, "microphone", "opus"), Speaker()
    start = world.now
    world.at(start + 1, lambda: publisher.open(start + 1)[1](world.feed))
    for number in range(SECONDS * 50):
        for event in publisher.send(start + 1 + number * 0.02, [speaker.encode()]):
            world.send(event)
    await recorder.start("lecture", "room", {"low_latency": True, "host": HOST})
    world.run(start + 1 + SECONDS, recorder.tick)
    await recorder.stop()
    return root


def states(root: Path) -> tuple[State, TrackState, AacTrack]:
    state = Library(root, PlainVault()).follower("lecture").look()
    assert state is not None
    follow_sounds(state)
    found = state.others[AAC]
    assert isinstance(found, AacTrack)
    return state, state.tracks[OPUS], found


def reader(root: Path) -> Callable[[Opus], bytes]:
    return lambda opus: (root / opus.file).read_bytes()[: opus.bytes]


def ordered(root: Path, name: str) -> Order:
    state, of, track = states(root)
    found = order(state, of, track, name)
    assert found is not None
    return found


def decoded(frames: list[bytes]) -> np.ndarray[Any, Any]:
    context: Any = av.CodecContext.create("aac", "r")
    context.extradata, context.sample_rate = CONFIG.record, RATE
    heard = [frame.to_ndarray() for data in frames for frame in context.decode(av.Packet(data))]
    return np.concatenate(heard + [frame.to_ndarray() for frame in context.decode(None)], axis=1)


def rows(data: bytes) -> list[bytes]:
    """The frames of a file, of which each lasts as long as it should and follows on the one before."""
    found: list[bytes] = []
    at: int | None = None
    for each in fragments(data):
        assert at is None or each.start == at
        at, place = each.start, each.data
        for duration, size, _ in each.rows:
            assert duration == FRAME
            found.append(data[place : place + size])
            at, place = at + duration, place + size
    return found


def nearness(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """Signal over difference in dB."""
    return float(10 * np.log10((one**2).sum() / ((one - other) ** 2).sum()))


async def test_parts_are_the_same_sound_without_a_seam(recorded: Path) -> None:
    _, of, track = states(recorded)
    told = [part for parts in track.parts.values() for part in parts]
    assert len(told) > 30
    frames: list[bytes] = []
    for part in told:
        made = rows(make(ordered(recorded, part_file(part.number)), reader(recorded), {}))
        assert len(made) * FRAME == part.duration and part.start == len(frames) * FRAME
        frames += made
    sound = decoded(frames)
    files = [(recorded / "lecture" / OPUS / segment_file(msn)).read_bytes() for msn in of.segments]
    right = listen(files, 0, len(frames) * FRAME)
    seams: list[float] = []
    others: list[float] = []
    for part in told:
        for at, found in ((part.start, seams), (part.start + part.duration // 2, others)):
            place = slice(max(0, at - FRAME), at + FRAME)
            if np.abs(right[:, place]).mean() > 0.1:
                found.append(nearness(right[:, place], sound[:, place]))
    assert len(seams) > 30 and len(others) > 30
    # Hardest is what sets in suddenly, wherever that happens to be; a seam that can be heard has less than 20.
    assert np.percentile(seams, 10) > 40 and np.percentile(others, 10) > 40, (min(seams), min(others))
    assert np.median(seams) > np.median(others) - 10, (np.median(seams), np.median(others))


async def test_a_segment_is_its_parts_whether_they_are_held_remembered_or_neither(recorded: Path) -> None:
    state, of, track = states(recorded)
    for msn in list(track.segments)[-3:]:
        parts = {
            part.number: make(ordered(recorded, part_file(part.number)), reader(recorded), {})
            for part in track.parts[msn]
        }
        together = b"".join(parts.values())
        wanted = ordered(recorded, segment_file(msn))
        assert make(wanted, reader(recorded), {}) == together
        some = dict(list(parts.items())[1::2])
        assert make(wanted, reader(recorded), some) == together
        names = {first: b"%d," % first for first in parts}
        assert make(wanted, reader(recorded), names) == b"".join(names.values()), "what is held is not made again"
        track.parts[msn] = []
        forgotten = order(state, of, track, segment_file(msn))
        assert forgotten is not None and forgotten.parts is None
        if msn in of.segments:
            assert make(forgotten, reader(recorded), {}) == together


async def test_what_is_kept_afterwards_has_the_same_boundaries(recorded: Path) -> None:
    _, _, track = states(recorded)
    with (recorded / "lecture/journal.jsonl").open("ab") as journal:
        journal.write(b'{"state":"sealed","at":12000}\n')
    library = Library(recorded, PlainVault(), aac=True)
    before = library.media_playlist("lecture", AAC)
    assert library.order("lecture", f"{AAC}/{segment_file(1)}") is not None
    assert make_rest(recorded, "lecture") == 0
    assert library.media_playlist("lecture", AAC) == before
    assert library.order("lecture", f"{AAC}/{segment_file(1)}") is not None, "who asked before asks on"
    stored = library.find("lecture", f"{AAC}/{segment_file(1)}")
    assert stored is not None
    assert len(rows(library.read_item(stored, 0, stored.size))) == track.segments[1].samples


def test_the_encoder_tells_what_playlists_and_init_sections_say_before_there_is_one() -> None:
    assert Encoder(swift=True).record == Encoder().record == CONFIG.record
