"""Permalinks: an address fills a cart, once it is agreed, and leads nowhere else."""

from __future__ import annotations

import base64
import re
import typing as t
from urllib.parse import quote
from urllib.parse import urlencode
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.test import TestResponse
from werkzeug.test import run_wsgi_app

from flask_cart import CartConfigError
from flask_cart import CartVetoError
from flask_cart import FlaskCart
from flask_cart import InvalidItemError
from flask_cart.http.permalink_urls import UnreadableError
from flask_cart.http.permalink_urls import read_permalink
from flask_cart.signals import before_change
from tests.support.apps import make_app
from tests.support.storefronts import BROWSER
from tests.support.storefronts import PageClient
from tests.support.storefronts import Storefront
from tests.support.storefronts import codes
from tests.support.storefronts import show

SIZE: t.Final = "line_items/0/options/size=L"


@pytest.fixture
def shop(shop: Storefront) -> Storefront:
    """A shop with permalinks."""
    shop.app.register_blueprint(shop.extension.permalinks, url_prefix="/buy")
    shop.app.test_client_class = PageClient

    return shop


def encoded(item: str) -> str:
    return "~" + base64.urlsafe_b64encode(item.encode()).decode().rstrip("=")


def confirm(client: FlaskClient, page: TestResponse) -> TestResponse:
    """Send the form of a page, with what is in it."""
    form = re.search(r'<form[^>]* action="([^"]*/ask[^"]*)"', page.text)
    assert form is not None
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))

    return client.post(form[1].replace("&amp;", "&"), data=fields)


def buy(client: FlaskClient, address: str) -> TestResponse:
    """Open an address, and agree to what the page asks."""
    return confirm(client, client.get(address, follow_redirects=True))


def lines_of(client: FlaskClient) -> dict[str, int]:
    return {each["item"]: each["quantity"] for each in show(client)["lines"]}


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        ("/buy/pot:2,rare:1", {"pot": 2, "rare": 1}),
        ("/buy/pot:2,pot:1", {"pot": 3}),
        (f"/buy/mug:2?{SIZE}", {"mug": 2}),
        (f"/buy/mug:2?/{SIZE}", {"mug": 2}),
        ("/buy/pot:1,mug:2?line_items/1/options/size=S", {"pot": 1, "mug": 2}),
        (f"/buy/{encoded('pot')}:2", {"pot": 2}),
        (f"/buy/{encoded('tea & <b>milk</b>')}:3", {"tea & <b>milk</b>": 3}),
        ("/buy/pot:1?line_items/0/quantity=5&line_items/0/item/id=rare", {"pot": 1}),
        ("/buy/pot:1?line_items/7/options/size=L", {"pot": 1}),
        (
            "/buy/pot:1?totals/0/amount=1&currency=USD&buyer/email=a@b.example",
            {"pot": 1},
        ),
    ],
)
def test_an_address_fills_the_cart(
    shop: Storefront, address: str, lines: dict[str, int]
) -> None:
    """With what is in its path, at the prices of the shop, once it is agreed."""
    client = shop.app.test_client()
    page = client.get(address, follow_redirects=True)

    assert page.status_code == 200
    assert lines_of(client) == {}
    assert confirm(client, page).location == "/cart/"
    assert lines_of(client) == lines


def test_who_only_looks_changes_nothing(shop: Storefront) -> None:
    """No cart, no cookie, and what is there stays."""
    client = shop.app.test_client()
    client.post("/cart/lines", json={"item": "pot"})
    before = shop.stored(client)

    for method in ("GET", "HEAD", "OPTIONS"):
        for path in ("/buy/pot:2?discounts/codes/0=TEN", "/buy/ask?items=pot:2"):
            answer = client.open(path, method=method)
            assert answer.status_code in (200, 303)
            assert "Set-Cookie" not in answer.headers

    assert shop.stored(client) == before


