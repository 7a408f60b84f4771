"""Two carts that become one."""

from __future__ import annotations

import itertools

import pytest

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import CartError
from flask_cart import CartLimitError
from flask_cart import CartTooLargeError
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import InvalidItemError
from flask_cart import OrderDraft
from flask_cart.carts.cart import working_copy
from flask_cart.carts.merging import MAX_ROUNDS
from flask_cart.carts.merging import MergeReport
from flask_cart.carts.merging import merge as merging_of_carts
from flask_cart.carts.transferring import transfer
from flask_cart.model.document import Document
from flask_cart.model.document import encode
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import BusyStorage
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored

USER = CartKey("user:1", "default")
GUEST = CartKey("guest:a", "default")
COMPANY = CartKey("company:1", "default")
LIMITS = Limits(items=4, quantity=10)

GIFT = Condition("GIFT", "fee", "item", "2")


def merge(guest: Cart, user: Cart, limits: Limits) -> MergeReport:
    return merging_of_carts(user._notes, guest._working, user._working, limits=limits)


def quantities(document: Document) -> dict[str, int]:
    return {each.item_id: each.quantity for each in document.lines}


def carts(storage: MemoryStorage, **options: object) -> tuple[Cart, Cart]:
    """A guest's cart with 2 a and 1 b, a user's with 3 a and 1 c."""
    guest = make_cart(storage, key=GUEST)
    user = make_cart(storage, key=USER)

    with guest.batch():
        guest.add("a", 2, price=1)
        guest.add("b", price=1)
        guest.metadata["x"] = 1
        guest.add_fee("PACK", "2")

    with user.batch():
        user.add("a", 3, price=1)
        user.add("c", price=1)

    return (
        make_cart(storage, key=GUEST, **options),
        make_cart(storage, key=USER, **options),
    )


class TestMerge:
    def test_merge(self, storage: MemoryStorage) -> None:
        """The target has all, the source is gone, each in one write."""
        recorder = Recorder()
        guest, user = carts(storage, announcer=recorder)
        version = user.version
        merge(guest, user, LIMITS)
        user = make_cart(storage, key=USER)

        assert quantities(working_copy(user).document) == {"a": 5, "c": 1, "b": 1}
        assert user.metadata["x"] == 1
        assert [each.name for each in user.conditions] == ["PACK"]
        assert user.version > version
        assert stored(storage, GUEST) is None
        assert [each[-1].name for each in recorder.told] == [
            "cart_merged",
            "cart_destroyed",
        ]

    def test_record_does_not_name_the_guest(self, storage: MemoryStorage) -> None:
        """Whoever reads the target does not get at the guest's token."""
        guest, user = carts(storage)
        merge(guest, user, LIMITS)

        assert len(working_copy(user).document.merged) == 1
        assert "guest:a" not in encode(working_copy(user).document)

    def test_into_nothing(self, storage: MemoryStorage) -> None:
        """A user who has no cart gets the guest's."""
        guest, _ = carts(storage)
        target = make_cart(storage, key=CartKey("user:2", "default"))
        merge(guest, target, LIMITS)

        assert quantities(working_copy(target).document) == {"a": 2, "b": 1}

    def test_of_another_currency(self, storage: MemoryStorage) -> None:
        """Carts of two currencies both stay as they are."""
        _, user = carts(storage)
        guest = make_cart(storage, key=CartKey("guest:b", "default"), currency="JPY")
        guest.add("d", price=500)
        before = dict(storage._carts)

        with pytest.raises(InvalidItemError):
            merge(guest, user, LIMITS)

        assert storage._carts == before

    @pytest.mark.parametrize("key", [None, CartKey("guest:b", "default")])
    def test_of_nothing(self, storage: MemoryStorage, key: CartKey | None) -> None:
        """A guest without a cart leaves the user's as it is."""
        _, user = carts(storage)
        before = stored(storage, USER)
        merge(make_cart(storage, key=key), user, LIMITS)

        assert stored(storage, USER) == before

    def test_into_itself(self, storage: MemoryStorage) -> None:
        """A cart is not merged into itself, doubled and deleted."""
        _, user = carts(storage)
        before = stored(storage, USER)
        merge(make_cart(storage, key=USER), user, LIMITS)
        merge(user, user, LIMITS)

        assert stored(storage, USER) == before

    def test_in_a_batch(self, storage: MemoryStorage) -> None:
        """Two carts cannot be part of the batch of one."""
        guest, user = carts(storage)

        with user.batch(), pytest.raises(CartError, match="inside a batch"):
            user.merge(guest)

    def test_old_news(self, storage: MemoryStorage) -> None:
        """A cart that is gone has not got what it once had, whatever was read of it."""
        guest, user = carts(storage)
        kept = storage._carts[GUEST]
        merge(guest, user, LIMITS)
        make_cart(storage, key=USER).destroy()
        storage._carts[GUEST] = kept
        merge(make_cart(storage, key=GUEST), user, LIMITS)

        assert quantities(working_copy(make_cart(storage, key=USER)).document) == {
            "a": 2,
            "b": 1,
        }

    def test_interrupted(self, storage: MemoryStorage) -> None:
        """A merge that could not delete the source is finished by the next one."""
        _, user = carts(storage)
        recorder = Recorder()
        recorder.veto = CartVetoError("keep it")
        guest = make_cart(storage, key=GUEST, announcer=recorder)

        with pytest.raises(CartVetoError):
            merge(guest, user, LIMITS)

        before = stored(storage, USER)
        merge(make_cart(storage, key=GUEST), make_cart(storage, key=USER), LIMITS)

        assert stored(storage, USER) == before
        assert stored(storage, GUEST) is None

    def test_refused_by_the_target(self, storage: MemoryStorage) -> None:
        """A target that cannot take it leaves the source as it is."""
        guest, _ = carts(storage)
        user = make_cart(storage, key=USER, limits=Limits(data_bytes=100))
        before = stored(storage, GUEST), stored(storage, USER)

        with pytest.raises(CartTooLargeError):
            merge(guest, user, LIMITS)

        assert (stored(storage, GUEST), stored(storage, USER)) == before


