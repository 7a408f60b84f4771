from __future__ import annotations

import datetime as dt
import typing as t
from collections.abc import Callable
from decimal import Decimal

import pytest
from moneyed import Money

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import CartEmptyError
from flask_cart import CartError
from flask_cart import CartStorageError
from flask_cart import CartVetoError
from flask_cart import OrderDraft
from flask_cart import Rule
from flask_cart.carts.cart import working_copy
from flask_cart.model.document import MAX_PENDING
from flask_cart.model.document import decode
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.storage.base import Changes
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import KEY
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored


class Orders:
    """A shop's orders, of which no two have the same token."""

    def __init__(self) -> None:
        self.made: dict[str, OrderDraft] = {}

    def create(self, draft: OrderDraft) -> str:
        if draft.order_token in self.made:
            raise KeyError("There is an order with this token.")

        self.made[draft.order_token] = draft

        return f"order {draft.order_token}"

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

    def save(self, owner: str, changes: Changes) -> bool:
        if self.fails:
            raise CartStorageError("The storage is down.")

        return super().save(owner, changes)


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
    token = fill(cart).order_token
    recorder.told.clear()

    assert orders.place(cart, token=token) == f"order {token}"

    (draft,) = orders.made.values()
    assert draft.order_token == token
    assert draft.totals.total.amount == Decimal("59.90")
    assert draft.metadata == {"note": "ring twice"}
    assert (len(draft), draft.lines) == (2, draft.totals.lines)
    assert orders.items == [{"mug": 2, "pot": 1}]

    assert not cart
    document = decode(stored(storage).data)
    assert (document.lines, document.conditions, document.pending) == ((), (), ())
    assert document.metadata == {}
    assert recorder.names == ["checkout_started", "cart_checked_out"]
    assert recorder.told[1][0].order_token == token


def test_the_same_form_again(
    cart: Cart, storage: MemoryStorage, orders: Orders, recorder: Recorder
) -> None:
    """The form that was shown with the cart makes one order, however often it comes."""
    token = fill(cart).order_token
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
    token = fill(cart).order_token
    first = orders.place(cart, token=token)
    cart.add("cup", price=3)

    assert orders.place(cart, token=token) == first
    assert orders.items == [{"mug": 2, "pot": 1}]
    assert items(cart) == {"cup": 1}


def test_token_of_a_content(cart: Cart, storage: MemoryStorage) -> None:
    """The token is the same for all who read the same content, and changes with it."""
    assert cart.order_token == ""
    assert make_cart(key=None).order_token == ""

    token = fill(cart).order_token
    assert token
    assert make_cart(storage).order_token == token

    cart.add("cup", price=3)
    assert cart.order_token not in ("", token)
    assert KEY.owner not in cart.order_token


