"""A line that was removed is put back as it was."""

from __future__ import annotations

import itertools
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import CartLimitError
from flask_cart import CartStockError
from flask_cart import Condition
from flask_cart import InvalidItemError
from flask_cart import Line
from flask_cart.carts.cart import working_copy
from flask_cart.carts.writing import ROOM_IN_COOKIE
from flask_cart.model.document import decode
from flask_cart.model.document import encode
from flask_cart.model.document import new_document
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.model.line_changes import make_restoring_all
from flask_cart.model.removing import MAX_REMOVED
from flask_cart.model.removing import Clear
from flask_cart.model.removing import RestoreAll
from flask_cart.storage.base import Guarantee
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import sell
from tests.support.shop import stored

GIFT = Condition("GIFT", "fee", "item", "2")


@pytest.fixture
def mug() -> Product:
    return Product("mug", "12.50", attributes={"tax_class": "standard"})


@pytest.fixture
def cart(mug: Product, storage: MemoryStorage, recorder: Recorder) -> Cart:
    return make_cart(storage, announcer=recorder, catalogue=Shelf(mug).catalogue())


def add_personalised(cart: Cart, mug: Product) -> Line:
    """A mug with a name on it, between a pot and a cup."""
    with cart.batch():
        cart.add("pot", price=30)
        line = cart.add(
            mug,
            3,
            price="17.50",
            pinned=True,
            options={"name": "Ada", "ink": ["red", "blue"]},
            attributes={"font": "Serif"},
        )
        cart.add_condition(GIFT, line=line.id)
        cart.add("cup", price=5)

    return t.cast(Line, cart.get(line.id))


def items(cart: Cart) -> str:
    cart.refresh()

    return "".join(line.item_id for line in cart)


def letters(storage: MemoryStorage | None = None, text: str = "abcde") -> Cart:
    cart = make_cart(storage)

    with cart.batch():
        for each in text:
            cart.add(each, price=1)

    return cart


def remove(cart: Cart, item_id: str) -> str:
    line = cart.find(item_id)
    assert line is not None
    cart.remove(line.id)

    return line.id


@pytest.mark.parametrize("way", ["remove", "set_quantity", "increment", "update"])
def test_as_it_was(cart: Cart, mug: Product, recorder: Recorder, way: str) -> None:
    """With its price, attributes and conditions, at its place, however it went."""
    line = add_personalised(cart, mug)
    before, total = cart.lines, cart.totals.total
    mug.cart_price, mug.cart_name = "99", "Mug, new"
    {
        "remove": lambda: cart.remove(line.id),
        "set_quantity": lambda: cart.set_quantity(line.id, 0),
        "increment": lambda: cart.increment(line.id, -3),
        "update": lambda: cart.update(line.id, quantity=0, name="Gone"),
    }[way]()
    assert [each.item_id for each in cart] == ["pot", "cup"]

    cart.refresh()
    assert cart.restore(line.id) == line
    cart.refresh()
    assert cart.lines == before
    assert cart.totals.total == total
    assert recorder.names[-1] == "item_added"


def test_once(cart: Cart, mug: Product, storage: MemoryStorage) -> None:
    """Putting it back again changes nothing."""
    line = add_personalised(cart, mug)
    cart.remove(line.id)
    cart.restore(line.id)
    before = stored(storage)

    assert cart.restore(line.id) == line
    assert stored(storage) == before


def test_what_was_not_removed(cart: Cart, mug: Product) -> None:
    """Nobody can put back what was not there."""
    add_personalised(cart, mug)

    with pytest.raises(InvalidItemError, match="no line 'nix' to be put back"):
        cart.restore("nix")


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
@pytest.mark.parametrize("back", list(itertools.permutations("abc")))
def test_places(order: tuple[str, ...], back: tuple[str, ...]) -> None:
    """Several come back in any order, each to its place."""
    cart = letters()
    ids = {each: remove(cart, each) for each in order}

    for each in back:
        cart.restore(ids[each])

    assert items(cart) == "abcde"


def test_place_among_new_ones() -> None:
    """What was added meanwhile stays behind what was there before."""
    cart = letters()
    line_id = remove(cart, "d")
    cart.add("f", price=1)
    remove(cart, "a")
    cart.restore(line_id)

    assert items(cart) == "bcdef"


def test_only_the_last_ones() -> None:
    """So the cart does not grow by what is not in it."""
    cart = letters()
    first, *others = (remove(cart, each) for each in "abcd")
    assert len(others) == MAX_REMOVED == 3

    with pytest.raises(InvalidItemError, match="put back"):
        cart.restore(first)

    for each in others:
        cart.restore(each)

    assert items(cart) == "bcde"


