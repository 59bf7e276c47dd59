"""A call over bad lines, in virtual time: what is sent, what is estimated, and that sound gets through."""

from __future__ import annotations

import pytest

from signaling.media.policy.allocation import Layer, Wish
from signaling.media.policy.downlink import Decision, Downlink
from tests.unit.signaling.media.bottleneck import CALL, CAMERA, HIGH, MICROPHONE, Link, Simulation

PRESETS = {
    "wifi": Link(loss=0.01, delay=0.005, jitter=0.005),
    "lossy": Link(loss=0.05, delay=0.02, jitter=0.01),
    "mobile": Link(loss=0.02, delay=0.05, jitter=0.05, burst=2),
    "satellite": Link(loss=0.03, delay=0.3, jitter=0.02),
    "random": Link(loss=0.10),
    "jittery": Link(jitter=0.08),
    "buffered": Link(rate=2_000_000, queue=1.0),
}


def beginning(link: Link, seconds: float = 12.0) -> Simulation:
    """A call whose large picture begins as small as the other and grows for three seconds, as encoders have it."""
    call = Simulation(link, wishes=(MICROPHONE,), back=link.delay)
    tenth = 0
    while call.now < seconds:
        tenth += 1
        high = min(1_500_000.0, max(90_000.0, 500_000.0 * (tenth / 10 - 0.3)))
        call.wishes = (MICROPHONE, Wish("v", "camera", (Layer("low", 80_000.0), Layer("high", high))))
        call.until(tenth / 10)
    return call


@pytest.mark.parametrize(
    ("link", "within"),
    [
        (Link(), 1.3),
        (Link(rate=3_000_000), 1.3),
        (Link(loss=0.05, delay=0.02, jitter=0.01), 1.3),
        (Link(loss=0.03, delay=0.3, jitter=0.02), 3.0),
    ],
)
def test_a_call_begins_in_its_large_picture_though_that_still_grows(link: Link, within: float) -> None:
    call = beginning(link)
    assert call.share("high", within, 12) == 1
    assert len(call.probes) <= 3


@pytest.mark.parametrize(("rate", "heard"), [(300_000, 0.99), (150_000, 0.98), (100_000, 0.95), (60_000, 0.95)])
def test_a_thin_line_is_asked_too_and_its_sound_does_not_suffer(rate: float, heard: float) -> None:
    call = beginning(Link(rate=rate))
    assert call.share("high", 0, 12) == 0
    assert call.heard(0, 12, 0.4) > heard
    assert len(call.probes) <= 6


def test_a_cap_that_falls_and_is_lifted() -> None:
    link = Link(rate=2_000_000)
    call = Simulation(link).until(20)
    assert call.share("high", 5, 20) == 1
    link.rate = 700_000
    call.until(40)
    assert call.share("low", 22, 40) == 1
    assert max(moment.bitrate for moment in call.between(23, 40)) < 800_000
    link.rate = 150_000
    call.until(60)
    assert call.share("low", 42, 60) == 1, "at 150 kbit/s there are sound and a picture"
    assert call.heard(44, 60, 0.4) > 0.95
    link.rate = 60_000
    call.until(80)
    assert call.share(None, 63, 80) == 1
    assert call.moments[-1].allocation.quality == "sound"
    assert call.heard(65, 80, 0.25) > 0.98, "at 60 kbit/s sound alone, in time"
    link.rate = 2_000_000
    call.until(100)
    assert max(moment.bitrate for moment in call.between(80, 90)) > 1_000_000, "recovered within 10 s"
    assert call.share("high", 90, 100) == 1
    assert call.moments[-1].allocation.quality == "good"


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("interval", [0.05, 0.25])
def test_loss_and_jitter_without_a_cap_take_no_picture_away(name: str, interval: float) -> None:
    link = PRESETS[name]
    call = Simulation(Link(**vars(link)), interval=interval, back=link.delay, seed=3).until(40)
    assert call.share("high", 10, 40) == 1
    assert call.changes(10, 40) == 0


@pytest.mark.parametrize("loss", [0.1, 0.2, 0.3])
def test_loss_that_begins_in_the_middle_is_found_to_be_the_lines_own(loss: float) -> None:
    link = Link()
    call = Simulation(link, seed=2).until(10)
    link.loss = loss
    call.until(40)
    assert call.share("high", 20, 40) > 0.9
    assert call.changes(10, 40) <= 4


def test_a_policer_without_a_queue_is_seen_by_its_loss_alone() -> None:
    link = Link()
    call = Simulation(link, seed=4).until(10)
    link.rate, link.queue = 700_000, 0.01
    call.until(30)
    assert call.share("low", 14, 30) == 1
    assert call.heard(14, 30, 0.1) > 0.95
    assert max(moment.bitrate for moment in call.between(16, 30)) < 1_000_000


