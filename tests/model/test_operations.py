from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from flask_cart import Condition
from flask_cart import InvalidItemError
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.document import MergedCart
from flask_cart.model.document import RemovedLine
from flask_cart.model.events import CartCleared
from flask_cart.model.events import ConditionAdded
from flask_cart.model.events import ConditionRemoved
from flask_cart.model.events import CouponAdded
from flask_cart.model.events import CouponRemoved
from flask_cart.model.events import ItemAdded
from flask_cart.model.events import ItemConditionAdded
from flask_cart.model.events import ItemConditionRemoved
from flask_cart.model.events import ItemRemoved
from flask_cart.model.events import ItemUpdated
from flask_cart.model.events import MetadataAdded
from flask_cart.model.events import MetadataRemoved
from flask_cart.model.events import ShippingChosen
from flask_cart.model.line_operations import AddItemCondition
from flask_cart.model.line_operations import AddLine
from flask_cart.model.line_operations import IncrementLine
from flask_cart.model.line_operations import RemoveItemCondition
from flask_cart.model.line_operations import UpdateLine
from flask_cart.model.lines import MAX_QUANTITY
from flask_cart.model.lines import make_line
from flask_cart.model.operations import AddCondition
from flask_cart.model.operations import AddCoupons
from flask_cart.model.operations import ChooseShipping
from flask_cart.model.operations import RemoveCondition
from flask_cart.model.operations import RemoveCoupon
from flask_cart.model.operations import SetMetadata
from flask_cart.model.operations import StaleError
from flask_cart.model.operations import apply_all
from flask_cart.model.removing import Clear
from flask_cart.model.removing import RemoveLine
from flask_cart.model.values import FrozenDict
from tests.support import strategies

FEE = Condition("FEE", "fee", "total", "1.50")
GIFT = Condition("GIFT", "fee", "item", "2")
WRAP = Condition("WRAP", "fee", "item", "3")
TAX = Condition("VAT", "tax", "subtotal", "19%")
POST = Condition("POST", "shipping", "total", "4.90")
COURIER = Condition("COURIER", "shipping", "total", "9.90")

MUG = strategies.with_conditions(
    make_line("mug", 2, "EUR", name="Mug", price="12.50", attributes={"ink": "red"}),
    [GIFT],
)
POT = make_line("pot", 1, "EUR", price="30")
EMPTY = Document(schema=SCHEMA, currency="EUR")
CART = replace(
    EMPTY,
    lines=(MUG, POT),
    conditions=(TAX, POST),
    metadata={"note": "ring twice", "gift": True},
)


def metadata(**values: object) -> FrozenDict:
    return FrozenDict(values)


class TestAddLine:
    def test_new(self) -> None:
        """A line that is not there comes last."""
        cup = make_line("cup", 1, "EUR", price=5)

        assert AddLine(cup).apply(CART) == (
            replace(CART, lines=(MUG, POT, cup)),
            (ItemAdded(line=cup),),
        )

    def test_merge(self) -> None:
        """A line that is there keeps its conditions, attributes, product and place."""
        more = make_line(
            "mug", 3, "EUR", name="Becher", price="11", attributes={"ink": "blue"}
        )
        document, events = AddLine(more).apply(CART)
        merged = replace(MUG, name="Becher", unit_amount=Decimal(11), quantity=5)

        assert document.lines == (merged, POT)
        assert merged.conditions == (GIFT,)
        assert merged.attributes == {"ink": "red"}
        assert events == (ItemUpdated(line=merged, previous=MUG, quantity_delta=3),)

    def test_replace(self) -> None:
        """A line can take the place of the one that is there, with all it has."""
        other = make_line("mug", 1, "EUR", price="11")
        document, events = AddLine(other, "replace").apply(CART)

        assert document.lines == (other, POT)
        assert events == (ItemUpdated(line=other, previous=MUG, quantity_delta=-1),)

    def test_replace_by_the_same(self) -> None:
        """The same line in its place is no change."""
        assert AddLine(MUG, "replace").apply(CART) == (CART, ())

    def test_error(self) -> None:
        """A line that is there can be refused."""
        with pytest.raises(InvalidItemError, match="'mug' is in the cart already"):
            AddLine(make_line("mug", 1, "EUR", price=1), "error").apply(CART)

    def test_new_whatever_is_to_be_done(self) -> None:
        """Where there is no such line, it is added."""
        for on_existing in ["merge", "replace", "error"]:
            assert AddLine(POT, on_existing).apply(EMPTY)[1] == (ItemAdded(line=POT),)

    def test_other_options_are_another_line(self) -> None:
        """Variants of an item are lines of their own."""
        large = make_line("mug", 1, "EUR", price=1, options={"size": "L"})

        assert AddLine(large).apply(CART)[0].lines == (MUG, POT, large)

    def test_absurd_sum(self) -> None:
        """Two quantities whose sum is none are refused."""
        much = make_line("mug", MAX_QUANTITY, "EUR", price=1)

        with pytest.raises(InvalidItemError, match=f"at most {MAX_QUANTITY}"):
            AddLine(much).apply(CART)

    def test_again_on_a_changed_document(self) -> None:
        """On a fresher document it adds to what is there then."""
        add = AddLine(make_line("pot", 2, "EUR", price="30"))
        fresher = replace(CART, lines=(replace(POT, quantity=10), MUG))

        assert [each.quantity for each in add.apply(fresher)[0].lines] == [12, 2]


