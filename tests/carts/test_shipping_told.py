"""What sending costs is charged as it is now, and a change of it is told."""

from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal

import pytest
from moneyed import Money

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import ShippingMethod
from flask_cart.model.operations import ChooseShipping
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shop import Recorder
from tests.support.shop import make_cart

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)


class Post:
    """A method that goes by the pieces, and what the shop may change of it."""

    def __init__(self) -> None:
        self.rate = Decimal("4.90")
        self.is_there = True

    def methods(self, facts: Facts) -> list[ShippingMethod]:
        # Up to two pieces, then twice as much.
        price = self.rate * (1 if facts.quantity <= 2 else 2)
        post = ShippingMethod(Condition("Post", "shipping", "total", f"+{price}"))

        return [post] if self.is_there else []


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture(params=["EUR", "USD", "KWD"])
def cart(post: Post, recorder: Recorder, request: pytest.FixtureRequest) -> Cart:
    """One mug at 20, to be sent by post."""
    book = Rulebook()
    book.list_shipping = post.methods
    shelf = Shelf(Product("mug", 20))
    cart = make_cart(
        MemoryStorage(),
        rulebook=book,
        announcer=recorder,
        catalogue=shelf.catalogue(),
        clock=lambda: NOW,
        currency=request.param,
    )
    cart.add(shelf.products["mug"])
    cart.shipping.choose("Post")
    recorder.told.clear()

    return cart


def heavier(cart: Cart, post: Post) -> str:
    cart.increment(cart.lines[0].id, 2)

    return "9.80"


def dearer(cart: Cart, post: Post) -> str:
    post.rate = Decimal("9.90")

    return "9.90"


def cheaper(cart: Cart, post: Post) -> str:
    post.rate = Decimal("3.90")

    return "3.90"


def free(cart: Cart, post: Post) -> str:
    post.rate = Decimal(0)

    return "0.00"


def both(cart: Cart, post: Post) -> str:
    heavier(cart, post)
    post.rate = Decimal("5.10")

    return "10.20"


CHANGES = [heavier, dearer, cheaper, free, both]


def charged(cart: Cart) -> Money:
    (step,) = [each for each in cart.totals.adjustments if each.type == "shipping"]

    return step.amount


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_charged_and_told(cart: Cart, post: Post, change: t.Any) -> None:
    """What is charged is what is offered now, and the report has both prices."""
    new = Money(change(cart, post), cart.currency)
    assert charged(cart) == cart.shipping.options[0].price == new

    drift = cart.reprice()
    shipping = drift.shipping
    assert drift
    assert len(drift) == 0
    assert shipping is not None
    assert (shipping.name, shipping.is_gone) == ("Post", False)
    assert shipping.old_price == Money("4.90", cart.currency)
    assert shipping.new_price == new
    # Nobody has to agree to less.
    is_higher = change not in (cheaper, free)
    assert shipping.needs_consent is is_higher
    assert drift.is_settled is not is_higher
    assert bool(cart.reprice()) is is_higher


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("how", ["all", "named"])
def test_agreed_to(cart: Cart, post: Post, change: t.Any, how: str) -> None:
    """It is told once, and settled then."""
    new = change(cart, post)
    drift = cart.reprice("all" if how == "all" else {"Post": new})

    assert drift.is_settled
    assert not cart.reprice()
    assert charged(cart) == Money(new, cart.currency)


def test_another_price_than_agreed_to(cart: Cart, post: Post) -> None:
    """Whoever has agreed to one price has not agreed to another one."""
    dearer(cart, post)
    drift = cart.reprice({"Post": "8.90"})

    assert not drift.is_settled
    assert drift.shipping is not None
    assert drift.to_dict()["shipping"] == {
        "name": "Post",
        "old_price": str(drift.shipping.old_price.amount),
        "new_price": str(drift.shipping.new_price.amount),
        "is_applied": False,
        "is_gone": False,
    }


