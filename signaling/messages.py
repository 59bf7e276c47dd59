"""Every real-time message, both directions: typed, bounded, and with the rule that says who may send it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Sdp = Annotated[str, StringConstraints(min_length=1, max_length=65_536)]
"""A session description (RFC 8866). Chromium's largest offers for a room stay below 20 KB."""
Mid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,16}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4_000, strip_whitespace=True)]
Source = Literal["microphone", "camera", "camera-low", "screen", "screen-audio"]
Rule = Literal["signed-in", "room-member"]


class BadMessage(Exception):
    """A message that is not as PROTOCOL.md says; `code` and the sentence go back to the sender."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class ClientMessage(BaseModel):
    """What a browser sends. Unknown fields are refused: they are a mistake of the sender's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    event: ClassVar[str]
    rule: ClassVar[Rule]


class RoomMessage(ClientMessage):
    """A message about one room, from somebody who has joined it."""

    rule: ClassVar[Rule] = "room-member"
    room: Id


class Hello(ClientMessage):
    event: ClassVar[str] = "hello"
    rule: ClassVar[Rule] = "signed-in"
    tab_visible: bool = True


class RoomJoin(ClientMessage):
    event: ClassVar[str] = "room.join"
    rule: ClassVar[Rule] = "signed-in"  # whose room it is, the handler asks the database
    room: Id
    codecs: Annotated[list[Literal["H264", "VP9"]], Field(max_length=2)]
    participant: Id | None = None


class RoomLeave(RoomMessage):
    event: ClassVar[str] = "room.leave"


class MediaPublish(RoomMessage):
    event: ClassVar[str] = "media.publish"
    session: Id
    sdp: Sdp
    sources: Annotated[dict[Mid, Source], Field(max_length=16)]


class MediaSubscribe(RoomMessage):
    event: ClassVar[str] = "media.subscribe"
    session: Id


class MediaAnswer(RoomMessage):
    event: ClassVar[str] = "media.answer"
    session: Id
    version: Annotated[int, Field(ge=0, le=2**31)]
    sdp: Sdp


class MediaState(RoomMessage):
    event: ClassVar[str] = "media.state"
    mic: bool
    camera: bool
    screen: bool = False


class ChatSend(RoomMessage):
    event: ClassVar[str] = "chat.send"
    text: Text
    client_id: Id


class PointerMove(RoomMessage):
    event: ClassVar[str] = "pointer.move"
    target: Annotated[str, StringConstraints(pattern=r"^(file|screen|camera):[A-Za-z0-9_-]{8,64}$")]
    x: Annotated[float, Field(ge=0, le=1)]
    y: Annotated[float, Field(ge=0, le=1)]


class StageShow(RoomMessage):
    event: ClassVar[str] = "stage.show"
    file: Id | None


class LectureMessage(ClientMessage):
    """A message about one lecture, from somebody who is invited to it; the handler asks the database."""

    rule: ClassVar[Rule] = "signed-in"
    lecture: Id


class LectureWatch(LectureMessage):
    event: ClassVar[str] = "lecture.watch"


class LectureUnwatch(LectureMessage):
    event: ClassVar[str] = "lecture.unwatch"


CLIENT_MESSAGES: dict[str, type[ClientMessage]] = {
    kind.event: kind
    for kind in (
        *(Hello, RoomJoin, RoomLeave, MediaPublish, MediaSubscribe, MediaAnswer, MediaState),
        *(ChatSend, PointerMove, StageShow, LectureWatch, LectureUnwatch),
    )
}

SERVER_EVENTS = (
    *("ring", "ring.end", "consultation", "queue", "on-call", "session.ended"),
    *("room.people", "room.ended", "media.offer", "media.renegotiate", "media.lost", "peer", "line"),
    *("chat.message", "pointer", "stage", "recording"),
    *("lecture", "lecture.floor", "lecture.hands", "lecture.line", "lecture.line-down", "lecture.mark"),
    *("lecture.hand", "lecture.reminder", "lecture.watching", "lecture.picture", "lecture.devices"),
)
"""What the server sends; PROTOCOL.md has an example of each, and a test holds the two lists together."""


def parse(event: str, payload: object) -> ClientMessage:
    """The typed message, or BadMessage with a word (`unknown-event`, `malformed`) and the first mistake in words."""
    kind = CLIENT_MESSAGES.get(event)
    if kind is None:
        raise BadMessage("unknown-event", f"there is no message {event[:40]!r}")
    try:
        return kind.model_validate(payload)
    except ValidationError as mistakes:
        first: Any = mistakes.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "message"  # a field's name may be the sender's own invention
        raise BadMessage("malformed", f"{where[:80]}: {first['msg'][:200]}") from None


def rules() -> dict[str, Rule]:
    """Event → who may send it. A message class without a rule has no `rule` attribute, and the start fails here."""
    return {event: kind.rule for event, kind in CLIENT_MESSAGES.items()}
