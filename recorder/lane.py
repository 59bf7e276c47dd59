"""One recorded track while it is recorded: packets of whichever publication feeds it now, to parts and segments."""

from __future__ import annotations

from recorder.depacketize import Depacketizer, Frame
from recorder.depacketize_h264 import H264Depacketizer
from recorder.depacketize_opus import OpusDepacketizer
from recorder.depacketize_vp9 import VP9Depacketizer
from recorder.errors import Malformed
from recorder.grid import Grid
from recorder.jitter import JitterBuffer, Released
from recorder.journal import TrackState
from recorder.rtp import parse
from recorder.segment import Output
from recorder.segment_audio import AudioSegmenter
from recorder.segment_live import LiveVideoSegmenter
from recorder.segment_video import VideoSegmenter
from recorder.settings import RecorderSettings
from recorder.slate import CONFIGS
from recorder.timeline import SenderClock, TrackClock
from tele.domain.media import CLOCK_RATE, Codec, Track

_DEPACKETIZERS: dict[Codec, type[Depacketizer]] = {
    "opus": OpusDepacketizer,
    "H264": H264Depacketizer,
    "VP9": VP9Depacketizer,
}


class _Stream:
    """One RTP stream: everything that begins anew with a new publication or SSRC."""

    def __init__(self, codec: Codec, wait: float, longest: float, sender: SenderClock, *, steady: bool) -> None:
        rate = CLOCK_RATE[codec]
        # One second of packets at 20 Mbit/s, of audio at 5 ms frames.
        self.jitter = JitterBuffer(wait=wait, longest=longest, limit=2048 if codec != "opus" else 200, steady=steady)
        self.depacketizer = _DEPACKETIZERS[codec]()
        self.clock = TrackClock(rate, sender)
        self.ssrc: int | None = None


