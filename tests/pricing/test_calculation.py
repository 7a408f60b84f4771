from __future__ import annotations

import dataclasses
import decimal
import gc
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money
from msgspec.structs import astuple
from msgspec.structs import replace

from flask_cart import Condition
from flask_cart import LineTotals
from flask_cart import Totals
from flask_cart.app.reasons import tell_reason
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.lines import make_line
from flask_cart.model.money import CONTEXT
from flask_cart.model.money import smallest_unit
from flask_cart.pricing.rounding import ROUNDING_MODES
from flask_cart.pricing.rounding import Rounding
from tests.support import strategies
from tests.support.adding_up import adds_up
from tests.support.adding_up import can_be_paid
from tests.support.adding_up import compute_totals
from tests.support.fractions_of_money import line_amount
from tests.support.fractions_of_money import rounded
from tests.support.fractions_of_money import total_of
from tests.support.shop import make_cart

ABSURD = [
    Condition("A", "fee", "subtotal", "*999999999999999"),
    Condition("B", "fee", "total", "*999999999999999"),
    Condition("C", "discount", "total", "-33.333333333333%"),
]

modes = st.sampled_from(sorted(ROUNDING_MODES))
places = st.sampled_from(["unit", "line", "total"])


@given(strategies.priced_carts())
def test_everything_adds_up(cart: tuple[Document, Rounding]) -> None:
    """Lines and adjustments add up to the total, however it is rounded."""
    adds_up(compute_totals(*cart))


@given(strategies.priced_carts())
def test_amounts_can_be_paid(cart: tuple[Document, Rounding]) -> None:
    """Each amount is at least zero and a multiple of the smallest unit."""
    can_be_paid(compute_totals(*cart))


@given(strategies.priced_carts())
def test_savings_can_be_paid(cart: tuple[Document, Rounding]) -> None:
    """Savings are the sum of what was taken off."""
    totals = compute_totals(*cart)
    off = [
        -each.amount.amount
        for each in totals.explain()
        if each.amount.amount < 0 and each.type != "tax"
    ]

    assert totals.savings == Money(sum(off, Decimal(0)), totals.currency)

    for line in totals.lines:
        assert Money(0, totals.currency) <= line.savings <= totals.savings


def no_condition_moves_the_wrong_way(totals: Totals) -> None:
    for each in totals.explain():
        if each.value.startswith("-"):
            assert each.amount.amount <= 0
        elif each.value[0] not in "*/":
            assert each.amount.amount >= 0
        else:
            number = Decimal(each.value[1:].rstrip("%"))
            factor = number / 100 if each.value.endswith("%") else number
            is_less = factor < 1 if each.value.startswith("*") else factor > 1
            change = -each.amount.amount if is_less else each.amount.amount
            assert change >= 0


@given(strategies.priced_carts())
def test_no_condition_moves_the_wrong_way(cart: tuple[Document, Rounding]) -> None:
    """A discount is never shown as a surcharge of a unit, nor the other way round."""
    no_condition_moves_the_wrong_way(compute_totals(*cart))


mills = st.integers(0, 20).map(lambda n: Decimal(n).scaleb(-3))


@given(
    st.lists(
        st.tuples(mills, st.lists(st.tuples(st.sampled_from("+-"), mills), max_size=3)),
        min_size=2,
        max_size=6,
    ),
    st.sampled_from(sorted(ROUNDING_MODES)),
    places,
)
def test_split_units_do_not_move_the_wrong_way(parts: list, mode: str, at: str) -> None:
    """The same is true where most of what there is are fractions of a unit."""
    lines = [
        line(
            f"{1 + price}",
            1,
            *[
                condition(f"C{position}", f"{sign}{value:f}")
                for position, (sign, value) in enumerate(on_line)
            ],
            id=f"item {number}",
        )
        for number, (price, on_line) in enumerate(parts)
    ]
    totals = totals_of(*lines, mode=mode, at=at)

    adds_up(totals)
    no_condition_moves_the_wrong_way(totals)


@given(strategies.priced_carts(operators=" +-*"))
def test_same_as_with_fractions(cart: tuple[Document, Rounding]) -> None:
    """The total is exact: the same as one that is calculated with fractions."""
    totals = compute_totals(*cart)

    assert Fraction(totals.total.amount) == total_of(*cart)


@given(strategies.dynamic_carts(False, " +-*"), modes, places)
def test_limits_are_the_same_as_with_fractions(
    cart: Document, mode: str, at: str
) -> None:
    """The same is true where conditions are limited to lines, or have a base or cap."""
    rounding = Rounding(cart.currency, mode, at)

    assert Fraction(compute_totals(cart, rounding).total.amount) == total_of(
        cart, rounding
    )


