"""Fixtures of whole-application tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.house import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Services, SQLite and routes with the demo consortium; paging and sockets are stand-ins that take notes."""
    house = await House.open(f"sqlite+aiosqlite:///{tmp_path}/tele.db", tmp_path)
    yield house
    await house.close()
