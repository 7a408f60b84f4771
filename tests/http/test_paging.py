"""Pages of a long cart: 50 lines at a time, all that can be done on each of them."""

from __future__ import annotations

import re
import typing as t
from decimal import Decimal
from pathlib import Path

import pytest
from flask import render_template_string
from flask.testing import FlaskClient

from flask_cart import current_cart
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import line_of
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show

KIB: t.Final = 1024

Fill = t.Callable[[int], FlaskClient]


class Bead(t.NamedTuple):
    """One of a thousand products."""

    cart_id: str
    cart_name: str
    cart_price: str = "1.50"
    cart_available: int = 9


@pytest.fixture
def long_shop(tmp_path: Path) -> t.Iterator[Storefront]:
    """A shop with any number of products, and one shopper."""
    with open_storefront("memory", folder=tmp_path) as shop:
        shop.extension.product_loader(
            lambda ids: [Bead(each, f"Bead {each}") for each in ids]
        )
        shop.extension.owner_loader(lambda: "user:1")
        yield shop


@pytest.fixture
def fill(long_shop: Storefront) -> Fill:
    """Fills a cart with so many lines."""

    def fill(count: int) -> FlaskClient:
        with long_shop.app.app_context():
            cart = long_shop.extension.cart(owner="user:1")
            items = [{"product": str(each)} for each in range(count)]
            cart.add_many(items)

        return long_shop.app.test_client()

    return fill


def names(page: str) -> list[str]:
    """The lines of a page."""
    return re.findall(r'<div class="cart-line-name">\s*<strong>(.*?)</strong>', page)


def links(page: str) -> dict[str, str]:
    """Where the links between pages lead."""
    found = re.findall(
        r'<a id="cart-page-(\w+)-below" href="([^"#]*)#cart-heading"', page
    )

    return dict(found)


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the first form that leads somewhere."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.S)
    assert form is not None

    return dict(
        re.findall(r'<input type="hidden" name="([\w.]+)" value="([^"]*)"', form[0])
    )


@pytest.mark.unmeasured
def test_a_thousand_lines(fill: Fill) -> None:
    """Each page is below 300 KiB, and all of them have every line once."""
    client = fill(1000)
    address, seen, pages = "/cart/", list[str](), 0

    while address:
        page = client.get(address).text
        assert len(page.encode()) < 300 * KIB
        assert len(names(page)) == 50
        # The totals are those of all lines.
        assert "€1,500.00" in page

        seen += names(page)
        pages += 1
        assert f"Page {pages} of 20" in page
        address = links(page).get("next", "")

    assert seen == [f"Bead {each}" for each in range(1000)]
    assert links(page) == {"first": "/cart/", "previous": "/cart/?page=19"}


def test_as_json_it_is_whole(fill: Fill) -> None:
    """A program gets all lines, whatever page it asks for."""
    client = fill(120)

    assert len(show(client)["lines"]) == 120
    assert len(client.get("/cart/?page=2", headers=JSON).json["lines"]) == 120


@pytest.mark.parametrize(
    ("count", "pages"), [(0, 1), (1, 1), (50, 1), (51, 2), (100, 2), (101, 3)]
)
def test_how_many_pages(fill: Fill, count: int, pages: int) -> None:
    """A cart that fits on one page has no links to others."""
    page = fill(count).get("/cart/").text

    assert bool(links(page)) is (pages > 1)
    assert ("cart-paging" in page) is (pages > 1)

    if pages > 1:
        assert f"Page 1 of {pages}" in page
        assert links(page)["last"] == f"/cart/?page={pages}"


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("2", "Bead 50"),
        ("3", "Bead 100"),
        ("4", "Bead 100"),
        ("99999999", "Bead 100"),
        ("9" * 30, "Bead 0"),
        ("0", "Bead 0"),
        ("-1", "Bead 0"),
        ("", "Bead 0"),
        ("x", "Bead 0"),
        ("²", "Bead 0"),
        ("\u0661", "Bead 0"),
        ("1e1", "Bead 0"),
    ],
)
def test_what_is_no_page(fill: Fill, asked: str, first: str) -> None:
    """Beyond the last is the last, and what is no number the first."""
    page = fill(101).get("/cart/", query_string={"page": asked})

    assert page.status_code == 200
    assert names(page.text)[0] == first


