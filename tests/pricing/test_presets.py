"""Presets: conditions as shops often have them, and what carts then come to."""

from __future__ import annotations

from decimal import Decimal

import pytest
from moneyed import Money

from flask_cart import Condition
from flask_cart import InvalidConditionError
from flask_cart import rule
from flask_cart.pricing.presets import buy_x_get_y
from flask_cart.pricing.presets import capped_discount
from flask_cart.pricing.presets import shipping
from flask_cart.pricing.presets import tax_classes
from flask_cart.pricing.presets import tiered_discount
from flask_cart.pricing.rulebook import Rulebook
from tests.support.shop import cart_of


def total(*conditions: Condition, **prices: object) -> Decimal:
    return cart_of(*conditions, **prices).totals.total.amount


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("49.99", "49.99"),
        ("50", "47.50"),
        ("99.99", "94.99"),
        ("100", "90"),
        ("499.99", "449.99"),
        ("500", "450"),
        ("5000", "4950"),
    ],
)
def test_tiers(price: str, expected: str) -> None:
    """One tier applies at a time: the one that the sum of the lines is in."""
    tiers = tiered_discount("BULK", {500: "50", "100": "10%", Decimal("50.0"): "-5%"})

    assert [each.name for each in tiers] == ["BULK 50.0", "BULK 100", "BULK 500"]
    assert total(*tiers, mug=price) == Decimal(expected)


def test_tiers_on_some_lines() -> None:
    """The sum is that of the cart, the discount that of some lines."""
    tiers = tiered_discount("BULK", {50: "10%"}, lines=rule("item", ids=["mug"]))

    assert total(*tiers, mug=30, pot=30) == 57


@pytest.mark.parametrize("tiers", [{}, {"ten": "5%"}, {-5: "5%"}, {5: "five"}])
def test_tiers_that_cannot_be(tiers: dict) -> None:
    """Tiers are amounts with values."""
    with pytest.raises(InvalidConditionError):
        tiered_discount("BULK", tiers)


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [(1, 10), (2, 20), (3, 20), (4, 30), (5, 40), (6, 40), (7, 50)],
)
def test_three_for_two(quantity: int, expected: int) -> None:
    """Of every three, two are paid."""
    assert total(buy_x_get_y("3 for 2", 2), mug=(10, quantity)) == expected


def test_the_cheapest_is_free() -> None:
    """Of different items it is the cheapest, and only of those that take part."""
    offer = buy_x_get_y("3 for 2", 2, lines=rule("item", ids=["mug", "pot", "jar"]))

    assert total(offer, cup=1, mug=10, pot=8, jar=20) == 31


def test_half_price() -> None:
    """What is got may be cheaper instead of free."""
    assert total(buy_x_get_y("2nd", 1, value="50%"), mug=(10, 2)) == 15


def test_get_something_else() -> None:
    """Two mugs give a lid for free, and not more lids than there are."""
    lid = rule("item", ids=["lid"])
    offer = buy_x_get_y("LID", 2, lines=lid, bought=["mug"])

    assert total(offer, mug=(10, 2), lid=(3, 2)) == 23
    assert total(offer, mug=(10, 4), lid=(3, 1)) == 40
    assert total(offer, mug=(10, 1), lid=(3, 1)) == 13


@pytest.mark.parametrize(("price", "expected"), [(50, 40), (75, 60), (100, 85)])
def test_capped(price: int, expected: int) -> None:
    """A percentage off, up to an amount."""
    assert total(capped_discount("WELCOME", "20%", 15), mug=price) == expected


@pytest.mark.parametrize(
    ("price", "expected"), [("49.99", "54.89"), ("50", "50"), ("51", "51")]
)
def test_free_shipping(price: str, expected: str) -> None:
    """From an amount on, shipping is free."""
    post = shipping("Post", "4.90", free_from=50)

    assert total(post, mug=price) == Decimal(expected)
    assert total(shipping("Post", "4.90"), mug=price) == Decimal(price) + Decimal("4.9")


@pytest.mark.parametrize("included", [False, True])
def test_tax_classes(included: bool) -> None:
    """Each class of lines has its rate, and what is left the default one."""
    taxes = tax_classes(
        "VAT", {"book": "7%", "food": "7%"}, default="19%", included=included
    )
    cart = cart_of(*taxes, book=(10, 2), food=30, mug=50)

    assert [(each.name, each.rate, each.base.amount) for each in cart.totals.taxes] == [
        ("VAT book", "7%", 20),
        ("VAT food", "7%", 30),
        ("VAT", "19%", 50),
    ]
    amounts = [str(each.amount.amount) for each in cart.totals.taxes]

    if included:
        assert amounts == ["1.31", "1.96", "7.98"]
        assert cart.totals.total == Money(100, "EUR")
    else:
        assert amounts == ["1.40", "2.10", "9.50"]
        assert cart.totals.total == Money(113, "EUR")


def test_taxes_come_after_discounts() -> None:
    """What a discount takes off is not taxed, whenever it was added."""
    taxes = tax_classes("VAT", {"mug": "10%"})

    assert total(*taxes, Condition("X", "discount", "subtotal", "-5"), mug=15) == 11


def test_no_default() -> None:
    """Without a default rate, other lines are not taxed."""
    assert total(*tax_classes("VAT", {"mug": "10%"}), mug=10, pot=10) == 21


def test_presets_can_be_asked() -> None:
    """All that presets make of rules is registered."""
    for each in (
        *tiered_discount("A", {5: "5%", 10: "10%"}),
        buy_x_get_y("B", 2, bought=["mug"], lines=rule("logged_in")),
        capped_discount("C", "10%", "5"),
        shipping("D", 5, free_from="50"),
        *tax_classes("E", {"books": "7%"}, default="19%"),
    ):
        Rulebook().check(each)
