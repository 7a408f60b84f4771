"""Two carts that become one."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartConflictError
from flask_cart import CartError
from flask_cart import CartLimitError
from flask_cart import CartTooLargeError
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import InvalidItemError
from flask_cart import Line
from flask_cart import OrderDraft
from flask_cart.carts.merging import MAX_MERGED
from flask_cart.carts.merging import MAX_ROUNDS
from flask_cart.carts.merging import MergeDocument
from flask_cart.carts.merging import MergeReport
from flask_cart.carts.merging import merge as merging_of_carts
from flask_cart.carts.unmerging import RestoreContent
from flask_cart.carts.unmerging import UndoMerge
from flask_cart.model.coupons import coupon_key
from flask_cart.model.coupons import noted_coupons
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.document import PendingOrder
from flask_cart.model.document import encode
from flask_cart.model.events import Event
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.model.limits import check_limits
from flask_cart.model.lines import make_line
from flask_cart.model.operations import AddLine
from flask_cart.model.operations import SetMetadata
from flask_cart.model.operations import StaleError
from flask_cart.model.operations import apply_all
from flask_cart.model.strategies import Strategies
from flask_cart.model.values import FrozenDict
from flask_cart.storage.memory import MemoryStorage
from tests.support import strategies
from tests.support.shop import NOW
from tests.support.shop import BusyStorage
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored

USER = CartKey("user:1", "default")
GUEST = CartKey("guest:a", "default")
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


def line(item_id: str, quantity: int = 1, *on_line: Condition, **fields: object):
    made = make_line(item_id, quantity, "EUR", **{"price": 1} | fields)

    return strategies.with_conditions(made, list(on_line))


def shipping(name: str) -> Condition:
    return Condition(name, "shipping", "total", "4.90")


def noting(*codes: str) -> FrozenDict:
    return FrozenDict({coupon_key(code): True for code in codes})


def holding(*lines: object, **fields: object) -> Document:
    return Document(**{"schema": SCHEMA, "currency": "EUR", "lines": lines} | fields)


def merging(
    source: Document,
    source_id: str = "g",
    limits: Limits = LIMITS,
    strategy: str = "add_quantities",
    **options: object,
):
    chosen = Strategies().find(strategy)

    return MergeDocument(source, "guest:a", source_id, limits, chosen, **options)


def merge(guest: Cart, user: Cart, limits: Limits) -> MergeReport:
    return merging_of_carts(guest._working, user._working, limits=limits)


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
        source = holding(line("a"), currency="JPY")

        with pytest.raises(InvalidItemError, match=r"in JPY cannot .* in EUR"):
            merging(source).apply(holding(line("b")))

    def test_another_currency_into_an_empty_cart(self) -> None:
        """A cart without lines takes the currency of what comes."""
        source = holding(line("a", price=500), currency="JPY")
        result, _ = merging(source).apply(holding())

        assert (result.currency, result.lines) == ("JPY", source.lines)

    def test_another_currency_of_nothing(self) -> None:
        """A cart without an amount is merged, whatever currency it once was in."""
        source = holding(currency="JPY", metadata={"x": 1})
        result, _ = merging(source).apply(holding(line("b")))

        assert (result.currency, result.metadata) == ("EUR", {"x": 1})
        assert merging(source).apply(holding())[0].currency == "JPY"
        restored, _ = RestoreContent(result.merged[0].guest, "guest:a").apply(
            holding(line("c"), created_at=NOW)
        )
        assert restored.metadata == {"x": 1}

    def test_another_currency_and_conditions(self) -> None:
        """Conditions of one currency are not taken for those of another either."""
        source = holding(line("a", price=500), currency="JPY")
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
        assert undone(result).conditions == target.conditions

        guest = result.merged[0].guest
        restored, _ = RestoreContent(guest, "guest:a").apply(holding(created_at=NOW))
        assert restored.conditions == source.conditions

    def test_shipping_of_several_parts(self) -> None:
        """A choice of two conditions goes, comes and comes back as a whole."""
        theirs = shipping("express"), shipping("island")
        mine = shipping("standard"), shipping("bulky")
        target = holding(conditions=mine)
        merge = merging(holding(line("a"), conditions=theirs), strategy=GUEST_FIRST)
        result, _ = merge.apply(target)

        assert result.conditions == theirs
        assert undone(result).conditions == mine

    def test_shipping_that_is_changed_meanwhile(self) -> None:
        """What the guest chooses between two rounds is not charged beside the first."""
        first = holding(line("a"), conditions=(shipping("standard"),))
        later = replace(first, conditions=(shipping("express"),))
        result, _ = merging(first).apply(holding())
        result, _ = merging(later).apply(result)
        guest = result.merged[0].guest
        restored, _ = RestoreContent(guest, "guest:a").apply(holding(created_at=NOW))

        assert result.conditions == restored.conditions == first.conditions
        assert undone(result).conditions == ()

    def test_shipping_that_was_chosen_since(self) -> None:
        """An undo does not bring the old way of shipping back beside a new one."""
        source = holding(line("a"), conditions=(shipping("express"),))
        target = holding(conditions=(shipping("standard"),))
        result, _ = merging(source, strategy=GUEST_FIRST).apply(target)
        chosen = replace(result, conditions=(shipping("pick-up"),))

        assert undone(chosen).conditions == chosen.conditions

    @pytest.mark.parametrize("strategy", BUILT_IN)
    def test_coupons_of_both(self, strategy: str) -> None:
        """A login does not make two coupons of the one that an order may have."""
        target = holding(metadata=noting("A"))
        source = holding(line("a"), metadata=noting("B"))
        operation = merging(source, limits=ONE_COUPON, strategy=strategy)
        result, _ = operation.apply(target)

        assert noted_coupons(result.metadata) == ("B",)
        assert undone(result).metadata == target.metadata

    @pytest.mark.parametrize(
        ("most", "expected"), [(None, "ABC"), (3, "ABC"), (2, "AC"), (1, "C")]
    )
    def test_room_for_coupons(self, most: int | None, expected: str) -> None:
        """The guest's are the later ones, and the oldest go."""
        target = holding(metadata=noting("A", "B") | {"note": 1})
        source = holding(line("a"), metadata=noting("A", "C"))
        operation = merging(source, limits=Limits(coupons=most))
        result, _ = operation.apply(target)

        assert set(noted_coupons(result.metadata)) == set(expected)
        assert result.metadata["note"] == 1

        if most != 1:
            assert undone(result).metadata == target.metadata

    def test_coupons_that_were_noted_since(self) -> None:
        """An undo brings back only as many coupons as it takes out."""
        limits = Limits(coupons=2)
        source = holding(line("a"), metadata=noting("C", "D"))
        operation = merging(source, limits=limits)
        result, _ = operation.apply(holding(metadata=noting("A", "B")))
        later = undone(replace(result, metadata=noting("D", "E")))
        none = undone(replace(result, metadata=noting("E", "F")))

        assert noted_coupons(later.metadata) == ("E", "B")
        assert noted_coupons(none.metadata) == ("E", "F")

    def test_coupon_that_is_changed_meanwhile(self) -> None:
        """Of what the guest notes between two rounds, only the last is restored."""
        operation = merging(holding(metadata=noting("A")), limits=ONE_COUPON)
        result, _ = operation.apply(holding())
        operation = merging(holding(metadata=noting("B")), limits=ONE_COUPON)
        result, _ = operation.apply(result)
        restore = RestoreContent(result.merged[0].guest, "guest:a", 1)
        restored, _ = restore.apply(holding(created_at=NOW))

        assert noted_coupons(result.metadata) == ("B",)
        assert noted_coupons(restored.metadata) == ("B",)
        assert undone(result).metadata == {}

    def test_may_be_applied_again(self) -> None:
        """A merge that lost is applied to what the other one saved."""
        assert merging(holding()).reapplies


