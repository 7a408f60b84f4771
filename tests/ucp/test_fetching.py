"""Fetching profiles from addresses that anybody may have made up."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_cart.ucp import ProfileFetcher
from flask_cart.ucp import fetching
from flask_cart.ucp.fetching import is_public
from flask_cart.ucp.requests import ProtocolError
from tests.support.tls import served_by_tls

PROFILE: t.Final = {"keys": [{"kid": "1", "kty": "EC"}]}


class Site:
    """A site of assistants: by the path, what it answers, and how often it did."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_over = threading.Event()
        self.address = ""

    def __call__(self, environ: dict[str, t.Any], start: t.Any) -> t.Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(f"{path}?{environ['QUERY_STRING']}".rstrip("?"))
        status = {"/away": "302 Found", "/none": "404 Not Found"}.get(path, "200 OK")
        start(status, [("Location", "/profile"), ("Content-Type", "application/json")])

        if path == "/slow":
            return self.drip()

        bodies = {
            "/empty": b"",
            "/list": b"[]",
            "/nothing": b"{}",
            "/broken": b"{",
            "/deep": b'{"a":' * 30_000,
            "/long": b'{"a": "%s"}' % (b"x" * fetching.MAX_BYTES),
        }

        return [bodies.get(path, json.dumps(PROFILE).encode())]

    def drip(self) -> Iterator[bytes]:
        while not self.is_over.wait(0.05):
            yield b" "


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Path]]:
    site, folder = Site(), tmp_path_factory.mktemp("site")

    with served_by_tls(site, folder) as site.address:
        yield site, folder / "cert.pem"