def test_changed_since_the_form_was_shown(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """Nothing is ordered that the shopper has not seen."""
    token = fill(cart).order_token
    make_cart(storage).add("cup", price=3)
    cart.refresh()

    with pytest.raises(CartConflictError, match="since the form"):
        orders.place(cart, token=token)

    assert orders.made == {}
    assert items(cart) == {"mug": 2, "pot": 1, "cup": 1}


@pytest.mark.parametrize("token", ["", "made up", "0" * 40])
def test_form_without_its_token(cart: Cart, orders: Orders, token: str) -> None:
    """A form whose token was lost or made up orders nothing."""
    fill(cart)

    with pytest.raises(CartConflictError, match="since the form"):
        orders.place(cart, token=token)

    assert orders.made == {}


def test_changed_since_it_was_read(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """What somebody else adds after the read is a conflict, and not sold unseen."""
    token = fill(cart).order_token
    make_cart(storage).add("cup", price=3)

    with pytest.raises(CartConflictError):
        orders.place(cart, token=token)

    assert orders.made == {}


@pytest.mark.parametrize("token", [None, ""])
def test_a_form_without_its_token(
    cart: Cart, orders: Orders, token: str | None
) -> None:
    """A form that does not say what it has shown orders nothing."""
    fill(cart)

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


@pytest.mark.parametrize(
    "total", ["59.90", "59.9", Decimal("59.90"), 59.9, Money("59.90", "EUR")]
)
def test_expected_total(cart: Cart, orders: Orders, total: t.Any) -> None:
    """The total may be expected in every form that a price has."""
    assert fill(cart).begin_order(total).totals.total.amount == Decimal("59.90")
    assert orders.place(cart, expected_total=total)
    assert not cart


@pytest.mark.parametrize(
    "total",
    ["59.89", 0, Money("59.90", "USD"), "", "59,90", -1, float("nan"), object(), None],
)
def test_another_total(
    cart: Cart,
    storage: MemoryStorage,
    orders: Orders,
    recorder: Recorder,
    total: t.Any,
) -> None:
    """For a total that the shopper did not agree to nothing is ordered; the error says
    both."""
    fill(cart)
    before = stored(storage)
    recorder.asked.clear()

    for order in [
        cart.begin_order,
        lambda total: orders.place(cart, expected_total=total),
    ]:
        with pytest.raises(CartConflictError, match=r"is 59\.90, not") as caught:
            order(total)

        assert caught.value.details["stored"] == "59.90"
        assert caught.value.cart is cart
        assert caught.value.current_version == before.version

    assert (orders.made, stored(storage), recorder.asked) == ({}, before, [])


def test_veto(cart: Cart, orders: Orders, recorder: Recorder) -> None:
    """Whoever may refuse a change may refuse an order."""
    fill(cart)
    recorder.veto = CartVetoError("closed on Sundays")

    for order in [cart.begin_order, lambda: orders.place(cart)]:
        with pytest.raises(CartVetoError, match="Sundays"):
            order()

    assert (len(cart), orders.made) == (2, {})


def test_order_that_cannot_be_made(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """If the order cannot be made, the cart is as it was, and may be ordered later."""
    token = fill(cart).order_token

    def fail(draft: OrderDraft) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cart.place_order(fail, orders.find, token=token)

    assert items(cart) == {"mug": 2, "pot": 1}
    assert cart.order_token == token
    assert orders.place(make_cart(storage), token=token) == f"order {token}"
    assert items(cart) == {}


def test_somebody_else_is_faster(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """Who makes the order second gets the first one's, and no error."""
    token = fill(cart).order_token

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
    token = fill(cart).order_token

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
    token = cart.order_token

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
    shown = cart.order_token

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
    assert orders.place(late, token=draft.order_token)

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

    orders.place(make_cart(storage), token=draft.order_token)
    assert orders.items == [{"mug": 2, "pot": 1}]


def test_begun_twice(cart: Cart, storage: MemoryStorage, recorder: Recorder) -> None:
    """Beginning again with the same content is the same order, and saves nothing."""
    first = fill(cart).begin_order()
    before = stored(storage)
    recorder.told.clear()

    assert make_cart(storage).begin_order().order_token == first.order_token
    assert make_cart(storage).order_token == first.order_token
    assert (stored(storage), recorder.told) == (before, [])


def test_begun_anew(cart: Cart, storage: MemoryStorage, orders: Orders) -> None:
    """Another content is another order, and what was begun before can be made, too: the
    shopper may have paid for it."""
    first = fill(cart).begin_order()
    cart.add("cup", price=3)
    second = cart.begin_order()

    assert first.order_token != second.order_token
    assert [line.item_id for line in second] == ["mug", "pot", "cup"]

    orders.place(make_cart(storage), token=first.order_token)
    assert orders.items == [{"mug": 2, "pot": 1}]
    assert items(cart) == {"cup": 1}
    assert cart.order_token not in (first.order_token, second.order_token)

    orders.place(make_cart(storage), token=second.order_token)
    assert orders.items == [{"mug": 2, "pot": 1}, {"mug": 2, "pot": 1, "cup": 1}]
    assert items(cart) == {}


def test_begun_anew_while_the_order_is_made(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """What is ordered goes out of the cart also if another order is begun meanwhile."""
    token = fill(cart).begin_order().order_token

    def create(draft: OrderDraft) -> str:
        rival = make_cart(storage)
        rival.add("cup", price=3)
        rival.begin_order()

        return orders.create(draft)

    cart.place_order(create, orders.find, token=token)
    assert items(cart) == {"cup": 1}

    orders.place(cart)
    assert orders.items == [{"mug": 2, "pot": 1}, {"cup": 1}]


def test_begun_again_and_again(cart: Cart, orders: Orders, recorder: Recorder) -> None:
    """All that was begun can be ordered; a cart knows of the last five orders, which
    are taken out of it."""
    tokens = []

    for _ in range(MAX_PENDING + 1):
        cart.add("mug", price=5)
        tokens.append(cart.begin_order().order_token)

    orders.place(cart, token=tokens[0])
    assert items(cart) == {"mug": 6}

    for token in tokens[1:]:
        orders.place(cart, token=token)

    assert [each["mug"] for each in orders.items] == [1, 2, 3, 4, 5, 6]
    assert items(cart) == {}
    assert recorder.names.count("cart_checked_out") == 6


def test_form_that_was_given_up(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """A form that failed is not ordered any more when all of it was sold with more."""
    first = fill(cart).order_token

    with pytest.raises(ZeroDivisionError):
        cart.place_order(lambda draft: 1 // 0, orders.find, token=first)

    cart.add("cup", price=3)
    orders.place(cart, token=cart.order_token)

    with pytest.raises(CartEmptyError):
        orders.place(make_cart(storage), token=first)

    assert orders.items == [{"mug": 2, "pot": 1, "cup": 1}]


class HappyHour:
    """A shop that takes 20 % off, until it is over."""

    def __init__(self) -> None:
        self.moment = dt.datetime(2026, 3, 1, 17, tzinfo=dt.UTC)
        self.storage = MemoryStorage()
        self.rulebook = Rulebook()
        self.rulebook.rules.add("happy", lambda facts: facts.now.hour < 18)

    def cart(self) -> Cart:
        return make_cart(
            self.storage, clock=lambda: self.moment, rulebook=self.rulebook
        )

    def filled(self) -> Cart:
        cart = self.cart()
        cart.add("pot", price=100)
        cart.add_discount("HAPPY", "20%", rule=Rule("happy"))

        return cart

    def ends(self) -> None:
        self.moment += dt.timedelta(hours=1)


@pytest.mark.parametrize("expected", [{"expected_total": "100"}, {}])
def test_later_try(orders: Orders, expected: dict[str, str]) -> None:
    """An order that could not be made is tried later at the prices of then."""
    shop = HappyHour()
    cart = shop.filled()
    token = cart.order_token

    with pytest.raises(ZeroDivisionError):
        cart.place_order(lambda draft: 1 // 0, orders.find, expected_total="80")

    shop.ends()
    cart = shop.cart()
    assert cart.order_token == token

    with pytest.raises(CartConflictError, match=r"is 100\.00, not 80"):
        orders.place(cart, token=token, expected_total="80")

    orders.place(cart, token=token, **expected)
    assert orders.made[token].totals.total.amount == 100


def test_begun_at_another_price(orders: Orders) -> None:
    """At another price it is another order, and what was begun before keeps its own."""
    shop = HappyHour()
    first = shop.filled().begin_order("80")
    shop.ends()

    assert shop.cart().begin_order("80").order_token == first.order_token

    second = shop.cart().begin_order("100")
    assert second.order_token != first.order_token
    assert shop.cart().order_token == second.order_token

    orders.place(shop.cart(), token=first.order_token)
    orders.place(shop.cart(), token=second.order_token)
    totals = [each.totals.total.amount for each in orders.made.values()]
    assert totals == [80, 100]


def test_begun_and_ordered_at_another_price(orders: Orders) -> None:
    """Who sees another price, and agrees to it, pays that one."""
    shop = HappyHour()
    token = shop.filled().begin_order("80").order_token
    shop.ends()

    with pytest.raises(CartConflictError, match=r"is 100\.00, not 90"):
        orders.place(shop.cart(), token=token, expected_total="90")

    orders.place(shop.cart(), token=token, expected_total="100")
    assert orders.made[token].totals.total.amount == 100
    assert not shop.cart()


@pytest.mark.parametrize(
    "empty",
    [
        pytest.param(lambda cart: cart.clear(), id="clear"),
        pytest.param(
            lambda cart: [cart.remove(line.id) for line in cart], id="line by line"
        ),
    ],
)
def test_the_same_again(
    failing: FailingStorage, orders: Orders, empty: Callable[[Cart], object]
) -> None:
    """Who empties a cart of what was ordered and buys the same again gets it again."""
    first = died_after_the_order(failing, orders)
    cart = make_cart(failing)
    empty(cart)
    again = fill(cart).order_token
    assert again != first

    assert orders.place(make_cart(failing), token=first) == f"order {first}"
    assert items(cart) == {"mug": 2, "pot": 1}

    again = cart.order_token
    assert orders.place(make_cart(failing), token=again) == f"order {again}"
    assert orders.items == [{"mug": 2, "pot": 1}] * 2
    assert items(cart) == {}


def test_the_same_again_at_once(failing: FailingStorage, orders: Orders) -> None:
    """The second purchase does not wait until somebody has taken care of the first."""
    died_after_the_order(failing, orders)
    cart = make_cart(failing)
    cart.clear()
    again = fill(cart).order_token

    assert orders.place(make_cart(failing), token=again) == f"order {again}"
    assert items(cart) == {}


def test_the_same_again_after_a_purchase(cart: Cart, orders: Orders) -> None:
    """What was begun and not paid is another order than the same content later on."""
    begun = fill(cart).begin_order().order_token
    cart.clear()
    again = fill(cart).order_token
    orders.place(cart, token=again)

    assert again != begun
    assert orders.place(cart, token=begun) == f"order {begun}"
    assert orders.items == [{"mug": 2, "pot": 1}] * 2


def test_begun_while_somebody_orders(
    cart: Cart, storage: MemoryStorage, orders: Orders
) -> None:
    """What is only tried meanwhile does not take the place of what is begun."""
    token = fill(cart).order_token
    late = make_cart(storage)
    assert late.order_token == token

    with pytest.raises(ZeroDivisionError):
        cart.place_order(lambda draft: 1 // 0, orders.find)

    assert late.begin_order().order_token == token
    late.clear()
    assert orders.place(make_cart(storage), token=token) == f"order {token}"


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
    token = fill(cart).order_token
    slower = make_cart(storage)
    assert slower.order_token == token
    cart.begin_order()

    assert slower.begin_order().order_token == token
    assert orders.place(make_cart(storage), token=token) == f"order {token}"


def test_begun_at_once_with_another_content(cart: Cart, storage: MemoryStorage) -> None:
    """Who has not seen what somebody else is ordering does not order it."""
    fill(cart)
    slower = make_cart(storage)
    assert slower.order_token
    cart.add("cup", price=3)
    cart.begin_order()

    with pytest.raises(CartConflictError):
        slower.begin_order()


def test_begun_order_is_dated_by_the_clock_of_the_shop() -> None:
    moment = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    cart = fill(make_cart(clock=lambda: moment))

    cart.begin_order()

    (pending,) = working_copy(cart).document.pending
    assert pending.started_at == moment
