"""What bad lines do to a call in real Chromium: frozen pictures, understood speech, how soon it is over.

One person's line passes through a seeded relay, both ways; the other's is clean. The speaker's microphone plays a
synthetic voice, and what the listener's page plays is compared with it. Where a machine is busy, browsers freeze by
themselves: the line without faults, measured in the same run, shows how much of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Error as PlaywrightError

from tests import impair
from tests.bench import speech
from tests.bench.call import Figures, Party, call, hang_up, two_parties
from tests.bench.ending import conclude
from tests.impair import Line
from tests.server import Server

Side = Literal["listener", "speaker"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A bad line, whose it is, and what must hold there. `None` promises nothing."""

    line: Line
    sides: tuple[Side, ...] = ("listener", "speaker")
    frozen: float | None = 0.01
    """Most share of the time in which the picture may stand still."""
    understood: float | None = 0.75
    """Least STOI."""
    picture: bool = True
    from_the_start: bool = False
    """The call begins on this line. Others become bad in its middle, but no line is suddenly 600 ms longer."""
    settle: float = 8.0
    """Seconds that the line is given before it is measured: a cap is found, buffers adapt. Chromium lengthens the time
    for which it holds pictures by 0.1 s a second."""
    lifts: bool = False
    """The line becomes clean in the middle; the picture must be back to its former bits within RECOVERY."""


RECOVERY = 10.0
"""Seconds."""
SETTLE = 8.0
"""Seconds of a new call before its line becomes bad."""
RECOVERED = 0.7
"""Share of the former bit rate at which a picture counts as back."""

PRESETS = {
    "clean": Preset(impair.CLEAN, ("listener",)),
    "wifi": Preset(impair.WIFI),
    "lossy": Preset(impair.LOSSY),
    "4g": Preset(impair.MOBILE),
    "satellite": Preset(impair.SATELLITE, from_the_start=True, settle=22.0),
    "congested": Preset(impair.CONGESTED),
    "loss-10": Preset(Line(loss=0.10, delay=0.02)),
    "loss-30": Preset(Line(loss=0.30, delay=0.02), frozen=None),
    "cap-150": Preset(impair.capped(150), frozen=None),
    "cap-60": Preset(impair.capped(60), frozen=None, picture=False),
    "cap-lifts": Preset(impair.capped(150), frozen=None, understood=None, lifts=True),
}


@dataclass(frozen=True, slots=True)
class Result:
    """What one preset did on one side."""

    preset: str
    side: Side
    seconds: float
    frozen: float
    """Share of the time, as the browser counts it (totalFreezesDuration)."""
    pictures: float
    """Decoded a second."""
    width: int
    video_kbits: float
    sound_kbits: float
    concealed: float
    """Share of the sound that was made up because it was missing."""
    stoi: float
    worst_stoi: float
    buffer_ms: float
    """How long sound waits in the listener's buffer."""
    modes: str
    """What the speaker sent at the end: full, small or sound."""
    recovery: float | None
    kept: bool


async def measure(name: str, side: Side, speaker: Party, listener: Party, seconds: float) -> Result:
    """One call on one line. Both are on their home pages before, and in no call after."""
    preset = PRESETS[name]
    relay = (listener if side == "listener" else speaker).line
    if preset.from_the_start:
        relay.both(preset.line)
    await call(speaker, listener)
    # One direction is measured: the other picture would only take the machine's time.
    await listener.who.part("toggle-camera").click()
    await listener.watch(SETTLE)
    before = bits(listener.history[-8:])
    relay.both(preset.line)
    try:
        await listener.watch(preset.settle)
        await listener.hear()
        seen = await listener.watch(seconds)
        heard = speech.intelligibility(await listener.heard(), speech.said())
        recovery = None
        if preset.lifts:
            relay.both(impair.CLEAN)
            recovery = recovered(await listener.watch(2 * RECOVERY), before)
        sending = await speaker.figures()
    finally:
        relay.both(impair.CLEAN)
    await hang_up(listener)
    return judged(name, side, seen, heard, sent(sending), recovery)


def judged(
    name: str, side: Side, seen: Sequence[Figures], heard: list[float], modes: str, recovery: float | None
) -> Result:
    """The figures of one call, and whether they keep what the preset promises."""
    preset, first, last = PRESETS[name], seen[0], seen[-1]
    seconds = last["at"] - first["at"]
    frozen = grown(seen, "video", "totalFreezesDuration") / seconds
    pictures = grown(seen, "video", "framesDecoded") / seconds
    samples, missing = grown(seen, "audio", "totalSamplesReceived"), grown(seen, "audio", "concealedSamples")
    silent = grown(seen, "audio", "silentConcealedSamples")
    waited, out = grown(seen, "audio", "jitterBufferDelay"), grown(seen, "audio", "jitterBufferEmittedCount")
    stoi = statistics.fmean(heard) if heard else 0.0
    kept = (
        (preset.frozen is None or frozen <= preset.frozen)
        and (preset.understood is None or stoi >= preset.understood)
        and (not preset.picture or pictures >= 1)
        and (not preset.lifts or (recovery is not None and recovery <= RECOVERY))
    )
    return Result(
        preset=name, side=side, seconds=round(seconds, 1), frozen=round(frozen, 4), pictures=round(pictures, 1),
        width=int(last["in"].get("video", {}).get("width", 0)),
        video_kbits=round(grown(seen, "video", "bytesReceived") * 8 / seconds / 1000, 1),
        sound_kbits=round(grown(seen, "audio", "bytesReceived") * 8 / seconds / 1000, 1),
        concealed=round((missing - silent) / samples, 4) if samples else 1.0,
        stoi=round(stoi, 3), worst_stoi=round(min(heard, default=0.0), 3),
        buffer_ms=round(waited / out * 1000, 1) if out else 0.0,
        modes=modes, recovery=recovery, kept=kept,
    )  # fmt: skip


