"""Choosing how a cart is sent, over HTTP."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import jsonify
from flask.testing import FlaskClient

from flask_cart import current_cart
from tests.http.test_views import as_the_shop
from tests.support.storefronts import JSON
from tests.support.storefronts import METHODS
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import show


def buttons(client: FlaskClient) -> dict[str, str]:
    """The methods on the page, each with what its button says of itself."""
    page = client.get("/cart/").text
    found = re.findall(r'<button name="method" value="(\w+)"([^>]*)>', page)

    return {name: " ".join(attributes.split()) for name, attributes in found}


def test_options(client: FlaskClient) -> None:
    """A program sees what each method costs now, and why one cannot be chosen."""
    assert show(client)["shipping_options"] == []

    fill(client)
    cart = client.post("/cart/lines", json={"item": "pot", "quantity": 2}).json
    post, bike = cart["shipping_options"]

    assert cart["shipping"] is None
    assert post == {
        "name": "Post",
        "price": "4.90",
        "is_chosen": False,
        "is_available": True,
        "code": "",
        "reason": "",
    }
    assert (bike["price"], bike["is_available"]) == ("9.00", False)
    assert (bike["code"], bike["reason"]) == (
        "rule_not_met",
        "it is for up to 4 items, there are 5",
    )


def test_choose_and_clear(client: FlaskClient) -> None:
    """What is chosen is charged, until another is, or none."""
    fill(client)
    cart = client.put("/cart/shipping", json={"method": "Bike"}).json
    assert (cart["shipping"], cart["total"]) == ("Bike", "46.50")
    assert [each["is_chosen"] for each in cart["shipping_options"]] == [False, True]

    client.post("/cart/shipping", data={"method": "Post"})
    assert (show(client)["shipping"], show(client)["total"]) == ("Post", "42.40")

    cart = client.delete("/cart/shipping", headers=JSON).json
    assert (cart["shipping"], cart["total"]) == (None, "37.50")


def test_page(client: FlaskClient) -> None:
    """The page has a button for each method, and the chosen one is pressed."""
    assert buttons(client) == {}

    fill(client)
    client.post("/cart/shipping", data={"method": "Post"})
    shown = buttons(client)
    assert 'aria-pressed="true"' in shown["Post"]
    assert 'aria-pressed="false"' in shown["Bike"]
    assert "disabled" not in shown["Bike"]

    client.post("/cart/lines", json={"item": "pot", "quantity": 2})
    assert "disabled" in buttons(client)["Bike"]
    assert "Not for this cart: it is for up to 4 items" in client.get("/cart/").text


def test_unavailable(client: FlaskClient) -> None:
    """A form that comes too late is told why, and changes nothing."""
    fill(client)
    client.post("/cart/shipping", data={"method": "Post"})
    client.post("/cart/lines", json={"item": "pot", "quantity": 2})
    answer = client.put("/cart/shipping", json={"method": "Bike"})
    page = client.post("/cart/shipping", data={"method": "Bike"}, follow_redirects=True)
    why = "Bike cannot be chosen: it is for up to 4 items, there are 5."

    assert (answer.status_code, answer.json["detail"]) == (422, why)
    assert why in unescape(page.text)
    assert show(client)["shipping"] == "Post"


def test_what_the_shop_has_added_stays(shop: Storefront) -> None:
    """Nobody takes away the shipping that the shop has put there itself."""
    client = shop.app.test_client()
    fill(client)

    with as_the_shop(shop, client) as cart:
        cart.add_shipping("Freight", "80")

    client.delete("/cart/shipping", headers=JSON)
    client.post("/cart/shipping/clear")
    assert show(client)["total"] == "117.50"


def test_methods_that_cannot_be_asked_for(
    shop: Storefront, caplog: pytest.LogCaptureFixture
) -> None:
    """The cart is shown without them, as its totals are; the log says why."""
    client = shop.app.test_client()
    fill(client)
    shop.extension.shipping_methods(lambda facts: 1 / 0)

    assert show(client)["shipping_options"] == []
    assert buttons(client) == {}
    assert "The shipping methods cannot be asked for." in caplog.text

    shop.extension.shipping_methods(lambda facts: METHODS)
    assert list(buttons(client)) == ["Post", "Bike"]


def test_plain_data(shop: Storefront) -> None:
    """An option is plain data for an app's own view, with the names of the API."""

    @shop.app.get("/options")
    def options():
        return jsonify(current_cart.shipping.options)

    client = shop.app.test_client()
    fill(client)
    mine = client.get("/options").json
    api = show(client)["shipping_options"]

    assert [{name: each[name] for name in api[0]} for each in mine] == api