def test_an_address_is_redirected_as_the_standard_says(shop: Storefront) -> None:
    """Once, and so that nobody keeps it or hears of it."""
    answer = shop.app.test_client().get("/buy/pot:2")

    assert answer.status_code == 303
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.location == "/buy/ask?items=pot:2"


def test_twice_is_once(shop: Storefront) -> None:
    """A double click on the form adds once; whoever asks again may mean it."""
    client = shop.app.test_client()
    page = client.get("/buy/pot:2?discounts/codes/0=TEN", follow_redirects=True)

    assert confirm(client, page).status_code == 303
    assert confirm(client, page).status_code == 303
    assert lines_of(client) == {"pot": 2}

    buy(client, "/buy/pot:2")

    assert lines_of(client) == {"pot": 4}


def test_coupons_come_along(shop: Storefront) -> None:
    """And what is none is said, without a loss of the rest."""
    client = shop.app.test_client()
    page = client.get(
        "/buy/pot:1?discounts/codes/1=NONE&discounts/codes/0=TEN", follow_redirects=True
    )

    assert page.text.index("TEN") < page.text.index("NONE")

    confirm(client, page)

    assert codes(client) == ["TEN"]
    assert "NONE: There is no such code." in client.get("/cart/").text
    assert lines_of(client) == {"pot": 1}


def test_a_coupon_alone(shop: Storefront) -> None:
    """For who has a full cart already."""
    client = shop.app.test_client()
    client.post("/cart/lines", json={"item": "pot"})

    assert buy(client, "/buy?discounts/codes/0=TEN").location == "/cart/"
    assert codes(client) == ["TEN"]


def test_an_address_has_few_codes(shop: Storefront) -> None:
    """Or many could be tried at once; how often is limited as for the form."""
    limiter = Limiter(get_remote_address, app=shop.app, storage_uri="memory://")
    client = shop.app.test_client()
    many = "&".join(f"discounts/codes/{n}=C{n}" for n in range(20))
    page = client.get(f"/buy/pot:1?{many}", follow_redirects=True)

    assert "C4<" in page.text
    assert "C5<" not in page.text

    answers = [confirm(client, page).status_code for _ in range(11)]

    assert answers == [303] * 10 + [429]
    assert limiter.enabled


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/buy/boat:1,pot:1", "There is no item &#39;boat&#39;."),
        ("/buy/rare:9,pot:1", "Only 3 of it can be had."),
        ("/buy/mug:1,pot:1", "Choose one for &#39;size&#39;"),
        ("/buy/mug:1,pot:1?line_items/0/options/size=XXL", "is not a choice for"),
        ("/buy/pot:1,rare:1?line_items/0/options/size=L", "is not a choice for"),
        ("/buy/mug:1,pot:1?line_items/0/options/size/0=L", "Choose one for"),
    ],
)
def test_the_page_says_what_cannot_be_added(
    shop: Storefront, address: str, words: str
) -> None:
    """Before, and after the rest was added."""
    client = shop.app.test_client()
    page = client.get(address, follow_redirects=True)

    assert words in page.text

    confirm(client, page)
    cart = client.get("/cart/").text

    assert words in cart
    assert "What there is of it is in your cart." in cart


def test_what_is_in_the_cart_counts(shop: Storefront) -> None:
    """Of what is rare, there is nothing more to be had."""
    client = shop.app.test_client()
    buy(client, "/buy/rare:3")
    page = client.get("/buy/rare:1", follow_redirects=True)

    assert "It is sold out." in page.text
    assert "cart-take" not in page.text


def test_nothing_of_it_can_be_added(shop: Storefront) -> None:
    """The page has no button, and a form that is sent all the same adds nothing."""
    client = shop.app.test_client()
    page = client.get("/buy/boat:1", follow_redirects=True)

    assert page.status_code == 200
    assert "cart-take" not in page.text

    client.post("/buy/ask?items=boat:1")
    cart = client.get("/cart/").text

    assert "There is no item" in cart
    assert "What there is of it" not in cart
    assert lines_of(client) == {}


