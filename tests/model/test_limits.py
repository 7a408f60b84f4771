from __future__ import annotations

import pytest
from msgspec.structs import replace

from flask_cart import CartLimitError
from flask_cart import CartTooLargeError
from flask_cart import Condition
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.limits import Limits
from flask_cart.model.limits import check_limits
from flask_cart.model.limits import check_size
from flask_cart.model.lines import make_line
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import make_cart
from tests.support.shop import stored
from tests.support.strategies import with_conditions

EMPTY = Document(schema=SCHEMA, currency="EUR")
TIGHT = Limits(items=2, quantity=5, data_bytes=1000, string_length=10)
LONG = "a long name"


def line(item_id: str, quantity: int = 1, **fields: object):
    return make_line(item_id, quantity, "EUR", price=1, **fields)


def holding(*lines: object, **fields: object) -> Document:
    return replace(EMPTY, lines=lines, **fields)


class TestLines:
    def test_as_many_as_allowed(self) -> None:
        """The limit itself is allowed."""
        check_limits(EMPTY, holding(line("a"), line("b")), TIGHT)

    def test_one_too_many(self) -> None:
        """One line more is refused, with both numbers."""
        before = holding(line("a"), line("b"))
        after = replace(before, lines=(*before.lines, line("c")))

        with pytest.raises(CartLimitError, match=r"most 2 lines, .* make 3") as error:
            check_limits(before, after, TIGHT)

        assert (error.value.limit, error.value.given) == (2, 3)

    def test_lowered_limit(self) -> None:
        """A cart that is over the limit already may shrink or stay, but not grow."""
        before = holding(*[line(each) for each in "abcd"])
        check_limits(before, replace(before, lines=before.lines[:3]), TIGHT)
        check_limits(before, replace(before, metadata={"a": 1}), TIGHT)

        with pytest.raises(CartLimitError, match="this would make 5"):
            check_limits(
                before, replace(before, lines=(*before.lines, line("e"))), TIGHT
            )


class TestQuantity:
    def test_as_much_as_allowed(self) -> None:
        """The limit itself is allowed."""
        check_limits(EMPTY, holding(line("a", 5)), TIGHT)

    def test_too_much(self) -> None:
        """One more is refused, with both numbers and the item."""
        with pytest.raises(CartLimitError, match=r"5 of .* make 6 of 'mug'") as error:
            check_limits(EMPTY, holding(line("mug", 6)), TIGHT)

        assert (error.value.limit, error.value.given) == (5, 6)

    @pytest.mark.parametrize("quantity", [7, 8])
    def test_lowered_limit(self, quantity: int) -> None:
        """A quantity that is over the limit already may go down or stay."""
        before = holding(line("a", 8))
        check_limits(before, holding(line("a", quantity)), TIGHT)

    def test_lowered_limit_refuses_more(self) -> None:
        """It may not grow any further."""
        with pytest.raises(CartLimitError, match="this would make 9"):
            check_limits(holding(line("a", 8)), holding(line("a", 9)), TIGHT)


GIFT = Condition("GIFT", "fee", "item", "1")


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(holding(line(LONG, name="a")), id="item id"),
        pytest.param(holding(line("a", name=LONG)), id="name"),
        pytest.param(holding(line("a", options={LONG: "b"})), id="option"),
        pytest.param(holding(line("a", options={"b": LONG})), id="option's value"),
        pytest.param(
            holding(with_conditions(line("a"), [replace(GIFT, name=LONG)])),
            id="name of a line's condition",
        ),
        pytest.param(
            holding(with_conditions(line("a"), [replace(GIFT, type=LONG)])),
            id="type of a line's condition",
        ),
        pytest.param(
            holding(conditions=(Condition(LONG, "fee", "total", "1"),)),
            id="name of a condition",
        ),
        pytest.param(
            holding(conditions=(Condition("A", LONG, "total", "1"),)),
            id="type of a condition",
        ),
        pytest.param(holding(metadata={LONG: 1}), id="metadata key"),
    ],
)
class TestStrings:
    def test_too_long(self, after: Document) -> None:
        """A string that is too long is refused, and shown."""
        with pytest.raises(CartLimitError, match=f"10 .* has 11: '{LONG}'") as error:
            check_limits(EMPTY, after, TIGHT)

        assert (error.value.limit, error.value.given) == (10, 11)

    def test_as_long_as_allowed(self, after: Document) -> None:
        """The limit itself is allowed."""
        check_limits(EMPTY, after, Limits(string_length=len(LONG)))

    def test_lowered_limit(self, after: Document) -> None:
        """What is too long already does not keep anything from being changed."""
        more = tuple(replace(each, quantity=2) for each in after.lines)
        check_limits(after, replace(after, lines=more), TIGHT)
        check_limits(after, replace(after, lines=(*after.lines, line("b"))), TIGHT)
        check_limits(after, EMPTY, TIGHT)


def test_values_of_metadata_and_attributes_may_be_long() -> None:
    """They only count for the size of the whole."""
    long_line = line("a", attributes={"note": LONG})
    check_limits(EMPTY, holding(long_line, metadata={"note": LONG}), TIGHT)


class TestSize:
    def test_as_large_as_allowed(self) -> None:
        """The limit itself is allowed."""
        check_size(0, 1000, TIGHT)

    def test_too_large(self) -> None:
        """One byte more is refused, with both numbers."""
        with pytest.raises(CartTooLargeError, match=r"1000 bytes, .* 1001") as error:
            check_size(0, 1001, TIGHT)

        assert (error.value.limit, error.value.given) == (1000, 1001)

    def test_lowered_limit(self) -> None:
        """A cart that is over the limit already may shrink or stay, but not grow."""
        check_size(2000, 2000, TIGHT)
        check_size(2000, 1999, TIGHT)

        with pytest.raises(CartTooLargeError):
            check_size(2000, 2001, TIGHT)

    @pytest.mark.parametrize("note", ["x" * 1000, "☕" * 334])
    def test_of_a_cart(self, note: str) -> None:
        """The size is that of the stored text in bytes, and nothing of it is saved."""
        storage = MemoryStorage()
        cart = make_cart(storage, limits=TIGHT)
        cart.add("mug", price=1)
        before = stored(storage)

        with pytest.raises(CartTooLargeError):
            cart.metadata["note"] = note

        assert stored(storage) == before
        assert "note" not in cart.metadata

    def test_a_large_cart_can_be_made_smaller(self) -> None:
        """A limit that was lowered does not lock a shopper out."""
        storage = MemoryStorage()
        make_cart(storage).metadata["note"] = "x" * 2000
        cart = make_cart(storage, limits=TIGHT)
        cart.metadata["note"] = "x" * 1500

        assert len(cart.metadata["note"]) == 1500