@given(strategies.priced_carts(operators=" +-*"))
def test_lines_are_within_a_unit(cart: tuple[Document, Rounding]) -> None:
    """A line is its exact amount, rounded by the rule or by less than a unit."""
    document, rounding = cart
    unit = Fraction(smallest_unit(document.currency))

    for line in compute_totals(document, rounding).lines:
        exact = line_amount(line.line, rounding)
        shown = Fraction(line.subtotal.amount)

        assert Fraction(line.unit_price.amount) * line.quantity == exact
        assert abs(shown - exact) < unit

        if rounding.is_stepwise:
            assert shown == rounded(exact, unit, rounding.mode)


@given(strategies.priced_carts())
def test_reading_twice(cart: tuple[Document, Rounding]) -> None:
    """The same content has the same totals."""
    document, rounding = cart
    assert compute_totals(document, rounding) == compute_totals(*cart)


@given(strategies.priced_carts(), st.randoms())
def test_position_does_not_matter_where_the_order_is_given(
    cart: tuple[Document, Rounding], random
) -> None:
    """Conditions of different orders may be added in any sequence."""
    document, rounding = cart
    ordered = tuple(
        replace(each, order=number) for number, each in enumerate(document.conditions)
    )
    shuffled = random.sample(ordered, len(ordered))
    one = compute_totals(replace(document, conditions=ordered), rounding)
    other = compute_totals(replace(document, conditions=tuple(shuffled)), rounding)

    assert one == other


@given(strategies.lines(), st.randoms(), places)
def test_position_on_a_line_does_not_matter(line, random, at) -> None:
    """The same is true for the conditions of a line."""
    ordered = [replace(each, order=n) for n, each in enumerate(line.conditions)]
    totals = []

    for on_line in [ordered, random.sample(ordered, len(ordered))]:
        changed = strategies.with_conditions(line, on_line)
        document = Document(schema=SCHEMA, currency="EUR", lines=(changed,))
        result = compute_totals(document, Rounding("EUR", at=at))
        totals.append((result.total, result.explain()))

    assert totals[0] == totals[1]


@pytest.mark.parametrize("mode", sorted(ROUNDING_MODES))
def test_the_sequence_of_the_lines_does_not_matter(mode: str) -> None:
    """Also where their exact amounts have more digits than can be added up exactly."""
    thirds = [line("0.005", 1, condition("THIRD", "/3"), id=each) for each in "abc"]
    dear = line("100", id="d")

    assert (
        totals_of(dear, *thirds, at="total", mode=mode).total
        == totals_of(*thirds, dear, at="total", mode=mode).total
    )


@given(strategies.priced_carts())
def test_the_apps_context_does_not_matter(cart: tuple[Document, Rounding]) -> None:
    """Totals are the same in an app that calculates with few digits."""
    usual = compute_totals(*cart)
    usual_amounts = [each.amount for each in usual.explain()]

    with decimal.localcontext(prec=2, rounding=decimal.ROUND_UP):
        totals = compute_totals(*cart)
        amounts = [each.amount for each in totals.explain()]
        savings = totals.savings

    assert totals == usual
    assert amounts == usual_amounts
    assert savings == usual.savings


@given(
    st.lists(strategies.lines(), min_size=1, max_size=3, unique_by=lambda x: x.id),
    st.sampled_from(sorted(ROUNDING_MODES)),
    places,
)
def test_absurd_amounts_add_up(lines, mode, at) -> None:
    """Multiplied beyond all reason, the amounts still add up and can be shown."""
    document = Document(
        schema=SCHEMA, currency="EUR", lines=tuple(lines), conditions=tuple(ABSURD)
    )
    totals = compute_totals(document, Rounding("EUR", mode, at))
    adds_up(totals)

    without = totals.subtotal_without_conditions.amount
    amounts = [each.amount.amount for each in totals.explain()]

    with decimal.localcontext(CONTEXT):
        assert without + sum(amounts) == totals.total.amount

    assert [str(each) for each in totals.explain()]


@given(strategies.priced_carts())
def test_no_condition_is_like_one_that_does_nothing(
    cart: tuple[Document, Rounding],
) -> None:
    """A cart without conditions is priced in a shorter way, to the same amounts."""
    document, rounding = cart
    other = "USD" if document.currency != "USD" else "EUR"
    foreign = Condition("A", "discount", "subtotal", "-1", currency=other)
    bare = compute_totals(replace(document, conditions=()), rounding)
    totals = compute_totals(replace(document, conditions=(foreign,)), rounding)

    assert repr(dataclasses.replace(totals, adjustments=())) == repr(bare)


