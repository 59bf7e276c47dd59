"""One call while it runs: who is in it and what they switched on. Plain state, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal["publish", "subscribe"]
RecordingMark = Literal["on", "paused", "off"]
Kind = Literal["consultation", "lecture"]
"""What a room is the room of."""


def about(kind: Kind, subject: str) -> dict[str, str | None]:
    """The two fields of a message that say whose room it is; the other one is None."""
    return {"consultation": None, "lecture": None, kind: subject}


@dataclass(slots=True)
class Person:
    """Somebody's seat. It outlives the connection: `sid` is None while they are away and may still come back."""

    participant: str
    practitioner: str = ""
    name: str = ""
    role: str = ""
    sid: str | None = None
    session: str = ""
    """The sign-in session that took the seat; empty after a restart, until its owner is back."""
    token: str = ""
    """Of a device: the id of the token with which it came. It has no page and no account."""
    media_session: str = ""
    """Of a device: its present session; empty after a restart, when whichever it has is the one."""
    has_media: bool = True
    """False when the media plane forgot the seat while its owner was away."""
    mic: bool = True
    camera: bool = True
    screen: bool = False
    peers: dict[Direction, str] = field(default_factory=dict)
    """State of the media connections, in the words of RTCPeerConnection.connectionState."""
    lines: dict[Direction, str] = field(default_factory=dict)
    """How the media plane finds their line, each way; what it did not speak of is good."""

    @property
    def connected(self) -> bool:
        """Whether their media flows, or is about to: shown to the others in words."""
        here = self.sid is not None or bool(self.token)
        return here and not any(state in ("disconnected", "failed") for state in self.peers.values())

    @property
    def line(self) -> dict[str, str]:
        """As the `line` message shows it to its owner."""
        return {"down": self.lines.get("subscribe", "good"), "up": self.lines.get("publish", "good")}

    def seat_device(self, token: str, label: str, session: str) -> None:
        """This seat is a device's, now with this session."""
        self.token, self.name, self.role, self.media_session = token, label, "device", session
        self.peers.clear()

    def public(self) -> dict[str, Any]:
        """As `room.people` shows it."""
        return {
            "participant": self.participant,
            "id": self.practitioner or self.token,
            "name": self.name,
            "role": self.role,
            "mic": self.mic,
            "camera": self.camera,
            "screen": self.screen,
            "connected": self.connected,
            "line": self.line["up"],
        }


@dataclass(slots=True)
class Room:
    """A call: people, what is on the stage, and the recording mark that everybody sees."""

    id: str
    kind: Kind
    subject: str
    """Id of the consultation, or of the lecture."""
    recording: str | None
    """Id of the recording, when the patient agreed to one; a lecture has one once it is live."""
    mark: RecordingMark = "off"
    mark_reason: str | None = None
    told: Literal["start", "pause"] | None = None
    """What the recorder was told last; None when that is not known."""
    stage: str | None = None
    host: str | None = None
    """The seat whose picture and voice lead in a lecture's recording: its speaker's."""
    people: dict[str, Person] = field(default_factory=dict)

    def public_people(self) -> list[dict[str, Any]]:
        """Everybody with a seat, in the order in which they came."""
        return [person.public() for person in self.people.values()]

    @property
    def live(self) -> bool:
        """Whether this is a lecture on the air: before that an encoder may wait in it."""
        return self.kind == "lecture" and self.recording is not None

    @property
    def occupied(self) -> bool:
        """Whether somebody is here for whom it has to go on. An encoder can be all there is of a lecture's presenters,
        but no call is a device's."""
        return any(
            person.sid is not None or (self.kind == "lecture" and bool(person.token)) for person in self.people.values()
        )

    def public_devices(self) -> list[dict[str, Any]]:
        """As `lecture.devices` shows them."""
        return [
            {"id": person.token, "name": person.name, "connected": person.connected}
            for person in self.people.values()
            if person.token
        ]

    def adopt(self, recording: str | None, host: str | None) -> None:
        """Take note of what the rows have: the recording, which is never exchanged for another, and who leads in it."""
        self.recording = self.recording or recording
        self.host = host or self.host

    def by_sid(self, sid: str) -> Person | None:
        """Whose connection this is."""
        return next((person for person in self.people.values() if person.sid == sid), None)