def carts(storage: MemoryStorage, **options: object) -> tuple[Cart, Cart]:
    """A guest's cart with 2 a and 1 b, a user's with 3 a and 1 c."""
    guest = make_cart(storage, key=GUEST)
    user = make_cart(storage, key=USER)

    with guest.batch():
        guest.add("a", 2, price=1)
        guest.add("b", price=1)
        guest.metadata["x"] = 1
        guest.add_fee("PACK", "2")

    with user.batch():
        user.add("a", 3, price=1)
        user.add("c", price=1)

    return (
        make_cart(storage, key=GUEST, **options),
        make_cart(storage, key=USER, **options),
    )


class TestMerge:
    def test_merge(self, storage: MemoryStorage) -> None:
        """The target has all, the source is gone, each in one write."""
        recorder = Recorder()
        guest, user = carts(storage, announcer=recorder)
        version = user.version
        merge(guest, user, LIMITS)
        user = make_cart(storage, key=USER)

        assert quantities(user.document) == {"a": 5, "c": 1, "b": 1}
        assert user.metadata["x"] == 1
        assert [each.name for each in user.conditions] == ["PACK"]
        assert user.version > version
        assert stored(storage, GUEST) is None
        assert [each[-1].name for each in recorder.told] == [
            "cart_merged",
            "cart_destroyed",
        ]

    def test_record_does_not_name_the_guest(self, storage: MemoryStorage) -> None:
        """Whoever reads the target does not get at the guest's token."""
        guest, user = carts(storage)
        merge(guest, user, LIMITS)

        assert len(user.document.merged) == 1
        assert "guest:a" not in encode(user.document)

    def test_into_nothing(self, storage: MemoryStorage) -> None:
        """A user who has no cart gets the guest's."""
        guest, _ = carts(storage)
        target = make_cart(storage, key=CartKey("user:2", "default"))
        merge(guest, target, LIMITS)

        assert quantities(target.document) == {"a": 2, "b": 1}

    def test_of_another_currency(self, storage: MemoryStorage) -> None:
        """Carts of two currencies both stay as they are."""
        _, user = carts(storage)
        guest = make_cart(storage, key=CartKey("guest:b", "default"), currency="JPY")
        guest.add("d", price=500)
        before = dict(storage._carts)

        with pytest.raises(InvalidItemError):
            merge(guest, user, LIMITS)

        assert storage._carts == before

    @pytest.mark.parametrize("key", [None, CartKey("guest:b", "default")])
    def test_of_nothing(self, storage: MemoryStorage, key: CartKey | None) -> None:
        """A guest without a cart leaves the user's as it is."""
        _, user = carts(storage)
        before = stored(storage, USER)
        merge(make_cart(storage, key=key), user, LIMITS)

        assert stored(storage, USER) == before

    def test_into_itself(self, storage: MemoryStorage) -> None:
        """A cart is not merged into itself, doubled and deleted."""
        _, user = carts(storage)
        before = stored(storage, USER)
        merge(make_cart(storage, key=USER), user, LIMITS)
        merge(user, user, LIMITS)

        assert stored(storage, USER) == before

    def test_interrupted(self, storage: MemoryStorage) -> None:
        """A merge that could not delete the source is finished by the next one."""
        _, user = carts(storage)
        recorder = Recorder()
        recorder.veto = CartVetoError("keep it")
        guest = make_cart(storage, key=GUEST, announcer=recorder)

        with pytest.raises(CartVetoError):
            merge(guest, user, LIMITS)

        before = stored(storage, USER)
        merge(make_cart(storage, key=GUEST), make_cart(storage, key=USER), LIMITS)

        assert stored(storage, USER) == before
        assert stored(storage, GUEST) is None

    def test_refused_by_the_target(self, storage: MemoryStorage) -> None:
        """A target that cannot take it leaves the source as it is."""
        guest, _ = carts(storage)
        user = make_cart(storage, key=USER, limits=Limits(data_bytes=100))
        before = stored(storage, GUEST), stored(storage, USER)

        with pytest.raises(CartTooLargeError):
            merge(guest, user, LIMITS)

        assert (stored(storage, GUEST), stored(storage, USER)) == before