def test_other_traffic_in_the_same_bottleneck() -> None:
    link = Link(rate=2_000_000)
    call = Simulation(link).until(10)
    link.cross = 1_500_000
    call.until(25)
    assert call.share("low", 13, 25) == 1
    link.cross = 0
    call.until(40)
    assert call.share("high", 36, 40) == 1


def test_an_outage_ends_carefully_and_soon() -> None:
    link = Link(rate=2_000_000)
    call = Simulation(link).until(10)
    link.dead = True
    call.until(15)
    assert call.down.estimator.gone
    assert call.moments[-1].bitrate <= 150_000, "no old high estimate is kept"
    link.dead, link.rate = False, 400_000
    call.until(17)
    assert not call.down.estimator.gone
    assert call.heard(15.2, 17, 0.3) > 0.95, "the line that came back is not flooded"
    link.rate = 2_000_000
    call.until(30)
    assert call.share("high", 25, 30) == 1


def test_nothing_to_send_is_no_outage() -> None:
    call = Simulation(Link()).until(5)
    before = call.down.estimator.bitrate
    sent = len(call.sent_at)
    for tick in range(100):
        call.down.decide((), sent, 5.05 + tick / 10)
    assert not call.down.estimator.gone
    assert call.down.estimator.bitrate == before


def test_a_screen_that_hardly_changes_neither_lowers_nor_raises_the_estimate_without_bound() -> None:
    screen = Wish("s", "screen", (Layer("only", 40_000),))
    call = Simulation(Link(), wishes=(MICROPHONE, screen)).until(60)
    rates = [moment.bitrate for moment in call.between(5, 60)]
    assert min(rates) >= 100_000
    assert max(rates) < 400_000, "more than what was proven is not believed"
    assert call.share("only", 1, 60, "s") == 1


def test_probes_are_small_against_the_line_and_rare_when_they_fail() -> None:
    call = Simulation(Link(rate=60_000)).until(60)
    late = [probe for probe in call.probes if probe.id > 5]
    assert len(call.probes) <= 20
    assert all(probe.bitrate <= 1.5 * 80_000 for probe in late)
    assert all(probe.packets * probe.size * 8 <= 0.25 * 80_000 for probe in late), "a quarter of a second at most"


def test_a_new_path_starts_low_and_climbs_again() -> None:
    call = Simulation(Link(rate=2_000_000)).until(10)
    assert call.share("high", 8, 10) == 1
    call.down.moved(call.now)
    assert call.down.estimator.bitrate <= 300_000
    call.until(20)
    assert call.share("high", 13, 20) == 1


def test_a_room_of_five_shares_a_line_fairly() -> None:
    wishes = []
    for who in "abcd":
        wishes.append(Wish("m" + who, "microphone", MICROPHONE.layers))
        wishes.append(Wish("c" + who, "camera", CAMERA.layers))
    call = Simulation(Link(rate=1_000_000), wishes=wishes).until(30)
    for who in "abcd":
        assert call.share("low", 10, 30, "c" + who) == 1
    call.link.rate = 4_000_000
    call.until(60)
    last = call.moments[-1].allocation.layers
    assert last["ca"] == "high", "the first wish gets more first"
    assert call.changes(45, 60) == 0


def test_without_feedback_the_start_is_kept_and_remb_is_believed() -> None:
    down = Downlink(0.0)
    down.decide(CALL, 100, 5.0)
    assert down.estimator.bitrate == 300_000
    assert down.opening
    down.decide(CALL, 110, 6.6)
    assert not down.opening, "who says nothing is not waited for"
    down.remb(2 * HIGH, 6.7)
    assert down.decide(CALL, 200, 6.8).allocation.wanted == 0
    assert down.decide(CALL, 200, 6.8).probe is None
    down.receiver_report(0.5, 7.0)
    assert down.estimator.bitrate < 2 * HIGH


def told_by_remb(line: float, seconds: int) -> list[Decision]:
    """A subscriber that knows nothing newer: each second what it received, half as much again, or what the line has."""
    down = Downlink(0.0)
    down.decide(CALL, 0, 4.0)
    down.remb(60_000, 4.0)  # a bad moment at the beginning
    made = [down.decide(CALL, 0, 4.0)]
    for tenth in range(50, seconds * 10):
        now = tenth / 10
        if tenth % 10 == 0:
            down.remb(min(line, made[-1].allocation.bitrate * 1.5), now)
        made.append(down.decide(CALL, tenth * 5, now))
    return made


def test_remb_that_only_follows_what_is_sent_lets_pictures_come_back() -> None:
    made = told_by_remb(5_000_000, 90)
    assert made[0].allocation.layers[CAMERA.slot] is None
    assert made[-1].allocation.wanted == 0, "everything is sent at last"


def test_remb_of_a_thin_line_keeps_pictures_away_but_for_rare_attempts() -> None:
    made = told_by_remb(65_000, 120)
    shown = [each.allocation.layers[CAMERA.slot] is not None for each in made[20:]]
    assert sum(shown) < 0.25 * len(shown)
