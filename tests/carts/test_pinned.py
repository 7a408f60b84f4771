"""A price that was agreed upon is left alone."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from moneyed import Money

from flask_cart import Cart
from flask_cart import InvalidItemError
from flask_cart import LineDrift
from flask_cart.carts.cart import working_copy
from flask_cart.model.document import decode
from flask_cart.model.document import encode
from flask_cart.model.keys import CartKey
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shop import make_cart


@pytest.fixture
def mug() -> Product:
    return Product("mug", "12.50", attributes={"tax_class": "standard"})


@pytest.fixture
def cart(mug: Product, storage: MemoryStorage) -> Cart:
    return make_cart(storage, catalogue=Shelf(mug).catalogue())


def price(cart: Cart) -> Decimal:
    cart.refresh()

    return cart.lines[0].unit_amount


def only(drift: object) -> LineDrift:
    (found,) = drift  # type: ignore[attr-defined]

    return found


@pytest.mark.parametrize("agreed", ["17.50", "9.00", "0"])
@pytest.mark.parametrize("accept", ["lower", "all"])
def test_is_left_alone(cart: Cart, mug: Product, agreed: str, accept: str) -> None:
    """Whether it is lower or higher, and the report says so."""
    line = cart.add(mug, price=agreed, pinned=True)
    found = only(cart.reprice(accept))

    assert line.is_pinned
    assert price(cart) == Decimal(agreed)
    assert found.is_pinned
    assert not found.is_applied
    assert not found.needs_consent
    assert (found.old_price.amount, found.new_price.amount) == (
        Decimal(agreed),
        Decimal("12.50"),
    )
    assert cart.reprice().is_settled
    assert json.loads(json.dumps(found.to_dict()))["is_pinned"] is True


def test_needs_no_other_price(cart: Cart, mug: Product) -> None:
    """Where the product has no price in the currency, nobody has to know one."""
    mug.cart_price = Money("12.50", "USD")
    line = cart.add(mug, price="17.50", pinned=True)
    mug.cart_name = "Cup"

    assert [each.line.id for each in cart.reprice("all")] == [line.id]
    assert cart.reprice().is_settled
    assert (cart.lines[0].name, price(cart)) == ("Cup", Decimal("17.50"))

    cart.update(line.id, pinned=False)

    with pytest.raises(InvalidItemError, match="USD"):
        cart.reprice()


def test_is_yes_or_no(cart: Cart, mug: Product) -> None:
    """What a form has said is no answer, and is not stored."""
    line = cart.add(mug)

    for answer in ("on", "", 1, 0):
        with pytest.raises(InvalidItemError, match="'pinned' is a bool"):
            cart.update(line.id, pinned=answer)  # type: ignore[arg-type]

    assert price(cart) == Decimal("12.50")


def test_consent_does_not_touch_it(cart: Cart, mug: Product) -> None:
    """A form cannot set a price that was agreed upon to that of the shop."""
    line = cart.add(mug, price="17.50", pinned=True)
    cart.reprice({line.id: "12.50"})

    assert price(cart) == Decimal("17.50")


def test_all_else_follows(cart: Cart, mug: Product) -> None:
    """Its name, its attributes and its stock are those of the product."""
    cart.add(mug, 3, price="9", pinned=True)
    mug.cart_name, mug.cart_available = "Cup", 1
    mug.cart_attributes = {"tax_class": "reduced"}
    drift = cart.reprice()
    line = cart.lines[0]

    assert (line.name, line.attributes) == ("Cup", {"tax_class": "reduced"})
    assert line.is_pinned
    assert only(drift).objection == ("available", 1)
    assert not drift.is_settled


def test_price_of_now(cart: Cart, mug: Product) -> None:
    """Without another price, it is that of the product which stays as it is."""
    cart.add(mug, pinned=True)
    assert not cart.reprice()

    mug.cart_price = "11"
    assert only(cart.reprice()).is_pinned
    assert price(cart) == Decimal("12.50")


def test_not_pinned(cart: Cart, mug: Product) -> None:
    """A price that is only given is compared like any other."""
    line = cart.add(mug, price="17.50")

    assert not line.is_pinned
    assert only(cart.reprice()).is_applied
    assert price(cart) == Decimal("12.50")


def test_gone(cart: Cart, mug: Product) -> None:
    """A product that is gone is gone at any price."""
    cart.add(mug, price="9", pinned=True)
    working_copy(cart)._services.registry.catalogue.loader = lambda ids: []

    assert only(cart.reprice()).is_gone


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, ("9", True)),
        ({"price": "8"}, ("9", True)),
        ({"price": "8", "pinned": True}, ("8", True)),
        ({"on_existing": "replace"}, ("12.50", False)),
    ],
)
def test_added_again(
    cart: Cart, mug: Product, how: dict, expected: tuple[str, bool]
) -> None:
    """More of it has the agreed price, unless another one is agreed upon."""
    cart.add(mug, price="9", pinned=True)
    line = cart.add(mug, **how)

    assert (str(line.unit_amount), line.is_pinned) == expected


def test_added_by_id(cart: Cart, mug: Product) -> None:
    """Also of what comes without its product."""
    cart.add(mug, price="9", pinned=True)
    line = cart.add("mug", price="5")

    assert (line.unit_amount, line.quantity, line.is_pinned) == (9, 2, True)


def test_agreed_upon_later(cart: Cart, mug: Product) -> None:
    """A line that is there already can be pinned, and let go of again."""
    line = cart.add(mug)
    cart.update(line.id, price="9", attributes={"quote": 7}, pinned=True)
    cart.reprice("all")
    pinned = cart.get(line.id)
    assert (pinned.unit_amount, pinned.is_pinned) == (9, True)
    assert pinned.attributes == {"quote": 7, "tax_class": "standard"}

    cart.update(line.id, quantity=2)
    assert cart.get(line.id).is_pinned

    cart.update(line.id, pinned=False)
    cart.reprice("all")
    assert price(cart) == Decimal("12.50")


def test_without_a_product(cart: Cart) -> None:
    """Nothing changes the price of such a line, so there is nothing to be pinned."""
    with pytest.raises(InvalidItemError, match="Leave 'pinned' out"):
        cart.add("wrap", price=1, pinned=True)

    line = cart.add("wrap", price=1)

    with pytest.raises(InvalidItemError, match=r"'wrap' cannot be changed: .* product"):
        cart.update(line.id, pinned=True)

    assert not line.is_pinned


def test_another_currency(cart: Cart, mug: Product) -> None:
    """What was agreed upon in euros has to be agreed upon anew."""
    mug.cart_price_in = {"USD": 15, "EUR": "12.50"}.get
    line = cart.add(mug, price="9", pinned=True)

    with pytest.raises(InvalidItemError, match="no price in USD for mug"):
        cart.change_currency("USD")

    cart.change_currency("USD", prices={line.id: "10"})
    assert price(cart) == 10
    assert only(cart.reprice()).is_pinned


def test_goes_with_the_line(cart: Cart, mug: Product, storage: MemoryStorage) -> None:
    """From a guest to a user, to another cart, and to what is stored and read again."""
    guest = make_cart(storage, key=CartKey("guest:a", "default"))
    guest.add(mug, price="9", pinned=True)
    cart.merge(guest)
    cart.move(cart.lines[0].id, to="later")
    (line,) = cart.instance("later")
    document = working_copy(cart.instance("later")).document

    assert (line.unit_amount, line.is_pinned) == (9, True)
    assert decode(encode(document)) == document
