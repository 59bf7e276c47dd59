"""Real-time messages: what is taken, what is refused, and that PROTOCOL.md tells the truth."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling import messages
from signaling.messages import BadMessage, parse

ROOM = "q3P0vJ2d8xk1aTn5mC7rLw"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


def protocol_examples(section: str) -> dict[str, object]:
    """Event → the first JSON example under its heading, from one half of PROTOCOL.md."""
    text = (Path(messages.__file__).parent / "PROTOCOL.md").read_text(encoding="utf-8")
    half = text.split(f"## From the {section}", 1)[1].split("\n## ", 1)[0]
    found = {}
    for heading, body in re.findall(r"### `([^`]+)`\n(.*?)(?=\n### |\Z)", half, re.DOTALL):
        example = re.search(r"```json\n(.*?)```", body, re.DOTALL)
        assert example, f"{heading} has no example"
        found[heading] = json.loads(example.group(1))
    return found


def test_every_client_message_is_documented_with_an_example_that_is_taken() -> None:
    examples = protocol_examples("client")
    assert examples.keys() == messages.CLIENT_MESSAGES.keys()
    for event, payload in examples.items():
        parse(event, payload)


def test_every_server_event_is_documented() -> None:
    assert set(protocol_examples("server")) == set(messages.SERVER_EVENTS)


def test_every_message_has_a_rule() -> None:
    assert set(messages.rules().values()) <= {"signed-in", "room-member"}
    assert messages.rules().keys() == messages.CLIENT_MESSAGES.keys()


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("room.burn", {}, "unknown-event"),
        ("room.join", None, "malformed"),
        ("room.join", [], "malformed"),
        ("room.join", {"room": 7, "codecs": []}, "malformed"),
        ("room.join", {"room": ROOM, "codecs": ["VP8"]}, "malformed"),
        ("room.join", {"room": "../../etc", "codecs": []}, "malformed"),
        ("room.leave", {"room": ROOM, "and": "more"}, "malformed"),
        ("media.publish", {"room": ROOM, "session": "s_12345678", "sdp": "x" * 70_000, "sources": {}}, "malformed"),
        (
            "media.publish",
            {"room": ROOM, "session": "s_12345678", "sdp": "v=0", "sources": {"0": "brain"}},
            "malformed",
        ),
        ("pointer.move", {"room": ROOM, "target": "file:abcdefgh", "x": 1.5, "y": 0}, "malformed"),
        ("pointer.move", {"room": ROOM, "target": "file:abcdefgh", "x": "0.5", "y": 0}, "malformed"),
        ("chat.send", {"room": ROOM, "text": " ", "client_id": "c_12345678"}, "malformed"),
        ("media.state", {"room": ROOM, "mic": "yes", "camera": True}, "malformed"),
    ],
)
def test_what_is_wrong_is_named(event: str, payload: object, code: str) -> None:
    with pytest.raises(BadMessage) as refused:
        parse(event, payload)
    assert refused.value.code == code


@given(st.sampled_from([*messages.CLIENT_MESSAGES, "?"]), json_values)
def test_nothing_that_json_can_say_gets_past_as_anything_but_a_message_or_a_typed_refusal(
    event: str, payload: object
) -> None:
    try:
        message = parse(event, payload)
    except BadMessage as refused:
        assert refused.code in ("unknown-event", "malformed")
    else:
        assert message.event == event
