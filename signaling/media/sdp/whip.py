"""What a WHIP client may offer (RFC 9725 §4.2, §4.4): one sound and one picture, taken whole or refused whole. Pure."""

from __future__ import annotations

from typing import Final

from signaling.media.errors import UnacceptableSdpError
from signaling.media.sdp.answer import AnswerPolicy
from signaling.media.sdp.parse import RemoteDescription, RemoteMedia
from tele.domain.media import Codec, Source

SOURCES: Final[dict[str, Source]] = {"audio": "microphone", "video": "camera"}


def sources(offer: RemoteDescription) -> dict[str, Source]:
    """What each m-section is. Raises UnacceptableSdpError: half a session would mislead who set it up (§4.4.3)."""
    kinds = [media.kind for media in offer.media]
    if not set(kinds) <= SOURCES.keys() or len(set(kinds)) != len(kinds):
        raise UnacceptableSdpError("A device sends at most one audio and one video track, and nothing else.")
    if any(media.rejected or media.direction not in ("sendonly", "sendrecv") for media in offer.media):
        raise UnacceptableSdpError("Every media section must be sendonly.")
    return {media.mid: SOURCES[media.kind] for media in offer.media}


def policy(offer: RemoteDescription, room: Codec, *, red: bool) -> AnswerPolicy:
    """The room's codec where the device has it, else H264 or VP9, whichever it has: devices do not change the room.

    Raises UnacceptableSdpError when it has none of them.
    """
    order: tuple[Codec, ...] = (room, "H264", "VP9")
    for media in offer.media:
        if media.kind == "audio" and not has(media, "opus"):
            raise UnacceptableSdpError("Sound must be Opus.")
    video = next((media for media in offer.media if media.kind == "video"), None)
    codec = next((each for each in order if video is None or has(video, each)), None)
    if codec is None:
        raise UnacceptableSdpError("Pictures must be H.264 or VP9.")
    return AnswerPolicy(video=codec, red=red, any_profile=True)


def has(media: RemoteMedia, codec: Codec) -> bool:
    """Whether an m-section offers a codec."""
    return any(each.name == codec.lower() for each in media.codecs)


def exclusive(answer: str) -> str:
    """The answer with `rtcp-mux-only` in each section, as RFC 9725 §4.4.1 wants it (RFC 8858 §3)."""
    return answer.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n")
