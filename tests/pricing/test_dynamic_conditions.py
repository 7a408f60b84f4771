"""Conditions with rules, in a cart: when they apply, and what is said if not."""

from __future__ import annotations

import datetime as dt
import decimal
import logging
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from moneyed import Money

from flask_cart import Adjustment
from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import InvalidConditionError
from flask_cart import Rule
from flask_cart import all_of
from flask_cart import any_of
from flask_cart import not_
from flask_cart import rule
from flask_cart.app.reasons import tell_reason
from flask_cart.carts.cart import working_copy
from flask_cart.model.document import decode
from flask_cart.model.keys import CartKey
from flask_cart.model.line_operations import AddItemCondition
from flask_cart.model.operations import AddCondition
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import NOW
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored


class Clock:
    """Stands still, until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def book() -> Rulebook:
    return Rulebook()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cart(
    storage: MemoryStorage, recorder: Recorder, book: Rulebook, clock: Clock
) -> Cart:
    """Three mugs at 12.50 and a pot at 30, which come to 67.50."""
    cart = make_cart(storage, announcer=recorder, rulebook=book, clock=clock)
    cart.add("mug", 3, price="12.50", attributes={"category": "mugs"})
    cart.add("pot", price="30")

    return cart


def discount(value: str = "-10%", name: str = "X", **fields: object) -> Condition:
    return Condition(name, "discount", "subtotal", value, **fields)


def explained(cart: Cart) -> dict[str, tuple[str, str]]:
    return {each.name: (each.code, told(each)) for each in cart.totals.explain()}


def told(step: Adjustment) -> str:
    return tell_reason(step.code, step.params)


def only(cart: Cart) -> Adjustment:
    (adjustment,) = cart.totals.explain()

    return adjustment


class TestRules:
    def test_follows_the_cart(self, cart: Cart) -> None:
        """A condition applies while its rule holds, and no longer."""
        cart.add_condition(discount(rule=rule("total_at_least", amount=60)))
        assert cart.totals.total == Money("60.75", "EUR")

        cart.increment(cart.lines[0].id, -1)
        assert cart.totals.total == Money("55.00", "EUR")
        assert cart.conditions[0].rule is not None

        cart.increment(cart.lines[0].id, 1)
        assert cart.totals.total == Money("60.75", "EUR")

    def test_why_not(self, cart: Cart) -> None:
        """The trace has the reason in words, as a code, and the rule that said it."""
        is_rich = rule("total_at_least", amount=100)
        cart.add_condition(discount(rule=all_of(rule("logged_in"), is_rich)))
        adjustment = only(cart)

        assert adjustment.amount == Money(0, "EUR")
        assert str(adjustment) == (
            "X (-10% on subtotal): too_little: amount 100, currency EUR, there 67.50"
        )
        assert adjustment.rule == is_rich
        assert adjustment.to_dict() == {
            "name": "X",
            "type": "discount",
            "target": "subtotal",
            "value": "-10%",
            "before": "67.50",
            "after": "67.50",
            "amount": "0.00",
            "base": "67.50",
            "contained": None,
            "left": None,
            "taxes": [],
            "currency": "EUR",
            "line_id": None,
            "is_applied": False,
            "code": "rule_not_met",
            "reason": "too_little: amount 100, currency EUR, there 67.50",
            "params": {
                "why": "too_little",
                "amount": "100",
                "currency": "EUR",
                "there": "67.50",
            },
            "rule": {"name": "total_at_least", "params": {"amount": 100}},
            "is_provided": False,
        }

    def test_on_a_line(self, cart: Cart) -> None:
        """A rule of a line's condition is about this line."""
        for line in cart.lines:
            bulk = rule("quantity_at_least", quantity=3)
            cart.add_condition(
                Condition("BULK", "discount", "item", "-2.50", rule=bulk), line=line.id
            )

        mug, pot = cart.totals.lines
        assert mug.subtotal == Money("30.00", "EUR")
        assert mug.adjustments[0].code == ""
        assert pot.subtotal == Money("30.00", "EUR")
        assert told(pot.adjustments[0]) == "it needs 3 items, there are 1"

    def test_amounts_of_facts(self, cart: Cart, book: Rulebook) -> None:
        """Facts tell what there is before the conditions, and at this point."""
        seen: list[Facts] = []

        @_rule(book)
        def see(facts: Facts) -> bool:
            assert dict(facts.amounts)
            seen.append(facts)

            return True

        mug, pot = cart.lines
        cart.add_condition(Condition("A", "x", "item", "-2.50"), line=mug.id)
        cart.add_condition(
            Condition("B", "x", "item", "-1", rule=rule("see")), line=mug.id
        )
        cart.add_condition(discount("-10", "C"))
        cart.add_condition(discount("-5", "D", rule=rule("see")))
        cart.add_condition(Condition("E", "fee", "total", "3", rule=rule("see")))
        assert cart.totals.total == Money("45.00", "EUR")

        on_line, on_subtotal, on_total = seen
        mug, pot = cart.lines
        assert on_line.about == (mug,)
        assert (on_line.subtotal, on_line.amount) == (Decimal("67.50"), 30)
        assert on_line.amounts == {mug.id: Decimal("37.50"), pot.id: 30}
        assert on_subtotal.about == on_subtotal.lines == (mug, pot)
        assert (on_subtotal.subtotal, on_subtotal.amount) == (57, 47)
        assert on_subtotal.amounts == {
            mug.id: Decimal("22.26"),
            pot.id: Decimal("24.74"),
        }
        assert (on_total.subtotal, on_total.amount) == (57, 42)
        assert sum(on_total.amounts.values()) == 42

    def test_facts_of_the_cart(self, cart: Cart, book: Rulebook, clock: Clock) -> None:
        """Facts tell whose cart it is, which one, what is noted, and when."""
        seen: list[Facts] = []

        @_rule(book)
        def see(facts: Facts) -> bool:
            seen.append(facts)

            return True

        cart.metadata["note"] = "ring"
        cart.add_condition(discount(rule=rule("see")))
        assert cart.totals

        facts = seen[0]
        assert (facts.owner_kind, facts.owner_id) == ("user", "1")
        assert (facts.instance, facts.currency, facts.quantity) == ("default", "EUR", 4)
        assert facts.metadata == {"note": "ring"}
        assert facts.now == NOW

    def test_facts_of_a_new_guest(self, book: Rulebook) -> None:
        """Somebody of whom nothing is stored is a guest without an id."""
        owners = []

        @_rule(book)
        def see(facts: Facts) -> bool:
            owners.append((facts.owner_kind, facts.owner_id))

            return True

        cart = make_cart(key=None, new_key=CartKey("guest:a", "default"), rulebook=book)

        with cart.batch():
            cart.add("mug", price=5)
            cart.add_condition(discount(rule=rule("see")))
            assert cart.totals

        assert cart.totals
        assert owners == [("guest", None), ("guest", "a")]

    def test_empty_cart_asks_nobody(self, book: Rulebook) -> None:
        """Where there is nothing to pay, no rule or provider is asked."""
        book.rules.add("fails", lambda facts: 1 / 0)
        book.providers.append(lambda facts: 1 / 0)
        cart = make_cart(rulebook=book)
        cart.add_condition(discount(rule=rule("fails")))

        assert explained(cart) == {"X": ("no_amount", "there is no amount to change")}


