"""What a shopper is told of taxes, as JSON and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient

from flask_cart import Cart
from flask_cart.pricing.presets import cash_rounding
from flask_cart.pricing.presets import tax_classes
from tests.support.guests import owner_of
from tests.support.storefronts import Storefront

JSON = {"Accept": "application/json"}


@contextmanager
def taxed(shop: Storefront, client: FlaskClient) -> Iterator[Cart]:
    """The client's cart, with something in it."""
    mugs = {"item": "mug", "quantity": 2, "options": {"size": "L"}}
    client.post("/cart/lines", json=mugs, headers=JSON)

    with shop.app.app_context():
        yield shop.extension.cart(owner=owner_of(client))


def without_spaces(page: str) -> str:
    return " ".join(page.split())


@pytest.mark.parametrize(
    ("included", "amount", "contained", "tax", "total"),
    [(True, "0.00", "3.99", "3.99", "25.00"), (False, "4.75", None, "4.75", "29.75")],
)
def test_json(
    shop: Storefront,
    client: FlaskClient,
    included: bool,
    amount: str,
    contained: str | None,
    tax: str,
    total: str,
) -> None:
    """Which tax, of what, how much; of the cart, and of each line."""
    with taxed(shop, client) as cart:
        cart.add_tax("VAT", "19%", included=included)

    shown = client.get("/cart/", headers=JSON).json
    vat = {
        "name": "VAT",
        "rate": "19%",
        "base": "25.00",
        "amount": tax,
        "included": included,
    }

    assert shown["taxes"] == shown["lines"][0]["taxes"] == [vat]
    assert shown["total"] == total
    assert shown["conditions"] == [
        {
            "name": "VAT",
            "type": "tax",
            "value": "19%",
            "base": "25.00",
            "amount": amount,
            "contained": contained,
            "code": "",
            "reason": "",
        }
    ]


def test_json_by_rate(shop: Storefront, client: FlaskClient) -> None:
    """Two taxes of one name and rate are one, on goods and on shipping."""
    vat = tax_classes("VAT", {}, default="10%", shipping="10%")

    with taxed(shop, client) as cart:
        cart.add_shipping("Post", "5")

        for each in vat:
            cart.add_condition(each)

    shown = client.get("/cart/", headers=JSON).json

    assert [(e["name"], e["base"], e["amount"]) for e in shown["taxes"]] == [
        ("VAT", "25.00", "2.50"),
        ("VAT shipping", "5.00", "0.50"),
    ]
    assert [each["name"] for each in shown["lines"][0]["taxes"]] == ["VAT"]


def test_page(shop: Storefront, client: FlaskClient) -> None:
    """The page says at which rate, and of what."""
    with taxed(shop, client) as cart:
        cart.add_tax("VAT", "19%", included=True)
        cart.add_tax("City", "2%")
        cart.add_condition(cash_rounding("0.05"))

    page = without_spaces(client.get("/cart/", headers={"Accept": "text/html"}).text)

    assert "<dt>Includes VAT <small>19% of €25.00</small></dt><dd>€3.99</dd>" in page
    assert "<dt>City <small>2% of €21.01</small></dt><dd>€0.42</dd>" in page
    assert "<dt>Rounding</dt><dd>-€0.02</dd>" in page
    assert "<dt>Total</dt><dd>€25.40</dd>" in page
