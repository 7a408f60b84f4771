"""The built-in rules, one by one: when each holds, and what it says when not."""

from __future__ import annotations

import datetime as dt
import inspect
import json
import logging
import typing as t
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from flask_cart import Facts
from flask_cart import InvalidConditionError
from flask_cart import Rule
from flask_cart import not_
from flask_cart import rule
from flask_cart.app.reasons import tell_reason
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.lines import ProductRef
from flask_cart.model.lines import make_line
from flask_cart.pricing.builtin_amounts import AMOUNTS
from flask_cart.pricing.builtin_rules import RULES
from flask_cart.pricing.reasons import Verdict
from flask_cart.pricing.rounding import Rounding
from flask_cart.pricing.rulebook import Rulebook
from tests.support.shop import NOW
from tests.support.shop import evaluation
from tests.support.shop import make_cart

MUG = make_line(
    "mug",
    3,
    "EUR",
    price="12.50",
    options={"size": "M"},
    attributes={"category": "mugs", "tags": ["new", "blue"], "gift": True, "no": 1},
)
POT = replace(
    make_line("pot", 1, "EUR", price="30", attributes={"category": "pots"}),
    product_ref=ProductRef("Variant", "pot"),
)
DOCUMENT = Document(
    schema=SCHEMA,
    currency="EUR",
    lines=(MUG, POT),
    metadata={"coupon": "SUMMER", "empty": "", "one": 1, "yes": True},
)
SHOPPER = {"orders": 2, "groups": ["vip", "staff"], "country": "DE", "trial": None}

ON_MUG = {"about": (MUG,)}
ON_POT = {"about": (POT,)}
GUEST = {"owner": "guest:a"}


def at(text: str, zone: str = "UTC") -> dict[str, object]:
    return {"now": dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))}


def facts(
    *,
    app: dict[str, object] = SHOPPER,
    owner: str | None = "user:1",
    instance: str = "default",
    now: dt.datetime = NOW,
    **changes: object,
) -> Facts:
    """Facts about three mugs and a pot, for 67.50."""
    book = Rulebook()
    book.load_facts = lambda facts: app
    asked = evaluation(book, owner=owner, instance=instance, now=now)

    return replace(asked.facts(DOCUMENT, Rounding("EUR")), **changes)


def ask(asked: Rule, **changes: object) -> Verdict:
    return evaluation().decide(asked, facts(**changes))


