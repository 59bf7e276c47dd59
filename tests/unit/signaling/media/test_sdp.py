"""Descriptions: whole answers and offers against golden files, and nothing but one error for what is malformed."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.media.errors import BadSdpError
from signaling.media.policy.ice import Credentials
from signaling.media.sdp import answer as answering
from signaling.media.sdp import offer as offering
from signaling.media.sdp import parse as sdp_parse
from signaling.media.sdp.answer import AnswerPolicy
from signaling.media.sdp.lines import LocalTransport
from signaling.media.sdp.offer import OfferedSlot

GOLDEN = Path(__file__).parents[3] / "golden" / "sdp"
TRANSPORT = LocalTransport(
    credentials=Credentials("localufrag12", "localpassword12345678901"),
    fingerprint=("sha-256", ":".join(f"{each:02X}" for each in range(32))),
    addresses=("192.0.2.7", "2001:db8::7"),
    port=8443,
    tcp=True,
    session_id=42,
    version=3,
)
CAMERA = {"0": "microphone", "1": "camera"}


def read(name: str) -> str:
    """One golden file with its own line ends."""
    return (GOLDEN / name).read_bytes().decode()


def same(name: str, text: str) -> None:
    """Compare with a golden file; UPDATE_GOLDEN=1 writes it anew."""
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / name).write_bytes(text.encode())
    assert text == read(name)


@pytest.mark.parametrize(
    ("offer", "policy", "sources", "golden"),
    [
        ("chromium-publish.offer.sdp", AnswerPolicy("H264"), CAMERA, "chromium-h264.answer.sdp"),
        ("chromium-publish.offer.sdp", AnswerPolicy("VP9", red=False), CAMERA, "chromium-vp9-no-red.answer.sdp"),
        (
            "chromium-publish.offer.sdp",
            AnswerPolicy("H264", stereo=True),
            {"1": "screen", "0": "screen-audio"},
            "chromium-screen-stereo.answer.sdp",
        ),
        ("firefox-publish.offer.sdp", AnswerPolicy("VP9"), CAMERA, "firefox-vp9.answer.sdp"),
        ("firefox-publish.offer.sdp", AnswerPolicy("H264"), CAMERA, "firefox-without-h264.answer.sdp"),
    ],
)
def test_answers(offer: str, policy: AnswerPolicy, sources: dict[str, str], golden: str) -> None:
    answered = answering.answer(sdp_parse.parse(read(offer)), sources, policy, TRANSPORT)  # type: ignore[arg-type]
    same(golden, answered.sdp)
    assert sdp_parse.parse(answered.sdp).setup == answered.setup == "passive"


def test_what_an_answer_tells_the_server_to_route() -> None:
    answered = answering.answer(
        sdp_parse.parse(read("firefox-publish.offer.sdp")),
        CAMERA,  # type: ignore[arg-type]
        AnswerPolicy("VP9"),
        TRANSPORT,
    )
    audio, video = answered.media
    assert (audio.codec, audio.payload_type, audio.red_type, audio.ssrcs) == ("opus", 109, None, (1234567890,))
    assert (video.codec, video.payload_type, video.retransmission_type) == ("VP9", 121, 125)
    assert (video.ssrcs, video.retransmission_ssrcs) == ((222222221,), {222222222: 222222221})
    without = answering.answer(
        sdp_parse.parse(read("firefox-publish.offer.sdp")),
        CAMERA,  # type: ignore[arg-type]
        AnswerPolicy("H264"),
        TRANSPORT,
    )
    assert [media.source for media in without.media] == ["microphone"], "a refused section carries nothing"


def test_a_passive_browser_makes_us_the_dtls_client() -> None:
    offer = sdp_parse.parse(read("chromium-publish.offer.sdp").replace("actpass", "passive"))
    assert answering.answer(offer, {}, AnswerPolicy("H264"), TRANSPORT).setup == "active"


def test_offers() -> None:
    slots = (
        OfferedSlot("00", "audio", "active", "opus", "microphone", "stream-a", "track-1", 11, 12),
        OfferedSlot("01", "video", "active", "H264", "camera", "stream-a", "track-2", 21, 22),
        OfferedSlot("02", "video", "dead", "VP9"),
        OfferedSlot("03", "video", "active", "VP9", "camera", "stream-b", "track-3", 31, 32),
        OfferedSlot("04", "video", "active", "H264", "screen", "stream-b", "track-4", 41, 42),
        OfferedSlot("05", "audio", "inactive", "opus"),
    )
    text = offering.offer(slots, TRANSPORT, red=True)
    same("subscribe.offer.sdp", text)
    parsed = sdp_parse.parse(text)
    assert [media.rejected for media in parsed.media] == [False, False, True, False, False, False]


def test_a_browsers_answer_is_read_section_by_section() -> None:
    text = read("chromium-subscribe.answer.sdp")
    slots = (
        OfferedSlot("00", "audio", "active", "opus"),
        OfferedSlot("01", "video", "active", "H264"),
        OfferedSlot("02", "video", "active", "VP9"),
    )
    said = offering.read_answer(sdp_parse.parse(text), slots)
    assert (said["00"].accepted, said["00"].red) == (True, True)
    assert (said["01"].accepted, said["01"].retransmission) == (True, True)
    assert not said["02"].accepted, "a section that is missing is not taken"
    renamed = text.replace("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video 9 UDP/TLS/RTP/SAVPF 95").replace(":96 ", ":95 ")
    assert not offering.read_answer(sdp_parse.parse(renamed), slots)["01"].accepted


OFFER = read("chromium-publish.offer.sdp")
LINES = OFFER.splitlines()


@pytest.mark.parametrize(
    "text",
    [
        OFFER.replace("a=rtcp-mux\r\n", ""),
        OFFER.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"),
        OFFER.replace("a=fingerprint", "a=fingerpaint"),
        OFFER.replace("a=ice-ufrag", "a=ice-ufrog"),
        OFFER.replace("a=mid:1", "a=mid:<b>"),
        OFFER.replace("a=setup:actpass", "a=setup:holdconn"),
        OFFER.replace("m=video 9", "m=video nine"),
        OFFER.replace("UDP/TLS/RTP/SAVPF 111 ", "UDP/TLS/RTP/SAVPF 999 "),
        OFFER + "a=ssrc:1 cname:x\r\n" * 200,
        "\r\n".join(LINES[:7]) + "\r\n",
        OFFER.replace("\r\n", "\n") * 40,
        "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 40,
        OFFER.replace("a=mid:0", "a=mid:1"),
    ],
)
def test_what_no_browser_sends_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadSdpError) as refused:
        sdp_parse.parse(text)
    assert str(refused.value).endswith(".")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for attempt in (text, "v=0\r\n" + text):
        try:
            sdp_parse.parse(attempt)
        except BadSdpError:
            continue


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_any_mutation_of_a_real_offer_is_answered_or_refused(seed: int, cuts: int) -> None:
    chance = random.Random(seed)
    lines = list(LINES)
    for _ in range(cuts):
        at = chance.randrange(len(lines))
        kind = chance.randrange(5)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, chance.choice(lines))
        elif kind == 2:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
        elif kind == 3:
            lines[at] = lines[at].replace(
                chance.choice("0123456789:/ "), chance.choice(["-1", "", "é", "99999999999", "\0"])
            )
        else:
            lines[at], lines[at - 1] = lines[at - 1], lines[at]
        lines = lines or ["v=0"]
    try:
        parsed = sdp_parse.parse("\r\n".join(lines))
        answered = answering.answer(parsed, {}, AnswerPolicy("H264"), TRANSPORT)
        offering.read_answer(parsed, (OfferedSlot("0", "audio", "active", "opus"),))
    except BadSdpError:
        return
    assert answered.sdp.startswith("v=0\r\n")