def _rule(book: Rulebook) -> Callable[[Callable[..., object]], None]:
    """Register a function as a rule of its own name."""
    return lambda function: book.rules.add(function.__name__, function)


class TestFailures:
    def test_a_rule_that_raises(self, cart: Cart, book: Rulebook, caplog) -> None:
        """It is off, the others are not, and it is logged once with its error."""
        book.rules.add("fails", lambda facts: 1 / 0)
        cart.add_condition(discount("-5", "A", rule=rule("fails")))
        cart.add_condition(discount("-5", "B", rule=not_(rule("fails"))))
        cart.add_condition(discount("-7", "C"))
        assert cart.totals.total == Money("60.50", "EUR")
        assert cart.totals.total == Money("60.50", "EUR")

        assert explained(cart) == {
            "A": ("rule_failed", "the rule 'fails' failed"),
            "B": ("rule_failed", "the rule 'fails' failed"),
            "C": ("", ""),
        }
        (record,) = caplog.records
        assert record.levelname == "ERROR"
        assert "which failed: fails." in record.getMessage()
        assert "ZeroDivisionError" in caplog.text

    def test_the_error_is_not_told(self, cart: Cart, book: Rulebook) -> None:
        """What went wrong is for the log, not for the shopper."""

        def fail(facts: Facts) -> bool:
            raise ValueError("password")

        book.rules.add("fails", fail)
        cart.add_condition(discount(rule=rule("fails")))

        assert "password" not in str(only(cart).to_dict())

    def test_the_apps_logger(self, storage: MemoryStorage, book: Rulebook) -> None:
        """It is logged where the app logs."""
        logger = logging.Logger("shop")
        records: list[logging.LogRecord] = []
        logger.addFilter(lambda record: bool(records.append(record)))
        cart = make_cart(storage, rulebook=book, logger=logger)
        book.rules.add("fails", lambda facts: 1 / 0)
        cart.add("mug", price=5)
        cart.add_condition(discount(rule=rule("fails")))

        assert cart.totals
        assert len(records) == 1

    @pytest.mark.parametrize("field", ["rule", "lines", "base"])
    def test_a_rule_that_is_gone(
        self, cart: Cart, storage: MemoryStorage, field: str
    ) -> None:
        """A stored condition whose rule is not registered any more is off."""
        gone = {field: rule("gone")}
        working_copy(cart).apply(AddCondition(discount("-5", **gone)))
        again = make_cart(storage)

        assert again.totals.total == Money("67.50", "EUR")
        assert only(again).code == "rule_unknown"
        assert told(only(again)) == "there is no rule 'gone' any more"
        assert decode(stored(storage).data).conditions[0] == discount("-5", **gone)

    @pytest.mark.parametrize(
        ("field", "changed"),
        [
            ("rule", rule("total_at_least", sum=5)),
            ("lines", rule("item", ids="mug")),
            ("base", rule("cheapest", buy=0)),
        ],
    )
    def test_a_rule_that_has_changed(
        self, cart: Cart, field: str, changed: Rule
    ) -> None:
        """A stored condition whose rule has other parameters now is off."""
        working_copy(cart).apply(AddCondition(discount("-5", **{field: changed})))

        assert cart.totals.total == Money("67.50", "EUR")
        assert only(cart).code == "rule_invalid"
        assert told(only(cart)) == f"the rule {changed.name!r} has other parameters now"

    def test_amounts_that_are_none(self, cart: Cart, book: Rulebook, caplog) -> None:
        """An amount that is no number never becomes a price."""
        book.amounts.add("nan", lambda facts: Decimal("NaN"))
        cart.add_condition(discount("-50%", base=rule("nan")))

        assert cart.totals.total == Money("67.50", "EUR")
        assert only(cart).code == "rule_failed"
        assert "must return 0 or more, not NaN" in caplog.text

    @pytest.mark.parametrize(
        "fields",
        [
            {"rule": rule("total_at_lest", amount=5)},
            {"rule": rule("total_at_least", sum=5)},
            {"rule": any_of(rule("logged_in"), rule("logged_out"))},
            {"lines": rule("item")},
            {"base": rule("cheapest")},
            {"base": rule("dearest", buy=2)},
        ],
    )
    def test_refused_when_added(self, cart: Cart, fields: dict) -> None:
        """What could not be asked is refused when it is added, and not stored."""
        version = cart.version

        with pytest.raises(InvalidConditionError, match=r"cannot be asked|There is"):
            cart.add_condition(discount(**fields))

        with pytest.raises(InvalidConditionError):
            cart.add_condition(discount(**fields), line=cart.lines[0].id)

        assert cart.version == version
        assert not cart.conditions

    @pytest.mark.parametrize(
        "condition",
        [
            discount(lines=rule("item", ids=["mug"])),
            discount(base=rule("cheapest", buy=2)),
            discount("10%", included=True),
        ],
    )
    def test_not_for_lines(self, cart: Cart, condition: Condition) -> None:
        """What only a cart's condition can do is refused on a line, and off there."""
        mug = cart.lines[0].id

        with pytest.raises(InvalidConditionError, match="cannot be on a line"):
            cart.add_condition(condition, line=mug)

        working_copy(cart).apply(AddItemCondition(mug, condition))
        assert cart.totals.total == Money("67.50", "EUR")
        assert only(cart).code == "not_for_lines"