def test_what_is_not_sold_like_that(shop: Storefront) -> None:
    """In a cart in another currency, nothing is."""
    client = shop.app.test_client()
    client.post("/cart/lines", json={"item": "pot"})

    with client:
        client.get("/cart/")
        from flask_cart import current_cart

        current_cart.change_currency("USD", prices={current_cart.lines[0].id: 45})

    page = client.get("/buy/pot:1", follow_redirects=True)

    assert "It is not sold, or not like that." in page.text


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/sale", "/sale"),
        ("/", "/"),
        ("/a/../b", "/b"),
        ("/a/./b/", "/a/b/"),
        ("/sale?tag=a&b=c", "/sale?tag=a&b=c"),
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/a%2Fb", "/a%2Fb"),
        ("/100%", "/100%25"),
        ("/%2e%2e//evil.example", "/%2e%2e//evil.example"),
        ("//evil.example", None),
        ("///evil.example", None),
        ("/.//evil.example", None),
        ("/a/..//evil.example", None),
        ("/\\evil.example", None),
        ("\\\\evil.example", None),
        ("/http://evil.example", None),
        ("https://evil.example", None),
        ("javascript:alert(1)", None),
        ("evil", None),
        ("", None),
        ("/a b", None),
        ("/a\tb", None),
        ("/a\r\nSet-Cookie: x=y", None),
        ("/a\x00", None),
        ("/\u3000", None),
        ("/\u202e", None),
        ("//[", None),
    ],
)
def test_where_to_go_on(shop: Storefront, wanted: str, target: str | None) -> None:
    """On the shop's own pages, written anew; else at the cart."""
    client = shop.app.test_client()
    address = f"/buy/pot:1?continue_to={quote(wanted, safe='')}"

    assert buy(client, address).location == (target or "/cart/")

    # With nothing to be asked, at once.
    bare = client.get(f"/buy?continue_to={quote(wanted, safe='')}")

    assert bare.location == (target or "/cart/")


def test_two_places_to_go_on(shop: Storefront) -> None:
    """None of them can be the one that is meant."""
    client = shop.app.test_client()

    assert client.get("/buy?continue_to=/a&continue_to=/b").location == "/cart/"


def test_what_is_passed_on(shop: Storefront) -> None:
    """Where the shopper comes from, and nothing of the shopper's own."""
    client = shop.app.test_client()
    given = {
        "utm_source": "mail",
        "utm_medium": "x" * 300,
        "gclid": "a b",
        "access_token": "secret",
        "buyer/email": "ann@shop.example",
        "attribution/utm_source": "social",
        "context/postal_code": "94105",
        "color": "black",
        "continue_to": "/sale?x=1",
    }
    passed = "utm_source=mail&gclid=a+b"
    answer = client.get(f"/buy/pot:1?{urlencode(given)}")

    assert answer.location == f"/buy/ask?items=pot:1&continue_to=/sale?x%3D1&{passed}"
    assert confirm(client, client.get(answer.location)).location == (
        f"/sale?x=1&{passed}"
    )


@pytest.mark.parametrize(
    "address",
    [
        "/buy/pot",
        "/buy/pot:",
        "/buy/:1",
        "/buy/pot:0",
        "/buy/pot:01",
        "/buy/pot:-1",
        "/buy/pot:1.5",
        "/buy/pot:1e3",
        "/buy/pot:\u0661",
        "/buy/pot:1000001",
        "/buy/pot:9999999999",
        "/buy/pot:1,",
        "/buy/,pot:1",
        "/buy/pot:1;rare:1",
        "/buy/pot:1/rare:1",
        "/buy/a%2Fb:1",
        "/buy/a%20b:1",
        "/buy/p%00t:1",
        "/buy/caf%C3%A9:1",
        "/buy/~:1",
        "/buy/~cG90=:1",
        "/buy/~cG9:1",
        "/buy/~c.90:1",
        "/buy/~gICA:1",
        f"/buy/{encoded(' ')}:1",
        f"/buy/{encoded(chr(10))}:1",
        f"/buy/{encoded('a' + chr(0))}:1",
        f"/buy/{'a' * 256}:1",
        f"/buy/{encoded('b' * 256)}:1",
        "/buy/" + ",".join(["pot:1"] * 101),
        "/buy/pot:1?discounts/codes/0=A&/discounts/codes/0=B",
        "/buy/pot:1?buyer/email=a&buyer/email=a",
        "/buy/mug:1?line_items/0/options/size=L&line_items/0/options/size/0=S",
        "/buy//pot:1",
        "/buy/ask/",
    ],
)
def test_what_cannot_be_read(shop: Storefront, address: str) -> None:
    """It leads to a page that says so, or that says that there is nothing."""
    client = shop.app.test_client()
    answer = client.get(address)

    assert answer.status_code == 303
    assert answer.location == "/buy/ask"

    page = client.get(answer.location)

    assert page.status_code == 400
    assert "This link cannot be read" in page.text
    assert client.post("/buy/ask").location == "/cart/"
    assert lines_of(client) == {}


