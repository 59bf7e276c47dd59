"""Who comes shortly after a keyframe is shown it, and all since, at once; who comes later waits for the next."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from signaling.media.counters import Counters
from signaling.media.packets import rtp_header
from signaling.media.packets.rtp_header import PAYLOAD_AT
from signaling.media.peers.publication import CATCH_UP, FRESH, Publication
from signaling.media.peers.subscription import Subscription
from signaling.media.peers.taps import Taps
from signaling.media.transport.batch import Outbox
from tele.domain.media import Track
from tests.unit.signaling.media.wire import Subscriber

KEYFRAME, DELTA = bytes((0x65,)), bytes((0x41,))


class Scene:
    """One publication of 20 pictures a second, and whoever comes to see it."""

    def __init__(self) -> None:
        self.sender = socket.socket(type=socket.SOCK_DGRAM)
        self.sender.bind(("127.0.0.1", 0))
        self.counters = Counters()
        self.outbox = Outbox(64, self.counters)
        self.outbox.open(self.sender.fileno(), 16)
        self.asked = 0
        self.publications = [self._publication(name) for name in ("large", "small")]
        self.viewers: list[Subscriber] = []
        self.now = 100.0
        self.sent = 0

    def _publication(self, name: str) -> Publication:
        track = Track(name, "room", "gp", "camera", "video", "H264")
        return Publication(track, "stream", Taps(self.counters), self.outbox, self.counters, self._ask)

    def _ask(self) -> None:
        self.asked += 1

    def picture(self, *, key: bool = False, of: int = 0, missing: bool = False) -> None:
        """A twentieth of a second later the next picture comes, in one packet, unless it is missing."""
        self.now += 0.05
        self.sent += 1
        if not missing:
            payload = (KEYFRAME if key else DELTA) + bytes((self.sent,))
            self.publications[of].packet(self.sent, 4_500 * self.sent, True, payload, None, None, self.now)
        self.outbox.flush()

    def viewer(self) -> tuple[Subscriber, Subscription]:
        """Somebody who can be sent something and is sent nothing yet."""
        viewer = Subscriber(len(self.viewers) + 1)
        self.viewers.append(viewer)
        subscription = Subscription("H264", (len(self.viewers), 99), "00", "stream", 7, self.outbox, self.counters)
        subscription.egress = viewer.egress
        return viewer, subscription

    def look(self, subscription: Subscription, of: int = 0) -> None:
        """From now on it is to be sent this publication."""
        subscription.carry(self.publications[of], self.now)
        self.outbox.flush()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    for viewer in made.viewers:
        viewer.socket.close()
    made.sender.close()


def shown(viewer: Subscriber) -> list[tuple[int, int]]:
    """The pictures that came, by the number they were taken with, and how far each is after the first in numbers."""
    packets = viewer.received()
    numbers = [rtp_header.parse(packet).sequence for packet in packets]
    return [(packet[PAYLOAD_AT + 1], number - numbers[0]) for packet, number in zip(packets, numbers, strict=True)]


def test_what_came_since_a_fresh_keyframe_comes_at_once_and_the_rest_behind_it(scene: Scene) -> None:
    scene.picture()
    scene.picture(key=True)
    for _ in range(4):
        scene.picture()
    viewer, subscription = scene.viewer()
    scene.look(subscription)
    assert scene.asked == 0
    assert shown(viewer) == [(2, 0), (3, 1), (4, 2), (5, 3), (6, 4)]
    scene.picture()
    scene.picture()
    assert [picture for picture, _ in shown(viewer)] == [7, 8]
    assert subscription._sent() == (7, 14)


def test_a_hole_in_it_is_filled_when_it_comes(scene: Scene) -> None:
    scene.picture(key=True)
    scene.picture(missing=True)
    scene.picture()
    viewer, subscription = scene.viewer()
    scene.look(subscription)
    assert shown(viewer) == [(1, 0), (3, 2)]
    late = DELTA + bytes((2,))
    scene.publications[0].packet(2, 9_000, True, late, None, None, scene.now)
    scene.outbox.flush()
    assert [picture for picture, _ in shown(viewer)] == [2]


def test_behind_an_older_keyframe_or_many_packets_the_next_is_waited_for(scene: Scene) -> None:
    scene.picture(key=True)
    for _ in range(int(FRESH / 0.05) + 1):
        scene.picture()
    viewer, subscription = scene.viewer()
    scene.look(subscription)
    assert (scene.asked, shown(viewer)) == (1, [])
    scene.picture(key=True)
    assert len(shown(viewer)) == 1

    for number in range(1, CATCH_UP + 1):
        scene.publications[0].packet(scene.sent + number, 1, False, DELTA, None, None, scene.now)
    other, subscription = scene.viewer()
    scene.look(subscription)
    assert (scene.asked, shown(other)) == (2, [])


def test_who_has_a_picture_or_had_one_since_goes_on_from_there(scene: Scene) -> None:
    scene.picture(key=True, of=0)
    viewer, subscription = scene.viewer()
    scene.look(subscription)
    scene.picture(key=True, of=1)
    scene.picture(of=0)
    shown(viewer)
    scene.look(subscription, of=1)
    assert (scene.asked, shown(viewer)) == (1, []), "the other picture is shown until a keyframe of this one"
    subscription.carry(None, scene.now)
    scene.look(subscription, of=0)
    assert (scene.asked, shown(viewer)) == (2, []), "it was shown later pictures than that keyframe"


def test_a_keyframe_that_comes_again_late_begins_nothing_for_who_has_another_layer(scene: Scene) -> None:
    viewer, subscription = scene.viewer()
    scene.look(subscription)
    scene.picture(key=True)
    large, small = scene.publications
    scene.picture(of=1)
    scene.look(subscription, of=1)
    scene.picture(of=1, missing=True)
    lost = scene.sent
    for _ in range(6):
        scene.picture()
        scene.picture(of=1)
    small.packet(lost, 4_500 * lost, True, KEYFRAME + bytes((lost,)), None, None, scene.now)
    assert subscription.source is large, "time would go back"
    assert small.keyframes.due(scene.now + 5), "another one is asked for"

    _, newcomer = scene.viewer()
    scene.look(newcomer, of=1)
    lost += 1
    small.packet(lost, 4_500 * lost, True, KEYFRAME + bytes((lost,)), None, None, scene.now)
    assert newcomer.source is small, "who sees nothing yet has no time to go back"

    scene.picture(of=1, key=True)
    assert subscription.source is small
    assert shown(viewer)[-1][0] == scene.sent
