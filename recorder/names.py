"""Names that become folders and addresses: what may be one, and how a recorded track is called."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from recorder.codec import Coding
from recorder.errors import InvalidName
from tele.domain.media import Source

_RECORDING = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARTICIPANT = re.compile(r"[A-Za-z0-9_-]{8,32}")

_PREFIX: dict[Source, str] = {
    "microphone": "audio",
    "camera": "cam",
    "camera-low": "cam-lo",
    "screen": "screen",
    "screen-audio": "screen-audio",
}


def recording_name(value: str) -> str:
    """`value` itself when it can be a recording's folder; raises InvalidName."""
    if not _RECORDING.fullmatch(value):
        raise InvalidName("a recording is named by 1 to 64 of A-Z a-z 0-9 _ -")
    return value


def participant_name(value: str) -> str:
    """`value` itself when it can name a participant; raises InvalidName."""
    if not _PARTICIPANT.fullmatch(value):
        raise InvalidName("a participant is named by 8 to 32 of A-Z a-z 0-9 _ -")
    return value


def track_name(participant: str, source: Source) -> str:
    """The folder of a participant's track, such as `cam-lo-<participant>`; raises InvalidName."""
    return f"{_PREFIX[source]}-{participant_name(participant)}"


def init_file(index: int) -> str:
    return f"init-{index}.mp4"


def segment_file(msn: int) -> str:
    return f"seg-{msn:06d}.m4s"


def part_file(number: int) -> str:
    """Parts count on over segments: that which comes next has a name before it is known where it belongs."""
    return f"part-{number:06d}.m4s"


def filling_file(msn: int) -> str:
    return f"gap-{msn:06d}.m4s"


def filling_init_file(codec: Coding) -> str:
    return f"gap-init-{codec.lower()}.mp4"


def program_date(started: float, position: float) -> str:
    """EXT-X-PROGRAM-DATE-TIME of a position in seconds of a recording that began at a Unix time.

    Rounded so that it is never more than half a millisecond from where the position is after the first: what is told a
    whole millisecond off Shaka moves, and starts its decoder anew there, without a picture until the next keyframe.
    """
    date = datetime.fromtimestamp(round(round(started, 3) + position, 3), UTC)
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")