@pytest.mark.parametrize("token", ["cG90_", "c", "cG91", "cG9-", "cA", "cB"])
def test_only_one_way_to_write_an_item(token: str) -> None:
    """Or there were two addresses of the same."""
    try:
        link = read_permalink(f"~{token}:1", [])
    except UnreadableError:
        return

    assert encoded(link.wishes[0][0]) == f"~{token}"


def test_a_form_that_cannot_be_read_adds_nothing(shop: Storefront) -> None:
    """Nor does one of another site."""
    client = shop.app.test_client()

    assert client.post("/buy/ask?items=pot").location == "/cart/"
    assert (
        client.post(
            "/buy/ask?items=pot:1", headers={"Origin": "https://evil.example"}
        ).status_code
        == 403
    )
    assert lines_of(client) == {}


def test_a_veto_is_said(shop: Storefront) -> None:
    """On the page that asks, in its own words."""
    client = shop.app.test_client()

    def refuse(app: Flask, **extra: t.Any) -> None:
        raise CartVetoError("Not on Sundays.")

    with before_change.connected_to(refuse, shop.app):
        answer = client.post("/buy/ask?items=pot:1")
        assert "Not on Sundays." in client.get(answer.location).text

    assert answer.location == "/buy/ask?items=pot:1"


@pytest.mark.parametrize("prefix", ["/buy", "/buy/", "/buy?", "/buy/?x=y"])
def test_nothing_is_asked_for(shop: Storefront, prefix: str) -> None:
    """Then there is nothing to ask, and no slash to be corrected."""
    assert shop.app.test_client().get(prefix).location == "/cart/"


def test_the_address_of_items(shop: Storefront) -> None:
    """A shop writes it as any program can, and reads what it has written."""
    with shop.app.test_request_context():
        address = shop.extension.permalink(
            [
                {"product": "mug", "quantity": 2, "options": {"size": "L"}},
                {"product": "tea & <b>milk</b>"},
            ],
            coupons=["TEN"],
            continue_to="/sale",
        )

    tea = encoded("tea & <b>milk</b>")
    assert address == (
        f"http://localhost/buy/mug:2,{tea}:1?discounts/codes/0=TEN"
        f"&{SIZE}&continue_to=/sale"
    )

    client = shop.app.test_client()

    assert buy(client, address).location == "/sale"
    assert lines_of(client) == {"mug": 2, "tea & <b>milk</b>": 1}
    assert codes(client) == ["TEN"]


def test_the_address_of_several_choices(shop: Storefront) -> None:
    """And of a name with slashes in it."""
    options = {"a/b~c": ("x", "y"), "d": "z"}

    with shop.app.test_request_context():
        address = shop.extension.permalink([{"product": "pot", "options": options}])

    parts = urlsplit(address)
    query = [each.split("=") for each in parts.query.split("&")]
    link = read_permalink("pot:1", [(name, value) for name, value in query])

    assert link.wishes == (("pot", 1, options),)


