"""Where requests come from: addresses through proxies, origins, byte ranges."""

from __future__ import annotations

import ipaddress

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from tele.web.edge import Edge
from tele.web.ranges import Unsatisfiable, parse_range
from tele.web.sessions import set_cookie


def request(remote: str = "10.0.0.1", **headers: str) -> web.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("POST", "/", headers={"Host": "tele.example:8080", **named}).clone(remote=remote)


PROXIES = tuple(ipaddress.ip_network(each) for each in ("10.0.0.0/8", "fd00::/8"))


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "address"),
    [
        ((), "10.0.0.1", "1.2.3.4", "10.0.0.1"),
        (PROXIES, "10.0.0.1", "1.2.3.4", "1.2.3.4"),
        (PROXIES, "10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),  # the first one is the caller's own invention
        (PROXIES, "10.0.0.1", "1.2.3.4, 10.0.0.2", "1.2.3.4"),
        (PROXIES, "8.8.8.8", "1.2.3.4", "8.8.8.8"),
        (PROXIES, "10.0.0.1", "", "10.0.0.1"),
        (PROXIES, "10.0.0.1", "rubbish", "rubbish"),
    ],
)
def test_only_trusted_proxies_are_believed(
    proxies: tuple[ipaddress.IPv4Network, ...], remote: str, forwarded: str, address: str
) -> None:
    edge = Edge(trusted_proxies=proxies)
    assert edge.address(request(remote, X_Forwarded_For=forwarded)) == address


@pytest.mark.parametrize(
    ("edge", "origin", "own"),
    [
        (Edge(), "http://tele.example:8080", True),
        (Edge(), "https://tele.example:8080", False),
        (Edge(tls=True), "https://tele.example:8080", True),
        (Edge("https://care.example"), "https://care.example", True),
        (Edge("https://care.example/"), "HTTPS://CARE.EXAMPLE", True),
        (Edge("https://care.example"), "http://tele.example:8080", False),
        (Edge(), "http://tele.example:8080.evil.example", False),
        (Edge(), "null", False),
        (Edge(), "", False),
    ],
)
def test_our_own_origin(edge: Edge, origin: str, own: bool) -> None:
    assert edge.is_own(request(Origin=origin)) is own


def test_cookies_are_strict_under_https() -> None:
    assert Edge().cookie == "tele_session" and not Edge().secure
    assert Edge("https://care.example").cookie == "__Host-tele_session" and Edge(tls=True).secure


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 10)),
        ("bytes=2-100", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-100", (0, 10)),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=-", None),
    ],
)
def test_ranges(header: str | None, wanted: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == wanted


@given(st.text(max_size=40), st.integers(1, 1 << 40))
def test_any_range_is_inside_the_file(header: str, size: int) -> None:
    try:
        found = parse_range(f"bytes={header}", size)
    except Unsatisfiable:
        return
    assert found is None or 0 <= found[0] < found[1] <= size


def test_the_session_cookie_belongs_to_one_host_alone() -> None:
    plain, strict = web.Response(), web.Response()
    set_cookie(Edge(), plain, "t", 60)
    set_cookie(Edge("https://care.example"), strict, "t", 60)
    sent = strict.cookies["__Host-tele_session"].OutputString()
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=60"} <= set(
        sent.split("; ")
    ) and "Domain" not in sent
    assert "Secure" not in plain.cookies["tele_session"].OutputString()