class TestUpdateLine:
    def test_fields(self) -> None:
        """Fields are set, the others stay, and the event has both lines."""
        changes = {"quantity": 5, "unit_amount": Decimal(11)}
        document, events = UpdateLine(MUG, changes).apply(CART)
        changed = replace(MUG, quantity=5, unit_amount=Decimal(11))

        assert document == replace(CART, lines=(changed, POT))
        assert events == (ItemUpdated(line=changed, previous=MUG, quantity_delta=3),)

    def test_zero(self) -> None:
        """A quantity of zero removes the line, whatever else is set."""
        document, events = UpdateLine(MUG, {"quantity": 0, "name": "x"}).apply(CART)

        assert document.lines == (POT,)
        assert events == (ItemRemoved(line=MUG),)

    @pytest.mark.parametrize("changes", [{}, {"quantity": 2}, {"name": "Mug"}])
    def test_the_same(self, changes: dict) -> None:
        """Values that the line has already are no change."""
        assert UpdateLine(MUG, changes).apply(CART) == (CART, ())

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"quantity": -1}, "at least 1, not -1"),
            ({"name": ""}, "name must not be empty"),
            ({"unit_amount": Decimal(-1)}, "not be negative: -1"),
        ],
    )
    def test_bad_values(self, changes: dict, message: str) -> None:
        """The result is checked like any line."""
        with pytest.raises(InvalidItemError, match=message):
            UpdateLine(MUG, changes).apply(CART)

    def test_other_lines_may_have_changed(self) -> None:
        """On a fresher document it applies where the line is as it was seen."""
        fresher = replace(CART, lines=(replace(POT, quantity=9), MUG), conditions=())
        document, _ = UpdateLine(MUG, {"quantity": 5}).apply(fresher)

        assert [each.quantity for each in document.lines] == [9, 5]

    @pytest.mark.parametrize(
        "stored",
        [
            replace(MUG, quantity=4),
            replace(MUG, unit_amount=Decimal(13)),
            replace(MUG, name="Becher"),
            replace(MUG, conditions=()),
            replace(MUG, attributes={"ink": "blue"}),
        ],
    )
    def test_stale(self, stored) -> None:
        """A line that is not as it was seen is not overwritten."""
        with pytest.raises(StaleError) as caught:
            UpdateLine(MUG, {"quantity": 5}).apply(replace(CART, lines=(stored,)))

        assert caught.value.line_id == MUG.id
        assert caught.value.details == {
            "seen": {"quantity": "2"},
            "stored": {"quantity": str(stored.quantity)},
            "wanted": {"quantity": "5"},
        }

    def test_vanished(self) -> None:
        """A line that is gone is not brought back."""
        with pytest.raises(StaleError) as caught:
            UpdateLine(MUG, {"quantity": 5}).apply(EMPTY)

        assert caught.value.details["stored"] is None


