"""Facts that are asked for when somebody looks, and what comes of asking wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from flask_cart import Condition
from flask_cart.pricing.facts import Lazy
from flask_cart.pricing.rounding import Proration
from flask_cart.pricing.rounding import Rounding
from flask_cart.pricing.rulebook import Rulebook
from tests.support.shop import make_cart


def test_a_mapping_is_loaded_once() -> None:
    """When somebody looks into it, whatever is asked of it then."""
    asked: list[str] = []
    facts = Lazy(lambda: asked.append("asked") or {"orders": 3, "spent": 90})

    assert asked == []
    assert facts["orders"] == 3
    assert len(facts) == 2
    assert list(facts) == ["orders", "spent"]
    assert asked == ["asked"]


def test_what_cannot_be_loaded_is_not_asked_for_again() -> None:
    """Whoever looks gets the error, and nobody is asked a second time."""
    asked: list[str] = []

    def load() -> Mapping[str, int]:
        asked.append("asked")
        raise LookupError("there is no such shopper")

    facts = Lazy(load)

    for _ in range(2):
        with pytest.raises(LookupError, match="no such shopper"):
            facts["orders"]

    assert asked == ["asked"]


def test_facts_cannot_be_made_of_themselves() -> None:
    """Who looks into them while they are made is told so."""
    facts: Lazy[int] = Lazy(lambda: {"orders": facts["orders"]})

    with pytest.raises(RuntimeError, match="made of themselves"):
        facts["orders"]


@pytest.mark.parametrize("wrong", ["free", Condition("GIFT", "gift", "item", "-1")])
def test_a_provider_that_yields_something_else(wrong: object) -> None:
    """It is left out with all that it yields, and the totals say so."""
    book = Rulebook()
    book.providers.append(lambda facts: [wrong])
    cart = make_cart(rulebook=book)
    cart.add("mug", price=10)

    assert [each.code for each in cart.totals.adjustments] == ["provider_failed"]
    assert cart.totals.total.amount == 10


def test_a_tax_that_is_contained_says_how_much() -> None:
    """In a line for the developer."""
    cart = make_cart()
    cart.add("mug", price="11.90")
    cart.add_tax("VAT", "19%", included=True)
    (tax,) = cart.totals.adjustments

    assert str(tax) == "VAT (19% on subtotal): contains €1.90"


def test_what_came_to_nothing_is_shared_evenly() -> None:
    """There is nothing else to go by."""
    cart = make_cart()
    lines = [cart.add(name, price=0) for name in ("mug", "pot")]
    shares = Proration(lines, [Decimal(0), Decimal(0)], Rounding("EUR"))
    shares.amount = Decimal(5)

    assert shares.shown() == [Decimal("2.50"), Decimal("2.50")]