def test_added_again() -> None:
    """What was added again meanwhile is there, and stays as it is."""
    cart = letters()
    line_id = remove(cart, "b")
    c = remove(cart, "c")
    cart.add("b", 7, price=9)

    assert cart.restore(line_id).quantity == 7
    cart.restore(c)
    assert items(cart) == "acdeb"


@pytest.mark.parametrize("gone", ["cleared", "ordered", "destroyed", "merged"])
def test_what_is_forgotten(storage: MemoryStorage, gone: str) -> None:
    """A cart that was emptied, sold or given away remembers nothing of it."""
    cart = letters(storage)
    line_id = remove(cart, "b")

    if gone == "cleared":
        cart.clear()
    elif gone == "ordered":
        sell(cart)
    elif gone == "destroyed":
        cart.destroy()
    else:
        other = make_cart(storage, key=CartKey("user:2", "default"))
        other.merge(cart)

        with pytest.raises(InvalidItemError):
            other.restore(line_id)

    with pytest.raises(InvalidItemError):
        cart.restore(line_id)


def test_moved_and_taken_out(storage: MemoryStorage) -> None:
    """What is somewhere else, or not the shopper's, cannot be put back."""
    cart = letters(storage)
    moved, mine = cart.lines[:2]
    cart.move(moved.id, to="later")
    cart.take_out({mine.id: 1})

    for line in (moved, mine):
        with pytest.raises(InvalidItemError):
            cart.restore(line.id)


def test_in_another_currency(storage: MemoryStorage) -> None:
    """Its price was one in a currency that the cart has no more."""
    cart = letters(storage, "ab")
    line_id = remove(cart, "b")
    cart.change_currency("USD", prices={cart.lines[0].id: 2})

    with pytest.raises(InvalidItemError):
        cart.restore(line_id)


def test_sold_out_meanwhile(cart: Cart, mug: Product) -> None:
    """There has to be enough of it still."""
    line = add_personalised(cart, mug)
    cart.remove(line.id)
    mug.cart_available = 2

    with pytest.raises(CartStockError):
        cart.restore(line.id)

    mug.cart_available = 3
    assert cart.restore(line.id).quantity == 3


def test_no_room_meanwhile(storage: MemoryStorage) -> None:
    """A cart that is full by now takes no line back."""
    cart = letters(storage)
    line_id = remove(cart, "b")
    cart.add("f", price=1)

    with pytest.raises(CartLimitError):
        make_cart(storage, limits=Limits(items=5)).restore(line_id)


def test_in_a_batch(storage: MemoryStorage) -> None:
    """Removed and put back in one write, it was never gone."""
    cart = letters(storage)
    before = stored(storage)

    with cart.batch():
        line_id = remove(cart, "b")
        cart.restore(line_id)

    assert stored(storage) == before


def test_two_windows() -> None:
    """Whoever puts it back second finds it there."""
    storage = ContestedStorage()
    cart = letters(storage)
    line_id = remove(cart, "b")
    storage.contest([lambda other: other.restore(line_id)])
    cart.restore(line_id)

    assert items(cart) == "abcde"


def test_forgotten_meanwhile() -> None:
    """A line that others have pushed out is a conflict, and nothing is made up."""
    storage = ContestedStorage()
    cart = letters(storage)
    line_id = remove(cart, "b")
    storage.contest([lambda other: [remove(other, each) for each in "acd"]])

    with pytest.raises(CartConflictError):
        cart.restore(line_id)

    assert items(cart) == "e"


def test_is_stored(cart: Cart, mug: Product) -> None:
    """It comes back from what is stored as it is."""
    line = add_personalised(cart, mug)
    cart.remove(line.id)
    document = working_copy(cart).document

    assert decode(encode(document)) == document
    assert document.removed[0].line == line


def restore_all(cart: Cart) -> None:
    """Put back what was in a cart before it was emptied."""
    working = working_copy(cart)
    working.apply(make_restoring_all(working.document))


def test_all_of_a_cart_that_was_emptied(cart: Cart, recorder: Recorder) -> None:
    """Lines, conditions, notes, coupons and shipping; what has come since stays, and
    comes last."""
    with cart.batch():
        cart.add("pot", price=30)
        cart.add("cup", 2, price=4)
        cart.add_condition(Condition("WRAP", "fee", "subtotal", "2"))
        cart.metadata["note"] = "ring twice"
        cart.coupons.add("TEN")

    before = working_copy(cart).document
    cart.clear()
    recorder.told.clear()
    restore_all(cart)

    assert replace(working_copy(cart).document, updated_at=None) == replace(
        before, updated_at=None
    )
    assert recorder.names[:5] == [
        "item_added",
        "item_added",
        "condition_added",
        "metadata_added",
        "coupon_added",
    ]

    with pytest.raises(InvalidItemError):
        restore_all(cart)