class TestIncrementLine:
    @pytest.mark.parametrize(("by", "quantity"), [(3, 5), (-1, 1)])
    def test_by(self, by: int, quantity: int) -> None:
        """The quantity grows or shrinks by so many."""
        document, events = IncrementLine(MUG.id, by).apply(CART)
        changed = replace(MUG, quantity=quantity)

        assert document.lines == (changed, POT)
        assert events == (ItemUpdated(line=changed, previous=MUG, quantity_delta=by),)

    @pytest.mark.parametrize("by", [-2, -3, -(10**30)])
    def test_to_nothing(self, by: int) -> None:
        """At zero or below the line is removed."""
        document, events = IncrementLine(MUG.id, by).apply(CART)

        assert document.lines == (POT,)
        assert events == (ItemRemoved(line=MUG),)

    def test_by_nothing(self) -> None:
        """Adding nothing is no change."""
        assert IncrementLine(MUG.id, 0).apply(CART) == (CART, ())

    def test_fewer_of_a_vanished_line(self) -> None:
        """Taking from a line that is gone leaves it gone."""
        assert IncrementLine(MUG.id, -1).apply(EMPTY) == (EMPTY, ())

    def test_more_of_a_vanished_line(self) -> None:
        """A line that is gone cannot be added to."""
        with pytest.raises(StaleError) as caught:
            IncrementLine(MUG.id, 3).apply(EMPTY)

        assert caught.value.line_id == MUG.id
        assert caught.value.details == {"stored": None, "wanted": {"increment": 3}}

    def test_again_on_a_changed_document(self) -> None:
        """On a fresher document it adds to the quantity that is there then."""
        fresher = replace(CART, lines=(replace(MUG, quantity=10),))

        assert IncrementLine(MUG.id, 3).apply(fresher)[0].lines[0].quantity == 13


class TestRemoveLine:
    def test_there(self) -> None:
        """The line is gone, the others stay."""
        assert RemoveLine(MUG.id).apply(CART) == (
            replace(CART, lines=(POT,), removed=(RemovedLine(MUG, 0),)),
            (ItemRemoved(line=MUG),),
        )

    def test_not_there(self) -> None:
        """A line that is gone already is no change."""
        assert RemoveLine(MUG.id).apply(EMPTY) == (EMPTY, ())

    def test_again_on_a_changed_document(self) -> None:
        """On a fresher document the line goes as it is then."""
        changed = replace(MUG, quantity=9)
        fresher = replace(CART, lines=(changed,))

        assert RemoveLine(MUG.id).apply(fresher)[1] == (ItemRemoved(line=changed),)


class TestAddCondition:
    def test_new(self) -> None:
        """A condition that is not there comes last."""
        assert AddCondition(FEE).apply(CART) == (
            replace(CART, conditions=(TAX, POST, FEE)),
            (ConditionAdded(condition=FEE),),
        )

    def test_of_the_same_name(self) -> None:
        """It takes the place of the one of its name, which is announced as gone."""
        reduced = replace(TAX, value="7%")

        assert AddCondition(reduced).apply(CART) == (
            replace(CART, conditions=(reduced, POST)),
            (ConditionRemoved(condition=TAX), ConditionAdded(condition=reduced)),
        )

    def test_the_same_twice(self) -> None:
        """The same condition again is no change."""
        assert AddCondition(TAX).apply(CART) == (CART, ())

    def test_shipping(self) -> None:
        """A cart has one shipping: another goes, also if it was chosen."""
        chosen = replace(CART, conditions=(TAX,), shipping="Bike")

        assert AddCondition(COURIER).apply(CART) == (
            replace(CART, conditions=(TAX, COURIER)),
            (ConditionRemoved(condition=POST), ConditionAdded(condition=COURIER)),
        )
        assert AddCondition(COURIER).apply(chosen) == (
            replace(CART, conditions=(TAX, COURIER)),
            (ShippingChosen(method=None), ConditionAdded(condition=COURIER)),
        )

    def test_the_same_shipping(self) -> None:
        """The same shipping again is no change."""
        assert AddCondition(POST).apply(CART) == (CART, ())

    def test_the_same_shipping_while_there_are_others(self) -> None:
        """The same one again, now the only one, takes the others away."""
        both = replace(CART, conditions=(COURIER, TAX, POST))
        document, events = AddCondition(POST).apply(both)

        assert document.conditions == (TAX, POST)
        assert events == (ConditionRemoved(condition=COURIER),)

    def test_shipping_in_its_place(self) -> None:
        """One of its name is changed in its place, and others go."""
        both = replace(CART, conditions=(COURIER, TAX, POST))
        dearer = replace(POST, value="5.90")
        document, events = AddCondition(dearer).apply(both)

        assert document.conditions == (TAX, dearer)
        assert events == (
            ConditionRemoved(condition=COURIER),
            ConditionRemoved(condition=POST),
            ConditionAdded(condition=dearer),
        )

    def test_shipping_of_the_name_of_something_else(self) -> None:
        """One of its name goes, even where it is of another type."""
        document, events = AddCondition(replace(COURIER, name="VAT")).apply(CART)

        assert [each.name for each in document.conditions] == ["VAT"]
        assert events[0] == ConditionRemoved(condition=POST)
        assert events[1] == ConditionRemoved(condition=TAX)


