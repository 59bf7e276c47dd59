"""Recordings on disk as they are read: playlists, init sections, segments and fillings, from any process.

It follows each journal as it grows, so that what is still being recorded by another process can be played.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder import playlist
from recorder.aac_format import recorded_name
from recorder.aac_live import Order, order
from recorder.aac_track import AacTrack, beside, follow_sounds
from recorder.alternative import add_others
from recorder.coverage import cover, filling_codec, finished
from recorder.disk import JOURNAL
from recorder.errors import InvalidName, StorageFailed, UnknownRecording
from recorder.fmp4 import init_section
from recorder.follow import Follower
from recorder.journal import State, TrackState
from recorder.names import init_file, recording_name, segment_file
from recorder.slate import CONFIGS, filling
from recorder.summary import summarise
from recorder.vault import Vault
from tele.domain.media import Codec

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"

_PART = re.compile(r"([A-Za-z0-9_-]{1,64})/part-([0-9]{6,9})\.m4s")
_INDEX = re.compile(r"([A-Za-z0-9_-]{1,64})/index\.m3u8")
_PARTICIPANT = re.compile(r"p/([A-Za-z0-9_-]{8,32})\.m3u8")
_SCREEN = re.compile(r"p/([A-Za-z0-9_-]{8,32})-screen\.m3u8")
_INIT = re.compile(r"([A-Za-z0-9_-]{1,64})/init-([0-9]{1,6})\.mp4")
_SEGMENT = re.compile(r"([A-Za-z0-9_-]{1,64})/seg-([0-9]{6,9})\.m4s")
_FILLING = re.compile(r"([A-Za-z0-9_-]{1,64})/gap-([0-9]{6,9})\.m4s")
_FILLING_INIT = re.compile(r"[A-Za-z0-9_-]{1,64}/gap-init-(h264|vp9)\.mp4")
_CODECS: dict[str, Codec] = {"h264": "H264", "vp9": "VP9"}


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be fetched: made-up `data`, or the stored `file` of `size` bytes."""

    content_type: str
    size: int
    etag: str
    data: bytes | None = None
    file: str | None = None
    offset: int = 0
    """Where in the file it begins."""