class Contested(ContestedStorage):
    """Somebody changes the guest's cart before it is deleted, or the user's before
    it is saved."""

    def __init__(self, key: CartKey) -> None:
        super().__init__()
        self.key = key

    def _let_rival(self, key: CartKey) -> None:
        if key == self.key:
            super()._let_rival(key)


class TestContestedMerge:
    def test_source_that_grows(self) -> None:
        """What is added to the source meanwhile is taken over, too, and only that."""
        storage = Contested(GUEST)
        guest, user = carts(storage)
        storage.contest(
            [
                lambda rival: rival.add("a", 4, price=1),
                lambda rival: rival.add("d", price=1),
            ]
        )
        merge(guest, user, LIMITS)

        assert quantities(make_cart(storage, key=USER).document) == {
            "a": 3 + 2 + 4,
            "c": 1,
            "b": 1,
            "d": 1,
        }
        assert stored(storage, GUEST) is None

    def test_source_that_shrinks(self) -> None:
        """What is removed from the source meanwhile was taken over already."""
        storage = Contested(GUEST)
        guest, user = carts(storage)
        storage.contest([lambda rival: rival.remove(rival.lines[0].id)])
        merge(guest, user, LIMITS)

        assert quantities(user.document) == {"a": 5, "c": 1, "b": 1}
        assert stored(storage, GUEST) is None

    def test_source_that_gets_more_than_lines(self) -> None:
        """Conditions and metadata that come meanwhile are taken over, too."""
        storage = Contested(GUEST)
        guest, user = carts(storage)

        def note(rival: Cart) -> None:
            with rival.batch():
                rival.add_tax("VAT", "19%")
                rival.metadata["y"] = 2

        storage.contest([note])
        merge(guest, user, LIMITS)

        assert [each.name for each in user.conditions] == ["PACK", "VAT"]
        assert dict(user.metadata) == {"x": 1, "y": 2}

    def test_source_whose_line_gets_a_condition(self) -> None:
        """A condition that a line gets meanwhile is taken over, too."""
        storage = Contested(GUEST)
        guest, user = carts(storage)
        storage.contest(
            [lambda rival: rival.add_item_condition(rival.lines[1].id, GIFT)]
        )
        merge(guest, user, LIMITS)

        (b,) = (each for each in user if each.item_id == "b")
        assert b.conditions == (GIFT,)

    def test_source_that_somebody_else_merged(self) -> None:
        """Of two logins at once, one merges and the other changes nothing."""
        storage = Contested(GUEST)
        recorder = Recorder()
        guest, user = carts(storage, announcer=recorder)

        def merge_too(rival: Cart) -> None:
            merge(rival, make_cart(storage, key=USER), LIMITS)

        storage.contest([merge_too])
        merge(guest, user, LIMITS)

        assert quantities(make_cart(storage, key=USER).document) == {
            "a": 5,
            "c": 1,
            "b": 1,
        }
        assert recorder.names.count("cart_merged") == 1
        assert stored(storage, GUEST) is None

    def test_source_that_is_made_anew(self) -> None:
        """What is in a new cart of the guest was not in the old one."""
        storage = Contested(GUEST)
        guest, user = carts(storage)

        def start_again(rival: Cart) -> None:
            rival.destroy()
            rival.add("a", price=1)

        storage.contest([start_again])
        merge(guest, user, LIMITS)

        assert quantities(user.document)["a"] == 3 + 2 + 1

    def test_source_that_does_not_stop(self) -> None:
        """After some rounds the merge gives up, and the source is still there."""
        storage = Contested(GUEST)
        guest, user = carts(storage)
        storage.contest(itertools.repeat(lambda rival: rival.add("d", price=1)))

        with pytest.raises(CartConflictError, match="at the same time"):
            merge(guest, user, LIMITS)

        assert storage.attempts == MAX_ROUNDS
        guest = make_cart(storage, key=GUEST)
        assert quantities(guest.document)["d"] == MAX_ROUNDS
        assert quantities(user.document)["d"] == MAX_ROUNDS - 1

        storage.contest([])
        merge(guest, user, Limits())
        assert stored(storage, GUEST) is None

    def test_target_that_changes(self) -> None:
        """What somebody adds to the target meanwhile stays."""
        storage = Contested(USER)
        guest, user = carts(storage)
        storage.contest([lambda rival: rival.add("a", 1, price=1)])
        merge(guest, user, LIMITS)

        assert quantities(user.document) == {"a": 6, "c": 1, "b": 1}
        assert stored(storage, GUEST) is None

    def test_busy(self) -> None:
        """A storage that is busy for a moment does not stop a merge."""
        storage = BusyStorage()
        guest, user = carts(storage)
        storage.busy.update(load=1, save=1)
        merge(guest, user, LIMITS)

        assert quantities(user.document) == {"a": 5, "c": 1, "b": 1}


