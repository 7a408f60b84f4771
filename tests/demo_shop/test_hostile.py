"""What nobody's browser sends is refused, and never breaks a page of the shop."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import closing
from urllib.parse import quote
from urllib.parse import urlencode

import pytest

from tests.support.servers import fresh_database
from tests.support.slackwater import ADDRESS
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor

MUG = "MUG-NAVY"
#: No text for a database, or more than a number of one.
HOSTILE: t.Final = (
    "a\0b",
    "\0",
    "\x1b[31m",
    "a\r\nX-Evil: 1",
    "\udcff\udcfe",
    "\u202egum",
    "\U0001f6d2",
    "9" * 5000,
    str(2**31),
    str(2**63),
    "999999999999999999",
    "-1",
    "\u0663",
    "'; DROP TABLE product; --",
    "%_\\",
)
#: What is right in the form of the checkout, unless it comes before.
RIGHT: t.Final = urlencode(ADDRESS | {"expected_total": "18.00", "due": "18.00"})
TEXTS: t.Final = [quote(each, errors="surrogateescape", safe="") for each in HOSTILE]

PATHS: t.Final = (
    "/shelves/{}",
    "/goods/{}",
    "/orders/{}",
    "/payments/{}",
    "/sandbox-pay/{}",
    "/basket/{}",
    "/search?q={}",
    "/search?shelf={}",
    "/search?low={}&high={}",
    "/search?sort={}&stock={}&sale={}",
    "/activity/latest?after={}",
    "/login?next={}",
    "/nothing/{}",
    "/static/{}",
)

#: Forms, and their fields.
FORMS: t.Final = (
    ("/login", ("email", "password", "next")),
    ("/signup", ("email", "password", "next")),
    ("/checkout", ("token",)),
    ("/checkout", ("token",)),
    ("/checkout", ("name", "email", "street", "country", "token")),
    ("/checkout", ("expected_total", "due")),
    ("/checkout", ("shipping", "token")),
    ("/basket/lines", ("item", "quantity", "options.size", "options.{}")),
    ("/basket/coupons", ("code",)),
    ("/basket/gift-card", ("card",)),
    ("/basket/lines/prices", ("price.{}",)),
    ("/basket/lines/{}", ("quantity", "seen")),
    ("/basket/lines/{}/increment", ("by",)),
    ("/basket/metadata", ("note", "{}")),
    ("/basket/shipping", ("shipping", "name", "method")),
    ("/payments/{}/give-up", ()),
    ("/sandbox-pay/{}", ("act",)),
    ("/payments/notify", ("reference",)),
    ("/account/not-mine", ("key",)),
)


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A shop on each of the databases that it is made for."""
    url = f"sqlite:///{tmp_path_factory.mktemp('shop') / 'shop.sqlite3'}"

    with ExitStack() as stack:
        if request.param == "postgresql":
            server = request.getfixturevalue("postgresql_server")
            url = stack.enter_context(fresh_database(server))

        yield stack.enter_context(closing(Shop(url)))


@pytest.fixture(scope="module")
def visitor(shop: Shop) -> Visitor:
    """Somebody with a mug in the basket."""
    visitor = shop.visitor()
    visitor.add("harbour-mug", MUG)

    return visitor


@pytest.mark.parametrize("path", PATHS)
def test_addresses(visitor: Visitor, path: str) -> None:
    """An address with anything in it is found or not, or refused."""
    for text in TEXTS:
        with visitor.client.get(path.replace("{}", text)) as response:
            assert response.status_code < 500, text


@pytest.mark.parametrize(("path", "fields"), FORMS)
def test_forms(visitor: Visitor, path: str, fields: tuple[str, ...]) -> None:
    """A form with anything in it is refused or read, and the mug stays."""
    visitor.get("/goods/harbour-mug")
    token = quote(visitor.field("csrf_token"))

    for text in TEXTS:
        parts = [f"{field.replace('{}', text)}={text}" for field in fields]

        if path == "/checkout":
            parts.append(RIGHT)

        response = visitor.client.post(
            path.replace("{}", text),
            data="&".join((f"csrf_token={token}", *parts)).encode(),
            content_type="application/x-www-form-urlencoded",
        )
        assert response.status_code < 500, text

    assert len(visitor.lines()) == 1


def test_nul(visitor: Visitor) -> None:
    """What no database takes is no address, and nothing to be read in a form."""
    assert "Nothing on this shelf" in visitor.get("/goods/a%00b", 404)
    assert "We couldn't read that" in visitor.get("/search?q=%00", 400)
    visitor.get("/goods/harbour-mug")

    for fields in ({"item": "a\0b"}, {"option.\0": "a"}):
        assert visitor.post("/basket/lines", **fields).status_code == 400
