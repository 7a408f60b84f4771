from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal

import pytest

from domain.shop import KEY
from domain.shop import Recorder
from domain.shop import make_cart
from domain.shop import stored
from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import CartEmptyError
from flask_cart import CartError
from flask_cart import CartStorageError
from flask_cart import OrderDraft
from flask_cart.document import decode
from flask_cart.storage.base import CartKey
from flask_cart.storage.memory import MemoryStorage


class Orders:
    """A shop's orders, of which no two have the same token."""

    def __init__(self) -> None:
        self.made: dict[str, OrderDraft] = {}

    def create(self, draft: OrderDraft) -> str:
        if draft.cart_token in self.made:
            raise KeyError("There is an order with this token.")

        self.made[draft.cart_token] = draft

        return f"order {draft.cart_token}"

    def find(self, token: str) -> str | None:
        return f"order {token}" if token in self.made else None

    def place(self, cart: Cart, **options: t.Any) -> str:
        return cart.place_order(self.create, self.find, **options)

    @property
    def items(self) -> list[dict[str, int]]:
        """What was ordered, by order."""
        return [
            {line.item_id: line.quantity for line in draft}
            for draft in self.made.values()
        ]


class FailingStorage(MemoryStorage):
    """Memory that cannot be saved to for a while."""

    fails = False

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if self.fails:
            raise CartStorageError("The storage is down.")

        return super().save(key, data, expected)


@pytest.fixture
def orders() -> Orders:
    return Orders()


def fill(cart: Cart) -> Cart:
    with cart.batch():
        cart.add("mug", 2, price="12.50")
        cart.add("pot", price="30")
        cart.add_shipping("POST", "4.90")
        cart.metadata["note"] = "ring twice"

    return cart


def items(cart: Cart) -> dict[str, int]:
    cart.refresh()

    return {line.item_id: line.quantity for line in cart}


def test_order(
    cart: Cart, storage: MemoryStorage, orders: Orders, recorder: Recorder
) -> None:
    """The order has what was in the cart, the cart is empty, and both are told."""
    token = fill(cart).token
    recorder.told.clear()

    assert orders.place(cart, token=token) == f"order {token}"

    (draft,) = orders.made.values()
    assert draft.cart_token == token
    assert draft.totals.total.amount == Decimal("59.90")
    assert draft.metadata == {"note": "ring twice"}
    assert orders.items == [{"mug": 2, "pot": 1}]

    assert not cart
    document = decode(stored(storage).data)
    assert (document.lines, document.conditions, document.pending) == ((), (), None)
    assert document.metadata == {}
    assert recorder.names == ["checkout_started", "cart_checked_out"]
    assert recorder.told[1][0].cart_token == token


def test_the_same_form_again(
    cart: Cart, storage: MemoryStorage, orders: Orders, recorder: Recorder
) -> None:
    """The form that was shown with the cart makes one order, however often it comes."""
    token = fill(cart).token
    first = orders.place(cart, token=token)
    before = stored(storage)
    recorder.told.clear()

    assert orders.place(cart, token=token) == first
    assert orders.place(make_cart(storage), token=token) == first
    assert orders.items == [{"mug": 2, "pot": 1}]
    assert (stored(storage), recorder.told) == (before, [])