def undone(document: Document) -> Document:
    return UndoMerge("g", "guest:a").apply(document)[0]


def content_of(document: Document) -> tuple[object, ...]:
    return (
        document.currency,
        document.lines,
        document.conditions,
        document.metadata,
        document.pending,
    )


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
            lines=(replace(merged, conditions=(), price=Decimal(7)),),
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
        assert quantities(undone(result)) == {"a": 2}
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
            lines=(line("a"),),
            conditions=(),
            metadata={},
            currency="EUR",
        )

    def test_is_taken_over(self) -> None:
        """An order that the guest has begun can be finished after the login."""
        begun = self.begun("t", 1)
        result, _ = merging(holding(line("a"), pending=(begun,))).apply(holding())

        assert result.pending == (begun,)
        assert undone(result).pending == ()

    def test_is_taken_over_once(self) -> None:
        """An order that was made since is not begun again by a second merge."""
        source = holding(line("a"), pending=(self.begun("t", 1),))
        result, _ = merging(source).apply(holding())
        later = replace(source, lines=(line("a"), line("b")))
        result, _ = merging(later).apply(replace(result, pending=()))

        assert result.pending == ()

    def test_of_both(self) -> None:
        """If the user has begun an order, too, both can be finished."""
        mine, theirs = self.begun("mine", 2), self.begun("theirs", 1)
        source = holding(line("a"), pending=(theirs,))
        target = holding(line("a"), pending=(mine,))
        result, _ = merging(source).apply(target)

        assert result.pending == (mine, theirs)
        assert undone(result).pending == (mine,)

    def test_of_two_merges(self) -> None:
        """What the guest begins between two merges is taken over, too, and given
        back."""
        first, second = self.begun("first", 1), self.begun("second", 2)
        source = holding(line("a"), pending=(first,))
        later = replace(source, pending=(second,))
        result, _ = merging(source).apply(holding())
        result, _ = merging(later).apply(result)
        (record,) = result.merged

        assert result.pending == (first, second)
        assert record.guest is not None
        assert record.guest.pending == (first, second)
        assert undone(result).pending == ()

    def test_is_all_there_is(self) -> None:
        """Also the order of a cart that was emptied since is taken over."""
        source = holding(pending=(self.begun("t", 1),))

        assert merging(source).apply(holding())[0].pending == source.pending

    def test_is_finished(self, storage: MemoryStorage) -> None:
        """The guest begins an order and logs in; what was begun is ordered, the rest
        stays."""
        guest, user = carts(storage)
        draft = guest.begin_order()
        orders: dict[str, OrderDraft] = {}
        merge(guest, user, Limits())
        user.place_order(
            lambda made: orders.setdefault(made.order_token, made),
            orders.get,
            token=draft.order_token,
        )

        assert [each.quantity for each in orders[draft.order_token]] == [2, 1]
        assert quantities(user.document) == {"a": 3, "c": 1}