def test_lines_are_no_work_for_the_garbage_collector() -> None:
    """A page with a thousand lines does not make it look for what is not needed."""
    totals = totals_of(line("12.50", 2), conditions=(condition("A", "-10%"),))

    for each in totals.lines:
        assert not gc.is_tracked(each)
        assert not gc.is_tracked(each.line)


@given(strategies.priced_carts())
def test_there_is_no_float(cart: tuple[Document, Rounding]) -> None:
    """All amounts are money of decimals."""

    def check(value: object) -> None:
        assert not isinstance(value, float)

        if isinstance(value, Money):
            assert type(value.amount) is Decimal
        elif isinstance(value, tuple):
            for each in value:
                check(each)
        elif isinstance(value, LineTotals):
            check(astuple(value)[1:])
            check((value.unit_price, value.subtotal_without_conditions))
            check((value.subtotal, value.share))
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                check(getattr(value, field.name))

    totals = compute_totals(*cart)
    check(totals)
    check(tuple(each.amount for each in totals.explain()))
    check((totals.savings, *(line.savings for line in totals.lines)))


def totals_of(
    *lines: object,
    conditions: tuple[Condition, ...] = (),
    currency: str = "EUR",
    mode: str = "half_up",
    at: str = "line",
) -> Totals:
    document = Document(
        schema=SCHEMA, currency=currency, lines=lines, conditions=conditions
    )

    return compute_totals(document, Rounding(currency, mode, at))


def line(price: str, quantity: int = 1, *on_line: Condition, id: str = "mug"):
    return strategies.with_conditions(
        make_line(id, quantity, "EUR", price=price), list(on_line)
    )


def condition(name: str, value: str, target: str = "subtotal", order: int = 0):
    return Condition(name, "x", target, value, order)


@pytest.mark.parametrize("at", ["unit", "line", "total"])
@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD"])
def test_empty_cart(currency: str, at: str) -> None:
    """Without lines there is nothing to pay, whatever the conditions say."""
    fees = (condition("A", "+5"), condition("B", "+5", "total"))
    totals = totals_of(conditions=fees, currency=currency, at=at)

    assert totals.total == totals.subtotal == Money(0, currency)
    assert totals.subtotal_without_conditions == totals.savings == Money(0, currency)
    assert (totals.count, totals.quantity, totals.currency) == (0, 0, currency)
    assert [tell_reason(each.code, each.params) for each in totals.explain()] == [
        "there is no amount to change",
        "there is no amount to change",
    ]


def test_rounding_at_line_or_total() -> None:
    """Three lines at half a cent are three cents, or two."""
    lines = [line("0.005", id=each) for each in ["a", "b", "c"]]
    at_line = totals_of(*lines, at="line")
    at_total = totals_of(*lines, at="total")

    assert [str(each.subtotal.amount) for each in at_line.lines] == ["0.01"] * 3
    assert str(at_line.total.amount) == "0.03"
    assert [str(each.subtotal.amount) for each in at_total.lines] == [
        "0.01",
        "0.01",
        "0.00",
    ]
    assert str(at_total.total.amount) == "0.02"


def test_remainder_does_not_turn_a_discount_around() -> None:
    """A discounted line that gets the remainder is not shown as dearer than before."""
    totals = totals_of(
        line("1.004", 1, condition("CUT", "-0.001")),
        line("1.002", id="b"),
        line("1.002", id="c"),
        at="total",
    )
    adds_up(totals)

    assert [str(each.subtotal.amount) for each in totals.lines] == [
        "1.01",
        "1.00",
        "1.00",
    ]
    assert [each.amount.amount for each in totals.explain()] == [Decimal(0)]


def test_remainder_does_not_turn_a_fee_around() -> None:
    """A line with a fee that gets no remainder is not shown as cheaper than before."""
    totals = totals_of(
        line("1.005", 1, condition("FEE", "0.001")), line("1.008", id="b"), at="total"
    )
    adds_up(totals)

    assert [str(each.subtotal.amount) for each in totals.lines] == ["1.00", "1.01"]
    assert [each.amount.amount for each in totals.explain()] == [Decimal(0)]


def test_phases() -> None:
    """Lines come first, then the subtotal, then the total; orders count in each."""
    totals = totals_of(
        line("100", 1, condition("L2", "+5", order=2), condition("L1", "-50%")),
        conditions=(
            condition("T", "+2", "total", order=-9),
            condition("S2", "+10", order=1),
            condition("S1", "-10%", order=0),
        ),
    )

    assert [each.name for each in totals.explain()] == ["L1", "L2", "S1", "S2", "T"]
    assert [str(each.after.amount) for each in totals.explain()] == [
        "50.00",
        "55.00",
        "49.50",
        "59.50",
        "61.50",
    ]
    assert str(totals.subtotal.amount) == "59.50"
    assert str(totals.total.amount) == "61.50"


