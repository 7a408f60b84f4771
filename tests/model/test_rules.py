"""Rules as data: what they are made of, and that they survive a storage."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction

import pytest

from flask_cart import CartCorruptError
from flask_cart import Condition
from flask_cart import InvalidConditionError
from flask_cart import Rule
from flask_cart import all_of
from flask_cart import any_of
from flask_cart import not_
from flask_cart import rule
from flask_cart.model.conditions import CEILING
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.document import decode
from flask_cart.model.document import encode
from flask_cart.model.rules import MAX_DEPTH
from flask_cart.model.rules import MAX_RULES
from flask_cart.model.values import FrozenDict

ONE = rule("one")


def nested(depth: int) -> Rule:
    result = ONE

    for _ in range(depth - 1):
        result = not_(result)

    return result


def test_parameters_are_json() -> None:
    """Decimals, dates and times are kept as text, lists as tuples."""
    params = rule(
        "x", a=Decimal("4.90"), b=dt.date(2025, 1, 2), c=["d"], name="also a parameter"
    ).params

    assert params == {
        "a": "4.90",
        "b": "2025-01-02",
        "c": ("d",),
        "name": "also a parameter",
    }
    assert type(params) is FrozenDict


def test_parameters_are_copied() -> None:
    """What was given can change afterwards, the rule does not."""
    given = {"ids": ["mug"]}
    made = Rule("item", given)
    given["ids"].append("pot")

    assert made.params == {"ids": ("mug",)}


def test_combined() -> None:
    """Rules are made of rules."""
    made = all_of(ONE, any_of(ONE, not_(ONE)))

    assert [each.name for each in made.walk()] == [
        *["all", "one", "any", "one", "not", "one"],
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rule(""), "must not be empty"),
        (lambda: rule(5), "a str, not int"),
        (lambda: rule("a\nb"), r"'\\n'"),
        (lambda: rule("x", a=object()), "'x' is not valid: .* object"),
        (lambda: rule("x", a=float("nan")), "must be finite"),
        (lambda: rule("x", a=2**64), "must fit into 64 bits"),
        (lambda: Rule("x", {"a": Decimal(1)}), "must be JSON"),
        (lambda: Rule("x", ["a"]), "must be a dict, not list"),
        (lambda: Rule("x", rules=(ONE,)), "Only all, any, not, among are made"),
        (lambda: rule("all"), "needs rules"),
        (lambda: Rule("any", {"a": 1}, (ONE,)), "has no parameters"),
        (lambda: all_of("logged_in"), "made of rules, not of 'logged_in'"),
        (lambda: Rule("not", rules=(ONE, ONE)), "'not' is made of one rule"),
        (lambda: Rule("among", rules=(ONE,)), "'among' of two"),
        (lambda: nested(MAX_DEPTH + 1), "at most 8 deep"),
        (lambda: all_of(*[ONE] * MAX_RULES), "more than 64 rules"),
        (lambda: rule("n" * 10**6, a="v" * 10**6, b=2**70), "'nnn"),
    ],
)
def test_rules_that_cannot_be(make, message: str) -> None:
    """A rule that could not be stored or asked is refused, in few words."""
    with pytest.raises(InvalidConditionError, match=message) as caught:
        make()

    assert len(str(caught.value)) < 300


def test_bounds() -> None:
    """A rule may be as deep and as large as this."""
    assert len(list(all_of(*[ONE] * (MAX_RULES - 1)).walk())) == MAX_RULES
    assert len(list(nested(MAX_DEPTH).walk())) == MAX_DEPTH


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rule": "logged_in"}, "The rule must be a rule"),
        ({"lines": {"name": "x"}}, "The lines must be a rule"),
        ({"base": 5}, "The base must be a rule"),
        ({"lines": ONE, "target": "item"}, "subtotal or total, not on the item"),
        ({"lines": ONE, "target": "shipping"}, "or total, not on the shipping"),
        *[
            (bad, "Per is 'piece' or 'line'")
            for bad in (
                {"per": "piece"},  # It is a tax.
                {"per": "order", "type": "fee"},
                {"per": 1, "type": "fee"},
                {"per": "line", "type": "fee", "target": "shipping"},
                {"per": "line", "type": "fee", "target": "item"},
                {"per": "line", "type": "fee", "base": ONE},
                {"per": "line", "type": "fee", "value": "5%", "included": True},
            )
        ],
        ({"group": ""}, "The group must not be empty"),
        ({"group": 5}, "The group must be a str"),
        ({"group": "best", "target": "item"}, "What acts on an item has no group"),
        *[
            ({"type": "tender", "target": "total", "value": "-5"} | bad, "A tender is")
            for bad in (
                {"target": "subtotal"},
                {"target": "item"},
                {"value": "5"},
                {"value": "=5"},
                {"value": "-5%"},
                {"value": "~5"},
                {"lines": ONE},
                {"per": "line"},
                {"group": "best"},
            )
        ],
        ({"exempt": "me"}, "The exempt must be a rule"),
        ({"exempt": ONE, "type": "fee"}, "Nobody is exempt from what is no tax"),
        ({"value": "~0"}, "must not divide by zero"),
        ({"value": "~5%"}, "must be an amount, such as '~0.05'"),
        ({"included": True, "value": "~5"}, "must be a percentage"),
        ({"base": ONE, "target": "item"}, "no other base than its price"),
        ({"cap": "-5"}, "'-5' is not a plain decimal"),
        ({"cap": "10%"}, "'10%' is not a plain decimal"),
        ({"cap": "NaN"}, "'NaN' is not a plain decimal"),
        ({"cap": 1.5}, "The cap must be a str, not float"),
        ({"cap": True}, "The cap must be a str, not bool"),
        ({"included": 1}, "Included must be a bool, not 1"),
        ({"included": True}, "must be a percentage"),
        ({"included": True, "value": "-19%"}, "must be a percentage"),
        ({"included": True, "value": "*19%"}, "must be a percentage"),
        ({"included": True, "value": "19%", "target": "item"}, "must be a percentage"),
    ],
)
def test_conditions_that_cannot_be(fields: dict, message: str) -> None:
    """What a condition could not do is refused when it is made."""
    given = {"name": "X", "type": "tax", "target": "subtotal", "value": "5"} | fields

    with pytest.raises(InvalidConditionError, match=f"'X' is not valid: .*{message}"):
        Condition(**given)


@pytest.mark.parametrize(
    ("value", "cap", "result"),
    [
        *[("-20%", "15", 85), ("-20%", "20", 80), ("-20%", "25", 80)],
        *[("20%", "15", 115), ("20", Decimal("0.5"), "100.5"), ("*3", 50, 150)],
        *[("/2", "10", 90), ("*0", 0, 100), ("-500", "300", 0)],
    ],
)
def test_cap(value: str, cap: object, result: object) -> None:
    """A condition adds or takes off at most its cap."""
    condition = Condition("X", "discount", "subtotal", value, cap=cap)

    assert condition.apply(Decimal(100)) == Decimal(result)


def test_absurd_caps_end_at_the_ceiling() -> None:
    """Nor does a cap lead to an amount that cannot be calculated with."""
    condition = Condition("X", "fee", "total", "*999999999999999", cap="9" * 15)

    assert condition.apply(3 * CEILING) == CEILING


@pytest.mark.parametrize(
    ("amount", "step", "result"),
    [
        *[("10.02", "0.05", "10.00"), ("10.03", "0.05", "10.05"), ("0", "5", "0")],
        *[("10.025", "0.05", "10.05"), ("2.5", "5", "5"), ("2.49", "5", "0")],
    ],
)
def test_round(amount: str, step: str, result: str) -> None:
    """An amount is rounded to the nearest multiple, from the middle on up."""
    rounding = Condition("R", "rounding", "total", f"~{step}")

    assert rounding.apply(Decimal(amount)) == Decimal(result)


@pytest.mark.parametrize(
    ("fields", "phase"),
    [
        ({}, "subtotal"),
        ({"order": 9}, "subtotal"),
        ({"target": "shipping"}, "shipping"),
        ({"type": "tax"}, "taxes"),
        ({"type": "tax", "target": "total"}, "taxes"),
        ({"type": "tax", "order": -1}, "subtotal"),
        ({"type": "tax", "order": -1, "target": "total"}, "total"),
        ({"type": "Tax"}, "subtotal"),
        ({"included": True}, "taxes"),
        ({"value": "~5"}, "subtotal"),
        ({"value": "~5", "target": "total", "order": -1}, "rounding"),
        ({"value": "~5", "target": "total", "type": "tax"}, "taxes"),
    ],
)
def test_phase(fields: dict, phase: str) -> None:
    """Taxes come after what is none, unless their order says otherwise."""
    given = {"type": "fee", "target": "subtotal", "value": "5%"} | fields

    assert Condition("X", **given).phase == phase


def test_included() -> None:
    """What is included changes nothing, and has a rate."""
    tax = Condition("VAT", "tax", "subtotal", "19%", included=True)

    assert tax.apply(Decimal(119)) == 119
    assert tax.rate == Fraction(19, 100)


STORED = Document(
    schema=SCHEMA,
    currency="EUR",
    conditions=(
        Condition(
            "X",
            "discount",
            "subtotal",
            "-10%",
            rule=all_of(rule("logged_in"), not_(rule("item", ids=["mug"]))),
            lines=rule("option", name="size", values=["M"]),
            base=rule("cheapest", buy=2),
            cap="5",
        ),
        Condition(
            "VAT", "tax", "total", "19%", included=True, exempt=rule("logged_in")
        ),
    ),
)


def test_stored_text() -> None:
    """What is left out is not stored, so that small carts stay small."""
    assert json.loads(encode(STORED))["conditions"] == [
        {
            "name": "X",
            "type": "discount",
            "target": "subtotal",
            "value": "-10%",
            "rule": {
                "name": "all",
                "rules": [
                    {"name": "logged_in"},
                    {
                        "name": "not",
                        "rules": [{"name": "item", "params": {"ids": ["mug"]}}],
                    },
                ],
            },
            "lines": {"name": "option", "params": {"name": "size", "values": ["M"]}},
            "base": {"name": "cheapest", "params": {"buy": 2}},
            "cap": "5",
        },
        {
            "name": "VAT",
            "type": "tax",
            "target": "total",
            "value": "19%",
            "included": True,
            "exempt": {"name": "logged_in"},
        },
    ]


def test_documents_without_rules() -> None:
    """A document that was stored before there were rules is read as it was."""
    old = encode(Document(schema=SCHEMA, currency="EUR"))
    condition = (
        '{"name":"A","type":"tax","target":"total","value":"5","order":3,'
        '"attributes":{"a":1}}'
    )
    text = old.replace('"conditions":[]', f'"conditions":[{condition}]')

    assert decode(text).conditions == (
        Condition("A", "tax", "total", "5", 3, {"a": 1}),
    )


def with_rule(stored: object) -> str:
    plain = json.loads(encode(STORED))
    plain["conditions"][0]["rule"] = stored

    return json.dumps(plain)


def deep(depth: int) -> object:
    return {"name": "not", "rules": [deep(depth - 1)]} if depth else {"name": "one"}


@pytest.mark.parametrize(
    "stored",
    [
        "logged_in",
        5,
        [],
        {},
        {"name": ""},
        {"name": None},
        {"name": "x", "params": []},
        {"name": "x", "params": {"": 1}},
        {"name": "x", "rules": [{"name": "y"}]},
        {"name": "all"},
        {"name": "all", "rules": {"name": "y"}},
        {"name": "not", "rules": [{"name": "y"}, {"name": "z"}]},
        {"name": "x", "code": "import os"},
        deep(MAX_DEPTH),
        deep(300),
        {"name": "all", "rules": [{"name": "x"}] * MAX_RULES},
    ],
    ids=lambda stored: str(stored)[:40],
)
def test_corrupt_rules(stored: object) -> None:
    """Stored text with anything else for a rule is corrupt, and not asked."""
    text = with_rule(stored)

    with pytest.raises(CartCorruptError) as caught:
        decode(text)

    assert caught.value.data == text


def test_endless_nesting_is_corrupt() -> None:
    """No stored text makes the decoder fall over."""
    text = with_rule("?").replace('"?"', '{"name":"not","rules":[' * 100_000)

    with pytest.raises(CartCorruptError):
        decode(text)
