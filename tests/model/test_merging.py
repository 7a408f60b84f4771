"""What of one cart is taken over into another."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_cart import CartConfigError
from flask_cart import Condition
from flask_cart import InvalidItemError
from flask_cart import Line
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.document import PendingOrder
from flask_cart.model.limits import Limits
from flask_cart.model.limits import check_limits
from flask_cart.model.lines import make_line
from flask_cart.model.merging import MAX_MERGED
from flask_cart.model.merging import MergeDocument
from flask_cart.model.merging import Strategies
from flask_cart.model.operations import apply_all
from flask_cart.model.values import FrozenDict
from tests.support import strategies

LIMITS = Limits(items=4, quantity=10)

BUILT_IN = [
    "add_quantities",
    "keep_highest_quantity",
    "keep_user_cart",
    "replace_with_guest",
]

ONE_COUPON = Limits(coupons=1)
GUEST_FIRST = "replace_with_guest"

GIFT = Condition("GIFT", "fee", "item", "2")
WRAP = Condition("WRAP", "fee", "item", "3")


def line(
    item_id: str,
    quantity: int = 1,
    *on_line: Condition,
    currency: str = "EUR",
    **fields: object,
):
    made = make_line(item_id, quantity, currency, **{"price": 1} | fields)

    return strategies.with_conditions(made, list(on_line))


def shipping(name: str) -> Condition:
    return Condition(name, "shipping", "total", "4.90")


def holding(*lines: object, **fields: object) -> Document:
    return Document(**{"schema": SCHEMA, "currency": "EUR", "lines": lines} | fields)


def merging(
    source: Document,
    source_id: str = "g",
    limits: Limits = LIMITS,
    strategy: str = "add_quantities",
):
    chosen = Strategies().find(strategy)

    return MergeDocument(source, "guest:a", source_id, limits, chosen)


def quantities(document: Document) -> dict[str, int]:
    return {each.item_id: each.quantity for each in document.lines}


def small_carts() -> st.SearchStrategy[Document]:
    """Carts that have some lines in common."""
    lines = st.builds(
        line,
        st.sampled_from("abcdef"),
        st.integers(1, 12),
        price=st.integers(0, 5),
        options=st.sampled_from([{}, {"size": "L"}]),
    )
    conditions = st.builds(
        Condition,
        st.sampled_from(["A", "B", "C"]),
        st.just("fee"),
        st.just("total"),
        st.sampled_from(["1", "2", "5%"]),
    )

    return st.builds(
        lambda lines, conditions, metadata: holding(
            *lines, conditions=tuple(conditions), metadata=metadata
        ),
        st.lists(lines, max_size=6, unique_by=lambda each: each.id),
        st.lists(conditions, max_size=3, unique_by=lambda each: each.name),
        st.dictionaries(st.sampled_from("xyz"), strategies.whole_numbers, max_size=3),
    )


class TestMergeDocument:
    @given(small_carts(), small_carts())
    def test_nothing_is_lost(self, source: Document, target: Document) -> None:
        """Every line of both is there, with the sum of both or the limit."""
        limits = Limits(items=100, quantity=10)
        result, events = merging(source, limits=limits).apply(target)

        for both in [*source.lines, *target.lines]:
            in_source, in_target = source.line(both.id), target.line(both.id)
            have = in_target.quantity if in_target else 0
            more = in_source.quantity if in_source else 0
            assert result.line(both.id).quantity == max(have, min(have + more, 10))

        assert {each.id for each in result.lines} == {
            each.id for each in [*source.lines, *target.lines]
        }
        assert not source.lines or events[-1].source == "guest:a"

    @given(small_carts(), small_carts(), st.integers(1, 8), st.integers(1, 15))
    def test_what_does_not_fit_is_named(
        self, source: Document, target: Document, items: int, quantity: int
    ) -> None:
        """What comes over and what is left out is the whole source, within limits."""
        limits = Limits(items=items, quantity=quantity)
        result, events = merging(source, limits=limits).apply(target)
        check_limits(target, result, limits)

        for each in source.lines:
            event = events[-1]
            taken = [other for other in event.lines if other.id == each.id]
            left = [other for other in event.left_out if other.id == each.id]
            parts = [other.quantity for other in taken + left]
            assert sum(parts) == each.quantity

            before = target.line(each.id)
            after = result.line(each.id)
            had = before.quantity if before else 0
            has = after.quantity if after else 0
            assert has - had == sum(other.quantity for other in taken)

            if left:
                is_full = has >= quantity
                assert is_full or (not before and len(result.lines) >= items)

    @given(small_carts(), small_carts())
    def test_conditions_and_metadata(self, source: Document, target: Document) -> None:
        """Those of both are there; of the same name, the target's."""
        result, _ = merging(source).apply(target)
        names = {each.name for each in (*source.conditions, *target.conditions)}

        assert {each.name for each in result.conditions} == names
        assert result.metadata == {**source.metadata, **target.metadata}

        for name in names:
            expected = target.condition(name) or source.condition(name)
            assert result.condition(name) == expected

    @given(small_carts(), small_carts())
    def test_only_once(self, source: Document, target: Document) -> None:
        """The same content is merged once, however often it is tried."""
        once, _ = merging(source).apply(target)

        assert merging(source).apply(once) == (once, ())
        assert apply_all(target, [merging(source), merging(source)])[0] == once

    def test_what_came_to_nothing_is_remembered(self) -> None:
        """What the user has of it and removes since does not come after all."""
        operation = merging(holding(line("a")), strategy="keep_user_cart")
        once, events = operation.apply(holding(line("a", 2)))

        assert [each.name for each in events] == ["cart_merged"]
        assert operation.apply(replace(once, lines=())) == (
            replace(once, lines=()),
            (),
        )

    def test_nothing_more(self) -> None:
        """A cart that has less than when it was merged, or nothing, is no news."""
        once, _ = merging(holding(line("a", 2))).apply(holding())

        assert merging(holding(line("a"))).apply(once) == (once, ())
        assert merging(holding()).apply(holding()) == (holding(), ())

    def test_another_cart_is_merged_too(self) -> None:
        """The same line of another cart is not the same line again."""
        once, _ = merging(holding(line("a")), "g").apply(holding())
        twice, _ = merging(holding(line("a")), "h").apply(once)

        assert quantities(twice) == {"a": 2}
        assert [each.source for each in twice.merged] == ["g", "h"]

    @given(small_carts(), small_carts(), small_carts())
    def test_only_what_is_new_is_merged_again(
        self, source: Document, later: Document, target: Document
    ) -> None:
        """Of a cart that was merged before, only what it has more of is added."""
        roomy = Limits(items=100, quantity=100)
        document, _ = merging(source, limits=roomy).apply(target)
        document, _ = merging(later, limits=roomy).apply(document)

        for each in document.lines:
            counts = [
                found.quantity if (found := cart.line(each.id)) else 0
                for cart in (source, later)
            ]
            had = target.line(each.id)
            assert each.quantity == (had.quantity if had else 0) + max(counts)

    def test_records_are_bounded(self) -> None:
        """A cart remembers the last carts that were merged into it."""
        document = holding()

        for number in range(MAX_MERGED + 5):
            document, _ = merging(holding(line("a")), f"g{number}").apply(document)

        assert len(document.merged) == MAX_MERGED
        assert document.merged[-1].source == f"g{MAX_MERGED + 4}"

    def test_line_of_both(self) -> None:
        """The target keeps name, price, attributes and conditions, and gets more."""
        source = line("a", 2, GIFT, WRAP, name="A", price=9, attributes={"x": 1})
        kept = replace(GIFT, value="5")
        target = line("a", 3, kept, name="a", price=7, attributes={"y": 2})
        result, events = merging(holding(source)).apply(holding(target))

        assert result.lines == (replace(target, quantity=5, conditions=(kept, WRAP)),)
        assert [each.name for each in events] == [
            "item_updated",
            "item_condition_added",
            "cart_merged",
        ]

    def test_line_of_the_source(self) -> None:
        """A line that the target does not have comes with all that it has."""
        source = line("a", 12, GIFT, name="A", price=9, attributes={"x": 1})
        result, events = merging(holding(source)).apply(holding(line("b")))

        assert result.lines[1] == replace(source, quantity=10)
        assert events[-1].lines == (replace(source, quantity=10),)
        assert events[-1].left_out == (replace(source, quantity=2),)

    def test_target_over_its_limits(self) -> None:
        """A target that has more than it may have keeps it."""
        before = holding(*[line(each, 12) for each in "abcdef"])
        result, events = merging(holding(line("a", 3), line("g"))).apply(before)

        assert result.lines == before.lines
        assert [each.quantity for each in events[-1].left_out] == [3, 1]

    def test_another_currency(self) -> None:
        """Amounts of one currency are not taken for those of another."""
        source = holding(line("a", currency="JPY"), currency="JPY")

        with pytest.raises(InvalidItemError, match=r"in JPY cannot .* in EUR"):
            merging(source).apply(holding(line("b")))

    def test_another_currency_into_an_empty_cart(self) -> None:
        """A cart without lines takes the currency of what comes."""
        source = holding(line("a", price=500, currency="JPY"), currency="JPY")
        result, _ = merging(source).apply(holding())

        assert (result.currency, result.lines) == ("JPY", source.lines)

    def test_another_currency_of_nothing(self) -> None:
        """A cart without an amount is merged, whatever currency it once was in."""
        source = holding(currency="JPY", metadata={"x": 1})
        result, _ = merging(source).apply(holding(line("b")))

        assert (result.currency, result.metadata) == ("EUR", {"x": 1})
        assert merging(source).apply(holding())[0].currency == "JPY"

    def test_another_currency_and_conditions(self) -> None:
        """Conditions of one currency are not taken for those of another either."""
        source = holding(line("a", price=500, currency="JPY"), currency="JPY")
        shipping = Condition("POST", "shipping", "total", "4.90")
        before = holding(conditions=(shipping,))

        try:
            result, _ = merging(source).apply(before)
        except InvalidItemError:
            return

        assert result.currency == "EUR" or shipping not in result.conditions

    @pytest.mark.parametrize(
        ("strategy", "expected"),
        [("add_quantities", "standard"), ("replace_with_guest", "express")],
    )
    def test_shipping_of_both(self, strategy: str, expected: str) -> None:
        """Nobody pays for two ways of shipping because of a login."""
        vat = Condition("VAT", "tax", "total", "19%")
        source = holding(line("a"), conditions=(shipping("express"), vat))
        target = holding(conditions=(shipping("standard"),))
        result, _ = merging(source, strategy=strategy).apply(target)

        assert {each.name for each in result.conditions} == {expected, "VAT"}

    def test_shipping_that_is_changed_meanwhile(self) -> None:
        """What the guest chooses between two rounds is not charged beside the first."""
        first = holding(line("a"), conditions=(shipping("standard"),))
        later = replace(first, conditions=(shipping("express"),))
        result, _ = merging(first).apply(holding())
        result, _ = merging(later).apply(result)

        assert result.conditions == first.conditions

    @pytest.mark.parametrize("strategy", BUILT_IN)
    def test_coupons_of_both(self, strategy: str) -> None:
        """A login does not make two coupons of the one that an order may have."""
        target = holding(coupons=("A",))
        source = holding(line("a"), coupons=("B",))
        operation = merging(source, limits=ONE_COUPON, strategy=strategy)

        assert operation.apply(target)[0].coupons == ("B",)

    @pytest.mark.parametrize(
        ("most", "expected"), [(None, "ABC"), (3, "ABC"), (2, "AC"), (1, "C")]
    )
    def test_room_for_coupons(self, most: int | None, expected: str) -> None:
        """The guest's are the later ones, and the oldest go."""
        target = holding(coupons=("A", "B"))
        source = holding(line("a"), coupons=("A", "C"))
        operation = merging(source, limits=Limits(coupons=most))

        assert operation.apply(target)[0].coupons == tuple(expected)

    def test_coupon_that_is_changed_meanwhile(self) -> None:
        """What the guest notes between two rounds takes the place of the first."""
        first = merging(holding(coupons=("A",)), limits=ONE_COUPON)
        later = merging(holding(coupons=("B",)), limits=ONE_COUPON)

        assert apply_all(holding(), [first, later])[0].coupons == ("B",)

    @pytest.mark.parametrize("strategy", ["add_quantities", GUEST_FIRST])
    @pytest.mark.parametrize("theirs", ["", "flat", "chosen"])
    @pytest.mark.parametrize("mine", ["", "flat", "chosen"])
    def test_one_shipping(self, strategy: str, mine: str, theirs: str) -> None:
        """One cart's shipping is left, whether it was chosen or added by the shop."""
        ways = {
            "": {},
            "flat": {"conditions": (shipping("flat"),)},
            "chosen": {"shipping": "chosen"},
        }
        target = holding(line("a"), **ways[mine])
        source = holding(line("a"), **ways[theirs])
        result, _ = merging(source, strategy=strategy).apply(target)
        expected = (theirs or mine) if strategy == GUEST_FIRST else (mine or theirs)

        assert result.conditions == ways[expected].get("conditions", ())
        assert result.shipping == ways[expected].get("shipping")

    @pytest.mark.parametrize("fields", [{"coupons": ("A",)}, {"shipping": "Post"}])
    def test_nothing_but(self, fields: dict) -> None:
        """A cart with nothing but a code or a choice is not empty."""
        source = holding(**fields)
        came, _ = merging(source).apply(holding(line("b")))
        known, _ = merging(source).apply(holding(line("b"), **fields))

        assert (came.coupons, came.shipping) == (source.coupons, source.shipping)
        assert came.merged == known.merged != ()

    def test_may_be_applied_again(self) -> None:
        """A merge that lost is applied to what the other one saved."""
        assert merging(holding()).reapplies


