"""Who has left is freed at once: half a megabyte each must not wait for the next full garbage collection."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from signaling.media.peers.forward import Egress
from signaling.media.peers.peer import Peer
from signaling.media.peers.publication import Publication
from signaling.media.peers.room import Room
from signaling.media.peers.subscription import Subscription
from tests.media_call import DELTA, H264, KEYFRAME, VIDEO, Call, calling, publishing, rtp
from tests.media_client import MediaClient

LARGE = (Egress, Peer, Publication, Room, Subscription)


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        yield running


@pytest.fixture
def collector_off() -> Iterator[None]:
    """What earlier tests left is collected; from here on only reference counts free anything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def held() -> Counter[str]:
    """The large objects that this process holds, by class."""
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, LARGE))


async def converse(call: Call) -> dict[str, MediaClient]:
    """A call of two who see each other."""
    sending = {"gp": await call.publisher("gp", "p1"), "spec": await call.publisher("spec", "p2")}
    hearing = {"gp": await call.subscriber("gp", "s1"), "spec": await call.subscriber("spec", "s2")}
    for client in sending.values():
        for number in range(4):
            client.send_secured(rtp(VIDEO, H264, 100 + number, 9000, DELTA if number else KEYFRAME))
    await call.until(lambda: all(len(client.rtp) >= 4 for client in hearing.values()), "pictures")
    return sending


@pytest.mark.usefixtures("collector_off")
async def test_who_leaves_takes_everything_along(call: Call) -> None:
    await converse(call)
    both = {"Room": 1, "PublishPeer": 2, "SubscribePeer": 2, "Egress": 2, "Publication": 4, "Subscription": 4}
    assert held() == both
    await call.plane.leave(call.room, "spec")
    alone = {"Room": 1, "PublishPeer": 1, "SubscribePeer": 1, "Egress": 1, "Publication": 2}
    await call.until(lambda: held() == alone, "the end of the one who left")
    await call.plane.leave(call.room, "gp")
    await call.until(lambda: not held(), "the end of the room")


@pytest.mark.usefixtures("collector_off")
async def test_a_page_that_is_loaded_again_takes_the_place_of_the_old_one(call: Call) -> None:
    await converse(call)
    before = held()
    await call.publisher("gp", "p3")
    await call.subscriber("gp", "s3")
    await call.until(lambda: held() == before, "the end of the page before")


@pytest.mark.usefixtures("collector_off")
async def test_a_page_that_never_came_through_leaves_nothing(call: Call) -> None:
    await call.plane.join(call.room, "gp", ["H264"])
    await call.plane.publish(call.room, "gp", "p1", *publishing(call.client(), "H264"))
    await call.plane.subscribe(call.room, "gp", "s1")
    assert held()["PublishPeer"] == held()["SubscribePeer"] == 1
    await call.plane.close_room(call.room)
    await call.until(lambda: not held(), "the end of the room")
