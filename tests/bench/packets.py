"""A running call under fire: damaged packets of every kind, most from the address of somebody who is in it."""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from signaling.media.transport import dtls
from signaling.media.transport.turnstile import Turnstile
from tests.bench.ending import conclude, leave_a_core
from tests.bench.load import SSRC, server_cpu
from tests.bench.process import percentile, resident
from tests.bench.worker import Server
from tests.fuzz.mutate import Mutator
from tests.media_client import MediaClient, stun_request

PACKETS_A_SECOND: Final = 100
"""Of the call itself."""
STRANGERS: Final = 64
OWN_SHARE: Final = 0.6
"""Of the damaged packets, those that come from the address of one of the two people."""
BURST: Final = 0.005
"""Seconds between two bursts."""
QUIET: Final = 5.0
"""Seconds without damaged packets to compare with."""
GROWTH: Final = 5.0
"""Megabytes that the server may have grown."""
LATE: Final = 20.0
"""Milliseconds by which a packet of the call may be later than without the fire, in the middle."""


class Talk:
    """The call's own media: one sends the time, the other notes when it came."""

    def __init__(self, speaker: MediaClient, listener: MediaClient) -> None:
        self.sent = 0
        self.delays: list[float] = []
        self._speaker = speaker
        listener.on_rtp = self._heard
        listener.on_rtcp = speaker.on_rtcp = lambda data: None

    async def run(self) -> None:
        """Speak until cancelled."""
        due = time.monotonic()
        while True:
            head = struct.pack("!BBHII", 0x80, 0x80 | 102, self.sent & 0xFFFF, self.sent * 900, SSRC)
            kind = b"\x67" if self.sent % 100 == 0 else b"\x41"
            self._speaker.send_secured(head + kind + struct.pack("!d", time.monotonic()) + bytes(200))
            self.sent += 1
            due += 1 / PACKETS_A_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _heard(self, data: bytes) -> None:
        at = len(data) - 208
        self.delays.append(time.monotonic() - struct.unpack_from("!d", data, at)[0])

    def since(self, mark: tuple[int, int]) -> dict[str, float]:
        """Share that arrived and delays in ms, after a `mark`."""
        delays = self.delays[mark[1] :]
        return {
            "sent": self.sent - mark[0],
            "received": len(delays),
            "delay_ms_p50": round(percentile(delays, 0.5) * 1000, 2),
            "delay_ms_p99": round(percentile(delays, 0.99) * 1000, 2),
            "delay_ms_max": round(max(delays, default=0.0) * 1000, 1),
        }

    def mark(self) -> tuple[int, int]:
        """Where the counts are now."""
        return self.sent, len(self.delays)


