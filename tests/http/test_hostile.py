"""Hostile requests: each is refused with a clear message, and the cart stays."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from werkzeug.test import TestResponse

from tests.support.guests import cookies_of
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show

#: The line that the shopper has, one that somebody else has, and one of no item.
LINE: t.Final = line_of("mug", size="L")
FOREIGN: t.Final = line_of("pot")
NO_LINE: t.Final = "0" * 64

#: What no answer may show.
SECRETS: t.Final = re.compile(
    r"Traceback|<class|object at 0x|msgspec|werkzeug\.|/site-packages/|File &#34;"
)


class Attack(t.NamedTuple):
    """A hostile request.

    :param status: What it is answered with.
    :param message: What the answer, or the page after it, says.
    """

    name: str
    status: int
    message: str
    method: str
    path: str
    arguments: dict[str, t.Any] = {}

    def send(self, client: FlaskClient) -> TestResponse:
        return client.open(f"/cart{self.path}", method=self.method, **self.arguments)


def api(
    name: str, status: int, message: str, path: str, body: t.Any = None, **more: t.Any
) -> Attack:
    """A request of a JSON client: ``"PATCH /metadata"``, and what it sends."""
    method, _, path = path.partition(" ")
    headers = JSON | more.pop("headers", {})
    content = {} if body is None else {"data": _text(body), "content_type": JSON_TYPE}

    return Attack(
        name, status, message, method, path, {"headers": headers} | content | more
    )


def form(name: str, status: int, message: str, path: str, **fields: t.Any) -> Attack:
    """A form of a page."""
    return Attack(name, status, message, "POST", path, {"data": fields})


def _text(body: t.Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


JSON_TYPE: t.Final = "application/json"
MULTIPART: t.Final = "multipart/form-data; boundary=x"
FILE: t.Final = (
    b'--x\r\nContent-Disposition: form-data; name="item"; filename="mug"\r\n\r\nmug\r\n'
    b"--x--\r\n"
)
ADD: t.Final = "POST /lines"
SET: t.Final = f"PATCH /lines/{LINE}"
STEP: t.Final = f"POST /lines/{LINE}/increment"
MUG: t.Final = {"item": "mug", "options": {"size": "L"}}
UNKNOWN: t.Final = "unknown field"
NUMBER: t.Final = "quantity: Expected a whole number"
TYPED: t.Final = "Please check what you have entered."

PRICES = [
    api("price", 422, UNKNOWN, ADD, {**MUG, "price": "0.01"}),
    api("price-of-a-line", 422, UNKNOWN, SET, {"quantity": 3, "price": 0}),
    api("name", 422, UNKNOWN, ADD, {**MUG, "name": "Free mug"}),
    api("currency", 422, UNKNOWN, ADD, {**MUG, "currency": "JPY"}),
    api("conditions", 422, UNKNOWN, ADD, {**MUG, "conditions": [{"value": "-100%"}]}),
    api("attributes", 422, UNKNOWN, ADD, {**MUG, "attributes": {"vip": True}}),
    api("owner", 422, UNKNOWN, ADD, {**MUG, "owner": "user:1"}),
    api(
        "value-of-a-coupon", 422, UNKNOWN, "POST /coupons", {"code": "TEN", "value": 9}
    ),
]

QUANTITIES = [
    api("negative", 422, NUMBER, ADD, {**MUG, "quantity": -1}),
    api("none-at-all", 422, NUMBER, ADD, {**MUG, "quantity": 0}),
    api("trillion", 422, NUMBER, ADD, {**MUG, "quantity": 10**12}),
    api("400-digits", 422, NUMBER, ADD, {**MUG, "quantity": 10**400}),
    api("float", 422, NUMBER, ADD, {**MUG, "quantity": 1.5}),
    api("huge-float", 422, NUMBER, ADD, {**MUG, "quantity": 1e300}),
    api("text", 422, NUMBER, ADD, {**MUG, "quantity": "3"}),
    api("true", 422, NUMBER, ADD, {**MUG, "quantity": True}),
    api("null", 422, NUMBER, ADD, {**MUG, "quantity": None}),
    api("list", 422, NUMBER, ADD, {**MUG, "quantity": [1]}),
    api("nan", 400, "not JSON", ADD, b'{"item": "mug", "quantity": NaN}'),
    api("infinity", 400, "not JSON", ADD, b'{"item": "mug", "quantity": Infinity}'),
    api("over-the-limit", 422, "cannot take that", ADD, {**MUG, "quantity": 10_000}),
    api("out-of-stock", 422, "", ADD, {"item": "rare", "quantity": 4}),
    api("set-negative", 422, NUMBER, SET, {"quantity": -3}),
    api("set-huge", 422, "cannot take that", SET, {"quantity": 999_999}),
    api("seen-negative", 422, "seen: Expected", SET, {"quantity": 1, "seen": -3}),
    api("seen-null", 422, "seen: Expected", SET, {"quantity": 1, "seen": None}),
    api("step-huge", 422, "cannot take that", STEP, {"by": 1_000_000}),
    api("step-too-huge", 422, "by: Expected", STEP, {"by": 2**63}),
    api("step-far-down", 422, "by: Expected", STEP, {"by": -(2**63)}),
    form("form-negative", 303, TYPED, "/lines", item="mug", quantity="-1"),
    form("form-huge", 303, TYPED, "/lines", item="mug", quantity="1e300"),
    form("form-words", 303, TYPED, "/lines", item="mug", quantity="1; DROP TABLE"),
    form("form-hex", 303, TYPED, "/lines", item="mug", quantity="0x10"),
    form("form-nan", 303, TYPED, "/lines", item="mug", quantity="nan"),
    form("form-wide-digits", 303, TYPED, "/lines", item="mug", quantity="\uff13"),
    form("form-set-negative", 303, TYPED, f"/lines/{LINE}", quantity="-1"),
]

ADDRESSES = [
    api(
        "foreign-line",
        404,
        "not in your cart",
        f"PATCH /lines/{FOREIGN}",
        {"quantity": 9},
    ),
    api(
        "foreign-step", 404, "not in your cart", f"POST /lines/{FOREIGN}/increment", {}
    ),
    api("foreign-removal", 200, "", f"DELETE /lines/{FOREIGN}"),
    api("foreign-move", 404, "not in", f"POST /lines/{FOREIGN}/move", {"to": "later"}),
    api(
        "line-of-another-cart",
        404,
        "not in",
        f"PATCH /later/lines/{LINE}",
        {"quantity": 9},
    ),
    api("no-line", 404, "not in your cart", f"PATCH /lines/{NO_LINE}", {"quantity": 9}),
    api("injection", 404, "not in", "PATCH /lines/' OR 1=1 --", {"quantity": 9}),
    api("nul", 404, "not in", "PATCH /lines/%00", {"quantity": 9}),
    api("long-line", 404, "not in", f"PATCH /lines/{'a' * 9000}", {"quantity": 9}),
    api("unicode-line", 404, "not in", "PATCH /lines/%F0%9F%92%A9", {"quantity": 9}),
    api("broken-unicode", 404, "not in", "PATCH /lines/%ED%A0%80", {"quantity": 9}),
    api("no-instance", 404, "no cart 'admin'", "GET /admin/"),
    api("add-to-no-instance", 404, "no cart", "POST /admin/lines", MUG),
    api("owner-as-instance", 404, "no cart", "GET /user:1/"),
    api("class-as-instance", 404, "no cart", "DELETE /__class__/"),
    api(
        "move-to-nowhere", 422, "no cart", f"POST /lines/{LINE}/move", {"to": "user:1"}
    ),
    api("clear-of-another", 200, "", "DELETE /wishlist/"),
    form(
        "form-foreign-line", 303, "not in your cart", f"/lines/{FOREIGN}", quantity="9"
    ),
    form("form-no-instance", 404, "no cart", "/admin/clear"),
]

TEXTS = [
    api("no-item", 422, "no item", ADD, {"item": "nothing"}),
    api("item-injection", 422, "no item", ADD, {"item": "mug'; DROP TABLE carts; --"}),
    api("item-template", 422, "no item", ADD, {"item": "{{ config }}"}),
    api("item-nul", 422, "must not contain", ADD, {"item": "mug\0"}),
    api("item-line-break", 422, "must not contain", ADD, {"item": "mug\r\nX: y"}),
    api("item-blank", 422, "must not be empty", ADD, {"item": " \u3000"}),
    api("item-long", 422, "length <= 255", ADD, {"item": "m" * 256}),
    api("item-number", 422, "item: Expected text", ADD, {"item": 7}),
    api("item-list", 422, "item: Expected text", ADD, {"item": ["mug"]}),
    api("item-cyrillic", 422, "no item", ADD, {"item": "m\u0443g"}),
    api("item-zero-width", 422, "no item", ADD, {"item": "mug\u200b"}),
    api("item-right-to-left", 422, "no item", ADD, {"item": "\u202egum"}),
    api("item-wide", 422, "no item", ADD, {"item": "\uff4d\uff55\uff47"}),
    api("item-surrogate", 400, "not JSON", ADD, b'{"item": "\\ud800"}'),
    api("options-unknown", 422, "choice", ADD, {"item": "mug", "options": {"a": "b"}}),
    api(
        "options-other", 422, "choice", ADD, {"item": "mug", "options": {"size": "XL"}}
    ),
    api(
        "options-deep", 422, "Expected text", ADD, {"item": "mug", "options": {"a": {}}}
    ),
    api("options-list", 422, "Expected an object", ADD, {"item": "mug", "options": []}),
    api(
        "options-without-name",
        422,
        "length",
        ADD,
        {"item": "mug", "options": {"": "L"}},
    ),
    api("code-unknown", 422, "no such code", "POST /coupons", {"code": "FREE"}),
    api("code-nul", 422, "must not contain", "POST /coupons", {"code": "TEN\0"}),
    api(
        "code-wide",
        422,
        "no such code",
        "POST /coupons",
        {"code": "\uff34\uff25\uff2e"},
    ),
    api("code-long", 422, "length", "POST /coupons", {"code": "T" * 300}),
    api("shipping-unknown", 422, "no shipping", "PUT /shipping", {"method": "Balloon"}),
    api("shipping-nul", 422, "must not contain", "PUT /shipping", {"method": "P\0"}),
    api("shipping-long", 422, "length", "PUT /shipping", {"method": "P" * 300}),
    api("shipping-missing", 422, "method", "PUT /shipping", {}),
    api(
        "shipping-price", 422, UNKNOWN, "PUT /shipping", {"method": "Post", "price": 0}
    ),
    api("coupon-that-is-not-there", 200, "", "DELETE /coupons/TEN"),
    api("metadata", 422, "not yours", "PATCH /metadata", {"metadata": {"vip": "1"}}),
    api(
        "metadata-coupon",
        422,
        "not yours",
        "PATCH /metadata",
        {"metadata": {"coupon:TEN": "1"}},
    ),
    api(
        "metadata-proto",
        422,
        "not yours",
        "PATCH /metadata",
        {"metadata": {"__proto__": "1"}},
    ),
    api(
        "metadata-long",
        422,
        "length",
        "PATCH /metadata",
        {"metadata": {"note": "x" * 2001}},
    ),
    api(
        "metadata-number", 422, "Expected", "PATCH /metadata", {"metadata": {"note": 7}}
    ),
    form(
        "form-script",
        303,
        "no item '<script>",
        "/lines",
        item="<script>alert(1)</script>",
    ),
    form("form-without-item", 303, TYPED, "/lines"),
    form("form-nul", 303, TYPED, "/lines", item="mug\0"),
]

BODIES = [
    api("cut-off", 400, "not JSON", ADD, b'{"item": "mug"'),
    api("trailing-comma", 400, "not JSON", ADD, b'{"item": "mug",}'),
    api("single-quotes", 400, "not JSON", ADD, b"{'item': 'mug'}"),
    api("two-values", 400, "not JSON", ADD, b'{"item": "mug"}{"item": "mug"}'),
    api("not-utf-8", 400, "not JSON", ADD, b'{"item": "\xff\xfe"}'),
    api("utf-16", 400, "not JSON", ADD, '{"item": "mug"}'.encode("utf-16")),
    api("null-body", 422, "Expected an object", ADD, b"null"),
    api("list-body", 422, "Expected an object", ADD, [MUG]),
    api("text-body", 422, "Expected an object", ADD, "mug"),
    api("empty-body", 422, "missing required field", ADD, b""),
    api("deep", 400, "not JSON", ADD, b"[" * 60_000),
    api("form-as-json", 400, "not JSON", ADD, b"item=mug&quantity=2"),
    api("too-large", 413, "at most 65536 bytes", ADD, {"item": "m" * 70_000}),
    api("much-too-large", 413, "at most 65536 bytes", ADD, b" " * 5_000_000),
    api("text-type", 415, "Send a form", ADD, data=b"mug", content_type="text/plain"),
    api("xml-type", 415, "Send a form", ADD, data=b"<mug/>", content_type="text/xml"),
    api(
        "no-boundary",
        400,
        "no parts that can be read",
        ADD,
        data=b"--x",
        content_type="multipart/form-data",
    ),
    api("file", 422, "missing", ADD, data=FILE, content_type=MULTIPART),
    form("form-too-large", 413, "at most 65536 bytes", "/lines", item="m" * 70_000),
    form(
        "form-many-fields",
        413,
        "at most 65536 bytes",
        "/lines",
        **{f"a{n}": "1" for n in range(20_000)},
    ),
]

HEADERS = [
    api("key-empty", 400, "Idempotency-Key", ADD, MUG, headers={"Idempotency-Key": ""}),
    api(
        "key-quotes",
        400,
        "Idempotency-Key",
        ADD,
        MUG,
        headers={"Idempotency-Key": '""'},
    ),
    api(
        "key-long",
        400,
        "Idempotency-Key",
        ADD,
        MUG,
        headers={"Idempotency-Key": "k" * 256},
    ),
    api(
        "key-latin",
        400,
        "Idempotency-Key",
        ADD,
        MUG,
        headers={"Idempotency-Key": "k\xe9y"},
    ),
    api(
        "key-injection",
        400,
        "Idempotency-Key",
        ADD,
        MUG,
        environ_overrides={"HTTP_IDEMPOTENCY_KEY": "k\r\nSet-Cookie: a=b"},
    ),
    api(
        "tag-stale",
        412,
        "not the one",
        SET,
        {"quantity": 9},
        headers={"If-Match": '"1-abc"'},
    ),
    api(
        "tag-garbage",
        412,
        "not the one",
        SET,
        {"quantity": 9},
        headers={"If-Match": '"'},
    ),
    api(
        "tag-empty", 412, "not the one", SET, {"quantity": 9}, headers={"If-Match": ""}
    ),
    api(
        "tag-of-nothing",
        412,
        "not the one",
        SET,
        {"quantity": 9},
        headers={"If-Match": '""'},
    ),
    api(
        "tag-of-digits",
        412,
        "not the one",
        SET,
        {"quantity": 9},
        headers={"If-Match": "9" * 5000},
    ),
    api(
        "tags",
        412,
        "not the one",
        SET,
        {"quantity": 9},
        headers={"If-Match": ", ".join(f'"{n}"' for n in range(500))},
    ),
    api(
        "tag-of-no-cart",
        412,
        "not the one",
        "POST /later/lines",
        MUG,
        headers={"If-Match": "*"},
    ),
    api(
        "other-origin",
        403,
        "another site",
        ADD,
        MUG,
        headers={"Origin": "https://evil.example"},
    ),
    api("null-origin", 403, "another site", ADD, MUG, headers={"Origin": "null"}),
    api("broken-origin", 403, "another site", ADD, MUG, headers={"Origin": "http://["}),
    api(
        "longer-origin",
        403,
        "another site",
        ADD,
        MUG,
        headers={"Origin": "http://localhost.evil.example"},
    ),
    api(
        "origin-with-user",
        403,
        "another site",
        ADD,
        MUG,
        headers={"Origin": "http://localhost@evil.example"},
    ),
    api(
        "other-port",
        403,
        "another site",
        ADD,
        MUG,
        headers={"Origin": "http://localhost:8080"},
    ),
    api(
        "cross-site",
        403,
        "another site",
        ADD,
        MUG,
        headers={"Sec-Fetch-Site": "cross-site"},
    ),
    api(
        "same-site",
        403,
        "another site",
        ADD,
        MUG,
        headers={"Sec-Fetch-Site": "same-site"},
    ),
    api(
        "odd-site",
        403,
        "another site",
        ADD,
        MUG,
        headers={"Sec-Fetch-Site": "none, cross-site"},
    ),
    Attack(
        "form-cross-site",
        403,
        "another site",
        "POST",
        "/clear",
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
    ),
]

METHODS = [
    api("get-add", 405, "", "GET /lines"),
    api("get-remove", 405, "", f"GET /lines/{LINE}/remove"),
    api("get-clear", 405, "", "GET /clear"),
    api("get-of-an-instance", 405, "", "GET /later/clear"),
    api("put", 405, "", f"PUT /lines/{LINE}", {"quantity": 9}),
    api("trace", 405, "", "TRACE /"),
    api("unknown-method", 405, "", "PURGE /"),
    api(
        "method-of-a-header",
        200,
        "",
        "GET /",
        headers={"X-HTTP-Method-Override": "DELETE"},
    ),
    api("method-of-a-query", 200, "", "GET /?_method=DELETE"),
    api("get-with-a-body", 200, "", "GET /", {"quantity": 0}),
    api("head", 200, "", "HEAD /"),
    form("method-of-a-form", 405, "", "/", _method="DELETE"),
]

ATTACKS: t.Final = [
    *PRICES,
    *QUANTITIES,
    *ADDRESSES,
    *TEXTS,
    *BODIES,
    *HEADERS,
    *METHODS,
]

#: Where a form may want the shopper to go.
TARGETS: t.Final = {
    "other-site": "https://evil.example/",
    "other-host": "//evil.example/",
    "three-slashes": "///evil.example/",
    "backslash": "/\\evil.example/",
    "backslashes": "\\\\evil.example/",
    "tab": "/\t/evil.example/",
    "line-break": "/\n/evil.example/",
    "space": " //evil.example/",
    "relative": "evil.example",
    "no-slashes": "https:evil.example",
    "script": "javascript:alert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "header": "/cart/\r\nSet-Cookie: owned=1",
    "wide-header": "/cart/\u560d\u560aSet-Cookie: owned=1\x85",
    "nul": "/cart/\0",
    "right-to-left": "/\u202eelpmaxe.live//",
    "empty": "",
}


@pytest.fixture(params=["session", "database", "cache", "csrf"], scope="module")
def hostile_shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storefront]:
    """A shop on each kind of storage, and one with Flask-WTF in memory."""
    is_guarded = request.param == "csrf"
    url = ""

    if request.param == "cache":
        server = request.getfixturevalue("running_valkey")
        server.clean()
        url = server.url

    with open_storefront(
        "memory" if is_guarded else request.param,
        folder=tmp_path_factory.mktemp("shop"),
        redis_url=url,
    ) as shop:
        if is_guarded:
            CSRFProtect(shop.app)

        shop.app.add_url_rule("/token", "token", generate_csrf)

        yield shop


def empty(shop: Storefront, request: pytest.FixtureRequest) -> None:
    """Remove the carts of other tests, that are looked at as well otherwise."""
    if "sqlalchemy" in shop.app.extensions:
        db: SQLAlchemy = shop.app.extensions["sqlalchemy"]

        with shop.app.app_context(), db.engine.begin() as connection:
            for table in db.metadata.sorted_tables:
                connection.execute(table.delete())

    if "cache" in shop.app.extensions:
        request.getfixturevalue("running_valkey").clean()


@pytest.fixture
def shopper(hostile_shop: Storefront, request: pytest.FixtureRequest) -> FlaskClient:
    """The browser of a shopper who has three mugs, and nobody else has anything."""
    empty(hostile_shop, request)
    client = hostile_shop.app.test_client()
    client.environ_base["HTTP_X_CSRFTOKEN"] = client.get("/token").text
    fill(client)

    return client


def check_is_clear(client: FlaskClient, response: TestResponse, message: str) -> None:
    """Fail unless an answer, or the page after it, says what it should, and no more."""
    if response.status_code == 303:
        response = client.get(response.location)
        assert response.status_code == 200

    text = response.text

    if response.mimetype == "application/problem+json":
        problem = response.get_json()
        assert problem["status"] == response.status_code
        text = problem["detail"]

    assert message in unescape(text)
    assert not SECRETS.search(response.text)
    assert "<script>alert" not in response.text


#: Most requests are refused before any storage is asked: one that a cart could be
#: changed in is enough for all of them, beside one with tokens.
before_any_storage = pytest.mark.parametrize(
    "hostile_shop", ["database", "csrf"], indirect=True
)


@before_any_storage
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_is_refused(
    hostile_shop: Storefront, shopper: FlaskClient, attack: Attack
) -> None:
    """A hostile request is answered clearly, and changes no byte of any cart."""
    before = hostile_shop.stored(shopper)

    response = attack.send(shopper)

    assert response.status_code == attack.status
    check_is_clear(shopper, response, attack.message)
    assert hostile_shop.stored(shopper) == before


def test_are_many() -> None:
    """There are at least 80 different hostile requests."""
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 80


@pytest.mark.parametrize("token", ["", "forged", "another"])
@pytest.mark.parametrize(
    "attack",
    [
        api("add", 400, "CSRF", ADD, MUG),
        api("set", 400, "CSRF", SET, {"quantity": 9}),
        api("remove", 400, "CSRF", f"DELETE /lines/{LINE}"),
        api("clear", 400, "CSRF", "DELETE /"),
        form("form", 400, "CSRF", "/lines", item="mug"),
        form("form-clear", 400, "CSRF", "/clear", cart_version="1"),
    ],
    ids=lambda attack: attack.name,
)
def test_is_refused_without_a_token(tmp_path: Path, attack: Attack, token: str) -> None:
    """Where Flask-WTF is, no change is made without a token of the session."""
    with open_storefront("memory", folder=tmp_path) as shop:
        CSRFProtect(shop.app)
        shop.app.add_url_rule("/token", "token", generate_csrf)
        shopper, other = shop.app.test_client(), shop.app.test_client()
        shopper.environ_base["HTTP_X_CSRFTOKEN"] = shopper.get("/token").text
        fill(shopper)
        before = shop.stored(shopper)
        shopper.environ_base["HTTP_X_CSRFTOKEN"] = (
            other.get("/token").text if token == "another" else token
        )

        response = attack.send(shopper)

        assert response.status_code == attack.status
        assert shop.stored(shopper) == before
        check_is_clear(shopper, response, attack.message)


KEY: t.Final = {"Idempotency-Key": "6f1d"}


@pytest.mark.parametrize(
    "attack",
    [
        api("as-it-was", 200, "", ADD, MUG, headers=KEY),
        api("in-quotes", 200, "", ADD, MUG, headers={"Idempotency-Key": '"6f1d"'}),
        api("more", 422, "another", ADD, {**MUG, "quantity": 9}, headers=KEY),
        api("other-item", 422, "another", ADD, {"item": "pot"}, headers=KEY),
        api("other-address", 422, "another", SET, {"quantity": 9}, headers=KEY),
        api("other-method", 422, "another", "DELETE /", headers=KEY),
    ],
    ids=lambda attack: attack.name,
)
def test_replayed_key_changes_nothing(
    hostile_shop: Storefront, shopper: FlaskClient, attack: Attack
) -> None:
    """A key that was used is good for nothing more, whatever comes with it."""
    first = shopper.post("/cart/lines", json=MUG, headers=KEY)
    assert first.status_code == 200
    before = hostile_shop.stored(shopper)

    response = attack.send(shopper)

    assert response.status_code == attack.status
    assert hostile_shop.stored(shopper) == before
    check_is_clear(shopper, response, attack.message)


def test_replayed_move_moves_nothing(
    hostile_shop: Storefront, shopper: FlaskClient
) -> None:
    """Of three mugs one is moved, however often the same request comes."""
    wanted = {"to": "later", "quantity": 1}
    path = f"/cart/lines/{LINE}/move"
    assert shopper.post(path, json=wanted, headers=KEY).status_code == 200
    before = hostile_shop.stored(shopper)

    assert shopper.post(path, json=wanted, headers=KEY).status_code == 200

    assert hostile_shop.stored(shopper) == before
    assert show(shopper, "later")["quantity"] == 1


def test_replayed_form_changes_nothing(
    hostile_shop: Storefront, shopper: FlaskClient
) -> None:
    """A form that is sent twenty times is sent once."""
    fields = {"item": "pot", "cart_key": "6f1d"}
    shopper.post("/cart/lines", data=fields)
    before = hostile_shop.stored(shopper)

    for _ in range(19):
        assert shopper.post("/cart/lines", data=fields).status_code == 303

    assert hostile_shop.stored(shopper) == before


def test_old_form_changes_nothing(
    hostile_shop: Storefront, shopper: FlaskClient
) -> None:
    """A form of a page that shows an older cart leads to the page of the conflict."""
    version = str(show(shopper)["version"])
    shopper.patch(f"/cart/lines/{LINE}", json={"quantity": 2})
    before = hostile_shop.stored(shopper)

    response = shopper.post("/cart/clear", data={"cart_version": version})

    assert response.status_code == 409
    assert "changed in another tab" in response.text
    assert hostile_shop.stored(shopper) == before


def forged(victim: dict[str, t.Any], secret: str) -> str:
    """A cookie with somebody else's identity, signed with a secret."""
    app = Flask("forger")
    app.secret_key = secret
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None

    return str(serializer.dumps(victim))


