"""Offers of devices and players that others wrote: what is taken, what is answered, what packets then look like."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.errors import BadSdpError, UnacceptableSdpError
from signaling.media.packets import rtp_header
from signaling.media.packets.form import ExtensionIds, Form, choose_ids
from signaling.media.policy.ice import Credentials
from signaling.media.policy.placement import Candidate, Place, place
from signaling.media.sdp import fragment, whep, whip
from signaling.media.sdp.answer import answer
from signaling.media.sdp.lines import LocalTransport
from signaling.media.sdp.parse import parse

GOLDEN: Final = Path(__file__).resolve().parents[3] / "golden" / "sdp"
TRANSPORT = LocalTransport(
    Credentials("ourufrag", "o" * 24), ("sha-256", "AA:BB"), ("192.0.2.7",), 8443, tcp=True, session_id=1, version=1
)
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
SECURITY = ("a=ice-ufrag:theirs", "a=ice-pwd:" + "t" * 24, FINGERPRINT, "a=setup:actpass")


def sdp(*sections: str, head: tuple[str, ...] = (), each: tuple[str, ...] = SECURITY) -> str:
    mids = " ".join(str(number) for number in range(len(sections)))
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {mids}", *head]
    for number, section in enumerate(sections):
        first, *rest = section.split("\n")
        lines += [first, "c=IN IP4 0.0.0.0", *each, "a=rtcp-mux", f"a=mid:{number}", *rest]
    return "".join(f"{line}\r\n" for line in lines)


AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=sendonly\na=rtpmap:111 opus/48000/2"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\na=sendonly\na=rtpmap:96 H264/90000\na=fmtp:96 {}"
HIGH = VIDEO.format("packetization-mode=1;profile-level-id=640c1f;level-asymmetry-allowed=1")


def taken(text: str) -> str:
    offer = parse(text)
    return answer(offer, whip.sources(offer), whip.policy(offer, "VP9", red=True), TRANSPORT).sdp


@pytest.mark.parametrize(
    "parameters",
    [
        "packetization-mode=1;profile-level-id=42001e;level-asymmetry-allowed=1",  # FFmpeg: baseline, not constrained
        "packetization-mode=1;profile-level-id=640c1f",
        "packetization-mode=0;profile-level-id=42e01f",
        "profile-level-id=4d0028",
        "packetization-mode=1",
        "packetization-mode=1;profile-level-id=junk",
    ],
)
def test_a_devices_h264_is_taken_as_it_is_and_repeated(parameters: str) -> None:
    text = taken(sdp(AUDIO, VIDEO.format(parameters)))
    said = re.search(r"^a=fmtp:96 (.*)\r$", text, re.MULTILINE)
    assert said is not None and set(said[1].split(";")) == set(parameters.split(";"))
    assert text.count("a=recvonly") == 2


def test_the_constrained_baseline_is_preferred_where_there_is_a_choice() -> None:
    both = VIDEO.replace("SAVPF 96", "SAVPF 96 97").format("packetization-mode=1;profile-level-id=640c1f")
    both += "\na=rtpmap:97 H264/90000\na=fmtp:97 packetization-mode=1;profile-level-id=42e01f"
    assert "m=video 9 UDP/TLS/RTP/SAVPF 97\r\n" in taken(sdp(both))


def test_nothing_is_answered_that_was_not_offered() -> None:
    text = taken(sdp(AUDIO, HIGH))
    assert "extmap" not in text and "rtcp-fb" not in text and "rtx" not in text and " red/" not in text


def test_transport_attributes_may_stand_above_the_sections() -> None:
    """As OBS (libdatachannel) writes them."""
    text = sdp(AUDIO, HIGH, head=SECURITY, each=())
    assert parse(text).ufrag == "theirs" and "a=setup:passive" in taken(text)


def test_what_obs_offers_is_taken_whole() -> None:
    """As OBS 30.2.3 with libdatachannel 0.21 sent it: nothing but H264 and Opus, NACKs, and no header extension."""
    text = whip.exclusive(taken((GOLDEN / "obs.offer.sdp").read_bytes().decode()))
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / "obs.answer.sdp").write_bytes(text.encode())
    assert text == (GOLDEN / "obs.answer.sdp").read_bytes().decode()


def test_a_bundle_only_section_has_port_0_and_is_taken() -> None:
    """As in RFC 9725's own example."""
    text = taken(sdp(AUDIO, HIGH.replace("m=video 9", "m=video 0") + "\na=bundle-only"))
    assert "m=video 9 " in text and text.count("a=recvonly") == 2