#: Parameters, the facts that are other ones, and the answer.
CASES: dict[str, list[tuple[dict, dict, bool | str]]] = {
    "total_at_least": [
        ({"amount": "67.50"}, {}, True),
        ({"amount": "67.51"}, {}, "it needs €67.51, there are €67.50"),
        ({"amount": 0}, {"amount": Decimal(0)}, True),
    ],
    "total_below": [
        ({"amount": "67.51"}, {}, True),
        ({"amount": "67.5"}, {}, "it is for less than €67.50, there are €67.50"),
    ],
    "total_between": [
        ({"at_least": "67.50", "below": 68}, {}, True),
        ({"at_least": 68, "below": 70}, {}, "it needs €68.00, there are €67.50"),
        (
            {"at_least": 60, "below": "67.50"},
            {},
            "it is for less than €67.50, there are €67.50",
        ),
    ],
    "amount_at_least": [
        ({"amount": 60}, {"amount": Decimal(60)}, True),
        ({"amount": 60}, {"amount": Decimal(59)}, "it needs €60.00, there are €59.00"),
    ],
    "amount_below": [
        ({"amount": 60}, {"amount": Decimal(59)}, True),
        (
            {"amount": 60},
            {"amount": Decimal(60)},
            "it is for less than €60.00, there are €60.00",
        ),
    ],
    "price_at_least": [
        ({"amount": 30}, {}, True),
        ({"amount": 31}, {}, "no item has a price of €31.00 or more"),
        ({"amount": 30}, ON_MUG, "no item has a price of €30.00 or more"),
    ],
    "price_below": [
        ({"amount": "12.51"}, {}, True),
        ({"amount": "12.50"}, {}, "no item has a price below €12.50"),
    ],
    "quantity_at_least": [
        ({"quantity": 4}, {}, True),
        ({"quantity": 5}, {}, "it needs 5 items, there are 4"),
        ({"quantity": 3}, ON_MUG, True),
        ({"quantity": 3}, ON_POT, "it needs 3 items, there are 1"),
    ],
    "quantity_at_most": [
        ({"quantity": 4}, {}, True),
        ({"quantity": 3}, {}, "it is for up to 3 items, there are 4"),
    ],
    "quantity_of_item_at_least": [
        ({"quantity": 3}, {}, True),
        ({"quantity": 4}, {}, "it needs 4 items, there are 3"),
        ({"quantity": 3}, ON_MUG, True),
        ({"quantity": 1}, {"about": ()}, "it needs 1 item, there are 0"),
    ],
    "lines_at_least": [
        ({"count": 2}, ON_MUG, True),
        ({"count": 3}, {}, "it needs 3 different items, there are 2"),
    ],
    "lines_at_most": [
        ({"count": 2}, {}, True),
        ({"count": 1}, {}, "it is for up to 1 different item, there are 2"),
    ],
    "item": [
        ({"ids": ["mug", "cup"]}, {}, True),
        ({"ids": ["mug", "pot"], "quantity": 4}, {}, True),
        ({"ids": ["mug"], "quantity": 4}, {}, "it needs 4 of mug, there are 3"),
        ({"ids": ["cup", "jar"]}, {}, "it needs 1 of cup or jar, there are 0"),
        ({"ids": ["mug"]}, ON_POT, "it needs 1 of mug, there are 0"),
        ({"ids": list("abcdef")}, {}, "it needs 1 of one of 6, there are 0"),
    ],
    "every_item": [
        ({"ids": ["mug", "pot"]}, {}, True),
        ({"ids": ["mug", "jar", "cup"]}, {}, "it also needs cup or jar"),
    ],
    "attribute": [
        ({"name": "category", "values": ["cups", "mugs"]}, {}, True),
        ({"name": "tags", "values": ["blue"]}, {}, True),
        ({"name": "gift", "values": [True]}, {}, True),
        ({"name": "no", "values": [1]}, {}, True),
        ({"name": "gift", "values": [1]}, {}, "no item has gift 1"),
        ({"name": "no", "values": [True]}, {}, "no item has no True"),
        ({"name": "none", "values": [None]}, {}, "no item has none None"),
        ({"name": "category", "values": []}, {}, "no item has category "),
    ],
    "category": [
        ({"names": ["pots"]}, {}, True),
        ({"names": ["pots"]}, ON_MUG, "no item has category pots"),
    ],
    "option": [
        ({"name": "size", "values": ["S", "M"]}, {}, True),
        ({"name": "size", "values": ["L"]}, {}, "no item has size L"),
    ],
    "product_type": [
        ({"types": ["Variant"]}, {}, True),
        ({"types": ["Variant"]}, ON_MUG, "no item is a Variant"),
    ],
    "logged_in": [
        ({}, {}, True),
        ({}, {"owner": "company:1"}, True),
        ({}, GUEST, "it is for those who are logged in"),
        ({}, {"owner": None}, "it is for those who are logged in"),
    ],
    "owner_kind": [
        ({"kinds": ["company"]}, {"owner": "company:1"}, True),
        ({"kinds": ["company"]}, GUEST, "it is for company"),
    ],
    "first_order": [
        ({}, {"app": {"orders": 0}}, True),
        ({}, {}, "it is for a first order"),
    ],
    "orders_at_least": [
        ({"count": 2}, {}, True),
        ({"count": 3}, {}, "it is for those with 3 orders"),
    ],
    "group": [
        ({"names": ["press", "vip"]}, {}, True),
        ({"names": ["press"]}, {}, "it is for press"),
    ],
    "fact_equals": [
        ({"name": "country", "value": "DE"}, {}, True),
        ({"name": "country", "value": "AT"}, {}, "country is not AT"),
        ({"name": "trial", "value": None}, {}, True),
    ],
    "between": [
        ({}, {}, True),
        ({"start": "2025-01-15T12:30:00Z"}, {}, True),
        (
            {"start": "2025-01-15T12:30:01Z"},
            {},
            "it begins at Jan 15, 2025, 12:30\u202fPM",
        ),
        ({"end": "2025-01-15T13:30:01+01:00"}, {}, True),
        (
            {"end": "2025-01-15T13:30:00+01:00"},
            {},
            "it ended at Jan 15, 2025, 12:30\u202fPM",
        ),
        (
            {"end": "2025-07-01T00:00:00Z"},
            at("2025-07-02T12:00", "Europe/Berlin"),
            "it ended at Jul 1, 2025, 2:00\u202fAM",
        ),
    ],
    "dates": [
        ({}, {}, True),
        ({"first": "2025-01-15", "last": "2025-01-15"}, {}, True),
        ({"first": "2025-01-16"}, {}, "it begins on Jan 16, 2025"),
        ({"last": "2025-01-14"}, {}, "it ended on Jan 14, 2025"),
    ],
    "weekday": [
        ({"days": ["mon", "wed"]}, {}, True),
        ({"days": ["sat", "sun"]}, {}, "it is for Saturday or Sunday"),
        *[
            ({"days": [day]}, at(f"2025-01-{13 + number}T00:00"), True)
            for number, day in enumerate(
                ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            )
        ],
    ],
    "time_of_day": [
        ({"start": "12:30", "end": "12:30:01"}, {}, True),
        (
            {"start": "08:00", "end": "12:30"},
            {},
            "it is from 8:00\u202fAM to 12:30\u202fPM",
        ),
        (
            {"start": "12:31", "end": "18:00"},
            {},
            "it is from 12:31\u202fPM to 6:00\u202fPM",
        ),
        ({"start": "22:00", "end": "06:00"}, at("2025-01-15T22:00"), True),
        ({"start": "22:00", "end": "06:00"}, at("2025-01-15T05:59:59"), True),
        (
            {"start": "22:00", "end": "06:00"},
            {},
            "it is from 10:00\u202fPM to 6:00\u202fAM",
        ),
        ({"start": "09:00", "end": "09:00"}, {}, True),
    ],
    "metadata_equals": [
        ({"key": "coupon", "value": "SUMMER"}, {}, True),
        ({"key": "coupon", "value": "WINTER"}, {}, "coupon is not WINTER"),
        ({"key": "nothing", "value": None}, {}, "nothing is not None"),
        ({"key": "one", "value": 1}, {}, True),
        ({"key": "yes", "value": 1}, {}, "yes is not 1"),
        ({"key": "one", "value": True}, {}, "one is not True"),
    ],
    "metadata_has": [
        ({"key": "coupon"}, {}, True),
        ({"key": "empty"}, {}, "there is no empty"),
        ({"key": "nothing"}, {}, "there is no nothing"),
    ],
    "currency": [
        ({"codes": ["EUR", "CHF"]}, {}, True),
        ({"codes": ["CHF"]}, {}, "it is for carts in CHF"),
    ],
    "instance": [
        ({"names": ["default"]}, {}, True),
        ({"names": ["default"]}, {"instance": "b"}, "it is for the cart default"),
    ],
}


