"""One published track: its packets are numbered, kept for a while, and handed to subscribers and taps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from signaling.media.counters import Counters
from signaling.media.packets import rtp_header
from signaling.media.packets.history import History
from signaling.media.packets.keyframe import starts_keyframe
from signaling.media.peers.forward import FanOut
from signaling.media.peers.subscription import Subscription
from signaling.media.peers.taps import Taps
from signaling.media.policy.pli import KeyframeRequests
from signaling.media.policy.reports import SenderClock
from signaling.media.sdp import offer
from signaling.media.transport.batch import Outbox
from tele.domain.media import CLOCK_RATE, Track

FIRST_NUMBER: Final = 2_000
"""Where a publication's own numbering begins: packets that come late at the start still have a number above 0."""
AUDIO_KEPT: Final = 64
VIDEO_KEPT: Final = 512
KEYFRAME_PATIENCE: Final = 3.0
"""Seconds after which a subscriber that waits for a keyframe is let in without one."""


class Publication:
    """Routes one track. Packets enter by `packet`, decrypted, in order of arrival and without RTX wrapping.

    Numbers and timestamps inside are the publication's own line, which goes on when the publisher changes its SSRC.
    """

    def __init__(
        self, track: Track, stream: str, taps: Taps, outbox: Outbox, counters: Counters, ask: Callable[[], None]
    ) -> None:
        self.track = track
        self.stream = stream
        """Stream id and CNAME: the same for all that one participant publishes by one peer."""
        self.keyframes = KeyframeRequests()
        video = track.kind == "video"
        self.history = History(VIDEO_KEPT if video else AUDIO_KEPT)
        self._rate = CLOCK_RATE[track.codec]
        self._taps = taps
        self._counters = counters
        self._ask = ask
        self._plain = FanOut(outbox, counters, droppable=video)
        self._redundant = FanOut(outbox, counters, droppable=False)
        """Subscribers that take redundant audio as it comes; empty for video."""
        self._active: set[Subscription] = set()
        self._waiting: dict[Subscription, float] = {}
        self._clock: SenderClock | None = None
        self._number_shift: int | None = None
        self._timestamp_shift = 0
        self._last: tuple[int, float] | None = None
        """Timestamp and arrival of the last packet."""

    # --- from the publisher ---------------------------------------------------------------------------------------

    def packet(
        self,
        number: int,
        timestamp: int,
        marker: bool,
        payload: bytes,
        redundant: bytes | None,
        audio_level: int | None,
        now: float,
    ) -> bool:
        """Forward one packet; `number` is extended. False when it came before, or too late to matter.

        `payload` is the plain form, `redundant` the RED form in which it came, if it did.
        """
        if self._number_shift is None:
            self._continue_from(number, timestamp, now)
            assert self._number_shift is not None
        number += self._number_shift
        timestamp = timestamp + self._timestamp_shift & 0xFFFFFFFF
        codec = self.track.codec
        time = rtp_header.abs_send_time(now)
        packet = rtp_header.canonical(marker, offer.PAYLOAD_TYPE[codec], number, timestamp, time, audio_level, payload)
        if not self.history.store(number, packet):
            self._counters.add("dropped_double_or_late")
            return False
        self._last = (timestamp, now)
        if self.track.kind == "video":
            keyframe = starts_keyframe(codec, payload)
            if keyframe:
                self.keyframes.arrived()
            if self._waiting:
                self._admit(number, now, keyframe)
        if self._plain:
            self._plain.forward(packet, number, timestamp, now)
        if self._redundant:
            if redundant is not None:
                packet = rtp_header.canonical(marker, offer.RED_TYPE, number, timestamp, time, audio_level, redundant)
            self._redundant.forward(packet, number, timestamp, now)
        return True

    def splice(self) -> None:
        """The publisher goes on under another SSRC: its numbers and times begin anew, ours go on."""
        self._number_shift = None
        self._clock = None

    def sender_report(self, ntp: int, rtp: int, now: float) -> None:
        """Pass the sender's clock on, in each subscriber's own terms, and as it is to whoever records."""
        self._taps.sender_report(self.track.publication, ntp, rtp, now)
        self._clock = SenderClock(ntp, rtp + self._timestamp_shift & 0xFFFFFFFF, now, self._rate)
        for subscription in self._active:
            subscription.report(self._fan(subscription), self._clock, now)

    def tap(self, data: bytes, now: float) -> None:
        """Hand one decrypted packet to whoever records."""
        if self._taps:
            self._taps.packet(self.track.publication, data, now)

    def _continue_from(self, number: int, timestamp: int, now: float) -> None:
        if self._last is None:
            self._number_shift = FIRST_NUMBER - number
            return
        before, arrived = self._last
        self._number_shift = self.history.highest + 1 - number
        self._timestamp_shift = before + max(1, int((now - arrived) * self._rate)) - timestamp

    # --- to the subscribers ---------------------------------------------------------------------------------------

    def attach(self, subscription: Subscription, now: float) -> None:
        """Begin to send. Video begins with a keyframe, asked for here; audio with the next packet."""
        if subscription in self._active:
            subscription.begin_again(self._fan(subscription))
        elif self.track.kind == "video":
            self._waiting.setdefault(subscription, now)
            self.want_keyframe()
        else:
            self._begin(subscription, self.history.highest + 1 if self._last is not None else FIRST_NUMBER, now)

    def detach(self, subscription: Subscription) -> None:
        """Send no more."""
        self._waiting.pop(subscription, None)
        if subscription in self._active:
            self._active.discard(subscription)
            subscription.pause(self._fan(subscription), self.history)

    def want_keyframe(self) -> None:
        """Somebody cannot decode; audio has no keyframes."""
        if self.track.kind == "video":
            self.keyframes.want()
            self._ask()

    def _fan(self, subscription: Subscription) -> FanOut:
        return self._redundant if subscription.red else self._plain

    def _admit(self, number: int, now: float, keyframe: bool) -> None:
        for subscription, since in list(self._waiting.items()):
            if keyframe or now - since > KEYFRAME_PATIENCE:
                del self._waiting[subscription]
                self._begin(subscription, number, now)

    def _begin(self, subscription: Subscription, number: int, now: float) -> None:
        self._active.add(subscription)
        fan = self._fan(subscription)
        subscription.begin(fan, number)
        if self._clock is not None:
            subscription.report(fan, self._clock, now)