class TestUndo:
    @given(small_carts(), small_carts(), st.sampled_from(BUILT_IN))
    def test_restores_the_user(
        self, source: Document, target: Document, name: str
    ) -> None:
        """Whatever was merged, the cart is as it was before."""
        result, _ = merging(source, strategy=name).apply(target)

        assert content_of(undone(result)) == content_of(target)
        assert undone(result).merged == ()

    @given(small_carts(), small_carts(), small_carts(), st.sampled_from(BUILT_IN))
    def test_of_several_rounds(
        self, first: Document, later: Document, target: Document, name: str
    ) -> None:
        """Also if the other cart changed while it was merged."""
        result, _ = merging(first, strategy=name).apply(target)
        result, _ = merging(later, strategy=name).apply(result)

        assert content_of(undone(result)) == content_of(target)

    @given(small_carts(), st.sampled_from(BUILT_IN))
    def test_restores_the_guest(self, source: Document, name: str) -> None:
        """All of the other cart is remembered, also what was left out."""
        result, _ = merging(source, limits=Limits(items=1, quantity=2)).apply(holding())
        restored = holding()

        for record in result.merged:
            restored, _ = RestoreContent(record.guest, "guest:a").apply(
                replace(restored, created_at=NOW)
            )

        assert content_of(restored) == content_of(source)

    def test_currency(self) -> None:
        """A cart that took the currency of another one has its own again."""
        source = holding(line("a", price=500), currency="JPY")
        result, _ = merging(source).apply(holding())

        assert undone(result).currency == "EUR"

    def test_what_was_added_since(self) -> None:
        """What the user added after the merge stays."""
        source = holding(
            line("a", 2, GIFT), line("b", name="B"), metadata={"x": None, "y": 1}
        )
        result, _ = merging(source).apply(holding(line("a", 3)))
        result, _ = apply_all(
            result,
            [
                AddLine(line("a", 1)),
                AddLine(line("b", 2, price=2)),
                AddLine(line("c")),
                SetMetadata(FrozenDict({"y": 2})),
            ],
        )
        result = undone(result)

        assert quantities(result) == {"a": 4, "b": 2, "c": 1}
        assert result.lines[0].conditions == ()
        assert result.lines[1].price == 2
        assert result.metadata == {"y": 2}

    def test_what_was_changed_since(self) -> None:
        """Fields and conditions that the user has changed are left as they are."""
        theirs = line("a", 2, GIFT, WRAP, name="A", price=9, attributes={"x": 1})
        mine = line("a", 1, replace(GIFT, value="5"), name="a", price=7)
        vat = Condition("VAT", "tax", "total", "7%")
        source = holding(theirs, conditions=(vat,), metadata={"x": 1})
        target = holding(
            mine, conditions=(replace(vat, value="19%"),), metadata={"x": 2}
        )
        result, _ = merging(source, strategy="replace_with_guest").apply(target)
        (now,) = result.lines
        result = undone(replace(result, lines=(replace(now, name="AAA"),)))

        assert result.lines == (replace(mine, name="AAA"),)
        assert result.conditions == target.conditions
        assert result.metadata == target.metadata

    def test_price_that_was_lowered_since(self) -> None:
        """The user's own price of today is not undone, though it equals the guest's."""
        source = holding(line("a", price=10, name="A", attributes={"x": 1}))
        result, _ = merging(source).apply(holding(line("a", price=12)))
        (now,) = result.lines
        today = replace(now, price=Decimal(10), name="A", attributes={"x": 1})

        assert undone(replace(result, lines=(today,))).lines == (
            replace(today, quantity=1),
        )

    def test_another_currency_since(self) -> None:
        """Amounts of the currency of that time do not come back into another one."""
        theirs = Condition("WELCOME", "discount", "total", "10%")
        mine = replace(theirs, value="-5")
        source = holding(line("a", price=1000), line("b"), conditions=(theirs,))
        target = holding(line("a", price=1200), conditions=(mine,))
        result, _ = merging(source, strategy=GUEST_FIRST).apply(target)
        changed = replace(result, currency="JPY")

        with pytest.raises(StaleError) as caught:
            undone(changed)

        assert caught.value.details == {"merged": "EUR", "stored": "JPY"}

        result, _ = merging(
            replace(source, lines=(line("b"),)), strategy=GUEST_FIRST
        ).apply(target)
        changed = undone(replace(result, currency="JPY"))

        assert quantities(changed) == {"a": 1}
        assert changed.conditions == (theirs,)

    def test_nothing_to_undo(self) -> None:
        """A cart that nothing was merged into stays as it is."""
        assert UndoMerge("g", "guest:a").apply(holding()) == (holding(), ())

    def test_only_the_last(self) -> None:
        """A merge before the last one cannot be undone."""
        result, _ = merging(holding(line("a")), "g").apply(holding())
        result, _ = merging(holding(line("b")), "h").apply(result)

        assert undone(result) == result

    def test_carts(self, storage: MemoryStorage) -> None:
        """Both carts are as before, and the guest's can be merged again."""
        guest, user = carts(storage)
        before = content_of(guest.document), content_of(user.document)
        merge(guest, user, LIMITS)

        assert user.undo_merge("guest:a")
        assert content_of(user.document) == before[1]
        assert content_of(make_cart(storage, key=GUEST).document) == before[0]
        assert not user.undo_merge("guest:a")

        merge(make_cart(storage, key=GUEST), user, LIMITS)
        assert quantities(user.document) == {"a": 5, "c": 1, "b": 1}

    def test_is_announced(self, storage: MemoryStorage) -> None:
        """The events tell what went and what came back."""
        recorder = Recorder()
        guest, user = carts(storage, announcer=recorder)
        merge(guest, user, LIMITS)
        recorder.told.clear()
        user.undo_merge("guest:a")

        assert [[each.name for each in told] for told in recorder.told] == [
            [
                "cart_created",
                "item_added",
                "item_added",
                "condition_added",
                "metadata_added",
            ],
            [
                "item_updated",
                "item_removed",
                "condition_removed",
                "metadata_removed",
                "merge_undone",
            ],
        ]

    def test_of_another_guest(self, storage: MemoryStorage) -> None:
        """Nobody gets what was merged of somebody else."""
        guest, user = carts(storage)
        merge(guest, user, LIMITS)

        assert not user.undo_merge("guest:b")
        assert not user.undo_merge()
        assert not make_cart(storage, key=None).undo_merge("guest:a")

    def test_after_something_was_taken_out(self, storage: MemoryStorage) -> None:
        """What came and is gone cannot be given back, and then nothing is."""
        guest, user = carts(storage)
        merge(guest, user, LIMITS)
        user.increment(user.lines[0].id, -1)
        before = dict(storage._carts)

        with pytest.raises(CartConflictError, match="changed since") as caught:
            user.undo_merge("guest:a")

        assert caught.value.details == {"merged": 5, "stored": 4}
        assert storage._carts == before

    def test_after_an_order(self, storage: MemoryStorage) -> None:
        """What was sold is not given back."""
        guest, user = carts(storage)
        merge(guest, user, LIMITS)

        with user.checkout():
            pass

        assert not user.undo_merge("guest:a")

    def test_guest_who_went_on(self, storage: MemoryStorage) -> None:
        """What the guest has put into a new cart since stays."""
        guest, user = carts(storage)
        merge(guest, user, LIMITS)
        guest = make_cart(storage, key=GUEST)
        guest.add("a", price=1)
        guest.add("d", price=1)
        user.undo_merge("guest:a")
        guest.refresh()

        assert quantities(guest.document) == {"a": 3, "b": 1, "d": 1}

    def test_too_much_to_remember(self, storage: MemoryStorage) -> None:
        """A cart that has no room to remember is merged, and cannot be undone."""
        guest, user = carts(storage)
        size = len(stored(storage, USER).data) + len(stored(storage, GUEST).data)
        user = make_cart(storage, key=USER, limits=Limits(data_bytes=size + 200))
        merge(guest, user, LIMITS)

        assert quantities(user.document) == {"a": 5, "c": 1, "b": 1}
        assert not user.undo_merge("guest:a")

        # The next round must not remember a part of it.
        result, _ = merging(holding(line("a")), is_undoable=False).apply(holding())
        result, _ = merging(holding(line("a", 2))).apply(result)
        assert undone(result) == result

    def test_in_a_batch(self, storage: MemoryStorage) -> None:
        """Two carts cannot be part of the batch of one."""
        guest, user = carts(storage)

        with user.batch(), pytest.raises(CartError, match="inside a batch"):
            user.undo_merge("guest:a")

        with user.batch(), pytest.raises(CartError, match="inside a batch"):
            user.merge(guest)