class Contested(ContestedStorage):
    """Somebody changes the guest's cart before it is deleted, or the user's before
    it is saved."""

    def __init__(self, key: CartKey) -> None:
        super().__init__()
        self.key = key

    def _let_rival(self, key: CartKey) -> None:
        if key == self.key:
            super()._let_rival(key)


class TestContestedMerge:
    def test_source_that_grows(self) -> None:
        """What is added to the source meanwhile is taken over, too, and only that."""
        storage = Contested(GUEST)
        guest, user = carts(storage)
        storage.contest(
            [
                lambda rival: rival.add("a", 4, price=1),
                lambda rival: rival.add("d", price=1),
            ]
        )
        merge(guest, user, LIMITS)

        assert quantities(working_copy(make_cart(storage, key=USER)).document) == {
            "a": 3 + 2 + 4,
            "c": 1,
            "b": 1,
            "d": 1,
        }
        assert stored(storage, GUEST) is None

    def test_source_that_shrinks(self) -> None:
        """What is removed from the source meanwhile was taken over already."""
        storage = Contested(GUEST)
        guest, user = carts(storage)
        storage.contest([lambda rival: rival.remove(rival.lines[0].id)])
        merge(guest, user, LIMITS)

        assert quantities(working_copy(user).document) == {"a": 5, "c": 1, "b": 1}
        assert stored(storage, GUEST) is None

    def test_source_that_gets_more_than_lines(self) -> None:
        """Conditions and metadata that come meanwhile are taken over, too."""
        storage = Contested(GUEST)
        guest, user = carts(storage)

        def note(rival: Cart) -> None:
            with rival.batch():
                rival.add_tax("VAT", "19%")
                rival.metadata["y"] = 2

        storage.contest([note])
        merge(guest, user, LIMITS)

        assert [each.name for each in user.conditions] == ["PACK", "VAT"]
        assert dict(user.metadata) == {"x": 1, "y": 2}

    def test_source_whose_line_gets_a_condition(self) -> None:
        """A condition that a line gets meanwhile is taken over, too."""
        storage = Contested(GUEST)
        guest, user = carts(storage)
        storage.contest(
            [lambda rival: rival.add_condition(GIFT, line=rival.lines[1].id)]
        )
        merge(guest, user, LIMITS)

        (b,) = (each for each in user if each.item_id == "b")
        assert b.conditions == (GIFT,)

    def test_source_that_somebody_else_merged(self) -> None:
        """Of two logins at once, one merges and the other changes nothing."""
        storage = Contested(GUEST)
        recorder = Recorder()
        guest, user = carts(storage, announcer=recorder)

        def merge_too(rival: Cart) -> None:
            merge(rival, make_cart(storage, key=USER), LIMITS)

        storage.contest([merge_too])
        merge(guest, user, LIMITS)

        assert quantities(working_copy(make_cart(storage, key=USER)).document) == {
            "a": 5,
            "c": 1,
            "b": 1,
        }
        assert recorder.names.count("cart_merged") == 1
        assert stored(storage, GUEST) is None

    def test_source_that_is_made_anew(self) -> None:
        """What is in a new cart of the guest was not in the old one."""
        storage = Contested(GUEST)
        guest, user = carts(storage)

        def start_again(rival: Cart) -> None:
            rival.destroy()
            rival.add("a", price=1)

        storage.contest([start_again])
        merge(guest, user, LIMITS)

        assert quantities(working_copy(user).document)["a"] == 3 + 2 + 1

    def test_source_that_does_not_stop(self) -> None:
        """After some rounds the merge gives up, and the source is still there."""
        storage = Contested(GUEST)
        guest, user = carts(storage)
        storage.contest(itertools.repeat(lambda rival: rival.add("d", price=1)))

        with pytest.raises(CartConflictError, match="at the same time"):
            merge(guest, user, LIMITS)

        assert storage.attempts == MAX_ROUNDS
        guest = make_cart(storage, key=GUEST)
        assert quantities(working_copy(guest).document)["d"] == MAX_ROUNDS
        assert quantities(working_copy(user).document)["d"] == MAX_ROUNDS - 1

        storage.contest([])
        merge(guest, user, Limits())
        assert stored(storage, GUEST) is None

    def test_target_that_changes(self) -> None:
        """What somebody adds to the target meanwhile stays."""
        storage = Contested(USER)
        guest, user = carts(storage)
        storage.contest([lambda rival: rival.add("a", 1, price=1)])
        merge(guest, user, LIMITS)

        assert quantities(working_copy(user).document) == {"a": 6, "c": 1, "b": 1}
        assert stored(storage, GUEST) is None

    def test_busy(self) -> None:
        """A storage that is busy for a moment does not stop a merge."""
        storage = BusyStorage()
        guest, user = carts(storage)
        storage.busy.update(load=1, save=1)
        merge(guest, user, LIMITS)

        assert quantities(working_copy(user).document) == {"a": 5, "c": 1, "b": 1}


