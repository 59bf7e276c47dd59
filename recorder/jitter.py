"""Packets of one stream back in sending order: a bounded wait for what is late, then a counted hole."""

from __future__ import annotations

from collections import deque

from recorder.rtp import Packet, signed_difference

Released = list[tuple[int, Packet]]
"""Packets in order, each with the number of packets lost just before it."""

MAX_JUMP = 3000
"""A sequence number further off than this begins a new run (RFC 3550 A.1, MAX_DROPOUT)."""


START = 0.1
"""Seconds; several times the reordering that networks do."""

REMEMBERED = 30.0
"""Seconds for which it is remembered how late packets came."""

TWICE = 2.3
"""Times what a retransmission takes: one that is lost too comes again within that."""

MAX_GIVEN_UP = 256
"""Packets given up whose coming all the same would be noticed."""


class JitterBuffer:
    """Holds packets behind a hole until the hole fills, its patience ends, or `limit` packets are held.

    The recorder is in no hurry: what matters is that a retransmission still finds its place. It waits for `wait`
    seconds, and up to `longest` where retransmissions have come so late: to wait where none comes would lose the
    pictures until then. The first packets are held for `START` seconds, since the one that comes first need not have
    been sent first.

    A `steady` one is followed while it grows: where it waits for longer than `wait`, everything is held for so long,
    or it would stand at each hole and run after it.
    """

    __slots__ = (
        "_given_up",
        "_held",
        "_lateness",
        "_newest",
        "_next",
        "duplicates",
        "late",
        "limit",
        "longest",
        "lost",
        "steady",
        "wait",
    )

    def __init__(self, *, wait: float, limit: int, longest: float = 0.0, steady: bool = False) -> None:
        self.wait = wait
        self.longest = max(wait, longest)
        self.steady = steady
        self.limit = limit
        self.lost = 0
        self.late = 0
        self.duplicates = 0
        self._next: int | None = None
        self._newest = 0
        """Of those that came, the packet that was sent last."""
        self._held: dict[int, Packet] = {}
        self._lateness: deque[tuple[float, float]] = deque(maxlen=64)
        """When something came late, and by how many seconds."""
        self._given_up: dict[int, float] = {}
        """What was given up, and when it was found missing."""

    def patience(self, now: float) -> float:
        """Seconds for which a hole is waited for."""
        while self._lateness and now - self._lateness[0][0] > REMEMBERED:
            self._lateness.popleft()
        latest = max((late for _, late in self._lateness), default=0.0)
        return min(self.longest, max(self.wait, TWICE * latest))

    def delay(self, now: float) -> float:
        """Seconds for which everything is held; 0 where only what is behind a hole is."""
        patience = self.patience(now) if self.steady and self._lateness else 0.0
        return patience if patience > self.wait else 0.0

    @property
    def waiting_since(self) -> float | None:
        """When the packet came that shows the first hole; None when there is no hole."""
        if self._next is None or not self._held:
            return None
        return self._held[self._nearest()].arrival

    def push(self, packet: Packet) -> Released:
        """Take a packet as it arrived; returns what is now in order."""
        sequence = packet.sequence
        delay = self.delay(packet.arrival)
        if sequence == self._next and not self._held and not delay:
            self._next = (sequence + 1) & 0xFFFF
            self._newest = sequence
            return [(0, packet)]
        if self._next is None:
            self.duplicates += sequence in self._held
            self._held[sequence] = packet
            return self._begin(packet.arrival)
        ahead = signed_difference(sequence, self._next, 16)
        if abs(ahead) > MAX_JUMP:
            released = self.flush()
            missing = max(1, ahead)
            self.lost += missing
            self._next = (sequence + 1) & 0xFFFF
            self._newest = sequence
            return [*released, (missing, packet)]
        if ahead < 0:
            self.late += 1
            missed = self._given_up.pop(sequence, None)
            if missed is not None:
                self._came_late(packet.arrival, missed)
            return []
        if sequence in self._held:
            self.duplicates += 1
            return []
        if signed_difference(sequence, self._newest, 16) > 0:
            self._newest = sequence
        elif delay:
            after = [p.arrival for number, p in self._held.items() if signed_difference(number, sequence, 16) > 0]
            self._came_late(packet.arrival, min(after, default=packet.arrival))
        elif ahead == 0 and self._held:
            self._came_late(packet.arrival, self._held[self._nearest()].arrival)
        self._held[sequence] = packet
        released = self._run(0) if not delay else []
        while len(self._held) > self.limit:
            released += self._skip()
        return released

    def expire(self, now: float) -> Released:
        """Give up on holes whose next packet has waited long enough."""
        if self._next is None:
            return self._begin(now)
        if delay := self.delay(now):
            return self._pass_on(now - delay)
        released = self._run(0)  # what was held when everything was
        patience = self.patience(now) if self._held else 0.0
        while self._held:
            nearest = self._nearest()
            if now - self._held[nearest].arrival < patience:
                break
            released += self._skip()
        return released

    def flush(self) -> Released:
        """Everything that is held, in order, holes counted: the stream ends or begins anew."""
        released = self._begin(float("inf")) if self._next is None else []
        while self._held:
            released += self._skip()
        return released

    def _came_late(self, now: float, missed: float) -> None:
        """Something came that was found missing at `missed`; what was only overtaken says nothing of repairs."""
        if now - missed > START:
            self._lateness.append((now, now - missed))

    def _begin(self, now: float) -> Released:
        """Once the first packets have had time to come, begin with the one that was sent first."""
        held = self._held
        if not held or (now - min(p.arrival for p in held.values()) < START and len(held) < self.limit):
            return []
        any_one = next(iter(held))
        self._next = min(held, key=lambda sequence: signed_difference(sequence, any_one, 16))
        self._newest = max(held, key=lambda sequence: signed_difference(sequence, any_one, 16))
        return self._run(0)

    def _nearest(self) -> int:
        base = self._next or 0
        return min(self._held, key=lambda sequence: (sequence - base) & 0xFFFF)

    def _pass_on(self, until: float) -> Released:
        """Everything up to the last packet that came until then; what is missing before it is given up."""
        base = self._next or 0
        order = sorted(self._held, key=lambda sequence: (sequence - base) & 0xFFFF)
        while order and self._held[order[-1]].arrival > until:
            order.pop()
        released: Released = []
        for sequence in order:
            missing = self._give_up(sequence)
            self._next = (sequence + 1) & 0xFFFF
            released.append((missing, self._held.pop(sequence)))
        return released

    def _skip(self) -> Released:
        nearest = self._nearest()
        missing = self._give_up(nearest)
        self._next = nearest
        return self._run(missing)

    def _give_up(self, nearest: int) -> int:
        """What is missing before this packet does not come any more; how many packets that is."""
        first = self._next or 0
        missing = (nearest - first) & 0xFFFF
        self.lost += missing
        if len(self._given_up) + missing > MAX_GIVEN_UP:
            self._given_up.clear()
        found = self._held[nearest].arrival
        self._given_up.update({first + each & 0xFFFF: found for each in range(min(missing, MAX_GIVEN_UP))})
        return missing

    def _run(self, missing: int) -> Released:
        """Release the unbroken run at the front; `missing` packets were given up just before it."""
        released: Released = []
        sequence = self._next or 0
        while (packet := self._held.pop(sequence, None)) is not None:
            released.append((missing, packet))
            missing = 0
            sequence = (sequence + 1) & 0xFFFF
        self._next = sequence
        return released