def test_the_same_form_after_another_purchase(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """An old form does not order what is in the cart by now."""
    token = fill(cart).token
    first = orders.place(cart, token=token)
    cart.add("cup", price=3)

    assert orders.place(cart, token=token) == first
    assert orders.items == [{"mug": 2, "pot": 1}]
    assert items(cart) == {"cup": 1}


def test_token_of_a_content(cart: Cart, storage: MemoryStorage) -> None:
    """The token is the same for all who read the same content, and changes with it."""
    assert cart.token == ""
    assert make_cart(key=None).token == ""

    token = fill(cart).token
    assert token
    assert make_cart(storage).token == token

    cart.add("cup", price=3)
    assert cart.token not in ("", token)
    assert KEY.owner not in cart.token


def test_changed_since_the_form_was_shown(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """Nothing is ordered that the shopper has not seen."""
    token = fill(cart).token
    make_cart(storage).add("cup", price=3)
    cart.refresh()

    with pytest.raises(CartConflictError, match="since the form"):
        orders.place(cart, token=token)

    assert orders.made == {}
    assert items(cart) == {"mug": 2, "pot": 1, "cup": 1}


def test_changed_since_it_was_read(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """What somebody else adds after the read is a conflict, and not sold unseen."""
    token = fill(cart).token
    make_cart(storage).add("cup", price=3)

    with pytest.raises(CartConflictError):
        orders.place(cart, token=token)

    assert orders.made == {}


@pytest.mark.parametrize("token", [None, "", "made up"])
def test_nothing_to_order(cart: Cart, orders: Orders, token: str | None) -> None:
    """An empty cart is no order, whatever the form says."""
    cart.metadata["note"] = "only a note"

    with pytest.raises(CartEmptyError):
        orders.place(cart, token=token)

    with pytest.raises(CartEmptyError):
        cart.begin_order()


def test_expected_total(cart: Cart, storage: MemoryStorage, orders: Orders) -> None:
    """The order is made for the total that the shopper agreed to, or not at all."""
    fill(cart)
    before = stored(storage)

    with pytest.raises(CartConflictError, match=r"59\.90"):
        orders.place(cart, expected_total="49.90")

    with pytest.raises(CartConflictError):
        cart.begin_order("49.90")

    assert (orders.made, stored(storage)) == ({}, before)
    assert orders.place(cart, expected_total="59.90")


def test_order_that_cannot_be_made(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """If the order cannot be made, the cart is as it was, and may be ordered later."""
    token = fill(cart).token

    def fail(draft: OrderDraft) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cart.place_order(fail, orders.find, token=token)

    assert items(cart) == {"mug": 2, "pot": 1}
    assert cart.token == token
    assert orders.place(make_cart(storage), token=token) == f"order {token}"
    assert items(cart) == {}


def test_somebody_else_is_faster(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """Who makes the order second gets the first one's, and no error."""
    token = fill(cart).token

    def create(draft: OrderDraft) -> str:
        orders.place(make_cart(storage), token=token)

        return orders.create(draft)

    assert cart.place_order(create, orders.find, token=token) == f"order {token}"
    assert orders.items == [{"mug": 2, "pot": 1}]
    assert items(cart) == {}


def test_added_while_the_order_is_made(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """What comes into the cart meanwhile is not ordered, and stays."""
    token = fill(cart).token

    def create(draft: OrderDraft) -> str:
        rival = make_cart(storage)
        rival.add("mug", 3, price="12.50")
        rival.add("cup", price=3)
        rival.add_discount("SUMMER", "10%")
        rival.metadata["wrap"] = True

        return orders.create(draft)

    cart.place_order(create, orders.find, token=token)

    assert orders.items == [{"mug": 2, "pot": 1}]
    assert items(cart) == {"mug": 3, "cup": 1}
    assert [condition.name for condition in cart.conditions] == ["SUMMER"]
    assert dict(cart.metadata) == {"wrap": True}


def test_removed_while_the_order_is_made(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """What was taken out of the cart meanwhile was ordered, and is not missing."""
    (mug, _) = fill(cart).lines

    def create(draft: OrderDraft) -> str:
        make_cart(storage).set_quantity(mug.id, 1)

        return orders.create(draft)

    cart.place_order(create, orders.find)

    assert orders.items == [{"mug": 2, "pot": 1}]
    assert items(cart) == {}


@pytest.fixture
def failing() -> FailingStorage:
    return FailingStorage()


def died_after_the_order(storage: FailingStorage, orders: Orders) -> str:
    """The token of an order whose lines could not be taken out of the cart."""
    cart = fill(make_cart(storage))
    token = cart.token

    def create(draft: OrderDraft) -> str:
        storage.fails = True

        return orders.create(draft)

    assert cart.place_order(create, orders.find, token=token) == f"order {token}"
    storage.fails = False

    return token


def test_lines_that_could_not_be_taken_out(
    failing: FailingStorage, orders: Orders, caplog: pytest.LogCaptureFixture
) -> None:
    """The order is made even if the cart cannot be emptied, which the log says."""
    died_after_the_order(failing, orders)

    assert items(make_cart(failing)) == {"mug": 2, "pot": 1}
    assert "still in the cart" in caplog.text


@pytest.mark.parametrize("with_token", [True, False])
def test_ordered_lines_go_with_the_next_try(
    failing: FailingStorage, orders: Orders, with_token: bool
) -> None:
    """Posting the form again, or just ordering again, finds the order that is there,
    and takes out its lines."""
    token = died_after_the_order(failing, orders)
    cart = make_cart(failing)

    assert orders.place(cart, token=token if with_token else None) == f"order {token}"
    assert orders.items == [{"mug": 2, "pot": 1}]
    assert items(cart) == {}


def test_ordered_lines_are_not_ordered_with_others(
    failing: FailingStorage, orders: Orders
) -> None:
    """What was added to lines that are ordered already is ordered alone."""
    died_after_the_order(failing, orders)
    cart = make_cart(failing)
    cart.add("cup", price=3)
    shown = cart.token

    with pytest.raises(CartConflictError):
        orders.place(cart, token=shown)

    assert items(cart) == {"cup": 1}

    orders.place(cart)
    assert orders.items == [{"mug": 2, "pot": 1}, {"cup": 1}]


def test_payment(cart: Cart, storage: MemoryStorage, orders: Orders) -> None:
    """An order that was begun can be finished after a payment, as it was begun."""
    fill(cart)
    draft = cart.begin_order(expected_total="59.90")
    make_cart(storage).add("cup", price=3)

    late = make_cart(storage)
    assert orders.place(late, token=draft.cart_token)

    (order,) = orders.made.values()
    assert order.totals.total.amount == Decimal("59.90")
    assert orders.items == [{"mug": 2, "pot": 1}]
    assert items(late) == {"cup": 1}


def test_payment_of_a_cart_that_was_cleared(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """What was paid for is ordered, even if the cart was cleared meanwhile."""
    draft = fill(cart).begin_order()
    cart.clear()

    orders.place(make_cart(storage), token=draft.cart_token)
    assert orders.items == [{"mug": 2, "pot": 1}]


def test_begun_twice(cart: Cart, storage: MemoryStorage, recorder: Recorder) -> None:
    """Beginning again with the same content is the same order, and saves nothing."""
    first = fill(cart).begin_order()
    before = stored(storage)
    recorder.told.clear()

    assert make_cart(storage).begin_order().cart_token == first.cart_token
    assert make_cart(storage).token == first.cart_token
    assert (stored(storage), recorder.told) == (before, [])


def test_begun_anew(cart: Cart, orders: Orders) -> None:
    """Another content is another order, and the one that was begun before is not."""
    first = fill(cart).begin_order()
    cart.add("cup", price=3)
    second = cart.begin_order()

    assert first.cart_token != second.cart_token
    assert [line.item_id for line in second] == ["mug", "pot", "cup"]

    with pytest.raises(CartConflictError):
        orders.place(cart, token=first.cart_token)


def test_not_in_a_batch(cart: Cart, orders: Orders) -> None:
    """An order is no part of a batch."""
    with cart.batch():
        cart.add("mug", price=1)

        with pytest.raises(CartError, match="inside a batch"):
            orders.place(cart)

        with pytest.raises(CartError, match="inside a batch"):
            cart.begin_order()


def test_begun_at_once(cart: Cart, storage: MemoryStorage, orders: Orders) -> None:
    """Two who begin the same order at once go on with one token, and who was slower is
    no conflict."""
    token = fill(cart).token
    slower = make_cart(storage)
    assert slower.token == token
    cart.begin_order()

    assert slower.begin_order().cart_token == token
    assert orders.place(make_cart(storage), token=token) == f"order {token}"


def test_begun_at_once_with_another_content(cart: Cart, storage: MemoryStorage) -> None:
    """Who has not seen what somebody else is ordering does not order it."""
    fill(cart)
    slower = make_cart(storage)
    assert slower.token
    cart.add("cup", price=3)
    cart.begin_order()

    with pytest.raises(CartConflictError):
        slower.begin_order()


def test_begun_order_is_dated_by_the_clock_of_the_shop() -> None:
    moment = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    cart = fill(make_cart(clock=lambda: moment))

    cart.begin_order()

    assert cart.document.pending is not None
    assert cart.document.pending.started_at == moment
