"""A line that goes from one cart of an owner into another."""

from __future__ import annotations

import logging
import typing as t

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
from flask_cart.carts.moving import REMEMBERED
from flask_cart.carts.moving import EndMove
from flask_cart.carts.moving import ReceiveLine
from flask_cart.carts.moving import StartMove
from flask_cart.carts.observing import Access
from flask_cart.model.document import new_document
from flask_cart.model.events import Event
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.model.lines import make_line
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


class StepByStep(MemoryStorage):
    """Memory that changes one cart at a time, and can fail at any save.

    :param fails_at: The number of the save that fails, before or after it is done.
    """

    together = None  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.fails_at: int | None = None
        self.is_saved = False

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if self.fails_at is None:
            return super().save(key, data, expected)

        self.fails_at -= 1

        if self.fails_at:
            return super().save(key, data, expected)

        if self.is_saved:
            super().save(key, data, expected)

        raise CartStorageError("down")


class Meanwhile(Recorder):
    """Lets others do something between the first and the second write of a move."""

    def __init__(self, *deeds: t.Callable[[], object]) -> None:
        super().__init__()
        self.deeds = list(deeds)

    def after(self, cart: Cart, events: tuple[Event, ...]) -> None:
        while self.deeds:
            self.deeds.pop(0)()


@pytest.fixture(params=[MemoryStorage, StepByStep])
def storage(request: pytest.FixtureRequest) -> MemoryStorage:
    made: MemoryStorage = request.param()

    return made


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
        assert not cart.document.moves

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

    @pytest.mark.parametrize("quantity", [4, 0, -1, True, 1.5])
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
        assert not make_cart(storage).document.moves

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
        assert not make_cart(storage).document.moves

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
        assert not make_cart(storage).document.moves

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
        noted = [("default", "item_moving")] * isinstance(storage, StepByStep)

        assert sorted(told) == sorted(
            [
                *noted,
                ("default", "item_removed"),
                *noted,
                ("wishlist", "cart_created"),
                ("wishlist", "item_added"),
                ("wishlist", "item_moved"),
            ]
        )


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

        with pytest.raises(InvalidItemError):
            cart.copy(line_id, to="wishlist", quantity=0)


class TestStepByStep:
    @pytest.mark.parametrize("is_saved", [False, True])
    @pytest.mark.parametrize("step", [1, 2, 3])
    def test_repaired(self, step: int, is_saved: bool) -> None:
        """Whatever step fails, and whether it was done or not, the next load leaves
        the line in one of the carts."""
        storage = StepByStep()
        cart, line_id = filled(storage)
        storage.fails_at = step
        storage.is_saved = is_saved

        with pytest.raises(CartStorageError):
            cart.move(line_id, to="wishlist")

        storage.fails_at = None
        is_noted = (step, is_saved) > (1, False)
        assert quantities(storage) == ((0, 3) if is_noted else (3, 0))
        assert not make_cart(storage).document.moves

    def test_cannot_be_repaired(self, caplog: pytest.LogCaptureFixture) -> None:
        """A cart that cannot be repaired now is shown, and repaired later."""
        storage = StepByStep()
        cart, line_id = filled(storage)
        storage.fails_at = 2

        with pytest.raises(CartStorageError):
            cart.move(line_id, to="wishlist")

        storage.fails_at = 1

        with caplog.at_level(logging.ERROR):
            assert make_cart(storage).quantity == 3

        assert "still in two carts" in caplog.text
        storage.fails_at = None
        assert quantities(storage) == (0, 3)

    def test_repaired_by_a_conflict(self) -> None:
        """Two who repair at once leave the line in one cart."""
        storage = StepByStep()
        cart, line_id = filled(storage)
        storage.fails_at = 2

        with pytest.raises(CartStorageError):
            cart.move(line_id, to="wishlist")

        storage.fails_at = None
        one, other = make_cart(storage), make_cart(storage)
        snapshots = [
            each._working.repository.load(each.key) for each in (one, other) if each.key
        ]
        assert all(each.document.moves for each in snapshots)

        for each, snapshot in zip((one, other), snapshots, strict=True):
            each._working._snapshot = snapshot
            each._repair()

        assert quantities(storage) == (0, 3)

    def test_other_currency_meanwhile(self, caplog: pytest.LogCaptureFixture) -> None:
        """What is on its way arrives with the price and currency that it had."""
        storage = StepByStep()
        cart, line_id = filled(storage)
        storage.fails_at = 2

        with pytest.raises(CartStorageError):
            cart.move(line_id, to="wishlist")

        storage.fails_at = 1
        make_cart(storage).change_currency("JPY", prices={line_id: 800})
        assert "still in two carts" in caplog.text
        assert quantities(storage) == (0, 3)

        wishlist = make_cart(storage, key=WISHLIST)
        assert (wishlist.currency, wishlist.lines[0].price) == ("EUR", 5)

    def test_finished_by_another(self) -> None:
        """Who finds that somebody else has finished the move is done."""
        storage = StepByStep()
        meanwhile = Meanwhile(lambda: quantities(storage))
        cart, line_id = filled(storage, announcer=meanwhile)
        cart.move(line_id, to="wishlist")

        assert cart.quantity == 0
        assert quantities(storage) == (0, 3)

    def test_finished_and_merged(self) -> None:
        """What somebody else has finished and merged does not come again."""
        storage = StepByStep()

        def merge() -> None:
            wishlist = make_cart(storage, key=CartKey("user:2", "wishlist"))
            wishlist.merge(make_cart(storage, key=WISHLIST))

        meanwhile = Meanwhile(lambda: quantities(storage), merge)
        cart, line_id = filled(storage, announcer=meanwhile)

        with pytest.raises(CartConflictError, match="somebody else has ended"):
            cart.move(line_id, to="wishlist")

        assert quantities(storage) == (0, 0)
        assert make_cart(storage, key=CartKey("user:2", "wishlist")).quantity == 3

    def test_not_while_asked(self) -> None:
        """Who decides about a change reads the cart as it is."""
        storage = StepByStep()
        seen = []

        class Reader(Recorder):
            def before(self, cart: Cart, *rest: t.Any) -> None:
                seen.append(make_cart(storage).quantity)

        cart, line_id = filled(storage, announcer=Reader())
        cart.move(line_id, to="wishlist")

        assert seen == [3, 3, 3]

    def test_what_is_moving_does_not_move_again(self) -> None:
        """A line that is on its way is not free to go elsewhere."""
        document = new_document("EUR")
        line = make_line("mug", 3, "EUR", price=5)
        document = replace(document, lines=(line,))
        document, _ = StartMove("x", "wishlist", line.id, 2).apply(document)

        with pytest.raises(InvalidItemError, match="1 can be moved, not 2"):
            StartMove("y", "later", line.id, 2).apply(document)

        document, _ = StartMove("y", "later", line.id, None).apply(document)

        with pytest.raises(InvalidItemError, match="0 can be moved, not more"):
            StartMove("z", "later", line.id, None).apply(document)

    def test_no_step_has_an_effect_twice(self) -> None:
        """What is repeated changes nothing."""
        document = new_document("EUR")
        line = make_line("mug", 3, "EUR", price=5)
        receive = ReceiveLine(line, "EUR", "default", "x")
        once, _ = receive.apply(document)

        assert receive.apply(once) == (once, ())
        assert EndMove("x", True).apply(once) == (once, ())

        for number in range(REMEMBERED):
            once, _ = ReceiveLine(line, "EUR", "default", f"{number}").apply(once)

        assert len(once.received) == REMEMBERED

    @given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 12))
    def test_line_that_shrinks(self, first: int, moved: int, left: int) -> None:
        """What somebody takes out while a line is moving is not taken out of others."""
        document = new_document("EUR")
        line = make_line("mug", first + moved, "EUR", price=5)
        document = replace(document, lines=(line,))
        document, _ = StartMove("x", "wishlist", line.id, moved).apply(document)
        lines = (replace(line, quantity=left),) if left else ()
        ended, _ = EndMove("x", True).apply(replace(document, lines=lines))

        assert sum(each.quantity for each in ended.lines) == max(0, left - moved)
        assert ended.moves == ()