@pytest.mark.parametrize(
    "sections",
    [
        (AUDIO, AUDIO),
        (AUDIO, HIGH, HIGH),
        (AUDIO.replace("sendonly", "recvonly"),),
        (AUDIO.replace("sendonly", "inactive"), HIGH),
        (AUDIO, HIGH.replace("m=video 9", "m=video 0")),
        (AUDIO.replace("opus", "PCMU"), HIGH),
        (AUDIO, HIGH.replace("H264", "VP8")),
        (AUDIO, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000"),
    ],
)
def test_an_offer_that_cannot_be_taken_whole_is_refused_whole(sections: tuple[str, ...]) -> None:
    with pytest.raises(UnacceptableSdpError):
        taken(sdp(*sections))


PLAYER = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 109\na=recvonly\na=rtpmap:109 opus/48000/2\n"
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid",
    "m=video 9 UDP/TLS/RTP/SAVPF 120 124 126 127\na=recvonly\na=rtpmap:120 VP8/90000\na=rtpmap:124 H264/90000\n"
    "a=fmtp:124 packetization-mode=0;profile-level-id=42e01f\na=rtpmap:126 H264/90000\n"
    "a=fmtp:126 packetization-mode=1;profile-level-id=42e01f\na=rtcp-fb:126 nack\na=rtcp-fb:126 nack pli\n"
    "a=rtcp-fb:126 goog-remb\na=rtpmap:127 rtx/90000\na=fmtp:127 apt=126\n"
    "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid",
)


def test_a_player_is_answered_in_its_own_numbers() -> None:
    offer = parse(sdp(*PLAYER))
    sections = whep.sections(offer)
    ssrcs = {"0": (10, 11), "1": (20, 21)}
    text, setup = whep.answer(offer, sections, ssrcs, "stream", TRANSPORT)
    assert setup == "passive" and text.count("a=sendonly") == 2
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 109\r\n" in text and "m=video 9 UDP/TLS/RTP/SAVPF 126 127\r\n" in text
    assert "a=rtcp-fb:126 nack pli" in text and "remb" not in text and "transport-wide" not in text
    assert "a=ssrc-group:FID 20 21\r\n" in text and "a=ssrc:10 cname:stream" in text and "FID 10" not in text
    again = parse(text)
    assert [media.direction for media in again.media] == ["sendonly", "sendonly"]
    ids = sections[0].forms["opus"].ids
    assert (ids.mid, ids.audio_level) == (9, 1)
    assert len({*ids}) == 5 and not {ids.send_time, ids.transport_cc} & {1, 9}  # ids that it does not know


def test_a_player_that_could_never_be_served_is_refused() -> None:
    for section in (PLAYER[0].replace("recvonly", "sendonly"), PLAYER[1].replace("H264", "AV1")):
        with pytest.raises(UnacceptableSdpError):
            whep.sections(parse(sdp(section)))


