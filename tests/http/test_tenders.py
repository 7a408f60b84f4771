"""What a shopper is told of gift cards, as JSON and on the page."""

from __future__ import annotations

from flask.testing import FlaskClient

from flask_cart import Condition
from flask_cart import rule
from flask_cart.pricing.presets import gift_card
from tests.support.storefronts import Storefront

JSON = {"Accept": "application/json"}
MUGS = {"item": "mug", "quantity": 2, "options": {"size": "L"}}
CARDS = {
    "GIFT": gift_card("GIFT", "30.00"),
    "LATE": gift_card("LATE", "5", rule=rule("quantity_at_least", quantity=9)),
    "WOOD": Condition("WOOD", "coupon", "subtotal", "-1", group="one"),
    "IRON": Condition("IRON", "coupon", "subtotal", "-2", group="one"),
}


def enter(shop: Storefront, client: FlaskClient, *codes: str) -> dict:
    """A cart of 25.00 with these codes, as JSON."""
    shop.extension.coupon_loader(CARDS.get)
    client.post("/cart/lines", json=MUGS, headers=JSON)

    for code in codes:
        shown = client.post("/cart/coupons", json={"code": code}, headers=JSON)

    return shown.json


def page_of(client: FlaskClient) -> str:
    page = client.get("/cart/", headers={"Accept": "text/html"}).text

    return " ".join(page.split())


def test_json(shop: Storefront, client: FlaskClient) -> None:
    """The total is what it was, and beside it is what the card pays and keeps."""
    shown = enter(shop, client, "GIFT", "LATE")

    assert (shown["total"], shown["due"], shown["savings"]) == ("25.00", "0.00", "0.00")
    assert shown["conditions"] == []
    assert shown["tenders"] == [
        {"name": "GIFT", "amount": "-25.00", "left": "5.00", "code": "", "reason": ""},
        {
            "name": "LATE",
            "amount": "0.00",
            "left": None,
            "code": "rule_not_met",
            "reason": "it needs 9 items, there are 2",
        },
    ]


def test_page(shop: Storefront, client: FlaskClient) -> None:
    """The page has it after the total, and what is to be paid at the end."""
    enter(shop, client, "GIFT", "LATE")
    page = page_of(client)
    total = "<dt>Total</dt><dd>€25.00</dd>"
    card = "<dt>GIFT <small>€5.00 left</small></dt><dd>-€25.00</dd>"
    due = "<dt>To pay</dt><dd>€0.00</dd>"

    assert 0 < page.index(total) < page.index(card) < page.index(due)
    assert page.count("GIFT <small>") == 1
    assert "<small>Not used: it needs 9 items, there are 2.</small>" in page


def test_without(shop: Storefront, client: FlaskClient) -> None:
    """Without a gift card the total is what is to be paid."""
    shown = enter(shop, client, "IRON")

    assert shown["due"] == shown["total"] == "23.00"
    assert "To pay" not in page_of(client)


def test_the_better_coupon(shop: Storefront, client: FlaskClient) -> None:
    """Of two coupons of one group, the shopper is told that the other is better."""
    shown = enter(shop, client, "WOOD", "IRON")

    assert shown["total"] == "23.00"
    assert shown["conditions"][0]["reason"] == "another offer is better"
    assert "<small>Not used: another offer is better.</small>" in page_of(client)