COOKIES: t.Final[dict[str, t.Callable[[str, dict[str, t.Any]], str]]] = {
    "other-secret": lambda real, victim: forged(victim, "guessed"),
    "no-signature": lambda real, victim: real.rpartition(".")[0],
    "cut-off": lambda real, victim: real[:-1],
    "other-payload": lambda real, victim: f"e30{real[3:]}",
    "plain": lambda real, victim: json.dumps(victim, default=repr),
    "garbage": lambda real, victim: "\x00\xff;;==",
    "long": lambda real, victim: "a" * 20_000,
    "empty": lambda real, victim: "",
}


@pytest.mark.parametrize("forge", COOKIES.values(), ids=COOKIES)
def test_forged_cookie_reaches_no_cart(
    hostile_shop: Storefront,
    shopper: FlaskClient,
    forge: t.Callable[[str, dict[str, t.Any]], str],
) -> None:
    """A cookie that the app has not signed is the cookie of nobody."""
    before = hostile_shop.stored(shopper)
    # Carts in the session need both.
    cookies = cookies_of(shopper)
    forged = {name: forge(value, before) for name, value in cookies.items()}
    thief = hostile_shop.app.test_client(use_cookies=False)
    headers = JSON | {"Cookie": "; ".join(map("=".join, forged.items()))}

    seen = thief.get("/cart/", headers=headers)
    assert seen.get_json()["lines"] == []

    for method, path in [("DELETE", "/cart/"), ("DELETE", f"/cart/lines/{LINE}")]:
        assert thief.open(path, method=method, headers=headers).status_code < 500

    changed = thief.patch(f"/cart/lines/{LINE}", json={"quantity": 9}, headers=headers)
    assert changed.status_code in (400, 404)
    assert hostile_shop.stored(shopper) == before


@before_any_storage
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_redirects_stay_inside(
    hostile_shop: Storefront, shopper: FlaskClient, target: str
) -> None:
    """A form cannot send the shopper to another site, or set a header."""
    form_fields = {"item": "nothing", "next": target}
    response = shopper.post(
        "/cart/lines", data=form_fields, headers={"Host": "localhost"}
    )

    assert response.status_code == 303
    assert response.location == "/cart/"
    assert "owned" not in str(response.headers)


def test_price_of_a_form_counts_for_nothing(shopper: FlaskClient) -> None:
    """A form may have more fields than the cart reads, and none of them is a price."""
    fields = {"item": "pot", "price": "0.01", "cart_price": "0.01", "name": "Free"}

    assert shopper.post("/cart/lines", data=fields).status_code == 303

    line = show(shopper)["lines"][-1]
    assert (line["name"], line["price"], line["quantity"]) == ("Pot", "40.00", 1)
