"""What recording costs: CPU per recorded second of a 720p camera with its sound, against aiortc's MediaRecorder.

Both get the same RTP packets in the same process, one after the other. Encoding them beforehand is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiortc import rtcrtpreceiver, rtp
from aiortc.contrib.media import MediaRecorder
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpDecodingParameters,
    RTCRtpReceiveParameters,
)

from recorder.recorder import Recorder
from recorder.vault import PlainVault
from tests.bench.ending import conclude
from tests.unit.recorder.reading import decoded
from tests.unit.recorder.synthetic import Feed, Publisher, Voice, h264_payloads

WHO = "alice-000001"
SIZE, FPS, BITRATE = (1280, 720), 30, 1_200_000
GRID = 10
"""Seconds between keyframes, as in a consultation."""

Packets = list[tuple[float, Publisher, bytes]]


def make_packets(seconds: int) -> tuple[Packets, Publisher, Publisher]:
    """(arrival, publisher, packet) of one participant's sound and camera."""
    sound, camera = Publisher(WHO, "microphone", "opus"), Publisher(WHO, "camera", "H264")
    taken: Packets = []

    class Tap(Feed):
        def packet(self, publication: str, data: bytes, arrival: float) -> None:
            taken.append((arrival, sound if publication == sound.track.publication else camera, data))

    tap, voice, encode = Tap(), Voice(), _camera()
    for number in range(seconds * 50):
        for _, deliver in sound.send(number * 0.02, [voice.encode(loud=number % 50 < 25)]):
            deliver(tap)
    for number in range(seconds * FPS):
        payloads = h264_payloads(encode(number, number % (GRID * FPS) == 0))
        for _, deliver in camera.send(number / FPS, payloads, spread=0.0005):
            deliver(tap)
    return sorted(taken, key=lambda item: item[0]), sound, camera