class TestStrategies:
    @pytest.mark.parametrize(
        ("name", "both", "user", "guest"),
        [
            ("add_quantities", 5, 3, 2),
            ("keep_highest_quantity", 3, 3, 2),
            ("keep_user_cart", 3, 3, 2),
            ("replace_with_guest", 2, 3, 2),
        ],
    )
    def test_quantities(self, name: str, both: int, user: int, guest: int) -> None:
        """A line of both has what the strategy says, one of either what it had."""
        operation = merging(holding(line("a", guest), line("b", guest)), strategy=name)
        result, _ = operation.apply(holding(line("a", user), line("c", user)))

        assert quantities(result) == {"a": both, "c": user, "b": guest}

    def test_highest_of_the_guest(self) -> None:
        """The guest's quantity is kept if it is the higher one."""
        operation = merging(holding(line("a", 5)), strategy="keep_highest_quantity")

        assert quantities(operation.apply(holding(line("a", 2)))[0]) == {"a": 5}

    @given(small_carts(), small_carts(), st.sampled_from(BUILT_IN))
    def test_only_once(self, source: Document, target: Document, name: str) -> None:
        """The same content is merged once, whatever the strategy."""
        operation = merging(source, strategy=name)
        once, _ = operation.apply(target)

        assert operation.apply(once) == (once, ())

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_what_was_removed_stays_away(self, name: str) -> None:
        """What the user has removed or changed since does not come again."""
        vat = Condition("VAT", "tax", "total", "7%")
        source = holding(line("a", 2, GIFT), conditions=(vat,), metadata={"x": 1})
        operation = merging(source, strategy=name)
        result, _ = operation.apply(holding(line("a")))
        (merged,) = result.lines
        changed = replace(
            result,
            lines=(replace(merged, conditions=(), unit_amount=Decimal(7)),),
            conditions=(),
            metadata=FrozenDict({"x": 2}),
        )

        assert operation.apply(changed) == (changed, ())

    @pytest.mark.parametrize(("left", "expected"), [(None, 1), (1, 2), (2, 3), (3, 4)])
    @pytest.mark.parametrize("name", ["add_quantities", "keep_highest_quantity"])
    def test_what_was_sold_stays_away(
        self, name: str, left: int | None, expected: int
    ) -> None:
        """Of a line that grows after it was merged and sold, only the rest comes."""
        document, _ = merging(holding(line("a", 2)), strategy=name).apply(holding())
        remaining = () if left is None else (line("a", left),)
        document = replace(document, lines=remaining)
        document, _ = merging(holding(line("a", 3)), strategy=name).apply(document)

        if name == "keep_highest_quantity":
            expected = min(expected, 3)

        assert quantities(document) == {"a": expected}

    @given(small_carts(), small_carts(), st.sampled_from(BUILT_IN))
    def test_later_additions(
        self, later: Document, target: Document, name: str
    ) -> None:
        """What comes to the guest's cart between two merges makes no difference."""
        roomy = Limits(items=100, quantity=100)
        first = replace(later, lines=later.lines[:1], conditions=(), metadata={})
        document, _ = merging(first, limits=roomy, strategy=name).apply(target)
        document, _ = merging(later, limits=roomy, strategy=name).apply(document)
        at_once, _ = merging(later, limits=roomy, strategy=name).apply(target)

        assert quantities(document) == quantities(at_once)
        assert document.conditions == at_once.conditions
        assert document.metadata == at_once.metadata

    def test_replace_with_guest(self) -> None:
        """Of what both have, all is the guest's."""
        theirs = line("a", 2, GIFT, name="A", price=9, attributes={"x": 1})
        mine = line("a", 3, replace(GIFT, value="5"), WRAP, price=7)
        vat = Condition("VAT", "tax", "total", "7%")
        source = holding(theirs, conditions=(vat,), metadata={"x": 1})
        target = holding(
            mine, conditions=(replace(vat, value="19%"),), metadata={"x": 2, "y": 2}
        )
        result, _ = merging(source, strategy="replace_with_guest").apply(target)

        assert result.lines == (replace(theirs, conditions=(GIFT, WRAP)),)
        assert result.conditions == (vat,)
        assert result.metadata == {"x": 1, "y": 2}

    def test_own(self) -> None:
        """An app can decide by line, also to have none of it."""
        known = Strategies()
        seen = []

        def decide(mine: Line | None, theirs: Line) -> int:
            seen.append((mine and mine.quantity, theirs.quantity))
            return 0 if theirs.item_id in "ab" else 7

        known.add("own", decide)
        operation = MergeDocument(
            holding(line("a"), line("b"), line("c")),
            "guest:a",
            "g",
            LIMITS,
            known.find("own"),
        )
        result, events = operation.apply(holding(line("a", 2)))

        assert seen == [(2, 1), (None, 1), (None, 1)]
        assert quantities(result) == {"c": 7}
        assert [each.quantity for each in events[-1].lines] == [7]

    @pytest.mark.parametrize("wrong", [-1, 1.5, None, "2"])
    def test_own_that_is_wrong(self, wrong: object) -> None:
        """A strategy that returns no quantity is named."""
        known = Strategies()
        known.add("own", lambda mine, theirs: wrong)

        with pytest.raises(CartConfigError, match="'own' is wrong"):
            known.find("own").quantity(None, line("a"))

    def test_names(self) -> None:
        """Nobody replaces a built-in strategy, and a misspelt one is an error."""
        known = Strategies()

        with pytest.raises(CartConfigError, match="built-in"):
            known.add("keep_user_cart", lambda mine, theirs: 1)

        with pytest.raises(CartConfigError, match="mean 'keep_user_cart'"):
            known.find("keep_user_card")


