"""HLS playlists (RFC 8216 and its second edition) of a recording, running and sealed alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from recorder.coverage import Span, cover, discontinuities
from recorder.grid import Grid
from recorder.journal import State, TrackState
from recorder.names import init_file, segment_file
from tele.domain.media import Codec

_SOURCE_ORDER = {"camera": 0, "camera-low": 1, "screen": 2}


def filling_file(msn: int) -> str:
    return f"gap-{msn:06d}.m4s"


def filling_init_file(codec: Codec) -> str:
    return f"gap-init-{codec.lower()}.mp4"


def media_playlist(state: State, track: TrackState) -> str:
    """One track's playlist; addresses are relative to the track's own folder."""
    sealed = state.status == "sealed"
    cuts = discontinuities(state)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{math.ceil(Grid(state.grid).longest / 1000)}",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if sealed else 'EVENT'}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-MEDIA-SEQUENCE:0",
    ]
    current = ""
    for span in cover(state, track):
        if span.msn in cuts:
            lines.append("#EXT-X-DISCONTINUITY")
        init = _init_address(span)
        if init != current:
            lines.append(f'#EXT-X-MAP:URI="{init}"')
            current = init
        start, end = span.start / track.rate, span.end / track.rate
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date(state.started + start)}")
        # The difference of rounded positions: errors do not add up over hours.
        lines.append(f"#EXTINF:{round(end, 5) - round(start, 5):.5f},")
        lines.append(segment_file(span.msn) if span.segment else filling_file(span.msn))
    if sealed:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _init_address(span: Span) -> str:
    if span.init is not None:
        return init_file(span.init)
    # Silence is decoded by the same configuration as sound.
    return init_file(0) if span.codec == "opus" else filling_init_file(span.codec)


def multivariant(state: State) -> str:
    """index.m3u8: each video rendition with the sound of its participant; the sound alone where there is no video."""
    tracks = _playable(state)
    videos = [track for track in tracks if track.kind == "video"]
    return _multivariant(videos or tracks, tracks, "")


def participant_playlist(state: State, participant: str) -> str | None:
    """One participant's camera in its qualities and own sound; None for someone who published neither."""
    tracks = [track for track in _playable(state) if track.participant == participant]
    cameras = [track for track in tracks if track.source in ("camera", "camera-low")]
    sounds = [track for track in tracks if track.source == "microphone"]
    return _multivariant(cameras or sounds, sounds, "../") if cameras or sounds else None


def screen_playlist(state: State, participant: str) -> str | None:
    """One participant's shared screen with its own sound, if it had any; None for someone who shared none."""
    tracks = [track for track in _playable(state) if track.participant == participant]
    screens = [track for track in tracks if track.source == "screen"]
    sounds = [track for track in tracks if track.source == "screen-audio"]
    return _multivariant(screens, sounds, "../") if screens else None


def _playable(state: State) -> list[TrackState]:
    tracks = [track for track in state.tracks.values() if any(msn <= state.closed for msn in track.segments)]
    return sorted(tracks, key=lambda track: (_SOURCE_ORDER.get(track.source, 9), track.name))


def _multivariant(variants: Sequence[TrackState], tracks: Sequence[TrackState], base: str) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    groups: dict[str, TrackState] = {}
    streams: list[str] = []
    for track in variants:
        sound = _sound_of(track, tracks)
        if sound is not None:
            groups[sound.name] = sound
        streams += _stream(track, sound, base)
    for name, sound in groups.items():
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{name}",NAME="{sound.participant}",DEFAULT=YES,AUTOSELECT=YES,'
            f'CHANNELS="2",URI="{base}{name}/index.m3u8"'
        )
    return "\n".join(lines + streams) + "\n"


def _sound_of(track: TrackState, tracks: Iterable[TrackState]) -> TrackState | None:
    """What is heard with a video track: a screen's own sound before its presenter's voice."""
    if track.kind == "audio":
        return None
    wanted = ("screen-audio", "microphone") if track.source == "screen" else ("microphone",)
    own = {t.source: t for t in tracks if t.kind == "audio" and t.participant == track.participant}
    return next((own[source] for source in wanted if source in own), None)


def _stream(track: TrackState, sound: TrackState | None, base: str) -> list[str]:
    together = [track] if sound is None else [track, sound]
    peak = sum(_rates(t)[0] for t in together)
    average = sum(_rates(t)[1] for t in together)
    attributes = [f"BANDWIDTH={peak}", f"AVERAGE-BANDWIDTH={average}"]
    attributes.append('CODECS="{}"'.format(",".join(codec for t in together for codec in codecs(t))))
    if track.kind == "video":
        width, height = resolution(track)
        attributes.append(f"RESOLUTION={width}x{height}")
    if sound is not None:
        attributes.append(f'AUDIO="{sound.name}"')
    return ["#EXT-X-STREAM-INF:" + ",".join(attributes), f"{base}{track.name}/index.m3u8"]


def _rates(track: TrackState) -> tuple[int, int]:
    """Peak and average bits per second of a track's segments; the peak leaves out those too short to tell."""
    segments = track.segments.values()
    whole, ticks = sum(s.bytes for s in segments), sum(s.end - s.start for s in segments)
    average = whole * 8 * track.rate // max(1, ticks)
    peaks = [s.bytes * 8 * track.rate // (s.end - s.start) for s in segments if s.end - s.start >= track.rate]
    return max([average, *peaks, 1]), max(1, average)


def codecs(track: TrackState) -> list[str]:
    """RFC 6381 strings of what the track holds, the largest picture's of each codec."""
    best: dict[Codec, tuple[int, str]] = {}
    for init in track.inits:
        config = init.config
        size = config.width * config.height
        if config.codec not in best or size > best[config.codec][0]:
            best[config.codec] = (size, config.codecs)
    return [text for _, text in best.values()]


def resolution(track: TrackState) -> tuple[int, int]:
    """Width and height of the largest picture, (0, 0) for sound."""
    largest = max((init.config for init in track.inits), key=lambda c: c.width * c.height, default=None)
    return (largest.width, largest.height) if largest else (0, 0)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
