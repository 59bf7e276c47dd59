"""The judgement of `tele bench line`: what counts as understood, frozen, recovered; and the line that it is made on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.bench import line, speech
from tests.impair import Direction, Line, capped


def seen(*pictures: dict[str, float]) -> list[dict[str, Any]]:
    return [{"at": float(second), "in": {"video": each, "audio": {}}} for second, each in enumerate(pictures)]


def test_speech_that_arrives_whole_is_understood_and_noise_is_not() -> None:
    said = speech.said()
    turned = np.concatenate([said[40_000:], said[:40_000]])
    assert min(speech.intelligibility(turned, said)) > 0.95
    noise = np.random.default_rng(1).normal(0, 0.05, 6 * speech.RATE)
    assert max(speech.intelligibility(noise, said)) < 0.6
    assert speech.intelligibility(np.zeros(3 * speech.RATE), said) == [0.0]


def test_speech_with_half_of_it_missing_is_not_understood() -> None:
    said = speech.said()
    holes = said.copy().reshape(-1, 1)[: len(said) // 2_000 * 2_000].reshape(-1, 2_000)
    holes[::2] = 0
    assert np.mean(speech.intelligibility(holes.ravel(), said)) < 0.75


@pytest.mark.parametrize(("every", "length"), [(7_000, 200), (10_000, 400)])
def test_speech_that_a_receiver_played_a_little_faster_or_slower_is_understood(every: int, length: int) -> None:
    said = np.tile(speech.said(), 2)
    pieces = [said[at : at + every] for at in range(0, 8 * speech.RATE, every)]
    faster = np.concatenate([piece[length:] for piece in pieces])
    slower = np.concatenate([part for piece in pieces for part in (piece, piece[-length:])])
    assert min(speech.intelligibility(faster, speech.said())) > 0.85
    assert min(speech.intelligibility(slower, speech.said())) > 0.85


def test_other_words_are_not_understood() -> None:
    rate, other = speech.spoken("Yesterday I walked along the river and met an old friend who told me of the garden.")
    assert max(speech.intelligibility(speech.at_rate(other, rate), speech.said())) < 0.5


def test_counters_that_begin_anew_are_counted_on() -> None:
    figures = seen({"framesDecoded": 10}, {"framesDecoded": 30}, {"framesDecoded": 4}, {"framesDecoded": 9})
    assert line.grown(figures, "video", "framesDecoded") == 25


def test_a_picture_is_back_when_it_has_its_bits_for_a_while() -> None:
    rates = [0, 10_000, 20_000, 90_000, 90_000, 90_000]
    figures = seen(*({"bytesReceived": total} for total in np.cumsum(rates)))
    assert line.recovered(figures, 800_000) == pytest.approx(4.0)
    assert line.recovered(figures, 8_000_000) is None


def test_a_promise_is_kept_only_with_all_that_it_says() -> None:
    still = seen({"totalFreezesDuration": 0.0, "framesDecoded": 0}, {"totalFreezesDuration": 0.5, "framesDecoded": 20})
    fine = seen({"totalFreezesDuration": 0.0, "framesDecoded": 0}, {"totalFreezesDuration": 0.0, "framesDecoded": 20})
    assert line.judged("lossy", "listener", fine, [0.9], "full", None).kept
    assert not line.judged("lossy", "listener", still, [0.9], "full", None).kept
    assert not line.judged("lossy", "listener", fine, [0.7], "full", None).kept
    assert not line.judged("cap-lifts", "listener", fine, [0.9], "full", 11.0).kept
    assert line.judged("cap-60", "listener", still, [0.9], "sound", None).kept


def test_a_cap_lets_its_rate_through_headers_included_and_drops_what_would_wait_too_long() -> None:
    way, thin = Direction(1), capped(100)
    arrivals = [way.arrival(thin, 972, second * 0.01) for second in range(1_000)]  # 800 kbit/s for 10 s
    through = [at for at in arrivals if at is not None]
    assert len(through) * 1_000 * 8 == pytest.approx(100_000 * 10, rel=0.05)
    assert (
        max(at - number * 0.01 for number, at in enumerate(arrivals) if at is not None) < thin.queue + thin.delay + 0.1
    )


def test_losses_are_the_same_with_the_same_seed_and_as_many_as_said() -> None:
    lossy = Line(loss=0.1, burst=3)

    def losses() -> list[bool]:
        way = Direction(3)
        return [way.arrival(lossy, 100, 0.0) is None for _ in range(20_000)]

    assert losses() == losses()
    assert sum(losses()) / 20_000 == pytest.approx(0.1, abs=0.02)