class TestPendingOrder:
    def begun(self, token: str, minute: int) -> PendingOrder:
        return PendingOrder(
            token=token,
            started_at=dt.datetime(2025, 1, 1, 0, minute, tzinfo=dt.UTC),
            content="c",
        )

    def test_is_taken_over(self) -> None:
        """An order that the guest has begun can be finished after the login."""
        begun = self.begun("t", 1)
        result, _ = merging(holding(line("a"), pending=(begun,))).apply(holding())

        assert result.pending == (begun,)

    def test_is_taken_over_once(self) -> None:
        """An order that was made since is not begun again by a second merge."""
        source = holding(line("a"), pending=(self.begun("t", 1),))
        result, _ = merging(source).apply(holding())
        later = replace(source, lines=(line("a"), line("b")))
        result, _ = merging(later).apply(replace(result, pending=(), settled=("t",)))

        assert result.pending == ()

    def test_of_both(self) -> None:
        """If the user has begun an order, too, both can be finished."""
        mine, theirs = self.begun("mine", 2), self.begun("theirs", 1)
        source = holding(line("a"), pending=(theirs,))
        target = holding(line("a"), pending=(mine,))
        result, _ = merging(source).apply(target)

        assert result.pending == (mine, theirs)

    def test_of_two_merges(self) -> None:
        """What the guest begins between two merges is taken over, too."""
        first, second = self.begun("first", 1), self.begun("second", 2)
        source = holding(line("a"), pending=(first,))
        later = replace(source, pending=(second,))
        result, _ = merging(source).apply(holding())
        result, _ = merging(later).apply(result)

        assert result.pending == (first, second)

    def test_is_all_there_is(self) -> None:
        """Also the order of a cart that was emptied since is taken over."""
        source = holding(pending=(self.begun("t", 1),))

        assert merging(source).apply(holding())[0].pending == source.pending
