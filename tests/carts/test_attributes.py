"""What a product gives its lines beside a name and a price: a tax class, a weight."""

from __future__ import annotations

import typing as t

import pytest

from flask_cart import Cart
from flask_cart import InvalidItemError
from flask_cart.model.keys import CartKey
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored


@pytest.fixture
def book() -> Product:
    return Product("book", attributes={"tax_class": "reduced", "weight": 400})


@pytest.fixture
def cart(book: Product, storage: MemoryStorage, recorder: Recorder) -> Cart:
    return make_cart(storage, announcer=recorder, catalogue=Shelf(book).catalogue())


def attributes(cart: Cart) -> dict[str, t.Any]:
    cart.refresh()

    return cart.lines[0].attributes


def test_reach_the_line(cart: Cart, book: Product) -> None:
    """They are the line's own, beside those that are given."""
    line = cart.add(book, attributes={"gift": True})

    assert line.attributes == {"tax_class": "reduced", "weight": 400, "gift": True}
    assert line.given_attributes == {"tax_class": "reduced", "weight": 400}


@pytest.mark.parametrize("none", [None, {}])
def test_none(cart: Cart, none: t.Any) -> None:
    """A product need not have any."""
    assert cart.add(Product("pen", attributes=none)).attributes == {}


@pytest.mark.parametrize("wrong", ["reduced", {"weight": 1j}, {1: "x"}])
def test_wrong(cart: Cart, wrong: t.Any) -> None:
    """What cannot be stored is the product's mistake, and says so."""
    with pytest.raises(InvalidItemError, match="'cart_attributes' of the item 'pen'"):
        cart.add(Product("pen", attributes=wrong))


def test_given_goes_first(cart: Cart, book: Product) -> None:
    """What is given for a line stays so, whatever the product says later."""
    cart.add(book, attributes={"tax_class": "none"})
    book.cart_attributes = {"tax_class": "standard", "weight": 500}
    cart.reprice()

    assert attributes(cart) == {"tax_class": "none", "weight": 500}


def test_refreshed(cart: Cart, book: Product, recorder: Recorder) -> None:
    """The line follows its product; what it has of its own it keeps."""
    cart.add(book, attributes={"gift": True})
    book.cart_attributes = {"tax_class": "standard", "isbn": "x"}
    drift = cart.reprice()

    assert not drift
    assert attributes(cart) == {"tax_class": "standard", "isbn": "x", "gift": True}
    assert recorder.names[-1] == "item_updated"


def test_nothing_has_changed(cart: Cart, book: Product, storage: MemoryStorage) -> None:
    """The same attributes in another order are no change."""
    cart.add(book, attributes={"gift": True})
    before = stored(storage)
    book.cart_attributes = dict(reversed(book.cart_attributes.items()))
    cart.reprice()

    assert stored(storage) == before


def test_added_again(cart: Cart, book: Product) -> None:
    """Like the name and the price, they are what they are now."""
    cart.add(book, attributes={"gift": True})
    book.cart_attributes = {"tax_class": "standard"}
    cart.add(book)

    assert attributes(cart) == {"tax_class": "standard", "gift": True}


def test_line_that_had_no_product(cart: Cart, book: Product) -> None:
    """A line that was added by an id is one of a product from then on."""
    cart.add("book", price=5, attributes={"gift": True})
    line = cart.add(book)

    assert (line.product_id, line.quantity) == ("book", 2)
    assert line.attributes == {"tax_class": "reduced", "weight": 400, "gift": True}


@pytest.mark.parametrize(
    ("given", "after", "later"),
    [
        (
            {"gift": True},
            {"tax_class": "reduced", "weight": 400, "gift": True},
            {"tax_class": "standard", "gift": True},
        ),
        ({}, {"tax_class": "reduced", "weight": 400}, {"tax_class": "standard"}),
        (
            {"tax_class": "reduced", "weight": 1},
            {"tax_class": "reduced", "weight": 1},
            {"tax_class": "standard", "weight": 1},
        ),
        (
            {"tax_class": "none"},
            {"tax_class": "none", "weight": 400},
            {"tax_class": "none"},
        ),
    ],
)
def test_updated(
    cart: Cart, book: Product, given: t.Any, after: t.Any, later: t.Any
) -> None:
    """An update replaces what is the line's own, and not what the product gives."""
    line = cart.add(book, attributes={"old": 1})
    cart.update(line.id, attributes=given)
    assert attributes(cart) == after

    book.cart_attributes = {"tax_class": "standard"}
    cart.reprice()
    assert attributes(cart) == later


def test_update_of_a_line_without_a_product(cart: Cart) -> None:
    """It has no other attributes than those."""
    line = cart.add("wrap", price=1, attributes={"old": 1})
    cart.update(line.id, attributes={"new": 1})

    assert attributes(cart) == {"new": 1}


def test_merged_and_moved(cart: Cart, book: Product, storage: MemoryStorage) -> None:
    """They go with the line, and are refreshed where it has come to."""
    guest = make_cart(storage, key=CartKey("guest:a", "default"))
    guest.add(book)
    cart.merge(guest)
    line = cart.lines[0]
    cart.move(line.id, to="later")
    (moved,) = cart.instance("later")
    book.cart_attributes = {"weight": 1}
    cart.instance("later").reprice()

    assert line.attributes == {"tax_class": "reduced", "weight": 400}
    assert moved.attributes == line.attributes
    assert cart.instance("later").lines[0].attributes == {"weight": 1}


def test_replaced(cart: Cart, book: Product) -> None:
    """A line that takes the place of another one has its own."""
    cart.add(book, attributes={"gift": True})
    line = cart.add(book, on_existing="replace")

    assert line.attributes == {"tax_class": "reduced", "weight": 400}