@pytest.mark.parametrize("kind", [MemoryStorage])
class TestUndoOfOldNews:
    """The one who undoes has read the user's cart long ago."""

    def test_after_an_order(self, kind: type[MemoryStorage]) -> None:
        """What was sold meanwhile is not given back."""
        storage = kind()
        guest, user = carts(storage)
        merge(guest, user, LIMITS)

        with make_cart(storage, key=USER).checkout():
            pass

        assert user.lines
        assert not user.undo_merge("guest:a")
        assert stored(storage, GUEST) is None

    def test_after_another_merge(self, kind: type[MemoryStorage]) -> None:
        """What was merged of the guest meanwhile is the last merge, and undone."""
        storage = kind()
        guest, user = carts(storage)
        merge(guest, user, LIMITS)
        make_cart(storage, key=GUEST).add("d", price=1)
        merge(make_cart(storage, key=GUEST), make_cart(storage, key=USER), LIMITS)

        assert user.undo_merge("guest:a")
        assert quantities(make_cart(storage, key=GUEST).document) == {"d": 1}
        assert quantities(user.document) == {"a": 5, "c": 1, "b": 1}

    def test_of_another_version(self, kind: type[MemoryStorage]) -> None:
        """A cart that is expected at a version is not undone at another."""
        storage = kind()
        guest, user = carts(storage)
        merge(guest, user, LIMITS)
        seen = user.version
        make_cart(storage, key=USER).add("d", price=1)
        before = dict(storage._carts)

        with pytest.raises(CartConflictError, match="meant for version"):
            make_cart(storage, key=USER).expect(seen).undo_merge("guest:a")

        assert storage._carts == before


