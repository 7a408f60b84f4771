"""Bodies: what cannot be read, or is too much, is never taken for an empty one."""

from __future__ import annotations

import io
import typing as t

import pytest
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect

from tests.support.apps import make_app
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import make_storefront
from tests.support.storefronts import show

STEP: t.Final = f"/cart/lines/{line_of('mug', size='L')}/increment"
KINDS: t.Final = ["application/json", "application/x-www-form-urlencoded"]
LESS: t.Final = {KINDS[0]: b'{"by": -1}', KINDS[1]: b"by=-1"}
CHUNKED: t.Final = {"HTTP_TRANSFER_ENCODING": "chunked"}


class Endless(io.RawIOBase):
    """A body that does not end, and counts what is read of it."""

    def __init__(self, start: bytes, most: int = 10**7) -> None:
        self._start = start
        self._most = most
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        if self.count >= self._most:
            return 0

        part = self._start[: len(buffer)] or b" " * len(buffer)
        self._start = self._start[len(part) :]
        buffer[: len(part)] = part
        self.count += len(part)

        return len(part)


def send(
    client: FlaskClient, body: t.Any, kind: str, path: str = STEP, **environ: t.Any
) -> t.Any:
    """A change without a Content-Length."""
    return client.post(
        path,
        content_type=kind,
        headers=JSON,
        environ_overrides={"CONTENT_LENGTH": "", "wsgi.input": body} | environ,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "environ",
    [
        CHUNKED,
        {"HTTP_TRANSFER_ENCODING": "gzip, chunked"},
        {"SERVER_PROTOCOL": "HTTP/2"},
        {"SERVER_PROTOCOL": "HTTP/3"},
        {"CONTENT_LENGTH": "many"},
        {"CONTENT_LENGTH": "-1"},
        CHUNKED | {"CONTENT_LENGTH": "11"},
    ],
    ids=str,
)
def test_without_an_end_it_needs_a_length(
    client: FlaskClient, environ: dict[str, str], kind: str
) -> None:
    """A server that does not say where a body ends: 411, and nothing is changed."""
    fill(client)
    answer = send(client, io.BytesIO(LESS[kind]), kind, **environ)

    assert (answer.status_code, answer.json["code"]) == (411, "length-required")
    assert show(client)["quantity"] == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("environ", [CHUNKED, {"SERVER_PROTOCOL": "HTTP/2"}], ids=str)
def test_with_an_end_it_is_read(
    client: FlaskClient, environ: dict[str, str], kind: str
) -> None:
    """A server that ends the body: it is what was sent."""
    fill(client)
    body = io.BytesIO(LESS[kind])
    answer = send(client, body, kind, **environ, **{"wsgi.input_terminated": True})

    assert answer.json["quantity"] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_cut(client: FlaskClient, kind: str) -> None:
    """A body that ends before its length does is refused, also where a server says that
    this is its end: it may have been another change."""
    fill(client)
    end = {"CONTENT_LENGTH": "99", "wsgi.input_terminated": True}
    answer = send(client, io.BytesIO(LESS[kind]), kind, **end)

    assert (answer.status_code, answer.json["code"]) == (400, "bad-request")
    assert show(client)["quantity"] == 3


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1", "HTTP/2"])
def test_nothing_needs_no_length(client: FlaskClient, protocol: str) -> None:
    """A change without a body may come without a length."""
    line = fill(client)
    answer = client.delete(
        f"/cart/lines/{line}",
        headers=JSON,
        environ_overrides={"SERVER_PROTOCOL": protocol},
    )

    assert answer.json["quantity"] == 0


@pytest.mark.parametrize("start", [b'{"by": -1}', b"by=-1&x="])
@pytest.mark.parametrize("is_protected", [False, True])
@pytest.mark.parametrize("kind", [*KINDS, "multipart/form-data; boundary=x", "", "a/b"])
def test_too_much_is_not_read(is_protected: bool, kind: str, start: bytes) -> None:
    """It is a 413 after 64 KiB, also where CSRFProtect would read it first."""
    app = make_app(CART_STORAGE="memory")
    shop = make_storefront(app)

    if is_protected:
        CSRFProtect(app)

    client = shop.app.test_client()
    body = Endless(start)
    answer = send(client, body, kind, **CHUNKED, **{"wsgi.input_terminated": True})

    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    assert body.count <= 3 * 65_536


@pytest.mark.parametrize(("size", "status"), [(65_536, 200), (65_537, 413)])
@pytest.mark.parametrize("has_length", [True, False])
def test_as_much_as_may_be(
    client: FlaskClient, size: int, status: int, has_length: bool
) -> None:
    """The limit is the same with and without a length."""
    fill(client)
    body = LESS[KINDS[0]].ljust(size)
    length = {"CONTENT_LENGTH": str(size)}
    end = {**CHUNKED, "wsgi.input_terminated": True}
    environ: dict[str, t.Any] = length if has_length else end
    answer = send(client, io.BytesIO(body), KINDS[0], **environ)

    assert answer.status_code == status
    assert show(client)["quantity"] == (2 if status == 200 else 3)


def test_the_app_s_own_limit_is_kept(shop: Storefront) -> None:
    """A smaller one is the app's, for a body without a length as well."""
    shop.app.config["MAX_CONTENT_LENGTH"] = 100
    client = shop.app.test_client()
    end = {**CHUNKED, "wsgi.input_terminated": True}
    body = io.BytesIO(b'{"item": "pot"}'.ljust(101))

    assert send(client, body, KINDS[0], "/cart/lines", **end).status_code == 413


NAMELESS = [
    "Content-Disposition: form-data\r\n\r\n-1",
    'Content-Disposition: form-data; filename="a"\r\n\r\n-1',
    "Content-Disposition: form-data; nam=by\r\n\r\n-1",
    "Content-Disposition: \r\n\r\n-1",
    "Content-Type: text/plain\r\n\r\n-1",
    "by=-1",
]


@pytest.mark.parametrize("part", NAMELESS)
@pytest.mark.parametrize("headers", [JSON, {"Accept": "text/html"}], ids=str)
def test_a_part_has_a_name(
    client: FlaskClient, part: str, headers: dict[str, str]
) -> None:
    """A multipart form that cannot be read is no form without fields."""
    fill(client)
    body = f"--x\r\n{part}\r\n--x--\r\n"
    answer = client.post(
        STEP, data=body, content_type="multipart/form-data; boundary=x", headers=headers
    )

    assert answer.status_code == (400 if headers is JSON else 303)
    assert show(client)["quantity"] == 3


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; b=x"])
def test_parts_have_a_boundary(client: FlaskClient, kind: str) -> None:
    """Without one, nothing of them can be read."""
    fill(client)
    body = '--x\r\nContent-Disposition: form-data; name="by"\r\n\r\n-1\r\n--x--'
    answer = client.post(STEP, data=body, content_type=kind, headers=JSON)

    assert answer.status_code == 400
    assert show(client)["quantity"] == 3
