"""What can go wrong in the recorder, as one small tree of exceptions."""

from __future__ import annotations


class RecorderError(Exception):
    """The root: whatever a caller of the recorder may have to answer for."""


class InvalidName(RecorderError):
    """A recording, participant or path that cannot be a name here; nothing was touched."""


class UnknownRecording(RecorderError):
    """No recording of that name is on disk."""


class RecordingSealed(RecorderError):
    """The recording has ended: it can be read, never continued."""


class RecordingBusy(RecorderError):
    """Another process is recording it at this moment."""


class StorageFailed(RecorderError):
    """The disk is full, too slow or gone; what was written before stays playable."""


class Malformed(RecorderError):
    """Bytes from outside that do not follow their format; the one error every parser here raises."""
