"""What a page has of a cart is not sent to it again."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.support.storefronts import BROWSER
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill


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
    assert f'<li id="cart-line-{mug[:12]}" hx-preserve></li>' in page
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