class Rivals(ContestedStorage):
    """Memory in which others are faster, also than those who change two carts."""

    def together(self) -> t.Any:
        return MemoryStorage._locked(self)


class TestTogether:
    def test_rival(self) -> None:
        """What somebody else saves first stays, and the line moves after it."""
        storage = Rivals()
        cart, line_id = filled(storage)
        storage.contest([lambda rival: rival.add("mug", 2, price=5)])
        cart.move(line_id, to="wishlist")

        assert quantities(storage) == (0, 5)

    @pytest.mark.parametrize("error", [CartBusyError, CartLockTimeoutError])
    def test_busy(self, error: type[CartError]) -> None:
        """A busy storage is asked again, one whose lock cannot be had is not."""

        class Busy(MemoryStorage):
            tries = 0

            def together(self) -> t.Any:
                self.tries += 1
                raise error("busy")

        storage = Busy()
        cart, line_id = filled(storage)

        with pytest.raises(error):
            cart.move(line_id, to="wishlist")

        assert storage.tries == (9 if error is CartBusyError else 1)
        assert quantities(storage) == (3, 0)

    @pytest.mark.parametrize("error", [CartBusyError, CartLockTimeoutError])
    def test_inside_the_apps_transaction(self, error: type[CartError]) -> None:
        """A transaction of the app that has failed is not tried again here: the first
        cart may have changed in it."""

        class Joined(MemoryStorage):
            tries = 0

            def together(self) -> t.Any:
                self.tries += 1
                raise error("busy")

            def transaction(self) -> t.Any:
                return self

            def when_done(self, *callbacks: t.Callable[[], None]) -> None:
                pass

        storage = Joined()
        cart, line_id = filled(storage)

        with pytest.raises(CartConflictError, match=r"the transaction .* has failed"):
            cart.move(line_id, to="wishlist")

        assert storage.tries == 1

    def test_observed(self) -> None:
        """Observers are told of both writes."""
        told: list[Access] = []

        class Observer:
            def accessed(self, access: Access) -> None:
                told.append(access)

            def happened(self, event: object) -> None:
                raise AssertionError

        storage = MemoryStorage()
        cart, line_id = filled(storage)
        assert cart.lines
        cart._working.repository._observers = [Observer()]
        cart.move(line_id, to="wishlist")

        assert sorted((each.action, each.key.instance) for each in told) == [
            ("write", "default"),
            ("write", "wishlist"),
        ]


def test_move_of_another_owner_than_the_request(storage: MemoryStorage) -> None:
    """A cart that is held since before a login moves into its own owner's carts."""
    cart, line_id = filled(storage)
    cart._sibling = lambda name: make_cart(storage, key=CartKey("user:2", name))
    cart.move(line_id, to="wishlist")

    assert quantities(storage) == (0, 3)
    assert stored(storage, CartKey("user:2", "wishlist")) is None