class Library:
    """Reads recordings below `root`; may be used from several threads, and blocks on the disk."""

    def __init__(self, root: Path, vault: Vault, *, remembered: int = 64, aac: bool = False) -> None:
        """`remembered`: how many journals are kept in memory. `aac`: live recordings are told of with AAC too, which
        whoever serves them makes by what `order` says."""
        self._root = root
        self._vault = vault
        self._remembered = remembered
        self._aac = aac
        self._followed: OrderedDict[str, Follower] = OrderedDict()
        self._lock = threading.Lock()

    def summary(self, recording: str) -> dict[str, Any] | None:
        """What the recorder's own summary says, as far as it is on disk; None for an unknown recording."""
        with self._lock:
            state = self._state(recording)
            return summarise(state) if state else None

    def playlist(self, recording: str) -> str:
        """index.m3u8: each video rendition with its participant's sound; raises UnknownRecording."""
        with self._lock:
            return playlist.multivariant(self._known(recording))

    def participant_playlist(self, recording: str, participant: str) -> str:
        """p/<participant>.m3u8, one participant's camera and sound; "<participant>-screen" is the shared screen.

        Raises UnknownRecording when there is no such recording or no such track in it.
        """
        with self._lock:
            text = _participant_playlist(self._known(recording), participant)
        if text is None:
            raise UnknownRecording(f"{recording}: {participant}")
        return text

    def media_playlist(self, recording: str, track: str) -> str:
        """<track>/index.m3u8, running and sealed alike; raises UnknownRecording."""
        with self._lock:
            state = self._known(recording)
            found = state.tracks.get(track) or state.others.get(track)
            if found is None:
                raise UnknownRecording(f"{recording}/{track}")
            return playlist.media_playlist(state, found)

    def find(self, recording: str, path: str) -> Item | None:
        """What stands at `path` below a recording, such as `index.m3u8` or `<track>/seg-000003.m4s`; None if nothing.

        Only names that follow from the journal are found: no other file can be reached, whatever `path` says.
        """
        with self._lock:
            state = self._state(recording)
            return _find(state, path) if state else None

    def read(self, recording: str, path: str, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (exclusive) of what `find` finds; raises UnknownRecording, StorageFailed."""
        item = self.find(recording, path)
        if item is None:
            raise UnknownRecording(f"{recording}/{path}")
        return self.read_item(item, start, end)

    def read_item(self, item: Item, start: int, end: int) -> bytes:
        """The same for an item found before."""
        start, end = max(0, start), min(end, item.size)
        if item.data is not None:
            return item.data[start:end]
        assert item.file is not None
        place = item.offset + start
        try:
            with (self._root / item.file).open("rb") as stream:
                stream.seek(place)
                sealed = stream.read(max(0, end - start))
        except OSError as error:
            raise StorageFailed(f"{item.file} cannot be read") from error
        return self._vault.open(item.file, place, sealed)

    def on_air(self, recording: str) -> bool:
        """Whether a recording is watched while it grows, and still growing."""
        with self._lock:
            state = self._state(recording)
            return state is not None and state.part is not None and state.status != "sealed"

    def part(self, recording: str, track: TrackState, number: int) -> Item | None:
        """One part of a track of a live recording, from its state as the caller knows it."""
        return _part_of(recording, track, number)

    def accompany(self, state: State) -> None:
        """Tell of AAC in the state of a live recording that the caller follows."""
        if self._aac:
            follow_sounds(state)

    def order(self, recording: str, path: str) -> Order | None:
        """What has to be made for a file of a live recording's AAC; None where that is stored, or there is none."""
        folder, _, name = path.partition("/")
        recorded = recorded_name(folder)
        if not self._aac or recorded is None:
            return None
        with self._lock:
            state = self._state(recording)
            of = state.tracks.get(recorded) if state else None
            if state is None or state.part is None or of is None:
                return None
            track = state.others.get(folder)
            if not isinstance(track, AacTrack):
                # It is on disk by now, but not its parts: whoever was listening live may still ask for some.
                track = beside(of)
                track.follow(state, of)
            return order(state, of, track, name)

    def follower(self, recording: str) -> Follower:
        """A journal to follow by oneself; raises InvalidName."""
        return Follower(self._root / recording_name(recording) / JOURNAL)

    def _known(self, recording: str) -> State:
        state = self._state(recording)
        if state is None:
            raise UnknownRecording(recording)
        return state

    def _state(self, recording: str) -> State | None:
        """The journal's present state; only what was added since the last look is read."""
        followed = self._followed.get(recording)
        if followed is None:
            try:
                followed = self.follower(recording)
            except InvalidName:
                return None
        state = followed.look()
        if state is None:
            return None
        if state.status == "sealed":
            add_others(self._root, state)
        self.accompany(state)
        self._followed[recording] = followed
        self._followed.move_to_end(recording)
        while len(self._followed) > self._remembered:
            self._followed.popitem(last=False)
        return state


def _participant_playlist(state: State, name: str) -> str | None:
    text = playlist.participant_playlist(state, name)
    if text is None and name.endswith("-screen"):
        text = playlist.screen_playlist(state, name.removesuffix("-screen"))
    return text


def _find(state: State, path: str) -> Item | None:
    if path == "index.m3u8":
        return _text(playlist.multivariant(state))
    if match := _PARTICIPANT.fullmatch(path) or _SCREEN.fullmatch(path):
        text = _participant_playlist(state, path.removeprefix("p/").removesuffix(".m3u8"))
        return _text(text) if text is not None else None
    if match := _FILLING_INIT.fullmatch(path):
        return _made(init_section(CONFIGS[_CODECS[match[1]]]), "video/mp4")
    for pattern, finder in _FINDERS:
        if match := pattern.fullmatch(path):
            track = state.tracks.get(match[1]) or state.others.get(match[1])
            number = int(match[2]) if pattern.groups > 1 else 0
            return finder(state, track, number) if track is not None else None
    return None


def _index(state: State, track: TrackState, _: int) -> Item | None:
    return _text(playlist.media_playlist(state, track))


def _init(state: State, track: TrackState, index: int) -> Item | None:
    if index >= len(track.inits):
        return None
    init = track.inits[index]
    if isinstance(track, AacTrack):
        return _made(init_section(init.config), "audio/mp4")
    return _stored(state, track, init_file(index), init.bytes, init.sha256)


def _segment(state: State, track: TrackState, msn: int) -> Item | None:
    segment = track.segments.get(msn) if not isinstance(track, AacTrack) else None
    return _stored(state, track, segment_file(msn), segment.bytes, segment.sha256) if segment else None


def _filling(state: State, track: TrackState, msn: int) -> Item | None:
    if msn in track.segments or msn > finished(state, track):
        return None
    for span in cover(state, track):
        if span.msn == msn and not span.gap:
            data = filling(span.codec, msn << 10 | 1, span.start, span.end)
            return _made(data, f"{track.kind}/mp4")
    return None


def _part(state: State, track: TrackState, number: int) -> Item | None:
    """A part of what is watched while it is recorded, a while longer than playlists list it."""
    return _part_of(state.recording, track, number)


def _part_of(recording: str, track: TrackState, number: int) -> Item | None:
    found = track.part(number)
    if found is None or isinstance(track, AacTrack):
        return None
    msn, part = found
    kind = f"{track.kind}/mp4"
    if part.bytes == 0:
        black = filling(filling_codec(track), msn << 10 | 1, part.start, part.start + part.duration)
        return _made(black, kind)
    file = f"{recording}/{track.name}/{segment_file(msn)}"
    return Item(kind, part.bytes, f"{msn}-{part.offset}-{part.bytes}", file=file, offset=part.offset)


def _text(text: str) -> Item:
    return _made(text.encode(), PLAYLIST_TYPE)


def _made(data: bytes, content_type: str) -> Item:
    return Item(content_type, len(data), hashlib.sha256(data).hexdigest()[:32], data=data)


def _stored(state: State, track: TrackState, name: str, size: int, digest: str) -> Item:
    return Item(f"{track.kind}/mp4", size, digest[:32], file=f"{state.recording}/{track.name}/{name}")


_FINDERS: tuple[tuple[re.Pattern[str], Callable[[State, TrackState, int], Item | None]], ...] = (
    (_INDEX, _index),
    (_INIT, _init),
    (_SEGMENT, _segment),
    (_FILLING, _filling),
    (_PART, _part),
)