def test_merge_of_old_news(storage: MemoryStorage) -> None:
    """What was undone since the user's cart was read comes again, and is not lost."""
    guest, user = carts(storage)
    merge(guest, user, LIMITS)
    make_cart(storage, key=USER).undo_merge("guest:a")
    merge(make_cart(storage, key=GUEST), user, LIMITS)

    assert quantities(make_cart(storage, key=USER).document) == {"a": 5, "c": 1, "b": 1}


class UndoingAtOnce(Recorder):
    """Undoes a merge as soon as it hears of it, a number of times."""

    def __init__(self, storage: MemoryStorage, times: int) -> None:
        super().__init__()
        self._storage = storage
        self._times = times

    def after(self, cart: Cart, events: tuple[Event, ...]) -> None:
        super().after(cart, events)

        if self._times and events[-1].name == "cart_merged":
            self._times -= 1
            make_cart(self._storage, key=USER).undo_merge("guest:a")


@pytest.mark.parametrize("kind", [MemoryStorage])
class TestUndoInTheMiddle:
    """A merge is undone after it was saved, and before the guest's cart is deleted."""

    def test_once(self, kind: type[MemoryStorage]) -> None:
        """The merge is made again, and nothing is lost or doubled."""
        storage = kind()
        guest, _ = carts(storage)
        announcer = UndoingAtOnce(storage, 1)
        user = make_cart(storage, key=USER, announcer=announcer)
        merge(guest, user, LIMITS)
        user = make_cart(storage, key=USER)

        assert quantities(user.document) == {"a": 5, "c": 1, "b": 1}
        assert stored(storage, GUEST) is None

    def test_always(self, kind: type[MemoryStorage]) -> None:
        """The merge gives up, and both carts are as they were."""
        storage = kind()
        guest, _ = carts(storage)
        announcer = UndoingAtOnce(storage, 99)
        user = make_cart(storage, key=USER, announcer=announcer)

        with pytest.raises(CartConflictError, match="at the same time"):
            merge(guest, user, LIMITS)

        assert quantities(make_cart(storage, key=USER).document) == {"a": 3, "c": 1}
        assert quantities(make_cart(storage, key=GUEST).document) == {"a": 2, "b": 1}


