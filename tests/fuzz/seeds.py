"""Makes the corpus, `python -m tests.fuzz.seeds`: packets of our clients' call, browsers' words, encoders' frames."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from signaling.media.packets import rtcp, twcc
from tests.fuzz import port, recorded, stream
from tests.fuzz.corpus import CORPUS
from tests.media_call import AUDIO, DELTA, H264, KEYFRAME, OPUS, RED, RTX, VIDEO, calling, rtp
from tests.media_client import stun_request
from tests.unit.recorder.synthetic import Encoder, Voice, h264_payloads, vp9_payloads
from tests.unit.signaling.test_messages import protocol_examples

GOLDEN: Final = Path(__file__).resolve().parents[1] / "golden" / "sdp"
PICTURES: Final = 4


def write(name: str, inputs: Iterable[bytes]) -> int:
    """Put inputs into a target's corpus, each under its own hash; how many there are then."""
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    return len(list(folder.iterdir()))


def checks() -> Iterator[bytes]:
    """Connectivity checks as browsers send them, and near misses."""
    transaction = bytes(range(12))
    for nominate in (True, False):
        yield stun_request("localufrag12:abcd", "localpassword12345678901", nominate=nominate, transaction=transaction)
    whole = stun_request("u" * 12 + ":" + "r" * 256, "p", transaction=transaction)
    yield whole
    yield whole[:-8]
    yield struct.pack("!HHI", 0x0101, 0, 0x2112A442) + transaction


def media() -> list[bytes]:
    """RTP of a publisher of `media_call`: extensions, padding, RTX, RED."""
    restored = struct.pack("!H", 7) + DELTA
    return [
        rtp(AUDIO, OPUS, 1, 960, b"\xf8\xff\xfe"),
        rtp(AUDIO, RED, 2, 1920, b"\xef\x0f\x00\x03\x6f\xf8\xff\xfe\xf8\xff\xfe"),
        rtp(VIDEO, H264, 1, 3000, KEYFRAME, marker=True, wide=1, mid="1"),
        rtp(VIDEO, H264, 2, 6000, DELTA, marker=True, wide=2),
        rtp(VIDEO + 1, RTX, 1, 6000, restored, wide=3),
        rtp(VIDEO + 1, RTX, 2, 6000, b"", wide=4, padding=200),
        b"\x90\x60\x00\x01" + bytes(8) + b"\x10\x00\x00\x01\x01\x01\x7f\x00payload",
    ]


def control(sent: list[bytes]) -> list[bytes]:
    """RTCP that the server sent in that call, and what browsers send to it."""
    report = rtcp.SenderReport(VIDEO, 0xE0000000_00000000, 3000, 10, 5000)
    block = rtcp.ReportBlock(VIDEO, 5, 3, 70_000, 90, 1, 2)
    return [
        *sent,
        rtcp.sender_report(report, "cname"),
        rtcp.receiver_report(1, [block, block], "cname"),
        rtcp.nack(1, VIDEO, [1, 2, 5, 30, 65_535]),
        rtcp.pli(1, VIDEO),
        struct.pack("!BBHIIIBBH", 0x84, 206, 4, 1, 0, VIDEO, 1, 0, 0),
        feedback(),
    ]


def feedback() -> bytes:
    """Transport-cc about runs, vectors, holes and a large gap."""
    arrivals: list[float | None] = [2.0 + 0.001 * n if n % 3 else None for n in range(40)]
    return twcc.encode(1, VIDEO, 7, 65_530, [*arrivals, *([None] * 30), 2.5, *(2.51 for _ in range(20))])


async def call() -> tuple[list[bytes], list[str]]:
    """A call of a second between two clients: the RTCP they got, and the descriptions that went to and fro."""
    async with calling() as running:
        publisher = await running.publisher()
        subscriber = await running.subscriber()
        for number in range(40):
            publisher.send_secured(rtp(VIDEO, H264, number * 2, 3000 * number, KEYFRAME, marker=True, wide=number))
            await asyncio.sleep(0.03)
        offers = [event["sdp"] for event in running.of("offer")]
        packets = {packet[1]: packet for packet in (*publisher.rtcp, *subscriber.rtcp)}
        return list(packets.values()), [*offers, *map(subscriber.answer, offers)]


def pictures(codec: str) -> Iterator[bytes]:
    """Encoded pictures as records: whole, with a packet missing, with the marker gone."""
    records: list[tuple[int, bytes]] = []
    encoder = Encoder("H264" if codec == "H264" else "VP9", 64, 48)
    for number in range(PICTURES):
        key = number in (0, 2)
        data = encoder.encode(key=key)
        payloads = h264_payloads(data) if codec == "H264" else vp9_payloads(data, number, key=key)
        # A small picture fits one packet: cut it, so that fragments are met as well.
        for index, payload in enumerate(payloads):
            flags = recorded.NEW_TIMESTAMP if index == 0 else 0
            records.append((flags | (recorded.MARKER if index == len(payloads) - 1 else 0), payload))
    yield stream.join(records)
    yield stream.join([(flags & ~recorded.MARKER, payload) for flags, payload in records])
    yield stream.join([(flags | (index == 3), payload) for index, (flags, payload) in enumerate(records)])
    if codec == "H264":
        unit = max((payload for _, payload in records), key=len)
        half = len(unit) // 2
        head, kind = unit[0] & 0xE0 | 28, unit[0] & 31
        yield stream.join(
            [
                records[0],
                (0x00, bytes((head, 0x80 | kind)) + unit[1:half]),
                (0x80, bytes((head, 0x40 | kind)) + unit[half:]),
            ]
        )
    else:
        layers = b"\xea\x81\x02\x00\x01\x1a\x01\x40\x00\xf0\x02\x10\x05\x54\x01"
        yield stream.join([(0xC0, layers + records[0][1][3:])])


