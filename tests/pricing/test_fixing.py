from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_cart import Condition
from flask_cart import Totals
from flask_cart import rule
from flask_cart.carts.drafts import fix
from flask_cart.carts.drafts import fixed_totals
from flask_cart.model.document import Document
from flask_cart.model.document import decode
from flask_cart.model.document import encode
from flask_cart.model.document import new_document
from flask_cart.model.lines import make_line
from flask_cart.pricing.calculation import compute_totals
from flask_cart.pricing.rounding import Rounding
from flask_cart.pricing.rulebook import Rulebook
from tests.support import strategies
from tests.support.shop import evaluation

CARTS = {
    "ruled": strategies.dynamic_carts(),
    "limited": strategies.dynamic_carts(with_rules=False),
    "taxed": strategies.taxed_carts(),
    "offered": strategies.offered_carts(),
}

PROVIDED = st.lists(
    st.sampled_from(["subtotal", "total"]).flatmap(strategies.dynamic_conditions),
    max_size=3,
)


def priced(document: Document, rounding: Rounding, provided: list[Condition]) -> Totals:
    """The totals, with those of the provided conditions whose rules are known."""
    rulebook = Rulebook()

    for each in provided:
        rulebook.providers.append(lambda facts, each=each: [each])

    return compute_totals(document, rounding, evaluation(rulebook))


def fixed_and_stored(document: Document, totals: Totals, rounding: Rounding) -> Totals:
    """The totals of what was fixed, after it was stored and read again."""
    fixed, conditions, provided = fix(totals)
    lines = tuple(each.line for each in fixed.lines)
    document = replace(document, lines=lines, conditions=conditions)
    providing = replace(document, lines=(), conditions=provided)
    document, providing = (decode(encode(each)) for each in (document, providing))

    return fixed_totals(document, providing.conditions, rounding)


@pytest.mark.parametrize("kind", CARTS)
@settings(max_examples=settings.default.max_examples // len(CARTS))
@given(data=st.data())
def test_every_cart(kind: str, data: st.DataObject) -> None:
    """What was fixed comes to the same, with the same share of every line, and has the
    same reasons, however it is rounded."""
    document = data.draw(CARTS[kind])
    rounding = data.draw(strategies.rounding_of(document))
    totals = priced(document, rounding, data.draw(PROVIDED))
    again = fixed_and_stored(document, totals, rounding)

    assert again == fix(totals)[0]
    assert (again.total, again.subtotal) == (totals.total, totals.subtotal)
    assert again.due == totals.due
    assert again.adjustments == tuple(e for e in totals.adjustments if e.applied)
    assert again.taxes == totals.taxes

    for fixed, line in zip(again.lines, totals.lines, strict=True):
        assert (fixed.share, fixed.subtotal) == (line.share, line.subtotal)
        assert fixed.unit_price == line.unit_price
        assert fixed.adjustments == tuple(e for e in line.adjustments if e.applied)


def test_nothing_left_to_ask() -> None:
    """What was fixed has no rule of the shop's, and nothing that did not apply."""
    mug, pot = (
        make_line(each, quantity, "EUR", price=10)
        for each, quantity in [("mug", 3), ("pot", 1)]
    )
    on_line = (
        Condition("ON", "discount", "item", "-1", rule=rule("logged_in")),
        Condition("OFF", "discount", "item", "-1", rule=rule("first_order")),
    )
    document = replace(
        new_document("EUR"),
        lines=(replace(pot, conditions=on_line), mug),
        conditions=(
            Condition("PLAIN", "fee", "total", "1"),
            Condition("GONE", "fee", "total", "1", rule=rule("of yesterday")),
            Condition(
                "MUGS",
                "discount",
                "subtotal",
                "-50%",
                rule=rule("weekday", days=["wed"]),
                lines=rule("item", ids=["mug"]),
                base=rule("cheapest", buy=1),
            ),
        ),
    )
    totals = priced(document, Rounding("EUR"), [Condition("MORE", "fee", "total", "2")])

    fixed, conditions, provided = fix(totals)
    lines = [each.line for each in fixed.lines]

    assert lines[0].conditions == (replace(on_line[0], rule=None),)
    assert lines[1] == mug
    assert conditions == (
        Condition(
            "MUGS",
            "discount",
            "subtotal",
            "-50%",
            lines=rule("lines_at", positions=[1]),
            base=rule("amount_of", amount="10.00"),
        ),
        Condition("PLAIN", "fee", "total", "1"),
    )
    assert provided == (Condition("MORE", "fee", "total", "2"),)


def test_amount_with_many_digits() -> None:
    """An amount that was calculated is fixed with all of its digits, which a parameter
    of a rule of the shop could not have."""
    thirds = make_line("mug", 3, "EUR", price="10")
    half = Condition("LESS", "discount", "subtotal", "/7")
    cheapest = Condition("FREE", "discount", "subtotal", "-100%", 1)
    cheapest = replace(cheapest, base=rule("cheapest", buy=2))
    document = replace(
        new_document("EUR"), lines=(thirds,), conditions=(half, cheapest)
    )
    rounding = Rounding("EUR", at="total")
    totals = priced(document, rounding, [])

    base = fix(totals)[1][1].base
    assert len(base.params["amount"]) > 50
    assert fixed_and_stored(document, totals, rounding).total.amount == Decimal("2.86")
