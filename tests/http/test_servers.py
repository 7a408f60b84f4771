"""A change is read whole or refused, on every server that people run."""

from __future__ import annotations

import json
import socket
import typing as t
from collections.abc import Iterator
from http.client import HTTPConnection
from http.client import HTTPException
from http.client import HTTPResponse

import pytest

from tests.support.app_servers import SERVERS
from tests.support.app_servers import app_server
from tests.support.storefronts import line_of

pytestmark = pytest.mark.unmeasured

STEP: t.Final = f"/cart/lines/{line_of('mug', size='L')}/increment"
KINDS: t.Final = {
    "application/json": b'{"by": -1}',
    "application/x-www-form-urlencoded": b"by=-1",
}
#: Those that do not say where a body without a length ends: it is refused.
UNTERMINATED: t.Final = {"uvicorn", "hypercorn", "uwsgi"}
DEADLINE: t.Final = 30


class Shopper:
    """Somebody with three mugs in the cart, who sends bytes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""
        mugs = {"item": "mug", "quantity": 3, "options": {"size": "L"}}
        status, _ = self.send(
            "application/json", json.dumps(mugs).encode(), path="/cart/lines"
        )
        assert status in (200, 201)

    def quantity(self) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        headers = {"Accept": "application/json", "Cookie": self.cookie}
        connection.request("GET", "/cart/", headers=headers)
        quantity: int = json.loads(connection.getresponse().read())["quantity"]
        connection.close()

        return quantity

    def send(
        self,
        kind: str,
        body: bytes,
        *more: str,
        path: str = STEP,
        length: int | None = -1,
        is_cut: bool = False,
    ) -> tuple[int, t.Any]:
        """Send a change, and read what is answered; 0 if nothing is.

        :param more: Further headers.
        :param length: What is said of the length; ``None`` for nothing.
        :param is_cut: Whether no more is sent after it.
        """
        head = [
            f"POST {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Accept: application/json",
            f"Cookie: {self.cookie}",
            f"Content-Type: {kind}",
            "Connection: close",
            *more,
        ]

        if length is not None:
            head.append(f"Content-Length: {len(body) if length < 0 else length}")

        return self._exchange("\r\n".join([*head, "", ""]).encode() + body, is_cut)

    def _exchange(self, request: bytes, is_cut: bool) -> tuple[int, t.Any]:
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as connection:
            try:
                connection.sendall(request)

                if is_cut:
                    connection.shutdown(socket.SHUT_WR)

                response = HTTPResponse(connection, method="POST")
                response.begin()
                answer = response.read()
            except (OSError, HTTPException):
                return 0, None

        if cookie := response.getheader("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]

        # A server that takes a request for none answers in words of its own.
        is_ours = "json" in response.getheader("Content-Type", "")

        return response.status, json.loads(answer) if is_ours else None


def chunked(body: bytes, size: int = 7) -> bytes:
    """A body in pieces."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]

    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in [*pieces, b""])


TOO_LARGE: t.Final = "body-too-large"
CHUNKED: t.Final = "Transfer-Encoding: chunked"


@pytest.fixture(params=SERVERS, scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    """The name and the port of each."""
    log = tmp_path_factory.mktemp("server") / "server.log"

    with app_server(request.param, log) as port:
        yield request.param, port


@pytest.fixture
def shopper(server: tuple[str, int]) -> Shopper:
    return Shopper(server[1])


@pytest.fixture
def is_terminated(server: tuple[str, int]) -> bool:
    """Whether a body without a length can be read."""
    return server[0] not in UNTERMINATED


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_length(shopper: Shopper, kind: str) -> None:
    """It is what was sent."""
    status, cart = shopper.send(kind, KINDS[kind])

    assert (status, cart["quantity"]) == (200, 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [0, None])
def test_empty(shopper: Shopper, kind: str, length: int | None) -> None:
    """Nothing is one more, with a length of zero and without any."""
    status, cart = shopper.send(kind, b"", length=length)

    assert (status, cart["quantity"]) == (200, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_cut(server: tuple[str, int], shopper: Shopper, kind: str) -> None:
    """What ends before its time changes nothing, whether that is answered or not."""
    status, problem = shopper.send(kind, KINDS[kind], length=99, is_cut=True)
    expected = {(400, "bad-request"), (0, None)}

    if server[0] == "hypercorn":
        # It may find out before the app does, and has no words for it.
        expected.add((400, None))

    assert (status, problem and problem["code"]) in expected
    assert shopper.quantity() == 3


@pytest.mark.parametrize("kind", KINDS)
def test_too_large(shopper: Shopper, kind: str) -> None:
    """It is refused, and changes nothing."""
    status, problem = shopper.send(kind, KINDS[kind].ljust(65_537))

    assert (status, problem["code"]) == (413, TOO_LARGE)
    assert shopper.quantity() == 3


@pytest.mark.parametrize("kind", KINDS)
def test_chunked(shopper: Shopper, kind: str, is_terminated: bool) -> None:
    """It is read where the server says where it ends, and else refused."""
    status, answer = shopper.send(kind, chunked(KINDS[kind]), CHUNKED, length=None)

    assert status == (200 if is_terminated else 411)
    assert answer.get("code") == (None if is_terminated else "length-required")
    assert shopper.quantity() == (2 if is_terminated else 3)


@pytest.mark.parametrize("kind", KINDS)
def test_chunked_and_too_large(
    shopper: Shopper, kind: str, is_terminated: bool
) -> None:
    """It is not cut, and changes nothing."""
    body = chunked(KINDS[kind].ljust(200_000), 5000)
    status, problem = shopper.send(kind, body, CHUNKED, length=None)

    assert (status, problem and problem["code"]) in {
        (413, TOO_LARGE) if is_terminated else (411, "length-required"),
        # The answer is lost with the rest of the body, which nobody has read.
        (0, None),
    }
    assert shopper.quantity() == 3


@pytest.mark.parametrize("kind", KINDS)
def test_chunked_and_cut(shopper: Shopper, kind: str) -> None:
    """What has no last piece changes nothing."""
    body = chunked(KINDS[kind]).removesuffix(b"0\r\n\r\n")
    status, _ = shopper.send(kind, body, CHUNKED, length=None, is_cut=True)

    assert status in {0, 400, 411, 413}
    assert shopper.quantity() == 3