@given(
    st.binary(max_size=300), st.booleans(), st.one_of(st.none(), st.integers(0, 127)), st.text("ab1", max_size=4),
    st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e", "f"]), st.integers(1, 255)),
    st.booleans(),
)  # fmt: skip
def test_a_shaped_packet_says_the_same_in_the_clients_ids(
    payload: bytes, marker: bool, level: int | None, mid: str, offered: dict[str, int], held: bool
) -> None:
    ids = choose_ids(offered, ("a", "b", "c", "d", "e"))
    form = Form(101, 102, ids)
    timing = rtp_header.playout_delay_element(0.5) if held else rtp_header.send_time_element(1.5)
    packet = bytearray(form.shape(rtp_header.canonical(marker, 96, 7, 9, timing, level, payload)))
    rtp_header.PATCH.pack_into(packet, rtp_header.PATCH_START, 8, 10, form.constant(42, mid.encode()), 0xABCD)
    header = rtp_header.parse(bytes(packet))
    assert (header.marker, header.payload_type, header.ssrc, header.sequence) == (marker, 101, 42, 8)
    assert bytes(packet[header.payload_start : header.payload_end]) == payload
    found = rtp_header.extensions(bytes(packet), header)
    expected = {ids.transport_cc: b"\xab\xcd"}
    expected |= {ids.playout_delay: b"\x03\x23\xe8"} if held else {ids.send_time: b"\x06\x00\x00"}
    if level is not None:
        expected[ids.audio_level] = bytes((level,))
    if 1 <= len(mid) <= 2:
        expected[ids.mid] = mid.encode()
    assert found == expected
    seen: set[int] = set()
    for index, uri in enumerate("abcde"):
        wanted = offered.get(uri, 0)
        assert ids[index] == wanted or not 1 <= wanted <= 14 or wanted in seen
        seen.add(wanted)


def test_a_form_without_room_for_ids_ends_the_receivers_reading() -> None:
    ids = choose_ids({str(number): number for number in range(1, 15)}, ("a", "b", "c", "d", "e"))
    assert ids == ExtensionIds(15, 15, 15, 15, 15)


def test_fragments() -> None:
    known = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
    candidate = "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n"
    read = fragment.read(known + "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n" + candidate)
    assert read.ufrag == "EsAw"
    made = fragment.make(TRANSPORT, read.head)
    assert made.startswith("a=ice-lite\r\n" + known + "a=ice-ufrag:ourufrag\r\na=ice-pwd:") and "typ host" in made
    assert fragment.read(candidate).ufrag == ""
    bad = ("", "x", known, "a=ice-ufrag:EsAw\r\n", "a=ice-ufrag:é\r\na=ice-pwd:" + "p" * 24, candidate * 500, None, 5)
    for text in bad:
        with pytest.raises(BadSdpError):
            fragment.read(text)


@given(st.text())
def test_whatever_comes_as_a_fragment_is_read_or_refused(text: str) -> None:
    try:
        fragment.read(text)
    except BadSdpError:
        pass


CAMERA = [Candidate(f"c{who}", "video", "H264", "camera", who) for who in "abc"]
VOICE = [Candidate(f"m{who}", "audio", "opus", "microphone", who) for who in "abc"]
SCREEN = Candidate("sb", "video", "H264", "screen", "b")
ONE = (Place("v", "video", frozenset({"H264", "VP9"})), Place("a", "audio", frozenset({"opus"})))
TWO = (*ONE, Place("w", "video", frozenset({"H264"})))


def test_a_screen_comes_first_and_picture_and_voice_belong_together() -> None:
    assert place(ONE, {}, [*VOICE, *CAMERA]) == {"v": "ca", "a": "ma"}
    assert place(ONE, {"v": "ca", "a": "ma"}, [*VOICE, *CAMERA, SCREEN]) == {"v": "sb", "a": "mb"}
    assert place(ONE, {"v": "sb", "a": "mb"}, [*VOICE, *CAMERA]) == {"v": "ca", "a": "ma"}


def test_what_is_shown_stays_where_it_is() -> None:
    now = place(TWO, {}, [*VOICE, *CAMERA])
    assert now == {"v": "ca", "w": "cb", "a": "ma"}
    assert place(TWO, now, [*VOICE, *CAMERA[1:]])["w"] == "cb"
    assert place(TWO, now, [*VOICE, *CAMERA[1:]])["v"] == "cc"
    assert place(TWO, now, []) == {}


@given(st.lists(st.sampled_from([*CAMERA, *VOICE, SCREEN]), unique=True))
def test_nobody_sits_in_two_places_and_no_place_is_wasted(feeds: list[Candidate]) -> None:
    now = place(TWO, {}, feeds)
    assert len(set(now.values())) == len(now)
    assert len(now) == min(2, sum(feed.kind == "video" for feed in feeds)) + min(
        1, sum(feed.kind == "audio" for feed in feeds)
    )