class TestPurity:
    @pytest.mark.unmeasured
    def test_a_thousand_reads(
        self, cart: Cart, storage: MemoryStorage, recorder: Recorder, clock: Clock
    ) -> None:
        """Totals of twenty rules are read a thousand times, and nothing is written."""
        with cart.batch():
            for number in range(20):
                is_on = all_of(
                    rule("total_at_least", amount=number * 5),
                    any_of(rule("weekday", days=["wed"]), rule("item", ids=["pot"])),
                    not_(rule("time_of_day", start="22:00", end="06:00")),
                )
                cart.add_condition(discount("-1%", f"C{number}", rule=is_on))

        before, version = stored(storage), cart.version
        announced = len(recorder.told)
        saves = _count_saves(storage)
        first = cart.totals
        assert [each.code for each in first.explain()].count("") == 14

        for number in range(1000):
            reader = cart if number % 2 else make_cart(storage, clock=clock)
            assert reader.totals == first
            assert reader.version == version

        assert saves == []
        assert stored(storage) == before
        assert len(recorder.told) == announced

    def test_once_a_second(self, cart: Cart, book: Rulebook, clock: Clock) -> None:
        """Rules are asked again when the second or the content is another one."""
        asked = []
        book.rules.add("count", lambda facts: asked.append(facts.now) or True)
        cart.add_condition(discount(rule=rule("count")))
        first = cart.totals

        clock.now = NOW + dt.timedelta(milliseconds=999)
        assert cart.totals is first

        clock.now = NOW + dt.timedelta(seconds=1)
        assert cart.totals is not first

        cart.increment(cart.lines[0].id)
        assert cart.totals
        assert asked == [NOW, NOW + dt.timedelta(seconds=1), NOW.replace(second=1)]

    def test_refresh_asks_again(self, cart: Cart, book: Rulebook) -> None:
        """What the app knows may have changed within the second."""
        answers = iter([True, False])
        book.rules.add("next", lambda facts: next(answers))
        cart.add_condition(discount(rule=rule("next")))
        assert only(cart).code == ""

        cart.refresh()
        assert only(cart).code == "rule_not_met"

    def test_what_depends_on_nothing_is_kept(self, cart: Cart, clock: Clock) -> None:
        """Totals without rules are calculated once."""
        cart.add_condition(discount())
        first = cart.totals
        clock.now = NOW + dt.timedelta(days=365)

        assert cart.totals is first

    def test_time_passes(self, cart: Cart, clock: Clock) -> None:
        """A discount that ends is over in the second in which it ends."""
        end = NOW + dt.timedelta(seconds=1)
        cart.add_condition(discount(rule=rule("between", end=end)))
        assert cart.totals.total == Money("60.75", "EUR")

        clock.now = end - dt.timedelta(microseconds=1)
        assert cart.totals.total == Money("60.75", "EUR")

        clock.now = end
        assert cart.totals.total == Money("67.50", "EUR")

    def test_a_clock_without_a_time_zone(self, cart: Cart, clock: Clock) -> None:
        """Nobody guesses which time it is."""
        clock.now = NOW.replace(tzinfo=None)

        with pytest.raises(CartConfigError, match="must tell its time zone"):
            _ = cart.totals

    @pytest.mark.parametrize(
        "change",
        [
            lambda cart: cart.add("cup", price=1),
            lambda cart: cart.clear(),
            lambda cart: cart.destroy(),
            lambda cart: cart.metadata.update(a=1),
            lambda cart: cart.totals,
            lambda cart: make_cart().totals,
        ],
    )
    @pytest.mark.parametrize("in_batch", [False, True])
    def test_a_rule_cannot_change_a_cart(
        self, cart: Cart, book: Rulebook, caplog, change, in_batch: bool
    ) -> None:
        """A rule that changes a cart, or reads totals, has failed; nothing changes."""
        book.rules.add("changes", lambda facts: bool(change(cart)))
        cart.add_condition(discount(rule=rule("changes")))
        document = working_copy(cart).document

        if in_batch:
            with cart.batch():
                assert only(cart).code == "rule_failed"
        else:
            assert only(cart).code == "rule_failed"
            assert re.search("cannot (change a cart|read totals) itself", caplog.text)

        assert working_copy(cart).document == document

    def test_arithmetic_cannot_be_changed(self, cart: Cart, book: Rulebook) -> None:
        """A rule that calculates with few digits does not make totals wrong."""

        def sloppy(facts: Facts) -> bool:
            decimal.getcontext().prec = 1

            return True

        book.rules.add("sloppy", sloppy)
        book.providers.append(lambda facts: sloppy(facts) and [])
        cart.add_condition(discount("-0.01", rule=rule("sloppy")))

        assert cart.totals.total == Money("67.49", "EUR")
        assert cart.totals.lines[0].share == Money("37.49", "EUR")

    def test_facts_cannot_be_changed(self, cart: Cart, book: Rulebook) -> None:
        """A rule cannot change what the others see."""

        def fail(change: Callable[[Facts], object]) -> Callable[[Facts], bool]:
            def decide(facts: Facts) -> bool:
                with pytest.raises((TypeError, AttributeError)):
                    change(facts)

                return True

            return decide

        book.load_facts = lambda facts: {"orders": 1}

        for number, change in enumerate(
            [
                lambda facts: setattr(facts, "subtotal", Decimal(0)),
                lambda facts: facts.metadata.update(a=1),
                lambda facts: facts.amounts.update(a=1),
                lambda facts: facts.app.update(orders=0),
                lambda facts: facts.lines[0].attributes.update(a=1),
            ]
        ):
            book.rules.add(f"rule {number}", fail(change))
            cart.add_condition(discount(name=str(number), rule=rule(f"rule {number}")))

        assert {each.code for each in cart.totals.explain()} == {""}


def _count_saves(storage: MemoryStorage) -> list[str]:
    saves: list[str] = []
    save = storage.save

    def noted(owner: str, *args: object) -> object:
        saves.append(owner)

        return save(owner, *args)

    storage.save = noted

    return saves
