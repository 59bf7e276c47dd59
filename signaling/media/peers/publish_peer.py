"""The peer that a participant publishes with: packets in, and the RTCP that tells the browser how they arrive."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Final

from signaling.media.errors import BadSdpError
from signaling.media.packets import red, rtcp, rtp_header
from signaling.media.packets.keyframe import starts_keyframe
from signaling.media.packets.rtp_header import RtpHeader
from signaling.media.packets.twcc import ArrivalLog
from signaling.media.peers.gate import SPARE, Beginning
from signaling.media.peers.inbound import InboundStream, InboundStreams, Key
from signaling.media.peers.peer import Peer, Surroundings
from signaling.media.peers.publication import Publication
from signaling.media.policy.allocation import Quality
from signaling.media.policy.liveness import PeerState
from signaling.media.policy.nack import LossTracker
from signaling.media.policy.quality import Steady, judge_uplink
from signaling.media.policy.repair import towards
from signaling.media.policy.reports import SenderClock
from signaling.media.sdp import lines as sdp_lines
from signaling.media.sdp.answer import AcceptedMedia, Answer, AnswerPolicy, answer
from signaling.media.sdp.parse import RemoteDescription
from tele.domain.media import CLOCK_RATE, Source

REPORT_EVERY: Final = 1.0
"""Seconds between receiver reports."""
HOLD_EVERY: Final = 0.5
"""Seconds between two looks at how long pictures are to be held."""
FEEDBACK_EVERY: Final = 0.25
FEEDBACK_AT: Final = 1_400
"""Seconds and bytes received after which transport-cc feedback is due, whichever comes first: its 70 bytes are then 5 %
of what comes. Twenty a second would take a fifth of a line that carries sound alone."""


class PublishPeer(Peer):
    """Receives. `open_publication` and `close_publication` are the room's."""

    direction = "publish"

    def __init__(
        self,
        around: Surroundings,
        room: str,
        participant: str,
        session: str,
        open_publication: Callable[[PublishPeer, AcceptedMedia, Callable[[], None]], Publication],
        close_publication: Callable[[Publication], None],
    ) -> None:
        super().__init__(around, room, participant, session)
        self.stream = f"{around.random.getrandbits(64):016x}"
        """Stream id and CNAME of all that comes from here."""
        self.fingerprints: tuple[tuple[str, str], ...] = ()
        self.publications: dict[Key, Publication] = {}
        """By mid and rid."""
        self._open_publication = open_publication
        self._close_publication = close_publication
        self._streams = InboundStreams()
        self._arrivals = ArrivalLog()
        self._transport_cc_extension = 0
        self._audio_level_extension = 0
        self._next_report = self._next_feedback = self._next_hold = 0.0
        self._held = 0.0
        """Seconds for which whoever watches holds the pictures."""
        self._unreported = 0
        self._uplink: Quality = "good"
        self._steady = Steady()
        self._nack_scheduled = False

    def accept(self, offer: RemoteDescription, sources: dict[str, Source], policy: AnswerPolicy) -> str:
        """Answer an offer: the first one, a renegotiation, or an ICE restart. Raises BadSdpError, changing nothing."""
        if self.fingerprints and offer.fingerprints != self.fingerprints:
            raise BadSdpError("The DTLS certificate changed within one session.")
        restarts = bool(self.remote_ufrag) and offer.ufrag != self.remote_ufrag
        if restarts:
            self.restart_ice()
        answered = answer(offer, sources, policy, self._transport())
        self.remote_ufrag = offer.ufrag
        self._apply(answered)
        if not self.fingerprints:
            self.fingerprints = offer.fingerprints
            self._secure(offer.fingerprints, "client" if answered.setup == "active" else "server")
        return answered.sdp

    def _apply(self, answered: Answer) -> None:
        accepted = {media.key: media for media in answered.media}
        for key, publication in list(self.publications.items()):
            media = accepted.get(key)
            if media is None or (media.source, media.codec) != (publication.track.source, publication.track.codec):
                self._streams.unroute(key)
                del self.publications[key]
                self._end(publication)
        for media in answered.media:
            self._transport_cc_extension = media.extensions.get(
                sdp_lines.URI_TRANSPORT_CC, self._transport_cc_extension
            )
            self._audio_level_extension = media.extensions.get(sdp_lines.URI_AUDIO_LEVEL, self._audio_level_extension)
            if media.key in self.publications:
                continue
            publication = self._open_publication(self, media, functools.partial(self._ask_keyframe, media.key))
            publication.hold(self._held, self._around.clock())
            self.publications[media.key] = publication
            self._streams.route(media, publication)

    def _end(self, publication: Publication) -> None:
        publication.end()
        self._close_publication(publication)

    # --- packets --------------------------------------------------------------------------------------------------

    def _rtp(self, data: bytes, now: float) -> None:
        try:
            header = rtp_header.parse(data)
        except ValueError:
            self._around.counters.add("dropped_malformed_rtp")
            return
        extensions = rtp_header.extensions(data, header)
        wide = extensions.get(self._transport_cc_extension)
        if wide is not None and len(wide) == 2:
            self._arrivals.add(int.from_bytes(wide, "big"), now)
            self._unreported += len(data)
        stream = self._streams.get(header.ssrc)
        if stream is None:
            stream = self._streams.learn(header.ssrc, header.payload_type, lambda: extensions)
            if stream is None:
                self._around.counters.add("dropped_unknown_ssrc")
                return
            self._around.mux.add_ssrc(header.ssrc, self)
        if stream.repairs:
            self._repair(data, header, stream, now)
            return
        number = stream.extended(header.sequence)
        stream.statistics.add(number, header.timestamp, now)
        if stream.losses is not None and stream.losses.received(number, now) and not self._nack_scheduled:
            # At the end of the batch: what was only reordered within it is not asked for.
            self._nack_scheduled = True
            asyncio.get_running_loop().call_soon(self._nack_now)
        self._media(data, header, stream, number, extensions, now)

    def _repair(self, data: bytes, header: RtpHeader, stream: InboundStream, now: float) -> None:
        """A retransmission. The first ones are padding that probes the uplink: told to transport-cc, not forwarded."""
        main = self._streams.main(stream.media.key)
        if main is None or header.payload_type != stream.media.retransmission_type:
            self._around.counters.add("dropped_unknown_ssrc")
            return
        restored = rtp_header.restore_retransmission(data, header, stream.media.payload_type, main.ssrc)
        if restored is None:
            self._around.counters.add("probes_in")
            return
        header = rtp_header.parse(restored)
        number = main.extended(header.sequence)
        if main.losses is not None:
            main.losses.received(number, now, again=True)
        self._around.counters.add("retransmissions_in")
        self._media(restored, header, main, number, rtp_header.extensions(restored, header), now)

    def _media(
        self,
        data: bytes,
        header: RtpHeader,
        stream: InboundStream,
        number: int,
        extensions: dict[int, bytes],
        now: float,
    ) -> None:
        media, publication = stream.media, stream.publication
        payload = data[header.payload_start : header.payload_end]
        redundant: bytes | None = None
        if header.payload_type == media.red_type:
            redundant = payload
            self._around.counters.add("red_in")
            primary = red.primary_block(payload)
            if primary is None:
                self._around.counters.add("dropped_malformed_red")
                return
            payload = primary
            data = rtp_header.replace_payload(data, header, media.payload_type, payload)
        elif header.payload_type != media.payload_type:
            self._around.counters.add("dropped_unknown_payload_type")
            return
        level: int | None = None
        if media.kind == "audio":
            # Without the extension: "voice at 0 dB below overload" would be wrong, the quietest level is not.
            level = (extensions.get(self._audio_level_extension) or b"\x7f")[0]
        if self._held and stream.losses is not None:
            if self._waits(stream, stream.losses, number, payload):
                publication.keyframes.arrived()
                publication.tap(data, now)
                until = now + self._held - SPARE
                stream.gate.keep(Beginning(number, header.timestamp, header.marker, payload, until))
                return
            if number in stream.gate:
                self._around.counters.add("dropped_double_or_late")
                return
        if publication.packet(number, header.timestamp, header.marker, payload, redundant, level, now):
            publication.tap(data, now)
        if stream.gate:
            self._open_gate(stream, now)

    def _waits(self, stream: InboundStream, losses: LossTracker, number: int, payload: bytes) -> bool:
        """Whether this begins a keyframe before which something is missing, and nobody waits for just that keyframe."""
        gate, publication = stream.gate, stream.publication
        if gate.full or not losses.missing_before(number) or publication.awaited or number in gate:
            return False
        return starts_keyframe(stream.media.codec, payload) and not publication.has(number)

    def _open_gate(self, stream: InboundStream, now: float) -> None:
        if stream.losses is not None:
            for each in stream.gate.open(stream.losses, now):
                stream.publication.packet(each.number, each.timestamp, each.marker, each.payload, None, None, now)

    def _rtcp(self, data: bytes, now: float) -> None:
        for part in rtcp.walk(data):
            if part.kind != rtcp.SENDER_REPORT:
                continue
            report = rtcp.read_sender_report(part)
            stream = self._streams.get(report.ssrc) if report is not None else None
            if report is None or stream is None or stream.repairs:
                continue
            self._around.counters.add("sender_reports_in")
            stream.clock = SenderClock(report.ntp, report.rtp, now, CLOCK_RATE[stream.media.codec])
            stream.publication.sender_report(report.ntp, report.rtp, now)

    # --- feedback -------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Due transport-cc, NACKs and PLIs each time; receiver reports once a second."""
        super().tick(now)
        if self.keys is None:
            return
        mains = self._streams.mains()
        if self._unreported >= FEEDBACK_AT or now >= self._next_feedback:
            feedback = self._arrivals.report(self._ssrc, mains[0].ssrc if mains else 0)
            if feedback is not None:
                # What comes after a silence is told of at once: until then a browser holds its pictures back.
                self._next_feedback = now + FEEDBACK_EVERY
                self._unreported = 0
                self._send_rtcp(feedback)
        self._send_nacks(now)
        for stream in mains:
            if stream.gate:
                self._open_gate(stream, now)
        for key in self.publications:
            self._ask_keyframe(key)
        if now >= self._next_hold:
            self._next_hold = now + HOLD_EVERY
            self._hold_pictures(mains, now)
        if now >= self._next_report and mains:
            self._next_report = now + REPORT_EVERY
            blocks = [stream.statistics.block(stream.ssrc, stream.clock, now) for stream in mains]
            self._judge(mains, now)
            for at in range(0, len(blocks), rtcp.MAX_BLOCKS):
                self._send_rtcp(rtcp.receiver_report(self._ssrc, blocks[at : at + rtcp.MAX_BLOCKS], self.stream))

    def _judge(self, mains: list[InboundStream], now: float) -> None:
        """How the uplink is, as of the reports just made."""
        expected = lost = 0.0
        jitter = 0.0
        for stream in mains:
            statistics, publication = stream.statistics, stream.publication
            publication.loss, publication.jitter, publication.lost = (
                statistics.loss,
                statistics.jitter,
                statistics.lost,
            )
            expected += statistics.expected
            lost += statistics.loss * statistics.expected
            if statistics.expected and stream.media.kind == "audio":
                # Pictures leave in bursts, and a large one takes its time: only sound comes at a steady pace.
                jitter = max(jitter, statistics.jitter)
        self._uplink = judge_uplink(self._uplink, lost / expected if expected else 0.0, jitter)
        self._tell_line(self._steady.see(self._uplink, now))

    def _hold_pictures(self, mains: list[InboundStream], now: float) -> None:
        """All that one person shows is held alike: whoever changes from one picture to another must not wait anew."""
        wanted = max((stream.losses.repairs.hold(now) for stream in mains if stream.losses is not None), default=0.0)
        if wanted == self._held:
            return
        self._held = towards(self._held, wanted)
        for publication in self.publications.values():
            publication.hold(self._held, now)

    def _nack_now(self) -> None:
        self._nack_scheduled = False
        with self._around.mux.batch():
            self._send_nacks(self._around.clock())

    def _send_nacks(self, now: float) -> None:
        for stream in self._streams.mains():
            if stream.losses is None:
                continue
            lost = stream.losses.due(now, self._held)
            if stream.losses.pressing:
                self._around.counters.add("keyframes_for_safety")
                stream.publication.want_keyframe()
            if lost:
                self._around.counters.add("nacks_sent", len(lost))
                stream.publication.nacks += len(lost)
                self._send_rtcp(rtcp.nack(self._ssrc, stream.ssrc, lost))

    def _ask_keyframe(self, key: Key) -> None:
        """Send a PLI if one is wanted and due. Before the first packet it makes no sense: the first frame is one."""
        stream, publication = self._streams.main(key), self.publications.get(key)
        if stream is None or publication is None:
            return
        trip = (stream.losses.repairs.trip if stream.losses is not None else None) or 0.0
        if publication.keyframes.due(self._around.clock(), trip):
            self._around.counters.add("plis_sent")
            with self._around.mux.batch():
                self._send_rtcp(rtcp.pli(self._ssrc, stream.ssrc))

    # --- changes --------------------------------------------------------------------------------------------------

    def _path_changed(self, now: float) -> None:
        """Packets were lost on the way: a new keyframe halves the freeze."""
        for publication in self.publications.values():
            publication.want_keyframe()

    def _state_changed(self, state: PeerState, now: float) -> None:
        if state == "closed":
            publications, self.publications = self.publications, {}
            self._streams = InboundStreams()
            for publication in publications.values():
                self._end(publication)
        elif state == "connected":
            for stream in self._streams.mains():
                if stream.losses is not None:
                    stream.losses.outage()
            for publication in self.publications.values():
                publication.keyframes.lost()
            self._path_changed(now)