@pytest.fixture
def site(served: tuple[Site, Path], monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site, as if this machine was a public one that is known to be itself."""
    site, certificate = served
    context = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(fetching.ssl, "create_default_context", lambda: context)
    monkeypatch.setattr(fetching, "PORT", int(site.address.rpartition(":")[2]))
    monkeypatch.setattr(fetching, "is_public", lambda address: True)
    # This machine may have much to do.
    monkeypatch.setattr(fetching, "DEADLINE", 60.0)
    site.asked.clear()
    site.is_over.clear()

    return site


def refused(fetcher: ProfileFetcher, address: str) -> tuple[int, str]:
    with pytest.raises(ProtocolError) as caught:
        fetcher(address)

    return caught.value.status, caught.value.code


UNREACHABLE: t.Final = (424, "profile_unreachable")


@pytest.mark.parametrize("path", ["/profile", "", "/profile?of=me"])
def test_a_profile_is_fetched_and_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """For five minutes, however often it is wanted."""
    now = 1000.0
    monkeypatch.setattr(fetching.time, "monotonic", lambda: now)
    fetcher = ProfileFetcher()

    assert fetcher(site.address + path) == PROFILE
    assert fetcher(site.address + path) == PROFILE
    assert site.asked == [path or "/"]

    now += fetching.LASTS

    assert fetcher(site.address + path) == PROFILE
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/away", UNREACHABLE),
        ("/none", UNREACHABLE),
        ("/empty", UNREACHABLE),
        ("/list", (422, "profile_malformed")),
        ("/nothing", (422, "profile_malformed")),
        ("/broken", (422, "profile_malformed")),
        ("/deep", (422, "profile_malformed")),
        ("/long", (422, "profile_malformed")),
    ],
)
def test_what_is_no_profile(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str, error: tuple[int, str]
) -> None:
    """No redirect is followed, and it is not asked for again at once."""
    now = 1000.0
    monkeypatch.setattr(fetching.time, "monotonic", lambda: now)
    fetcher = ProfileFetcher()

    assert refused(fetcher, site.address + path) == error
    assert refused(fetcher, site.address + path) == error
    assert site.asked == [path]

    now += fetching.FAILS

    assert refused(fetcher, site.address + path) == error
    assert len(site.asked) == 2


def test_who_is_slow_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if there is always one more byte."""
    monkeypatch.setattr(fetching, "DEADLINE", 0.3)

    try:
        assert refused(ProfileFetcher(), f"{site.address}/slow")[0] in (422, 424)
    finally:
        site.is_over.set()


def test_a_certificate_of_somebody_else(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked of who cannot show that it is the host."""
    # It checks them, and knows nobody who could vouch for one.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr(fetching.ssl, "create_default_context", lambda: context)

    assert refused(ProfileFetcher(), f"{site.address}/profile") == UNREACHABLE
    assert site.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost/profile",
        "https://localhost:1/profile",
        "https://localhost:x/profile",
        "https://me@localhost/profile",
        "https://localhost/profile#keys",
        "https:///profile",
        "https://\u00e4.example/",
        "https://no-such-host.invalid/",
        "file:///etc/passwd",
    ],
)
def test_addresses_that_are_not_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """At other ports, in other protocols, or nowhere."""
    port = site.address.rpartition(":")[2]
    address = address.replace("localhost/", f"localhost:{port}/")
    address = address.replace(".example/", f".example:{port}/")
    address = address.replace(".invalid/", f".invalid:{port}/")
    known = socket.getaddrinfo

    def look_up(host: str, *more: t.Any, **options: t.Any) -> t.Any:
        host.encode("ascii")

        if host not in ("localhost", "127.0.0.1"):
            raise socket.gaierror

        return known(host, *more, **options)

    monkeypatch.setattr(fetching.socket, "getaddrinfo", look_up)

    assert refused(ProfileFetcher(), address) == UNREACHABLE
    assert site.asked == []
    assert ProfileFetcher()(f"{site.address}/profile") == PROFILE


def test_what_is_the_shops_own_is_not_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by its number nor by a name that leads there; it is looked up once, and
    what was looked at is what is asked."""
    monkeypatch.undo()
    looked_up: list[str] = []

    def look_up(host: str, port: int, **more: t.Any) -> list[t.Any]:
        looked_up.append(host)
        return [(2, 1, 6, "", (each, port)) for each in ("93.184.216.34", "10.0.0.1")]

    assert refused(ProfileFetcher(), "https://127.0.0.1/") == UNREACHABLE
    assert refused(ProfileFetcher(), "https://[::1]/") == UNREACHABLE

    monkeypatch.setattr(fetching.socket, "getaddrinfo", look_up)

    assert refused(ProfileFetcher(), "https://both.example/") == UNREACHABLE
    assert looked_up == ["both.example"]


def test_the_connection_is_to_what_was_looked_at(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere a moment later leads nowhere; what does not answer
    at one of its addresses may do so at another."""
    asked: list[str] = []
    at = ["192.0.2.1", "192.0.2.2", *socket.gethostbyname_ex("localhost")[2]]
    known = socket.create_connection

    def connect(address: tuple[str, int], timeout: float) -> t.Any:
        asked.append(address[0])

        if address[0].startswith("192."):
            raise OSError

        return known(address, 60)

    monkeypatch.setattr(fetching, "find_public", lambda host: at)
    monkeypatch.setattr(fetching.socket, "create_connection", connect)

    assert ProfileFetcher()(f"{site.address}/profile") == PROFILE
    assert asked == at[:3]

    monkeypatch.setattr(fetching, "MAX_TRIED", 2)

    assert refused(ProfileFetcher(), f"{site.address}/profile") == UNREACHABLE
    assert asked[3:] == at[:2]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("2606:2800::1%eth0", False),
        ("fc00::1", False),
        ("ff0e::1", False),
        ("::ffff:93.184.216.34", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378::1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("::7f00:1", False),
        ("::ffff:0:7f00:1", False),
        ("64:ff9b:1::7f00:1", False),
        ("fec0::1", False),
        ("4000::1", False),
        ("5f00::1", False),
    ],
)
def test_which_addresses_are_public(address: str, expected: bool) -> None:
    """Those that lead to nothing of the shop's own, under no other name."""
    assert is_public(address) is expected


def test_few_are_fetched_at_once(site: Site) -> None:
    """Who sends many addresses does not keep all of the shop waiting."""
    fetcher = ProfileFetcher()

    for _ in range(fetching.MAX_AT_ONCE):
        fetcher._places.acquire()

    assert refused(fetcher, f"{site.address}/profile") == (503, "busy")

    fetcher._places.release()

    assert fetcher(f"{site.address}/profile") == PROFILE


def test_few_are_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest make room."""
    monkeypatch.setattr(fetching, "MAX_KEPT", 2)
    fetcher = ProfileFetcher()

    for number in (1, 2, 3, 1):
        fetcher(f"{site.address}/{number}")

    fetcher(f"{site.address}/3")

    assert site.asked == ["/1", "/2", "/3", "/1"]