class Tapped(MediaClient):
    """Keeps some of what it sends, as it goes over the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.wire: dict[str, list[bytes]] = {"stun": [], "dtls": [], "srtp": [], "srtcp": []}

    def send(self, data: bytes) -> None:
        first = data[0]
        kind = "stun" if first < 4 else "dtls" if first < 64 else "srtcp" if 192 <= data[1] <= 223 else "srtp"
        if len(self.wire[kind]) < 40:
            self.wire[kind].append(data)
        super().send(data)


class Attack:
    """Makes the packets and sends each from where it is to come from."""

    def __init__(self, people: Sequence[Tapped], hello: bytes, seed: int) -> None:
        self._people = people
        self._random = random.Random(seed)
        self._originals = {data for each in people for kind in each.wire.values() for data in kind}
        kinds = [sorted({data for each in people for data in each.wire[kind]}) for kind in people[0].wire]
        self._mutators = [Mutator([*kind, hello], seed + index, 1500) for index, kind in enumerate(kinds)]
        self._hello = hello
        self._server = people[0].remote
        self._strangers = [self._stranger(index) for index in range(STRANGERS)]
        self.sent = {"own address": 0, "other addresses": 0, "refused by the kernel": 0}

    @staticmethod
    def _stranger(index: int) -> socket.socket:
        """The first comes from the same host address as the people, each of the others from one of its own."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((f"127.0.{index // 200}.{1 + index % 200}", 0))
        return sock

    def packet(self) -> bytes:
        """One packet, damaged or absurd."""
        chance = self._random.random()
        if chance < 0.01:
            return b""
        if chance < 0.02:
            return self._random.randbytes(self._random.randint(1501, 9000))
        if chance < 0.04:
            return self._random.randbytes(self._random.randint(1, 300))
        if chance < 0.08:
            return self._hello
        return self._random.choice(self._mutators).next()

    def shoot(self) -> None:
        """Send one."""
        data = self.packet()
        while data in self._originals:  # repeated as it was, from elsewhere, a check would be an authentic one
            data = self.packet()
        try:
            if self._random.random() < OWN_SHARE:
                person = self._random.choice(self._people)
                MediaClient.send(person, data)
                self.sent["own address"] += 1
            else:
                self._random.choice(self._strangers).sendto(data, self._server)
                self.sent["other addresses"] += 1
        except BlockingIOError:
            self.sent["refused by the kernel"] += 1

    def close(self) -> None:
        """Close the strangers' sockets."""
        for each in self._strangers:
            each.close()


async def client_hello() -> bytes:
    """The first flight of a DTLS client that belongs to no one."""
    sent: list[bytes] = []
    foreign = dtls.DtlsAssociation(dtls.Certificate(), "client", sent.append, Turnstile(), lambda: None)
    await foreign.handshake((("sha-256", "AB"),), 0.2)
    await foreign.close()
    return sent[0]


async def keep_alive(people: Sequence[MediaClient]) -> None:
    """A receiver report and a check a second from each, as browsers have it."""
    while True:
        for each in people:
            each.send_secured(struct.pack("!BBHI", 0x80, 201, 1, 1))
            each.check()
        await asyncio.sleep(1.0)


async def fire(attack: Attack, count: int, rate: int) -> None:
    """So many packets at this rate."""
    began, shot = time.monotonic(), 0
    while shot < count:
        due = min(count, int((time.monotonic() - began) * rate) + 1)
        for _ in range(min(due - shot, rate // 20)):
            attack.shoot()
            shot += 1
        await asyncio.sleep(BURST)


async def watch(server: Server, found: dict[str, float]) -> None:
    """Ask the server how it is, ten times a second: how long the longest answer took, how few were connected."""
    while True:
        began = time.monotonic()
        counts = await server.counts()
        found["answer_ms_max"] = max(found["answer_ms_max"], round((time.monotonic() - began) * 1000, 1))
        found["connected_min"] = min(found["connected_min"], counts["peers_connected"])
        await asyncio.sleep(0.1)


async def measure(count: int, rate: int, seed: int, core: int) -> dict[str, Any]:
    """The whole run."""
    tasks = Tasks(Counters())
    server = await Server.start(core)
    try:
        speaker, listener = Tapped(), Tapped()
        await server.publish(speaker)
        await server.subscribe(listener, 0)
        talk = Talk(speaker, listener)
        tasks.spawn(talk.run(), "talk")
        tasks.spawn(keep_alive([speaker, listener]), "keep alive")
        await asyncio.sleep(2.0)
        mark = talk.mark()
        await asyncio.sleep(QUIET)
        quiet = talk.since(mark)
        speaker.wire["stun"].append(stun_request(f"nobody:{speaker.ufrag}", "guess"))
        attack = Attack((speaker, listener), await client_hello(), seed)
        warm = count // 10
        await fire(attack, warm, rate)
        found: dict[str, float] = {"answer_ms_max": 0.0, "connected_min": 2}
        before, memory, mark = await server.counts(), resident(server.pid), talk.mark()
        cpu, began = server_cpu(server.pid), time.monotonic()
        watching = tasks.spawn(watch(server, found), "watch")
        await fire(attack, count - warm, rate)
        cpu, elapsed = server_cpu(server.pid) - cpu, time.monotonic() - began
        watching.cancel()
        await asyncio.sleep(0.5)
        call, grown = talk.since(mark), resident(server.pid) - memory
        counts = await server.counts()
        await server.subscribe(Tapped(), 1)  # whoever comes after it gets in
        attack.close()
    finally:
        await tasks.stop()
        await server.stop()
    reasons = {name: n for name, n in counts.items() if name.startswith("dropped") and n}
    troubles = {name: counts.get(name, 0) for name in ("datagram_errors", "task_errors", "tick_errors", "emit_errors")}
    return {
        "benchmark": "packets",
        "packets": count,
        "rate": rate,
        "seed": seed,
        **attack.sent,
        "read_by_server": counts["datagrams_in"] - before["datagrams_in"],
        "ended_calls": 2 - int(min(found["connected_min"], counts["peers_connected"])),
        "crashes": sum(troubles.values()),
        "grown_megabytes": round(grown / 1e6, 2),
        "server_core": round(cpu / elapsed, 3),
        "answer_ms_max": found["answer_ms_max"],
        "quiet": quiet,
        "under_fire": call,
        "reasons": reasons,
    }


def kept(result: dict[str, Any]) -> list[str]:
    """What a result breaks of the promise; empty when it is kept."""
    call = result["under_fire"]
    broken = {
        "a call ended": result["ended_calls"] > 0,
        "something crashed": result["crashes"] > 0,
        "the server grew": result["grown_megabytes"] > GROWTH,
        "media was lost": call["received"] < 0.995 * call["sent"],
        "the loop was held up": call["delay_ms_p50"] > result["quiet"]["delay_ms_p50"] + LATE,
        "too few from the people's own address": result["own address"] < 0.5 * result["packets"],
    }
    return [what for what, is_so in broken.items() if is_so]


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench packets", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="damaged packets")
    parser.add_argument("--rate", type=int, default=5_000, help="of them a second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(list(argv))
    core = leave_a_core()
    result = asyncio.run(measure(options.count, options.rate, options.seed, core))
    for name, value in result.items():
        print(f"{name:<22} {value}")
    return conclude(result, kept(result))


if __name__ == "__main__":
    main(sys.argv[1:])
