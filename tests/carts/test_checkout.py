from __future__ import annotations

from decimal import Decimal

import pytest
from moneyed import Money

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import CartEmptyError
from flask_cart import CartVetoError
from flask_cart.carts.checkout import Sell
from flask_cart.carts.checkout import order_token
from flask_cart.model.document import decode
from flask_cart.model.keys import CartKey
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import KEY
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored


def fill(cart: Cart) -> None:
    with cart.batch():
        cart.add("mug", 2, price="12.50")
        cart.add("pot", price="30")
        cart.add_shipping("POST", "4.90")
        cart.metadata["note"] = "ring twice"


def test_checkout(cart: Cart, storage: MemoryStorage, recorder: Recorder) -> None:
    """The order has what was in the cart, and the cart is empty, but there."""
    fill(cart)
    version = cart.version

    with cart.checkout() as order:
        assert len(cart) == 2

    assert [(line.item_id, line.quantity) for line in order] == [("mug", 2), ("pot", 1)]
    assert len(order) == 2
    assert order.totals.total == Money("59.90", "EUR")
    assert order.lines == order.totals.lines
    assert order.metadata == {"note": "ring twice"}
    assert order.order_token == order_token(KEY, version)

    assert not cart
    assert (cart.conditions, dict(cart.metadata)) == ((), {})
    assert stored(storage).version == cart.version > version

    ((event,),) = recorder.told[1:]
    assert event.name == "cart_checked_out"
    assert event.order_token == order.order_token
    assert [line.item_id for line in event.lines] == ["mug", "pot"]


def test_error_inside(cart: Cart, storage: MemoryStorage, recorder: Recorder) -> None:
    """If the order cannot be written, nothing is sold."""
    fill(cart)
    before = stored(storage)
    recorder.told.clear()

    with pytest.raises(ZeroDivisionError), cart.checkout():
        raise ZeroDivisionError

    assert stored(storage) == before
    assert len(cart) == 2
    assert recorder.told == []


@pytest.mark.parametrize("note", [None, "only a note"])
def test_empty_cart(cart: Cart, storage: MemoryStorage, note: str | None) -> None:
    """There is nothing to sell in a cart without lines."""
    if note is not None:
        cart.metadata["note"] = note

    before = stored(storage)

    with pytest.raises(CartEmptyError, match="nothing to check out"), cart.checkout():
        pytest.fail("Nothing is sold.")

    assert stored(storage) == before


def test_guest_without_a_cart(storage: MemoryStorage) -> None:
    """A guest who never had a cart has nothing to buy either."""
    with pytest.raises(CartEmptyError), make_cart(storage, key=None).checkout():
        pytest.fail("Nothing is sold.")


@pytest.mark.parametrize(
    "total", ["59.90", "59.9", Decimal("59.90"), 59.9, Money("59.90", "EUR")]
)
def test_expected_total(cart: Cart, total: object) -> None:
    """The total may be expected in every form that a price has."""
    fill(cart)

    with cart.checkout(expected_total=total):
        pass

    assert not cart


@pytest.mark.parametrize(
    "total",
    ["59.89", 0, Money("59.90", "USD"), "", "59,90", -1, float("nan"), object()],
)
def test_another_total(
    cart: Cart, storage: MemoryStorage, recorder: Recorder, total: object
) -> None:
    """A total that the shopper did not agree to sells nothing; it says both."""
    fill(cart)
    before = stored(storage)
    recorder.asked.clear()

    with (
        pytest.raises(CartConflictError, match=r"The total is 59\.90, not") as caught,
        cart.checkout(expected_total=total),
    ):
        pytest.fail("Nothing is sold.")

    assert stored(storage) == before
    assert caught.value.details["stored"] == "59.90"
    assert caught.value.cart is cart
    assert caught.value.current_version == before.version
    assert recorder.asked == []


def test_changed_meanwhile() -> None:
    """What somebody adds before the order is written is not sold unseen."""
    storage = ContestedStorage()
    cart = make_cart(storage)
    fill(cart)
    storage.contest([lambda rival: rival.add("cup", price=5)])

    with pytest.raises(CartConflictError), cart.checkout():
        pass

    assert len(decode(stored(storage).data).lines) == 3
    assert storage.attempts == 1


def test_changed_before(storage: MemoryStorage) -> None:
    """A cart that is read late is sold as it was read, or not at all."""
    cart = make_cart(storage)
    fill(cart)
    make_cart(storage).add("cup", price=5)

    with pytest.raises(CartConflictError), cart.checkout():
        pass

    assert len(make_cart(storage)) == 3


def test_changed_inside(cart: Cart) -> None:
    """What the order's own block adds is not sold with it."""
    fill(cart)

    with pytest.raises(CartConflictError), cart.checkout():
        cart.add("cup", price=5)

    assert len(cart) == 3


def test_veto(cart: Cart, recorder: Recorder) -> None:
    """Whoever may refuse a change may refuse a sale."""
    fill(cart)
    recorder.veto = CartVetoError("closed on Sundays")

    with pytest.raises(CartVetoError, match="Sundays"), cart.checkout():
        pass

    assert len(cart) == 2


def test_sold_only_once(storage: MemoryStorage) -> None:
    """Of two checkouts of the same content, the second one sells nothing."""
    first, second = make_cart(storage), make_cart(storage)
    fill(first)
    assert len(second) == 2

    with first.checkout() as order:
        pass

    with pytest.raises(CartConflictError), second.checkout() as again:
        assert again.order_token == order.order_token


def test_token() -> None:
    """Each version of each cart has a token, which does not name the owner."""
    guest = CartKey("guest:secret", "default")
    tokens = {
        order_token(guest, 1),
        order_token(guest, 2),
        order_token(CartKey("guest:secret", "default2"), 1),
        order_token(CartKey("guest:secretd", "efault"), 1),
        order_token(CartKey("guest:other", "default"), 1),
    }

    assert len(tokens) == 5
    assert order_token(guest, 1) == order_token(guest, 1)
    assert {len(token) for token in tokens} == {40}
    assert "secret" not in order_token(guest, 1)


def test_sale_is_not_applied_again() -> None:
    """Nothing is sold that nobody saw."""
    assert not Sell("token").reapplies


def test_sell(cart: Cart) -> None:
    """The sale takes everything, and the event says what."""
    fill(cart)
    document, (event,) = Sell("token").apply(cart.document)

    assert (document.lines, document.conditions, document.metadata) == ((), (), {})
    assert (event.order_token, event.lines) == ("token", cart.lines)
