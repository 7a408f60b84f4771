"""Fetching: the profile of an assistant, from an address that it may have made up.

Whoever sends a request names the address, and wants the shop to ask there. So it is
asked only where everybody could ask, and not for long.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import typing as t
from collections import OrderedDict
from contextlib import closing
from contextlib import suppress
from http.client import HTTPException
from http.client import HTTPSConnection
from ipaddress import IPv6Address
from ipaddress import IPv6Network
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from .requests import ProtocolError

#: A profile, as it was published.
Profile = t.Mapping[str, t.Any]

#: Seconds that one is waited for, that it is good, and that it is not tried again.
DEADLINE: t.Final = 5.0
LASTS: t.Final = 300.0
FAILS: t.Final = 30.0

#: How long it may be, how many are kept, how many are fetched at once, and at how many
#: addresses of a host one is asked for.
MAX_BYTES: t.Final = 65_536
MAX_KEPT: t.Final = 256
MAX_AT_ONCE: t.Final = 4
MAX_TRIED: t.Final = 4

PORT = 443

#: All of IPv6 that is given out. The rest is IPv4 by other names, or nobody's.
_GIVEN_OUT: t.Final = IPv6Network("2000::/3")
#: What books may use, of which not every Python knows.
_EXAMPLES: t.Final = IPv6Network("3fff::/20")


class ProfileFetcher:
    """Fetches the profile of an assistant, for :func:`.require_signatures`.

    It asks by HTTPS, at port 443 of public addresses only, follows no redirect, waits
    five seconds at most, and reads 64 KiB at most. It keeps the profiles of 256
    assistants for five minutes each, and fetches four at once.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, Profile | ProtocolError]] = (
            OrderedDict()
        )
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)
        self._context = ssl.create_default_context()

    def __call__(self, address: str) -> Profile:
        """The profile at an address.

        :raises ProtocolError: If there is none, or it may not be asked for.
        """
        now = time.monotonic()

        with self._lock:
            until, found = self._kept.get(address, (0.0, None))

        if found is None or until <= now:
            found = self._fetch_once(address, now)

        if isinstance(found, ProtocolError):
            raise found

        return found

    def _fetch_once(self, address: str, now: float) -> Profile | ProtocolError:
        if not self._places.acquire(blocking=False):
            raise ProtocolError(503, "busy", "Too many profiles are fetched at once.")

        found: Profile | ProtocolError

        try:
            found = self._fetch(address)
        except ProtocolError as error:
            found = error
        except (OSError, HTTPException, ValueError):
            found = _unreachable()
        finally:
            self._places.release()

        lasts = FAILS if isinstance(found, ProtocolError) else LASTS

        with self._lock:
            self._kept[address] = (now + lasts, found)
            self._kept.move_to_end(address)

            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)

        return found

    def _fetch(self, address: str) -> Profile:
        parts = urlsplit(address)
        host = parts.hostname or ""
        has_more = parts.username is not None or parts.fragment

        if parts.scheme != "https" or (parts.port or 443) != PORT or has_more:
            raise _unreachable()

        connection = _Connection(host, find_public(host), self._context)
        path = parts.path or "/"

        with closing(connection), connection.cut_after(DEADLINE):
            connection.request(
                "GET",
                f"{path}?{parts.query}" if parts.query else path,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            )

            with connection.getresponse() as response:
                data = response.read(MAX_BYTES) if response.status == 200 else b""

        if not data:
            raise _unreachable()

        return _read(data)


class _Connection(HTTPSConnection):
    """A connection to addresses that were looked at, in the name of their host."""

    def __init__(
        self, host: str, addresses: t.Sequence[str], context: ssl.SSLContext
    ) -> None:
        super().__init__(host, PORT, timeout=DEADLINE, context=context)

        self._addresses = addresses
        self._tls = context

    def connect(self) -> None:
        plain = _connect(self._addresses[:MAX_TRIED])
        plain.settimeout(DEADLINE)
        # What is cut, also before the greeting, and when "sock" is given up.
        self._wire = self.sock = self._tls.wrap_socket(
            plain, server_hostname=self.host, do_handshake_on_connect=False
        )
        self._wire.do_handshake()

    def cut_after(self, seconds: float) -> _Cut:
        """End it after some time, whatever it is waiting for."""
        return _Cut(self, seconds)

    def cut(self) -> None:
        with suppress(OSError, AttributeError):
            self._wire.shutdown(socket.SHUT_RDWR)


class _Cut:
    def __init__(self, connection: _Connection, seconds: float) -> None:
        # A timeout of sockets begins anew with each byte.
        self._timer = threading.Timer(seconds, connection.cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()


def _connect(addresses: t.Sequence[str]) -> socket.socket:
    first, *others = addresses

    try:
        return socket.create_connection((first, PORT), DEADLINE / MAX_TRIED)
    except OSError:
        if not others:
            raise

    return _connect(others)


def find_public(host: str) -> list[str]:
    """The addresses of a host, of which all are public.

    :raises ProtocolError: If one is not, or there is none.
    """
    found = [
        str(info[4][0])
        for info in socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM)
    ]

    if not all(map(is_public, found)):
        raise _unreachable()

    return found


def is_public(address: str) -> bool:
    """Whether everybody can ask at an address: nothing of the shop's own is there."""
    found = ip_address(address)

    if isinstance(found, IPv6Address):
        is_other = found.sixtofour or found.teredo or found in _EXAMPLES

        if is_other or found not in _GIVEN_OUT or found.scope_id is not None:
            return False

    return found.is_global and not found.is_multicast


def _read(data: bytes) -> Profile:
    try:
        profile = msgspec.json.decode(data, type=dict[str, t.Any])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        profile = {}

    if not profile:
        raise ProtocolError(422, "profile_malformed", "The profile cannot be read.")

    return profile


def _unreachable() -> ProtocolError:
    # Not why: it would tell what there is in the net of the shop.
    return ProtocolError(424, "profile_unreachable", "The profile cannot be fetched.")