def test_equal_orders_are_applied_by_position() -> None:
    """Of two conditions of the same order the first comes first."""
    half, less = condition("HALF", "-50%"), condition("LESS", "-10")

    assert totals_of(line("100"), conditions=(half, less)).total.amount == 40
    assert totals_of(line("100"), conditions=(less, half)).total.amount == 45


@pytest.mark.parametrize("at", ["unit", "line", "total"])
def test_every_step_stops_at_zero(at: str) -> None:
    """What a discount takes too much is not owed to the shopper."""
    totals = totals_of(
        line("3", 2, condition("L", "-5")),
        line("7", id="b"),
        conditions=(condition("S", "-10"), condition("T", "+4", "total")),
        at=at,
    )

    assert [str(each.amount.amount) for each in totals.explain()] == [
        "-6.00",
        "-7.00",
        "4.00",
    ]
    assert str(totals.total.amount) == "4.00"


def test_reasons() -> None:
    """A condition that changed nothing says why."""
    totals = totals_of(
        line("5"),
        conditions=(
            condition("NONE", "0"),
            condition("ALL", "-100%"),
            condition("MORE", "-1"),
        ),
    )

    assert {
        each.name: tell_reason(each.code, each.params) for each in totals.explain()
    } == {
        "NONE": "it makes no difference",
        "ALL": "",
        "MORE": "there is no amount to change",
    }
    assert [str(each) for each in totals.explain()] == [
        "NONE (0 on subtotal): no_difference",
        "ALL (-100% on subtotal): €5.00 -> €0.00",
        "MORE (-1 on subtotal): no_amount",
    ]


def test_adjustment_as_data() -> None:
    """An adjustment is data with amounts as strings."""
    totals = totals_of(line("5", 2, condition("CUT", "-1")))

    assert [each.to_dict() for each in totals.explain()] == [
        {
            "name": "CUT",
            "type": "x",
            "target": "item",
            "value": "-1",
            "before": "10.00",
            "after": "8.00",
            "amount": "-2.00",
            "base": "10.00",
            "contained": None,
            "left": None,
            "taxes": [],
            "currency": "EUR",
            "line_id": totals.lines[0].id,
            "is_applied": True,
            "code": "",
            "reason": "",
            "params": {},
            "rule": None,
            "is_provided": False,
        }
    ]


def test_line_totals_show_the_line() -> None:
    """What a template needs of a line can be read from its totals."""
    mug = make_line(
        "mug",
        2,
        "EUR",
        name="Mug",
        price="8.4915",
        options={"size": "M"},
        attributes={"gift": True},
    )
    totals = totals_of(mug, line("1", 3, id="pot"))
    shown = totals.lines[0]

    assert shown.line is mug
    assert (shown.id, shown.item_id, shown.name) == (mug.id, "mug", "Mug")
    assert (shown.quantity, shown.options) == (2, {"size": "M"})
    assert shown.attributes == {"gift": True}
    assert shown.price == shown.unit_price == Money("8.4915", "EUR")
    assert shown.subtotal == Money("16.98", "EUR")
    assert (totals.count, totals.quantity) == (2, 5)


def test_savings_of_a_line() -> None:
    """What a line's discounts took off, without what its fees added."""
    totals = totals_of(line("100", 2, condition("A", "-20%"), condition("B", "+5")))

    assert totals.lines[0].savings == Money(40, "EUR")
    assert totals.savings == Money(40, "EUR")


@pytest.mark.parametrize("mode", sorted(ROUNDING_MODES))
@pytest.mark.parametrize("at", ["unit", "line", "total"])
def test_a_third_of_ten(mode: str, at: str) -> None:
    """Lines that cannot be divided evenly still add up."""
    lines = [line("10", 1, condition("THIRD", "/3"), id=each) for each in "abc"]
    totals = totals_of(*lines, mode=mode, at=at)
    adds_up(totals)

    assert abs(totals.total.amount - 10) <= Decimal("0.02")


def test_amounts_of_nothing_have_all_decimals() -> None:
    """What an empty cart comes to is 0.00, and not 0."""
    totals = make_cart(currency="EUR").totals
    amounts = [totals.subtotal_without_conditions, totals.subtotal, totals.total]

    assert {str(each.amount) for each in [*amounts, totals.savings]} == {"0.00"}