class TestChooseShipping:
    def test_in_place_of_a_condition(self) -> None:
        """A method takes the place of the condition that was the shipping."""
        assert ChooseShipping("Bike").apply(CART) == (
            replace(CART, conditions=(TAX,), shipping="Bike"),
            (ConditionRemoved(condition=POST), ShippingChosen(method="Bike")),
        )

    def test_in_place_of_another(self) -> None:
        """One method takes the place of another, which is one event."""
        chosen = replace(EMPTY, shipping="Bike")

        assert ChooseShipping("Post").apply(chosen) == (
            replace(EMPTY, shipping="Post"),
            (ShippingChosen(method="Post"),),
        )

    def test_the_same(self) -> None:
        """The one that is chosen already is no change."""
        chosen = replace(EMPTY, shipping="Bike")

        assert ChooseShipping("Bike").apply(chosen) == (chosen, ())

    def test_none(self) -> None:
        """None is neither a method nor a condition."""
        chosen = replace(EMPTY, shipping="Bike")

        assert ChooseShipping(None).apply(chosen) == (
            EMPTY,
            (ShippingChosen(method=None),),
        )
        assert ChooseShipping(None).apply(CART)[0].conditions == (TAX,)
        assert ChooseShipping(None).apply(EMPTY) == (EMPTY, ())


class TestCoupons:
    def test_new(self) -> None:
        """A code comes after those that are there."""
        assert AddCoupons(("B",)).apply(replace(EMPTY, coupons=("A",))) == (
            replace(EMPTY, coupons=("A", "B")),
            (CouponAdded(code="B"),),
        )

    def test_in_place_of_the_oldest(self) -> None:
        """One too many is in place of the oldest, which is announced as gone."""
        before = replace(EMPTY, coupons=("A", "B"))

        assert AddCoupons(("C",), 2).apply(before) == (
            replace(EMPTY, coupons=("B", "C")),
            (CouponRemoved(code="A"), CouponAdded(code="C")),
        )

    def test_the_same(self) -> None:
        """A code that is there already is no change where there is room."""
        before = replace(EMPTY, coupons=("A", "B"))

        assert AddCoupons(("A",), 2).apply(before) == (before, ())

    def test_the_same_where_there_is_less_room(self) -> None:
        """It counts as the youngest if there may be fewer by now."""
        before = replace(EMPTY, coupons=("A", "B"))

        assert AddCoupons(("A",), 1).apply(before) == (
            replace(EMPTY, coupons=("A",)),
            (CouponRemoved(code="B"),),
        )

    def test_more_than_there_may_be(self) -> None:
        """Of several that come at once, the last are kept, and only these came."""
        before = replace(EMPTY, coupons=("A", "B"))

        assert AddCoupons(("A", "C", "D"), 1).apply(before) == (
            replace(EMPTY, coupons=("D",)),
            (
                CouponRemoved(code="A"),
                CouponRemoved(code="B"),
                CouponAdded(code="D"),
            ),
        )

    def test_remove(self) -> None:
        """A code is gone, the others stay; one that is gone already is no change."""
        before = replace(EMPTY, coupons=("A", "B"))

        assert RemoveCoupon("A").apply(before) == (
            replace(EMPTY, coupons=("B",)),
            (CouponRemoved(code="A"),),
        )
        assert RemoveCoupon("C").apply(before) == (before, ())


class TestRemoveCondition:
    def test_there(self) -> None:
        """The condition is gone, the others stay."""
        assert RemoveCondition("VAT").apply(CART) == (
            replace(CART, conditions=(POST,)),
            (ConditionRemoved(condition=TAX),),
        )

    def test_not_there(self) -> None:
        """A condition that is gone already is no change."""
        assert RemoveCondition("VAT").apply(EMPTY) == (EMPTY, ())