LINE: t.Final = line_of("70")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("forward", {f"quantity.{LINE}": "3"}),
        (f"lines/{LINE}/increment", {"by": "2"}),
        (f"lines/{LINE}/remove", {}),
        (f"lines/{LINE}/move", {"to": "later"}),
        ("forward", {"code": "TEN"}),
        ("shipping", {"method": "Post"}),
        ("forward", {"metadata.note": "Hi"}),
        # What cannot be done leads back as well.
        ("forward", {f"quantity.{LINE}": "99"}),
        ("forward", {f"quantity.{LINE}": "many"}),
        ("forward", {"code": "NOTHING"}),
        ("lines/none/increment", {"by": "1"}),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_a_change_stays_on_the_page(
    fill: Fill, path: str, fields: dict[str, str], htmx: bool
) -> None:
    """Whatever a form on it does, with scripts and without."""
    client = fill(120)
    page = client.get("/cart/?page=2").text
    # Of a line that is not there; and of another button of the same form.
    form = path.replace("none", LINE).replace("/move", "/remove")
    own = hidden(page, f"/cart/{form}")
    answer = client.post(
        f"/cart/{path}",
        data=own | fields,
        headers={"HX-Request": "true"} if htmx else {},
    )

    assert (answer.status_code, answer.location) == (303, "/cart/?page=2")
    assert names(client.get(answer.location).text)[0] == "Bead 50"


def test_the_first_page_has_no_number(fill: Fill) -> None:
    """Its address is as it was, and its forms have no field more."""
    client = fill(120)
    action = f"/cart/lines/{line_of('7')}/increment"
    own = hidden(client.get("/cart/").text, action)
    answer = client.post(action, data=own | {"by": "1"})

    assert own.keys() == {"cart_key"}
    assert answer.location == "/cart/"


def test_the_last_line_of_the_last_page(fill: Fill) -> None:
    """When it is removed, the page before is the last; it can be put back there."""
    client = fill(101)
    action = f"/cart/lines/{line_of('100')}/remove"
    own = hidden(client.get("/cart/?page=3").text, action)
    page = client.post(action, data=own, follow_redirects=True).text

    assert "Page 2 of 2" in page
    assert hidden(page, f"/cart/lines/{line_of('100')}/restore")["next"] == (
        "/cart/?page=3"
    )


def test_a_conflict_leads_back_to_the_page(fill: Fill) -> None:
    """Whichever of the two the shopper takes."""
    client = fill(120)
    action = "/cart/forward"
    own = hidden(client.get("/cart/?page=2").text, action)
    typed = {f"quantity.{LINE}": "3", f"seen.{LINE}": "1"}
    client.patch(f"/cart/lines/{LINE}", json={"quantity": 7})
    late = client.post(action, data=own | typed)
    again = hidden(late.text, action)

    assert late.status_code == 409
    assert 'id="cart-leave" href="/cart/?page=2"' in late.text
    assert late.text.count('name="cart_page"') == 1
    assert client.post(action, data=again).location == "/cart/?page=2"
    assert show(client)["lines"][70]["quantity"] == 3


def test_another_cart_begins_at_its_first_page(
    long_shop: Storefront, fill: Fill
) -> None:
    """The page is one of the cart that is shown, and not of the others."""
    client = fill(120)

    with long_shop.app.app_context():
        cart = long_shop.extension.cart(owner="user:1", instance="wishlist")
        cart.add_many({"product": str(each)} for each in range(120))

    page = client.get("/cart/wishlist/?page=2").text

    assert 'href="/cart/"' in page
    assert links(page)["next"] == "/cart/wishlist/?page=3"
    assert hidden(page, f"/cart/wishlist/lines/{LINE}/remove")["cart_page"] == "2"
    assert 'data-hx-get="/cart/wishlist/?page=2"' in page


def test_a_page_of_the_app_may_have_pages_of_its_own(
    long_shop: Storefront, fill: Fill
) -> None:
    """What it calls a page is none of the cart."""
    template = (
        "{% from 'flask_cart/macros.html' import add_to_cart, cart_summary %}"
        "{{ add_to_cart(product) }}{{ cart_summary() }}"
    )

    @long_shop.app.get("/goods")
    def goods() -> str:
        return render_template_string(template, product=Bead("7", "Bead"))

    page = fill(120).get("/goods?page=2").text

    assert "cart_page" not in page
    # An overview tells of the others.
    assert page.count("1 \u00d7 <bdi>Bead") == 50
    assert "and 70 more" in page


def test_only_what_is_shown_is_asked_for(long_shop: Storefront, fill: Fill) -> None:
    """The products of other pages are not loaded for their quantities."""
    asked: list[int] = []

    def load(ids: list[str]) -> list[Bead]:
        asked.append(len(ids))

        return [Bead(each, f"Bead {each}") for each in ids]

    client = fill(120)
    long_shop.extension.product_loader(load)
    client.get("/cart/?page=3")

    assert asked == [20]


def test_totals_are_of_all_lines(long_shop: Storefront, fill: Fill) -> None:
    """On every page."""
    client = fill(120)
    client.post("/cart/coupons", json={"code": "TEN"})

    with long_shop.app.test_request_context():
        assert current_cart.total.amount == Decimal("162.00")

    assert "€162.00" in client.get("/cart/?page=3").text


def test_lines_outside_of_a_request(long_shop: Storefront, fill: Fill) -> None:
    """A mail has the first page of a cart."""
    fill(51)

    with long_shop.app.app_context():
        cart = long_shop.extension.cart(owner="user:1")
        template = "{{ cart_pages.lines(cart).number }}"
        number = render_template_string(template, cart=cart)

    assert number == "1"
