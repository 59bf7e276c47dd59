"""The world in which rooms are tested, closed after each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.signaling.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.tasks.close()