class TestTransfer:
    def test_swap(self, storage: MemoryStorage) -> None:
        """All that is in the cart belongs to the other owner."""
        guest, _ = carts(storage, limits=Limits(items=2, quantity=2))
        before = content_of(guest.document)
        company = guest.transfer("company:1")

        assert company.key == CartKey("company:1", "default")
        assert content_of(company.document) == before
        assert stored(storage, GUEST) is None
        assert guest.lines == ()
        assert not company.undo_merge("guest:a")

    def test_over_a_limit(self, storage: MemoryStorage) -> None:
        """What is over a limit by now stays with the one who has it."""
        _, user = carts(storage)
        before = dict(storage._carts)
        user = make_cart(storage, key=USER, limits=Limits(items=1))

        with pytest.raises(CartLimitError):
            user.transfer("company:1")

        assert storage._carts == before

    def test_to_somebody_who_has_a_cart(self, storage: MemoryStorage) -> None:
        """Nobody's cart is overwritten, or filled with that of another."""
        guest, _ = carts(storage)
        before = dict(storage._carts)

        with pytest.raises(CartConflictError, match="something in the cart user:1"):
            guest.transfer("user:1")

        assert storage._carts == before

    def test_to_somebody_with_an_empty_cart(self, storage: MemoryStorage) -> None:
        """A cart that was emptied is no obstacle."""
        guest, user = carts(storage)
        user.clear()
        guest.transfer("user:1")

        assert quantities(make_cart(storage, key=USER).document) == {"a": 2, "b": 1}

    def test_nothing(self, storage: MemoryStorage) -> None:
        """A guest who has no cart has nothing to give."""
        assert make_cart(storage, key=None).transfer("user:9").lines == ()
        assert storage._carts == {}

        carts(storage)

        with pytest.raises(CartConflictError):
            make_cart(storage, key=None).transfer("user:1")


def test_report(storage: MemoryStorage) -> None:
    """A report tells what came, and what was left out."""
    guest, user = carts(storage)
    report = merge(guest, user, Limits(items=2, quantity=4))

    assert [(each.item_id, each.quantity) for each in report.lines] == [("a", 1)]
    assert [(each.item_id, each.quantity) for each in report.left_out] == [
        ("a", 1),
        ("b", 1),
    ]
    assert report.quantity == 1
    assert merge(guest, user, Limits()) == MergeReport()