def test_all_of_it_once(storage: MemoryStorage) -> None:
    """Two at once put it back once; after another change, nobody can."""
    contested = ContestedStorage()
    cart = letters(contested)
    cart.clear()
    contested.contest([restore_all])
    restore_all(cart)
    assert items(cart) == "abcde"

    cart.clear()
    cart.add("f", price=1)

    with pytest.raises(InvalidItemError):
        restore_all(cart)


def test_shipping_comes_back(storage: MemoryStorage) -> None:
    """Unless another way was chosen; then it is a change, which forgets."""
    document = replace(new_document("EUR"), shipping="Bike")
    cleared, _ = Clear().apply(document)
    restored, events = RestoreAll().apply(cleared)

    assert restored == document
    assert [each.name for each in events] == ["shipping_chosen"]


def test_nothing_is_remembered_of_nothing() -> None:
    """An empty cart that is emptied is as it was."""
    empty = new_document("EUR")

    assert Clear().apply(empty) == (empty, ())


@pytest.mark.parametrize("part", [..., 1])
def test_a_line_that_was_moved_comes_back_to_its_place(
    storage: MemoryStorage, part: t.Any
) -> None:
    """From where it went, and with what is there of it."""
    cart = letters(storage)
    line = cart.lines[1]
    cart.move(line.id, to="later")
    cart.instance("later").move(line.id, to="default", quantity=part)

    assert items(cart) == "abcde"
    assert working_copy(cart).document.removed == ()


def test_a_line_that_was_moved_and_added_again(storage: MemoryStorage) -> None:
    """It has its place already; from another cart it comes last."""
    cart = letters(storage)
    line = cart.lines[1]
    cart.move(line.id, to="later")
    cart.add("b", price=1)
    cart.instance("later").move(line.id, to="default")
    assert items(cart) == "acdeb"

    cart.move(cart.lines[0].id, to="later")
    cart.instance("later").move(cart.instance("later").lines[0].id, to="wishlist")
    wishlist = cart.instance("wishlist")
    wishlist.move(wishlist.lines[0].id, to="default")
    assert items(cart) == "cdeba"


class Cookie(MemoryStorage):
    """Memory that is as small as a cookie."""

    guarantee = Guarantee.LAST_WRITE_WINS


@pytest.mark.parametrize("size", [1, 600, 3000])
def test_room_in_a_cookie(size: int) -> None:
    """A cart that fills a cookie can be emptied, and remembers what it has room for."""
    storage = Cookie()
    cart = make_cart(storage)

    with cart.batch():
        for each in "abcd":
            cart.add(each, price=1, attributes={"text": "x" * size})

    ids = [remove(cart, each) for each in "abcd"]
    document = working_copy(cart).document
    assert len(document.removed) == {1: 3, 600: 2, 3000: 0}[size]
    assert len(encode(document)) <= ROOM_IN_COOKIE

    if document.removed:
        cart.restore(ids[-1])
        assert items(cart) == "d"


def test_room_for_all_in_a_cookie() -> None:
    """It is forgotten at once if there is none."""
    cart = make_cart(Cookie())
    cart.add("a", price=1, attributes={"text": "x" * 3000})
    cart.clear()

    assert working_copy(cart).document.cleared is UNSET


def test_room_in_a_small_cart(storage: MemoryStorage) -> None:
    """The size of a cart is that of what is in it."""
    cart = letters(storage)
    size = len(encode(working_copy(cart).document))
    small = make_cart(storage, limits=Limits(data_bytes=size))
    remove(small, "a")

    assert working_copy(small).document.removed == ()


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from("abcde")), min_size=1, max_size=12
    )
)
def test_whatever_is_removed_and_put_back(steps: list[tuple[bool, str]]) -> None:
    """The lines that are there are in the order in which they came."""
    cart = letters()
    ids = {line.item_id: line.id for line in cart}

    for is_back, each in steps:
        remembered = {e.line.id for e in working_copy(cart).document.removed}

        if not is_back:
            cart.remove(ids[each])
        elif ids[each] in remembered:
            cart.restore(ids[each])

        assert items(cart) == "".join(sorted(items(cart)))
