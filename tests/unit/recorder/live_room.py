"""A process that records people on paper in real time until it is killed: `python -m … ROOT RECORDING [live]`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from tests.unit.recorder.synthetic import Encoder, Feed, Publisher, Voice, h264_payloads

WHO = "alice-000001"
FPS = 30


async def main(root: Path, recording: str, *, live: bool) -> None:
    feed = Feed()
    settings = RecorderSettings(min_free=0, resume_free=0, grid=2.0, live_grid=2.0)
    recorder = Recorder(root, feed, lambda _: None, vault=PlainVault(), settings=settings)
    voice, encoder = Voice(), Encoder("H264", fps=FPS)
    sound = [voice.encode(loud=False) for _ in range(50)]
    # A short loop of pictures that begins with a keyframe: the room does not spend its time encoding.
    loop = [h264_payloads(encoder.encode(key=number == 0)) for number in range(FPS // 2)]
    microphone, camera = Publisher(WHO, "microphone", "opus"), Publisher(WHO, "camera", "H264")
    await recorder.recover()
    await recorder.start(recording, "room", {"low_latency": live})
    await on_air(feed, (microphone, sound), (camera, loop), FPS, "recording")


async def on_air(
    feed: Feed,
    voice: tuple[Publisher, Sequence[bytes]],
    camera: tuple[Publisher, Sequence[Sequence[bytes]]],
    fps: int,
    word: str,
) -> None:
    """Publish a second of sound and some pictures (the payloads of each) over and over, in real time, until killed;
    `word` is printed when both are there."""
    start = time.monotonic()
    for publisher, _ in (voice, camera):
        publisher.open(start)[1](feed)
    print(word, flush=True)
    spoken = shown = 0
    while True:
        now = time.monotonic()
        while start + spoken * 0.02 <= now:
            for _, deliver in voice[0].send(start + spoken * 0.02, [voice[1][spoken % len(voice[1])]]):
                deliver(feed)
            spoken += 1
        while start + shown / fps <= now:
            for _, deliver in camera[0].send(start + shown / fps, list(camera[1][shown % len(camera[1])])):
                deliver(feed)
            shown += 1
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], live="live" in sys.argv[3:]))
