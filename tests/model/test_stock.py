from __future__ import annotations

import pickle
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartConflictError
from flask_cart import CartQuantityError
from flask_cart import CartStockError
from flask_cart import InvalidItemError
from flask_cart.model.lines import MAX_QUANTITY
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shop import ContestedStorage
from tests.support.shop import make_cart


class Counting(MemoryStorage):
    """Counts what is read and written."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def load(self, key: t.Any) -> t.Any:
        self.calls.append("load")

        return super().load(key)

    def save(self, owner: t.Any, changes: t.Any) -> t.Any:
        self.calls.append("save")

        return super().save(owner, changes)


def quantities(cart: Cart) -> dict[str, int]:
    cart.refresh()

    return {line.options.get("size", line.item_id): line.quantity for line in cart}


class TestAdd:
    def test_up_to_what_there_is(self, cart: Cart) -> None:
        """A cart holds as many as there are, and not one more."""
        mug = Product("mug", available=3)
        cart.add(mug, 2)
        cart.add(mug)

        with pytest.raises(
            CartStockError, match=r"only 3 of 'mug', .* make 4"
        ) as error:
            cart.add(mug)

        assert (error.value.item_id, error.value.term) == ("mug", "available")
        assert (error.value.in_cart, error.value.wanted) == (3, 4)
        assert error.value.limit == 3
        assert quantities(cart) == {"mug": 3}

    def test_summed_over_all_lines(self, cart: Cart) -> None:
        """What differs only in options is taken from one stock."""
        mug = Product("mug", available=3)
        cart.add(mug, 2, options={"size": "M"})

        with pytest.raises(CartStockError) as error:
            cart.add(mug, 2, options={"size": "L"})

        assert (error.value.in_cart, error.value.wanted) == (2, 4)
        cart.add(mug, options={"size": "L"})
        assert quantities(cart) == {"M": 2, "L": 1}

    def test_other_items_do_not_count(self, cart: Cart) -> None:
        """Every item has a stock of its own."""
        cart.add(Product("pot", available=5), 5)
        cart.add(Product("mug", available=1))

        assert quantities(cart) == {"pot": 5, "mug": 1}

    @pytest.mark.parametrize("available", [0, -2])
    def test_sold_out(self, cart: Cart, available: int) -> None:
        """Of what is sold out, or oversold, there are none."""
        with pytest.raises(CartStockError, match="only 0") as error:
            cart.add(Product("mug", available=available))

        assert error.value.limit == 0
        assert cart.version == 0

    def test_unlimited(self, cart: Cart) -> None:
        """A product whose terms are None, as in nullable columns, has none."""
        free = Product("mug", available=None, maximum=None, minimum=None, step=None)
        cart.add(free, 10_000)

        assert quantities(cart) == {"mug": 10_000}

    def test_maximum(self, cart: Cart) -> None:
        """A maximum is summed like a stock, but is no lack of it."""
        mug = Product("mug", available=9, maximum=2)
        cart.add(mug, options={"size": "M"})

        with pytest.raises(CartQuantityError, match="at most 2 of 'mug'") as error:
            cart.add(mug, 2, options={"size": "L"})

        assert not isinstance(error.value, CartStockError)
        assert (error.value.term, error.value.wanted) == ("maximum", 3)

    def test_minimum(self, cart: Cart) -> None:
        """A line has a minimum; it is the line that counts, and not what is added."""
        bolt = Product("bolt", minimum=5)

        with pytest.raises(CartQuantityError, match=r"at least 5 .* make 4") as error:
            cart.add(bolt, 4)

        assert (error.value.term, error.value.in_cart) == ("minimum", 0)
        cart.add(bolt, 5)
        cart.add(bolt, 1)
        assert quantities(cart) == {"bolt": 6}

    def test_step(self, cart: Cart) -> None:
        """A line is a multiple of a step."""
        bottle = Product("bottle", step=6)

        with pytest.raises(CartQuantityError, match="multiple of 6") as error:
            cart.add(bottle, 8)

        assert (error.value.term, error.value.wanted) == ("step", 8)
        cart.add(bottle, 6)
        cart.add(bottle, 12)
        assert quantities(cart) == {"bottle": 18}

    def test_minimum_and_step_are_those_of_a_line(self, cart: Cart) -> None:
        """Three red and three blue ones are not a box of six."""
        bottle = Product("bottle", step=6)

        def add_both() -> None:
            with cart.batch():
                cart.add(bottle, 3, options={"size": "M"})
                cart.add(bottle, 3, options={"size": "L"})

        with pytest.raises(CartQuantityError):
            add_both()

        assert not cart

    @pytest.mark.parametrize("on_existing", ["merge", "replace"])
    def test_replaced(self, cart: Cart, on_existing: t.Any) -> None:
        """What counts is what is in the cart then."""
        mug = Product("mug", available=3)
        cart.add(mug, 3)

        if on_existing == "replace":
            cart.add(mug, 2, on_existing=on_existing)
            assert quantities(cart) == {"mug": 2}
        else:
            with pytest.raises(CartStockError):
                cart.add(mug, 2, on_existing=on_existing)

    def test_by_id(self, cart: Cart) -> None:
        """What is added by its id has no product, and no terms."""
        cart.add("mug", 100, price=5)

        assert quantities(cart) == {"mug": 100}

    @pytest.mark.parametrize(
        ("terms", "message"),
        [
            ({"available": "3"}, "'cart_available' of the item 'mug' .* not '3'"),
            ({"available": True}, "'cart_available' .* not True"),
            ({"maximum": -1}, "'cart_maximum' .* at least 0, not -1"),
            ({"minimum": 0}, "'cart_minimum' .* at least 1, not 0"),
            ({"step": 0}, "'cart_step' .* at least 1, not 0"),
            ({"step": 1.5}, "'cart_step' .* not 1.5"),
            ({"available": MAX_QUANTITY + 1}, "'cart_available' .* at most"),
        ],
    )
    def test_terms_that_are_none(self, cart: Cart, terms: t.Any, message: str) -> None:
        """A product whose terms make no sense is told so, and is not added."""
        with pytest.raises(InvalidItemError, match=message):
            cart.add(Product("mug", **terms))

        assert not cart

    def test_round_trips(self) -> None:
        """To check costs nothing: one load and one save, and no call of the loader."""
        storage, shelf = Counting(), Shelf(Product("mug", available=3))
        cart = make_cart(storage, catalogue=shelf.catalogue())
        cart.add(shelf.products["mug"])

        assert storage.calls == ["load", "save"]
        assert shelf.asked == []


class TestChange:
    """Quantities of lines whose products the loader finds."""

    @pytest.fixture
    def shelf(self) -> Shelf:
        return Shelf(
            Product("mug", available=5),
            Product("bottle", minimum=6, step=6, maximum=24),
        )

    @pytest.fixture
    def cart(self, shelf: Shelf, storage: MemoryStorage) -> Cart:
        """A cart with 3 mugs of two kinds, and 6 bottles."""
        cart = make_cart(storage, catalogue=shelf.catalogue())

        with cart.batch():
            cart.add(shelf.products["mug"], 2, options={"size": "M"})
            cart.add(shelf.products["mug"], 1, options={"size": "L"})
            cart.add(shelf.products["bottle"], 6)

        return cart

    def test_set_quantity(self, cart: Cart) -> None:
        """Quantities that are set are checked, over all lines."""
        mug = cart.lines[0]
        cart.set_quantity(mug.id, 4)

        with pytest.raises(CartStockError, match="only 5") as error:
            cart.set_quantity(mug.id, 5)

        assert (error.value.in_cart, error.value.wanted) == (5, 6)
        assert quantities(cart) == {"M": 4, "L": 1, "bottle": 6}

    def test_increment(self, cart: Cart) -> None:
        """So is what they grow and shrink by."""
        mug, _, bottle = cart.lines
        cart.increment(mug.id, 2)

        with pytest.raises(CartStockError):
            cart.increment(mug.id)

        with pytest.raises(CartQuantityError, match="multiple of 6"):
            cart.increment(bottle.id)

        with pytest.raises(CartQuantityError, match="at least 6"):
            cart.increment(bottle.id, -1)

        with pytest.raises(CartQuantityError, match="at most 24"):
            cart.increment(bottle.id, 24)

        cart.increment(bottle.id, 18)
        assert quantities(cart) == {"M": 4, "L": 1, "bottle": 24}

    def test_update(self, cart: Cart) -> None:
        """And what is updated together with something else."""
        with pytest.raises(CartStockError):
            cart.update(cart.lines[0].id, quantity=9, name="Becher")

        assert cart.lines[0].name == "A mug"

    def test_remove(self, cart: Cart, shelf: Shelf) -> None:
        """A line can be removed in any way, and nobody is asked."""
        mug, other, bottle = cart.lines
        cart.remove(mug.id)
        cart.set_quantity(other.id, 0)
        assert shelf.asked == []

        cart.increment(bottle.id, -6)
        assert not cart

    def test_fewer_than_there_were(self, cart: Cart, shelf: Shelf) -> None:
        """What is in the cart may stay and become less when others have bought it."""
        mug, other, _ = cart.lines
        shelf.products["mug"].cart_available = 1
        cart.set_quantity(mug.id, 1)
        cart.update(other.id, name="Becher")

        with pytest.raises(CartStockError) as error:
            cart.increment(other.id)

        assert (error.value.limit, error.value.in_cart, error.value.wanted) == (1, 2, 3)

    def test_only_the_changed_line_is_checked(self, cart: Cart, shelf: Shelf) -> None:
        """A new minimum of an item is no reason to refuse what is about others."""
        shelf.products["mug"].cart_minimum = 2
        cart.increment(cart.lines[0].id)

        assert quantities(cart) == {"M": 3, "L": 1, "bottle": 6}

    def test_what_is_not_asked_for(self, cart: Cart, shelf: Shelf) -> None:
        """A change of something else, or of what was added by its id, asks nobody."""
        pot = cart.add("pot", price=30)
        cart.update(cart.lines[0].id, price=4)
        cart.set_quantity(pot.id, 50)
        cart.increment(pot.id)

        assert shelf.asked == []

    def test_gone(self, cart: Cart, shelf: Shelf) -> None:
        """A product that is gone has no terms any more."""
        del shelf.products["mug"]
        cart.set_quantity(cart.lines[0].id, 50)

        assert shelf.asked == [["mug"]]

    def test_without_a_loader(self, storage: MemoryStorage, cart: Cart) -> None:
        """An app that has no loader is not checked."""
        cart = make_cart(storage)
        cart.set_quantity(cart.lines[0].id, 50)

        assert quantities(cart)["M"] == 50

    def test_a_batch_asks_once(self, cart: Cart, shelf: Shelf) -> None:
        """However many lines are changed in a batch, the loader is called once."""
        mug, other, bottle = cart.lines

        with cart.batch():
            cart.set_quantity(mug.id, 3)
            cart.set_quantity(other.id, 2)
            cart.increment(bottle.id, 6)

        assert shelf.asked == [["mug", "bottle"]]

    def test_a_batch_is_checked_as_a_whole(self, cart: Cart) -> None:
        """Whatever comes first in a form, only what is saved has to be there."""
        mug, other, _ = cart.lines

        def post(**quantities: int) -> None:
            with cart.batch():
                cart.set_quantity(other.id, quantities["L"])
                cart.set_quantity(mug.id, quantities["M"])

        post(L=4, M=1)
        assert quantities(cart) == {"M": 1, "L": 4, "bottle": 6}

        with pytest.raises(CartStockError):
            post(L=1, M=5)

        assert quantities(cart) == {"M": 1, "L": 4, "bottle": 6}

    def test_error_of_the_loader(self, cart: Cart, shelf: Shelf) -> None:
        """When the catalogue fails, so does the change."""
        del shelf.products["mug"].cart_name

        with pytest.raises(CartConfigError):
            cart.increment(cart.lines[0].id)

        assert quantities(cart)["M"] == 2

    def test_instances_without_stock(
        self, storage: MemoryStorage, shelf: Shelf
    ) -> None:
        """A list of wishes holds what is sold out; other instances do not."""
        cart = make_cart(
            storage, catalogue=shelf.catalogue(), stock_ignored=frozenset({"wishlist"})
        )
        wishes = cart.instance("wishlist")
        line = wishes.add(shelf.products["mug"], 50)
        wishes.increment(line.id)
        assert quantities(wishes) == {"mug": 51}
        assert shelf.asked == []

        with pytest.raises(CartStockError):
            cart.add(shelf.products["mug"], 50)


class TestRivals:
    """Somebody else changes the cart between the read and the save."""

    def test_the_last_piece(self) -> None:
        """Two who add the last piece at once: one of them has it."""
        storage, mug = ContestedStorage(), Product("mug", available=1)
        mine = make_cart(storage)
        storage.contest([lambda other: other.add(mug)])

        with pytest.raises(CartStockError) as error:
            mine.add(mug)

        assert (error.value.in_cart, error.value.wanted) == (1, 2)
        assert quantities(mine) == {"mug": 1}

    def test_two_lines_of_the_last_piece(self) -> None:
        """The same goes for other options, which are another line."""
        storage, mug = ContestedStorage(), Product("mug", available=1)
        mine = make_cart(storage)
        storage.contest([lambda other: other.add(mug, options={"size": "L"})])

        with pytest.raises(CartStockError):
            mine.add(mug, options={"size": "M"})

        assert quantities(mine) == {"L": 1}

    def test_room_that_somebody_made(self) -> None:
        """What somebody has just put back can be had."""
        shelf = Shelf(Product("mug", available=2))
        storage, mug = ContestedStorage(), shelf.products["mug"]
        mine = make_cart(storage, catalogue=shelf.catalogue())
        large = mine.add(mug, 2, options={"size": "L"})
        storage.contest([lambda other: other.remove(large.id)])
        mine.add(Product("pot"))
        mine.add(mug, 2, options={"size": "M"})

        assert quantities(mine) == {"pot": 1, "M": 2}

    def test_increment_of_a_line_that_grew(self) -> None:
        """An increment is checked where it is applied again."""
        shelf = Shelf(Product("mug", available=3))
        storage = ContestedStorage()
        mine = make_cart(storage, catalogue=shelf.catalogue())
        line = mine.add(shelf.products["mug"], 2)
        storage.contest([lambda other: other.increment(line.id)])

        with pytest.raises(CartStockError):
            mine.increment(line.id)

        assert quantities(mine) == {"mug": 3}

    def test_set_quantity_is_still_a_conflict(self) -> None:
        """What the shopper has not seen is no question of stock."""
        shelf = Shelf(Product("mug", available=3))
        storage = ContestedStorage()
        mine = make_cart(storage, catalogue=shelf.catalogue())
        line = mine.add(shelf.products["mug"], 2)
        storage.contest([lambda other: other.increment(line.id)])

        with pytest.raises(CartConflictError):
            mine.set_quantity(line.id, 1)


def test_error_travels(cart: Cart) -> None:
    """What is wrong comes back whole from job workers."""
    with pytest.raises(CartStockError) as caught:
        cart.add(Product("mug", available=1), 2)

    found = pickle.loads(pickle.dumps(caught.value))
    assert (found.limit, found.wanted, str(found)) == (1, 2, str(caught.value))


changes = st.tuples(
    st.sampled_from(["add", "increment", "set", "restock"]),
    st.sampled_from("SML"),
    st.integers(-4, 9),
)


@given(changes=st.lists(changes, max_size=12))
def test_whatever_a_shopper_does(changes: list[tuple[str, str, int]]) -> None:
    """The cart never comes to hold more than there are, nor a line less than the
    minimum or between two steps; and what is refused changes nothing."""
    mug = Product("mug", available=8, maximum=10, minimum=2, step=2)
    shelf = Shelf(mug)
    cart = make_cart(catalogue=shelf.catalogue())

    for what, size, number in changes:
        before = quantities(cart)
        line = next((each for each in cart if each.options["size"] == size), None)

        try:
            if what == "restock":
                mug.cart_available = number
            elif what == "add":
                cart.add(mug, number, options={"size": size})
            elif line is not None and what == "increment":
                cart.increment(line.id, number)
            elif line is not None:
                cart.set_quantity(line.id, number)
        except InvalidItemError:
            assert quantities(cart) == before

        after = quantities(cart)
        assert all(each >= 2 and each % 2 == 0 for each in after.values())

        if sum(after.values()) > sum(before.values()):
            assert sum(after.values()) <= min(mug.cart_available, 10)
