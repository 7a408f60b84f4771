"""A line that goes from one cart of an owner into another."""

from __future__ import annotations

import itertools
import typing as t
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import CartConflictError
from flask_cart import CartError
from flask_cart import CartKeyReusedError
from flask_cart import CartLimitError
from flask_cart import CartLockTimeoutError
from flask_cart import CartQuantityError
from flask_cart import CartReplayedError
from flask_cart import CartStorageError
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import InvalidItemError
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.storage.base import Changes
from flask_cart.storage.base import Stored
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored

WISHLIST = CartKey("user:1", "wishlist")
GIFT = Condition("GIFT", "fee", "item", "2")
WRAP = Condition("WRAP", "fee", "item", "3")


class Busy(MemoryStorage):
    """Memory that is too busy to save."""

    error: type[CartError] | None = None
    tries = 0

    def save(self, owner: str, changes: Changes) -> bool:
        if self.error is None:
            return super().save(owner, changes)

        self.tries += 1
        raise self.error("busy")


def filled(storage: MemoryStorage, **options: t.Any) -> tuple[Cart, str]:
    """A cart with 3 mugs, and their line."""
    line = make_cart(storage).add("mug", 3, price=5)

    return make_cart(storage, **options), line.id


def quantities(storage: MemoryStorage) -> tuple[int, int]:
    """How much is in the cart and in the wishlist, as new readers see it."""
    return make_cart(storage).quantity, make_cart(storage, key=WISHLIST).quantity


