"""What can go wrong in the recorder, as one small tree of exceptions."""

from __future__ import annotations

from typing import ClassVar


class RecorderError(Exception):
    """The root: whatever a caller of the recorder may have to answer for. `code` is its name across processes."""

    code: ClassVar[str] = "recorder-error"


class InvalidName(RecorderError):
    """A recording, participant or path that cannot be a name here; nothing was touched."""

    code = "invalid-name"


class UnknownRecording(RecorderError):
    """No recording of that name is on disk."""

    code = "unknown-recording"


class RecordingSealed(RecorderError):
    """The recording has ended: it can be read, never continued."""

    code = "recording-sealed"


class RecordingBusy(RecorderError):
    """Another process is recording it at this moment."""

    code = "recording-busy"


class StorageFailed(RecorderError):
    """The disk is full, too slow or gone; what was written before stays playable."""

    code = "storage-failed"


class Malformed(RecorderError):
    """Bytes from outside that do not follow their format; the one error every parser here raises."""

    code = "malformed"
