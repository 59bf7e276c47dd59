"""What must hold for the readers of text: session descriptions and socket messages."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, Final

from signaling import messages
from signaling.media.errors import BadSdpError
from signaling.media.policy.ice import Credentials
from signaling.media.sdp import answer as answering
from signaling.media.sdp import fragment
from signaling.media.sdp import offer as offering
from signaling.media.sdp import parse as parsing
from signaling.media.sdp.answer import SOURCE_KIND, AnswerPolicy
from signaling.media.sdp.lines import LocalTransport
from signaling.media.sdp.offer import OfferedSlot
from signaling.media.sdp.parse import RemoteDescription
from tele.domain.media import Source

MAX_REFUSAL: Final = 400
"""Characters of a sentence that goes back to whoever sent nonsense."""

EVENTS: Final = tuple(messages.CLIENT_MESSAGES)
KEYS: Final = tuple(
    dict.fromkeys(
        [*(name for kind in messages.CLIENT_MESSAGES.values() for name in kind.model_fields), "0", "1", "x" * 500]
    )
)
VALUES: Final[tuple[Any, ...]] = (
    *("q3P0vJ2d8xk1aTn5mC7rLw", "H264", "VP9", "camera", "file:q3P0vJ2d8", "v=0", "", "\0", "\ud800", "a b"),
    *(True, False, None, 0, 1, -1, 2**31, 2**63, 0.5, 1e308, float("nan"), float("inf")),
    *(["H264"], ["H264", "VP9", "H264"], {"0": "camera"}, [], {}),
)

TRANSPORT: Final = LocalTransport(
    credentials=Credentials("localufrag12", "localpassword12345678901"),
    fingerprint=("sha-256", ":".join(f"{each:02X}" for each in range(32))),
    addresses=("192.0.2.7", "2001:db8::7"),
    port=8443,
    tcp=True,
    session_id=42,
    version=3,
)
SLOTS: Final = (
    OfferedSlot("00", "audio", "active", "opus", "microphone", "stream", "track0", 1, 2),
    OfferedSlot("01", "video", "active", "H264", "camera", "stream", "track1", 3, 4),
    OfferedSlot("02", "video", "dead", "VP9", "screen", "stream", "track2", 5, 6),
)


def check_sdp(data: bytes) -> None:
    """One error for all that is malformed; what is read is bounded, and both answers to it can be read again."""
    text = data.decode("utf-8", "replace")
    try:
        description = parsing.parse(text)
    except BadSdpError as refused:
        assert len(str(refused)) <= MAX_REFUSAL
        return
    assert len(description.media) <= parsing.MAX_MEDIA
    assert len({media.mid for media in description.media}) == len(description.media)
    said = offering.read_answer(description, SLOTS)
    assert set(said) == {slot.mid for slot in SLOTS}
    for policy in (AnswerPolicy("H264"), AnswerPolicy("VP9", red=False, stereo=True)):
        _check_answer(description, policy, len(text))


def _check_answer(offer: RemoteDescription, policy: AnswerPolicy, size: int) -> None:
    wanted = _sources(offer)
    answer = answering.answer(offer, wanted, policy, TRANSPORT)
    assert len(answer.sdp) <= 2 * size + 2_000 + 1_500 * len(offer.media)
    lines = answer.sdp.split("\r\n")
    assert sum(line.startswith("m=") for line in lines) == len(offer.media)
    assert all(line.isprintable() for line in lines)
    taken = {media.mid for media in answer.media}
    assert taken <= set(wanted)
    if taken:
        again = parsing.parse(answer.sdp)
        assert [media.mid for media in again.media] == [media.mid for media in offer.media]
        assert {media.mid for media in again.media if media.direction == "recvonly" and not media.rejected} == taken


def _sources(offer: RemoteDescription) -> dict[str, Source]:
    free = list(SOURCE_KIND)
    found: dict[str, Source] = {}
    for media in offer.media:
        source = next((each for each in free if SOURCE_KIND[each] == media.kind), None)
        if source is not None:
            free.remove(source)
            found[media.mid] = source
    return found


def check_fragment(data: bytes) -> None:
    """One error for all that is malformed; our fragment repeats three lines of the client's at most, as lines."""
    try:
        read = fragment.read(data.decode("utf-8", "replace"))
    except BadSdpError as refused:
        assert len(str(refused)) <= MAX_REFUSAL
        return
    assert len(read.head) <= fragment.MAX_HEAD
    made = fragment.make(TRANSPORT, read.head)
    lines = made.split("\r\n")
    assert len(lines) == len(fragment.make(TRANSPORT, ()).split("\r\n")) + len(read.head)
    assert fragment.read(made).ufrag == TRANSPORT.credentials.ufrag
    assert fragment.read(made).head == read.head


def check_messages(data: bytes) -> None:
    """Either a message that reads the same when it is written, or one short refusal.

    The input is an event's name, a line end and JSON; any other bytes choose an event and the values of an object.
    """
    event, _, body = data.decode("utf-8", "replace").partition("\n")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        chosen = iter(data)
        event = EVENTS[next(chosen, 0) % len(EVENTS)]
        payload = {KEYS[key % len(KEYS)]: _value(chosen, 3) for key in itertools.islice(chosen, 8)}
    try:
        message = messages.parse(event, payload)
    except messages.BadMessage as refused:
        assert refused.code in ("unknown-event", "malformed")
        assert len(str(refused)) <= MAX_REFUSAL
        return
    assert message.rule in ("signed-in", "room-member")
    assert messages.parse(event, message.model_dump()) == message


def _value(chosen: Iterator[int], depth: int) -> Any:
    """A JSON value that the next bytes choose: rarely what is wanted, often nearly."""
    kind = next(chosen, 0)
    if kind < 128 or depth == 0:
        return VALUES[kind % len(VALUES)]
    if kind < 160:
        return "q3P0vJ2d" * (kind - 127)
    if kind < 192:
        return "".join(map(chr, itertools.islice(chosen, kind - 160)))
    if kind < 224:
        return [_value(chosen, depth - 1) for _ in range(kind - 192)]
    return {KEYS[next(chosen, 0) % len(KEYS)]: _value(chosen, depth - 1) for _ in range(kind - 224)}