def scene(reports: list[bytes]) -> Iterator[bytes]:
    """A conversation for the peers' target, with the SSRCs that are known there."""
    offer = port.description("chromium-publish.offer.sdp")
    (voice, *_), (picture, *_) = (section.ssrcs for section in offer.media[:2])
    repair = next(iter(offer.media[1].retransmission_ssrcs))
    sent = [int(each) for each in re.findall(r"a=ssrc:(\d+) cname", port.Scene().offered)]
    types = [{codec.name: codec.payload_type for codec in section.codecs} for section in offer.media[:2]]
    records: list[tuple[int, bytes]] = [
        (port.UP_RTP, rtp(voice, types[0]["opus"], 1, 0, b"\xf8\xff\xfe")),
        (port.UP_RTP, rtp(voice, types[0]["red"], 2, 960, b"\xef\x0f\x00\x03\x6f\xf8\xff\xfe\xf8\xff\xfe")),
    ]
    h264 = next(
        codec
        for codec in offer.media[1].codecs
        if codec.name == "h264"
        and codec.parameters.get("packetization-mode") == "1"
        and codec.parameters.get("profile-level-id", "").startswith("42e0")
    ).payload_type
    records += [(port.UP_RTP, rtp(picture, h264, n, n * 3000, KEYFRAME, marker=True)) for n in (1, 2, 5, 6)]
    records += [(port.TIME, bytes(10))]
    records += [(port.UP_RTP, rtp(repair, h264 + 1, 1, 9000, b"\x00\x03" + DELTA, marker=True))]
    records += [(port.UP_RTCP, rtcp.sender_report(rtcp.SenderReport(ssrc, 1 << 60, 5, 1, 1), "c")) for ssrc in (voice,)]
    for ssrc in sent:
        records += [(port.DOWN_RTCP, rtcp.nack(1, ssrc, [n, n + 1])) for n in (0, 100)]
        records += [(port.DOWN_RTCP, rtcp.pli(1, ssrc)), (port.TIME, bytes(120))]
    records += [(port.DOWN_RTCP, report) for report in reports]
    yield stream.join(records[:6])
    yield stream.join(records)


def fragments() -> Iterator[bytes]:
    """What trickling clients send (RFC 8840 §9.1), and a restart."""
    head = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
    own = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
    candidate = "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n"
    for text in (head + own + candidate, own + head + candidate + "a=end-of-candidates\r\n", head + candidate, own):
        yield text.encode()


def main() -> None:
    """Write all."""
    sent, descriptions = asyncio.run(call())
    voice = Voice()
    sounds = [sound for number in range(4) if (sound := voice.encode(loud=number > 1))]
    rtps, rtcps = media(), control(sent)
    texts = [*descriptions, *(path.read_bytes().decode() for path in sorted(GOLDEN.glob("*.sdp")))]
    blocks = b"\xef\x0f\x00\x03\x6f\xf8\xff\xfe\xf8\xff\xfe"
    examples = {event: json.dumps(body) for event, body in protocol_examples("client").items()}
    payloads = [
        KEYFRAME,
        DELTA,
        b"\x78\x00\x04\x67abc\x00\x02\x68a",
        b"\x7c\x85abc",
        b"\x88\x80\x01\x82",
        b"\xa8\x05\x00x",
    ]
    frames = [len(data).to_bytes(2, "big") + data for data in (*checks(), *rtps)]
    seeds: dict[str, list[bytes]] = {
        "stun": list(checks()),
        "rtp": rtps,
        "rtcp": rtcps,
        "twcc": [part.body for data in rtcps for part in rtcp.walk(data) if part[:2] == (205, 15)],
        "red": [blocks, b"\x6fvoice", blocks[:4] * 3 + b"\x6f" + bytes(12)],
        "keyframe": payloads,
        "sdp": [text.encode() for text in texts],
        "fragment": list(fragments()),
        "messages": [f"{event}\n{body}".encode() for event, body in examples.items()],
        "h264": list(pictures("H264")),
        "vp9": list(pictures("VP9")),
        "opus": [*sounds, stream.join([(0x40, sound) for sound in sounds])],
        "jitter": [
            stream.join([(n & 1, rtp(1, 96, number, 960 * number, b"x")) for n, number in enumerate(order)])
            for order in ((1, 2, 3, 5, 4, 4, 9), (65_534, 65_535, 1, 0, 2), (1, 30_000, 30_001, 2), (5, 4, 3, 2, 1))
        ],
        "tcp": [b"".join(frames), frames[0] * 3, frames[0] + b"\xff\xff" + frames[1]],
        "peer": list(scene([data for data in rtcps if data[1] == 205])),
    }
    shutil.rmtree(CORPUS, ignore_errors=True)
    for name, inputs in seeds.items():
        print(f"{name:10} {write(name, inputs)}")


if __name__ == "__main__":
    main()
