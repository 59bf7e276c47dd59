"""The console: the first account of a real site, passwords, closed accounts, the plain-words self-test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.people import caller
from tests.server import REPOSITORY, Server, running_server


def tele(data_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the console on this data."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELE_")}
    return subprocess.run(
        [sys.executable, "-m", "tele", *arguments],
        cwd=REPOSITORY, env={**inherited, "TELE_DATA_DIR": str(data_dir), **environment}, capture_output=True,
        text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def new_account(data_dir: Path, username: str, *more: str) -> subprocess.CompletedProcess[str]:
    return tele(
        data_dir, "admin", "create", "--username", username, "--name", "Dr First", "--organisation", "North Clinic",
        "--password", "a long enough password", *more,
    )  # fmt: skip


async def sign_in(server: Server, username: str, password: str) -> int:
    async with aiohttp.ClientSession() as http:
        answer = await http.post(f"{server.url}/api/session", json={"username": username, "password": password})
        return answer.status


async def test_a_site_without_the_demo_starts_with_the_account_that_the_console_made(tmp_path: Path) -> None:
    made = new_account(tmp_path / "data", "first", "--role", "administrator")
    assert made.returncode == 0, made.stderr
    with running_server(tmp_path / "data", TELE_DEMO__ENABLED="false") as server:
        assert "demo" not in server.log.lower().replace("demo__enabled", "")
        assert await sign_in(server, "first", "a long enough password") == 200
        assert await sign_in(server, "gp", "demo-only") == 401


def test_mistakes_are_told_in_one_sentence(tmp_path: Path) -> None:
    assert new_account(tmp_path, "first").returncode == 0
    again = new_account(tmp_path, "first")
    assert again.returncode == 1
    assert again.stderr.startswith("tele: ")
    assert "Traceback" not in again.stderr
    short = tele(
        tmp_path, "admin", "create", "--username", "x2", "--name", "N", "--organisation", "North Clinic",
        "--password", "short",
    )  # fmt: skip
    assert short.returncode == 1
    assert "password" in short.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "data", TELE_MEDIA__WORKERS="0") as server:
        yield server


async def test_a_closed_account_loses_its_session_and_its_page(server: Server) -> None:
    async with caller(server.url, "gp") as gp:
        closed = tele(server.data_dir, "admin", "disable", "gp")
        assert closed.returncode == 0, closed.stderr
        assert (await gp.call("GET", "/api/session"))[0] == 401
        assert (await gp.hears("session.ended", limit=20))["reason"] == "expired"
    assert await sign_in(server, "gp", "demo-only") == 401
    assert tele(server.data_dir, "admin", "enable", "gp").returncode == 0
    assert await sign_in(server, "gp", "demo-only") == 200


async def test_a_new_password_signs_everybody_out(server: Server) -> None:
    async with caller(server.url, "spec", page=False) as specialist:
        assert tele(server.data_dir, "admin", "password", "spec", "--new", "another long password").returncode == 0
        assert (await specialist.call("GET", "/api/session"))[0] == 401
    assert await sign_in(server, "spec", "another long password") == 200


def test_the_self_test_speaks_plain_words_in_both_languages(server: Server) -> None:
    ports = {"TELE_HTTP__PORT": str(server.port), "TELE_MEDIA__PORT": str(server.media_port)}
    english = tele(server.data_dir, "check", **ports, LANG="en_GB.UTF-8")
    assert english.returncode == 0, english.stdout
    assert "Tele is running there and answers" in english.stdout
    chinese = tele(server.data_dir, "check", **ports, LANG="zh_CN.UTF-8", LC_ALL="zh_CN.UTF-8")
    assert "正在运行" in chinese.stdout


def test_the_self_test_names_a_port_that_another_program_uses(server: Server, tmp_path: Path) -> None:
    server.stop()
    with socket.socket() as other, socket.socket(type=socket.SOCK_DGRAM) as media:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", server.port))
        other.listen()
        media.bind(("0.0.0.0", server.media_port))
        ports = {"TELE_HTTP__PORT": str(server.port), "TELE_MEDIA__PORT": str(server.media_port)}
        found = tele(tmp_path / "data", "check", **ports, LANG="en")
        assert found.returncode == 1
        assert f"Web port {server.port}" in found.stdout
        assert "FIX" in found.stdout
        refused = tele(tmp_path / "data", "serve", **ports)
        assert refused.returncode != 0
        assert "Another program" in refused.stderr


def test_the_demo_is_not_opened_to_others_with_the_password_that_everybody_knows(tmp_path: Path) -> None:
    refused = tele(tmp_path / "data", "serve", TELE_HTTP__HOST="0.0.0.0")
    assert refused.returncode == 1
    assert "TELE_DEMO__ENABLED=false" in refused.stderr


def test_benchmarks_are_listed() -> None:
    listed = tele(REPOSITORY / "nowhere", "bench")
    assert {"forward", "record"} <= {line.split()[0] for line in listed.stdout.splitlines()}