def content_of(document: Document) -> tuple[object, ...]:
    return (
        document.currency,
        document.lines,
        document.conditions,
        document.metadata,
        document.pending,
    )


def test_order_is_finished(storage: MemoryStorage) -> None:
    """The guest begins an order and logs in; what was begun is ordered, the rest
    stays."""
    guest, user = carts(storage)
    draft = guest.begin_order()
    orders: dict[str, OrderDraft] = {}
    merge(guest, user, Limits())
    user.place_order(
        lambda made: orders.setdefault(made.order_token, made),
        orders.get,
        token=draft.order_token,
    )

    assert [each.quantity for each in orders[draft.order_token]] == [2, 1]
    assert quantities(working_copy(user).document) == {"a": 3, "c": 1}


class TestTransfer:
    def test_swap(self, storage: MemoryStorage) -> None:
        """All that is in the cart belongs to the other owner."""
        guest, _ = carts(storage, limits=Limits(items=2, quantity=2))
        before = content_of(working_copy(guest).document)
        company = guest.transfer("company:1")

        assert company.key == CartKey("company:1", "default")
        assert content_of(working_copy(company).document) == before
        assert stored(storage, GUEST) is None
        assert guest.lines == ()

    def test_interrupted(self, storage: MemoryStorage) -> None:
        """What was given and could not be deleted is not in the way of a second try."""
        carts(storage)
        recorder = Recorder()
        recorder.veto = CartVetoError("keep it")

        with pytest.raises(CartVetoError):
            transfer(
                make_cart(storage)._notes,
                [
                    (
                        make_cart(storage, key=GUEST, announcer=recorder)._working,
                        make_cart(storage, key=COMPANY)._working,
                    )
                ],
            )

        make_cart(storage, key=GUEST).transfer("company:1")
        company = make_cart(storage, key=COMPANY)

        assert quantities(working_copy(company).document) == {"a": 2, "b": 1}
        assert stored(storage, GUEST) is None

    def test_over_a_limit(self, storage: MemoryStorage) -> None:
        """What is over a limit by now stays with the one who has it."""
        _, user = carts(storage)
        before = dict(storage._carts)
        user = make_cart(storage, key=USER, limits=Limits(items=1))

        with pytest.raises(CartLimitError):
            user.transfer("company:1")

        assert storage._carts == before

    def test_to_somebody_who_has_a_cart(self, storage: MemoryStorage) -> None:
        """Nobody's cart is overwritten, or filled with that of another."""
        guest, _ = carts(storage)
        before = dict(storage._carts)

        with pytest.raises(CartConflictError, match="something in the cart user:1"):
            guest.transfer("user:1")

        assert storage._carts == before

    def test_to_somebody_with_an_empty_cart(self, storage: MemoryStorage) -> None:
        """A cart that was emptied is no obstacle."""
        guest, user = carts(storage)
        user.clear()
        guest.transfer("user:1")

        assert quantities(working_copy(make_cart(storage, key=USER)).document) == {
            "a": 2,
            "b": 1,
        }

    def test_nothing(self, storage: MemoryStorage) -> None:
        """A guest who has no cart has nothing to give."""
        assert make_cart(storage, key=None).transfer("user:9").lines == ()
        assert storage._carts == {}

        carts(storage)

        with pytest.raises(CartConflictError):
            make_cart(storage, key=None).transfer("user:1")


def test_report(storage: MemoryStorage) -> None:
    """A report tells what came, and what was left out."""
    guest, user = carts(storage)
    report = merge(guest, user, Limits(items=2, quantity=4))

    assert [(each.item_id, each.quantity) for each in report.lines] == [("a", 1)]
    assert [(each.item_id, each.quantity) for each in report.left_out] == [
        ("a", 1),
        ("b", 1),
    ]
    assert report.quantity == 1
    assert merge(guest, user, Limits()) == MergeReport()
