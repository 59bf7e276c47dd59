"""Simulcast by rid: what offers list, which layers are taken, how packets are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.sdp import answer as answering
from signaling.media.sdp import parse as sdp_parse
from signaling.media.sdp import simulcast
from signaling.media.sdp.answer import AnswerPolicy
from signaling.media.sdp.simulcast import Rid
from tests.unit.signaling.media.test_sdp import CAMERA, TRANSPORT, read

RIDS = (
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"
    "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n"
)


def test_the_first_and_the_last_layer_are_taken_and_the_answer_says_so() -> None:
    offer = sdp_parse.parse(read("firefox-publish.offer.sdp") + RIDS)
    answered = answering.answer(offer, CAMERA, AnswerPolicy("VP9"), TRANSPORT)  # type: ignore[arg-type]
    _, large, small = answered.media
    assert (large.source, large.key, small.source, small.key) == ("camera", ("1", "f"), "camera-low", ("1", "q"))
    assert not large.ssrcs, "Firefox lists its SSRCs without saying which layer is which"
    assert "a=rid:q recv\r\na=rid:f recv\r\na=simulcast:recv q;f\r\n" in answered.sdp
    assert "a=rid:h" not in answered.sdp


@pytest.mark.parametrize(
    "sources",
    [{"0": "microphone", "1": "screen"}, {"0": "microphone", "1": "camera-low"}],
)
def test_only_a_camera_without_a_small_layer_of_its_own_comes_in_two(sources: dict[str, str]) -> None:
    offer = sdp_parse.parse(read("firefox-publish.offer.sdp") + RIDS)
    answered = answering.answer(offer, sources, AnswerPolicy("VP9"), TRANSPORT)  # type: ignore[arg-type]
    assert [media.source for media in answered.media] == list(sources.values())
    assert "simulcast" not in answered.sdp
    assert "a=rid" not in answered.sdp


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (["a=rid:hi send", "a=rid:lo send", "a=simulcast:send hi;lo"], ["hi", "lo"]),
        (["a=rid:1 send", "a=rid:2 send", "a=rid:3 send", "a=simulcast:send 1,2;~3 recv 4"], ["1", "3"]),
        (["a=rid:1 recv", "a=rid:2 send", "a=simulcast:recv 1 send 2"], ["2"]),
        (["a=rid:1 send", "a=rid:2 send"], []),
        (["a=simulcast:send 1;2"], []),
        (["a=rid:", "a=rid:x", "a=rid: send", "a=simulcast:", "a=simulcast:send"], []),
        (["a=rid:" + "x" * 17 + " send", "a=simulcast:send " + "x" * 17], []),
    ],
)
def test_layers_are_those_that_are_both_described_and_listed(lines: list[str], names: list[str]) -> None:
    assert [rid.name for rid in simulcast.read(lines)] == names


@pytest.mark.parametrize(
    ("rids", "larger"),
    [
        ([Rid("q"), Rid("h"), Rid("f")], "f"),
        ([Rid("f"), Rid("h"), Rid("q")], "f"),
        ([Rid("hi"), Rid("lo")], "hi"),
        ([Rid("lo"), Rid("hi")], "hi"),
        ([Rid("0"), Rid("1"), Rid("2")], "0"),
        ([Rid("r0"), Rid("r1"), Rid("r2")], "r2"),
        ([Rid("a", 1280 * 720), Rid("b", 320 * 180)], "a"),
        ([Rid("hi", 320 * 180), Rid("lo", 1280 * 720)], "lo"),
        ([Rid("only")], "only"),
    ],
)
def test_the_larger_layer_is_guessed_from_what_is_told(rids: list[Rid], larger: str) -> None:
    assert simulcast.choose(rids)[0] == larger


def test_restrictions_give_the_size() -> None:
    lines = ["a=rid:1 send pt=96;max-width=1280;max-height=720;max-fps=30", "a=rid:2 send max-width=x", "a=rid:3 send"]
    found = simulcast.read([*lines, "a=simulcast:send 1;2;3"])
    assert [rid.pixels for rid in found] == [1280 * 720, 0, 0]


@given(st.lists(st.text(max_size=40).map("a=rid:".__add__) | st.text(max_size=40).map("a=simulcast:".__add__)))
def test_any_lines_are_read(lines: list[str]) -> None:
    assert len(simulcast.read(lines)) <= simulcast.MAX_RIDS