class TestMove:
    def test_all(self, storage: MemoryStorage) -> None:
        """The line is in the other cart, with all that belongs to it."""
        cart, line_id = filled(storage)
        cart.add_condition(GIFT, line=line_id)
        (line,) = cart.lines
        cart.move(line_id, to="wishlist")

        assert cart.lines == ()
        assert cart.instance("wishlist").lines == (line,)

    def test_some(self, storage: MemoryStorage) -> None:
        """The rest stays where it is."""
        cart, line_id = filled(storage)
        cart.move(line_id, to="wishlist", quantity=2)

        assert quantities(storage) == (1, 2)

    def test_more_of_the_same(self, storage: MemoryStorage) -> None:
        """Quantities are added up; the line there keeps its fields, and gets the
        conditions that it does not have."""
        cart, line_id = filled(storage)
        wishlist = make_cart(storage, key=WISHLIST)
        wishlist.add("mug", 1, price=4, attributes={"x": 1})
        wishlist.add_condition(replace(GIFT, value="5"), line=line_id)
        cart.add_condition(GIFT, line=line_id)
        cart.add_condition(WRAP, line=line_id)
        before = wishlist.lines[0]
        cart.move(line_id, to="wishlist")
        wishlist.refresh()

        assert wishlist.lines == (
            replace(before, quantity=4, conditions=(*before.conditions, WRAP)),
        )

    @pytest.mark.parametrize("quantity", [4, 0, -1, True, 1.5, None, "", "1"])
    def test_quantity_that_is_none(
        self, storage: MemoryStorage, quantity: t.Any
    ) -> None:
        """Only as many as there are can move, and at least one."""
        cart, line_id = filled(storage)

        with pytest.raises(InvalidItemError):
            cart.move(line_id, to="wishlist", quantity=quantity)

        assert quantities(storage) == (3, 0)

    def test_unknown_line(self, storage: MemoryStorage) -> None:
        """There has to be such a line, also in the cart of a new guest."""
        cart, _ = filled(storage)

        for each in (cart, make_cart(storage, key=None)):
            with pytest.raises(InvalidItemError, match="no line"):
                each.move("x", to="wishlist")

    def test_into_itself(self, storage: MemoryStorage) -> None:
        """A line cannot move to where it is."""
        cart, line_id = filled(storage)

        with pytest.raises(InvalidItemError, match="its own cart"):
            cart.move(line_id, to="default")

    def test_in_a_batch(self, storage: MemoryStorage) -> None:
        """Two carts cannot be part of the batch of one."""
        cart, line_id = filled(storage)

        with cart.batch(), pytest.raises(CartError, match="inside a batch"):
            cart.move(line_id, to="wishlist")

    def test_other_currency(self, storage: MemoryStorage) -> None:
        """An empty cart takes the currency of the line, one with lines refuses it."""
        cart, line_id = filled(storage)
        make_cart(storage, key=WISHLIST, currency="JPY").add("tea", price=500)

        with pytest.raises(InvalidItemError, match="EUR"):
            cart.move(line_id, to="wishlist")

        assert quantities(storage) == (3, 1)

        make_cart(storage, key=WISHLIST).clear()
        cart.move(line_id, to="wishlist")
        assert make_cart(storage, key=WISHLIST).currency == "EUR"

    def test_over_a_limit(self, storage: MemoryStorage) -> None:
        """A cart that has no room leaves the line where it is."""
        cart, line_id = filled(storage, limits=Limits(quantity=4))
        make_cart(storage, key=WISHLIST).add("mug", 2, price=5)

        with pytest.raises(CartLimitError):
            cart.move(line_id, to="wishlist")

        assert quantities(storage) == (3, 2)

        cart.move(line_id, to="wishlist", quantity=2)
        assert quantities(storage) == (1, 4)

    @pytest.mark.parametrize(("moved", "term"), [(4, "minimum"), (1, "step")])
    def test_rest_that_is_not_sold(
        self, storage: MemoryStorage, moved: int, term: str
    ) -> None:
        """What stays behind has to be a quantity in which the item is sold."""
        egg = Product("egg", minimum=4, step=2)
        cart = make_cart(
            storage,
            catalogue=Shelf(egg).catalogue(),
            stock_ignored=frozenset({"wishlist"}),
        )
        line = cart.add(egg, 6)

        with pytest.raises(CartQuantityError) as caught:
            cart.move(line.id, to="wishlist", quantity=moved)

        assert caught.value.term == term
        assert quantities(storage) == (6, 0)

    def test_all_of_what_is_not_sold_any_more(self, storage: MemoryStorage) -> None:
        """A line that is too small by now can be moved as a whole; nobody is asked."""
        shelf = Shelf(Product("egg", minimum=4))
        cart = make_cart(
            storage,
            catalogue=shelf.catalogue(),
            stock_ignored=frozenset({"wishlist"}),
        )
        line = make_cart(storage).add(Product("egg"), 3)
        cart.move(line.id, to="wishlist")

        assert quantities(storage) == (0, 3)
        assert shelf.asked == []

    def test_veto(self, storage: MemoryStorage) -> None:
        """Whoever listens can refuse what comes into a cart."""

        class Guard(Recorder):
            def before(self, cart: Cart, *rest: t.Any) -> None:
                if cart.key == WISHLIST:
                    raise CartVetoError("not here")

        cart, line_id = filled(storage, announcer=Guard())

        with pytest.raises(CartVetoError):
            cart.move(line_id, to="wishlist")

        assert quantities(storage) == (3, 0)

    def test_expected_version(self, storage: MemoryStorage) -> None:
        """A form that shows an older cart moves nothing."""
        cart, line_id = filled(storage)
        cart.expect(cart.version - 1)

        with pytest.raises(CartConflictError):
            cart.move(line_id, to="wishlist")

        assert quantities(storage) == (3, 0)

        cart.expect(cart.version).move(line_id, to="wishlist")
        assert quantities(storage) == (0, 3)

    def test_line_that_somebody_removed(self, storage: MemoryStorage) -> None:
        """A line that is gone is a conflict, as the shopper saw it."""
        cart, line_id = filled(storage)
        assert cart.lines
        make_cart(storage).remove(line_id)

        with pytest.raises(CartConflictError) as caught:
            cart.move(line_id, to="wishlist")

        assert caught.value.line_id == line_id
        assert quantities(storage) == (0, 0)

    def test_with_a_key(self, storage: MemoryStorage) -> None:
        """A move that is sent twice moves once, also for who has read it before."""
        late, line_id = filled(storage)
        assert late.quantity == 3
        make_cart(storage).move(line_id, to="wishlist", quantity=1, key="k")

        with pytest.raises(CartReplayedError):
            make_cart(storage).move(line_id, to="wishlist", quantity=1, key="k")

        with pytest.raises(CartReplayedError):
            late.move(line_id, to="wishlist", quantity=1, key="k")

        assert quantities(storage) == (2, 1)

    def test_with_a_key_and_a_version(self, storage: MemoryStorage) -> None:
        """A rival with the same key is no conflict, but the same change."""
        late, line_id = filled(storage)
        late.expect(late.version)
        make_cart(storage).move(line_id, to="wishlist", key="k")

        with pytest.raises(CartReplayedError):
            late.move(line_id, to="wishlist", key="k")

        assert quantities(storage) == (0, 3)

    def test_with_the_key_of_another_move(self, storage: MemoryStorage) -> None:
        """A key stands for one change."""
        cart, line_id = filled(storage)
        cart.move(line_id, to="wishlist", quantity=1, key="k")

        with pytest.raises(CartKeyReusedError):
            cart.move(line_id, to="wishlist", quantity=2, key="k")

        assert quantities(storage) == (2, 1)

    def test_refused_with_a_key(self, storage: MemoryStorage) -> None:
        """What was refused has not happened: the same key may try again."""
        cart, line_id = filled(storage, limits=Limits(quantity=4))
        wishlist = make_cart(storage, key=WISHLIST)
        wishlist.add("mug", 2, price=5)

        for _ in range(2):
            with pytest.raises(CartLimitError):
                cart.move(line_id, to="wishlist", key="k")

        wishlist.clear()
        cart.move(line_id, to="wishlist", key="k")
        assert quantities(storage) == (0, 3)

        with pytest.raises(CartReplayedError):
            cart.move(line_id, to="wishlist", key="k")

    def test_is_announced(self, storage: MemoryStorage) -> None:
        """Both carts tell what happened to them."""
        recorder = Recorder()
        cart, line_id = filled(storage, announcer=recorder)
        cart.move(line_id, to="wishlist")
        told = [
            (event.instance, event.name) for events in recorder.told for event in events
        ]

        assert told == [
            ("default", "item_removed"),
            ("wishlist", "cart_created"),
            ("wishlist", "item_added"),
            ("wishlist", "item_moved"),
        ]