class TestItemConditions:
    def test_new(self) -> None:
        """A condition that the line does not have comes last."""
        document, events = AddItemCondition(MUG.id, WRAP).apply(CART)
        changed = replace(MUG, conditions=(GIFT, WRAP))

        assert document.lines == (changed, POT)
        assert events == (ItemConditionAdded(line=changed, condition=WRAP),)

    def test_of_the_same_name(self) -> None:
        """It takes the place of the one of its name, which is announced as gone."""
        dearer = replace(GIFT, value="5")
        two = replace(CART, lines=(replace(MUG, conditions=(GIFT, WRAP)), POT))
        document, events = AddItemCondition(MUG.id, dearer).apply(two)
        changed = replace(MUG, conditions=(dearer, WRAP))

        assert document.lines == (changed, POT)
        assert events == (
            ItemConditionRemoved(line=changed, condition=GIFT),
            ItemConditionAdded(line=changed, condition=dearer),
        )

    def test_the_same_twice(self) -> None:
        """The same condition again is no change."""
        assert AddItemCondition(MUG.id, GIFT).apply(CART) == (CART, ())

    def test_of_a_vanished_line(self) -> None:
        """A line that is gone cannot have a condition."""
        with pytest.raises(StaleError) as caught:
            AddItemCondition(MUG.id, WRAP).apply(EMPTY)

        assert caught.value.line_id == MUG.id
        assert caught.value.details == {
            "stored": None,
            "wanted": {"condition": "WRAP"},
        }

    def test_remove(self) -> None:
        """The condition is gone, the line stays."""
        document, events = RemoveItemCondition(MUG.id, "GIFT").apply(CART)
        changed = replace(MUG, conditions=())

        assert document.lines == (changed, POT)
        assert events == (ItemConditionRemoved(line=changed, condition=GIFT),)

    @pytest.mark.parametrize(
        "operation",
        [RemoveItemCondition(MUG.id, "WRAP"), RemoveItemCondition("gone", "GIFT")],
    )
    def test_remove_what_is_not_there(self, operation: RemoveItemCondition) -> None:
        """A condition, or line, that is gone already is no change."""
        assert operation.apply(CART) == (CART, ())


class TestSetMetadata:
    def test_set_and_remove(self) -> None:
        """Keys are set and removed at once, each with an event."""
        document, events = SetMetadata(metadata(tip=1), ("gift", "gone")).apply(CART)

        assert document.metadata == {"note": "ring twice", "tip": 1}
        assert events == (
            MetadataRemoved(key="gift", value=True),
            MetadataAdded(key="tip", value=1),
        )

    def test_overwrite(self) -> None:
        """A key that has another value is announced with the new one."""
        document, events = SetMetadata(metadata(note="knock")).apply(CART)

        assert document.metadata["note"] == "knock"
        assert events == (MetadataAdded(key="note", value="knock"),)

    def test_the_same(self) -> None:
        """Values that are there already are no change."""
        assert SetMetadata(metadata(note="ring twice")).apply(CART) == (CART, ())

    def test_nothing_there(self) -> None:
        """Removing what is gone already is no change."""
        assert SetMetadata(metadata(), ("gone",)).apply(CART) == (CART, ())

    @pytest.mark.parametrize(
        ("one", "other"), [(1, True), (0, False), (1, 1.0), ([1], [True])]
    )
    def test_another_type_is_another_value(self, one: object, other: object) -> None:
        """What Python takes for equal is another value for whoever noted it."""
        noted, _ = SetMetadata(metadata(n=one)).apply(EMPTY)
        document, events = apply_all(noted, [SetMetadata(metadata(n=other))])

        assert repr(document.metadata["n"]) == repr(other)
        assert events == (MetadataAdded(key="n", value=other),)


class TestOtherTypes:
    """Values that Python takes for equal, where nobody else does."""

    def test_attributes_of_a_line(self) -> None:
        """Attributes that change their type are a change."""
        one = make_line("cup", 1, "EUR", price=1, attributes={"gift": 1})
        other = make_line("cup", 1, "EUR", price=1, attributes={"gift": True})
        before = replace(EMPTY, lines=(one,))

        for change in [
            UpdateLine(one, {"attributes": other.attributes}),
            AddLine(other, "replace"),
        ]:
            document, events = apply_all(before, [change])
            assert document.lines[0].attributes["gift"] is True
            assert len(events) == 1

    def test_attributes_of_a_condition(self) -> None:
        """The same is true for a condition."""
        one = replace(TAX, attributes={"reduced": 0})
        other = replace(TAX, attributes={"reduced": False})
        before = replace(EMPTY, conditions=(one,))
        document, events = apply_all(before, [AddCondition(other)])

        assert document.conditions[0].attributes["reduced"] is False
        assert len(events) == 2