@pytest.mark.parametrize(
    ("name", "params", "changes", "answer"),
    [(name, *case) for name, cases in CASES.items() for case in cases],
)
def test_rule(name: str, params: dict, changes: dict, answer: bool | str) -> None:
    """Each rule holds when it says so, or gives the reason, as does its opposite."""
    asked = Rule(name, params)
    verdict = ask(asked, **changes)

    if answer is True:
        assert verdict == Verdict()
        assert ask(not_(asked), **changes).code == "rule_not_met"
    else:
        assert (verdict.code, verdict.rule) == ("rule_not_met", asked)
        assert tell_reason(verdict.code, verdict.params) == answer
        assert " " not in str(verdict.params["why"])
        assert ask(not_(asked), **changes) == Verdict()


def test_every_rule_is_tested() -> None:
    """There are at least twenty of them, and each has a case both ways."""
    assert len(RULES) >= 20
    assert [each.__name__ for each in RULES] == list(CASES)

    for cases in CASES.values():
        assert len({answer is True for _, _, answer in cases}) == 2


@pytest.mark.parametrize("function", [*RULES, *AMOUNTS])
def test_documented(function) -> None:
    """Each says in a sentence when it holds, and asks for JSON only."""
    assert inspect.cleandoc(function.__doc__).endswith(".")
    assert json.dumps([param for param, _, _ in CASES.get(function.__name__, [])])


@pytest.mark.parametrize(
    "asked",
    [
        rule("first_order"),
        rule("orders_at_least", count=1),
        rule("group", names=["vip"]),
        rule("fact_equals", name="country", value="DE"),
    ],
    ids=lambda asked: asked.name,
)
def test_missing_facts(asked: Rule, caplog) -> None:
    """Where the app does not know, a rule and its opposite are off, with a hint."""
    asking = evaluation()

    for each in [asked, not_(asked)]:
        assert asking.decide(each, facts(app={})).code == "rule_failed"

    asking.report(logging.getLogger())

    assert "Return it from the function" in caplog.text


