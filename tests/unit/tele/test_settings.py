"""Settings: defaults, the operator's file, the environment, and mistakes in each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tele import settings


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> settings.Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return settings.load()


def test_defaults_are_what_the_contract_says(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load(monkeypatch)
    assert (found.http.host, found.http.port, found.media.port, found.media.workers) == ("127.0.0.1", 8080, 8443, 1)
    assert found.database_url.startswith("sqlite+aiosqlite:///")
    assert found.demo.password.get_secret_value() == "demo-only"
    assert found.http.on_loopback


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("http:\n  port: 9000\n  host: 0.0.0.0\nmedia:\n  host: [203.0.113.7]\n")
    found = load(monkeypatch, TELE_CONFIG=str(file), TELE_HTTP__PORT="9001")
    assert (found.http.port, found.http.host, found.media.host) == (9001, "0.0.0.0", ["203.0.113.7"])
    assert not found.http.on_loopback


def test_a_list_in_the_environment_is_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, TELE_MEDIA__HOST="203.0.113.7, 2001:db8::7").media.host == ["203.0.113.7", "2001:db8::7"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TELE_HTTP__PROT", "9000", "http.prot"),
        ("TELE_HTPP__PORT", "9000", "TELE_HTPP__PORT"),
        ("TELE_HTTP__PORT", "ninety", "http.port"),
        ("TELE_HTTP__PORT", "70000", "http.port"),
        ("TELE_HTTP__TLS_CERT", "/cert.pem", "tls_cert and http.tls_key go together"),
        ("TELE_MEDIA__WORKERS", "-1", "media.workers"),
        ("TELE_CONFIG", "/no/such/file.yaml", "no such file"),
    ],
)
def test_a_mistake_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    with pytest.raises(SystemExit, match=said):
        load(monkeypatch, **{name: value})


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load(monkeypatch, TELE_DEMO__PASSWORD="a long secret", TELE_WEBHOOK__SECRET="another secret")
    assert "a long secret" not in repr(found)
    assert "another secret" not in repr(found)


def test_postgres_urls_get_the_driver_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load(monkeypatch, TELE_DATABASE__URL="postgres://u:p@db/tele")
    assert found.database_url == "postgresql+asyncpg://u:p@db/tele"


def test_every_setting_has_a_comment_where_it_is_set() -> None:
    lines = settings.config_file("default.yaml").read_text(encoding="utf-8").splitlines()
    explained_by_others = {"username", "password", "host", "tls_key", "starttls", "sender", "secret", "lockout_minutes"}
    without = [
        line.split(":")[0].strip()
        for line in lines
        if line.startswith("  ")
        and ":" in line
        and "#" not in line
        and line.split(":")[0].strip() not in explained_by_others
    ]
    assert [name for name in without if name not in {"url", "port"}] == []