class TestClear:
    def test_clear(self) -> None:
        """All that is in a cart goes, and is in the event."""
        full = replace(CART, coupons=("A",), shipping="Bike")

        after, events = Clear().apply(full)

        assert (replace(after, cleared=UNSET), events) == (
            EMPTY,
            (
                CartCleared(
                    lines=CART.lines,
                    conditions=CART.conditions,
                    metadata=CART.metadata,
                    coupons=("A",),
                    shipping="Bike",
                ),
            ),
        )

    def test_what_else_there_is_stays(self) -> None:
        """The currency and the record of merged carts are not content."""
        kept = {"currency": "JPY", "merged": (MergedCart("x", {}),)}
        lines = tuple(replace(each, currency="JPY") for each in CART.lines)
        cart = replace(CART, lines=lines, **kept)

        after, _ = Clear().apply(cart)

        assert replace(after, cleared=UNSET) == replace(EMPTY, **kept)


@pytest.mark.parametrize(
    ("operation", "reapplies"),
    [
        (AddLine(MUG), True),
        (UpdateLine(MUG, {}), True),
        (IncrementLine(MUG.id, 1), True),
        (RemoveLine(MUG.id), True),
        (AddCondition(TAX), True),
        (RemoveCondition("VAT"), True),
        (AddItemCondition(MUG.id, GIFT), True),
        (RemoveItemCondition(MUG.id, "GIFT"), True),
        (SetMetadata(metadata()), True),
        (AddCoupons(("A",)), True),
        (RemoveCoupon("A"), True),
        (ChooseShipping("Post"), True),
        (Clear(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_reapplies(operation: object, reapplies: bool) -> None:
    """Everything may be applied to a document nobody has seen, but clearing."""
    assert operation.reapplies is reapplies


class TestApplyAll:
    def test_in_order(self) -> None:
        """Each operation gets what the one before it left."""
        document, events = apply_all(
            EMPTY, [AddLine(POT), IncrementLine(POT.id, 2), AddLine(MUG)]
        )

        assert [each.quantity for each in document.lines] == [3, 2]
        assert [each.name for each in events] == [
            "item_added",
            "item_updated",
            "item_added",
        ]

    def test_nothing(self) -> None:
        """No operations change nothing."""
        assert apply_all(CART, []) == (CART, ())

    @pytest.mark.parametrize(
        "operations",
        [
            [AddCondition(FEE), RemoveCondition("FEE")],
            [IncrementLine(MUG.id, 1), IncrementLine(MUG.id, -1)],
            [SetMetadata(metadata(x=1)), SetMetadata(metadata(), ("x",))],
            [RemoveLine(POT.id), AddLine(POT)],
            [RemoveCondition("POST"), AddCondition(POST)],
            [AddCoupons(("A",)), RemoveCoupon("A")],
            [ChooseShipping("Bike"), AddCondition(POST)],
        ],
        ids=[
            "condition",
            "quantity",
            "metadata",
            "last line",
            "last condition",
            "coupon",
            "shipping",
        ],
    )
    def test_cancelled_out(self, operations: list) -> None:
        """Operations that lead back to the start have never happened."""
        document, events = apply_all(CART, operations)

        assert document is CART
        assert events == ()

    def test_another_place_is_a_change(self) -> None:
        """A line that is removed and added again comes last."""
        document, events = apply_all(CART, [RemoveLine(MUG.id), AddLine(MUG)])

        assert document.lines == (POT, MUG)
        assert len(events) == 2


@given(strategies.documents(), st.data())
def test_operations_are_pure(document: Document, data: st.DataObject) -> None:
    """An operation leaves its document alone, and does the same again."""
    before = repr(document)
    line = data.draw(strategies.rich_lines())
    operations = [AddLine(line), AddCondition(TAX), SetMetadata(metadata(x=1))]
    first = apply_all(document, operations)

    assert repr(document) == before
    assert apply_all(document, operations) == first
