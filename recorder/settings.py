"""What can be set about recording, with the reason for each default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """Times in seconds, sizes in bytes."""

    grid: float = 10.0
    """Length of a segment in a consultation. Each costs a keyframe, which a line of 150 kbit/s feels."""

    live_grid: float = 4.0
    """Length of a segment where `low_latency` is asked for."""

    part: float = 0.35
    """What is written at once, and what a crash may lose."""

    live_part: float = 0.34
    """The same where `low_latency` is asked for, and what players are told as the target: at 10, 12.5, 15, 20, 24, 25
    and 30 pictures a second there is a number of pictures that fills 85 to 100 % of it."""

    sync: Literal["never", "segment", "part"] = "segment"
    """When fdatasync is called. A killed process loses nothing of what was written; only a power cut does."""

    video_wait: float = 0.8
    """How long a missing video packet is waited for."""

    video_wait_longest: float = 2.8
    """The same where retransmissions take long: by satellite the second one takes 2.6 s. Where `low_latency` is asked
    for, everything is held for as long then: pictures are late for everybody, and move."""

    audio_wait: float = 0.5
    """The same for audio; must stay below the second after which silence takes its place."""

    quiet: float = 2.0
    """A camera that sends no usable picture for this long is absent."""

    quiet_screen: float = 5.0
    """The same for a screen, of which little may change."""

    ask_every: float = 0.5
    """Between two requests for a keyframe that has not come."""

    max_tracks: int = 64
    """Recorded tracks per recording; more publications are refused and counted."""

    queue_bytes: int = 64 * 1024 * 1024
    queue_items: int = 20_000
    """What may wait for the disk, over all recordings; beyond, the disk is too slow and recording pauses."""

    min_free: int = 256 * 1024 * 1024
    """Free bytes below which recording pauses: database and logs need the rest."""

    resume_free: int = 320 * 1024 * 1024
    """Free bytes above which it resumes by itself."""