def grown(seen: Sequence[Figures], kind: str, figure: str) -> float:
    """By how much a counter grew; one that began anew with a new connection counts from there."""
    values = [float(each["in"].get(kind, {}).get(figure, 0)) for each in seen]
    return sum(max(0.0, later - earlier) for earlier, later in pairwise(values))


def bits(seen: Sequence[Figures]) -> float:
    """bit/s of the pictures received."""
    seconds: float = max(0.1, seen[-1]["at"] - seen[0]["at"])
    return grown(seen, "video", "bytesReceived") * 8 / seconds


def recovered(seen: Sequence[Figures], before: float) -> float | None:
    """Seconds until the picture had its bits again, over a second each; None if it never had."""
    for end in range(2, len(seen)):
        if bits(seen[end - 2 : end + 1]) >= RECOVERED * before:
            return round(float(seen[end]["at"] - seen[0]["at"]), 1)
    return None


def sent(figures: Figures) -> str:
    """What a page sends now."""
    out = figures["out"]
    if out.get("video", {}).get("active"):
        return "full"
    return "small" if out.get("low", {}).get("active") else "sound"


async def run(names: Sequence[str], sides: Sequence[Side], seconds: float, seed: int) -> tuple[list[Result], list[str]]:
    """Each preset on each of its sides, in one server; and those for which there was no call."""
    results: list[Result] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data")
        await asyncio.to_thread(server.start)
        try:
            for name in names:
                for side in (each for each in PRESETS[name].sides if each in sides):
                    try:
                        results.append(await one(server, Path(folder), name, side, seconds, seed))
                    except (AssertionError, PlaywrightError) as error:
                        # A machine that is too busy for a call at all says nothing of lines: the others still count.
                        print(f"{name:<10} {side:<8} no call: {str(error).splitlines()[0]}", flush=True)
                        failed.append(f"{name}/{side}")
                        continue
                    print(row(results[-1]), flush=True)
        finally:
            await asyncio.to_thread(server.stop)
    return results, failed


async def one(server: Server, folder: Path, name: str, side: Side, seconds: float, seed: int) -> Result:
    """One preset with browsers of its own: nothing is learnt from the line before."""
    async with two_parties(server, folder, seed) as (speaker, listener):
        return await measure(name, side, speaker, listener, seconds)


HEAD = (
    "preset     line of    frozen   fps  width  kbit/s video, sound  made up  STOI (worst)   buffer  sends   back  kept"
)


def row(result: Result) -> str:
    """One line of the table."""
    back = (
        f"{result.recovery:.1f} s" if result.recovery is not None else ("never" if PRESETS[result.preset].lifts else "")
    )
    return (
        f"{result.preset:<10} {result.side:<8} {result.frozen:>8.1%} {result.pictures:>5.1f} {result.width:>6}"
        f" {result.video_kbits:>13.0f} {result.sound_kbits:>6.0f} {result.concealed:>8.1%}"
        f"   {result.stoi:.2f} ({result.worst_stoi:.2f}) {result.buffer_ms:>5.0f} ms  {result.modes:<5}"
        f" {back:>6}  {'yes' if result.kept else 'NO'}"
    )


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench line", description=__doc__)
    parser.add_argument(
        "--preset", action="append", choices=sorted(PRESETS), help="one of them; may be repeated (default all)"
    )
    parser.add_argument("--side", choices=("listener", "speaker"), help="whose line it is (default both in turn)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each measurement")
    parser.add_argument("--seed", type=int, default=1, help="of the relay's losses")
    options = parser.parse_args(list(argv))
    sides: tuple[Side, ...] = (options.side,) if options.side else ("listener", "speaker")
    print(HEAD)
    load = os.getloadavg()[0]
    results, failed = asyncio.run(run(options.preset or list(PRESETS), sides, options.seconds, options.seed))
    outcome = {
        "benchmark": "line",
        "cores": os.cpu_count(),
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "no_call": failed,
        "results": [asdict(each) for each in results],
    }
    return conclude(outcome, [f"{each.preset}, {each.side}" for each in results if not each.kept] + failed)


if __name__ == "__main__":
    main(sys.argv[1:])