def _camera() -> Any:
    """An encoder of a moving pattern with noise in it, so that the pictures fill the bit rate."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
    context.time_base, context.framerate, context.bit_rate = Fraction(1, 90_000), Fraction(FPS), BITRATE
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        "maxrate": str(BITRATE),
        "bufsize": str(BITRATE // 2),
        "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:annexb=1:threads=1",
    }
    chance = np.random.default_rng(1)
    scene = chance.integers(60, 190, (SIZE[1] * 3 // 2 // 8, SIZE[0] // 8 + 64), np.uint8)
    scene = np.kron(scene, np.ones((8, 8), np.uint8))

    def encode(number: int, key: bool) -> bytes:
        picture = np.ascontiguousarray(scene[:, number % 256 :][:, : SIZE[0]])
        picture[:64] += chance.integers(0, 30, (64, SIZE[0]), np.uint8)
        picture[SIZE[1] :] = 128
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base, frame.pict_type = number * 3000, Fraction(1, 90_000), 1 if key else 0
        return b"".join(bytes(packet) for packet in context.encode(frame))

    return encode


async def ours(packets: Packets, publishers: tuple[Publisher, ...], seconds: int, root: Path) -> tuple[float, int]:
    """CPU seconds of our recorder, and the pictures that its recording holds."""
    feed, now = Feed(), 0.0
    recorder = Recorder(root, feed, lambda _: None, vault=PlainVault(), clock=lambda: now, wall=lambda: now)
    await recorder.start("bench", "room", {})
    for publisher in publishers:
        feed.track_opened(publisher.track)
    begun, tick = time.process_time(), 0.1
    for arrival, publisher, data in packets:
        now = arrival
        if now >= tick:
            recorder.tick()
            await asyncio.sleep(0)
            tick += 0.1
        feed.packet(publisher.track.publication, data, arrival)
    now = float(seconds)
    await recorder.seal("bench")
    used = time.process_time() - begun
    await recorder.stop()
    return used, len(decoded(root, "bench", f"cam-{WHO}"))


class _Transport:
    """What RTCRtpReceiver wants of a DTLS transport, without one."""

    state = "connected"
    _stats_id = "bench"

    def _register_rtp_receiver(self, *_: Any) -> None: ...

    def _unregister_rtp_receiver(self, *_: Any) -> None: ...

    async def _send_rtp(self, _: bytes) -> None: ...


async def aiortcs(packets: Packets, publishers: tuple[Publisher, ...], file: Path) -> tuple[float, int]:
    """CPU seconds of aiortc's receiver and MediaRecorder, and the pictures that its file holds.

    It is fed no faster than it encodes: its queues have no bounds, and what they held at the end would be lost.
    """
    receivers = {publisher.track.publication: await _receiver(publisher) for publisher in publishers}
    recorder = MediaRecorder(str(file))
    for receiver in receivers.values():
        recorder.addTrack(receiver.track)
    contexts = recorder._MediaRecorder__tracks
    # Whichever track is first makes the muxer write its header: by then the picture's size must be known.
    video = next(context for track, context in contexts.items() if track.kind == "video")
    video.stream.width, video.stream.height = SIZE
    video.stream.codec_context.time_base = Fraction(1, 90_000)
    video.started = True
    begun = time.process_time()
    await recorder.start()
    for number, (arrival, publisher, data) in enumerate(packets):
        receiver = receivers[publisher.track.publication]
        await receiver._handle_rtp_packet(rtp.RtpPacket.parse(data), int(arrival * 1000))
        if number % 20 == 0:
            await _drained(receivers.values(), contexts.values(), limit=8)
    await _drained(receivers.values(), contexts.values(), limit=0)
    await recorder.stop()
    used = time.process_time() - begun
    for receiver in receivers.values():
        await receiver.stop()
    with av.open(str(file)) as container:
        return used, sum(1 for _ in container.decode(video=0))


async def _drained(receivers: Any, contexts: Any, limit: int) -> None:
    """Until the decoder's and the encoder's queues hold at most `limit` frames."""
    for receiver in receivers:
        while receiver._RTCRtpReceiver__decoder_queue.qsize() > limit or receiver.track._queue.qsize() > limit:
            await asyncio.sleep(0.002)
            for context in contexts:
                if context.task.done():
                    context.task.result()
    if limit == 0:
        # The frame that the decoder's thread is at is in neither queue.
        await asyncio.sleep(0.3)


async def _receiver(publisher: Publisher) -> rtcrtpreceiver.RTCRtpReceiver:
    kind, ssrc = publisher.track.kind, publisher._ssrc
    receiver = rtcrtpreceiver.RTCRtpReceiver(kind, _Transport())  # type: ignore[arg-type]
    receiver._track = rtcrtpreceiver.RemoteStreamTrack(kind=kind)
    receiver._set_rtcp_ssrc(1)
    if kind == "audio":
        codec = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48_000, channels=2, payloadType=96)
    else:
        mode = {"packetization-mode": "1"}
        codec = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90_000, payloadType=96, parameters=mode)
    encodings = [RTCRtpDecodingParameters(ssrc=ssrc, payloadType=96)]
    await receiver.receive(RTCRtpReceiveParameters(codecs=[codec], encodings=encodings))
    return receiver


async def measure(seconds: int) -> dict[str, Any]:
    packets, *publishers = make_packets(seconds)
    people = (publishers[0], publishers[1])
    with tempfile.TemporaryDirectory() as folder:
        mine, my_frames = await ours(packets, people, seconds, Path(folder))
        theirs, their_frames = await aiortcs(packets, people, Path(folder) / "aiortc.mp4")
    expected = seconds * FPS
    if my_frames != expected or their_frames < expected * 0.95:
        raise SystemExit(f"not the same work: {expected} pictures sent, {my_frames} and {their_frames} recorded")
    return {
        "stream_seconds": seconds,
        "packets": len(packets),
        "megabits_per_second": round(sum(len(data) for *_, data in packets) * 8 / seconds / 1e6, 2),
        "cpu_per_stream_second": round(mine / seconds, 4),
        "aiortc_cpu_per_stream_second": round(theirs / seconds, 4),
        "ratio": round(theirs / mine, 1),
    }


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the comparison, print a table and the result as one line of JSON; returns the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="length of the recording (default 30)")
    arguments = parser.parse_args(argv)
    result = asyncio.run(measure(max(2, arguments.seconds)))
    print(f"{'recorder':<24}{'CPU s per stream second':>26}")
    print(f"{'tele':<24}{result['cpu_per_stream_second']:>26}")
    print(f"{'aiortc MediaRecorder':<24}{result['aiortc_cpu_per_stream_second']:>26}")
    return conclude(result)


if __name__ == "__main__":
    main(sys.argv[1:])
