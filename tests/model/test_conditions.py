from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given

from flask_cart import Condition
from flask_cart import InvalidConditionError
from flask_cart.model.conditions import CEILING
from flask_cart.model.conditions import MAX_ORDER
from flask_cart.model.money import CONTEXT
from flask_cart.model.values import FrozenDict
from tests.support import strategies
from tests.support.fractions_of_money import changed


def of(value: object) -> Condition:
    return Condition("X", type="fee", target="total", value=value)


@given(strategies.condition_values(), strategies.prices)
def test_apply(value: str, amount: Decimal) -> None:
    """A condition changes an amount as its value says, and not below zero."""
    condition = of(value)
    exact = changed(Fraction(amount), condition)

    with decimal.localcontext(CONTEXT):
        result = condition.apply(amount)

    assert result >= 0
    assert abs(Fraction(result) - exact) <= exact / 10**50

    if not value.startswith("/"):
        assert Fraction(result) == exact


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[("0", 50), ("-0%", 50), ("+0.00", 50), ("*0", 0), ("*0%", 0), ("*1", 50)],
        *[("4.90", "54.90"), ("+4.90", "54.90"), ("-4.90", "45.10"), ("-50", 0)],
        *[("10%", 55), ("+10%", 55), ("-10%", 45), ("-100%", 0), ("100%", 100)],
        *[("*1.5", 75), ("*150%", 75), ("/4", "12.5"), ("/400%", "12.5")],
        *[("-50.01", 0), ("-100.01%", 0), ("-999999999999999", 0)],
        *[
            ("0.000000000001", "50.000000000001"),
            ("*999999999999999.5%", "499999999999999.75"),
        ],
    ],
)
def test_values(value: str, expected: object) -> None:
    """Every form of value does what it says to 50."""
    result = of(value).apply(Decimal(50))

    assert result == Decimal(expected)


def test_the_apps_context_does_not_matter() -> None:
    """A condition is exact in an app that calculates with few digits."""
    with decimal.localcontext(prec=3):
        result = of("-10%").apply(Decimal("1234.56"))

    assert result == Decimal("1111.104")


def test_absurd_values_end_at_a_ceiling() -> None:
    """However often an amount is multiplied, it can be calculated with."""
    amount = Decimal(10) ** 15

    for _ in range(20):
        amount = of("*999999999999999").apply(amount)

    assert amount == CEILING


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (-5, "-5"),
        (0, "0"),
        (999999999999999, "999999999999999"),
        (Decimal("4.90"), "4.90"),
        (Decimal("-4.90"), "-4.90"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
    ],
)
def test_numbers_as_values(value: object, text: str) -> None:
    """A number is the same value without an exponent, and with no more digits."""
    assert of(value).value == text


def test_attributes_are_frozen() -> None:
    """What was given can change afterwards, the condition does not."""
    given = {"rule": ["min", 5]}
    condition = Condition("X", "fee", "total", "5", attributes=given)
    given["rule"].append(6)

    assert condition.attributes == {"rule": ("min", 5)}
    assert type(condition.attributes) is FrozenDict


def test_conditions_cannot_be_changed() -> None:
    """A field cannot be set."""
    with pytest.raises(AttributeError):
        of("5").value = "-100%"


@pytest.mark.parametrize("order", [-MAX_ORDER, 0, MAX_ORDER])
def test_order(order: int) -> None:
    """The order may be as great or small as 32 bits allow."""
    assert Condition("X", "fee", "total", "5", order).order == order


def test_error_quotes_a_long_name_in_part() -> None:
    """The error does not repeat a megabyte."""
    with pytest.raises(InvalidConditionError) as caught:
        Condition("n" * 10**6, "fee", "total", "v" * 10**6)

    assert len(str(caught.value)) < 250
    assert isinstance(caught.value.__cause__, ValueError)
