"""Amounts in minor units: every one is whole, and all of them add up."""

from __future__ import annotations

import typing as t
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from moneyed import Money

from flask_cart import Cart
from flask_cart import Condition
from flask_cart.ucp.representation import minor
from tests.support.assistants import Assistant
from tests.support.assistants import Json
from tests.support.assistants import read_json
from tests.support.assistants import with_assistants
from tests.support.storefronts import Product
from tests.support.storefronts import Storefront
from tests.support.storefronts import open_storefront


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("12.50", "EUR", 1250),
        ("0", "EUR", 0),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("-3.10", "EUR", -310),
        ("0.005", "EUR", 1),
        ("0.004", "EUR", 0),
        ("99999999999.99", "EUR", 9999999999999),
    ],
)
def test_minor_units(amount: str, currency: str, units: int) -> None:
    """As many places as the currency has."""
    assert minor(Money(Decimal(amount), currency)) == units


def check(body: Json) -> None:
    """Fail unless the amounts of a cart are what the standard says of them."""
    totals = body["totals"]
    kinds = [each["type"] for each in totals]

    assert kinds.count("subtotal") == kinds.count("total") == 1
    assert sum(e["amount"] for e in totals[:-1]) == totals[-1]["amount"]

    for each in [*totals, *(e for line in body["line_items"] for e in line["totals"])]:
        if each["type"] in ("discount", "items_discount"):
            assert each["amount"] < 0
        elif each["type"] in ("subtotal", "fulfillment", "tax", "fee"):
            assert each["amount"] >= 0
        else:
            assert each["type"] == "total"

    for line in body["line_items"]:
        *parts, total = line["totals"]
        assert sum(each["amount"] for each in parts) == total["amount"]

    lines = sum(line["totals"][0]["amount"] for line in body["line_items"])
    assert lines == totals[0]["amount"]


def totals_with(shop: Storefront, *conditions: Condition) -> dict[str, int]:
    """The totals of two pots under conditions of a provider."""
    shop.extension.condition_provider(lambda facts: conditions)
    body = read_json(Assistant(shop.app).create({"pot": 2}))
    check(body)

    return {each["type"]: each["amount"] for each in body["totals"]}


def test_what_comes_to_a_total(shop: Storefront) -> None:
    """Under the names of the standard, with the names of the shop to be shown."""
    assert totals_with(
        shop,
        Condition("Sale", "discount", "subtotal", "-10%"),
        Condition("Post", "shipping", "total", "+4.90"),
        Condition("Wrapping", "fee", "total", "+2.50"),
        Condition("VAT", "tax", "subtotal", "+19%"),
    ) == {
        "subtotal": 8000,
        "discount": -800,
        "fulfillment": 490,
        "fee": 250,
        "tax": 1368,
        "total": 9308,
    }


def test_what_takes_off_is_a_discount(shop: Storefront) -> None:
    """Also if it is shipping or a tax."""
    totals = totals_with(shop, Condition("Rebate", "shipping", "total", "-4.90"))

    assert totals == {"subtotal": 8000, "discount": -490, "total": 7510}


def test_conditions_of_a_line(shop: Storefront) -> None:
    """What it costs less or more is told of the line and of the cart."""
    one = Assistant(shop.app)
    cart_id = read_json(one.create({"pot": 2}))["id"]

    for value, kind in (("-1.00", "items_discount"), ("+1.00", "fee")):
        with shop.app.app_context():
            cart = cart_of_assistant(shop)
            cart.add_condition(
                Condition("Special", "discount", "item", value), line=cart.lines[0].id
            )

        body = read_json(one.read(cart_id))
        check(body)
        (line,) = body["line_items"]
        amount = 200 if kind == "fee" else -200

        assert {"type": kind, "amount": amount} in line["totals"]
        assert {"type": kind, "amount": amount} in body["totals"]


def cart_of_assistant(shop: Storefront) -> Cart:
    (key,) = (
        each.key
        for each in t.cast(t.Any, shop.extension.storage).scan()
        if each.key.is_cart
    )

    return shop.extension.cart(owner=key.owner)


PRICES: t.Final = st.decimals(
    min_value=0, max_value=1000, places=4, allow_nan=False, allow_infinity=False
)


@given(
    prices=st.lists(PRICES, min_size=1, max_size=4),
    counts=st.lists(st.integers(1, 9), min_size=4, max_size=4),
    percent=st.decimals(min_value=0, max_value=100, places=2),
    fee=PRICES,
)
@settings(deadline=None)
def test_any_amounts_add_up(
    tmp_path_factory: pytest.TempPathFactory,
    prices: list[Decimal],
    counts: list[int],
    percent: Decimal,
    fee: Decimal,
) -> None:
    """Also where only the total is rounded, or prices have more places."""
    goods = {
        f"p{n}": Product(f"p{n}", f"Thing {n}", str(price))
        for n, price in enumerate(prices)
    }

    for place in ("unit", "line", "total"):
        with open_storefront("memory", folder=Path(), CART_ROUND_AT=place) as shop:
            with_assistants(shop)
            shop.extension.product_loader(lambda ids: [goods[each] for each in ids])
            shop.extension.condition_provider(
                lambda facts: [
                    Condition("Sale", "discount", "subtotal", f"-{percent}%"),
                    Condition("Fee", "fee", "total", f"+{fee}"),
                    Condition("VAT", "tax", "subtotal", "+7.7%"),
                ]
            )
            wanted = dict(zip(goods, counts, strict=False))
            check(read_json(Assistant(shop.app).create(wanted)))