@pytest.mark.parametrize(
    ("item", "more"),
    [
        ({"product": "pot", "quantity": 0}, {}),
        ({"product": "pot", "quantity": -1}, {}),
        ({"product": ""}, {}),
        ({"product": "a\n"}, {}),
        ({"product": "pot"}, {"coupons": [""]}),
        ({"product": "pot"}, {"coupons": ["A"] * 6}),
        ({"product": "pot"}, {"continue_to": "https://evil.example"}),
        ({"product": "pot"}, {"continue_to": "//evil.example"}),
        ({"product": "pot", "options": {"size": ""}}, {}),
    ],
)
def test_there_is_no_such_address(
    shop: Storefront, item: dict[str, t.Any], more: dict[str, t.Any]
) -> None:
    """It is told to who writes it, and not to who opens it."""
    with (
        shop.app.test_request_context(),
        pytest.raises(InvalidItemError, match="There is no such address"),
    ):
        shop.extension.permalink([item], **more)


def test_without_pages_there_is_no_address() -> None:
    """An app that has not registered them is told so."""
    app = make_app(CART_STORAGE="memory")
    extension = FlaskCart(app)

    with app.test_request_context(), pytest.raises(CartConfigError, match="Register"):
        extension.permalink([{"product": "pot"}])


#: What an address may be made of, with all that might be taken for something else.
PIECES: t.Final = st.one_of(
    st.sampled_from(
        [
            *("pot:2", "mug:1", "rare:9", ",", ":", "~", "~cG90:1", "~gICA:1", "/"),
            *("//evil.example", "?", "&", "=", "continue_to=", "//", "\\", "%0d%0a"),
            *("https://evil.example", "/\\evil.example", "/.//evil.example", "%2F"),
            *("discounts/codes/0=", "line_items/0/options/size=", "utm_source=", "L"),
            *("..", ".", "%00", "%", "%F0%9F", "javascript:", "@", "#", ";", "TEN"),
            *("ask", "ask?items=", "items=", "&items=", "/sale", "\u202e", "\u3000"),
        ]
    ),
    st.text(max_size=6),
)


@given(pieces=st.lists(PIECES, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_address_at_all(shop: Storefront, pieces: list[str]) -> None:
    """None is an error, and none leads to another site, nor does what comes after it.

    HYPOTHESIS_PROFILE=thorough tries 2,000 of them.
    """
    client = shop.app.test_client()
    address = "/buy/" + "".join(
        each if each.isascii() and each.isprintable() else quote(each)
        for each in pieces
    )
    # A client of tests would take another site for its own.
    address = re.sub("^/buy//+", "/buy/", address).partition("#")[0]
    answer = client.get(address)

    for _ in range(3):
        assert answer.status_code in (200, 303, 400), address

        if answer.status_code != 303:
            break

        assert_own(answer)
        answer = client.get(answer.location)

    taken = client.post(address)
    assert taken.status_code in (303, 405), address

    if taken.status_code == 303:
        assert_own(taken)


def assert_own(answer: TestResponse) -> None:
    """Whatever browsers make of where it leads, it is the shop."""
    location = answer.headers["Location"]

    assert re.match(r"/(?![/\\])", location), location
    assert location.isascii()
    assert location.isprintable()
    assert "\\" not in location


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/buy/pot:1", 303),
        ("/buy/", 303),
        ("/buy/ask", 400),
        ("/cart/", 200),
        ("/cart/links/x", 404),
    ],
)
@pytest.mark.parametrize("query", ["\xff", "page=\xff&\xfe\xff=1", "x=\xc3\xa9&\xc3"])
def test_a_query_that_is_no_text(
    shop: Storefront, address: str, status: int, query: str
) -> None:
    """Programs can send any bytes, which browsers quote."""
    environ = EnvironBuilder(address).get_environ() | {"QUERY_STRING": query}

    # A client would quote it.
    _, answered, _ = run_wsgi_app(shop.app, environ | {"HTTP_ACCEPT": BROWSER})

    assert answered.startswith(f"{status} ")