class Lane:
    """Feeds one track's segmenter; all times are seconds of session time."""

    def __init__(
        self,
        track: Track,
        name: str,
        grid: Grid,
        settings: RecorderSettings,
        past: TrackState | None,
        target: float | None = None,
    ) -> None:
        """`target`: the duration of parts in seconds where the recording is watched while it grows."""
        self.name = name
        self.source = track.source
        self.kind = track.kind
        self.participant = track.participant
        self.publication: str | None = None
        self.started = past is not None
        self.asked = float("-inf")
        self._asked_behind = -2
        """The segment during which a keyframe was last asked for, to begin the next one."""
        self.counts: dict[str, float] = {}
        self._settings = settings
        self._stream: _Stream | None = None
        self._track = track
        self._live = target is not None
        part = settings.part if target is None else target
        last = past.last if past else None
        msn, end = (last.msn, last.end) if last else (-1, 0)
        self.segmenter: VideoSegmenter | AudioSegmenter
        if track.kind == "audio":
            self.segmenter = AudioSegmenter(grid, part, live=self._live, last=msn, end=end)
        else:
            kind = LiveVideoSegmenter if self._live else VideoSegmenter
            self.segmenter = kind(grid, CONFIGS[track.codec], part, quiet=self._quiet(), last=msn, end=end)

    def resume(self, at: int) -> list[Output]:
        """A live recording goes on at `at` milliseconds: the track is there, empty until somebody publishes it."""
        segmenter = self.segmenter
        if isinstance(segmenter, VideoSegmenter) and not isinstance(segmenter, LiveVideoSegmenter):
            return []
        return segmenter.resume(at)

    def attach(self, track: Track, sender: SenderClock) -> None:
        """A publication takes the track up, or takes it over from one that has not ended yet."""
        self.detach()
        self.publication = track.publication
        self._track = track
        self._stream = _Stream(track.codec, *self._waits(), sender, steady=self._live)
        self.asked = float("-inf")
        if isinstance(self.segmenter, VideoSegmenter):
            self.segmenter.waiting = True
            self.segmenter.quiet = self._quiet()
        else:
            self.segmenter.attached = True

    def detach(self) -> None:
        """The publication ended: what it left is filled up and cut off by the clock."""
        self._count_stream()
        self.publication = None
        self._stream = None
        if isinstance(self.segmenter, VideoSegmenter):
            self.segmenter.quiet = 0
        else:
            self.segmenter.attached = False

    def packet(self, data: bytes, arrival: float) -> list[Output]:
        """Take one RTP packet as it came; what is malformed is counted and dropped."""
        stream = self._stream
        if stream is None:
            return []
        try:
            packet = parse(data, arrival)
        except Malformed:
            self._count("malformed", 1)
            return []
        if packet.ssrc != stream.ssrc:
            if stream.ssrc is not None:
                stream = self._restart()
            stream.ssrc = packet.ssrc
        self._count("packets", 1)
        return self._released(stream, stream.jitter.push(packet))

    def report(self, sender: float, timestamp: int, arrival: float) -> None:
        """A sender report: `sender` seconds of its NTP clock at RTP `timestamp`."""
        if self._stream is not None:
            self._stream.clock.report(sender, timestamp, arrival)

    def tick(self, now: float) -> list[Output]:
        """Give up what is overdue, fill what is missing."""
        outputs: list[Output] = []
        if self._stream is not None:
            jitter = self._stream.jitter
            outputs = self._released(self._stream, jitter.expire(now))
            since = jitter.waiting_since
            if self._live:
                now -= jitter.delay(now)  # the row goes on, that much later
            elif since is not None and self.kind == "video":
                now = min(now, since)  # what came since is there: it is not silence
        return outputs + self.segmenter.clock(round(now * self.segmenter.rate))

    def flush(self) -> list[Output]:
        """Everything that waits for missing packets, before the recording pauses."""
        return self._released(self._stream, self._stream.jitter.flush()) if self._stream is not None else []

    def wants_key(self, now: float) -> bool:
        """Whether to ask for a keyframe now; asking is left to the caller."""
        segmenter = self.segmenter
        if self.publication is None or not isinstance(segmenter, VideoSegmenter):
            return False
        every = self._settings.ask_every
        asked_already = self._asked_behind == segmenter.last
        if asked_already and self._stream is not None and self._stream.jitter.waiting_since is not None:
            # What was asked for may be there already, behind a hole.
            every = max(every, self._stream.jitter.patience(now))
        if now - self.asked < every or not segmenter.wants_key(round(now * segmenter.rate)):
            return False
        self.asked, self._asked_behind = now, segmenter.last
        return True

    def take_counts(self) -> dict[str, float]:
        """What was counted since the last call."""
        if self._stream is not None:
            self._count_stream()
        counts, self.counts = self.counts, {}
        return counts

    def _released(self, stream: _Stream, released: Released) -> list[Output]:
        outputs: list[Output] = []
        for lost, packet in released:
            for frame in stream.depacketizer.push(lost, packet):
                outputs += self._frame(stream, frame)
        return outputs

    def _frame(self, stream: _Stream, frame: Frame) -> list[Output]:
        segmenter = self.segmenter
        self._count("frames", 1)
        time = max(0, round(stream.clock.time(frame.timestamp, frame.arrival) * segmenter.rate))
        if isinstance(segmenter, VideoSegmenter):
            return segmenter.frame(time, frame.data, frame.config, after_loss=frame.after_loss)
        return segmenter.frame(time, frame.data, frame.duration, after_loss=frame.after_loss)

    def _restart(self) -> _Stream:
        """The sender began a new stream within the publication."""
        self._count_stream()
        self._count("restarts", 1)
        sender = self._stream.clock.sender if self._stream else SenderClock()
        self._stream = _Stream(self._track.codec, *self._waits(), sender, steady=self._live)
        if isinstance(self.segmenter, VideoSegmenter):
            self.segmenter.waiting = True
        return self._stream

    def _waits(self) -> tuple[float, float]:
        """Seconds for which a missing packet is waited for, usually and at the longest."""
        settings = self._settings
        if self.kind == "audio":
            return settings.audio_wait, settings.audio_wait
        return settings.video_wait, settings.video_wait_longest

    def _quiet(self) -> float:
        settings = self._settings
        return settings.quiet_screen if self.source == "screen" and not self._live else settings.quiet

    def _count(self, name: str, value: float) -> None:
        self.counts[name] = self.counts.get(name, 0) + value

    def _count_stream(self) -> None:
        """Gather what the parts of a stream counted, and set their counters back."""
        stream, segmenter = self._stream, self.segmenter
        if stream is not None:
            jitter, depacketizer, clock = stream.jitter, stream.depacketizer, stream.clock
            self._count("lost", jitter.lost)
            self._count("late", jitter.late + jitter.duplicates)
            self._count("malformed", depacketizer.malformed)
            self._count("incomplete", depacketizer.incomplete)
            self._count("reanchored", clock.reanchored)
            self._count("reports_rejected", clock.reports_rejected)
            jitter.lost = jitter.late = jitter.duplicates = 0
            depacketizer.malformed = depacketizer.incomplete = 0
            clock.reanchored = clock.reports_rejected = 0
        self._count("dropped", segmenter.dropped)
        segmenter.dropped = 0
        if isinstance(segmenter, AudioSegmenter):
            self._count("silence_seconds", segmenter.silence / segmenter.rate)
            self._count("clock_corrections", segmenter.corrections)
            segmenter.silence = segmenter.corrections = 0
