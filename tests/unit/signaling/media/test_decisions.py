"""The decisions of the media plane, with time as an argument: paths, silence, NACKs, keyframes, offers."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from signaling.media.peers.room import choose_codec
from signaling.media.policy.ice import Credentials, IceAgent, new_credentials
from signaling.media.policy.liveness import Liveness, Patience
from signaling.media.policy.nack import MAX_MISSING, MAX_REQUESTS, LossTracker
from signaling.media.policy.negotiation import MAX_SLOTS, Negotiation
from signaling.media.policy.pli import INTERVAL, MAX_REPEATS, REPEAT, KeyframeRequests


def agent() -> IceAgent[str]:
    return IceAgent(Credentials("first", "password"))


def test_the_first_authentic_check_gives_a_path_and_nomination_moves_it() -> None:
    ice = agent()
    a, b = "a", "b"
    assert ice.checked(a, False, 0.0)
    assert not ice.checked(b, False, 0.5), "the old path was heard half a second ago"
    assert ice.checked(b, True, 0.6)
    assert ice.path == b


def test_silence_lets_a_plain_check_move_the_path() -> None:
    ice = agent()
    a, b = "a", "b"
    ice.checked(a, True, 0.0)
    ice.media(a, 5.0)
    assert not ice.checked(b, False, 6.9)
    assert ice.checked(b, False, 7.1)


def test_authentic_media_moves_the_path_at_once_and_a_lost_one_waits_for_anything() -> None:
    ice = agent()
    a, b = "a", "b"
    ice.checked(a, True, 0.0)
    assert ice.media(b, 0.1)
    assert not ice.media(b, 0.2)
    ice.lost(a)
    assert ice.path == b
    ice.lost(b)
    assert ice.path is None
    assert ice.checked(a, False, 0.3)


def test_the_last_two_generations_of_credentials_are_accepted() -> None:
    ice = agent()
    assert ice.restart(Credentials("second", "2")) == []
    assert ice.password("first") == "password"
    assert ice.restart(Credentials("third", "3")) == [Credentials("first", "password")]
    assert (ice.password("first"), ice.password("second"), ice.password("third")) == (None, "2", "3")
    fresh = new_credentials(random.Random(1).choice)
    assert (len(fresh.ufrag), len(fresh.password)) == (12, 24)


def test_a_peers_life() -> None:
    life = Liveness(Patience(3, 30, 120), 0.0)
    assert life.tick(29.0) is None
    assert life.secured(29.5) == "connected"
    assert life.heard(29.6) is None, "a stream of packets"
    assert life.tick(32.5) is None
    assert life.tick(32.7) == "disconnected"
    assert life.heard(33.0) == "connected"
    assert life.tick(62.9) == "disconnected"
    assert life.tick(63.1) == "failed"
    assert life.tick(150.0) is None
    assert life.heard(180.0) == "connected"
    assert life.tick(330.1) == "closed"
    assert life.heard(331.0) is None
    assert life.closed() is None


def test_a_peer_that_never_comes_fails_and_is_forgotten() -> None:
    life = Liveness(Patience(3, 30, 120), 0.0)
    assert life.tick(30.0) == "failed"
    assert life.heard(31.0) is None, "a check alone does not connect it"
    assert life.tick(181.0) == "closed"


def test_what_is_missing_is_asked_for_again_ever_more_slowly_and_given_up() -> None:
    losses = LossTracker()
    assert not losses.received(10, 0.0)
    assert losses.received(13, 0.0)
    assert losses.due(0.0) == [11, 12]
    assert losses.due(0.04) == []
    assert not losses.received(11, 0.045)
    asked = [now / 1000 for now in range(50, 3001) if losses.due(now / 1000)]
    assert len(asked) == MAX_REQUESTS - 1
    gaps = [later - sooner for sooner, later in itertools.pairwise(asked)]
    assert [round(gap, 2) for gap in gaps] == [0.05, 0.05, 0.05, 0.1, 0.2]
    assert losses.given_up == 1


def test_an_outage_is_not_asked_for_packet_by_packet() -> None:
    losses = LossTracker()
    losses.received(1, 0.0)
    assert not losses.received(MAX_MISSING + 10, 0.0)
    assert losses.due(0.0) == []
    assert losses.received(MAX_MISSING + 12, 0.0)
    assert losses.due(0.0) == [MAX_MISSING + 11]


@pytest.mark.parametrize(("held", "pressing"), [(2.7, [False, False, True]), (4.5, [False] * 3), (0.0, [False] * 3)])
def test_what_was_lost_twice_and_cannot_be_asked_for_again_in_time_is_pressing(
    held: float, pressing: list[bool]
) -> None:
    losses = LossTracker()
    losses.repairs.came(1.2, 1.2, 1.2, 0.0)  # by satellite
    losses.received(1, 9.9)
    losses.received(3, 10.0)
    found = []
    for at in (10.0, 10.05, 11.4):  # the first request goes out twice
        assert losses.due(at, held) == [2]
        found.append(losses.pressing)
    assert found == pressing
    assert losses.due(11.41, held) == []
    assert not losses.pressing


def test_what_was_sent_while_the_publisher_was_away_is_not_asked_for_at_all() -> None:
    losses = LossTracker()
    losses.received(1, 0.0)
    assert losses.received(3, 0.1)
    losses.outage()
    assert losses.due(0.2) == []
    assert not losses.received(2, 5.0, again=True), "an old packet, by which a browser looks for bandwidth"
    assert not losses.received(60, 5.0)
    assert losses.due(5.0) == []
    assert losses.received(62, 5.1)
    assert losses.due(5.1) == [61]


@given(st.lists(st.integers(0, 300), max_size=100))
def test_only_what_did_not_come_is_asked_for(numbers: list[int]) -> None:
    losses = LossTracker()
    for number in numbers:
        losses.received(number, 0.0)
    asked = losses.due(0.0)
    assert not set(asked) & set(numbers)
    assert asked == sorted(asked)


def test_keyframe_wishes_are_coalesced_delayed_and_repeated_until_a_keyframe_begins() -> None:
    wishes = KeyframeRequests()
    assert not wishes.due(0.0)
    wishes.want()
    assert wishes.due(0.0), "the first at once"
    wishes.want()
    assert not wishes.due(INTERVAL - 0.01)
    assert wishes.due(INTERVAL), "delayed, not dropped"
    assert not wishes.due(INTERVAL + REPEAT - 0.01)
    assert wishes.due(INTERVAL + REPEAT), "nothing came: once more"
    wishes.arrived()
    assert not wishes.due(100.0)
    wishes.want()
    sent = sum(wishes.due(200.0 + second) for second in range(1000))
    assert sent == MAX_REPEATS


def test_a_wish_does_not_wait_for_the_answer_to_one_that_went_nowhere() -> None:
    wishes = KeyframeRequests()
    wishes.want()
    assert wishes.due(0.0)
    assert not wishes.due(0.1)
    wishes.lost()
    assert wishes.due(0.1)
    wishes.want()
    assert not wishes.due(0.1 + INTERVAL - 0.01)


def test_on_a_long_way_nobody_asks_for_a_keyframe_while_one_may_be_coming() -> None:
    wishes, trip = KeyframeRequests(), 1.2
    wishes.want()
    assert wishes.due(0.0, trip)
    wishes.want()
    assert not wishes.due(trip - 0.01, trip), "it will be the answer to this wish, too"
    assert wishes.due(trip, trip)
    assert not wishes.due(2.5 * trip - 0.01, trip)
    assert wishes.due(2.5 * trip, trip)


def test_the_codec_of_a_room() -> None:
    both, vp9, h264 = frozenset({"H264", "VP9"}), frozenset({"VP9"}), frozenset({"H264"})
    assert choose_codec("H264", [both, h264, frozenset()]) == "H264"  # type: ignore[list-item]
    assert choose_codec("H264", [both, vp9]) == "VP9"  # type: ignore[list-item]
    assert choose_codec("VP9", [both]) == "VP9", "no change without need"  # type: ignore[list-item]
    assert choose_codec("VP9", [h264]) == "H264"  # type: ignore[list-item]
    assert choose_codec("H264", [h264, vp9]) == "H264", "nothing suits all"  # type: ignore[list-item]


def test_more_publications_than_slots_leave_video_out_first() -> None:
    negotiation = Negotiation(10)
    negotiation.wish([(f"v{each}", "video") for each in range(MAX_SLOTS)] + [("a", "audio")])
    assert negotiation.next_offer(0.0) == 1
    assert len(negotiation.slots) == MAX_SLOTS
    assert negotiation.slots[0].publication == "a"
    assert negotiation.left_out == 1


class Negotiating(RuleBasedStateMachine):
    """Publications come and go while offers are answered, late, twice, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.negotiation = Negotiation(10)
        self.now = 0.0
        self.wanted: dict[str, str] = {}
        self.offered: list[tuple[str, str]] = []
        self.versions: list[int] = []

    @rule(name=st.sampled_from("abcdef"), kind=st.sampled_from(["audio", "video"]))
    def publish(self, name: str, kind: str) -> None:
        self.wanted[name + kind[0]] = kind
        self.negotiation.wish(list(self.wanted.items()))  # type: ignore[arg-type]

    @precondition(lambda self: self.wanted)
    @rule(chance=st.randoms(use_true_random=False))
    def unpublish(self, chance: random.Random) -> None:
        del self.wanted[chance.choice(sorted(self.wanted))]
        self.negotiation.wish(list(self.wanted.items()))  # type: ignore[arg-type]

    @rule(seconds=st.sampled_from([0.0, 1.0, 11.0]))
    def offer(self, seconds: float) -> None:
        self.now += seconds
        outstanding = self.negotiation.outstanding and seconds < 10 and self.now < (self.negotiation._deadline or 0)
        version = self.negotiation.next_offer(self.now)
        assert not (outstanding and version is not None), "one offer at a time"
        if version is not None:
            self.versions.append(version)
            placed = [slot.publication for slot in self.negotiation.slots if slot.publication]
            assert sorted(placed) == sorted(self.wanted), "everything wanted has one slot, nothing else has"

    @rule(back=st.integers(0, 3))
    def answer(self, back: int) -> None:
        version = self.negotiation.version - back
        fresh = back == 0 and self.negotiation.outstanding
        assert self.negotiation.answered(version) == fresh

    @invariant()
    def sections_keep_their_place(self) -> None:
        now: list[tuple[str, str]] = [(slot.mid, slot.kind) for slot in self.negotiation.slots]
        assert now[: len(self.offered)] == self.offered
        self.offered = now
        assert self.versions == sorted(set(self.versions))


TestNegotiating = Negotiating.TestCase