BAD: list[tuple[Rule, str]] = [
    (rule("total_at_least"), "It needs the parameter `amount`"),
    (rule("total_at_least", amount="NaN"), "'amount': .* must be finite, not NaN"),
    (rule("total_at_least", amount="sNaN"), "'amount': .* must be finite, not sNaN"),
    (rule("total_at_least", amount="Infinity"), "must be finite"),
    (rule("total_at_least", amount="-1"), "must not be negative"),
    (rule("total_at_least", amount="1e99"), "at most 15 digits"),
    (rule("total_at_least", amount="1e-99"), "at most 12 digits behind"),
    (rule("total_at_least", amount="1,000"), "Invalid decimal string as the .*amount"),
    (rule("total_at_least", amount=True), "got `bool` as the parameter `amount`"),
    (rule("total_at_least", amount=1, below=2), "It has no parameter `below`"),
    (rule("quantity_at_least", quantity=-1), "`int` >= 0 as the .* `quantity`"),
    (rule("quantity_at_least", quantity=2**31), "`int` <= 2147483647"),
    (rule("quantity_at_least", quantity="3"), "Expected `int`, got `str`"),
    (rule("item", ids="mug"), "Expected `array`, got `str`"),
    (rule("item", ids=[]), "length >= 1"),
    (rule("item", ids=["mug"], quantity=0), "`int` >= 1"),
    (rule("weekday", days=["monday"]), "Invalid enum value 'monday'"),
    (rule("time_of_day", start="25:00", end="06:00"), "regex .*`start`"),
    (rule("time_of_day", start="8", end="06:00"), "regex .*`start`"),
    (rule("between", start="2025-01-01T00:00:00"), "timezone component"),
    (rule("between", start="tomorrow"), "Invalid RFC3339"),
    (rule("dates", first="2025-02-30"), "Invalid RFC3339"),
    (rule("logged_in", really=True), "It has no parameter `really`"),
]


@pytest.mark.parametrize(("asked", "message"), BAD)
def test_bad_parameters(asked: Rule, message: str) -> None:
    """The error names the rule, the parameter and what was expected."""
    with pytest.raises(InvalidConditionError, match=message) as caught:
        Rulebook().rules.check(asked)

    assert f"The rule {asked.name!r} cannot be asked" in str(caught.value)
    assert ask(asked).code == "rule_invalid"


@pytest.mark.parametrize(
    ("params", "about", "amount"),
    [
        # Of three mugs and a pot, at 12.50 and 30.
        ({"buy": 2}, (MUG, POT), "12.50"),
        ({"buy": 3}, (MUG, POT), "12.50"),
        ({"buy": 4}, (MUG, POT), 0),
        ({"buy": 1}, (MUG, POT), 25),
        ({"buy": 1, "get": 2}, (MUG, POT), 25),
        ({"buy": 1, "get": 3}, (MUG, POT), "37.50"),
        ({"buy": 2}, (MUG,), "12.50"),
        ({"buy": 2}, (POT,), 0),
        ({"buy": 1, "bought": ["mug"]}, (POT,), 30),
        ({"buy": 3, "bought": ["mug"]}, (POT,), 30),
        ({"buy": 4, "bought": ["mug"]}, (POT,), 0),
        ({"buy": 1, "bought": ["pot"]}, (MUG,), "12.50"),
        ({"buy": 1, "get": 2, "bought": ["pot"]}, (MUG,), 25),
        ({"buy": 1, "bought": ["cup"]}, (MUG,), 0),
    ],
)
def test_cheapest(params: dict, about: tuple, amount: object) -> None:
    """The cheapest items count, so many for every so many that are bought."""
    found = evaluation().amount(Rule("cheapest", params), facts(about=about))

    assert found == Decimal(amount)


@pytest.mark.parametrize(
    ("chosen", "values", "holds"),
    [
        (["ham", "olives"], ["olives", "corn"], True),
        (["ham"], ["ham"], True),
        ("ham", ["ham"], True),
        (["ham", "olives"], ["ham, olives"], False),
        ([], ["ham"], False),
    ],
)
def test_option_with_several_values(
    chosen: t.Any, values: list[str], holds: bool
) -> None:
    """One of those that were chosen will do."""
    cart = make_cart()
    cart.add("pizza", price=10, options={"topping": chosen})
    cart.add_discount(
        "TOPPED", "10%", rule=rule("option", name="topping", values=values)
    )

    assert cart.totals.total.amount == (9 if holds else 10)
