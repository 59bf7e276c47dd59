"""What can go wrong when the media plane is asked for something: each error has a code for programs and a sentence."""

from __future__ import annotations

from typing import ClassVar


class MediaError(Exception):
    """A request that cannot be met. `code` is stable, the sentence is for people; nothing was changed."""

    code: ClassVar[str] = "media-error"


class BadSdpError(MediaError):
    """The session description is malformed, too large, or lacks what every browser sends."""

    code = "bad-sdp"


class UnacceptableSdpError(MediaError):
    """The session description is well formed, and asks for what this server does not do."""

    code = "unacceptable-sdp"


class StaleIceError(MediaError):
    """The request was made for an ICE session that has been replaced."""

    code = "stale-ice"


class BadArgumentError(MediaError):
    """A name, version or list is of the wrong type or size."""

    code = "bad-argument"


class NoSuchRoomError(MediaError):
    """Nobody joined a room of this name, or it was closed."""

    code = "no-such-room"


class NoSuchParticipantError(MediaError):
    """This participant did not join the room, or left."""

    code = "no-such-participant"


class NoSuchSessionError(MediaError):
    """The participant has no subscribe peer of this session: it was replaced or never opened."""

    code = "no-such-session"


class TooManyError(MediaError):
    """A bound of the configuration is reached: peers, rooms, participants or handshakes."""

    code = "too-many"
