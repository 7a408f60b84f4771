"""What a page has of a cart is not sent to it again."""

from __future__ import annotations

import re
import timeit
from functools import partial

import pytest
from flask import render_template_string
from flask.testing import FlaskClient

from tests.support.storefronts import BROWSER
from tests.support.storefronts import Product
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of


def pieces(page: str) -> list[str]:
    return re.findall(r'<li data-piece="(\w+)"', page)


def show(client: FlaskClient, known: str = "") -> str:
    headers = {"Accept": BROWSER, "Cart-Pieces": known}

    return client.get("/cart/", headers=headers).text


def test_lines_that_are_known(client: FlaskClient) -> None:
    """Only their places are, until they change; other keys in their forms are none."""
    mug = fill(client)
    client.post("/cart/lines", json={"item": "pot"})
    known = pieces(show(client))
    assert len(known) == 2
    assert pieces(show(client)) == known

    page = show(client, " ".join(known))
    assert pieces(page) == []
    assert f'<li id="cart-line-{mug[:12]}" data-hx-preserve></li>' in page
    assert "Quantity of Mug" not in page

    client.post(f"/cart/lines/{mug}/increment", json={"by": 1})
    page = show(client, " ".join(known))
    assert len(pieces(page)) == 1
    assert "Quantity of Mug" in page
    assert "Quantity of Pot" not in page


def test_a_page_that_shows_no_lines(client: FlaskClient) -> None:
    """It is sent none of them, and all the rest."""
    fill(client)
    page = show(client, "*")

    assert "Quantity of Mug" not in page
    assert 'id="cart-mini"' in page


@pytest.mark.parametrize("html", ["no tag", '<p class="note">1</p>'])
def test_what_has_no_id(shop: Storefront, html: str) -> None:
    """It is sent as it is."""
    with shop.app.test_request_context(headers={"Cart-Pieces": "*"}):
        template = shop.app.jinja_env.from_string(
            "{% filter cart_piece %}" + html + "{% endfilter %}"
        )

        assert template.render() == html


def test_how_long_it_takes(client: FlaskClient, shop: Storefront) -> None:
    """Pieces are looked through once, not at each place for what may be before it."""
    fill(client)
    page = show(client)
    line = page[page.index("<li data-piece") :].partition("</ul>")[0]
    assert 'name="cart_key"' in line

    with shop.app.test_request_context():
        works = [
            partial(shop.app.jinja_env.filters["cart_piece"], line),
            # As long as anything takes that reads it.
            partial(re.compile("<").sub, "", line),
        ]
        taken = [timeit.repeat(each, repeat=20, number=20) for each in works]

    ours, floor = map(min, taken)
    # It is less than 3 times as long, and was 30 times.
    assert ours < 10 * floor


def test_a_hundred_lines(client: FlaskClient, shop: Storefront) -> None:
    """One more of one of them moves less than 10 KB: on their page, where fifty are
    shown, and in the drawer, with the redirect and all headers."""
    shop.extension.product_loader(
        lambda ids: [Product(each, f"Mug number {each}", "12.50") for each in ids]
    )
    items = [{"item": f"{each}"} for each in range(100)]
    client.post("/cart/lines/many", json={"items": items})
    line = line_of("7")

    for address in ("/cart/", "/cart/?drawer=1"):
        headers = {"Accept": BROWSER, "HX-Request": "true"}
        before = client.get(address, headers=headers).text
        assert len(pieces(before)) == 50

        headers["Cart-Pieces"] = " ".join(re.findall(r'data-piece="(\w+)"', before))
        answers = client.post(
            f"/cart/lines/{line}/increment",
            data={"by": "1", "next": address},
            headers=headers,
            follow_redirects=True,
        )
        moved = [*answers.history, answers]

        assert len(pieces(answers.text)) == 1
        assert sum(len(e.data) + len(str(e.headers)) for e in moved) < 10_000


def test_the_drawer_is_asked_for(client: FlaskClient) -> None:
    """By a script; who follows a link to it gets the page of the cart. As long as there
    is nothing in it, it needs no form, and so no session."""
    headers = {"Accept": BROWSER, "HX-Request": "true"}
    drawer = client.get("/cart/?drawer=1", headers=headers)
    assert "<html" not in drawer.text
    assert "<form" not in drawer.text
    assert "Set-Cookie" not in drawer.headers

    fill(client)
    drawer = client.get("/cart/?drawer=1", headers=headers)
    assert 'id="cart-drawer-lines"' in drawer.text
    assert "Quantity of Mug" in drawer.text
    assert "aria-current" not in drawer.text
    assert "<title>Your cart</title>" in client.get("/cart/?drawer=1").text


def test_a_page_with_the_drawer_is_the_same_for_everybody(shop: Storefront) -> None:
    """Nothing of a cart, of a session or of a form is in it before it is opened."""
    page = '{% from "flask_cart/macros.html" import cart_drawer %}{{ cart_drawer() }}'

    @shop.app.get("/look")
    def look() -> str:
        return render_template_string(page)

    shopper, visitor = shop.app.test_client(), shop.app.test_client()
    fill(shopper)
    answer = visitor.get("/look")

    assert answer.text == shopper.get("/look").text
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert "<form" not in answer.text
