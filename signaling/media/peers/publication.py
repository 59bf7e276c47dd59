"""One published track: its packets are numbered, kept for a while, and handed to subscribers and taps."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from signaling.media.counters import Counters
from signaling.media.packets import rtp_header
from signaling.media.packets.form import Form
from signaling.media.packets.history import History
from signaling.media.packets.keyframe import starts_keyframe
from signaling.media.peers.forward import WIRE, FanOut
from signaling.media.peers.subscription import Subscription
from signaling.media.peers.taps import Taps
from signaling.media.policy.pli import INTERVAL, KeyframeRequests
from signaling.media.policy.rates import RateMeter
from signaling.media.policy.repair import ahead
from signaling.media.policy.reports import SenderClock
from signaling.media.sdp import offer
from signaling.media.transport.batch import Outbox
from tele.domain.media import CLOCK_RATE, Track

FIRST_NUMBER: Final = 2_000
"""Where a publication's own numbering begins: packets that come late at the start still have a number above 0."""
AUDIO_KEPT: Final = 64
VIDEO_KEPT: Final = 512
TOLD_AGAIN: Final = 5.0
"""Seconds for which every picture says that none are to be held any more: what they say once stays so."""
FRESH: Final = INTERVAL
"""Seconds for which a keyframe serves who comes after it: until then none is asked for again."""
CATCH_UP: Final = 128
"""Packets that are sent at once for that at most: a keyframe and what followed it at 2.5 Mbit/s."""
SILENCE: Final = 1.0
"""Seconds without a packet after which a publisher was away, and with it what it was asked for."""
OVERDUE: Final = 0.1
"""Seconds by which a keyframe is older than the newest picture and then begins nothing for who has another layer: it
was sent again. Time would go back, and a stretch that begins too far ahead is held too short as long as it lasts."""
KEYFRAME_PATIENCE: Final = 3.0
"""Seconds after which a subscriber that has no picture yet is let in without a keyframe."""


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
        self.clock: SenderClock | None = None
        """The publisher's clock, in the timestamps of this line."""
        self.last = (0, 0.0)
        """Timestamp and arrival of the packet with the highest number."""
        self.packets = 0
        self.octets = 0
        """Of canonical packets: headers and payload, as they are forwarded in their plain form."""
        self.rate = RateMeter()
        self.loss = 0.0
        """Fraction of its packets that did not arrive of themselves, in the last second."""
        self.jitter = 0.0
        """Of their arrival, in seconds (RFC 3550 §6.4.1)."""
        self.lost = self.nacks = 0
        """Packets that never arrived of themselves; requests for them."""
        self._hold, self._tell_hold_until = 0.0, 0.0
        self._rate = CLOCK_RATE[track.codec]
        self._taps = taps
        self._outbox = outbox
        self._counters = counters
        self._ask = ask
        self._plain = FanOut(track.publication, outbox, counters, droppable=video)
        self._redundant = FanOut(track.publication, outbox, counters, droppable=False)
        """Subscribers that take redundant audio as it comes; empty for video."""
        self._shaped: dict[Form, FanOut] = {}
        """Those of players that made their own offer, by the form that they want."""
        self._active: set[Subscription] = set()
        self._waiting: dict[Subscription, float] = {}
        self._keyframe = (-1, -1, 0.0)
        """Number, timestamp and arrival of the latest keyframe's first packet."""
        self._youngest = 0
        """The number that the latest subscriber began with: what is older and comes late is not for everybody."""
        self._number_shift: int | None = None
        self._timestamp_shift = 0

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
        silence = now - self.last[1] if self._waiting else 0.0
        timing = rtp_header.send_time_element(now)
        if now < self._tell_hold_until and timestamp != self.last[0]:
            # On a picture's first packet, where it is looked for.
            timing = rtp_header.playout_delay_element(self._hold)
        packet = rtp_header.canonical(
            marker, offer.PAYLOAD_TYPE[codec], number, timestamp, timing, audio_level, payload
        )
        if not self.history.store(number, packet):
            self._counters.add("dropped_double_or_late")
            return False
        self.packets += 1
        self.octets += len(packet)
        if number == self.history.highest:
            self.last = (timestamp, now)
        if self.track.kind == "video":
            keyframe = starts_keyframe(codec, payload)
            if keyframe:
                self.keyframes.arrived()
                if number > self._keyframe[0] and timestamp != self._keyframe[1]:
                    self._keyframe = number, timestamp, now
            if self._waiting:
                self._admit(number, timestamp, now, keyframe)
                if silence > SILENCE and not keyframe:
                    # Its keyframe was lost on the way here.
                    self.keyframes.lost()
                    self.want_keyframe()
        absent = [each for each in self._active if each.begins > number] if number < self._youngest else []
        for subscription in absent:
            subscription.step_out()
        if self._plain.members:
            self._plain.forward(packet, number, timestamp, now)
        for form, fan in list(self._shaped.items()) if self._shaped else ():
            fan.forward(form.shape(packet), number, timestamp, now)
        if self._redundant.members:
            if redundant is not None:
                packet = rtp_header.canonical(marker, offer.RED_TYPE, number, timestamp, timing, audio_level, redundant)
            self._redundant.forward(packet, number, timestamp, now)
        for subscription in absent:
            subscription.step_in()
        return True

    def hold(self, seconds: float, now: float) -> None:
        """Pictures are to be held for so long before they are shown: what was lost of them comes late, but it comes."""
        if self.track.kind == "video" and seconds != self._hold:
            self._hold = seconds
            self._tell_hold_until = inf if seconds else now + TOLD_AGAIN
            self._report(now)

    def has(self, number: int) -> bool:
        """Whether this packet of the publisher's was forwarded of late."""
        return self._number_shift is not None and self.history.find(number + self._number_shift & 0xFFFF) is not None

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for its next keyframe."""
        return bool(self._waiting)

    @property
    def behind(self) -> float:
        """Seconds by which its pictures are to be seen behind the sound."""
        return ahead(self._hold)

    def measure(self, now: float) -> None:
        """Time has passed."""
        self.rate.sample(self.octets + WIRE * self.packets, now)

    def counts(self) -> dict[str, int]:
        """What only grows, for statistics."""
        return {
            "packets": self.packets,
            "bytes": self.octets,
            "nacks": self.nacks,
            "plis": self.keyframes.sent,
            "lost": max(0, self.lost),
        }

    def end(self) -> None:
        """Nothing more comes, and nobody is there to be asked; what came can still be sent again."""
        self._ask = _nobody

    def splice(self) -> None:
        """The publisher goes on under another SSRC: its numbers and times begin anew, ours go on."""
        self._number_shift = None
        self.clock = None

    def sender_report(self, ntp: int, rtp: int, now: float) -> None:
        """Pass the sender's clock on, in each subscriber's own terms, and as it is to whoever records."""
        self._taps.sender_report(self.track.publication, ntp, rtp, now)
        self.clock = SenderClock(ntp, rtp + self._timestamp_shift & 0xFFFFFFFF, now, self._rate)
        self._report(now)

    def tap(self, data: bytes, now: float) -> None:
        """Hand one decrypted packet to whoever records."""
        if self._taps:
            self._taps.packet(self.track.publication, data, now)

    def _report(self, now: float) -> None:
        if self.clock is not None:
            for subscription in self._active:
                subscription.report(self.clock, now)

    def _continue_from(self, number: int, timestamp: int, now: float) -> None:
        if self.history.highest < 0:
            self._number_shift = FIRST_NUMBER - number
            return
        before, arrived = self.last
        self._number_shift = self.history.highest + 1 - number
        self._timestamp_shift = before + max(1, int((now - arrived) * self._rate)) - timestamp

    # --- to the subscribers ---------------------------------------------------------------------------------------

    def attach(self, subscription: Subscription, now: float) -> None:
        """Let a subscription begin: with the next keyframe, which is asked for here; with one that came just now, and
        with audio, at once."""
        if self.track.kind == "video" and self._is_fresh(subscription, now):
            number, timestamp, _ = self._keyframe
            self._begin(subscription, number, timestamp, now)
            subscription.catch_up(now)
        elif self.track.kind == "video":
            self._waiting.setdefault(subscription, now)
            self.want_keyframe()
        else:
            highest = self.history.highest
            self._begin(subscription, highest + 1 if highest >= 0 else FIRST_NUMBER, self.last[0], now)

    def detach(self, subscription: Subscription) -> None:
        """It neither waits nor receives any more."""
        self._waiting.pop(subscription, None)
        self._active.discard(subscription)

    def fan(self, *, red: bool, form: Form | None = None) -> FanOut:
        """The subscribers of the plain form, of the redundant one, or of a form of their own."""
        if form is None:
            return self._redundant if red else self._plain
        if form not in self._shaped:
            video = self.track.kind == "video"
            self._shaped[form] = FanOut(self.track.publication, self._outbox, self._counters, droppable=video)
        return self._shaped[form]

    def tidy(self, form: Form) -> None:
        """Forget a form that nobody wants any more."""
        if form in self._shaped and not self._shaped[form].members:
            del self._shaped[form]

    def want_keyframe(self) -> None:
        """Somebody cannot decode; audio has no keyframes."""
        if self.track.kind == "video":
            self.keyframes.want()
            self._ask()

    def _is_fresh(self, subscription: Subscription, now: float) -> bool:
        """Whether all since the last keyframe can be sent to a subscriber that sees nothing yet.

        Who has a picture goes on with it: timestamps never go back.
        """
        number, _, came = self._keyframe
        if number < 0 or now - came > FRESH or self.history.highest - number >= CATCH_UP:
            return False
        return subscription.source is None and subscription.ended < came

    def _admit(self, number: int, timestamp: int, now: float, keyframe: bool) -> None:
        age = (self.last[0] - timestamp + 2**31 & 0xFFFFFFFF) - 2**31
        overdue = keyframe and age > OVERDUE * self._rate
        for subscription, since in list(self._waiting.items()):
            if overdue and subscription.source is not None:
                self.keyframes.want()
            elif keyframe or (subscription.source is None and now - since > KEYFRAME_PATIENCE):
                del self._waiting[subscription]
                self._begin(subscription, number, timestamp, now)

    def _begin(self, subscription: Subscription, number: int, timestamp: int, now: float) -> None:
        self._active.add(subscription)
        self._youngest = max(self._youngest, number)
        subscription.begin(self, number, timestamp, now)


def _nobody() -> None:
    """Whom an ended publication asks for keyframes."""
