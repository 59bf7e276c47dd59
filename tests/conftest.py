"""Fixtures that every test may ask for: the real peers, started once a run and only when a test needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect
from xdist.scheduler import LoadScopeScheduling

from tests import peers

PATIENCE_MS = 15_000
"""How long a page may take to show what it should: a machine with much else to do is slow, and what is right comes."""


def pytest_configure() -> None:
    """Before anything else."""
    expect.set_options(timeout=PATIENCE_MS)


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist is not typed there
    """Which tests keep to one process when several run at once (`tele test`): those of a file, and all with a browser.

    Two browsers that encode, decode and play beside one another starve each other on two cores, and then a test judges
    the machine.
    """

    def _split_scope(self, nodeid: str) -> str:
        return kept_together(nodeid.partition("::")[0])


def kept_together(file: str) -> str:
    """The name of what a test file, by its path from the top, shares its process with."""
    return "browser" if file.startswith("tests/browser/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those with a browser and the static checks last longest and go first."""
    first = {"browser": 0, "tests/test_static.py": 1}
    items.sort(key=lambda item: first.get(kept_together(item.nodeid.partition("::")[0]), 2))


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with peers.redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with peers.postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with peers.s3_server(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest.fixture(scope="session")
def chromium_executable() -> tuple[str, dict[str, str]]:
    """Path and environment of the browser, unpacked on first use."""
    return peers.chromium()


@pytest.fixture
async def browser(chromium_executable: tuple[str, dict[str, str]]) -> AsyncIterator[Browser]:
    """A fresh headless Chromium with fake camera and microphone, in which media may play without a click."""
    executable, environment = chromium_executable
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, env=environment, args=[*peers.CHROMIUM_FLAGS, peers.AUTOPLAY_FLAG]
        )
        yield browser
        await browser.close()


@pytest.fixture
def repository() -> Path:
    """The top folder of the checkout."""
    return Path(__file__).resolve().parent.parent
