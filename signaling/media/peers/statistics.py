"""Figures of all tracks and lines of a worker, gathered by source and by state: never by person, so they stay few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from signaling.media.peers.peer import Peer
from signaling.media.peers.publication import Publication
from signaling.media.peers.sending_peer import SendingPeer
from signaling.media.peers.totals import SourceTotals
from tele.domain.media import Source

Labelled = Mapping[str, Mapping[str, float]]
"""Label value → figure → number."""


def tracks(publications: Iterable[Publication], totals: SourceTotals) -> Labelled:
    """Per source: how many there are, bit/s of all, loss and jitter (worst and mean of now), counts since the start."""
    now: defaultdict[Source, list[Publication]] = defaultdict(list)
    for publication in publications:
        now[publication.track.source].append(publication)
    found: dict[str, Mapping[str, float]] = {}
    for source in sorted(totals.sources() | now.keys()):
        counts = totals.of(source)
        here = now.get(source, [])
        for publication in here:
            counts.update(publication.counts())
        figures: dict[str, float] = {
            **{f"{name}_total": value for name, value in counts.items()},
            "count": len(here),
            "bitrate": sum(each.rate.bitrate for each in here),
        }
        if here:
            figures |= _spread("loss", [each.loss for each in here])
            figures |= _spread("jitter_ms", [each.jitter * 1_000 for each in here])
        found[source] = figures
    return found


def lines(peers: Iterable[Peer]) -> tuple[Labelled, dict[str, float]]:
    """Subscribers by the state of their line, and over all of them: estimates, losses, delays and what they missed."""
    senders = [peer for peer in peers if isinstance(peer, SendingPeer) and peer.state == "connected"]
    states: dict[str, Mapping[str, float]] = {
        state: {"count": sum(peer.line.quality == state for peer in senders)} for state in ("good", "weak", "sound")
    }
    if not senders:
        return states, {}
    estimators = [peer.line.downlink.estimator for peer in senders]
    trips = [each.round_trip for each in estimators if each.round_trip is not None]
    bitrates = [each.bitrate for each in estimators]
    figures = {
        "lines_bitrate_min": min(bitrates),
        **_spread("lines_bitrate", bitrates),
        **_spread("lines_loss", [each.loss for each in estimators]),
        **_spread("lines_queueing_ms", [each.queueing * 1_000 for each in estimators]),
        **(_spread("lines_round_trip_ms", [trip * 1_000 for trip in trips]) if trips else {}),
        "lines_missed": float(sum(each.subscription.nacked for peer in senders for each in peer.fittings.values())),
    }
    return states, figures


def _spread(name: str, values: list[float]) -> dict[str, float]:
    return {f"{name}_max": max(values), f"{name}_mean": fmean(values)}


def gather(publications: Iterable[Publication], peers: Iterable[Peer], totals: SourceTotals) -> dict[str, Any]:
    """All of it; a figure with a label is label → value → figure → number."""
    states, figures = lines(peers)
    return {**figures, "lines": {"state": states}, "tracks": {"source": tracks(publications, totals)}}