def test_withdrawn(cart: Cart, post: Post) -> None:
    """Nothing is charged, the cart cannot be ordered, and the report says why."""
    post.is_there = False
    drift = cart.reprice("all")

    assert cart.total == Money(20, cart.currency)
    assert not drift.is_settled
    assert drift.shipping is not None
    assert drift.shipping.is_gone
    assert drift.shipping.to_dict()["new_price"] is None
    assert not drift.shipping.needs_consent
    assert [each.name for each in cart.totals.problems] == ["Post"]

    with pytest.raises(CartConflictError, match="Choose another"):
        cart.begin_order()


def test_withdrawn_and_back(cart: Cart, post: Post) -> None:
    """At the price that it had, nothing is to be told."""
    post.is_there = False
    cart.reprice()
    post.is_there = True

    assert not cart.reprice()


def test_nothing_has_changed(cart: Cart) -> None:
    """Then there is nothing to tell, and no write."""
    version = cart.version
    drift = cart.reprice()

    assert not drift
    assert drift.to_dict() == {"is_settled": True, "lines": [], "shipping": None}
    assert cart.version == version


@pytest.mark.parametrize("change", CHANGES)
def test_expected_total(cart: Cart, post: Post, change: t.Any) -> None:
    """An order for the total of before is refused, as with a change of price."""
    before = cart.total
    change(cart, post)
    cart.refresh()

    with pytest.raises(CartConflictError, match="as expected"):
        cart.begin_order(expected_total=before)


def test_chosen_again(cart: Cart, post: Post, recorder: Recorder) -> None:
    """Whoever chooses it at its new price knows that."""
    dearer(cart, post)
    cart.shipping.choose("Post")

    assert recorder.names == ["shipping_chosen"]
    assert not cart.reprice()
    cart.shipping.choose("Post")
    assert recorder.names == ["shipping_chosen"]


@pytest.mark.parametrize(
    "change",
    [
        lambda cart: cart.shipping.clear(),
        lambda cart: cart.add_shipping("Own", "7"),
        lambda cart: cart.clear(),
        lambda cart: cart.remove(cart.lines[0].id),
    ],
    ids=["cleared", "own", "emptied", "no lines"],
)
def test_not_chosen_any_more(
    cart: Cart, post: Post, change: t.Callable[[Cart], None]
) -> None:
    """What is not charged has no price to tell of."""
    dearer(cart, post)
    change(cart)

    assert cart.reprice().shipping is None


def test_nobody_was_told() -> None:
    """What came with a guest's cart has no price that the user knows."""
    post = Post()
    book = Rulebook()
    book.list_shipping = post.methods
    cart = make_cart(rulebook=book, catalogue=Shelf().catalogue())
    cart.add("mug", price=20)
    cart._working.apply(ChooseShipping("Post"))
    post.rate = Decimal(8)

    assert cart.reprice().shipping is None
    post.is_there = False
    drift = cart.reprice().shipping
    assert drift is not None
    assert (drift.is_gone, drift.old_price) == (True, None)
    assert drift.to_dict()["old_price"] is None


def test_another_currency(cart: Cart, post: Post) -> None:
    """The old price is of another currency, and nothing to compare with."""
    cart.change_currency("CHF", prices={cart.lines[0].id: 22})
    dearer(cart, post)

    assert cart.reprice().shipping is None


def test_is_told_without_products(post: Post) -> None:
    """A shop that adds by an id has no loader, and is told what sending costs."""
    book = Rulebook()
    book.list_shipping = post.methods
    cart = make_cart(MemoryStorage(), rulebook=book, clock=lambda: NOW)
    line = cart.add("mug", price=20)
    cart.shipping.choose("Post")
    cart.set_quantity(line.id, 3)
    drift = cart.reprice()

    assert drift.shipping is not None
    assert drift.shipping.old_price == Money("4.90", "EUR")
    assert drift.shipping.new_price == Money("9.80", "EUR")
    assert not drift.is_settled
