"""TURN credentials: what coturn expects, for how long, and that nothing of them shows."""

from __future__ import annotations

import pytest

from tele import settings, turn


def site(monkeypatch: pytest.MonkeyPatch, **environment: str) -> turn.Turn:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return turn.from_settings(settings.load(), lambda: 1_795_300_000.9, lambda: "Yb3kQ81mZx0")


def test_a_site_without_turn_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert site(monkeypatch).ice_servers() == []


def test_the_user_name_holds_expiry_and_chance_and_the_password_signs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = site(
        monkeypatch,
        TELE_TURN__URLS="turns:turn.hospital.example:443, turn:turn.hospital.example:3478?transport=udp",
        TELE_TURN__SECRET="north-gate-of-the-hospital",
        TELE_TURN__LIFETIME_MINUTES="10",
    )
    assert made.ice_servers() == [
        {
            "urls": ["turns:turn.hospital.example:443", "turn:turn.hospital.example:3478?transport=udp"],
            "username": "1795300600:Yb3kQ81mZx0",
            # printf 1795300600:Yb3kQ81mZx0 | openssl dgst -sha1 -hmac north-gate-of-the-hospital -binary | base64
            "credential": "QfBmT80IdsJXOGm0bxurlk7qgUo=",
        }
    ]
    assert "north-gate" not in repr(made)


@pytest.mark.parametrize(
    ("url", "secret", "said"),
    [
        ("turns:turn.example:443", "", "turn.secret must be coturn's static-auth-secret"),
        ("turns:turn.example:443", "short", "16 characters or more"),
        ("https://turn.example", "long-enough-a-secret", "write it as turns:"),
        ("stun:turn.example", "long-enough-a-secret", "write it as turns:"),
    ],
)
def test_a_mistake_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, secret: str, said: str
) -> None:
    with pytest.raises(SystemExit, match=said):
        site(monkeypatch, TELE_TURN__URLS=url, TELE_TURN__SECRET=secret)
