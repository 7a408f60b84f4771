"""What an app registers: functions with parameters, by name."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import typing as t
from decimal import Decimal

import pytest

from flask_cart import CartConfigError
from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import InvalidConditionError
from flask_cart import Rule
from flask_cart import rule
from flask_cart.app.reasons import tell_reason
from flask_cart.model.conditions import CEILING
from flask_cart.pricing.evaluation import MAX_REASON
from flask_cart.pricing.reasons import Verdict
from flask_cart.pricing.rulebook import Rulebook
from tests.pricing.test_builtin_rules import facts
from tests.support.shop import evaluation


def heavy(facts, kilos: int, of: tuple[str, ...] = (), *, limit: Decimal | None = None):
    return (kilos, of, limit) == (5, ("mug",), Decimal("1.50")) or repr(limit)


class Heavy:
    def __call__(self, facts, of: tuple[str, ...], limit: Decimal):
        return heavy(facts, 5, of, limit=limit)


def anything(facts, value):
    return value == {"a": (1, None)}


def day(facts, on: dt.date):
    return on == dt.date(2025, 1, 2)


def amounts(facts, each: list[Decimal]):
    return each == [Decimal(1), Decimal("2.5")]


def told(verdict: Verdict) -> str:
    return tell_reason(verdict.code, verdict.params)


@pytest.fixture
def book() -> Rulebook:
    return Rulebook()


@pytest.mark.parametrize(
    ("function", "params"),
    [
        (heavy, {"kilos": 5, "of": ["mug"], "limit": "1.50"}),
        (anything, {"value": {"a": [1, None]}}),
        (day, {"on": dt.date(2025, 1, 2)}),
        (amounts, {"each": [1, "2.5"]}),
        (functools.partial(heavy, kilos=5), {"of": ["mug"], "limit": "1.50"}),
        (Heavy(), {"of": ["mug"], "limit": "1.50"}),
        (lambda facts: True, {}),
        (lambda facts, _: True, {"_": 1}),
    ],
)
def test_parameters(book: Rulebook, function, params: dict) -> None:
    """A function gets the parameters of the rule, in the types of its signature."""
    book.rules.add("own", function)

    assert evaluation(book).decide(rule("own", **params), facts()) == Verdict()


@pytest.mark.parametrize("function", [functools.partial(heavy, kilos=5), Heavy()])
def test_types_of_what_is_no_function(book: Rulebook, function: t.Any) -> None:
    """The types of anything that can be called are those of its signature."""
    book.rules.add("own", function)

    with pytest.raises(InvalidConditionError, match="Expected `array`, got `int`"):
        book.rules.check(rule("own", of=5, limit="1.50"))


def no_facts():
    return True


def everything(facts, *ids):
    return True


def anyhow(facts, **params):
    return True


def by_position(facts, ids, /):
    return True


def a_type_that_is_gone(facts, x: Gone):  # noqa: F821
    return True


def no_json(facts, x: list[str] | set[str]):
    return True


def a_list_to_share(facts, ids: list[str] = [1]):  # noqa: B006
    return True


@pytest.mark.parametrize(
    "function",
    [
        no_facts,
        everything,
        anyhow,
        by_position,
        a_type_that_is_gone,
        no_json,
        a_list_to_share,
        "heavy",
    ],
)
def test_functions_that_cannot_be(book: Rulebook, function) -> None:
    """What could not be asked is refused when it is registered."""
    with pytest.raises(CartConfigError, match="'own' needs a function of the facts"):
        book.rules.add("own", function)

    assert book.rules.get("own") is None


@pytest.mark.parametrize("name", ["all", "any", "not", "logged_in"])
def test_names_that_are_taken(book: Rulebook, name: str) -> None:
    """The meaning of a built-in rule cannot be changed."""
    with pytest.raises(CartConfigError, match=r"is a built-in rule .* another name"):
        book.rules.add(name, heavy)


@pytest.mark.parametrize("name", ["", " ", None, 5, "a\nb"])
def test_names_that_cannot_be(book: Rulebook, name: object) -> None:
    """A name is text that can be stored."""
    with pytest.raises(CartConfigError, match="The name of a rule must"):
        book.rules.add(name, heavy)


def test_registered_again(book: Rulebook) -> None:
    """The last function of a name is the one that is asked."""
    book.rules.add("own", lambda facts: True)
    book.rules.add("own", lambda facts: "no")

    assert told(evaluation(book).decide(rule("own"), facts())) == "no"


def test_rules_are_no_amounts(book: Rulebook) -> None:
    """Rules and amounts have names of their own."""
    book.amounts.add("logged_in", lambda facts: Decimal(5))
    condition = Condition("X", "x", "total", "5", rule=rule("cheapest", buy=2))

    with pytest.raises(InvalidConditionError, match="There is no rule 'cheapest'"):
        book.check(condition)

    book.check(Condition("X", "x", "total", "5", base=rule("logged_in")))


def test_unknown_name(book: Rulebook) -> None:
    """The error has a suggestion, if a name is like it."""
    book.rules.add("heavy", heavy)

    with pytest.raises(InvalidConditionError, match="Did you mean 'heavy'"):
        book.rules.check(rule("heavi"))

    with pytest.raises(InvalidConditionError, match=r"no rule 'xyz'\.$"):
        book.rules.check(rule("xyz"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (False, "'own' does not hold"),
        ("", "'own' does not hold"),
        ("because", "because"),
        ("x" * 1000, "x" * MAX_REASON),
    ],
)
def test_no(book: Rulebook, answer: object, reason: str) -> None:
    """A rule says no with or without a reason."""
    book.rules.add("own", lambda facts: answer)
    asked = rule("own")
    verdict = evaluation(book).decide(asked, facts())

    assert (verdict.code, verdict.rule) == ("rule_not_met", asked)
    assert told(verdict) == reason


def test_markup(book: Rulebook) -> None:
    """A reason is plain text, also if it was made for a template."""

    class Markup(str):
        __slots__ = ()

    book.rules.add("own", lambda facts: Markup("no"))

    assert type(told(evaluation(book).decide(rule("own"), facts()))) is str


@pytest.mark.parametrize("answer", [None, 1, 0, [], b"no", NotImplemented])
def test_no_answer(book: Rulebook, answer: object, caplog) -> None:
    """A rule that forgets to answer has failed."""
    book.rules.add("own", lambda facts: answer)
    asking = evaluation(book)

    assert asking.decide(rule("own"), facts()).code == "rule_failed"

    asking.report(logging.getLogger())
    assert "must return True, False or a reason" in caplog.text


@pytest.mark.parametrize(
    ("answer", "amount"),
    [
        (Decimal("4.90"), Decimal("4.90")),
        (0, Decimal(0)),
        (5, Decimal(5)),
        (Decimal("1E+50"), CEILING),
        (10**60, CEILING),
        (Decimal("1E-100000"), Decimal(0)),
    ],
)
def test_amounts(book: Rulebook, answer: object, amount: Decimal) -> None:
    """An amount is within the bounds of conditions."""
    book.amounts.add("own", lambda facts: answer)

    assert evaluation(book).amount(rule("own"), facts()) == amount


@pytest.mark.parametrize(
    "answer",
    [
        *[None, True, 1.5, "5", [5]],
        *[Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal(-1), -1],
    ],
)
def test_no_amount(book: Rulebook, answer: object) -> None:
    """What is no amount is a failure, and no price."""
    book.amounts.add("own", lambda facts: answer)
    found = evaluation(book).amount(rule("own"), facts())

    assert isinstance(found, Verdict)
    assert found.code == "rule_failed"


YES = Rule("all", rules=(rule("logged_in"),))
NO = rule("total_below", amount=1)
FAILS = rule("fails")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Rule("all", rules=(YES, YES)), ""),
        (Rule("all", rules=(YES, NO)), "rule_not_met"),
        (Rule("all", rules=(YES, FAILS)), "rule_failed"),
        (Rule("any", rules=(NO, YES)), ""),
        (Rule("any", rules=(FAILS, YES)), ""),
        (Rule("any", rules=(NO, NO)), "rule_not_met"),
        (Rule("any", rules=(NO, FAILS)), "rule_failed"),
        (Rule("not", rules=(YES,)), "rule_not_met"),
        (Rule("not", rules=(NO,)), ""),
        (Rule("not", rules=(FAILS,)), "rule_failed"),
        (Rule("not", rules=(Rule("any", rules=(NO, FAILS)),)), "rule_failed"),
        (Rule("not", rules=(rule("unknown"),)), "rule_unknown"),
        (Rule("not", rules=(rule("item"),)), "rule_invalid"),
    ],
)
def test_combinations(book: Rulebook, asked: Rule, code: str) -> None:
    """What is not known does not become true by being turned around."""
    book.rules.add("fails", lambda facts: 1 / 0)

    assert evaluation(book).decide(asked, facts()).code == code


def test_reasons_of_combinations(book: Rulebook) -> None:
    """All say the first reason, any says every one, and not says what holds."""
    less = rule("quantity_at_most", quantity=1)

    def reason(asked: Rule) -> str:
        return told(evaluation(book).decide(asked, facts()))

    assert reason(Rule("all", rules=(YES, less, NO))) == (
        "it is for up to 1 item, there are 4"
    )
    assert reason(Rule("any", rules=(less, NO))) == (
        "it is for up to 1 item, there are 4 or it is for less than €1.00, there are"
        " €67.50"
    )
    assert reason(Rule("not", rules=(rule("logged_in"),))) == "'logged_in' holds"


def test_decorators() -> None:
    """The decorators of the extension register, and give the function back."""
    extension = FlaskCart()
    book = extension._registry.rulebook

    assert extension.rule("heavy")(heavy) is heavy
    assert extension.amount("amounts")(amounts) is amounts
    assert extension.facts(anything) is anything
    assert extension.condition_provider(day) is day
    assert extension.shipping_methods(everything) is everything

    assert book.rules.get("heavy").call is heavy
    assert book.amounts.get("amounts").call is amounts
    assert book.load_facts is anything
    assert book.providers == [day]
    assert book.list_shipping is everything


def test_extensions_share_nothing() -> None:
    """What is registered on one extension is unknown to another."""
    FlaskCart().rule("heavy")(heavy)

    assert FlaskCart()._registry.rulebook.rules.get("heavy") is None