class TestCopy:
    def test_copy(self, storage: MemoryStorage) -> None:
        """The line is in both carts, in any quantity."""
        cart, line_id = filled(storage)
        cart.copy(line_id, to="wishlist")
        assert quantities(storage) == (3, 3)

        cart.copy(line_id, to="wishlist", quantity=10)
        assert quantities(storage) == (3, 13)

    def test_refused(self, storage: MemoryStorage) -> None:
        """What cannot move cannot be copied either."""
        cart, line_id = filled(storage)

        with pytest.raises(InvalidItemError):
            cart.copy("x", to="wishlist")

        with pytest.raises(InvalidItemError):
            cart.copy(line_id, to="default")

        for quantity in (0, None, "", "1", True):
            with pytest.raises(InvalidItemError):
                cart.copy(line_id, to="wishlist", quantity=quantity)

        assert quantities(storage) == (3, 0)


class TestOneWrite:
    def test_cost(self) -> None:
        """Both carts are read once and saved once, in the same step."""

        class Noting(MemoryStorage):
            loads = 0

            def __init__(self) -> None:
                super().__init__()
                self.saves: list[list[str]] = []

            def load(self, key: CartKey) -> Stored | None:
                self.loads += 1

                return super().load(key)

            def save(self, owner: str, changes: Changes) -> bool:
                self.saves.append(sorted(changes))

                return super().save(owner, changes)

        storage = Noting()
        cart, line_id = filled(storage)
        storage.loads = 0
        storage.saves.clear()
        cart.move(line_id, to="wishlist")

        assert storage.loads == 2
        assert storage.saves == [["default", "wishlist"]]

    @pytest.mark.parametrize("is_saved", [False, True])
    def test_storage_that_fails(self, is_saved: bool) -> None:
        """Whether it was saved or not when the storage failed, the line is in one of
        the carts, and nobody has to do anything about it."""

        class Failing(MemoryStorage):
            fails = False

            def save(self, owner: str, changes: Changes) -> bool:
                if not self.fails or is_saved:
                    super().save(owner, changes)

                if self.fails:
                    raise CartStorageError("down")

                return True

        storage = Failing()
        cart, line_id = filled(storage)
        storage.fails = True

        with pytest.raises(CartStorageError):
            cart.move(line_id, to="wishlist")

        assert quantities(storage) == ((0, 3) if is_saved else (3, 0))

    @pytest.mark.parametrize("instance", ["default", "wishlist"])
    def test_rival(self, instance: str) -> None:
        """What somebody else saves first stays, in either cart, and the line moves
        after it."""
        storage = ContestedStorage(instance)
        cart, line_id = filled(storage)
        storage.contest([lambda rival: rival.add("mug", 2, price=5)])
        cart.move(line_id, to="wishlist")

        assert storage.attempts == 2
        assert quantities(storage) == (0, 5)

    def test_rival_of_the_other_cart(self) -> None:
        """A form that shows one cart does not care what happens to the other."""
        storage = ContestedStorage("wishlist")
        cart, line_id = filled(storage)
        cart.expect(cart.version)
        storage.contest([lambda rival: rival.add("mug", 2, price=5)])
        cart.move(line_id, to="wishlist")

        assert quantities(storage) == (0, 5)

    def test_rival_of_what_the_form_shows(self) -> None:
        """A form moves nothing of what it has not shown."""
        storage = ContestedStorage("default")
        cart, line_id = filled(storage)
        seen = cart.version
        cart.expect(seen)
        storage.contest([lambda rival: rival.add("mug", 2, price=5)])

        with pytest.raises(CartConflictError) as caught:
            cart.move(line_id, to="wishlist")

        assert caught.value.cart is cart
        assert caught.value.expected_version == seen
        assert caught.value.current_version == make_cart(storage).version
        assert quantities(storage) == (5, 0)

    def test_rival_who_removes_the_line(self) -> None:
        """A line that is gone at the second try is a conflict like any other."""
        storage = ContestedStorage("default")
        cart, line_id = filled(storage)
        storage.contest([lambda rival: rival.remove(line_id)])

        with pytest.raises(CartConflictError, match="changed after it was") as caught:
            cart.move(line_id, to="wishlist")

        assert caught.value.line_id == line_id
        assert caught.value.details == {"stored": None, "wanted": {"move": None}}
        assert quantities(storage) == (0, 0)

    def test_rivals_to_the_end(self) -> None:
        """The last try holds the lock of the owner, so that it wins."""
        storage = ContestedStorage("wishlist")
        cart, line_id = filled(storage)
        storage.contest(itertools.repeat(lambda rival: rival.add("tea", price=1)))
        cart.move(line_id, to="wishlist")

        assert (storage.attempts, storage.locks) == (9, 1)
        assert quantities(storage) == (0, 3 + 8)

    def test_both_are_asked(self) -> None:
        """Whoever listens is asked about both carts before either is saved."""
        recorder = Recorder()
        cart, line_id = filled(MemoryStorage(), announcer=recorder)
        version = cart.version
        cart.move(line_id, to="wishlist")

        assert [
            (at, [event.name for event in events]) for at, events in recorder.asked
        ] == [(version, ["item_removed"]), (0, ["item_added", "item_moved"])]

    def test_other_currency_meanwhile(self) -> None:
        """A rival who gives the cart another currency makes it a conflict: the shopper
        has seen another price."""
        storage = ContestedStorage("default")
        cart, line_id = filled(storage)
        storage.contest(
            [lambda rival: rival.change_currency("JPY", prices={line_id: 800})]
        )

        with pytest.raises(CartConflictError, match="in JPY now"):
            cart.move(line_id, to="wishlist")

        assert quantities(storage) == (3, 0)

    @pytest.mark.parametrize("error", [CartBusyError, CartLockTimeoutError])
    def test_busy(self, error: type[CartError]) -> None:
        """A busy storage is asked again, one whose lock cannot be had is not."""
        storage = Busy()
        cart, line_id = filled(storage)
        storage.error = error

        with pytest.raises(error):
            cart.move(line_id, to="wishlist")

        assert storage.tries == (9 if error is CartBusyError else 1)
        assert quantities(storage) == (3, 0)

    @pytest.mark.parametrize("error", [CartBusyError, CartLockTimeoutError])
    def test_inside_the_apps_transaction(self, error: type[CartError]) -> None:
        """A transaction of the app that has failed is not tried again here."""

        class Joined(Busy):
            def transaction(self) -> t.Any:
                return self

            def when_done(self, *callbacks: t.Callable[[], None]) -> None:
                pass

        storage = Joined()
        cart, line_id = filled(storage)
        storage.error = error

        with pytest.raises(CartConflictError, match=r"the transaction .* has failed"):
            cart.move(line_id, to="wishlist")

        assert storage.tries == 1

    @given(st.integers(1, 9), st.integers(1, 12), st.just(...) | st.integers(1, 12))
    def test_nothing_is_lost_or_made(self, first: int, now: int, moved: t.Any) -> None:
        """Whatever the quantities are that a rival leaves, as many are there after the
        move as before it."""
        storage = ContestedStorage("default")
        line_id = make_cart(storage).add("mug", first, price=5).id
        storage.contest([lambda rival: rival.set_quantity(line_id, now)])

        with suppress(InvalidItemError):
            make_cart(storage).move(line_id, to="wishlist", quantity=moved)

        # More than there were is refused at once, before the rival comes.
        is_all = moved is ...
        there = now if is_all or moved <= first else first
        wanted = there if is_all else moved
        goes = wanted if wanted <= there else 0
        assert quantities(storage) == (there - goes, goes)


def test_move_of_another_owner_than_the_request(storage: MemoryStorage) -> None:
    """A cart that is held since before a login moves into its own owner's carts."""
    cart, line_id = filled(storage)
    cart._sibling = lambda name: make_cart(storage, key=CartKey("user:2", name))
    cart.move(line_id, to="wishlist")

    assert quantities(storage) == (0, 3)
    assert stored(storage, CartKey("user:2", "wishlist")) is None
