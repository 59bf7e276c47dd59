"""HLS playlists (RFC 8216 and its second edition) of a recording, running and sealed alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recorder.aac_format import aac_name
from recorder.codec import Coding
from recorder.coverage import cover, discontinuities
from recorder.journal import State, TrackState
from recorder.leading import leading
from recorder.names import filling_file, program_date, segment_file
from recorder.playlist_live import init_address, is_begun, live_playlist, target_duration, watched

_LIVE_RATES: dict[str, int] = {"camera": 2_500_000, "camera-low": 400_000, "screen": 2_500_000}
"""Bits per second that a rendition is told to need while it may still show what it needs: players ask only once."""

_MEASURED = 4
"""Seconds of a live track from which on its own average is told."""

_SOURCE_ORDER = {"camera": 0, "camera-low": 1, "screen": 2}


def media_playlist(state: State, track: TrackState) -> str:
    """One track's playlist; addresses are relative to the track's own folder."""
    if state.part is not None:
        return live_playlist(state, track)
    sealed = state.status == "sealed"
    cuts = discontinuities(state)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target_duration(state)}",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-MEDIA-SEQUENCE:0",
    ]
    current = ""
    for span in cover(state, track):
        if span.msn in cuts:
            lines.append("#EXT-X-DISCONTINUITY")
        init = init_address(span)
        if init != current:
            lines.append(f'#EXT-X-MAP:URI="{init}"')
            current = init
        start, end = span.start / track.rate, span.end / track.rate
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{program_date(state.started, start)}")
        # The difference of rounded positions: errors do not add up over hours.
        lines.append(f"#EXTINF:{round(end, 5) - round(start, 5):.5f},")
        lines.append(segment_file(span.msn) if span.segment else filling_file(span.msn))
    if sealed:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def multivariant(state: State) -> str:
    """index.m3u8: each video rendition with the sound of its participant; the sound alone where there is no video.

    Of a lecture the speaker: the camera in its qualities, and the sound alone.
    """
    tracks = _playable(state)
    videos = [track for track in tracks if track.kind == "video"]
    if state.part is None:
        return _multivariant(state, videos or tracks, tracks, "")
    return _multivariant(state, _lecture(state, videos, tracks), tracks, "", live=True)


def _lecture(state: State, videos: list[TrackState], tracks: list[TrackState]) -> list[TrackState]:
    """What a player may choose between by itself: one speaker's camera in its qualities, and the sound alone.

    The screen and whoever comes on stage are other pictures, not other qualities: they have playlists of their own.
    """
    cameras = [track for track in videos if track.source in ("camera", "camera-low")] or videos
    if not cameras:
        return tracks
    first = leading(state, cameras)
    mine = [track for track in cameras if track.participant == first.participant]
    sound = _sound_of(mine[0], tracks)
    return [*mine, sound] if sound else mine


def participant_playlist(state: State, participant: str) -> str | None:
    """One participant's camera in its qualities and own sound; None for someone who published neither."""
    tracks = [track for track in _playable(state) if track.participant == participant]
    cameras = [track for track in tracks if track.source in ("camera", "camera-low")]
    sounds = [track for track in tracks if track.source == "microphone"]
    live = state.part is not None
    variants = cameras + sounds if live else cameras or sounds
    return _multivariant(state, variants, sounds, "../", live=live) if variants else None


def screen_playlist(state: State, participant: str) -> str | None:
    """One participant's shared screen with its own sound, if it had any; None for someone who shared none."""
    tracks = [track for track in _playable(state) if track.participant == participant]
    screens = [track for track in tracks if track.source == "screen"]
    sounds = [track for track in tracks if track.source == "screen-audio"]
    if state.part is not None:
        # Slides and sound: all that a thin line needs of a lecture.
        sounds = sounds or [track for track in tracks if track.source == "microphone"]
        return _multivariant(state, screens + sounds, sounds, "../", live=True) if screens else None
    return _multivariant(state, screens, sounds, "../") if screens else None


def _playable(state: State) -> list[TrackState]:
    if state.part is not None:
        tracks = watched(state)
    else:
        tracks = [track for track in state.tracks.values() if any(msn <= state.closed for msn in track.segments)]
    return sorted(tracks, key=lambda track: (_SOURCE_ORDER.get(track.source, 9), track.name))


def _multivariant(
    state: State, variants: Sequence[TrackState], tracks: Sequence[TrackState], base: str, *, live: bool = False
) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    groups: dict[str, TrackState] = {}
    streams: list[str] = []
    others: list[str] = []
    for track in variants:
        sound = _sound_of(track, tracks)
        heard = sound or track
        other = state.others.get(aac_name(heard.name))
        if other is not None and not is_begun(other):
            other = None
        # Told to need the same, so that players that know both do not choose by it: then they take what comes first.
        told = [_rates(each, live=live) for each in (heard, other) if each is not None]
        peak, average = max(rates[0] for rates in told), max(rates[1] for rates in told)
        if sound is not None:
            picture = _rates(track, live=live)
            peak, average = peak + picture[0], average + picture[1]
        streams += _stream(track, sound, base, peak, average)
        if sound is not None:
            groups[sound.name] = sound
        if other is not None and sound is not None:
            groups[other.name] = other
        if other is not None:
            # The same once more for players that know no Opus: what they cannot play they do not choose (§4.4.6.2).
            others += _stream(track if sound else other, other if sound else None, base, peak, average)
    streams += others
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


def _stream(track: TrackState, sound: TrackState | None, base: str, peak: int, average: int) -> list[str]:
    """The lines of one variant that needs so many bits per second."""
    together = [track] if sound is None else [track, sound]
    attributes = [f"BANDWIDTH={peak}", f"AVERAGE-BANDWIDTH={average}"]
    attributes.append('CODECS="{}"'.format(",".join(codec for t in together for codec in codecs(t))))
    if track.kind == "video":
        width, height = resolution(track)
        attributes.append(f"RESOLUTION={width}x{height}")
    if sound is not None:
        attributes.append(f'AUDIO="{sound.name}"')
    # On every variant or on none (RFC 8216bis §4.4.6.2). Without it Shaka looks for captions in segments before it
    # plays, and in the open one too: that has parts but no address yet, and nothing plays at all.
    attributes.append("CLOSED-CAPTIONS=NONE")
    return ["#EXT-X-STREAM-INF:" + ",".join(attributes), f"{base}{track.name}/index.m3u8"]


def _rates(track: TrackState, *, live: bool) -> tuple[int, int]:
    """Peak and average bits per second of a track's segments; the peak leaves out those too short to tell."""
    segments = track.segments.values()
    whole, ticks = sum(s.bytes for s in segments), sum(s.end - s.start for s in segments)
    average = whole * 8 * track.rate // max(1, ticks)
    peaks = [s.bytes * 8 * track.rate // (s.end - s.start) for s in segments if s.end - s.start >= track.rate]
    if live:
        told = _LIVE_RATES.get(track.source, 64_000)
        peaks.append(told)
        if ticks < _MEASURED * track.rate:
            average = max(average, told // 2)  # who comes at the beginning is told nothing else later
    return max([average, *peaks, 1]), max(1, average)


def codecs(track: TrackState) -> list[str]:
    """RFC 6381 strings of what the track holds, the largest picture's of each codec."""
    best: dict[Coding, tuple[int, str]] = {}
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
