"""The one write path, with others who are faster."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import CartConflictError
from flask_cart import CartLimitError
from flask_cart import CartLockTimeoutError
from flask_cart import CartStorageError
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import InvalidItemError
from flask_cart.carts.cart import working_copy
from flask_cart.carts.repository import PATIENCE
from flask_cart.carts.repository import Retry
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.document import decode
from flask_cart.model.document import encode
from flask_cart.model.events import MetadataAdded
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.model.operations import Applied
from flask_cart.model.operations import Reapplied
from flask_cart.model.removing import Clear
from flask_cart.storage.base import Changes
from flask_cart.storage.base import Stored
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_carts
from tests.support.shop import AT_ONCE
from tests.support.shop import KEY
from tests.support.shop import BusyStorage
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import sell
from tests.support.shop import stored

GIFT = Condition("GIFT", "fee", "item", "2")
TAX = Condition("VAT", "tax", "subtotal", "19%")


@pytest.fixture
def contested() -> ContestedStorage:
    return ContestedStorage()


class Become(Reapplied, frozen=True):
    """Take over another document."""

    document: Document

    def apply(self, document: Document) -> Applied:
        return self.document, (MetadataAdded(key="note", value="new"),)


def filled(storage: MemoryStorage, **options: object) -> Cart:
    """A cart with two mugs and a pot, as a shopper has read it."""
    cart = make_cart(storage, **options)

    with cart.batch():
        cart.add("mug", 2, price="12.50")
        cart.add("pot", price="30")

    cart = make_cart(storage, **options)
    assert len(cart) == 2

    return cart


def quantities(storage: MemoryStorage, key: CartKey = KEY) -> dict[str, int]:
    found = stored(storage, key)

    return (
        {line.item_id: line.quantity for line in decode(found.data).lines}
        if found is not None
        else {}
    )


def mug(cart: Cart) -> str:
    return next(line.id for line in cart if line.item_id == "mug")


def add_a_cup(cart: Cart) -> None:
    cart.add("cup", price=5)


def add_a_mug(cart: Cart) -> None:
    cart.add("mug", price="12.50")


def drop_the_mug(cart: Cart) -> None:
    cart.remove(mug(cart))


def destroy(cart: Cart) -> None:
    cart.destroy()


class TestLostSave:
    """Somebody else saved between the read and the save."""

    def test_add_is_applied_again(self, contested: ContestedStorage) -> None:
        """Both additions are there, and the line that was added is returned."""
        cart = filled(contested)
        contested.contest([add_a_mug])
        line = cart.add("mug", 3, price="12.50")

        assert line.quantity == 6
        assert quantities(contested) == {"mug": 6, "pot": 1}
        assert contested.attempts == 2

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (lambda cart: cart.add("pan", price=1), {"mug": 3, "pot": 1, "pan": 1}),
            (lambda cart: cart.increment(mug(cart), 2), {"mug": 5, "pot": 1}),
            (lambda cart: cart.increment(mug(cart), -2), {"mug": 1, "pot": 1}),
            (lambda cart: cart.increment(mug(cart), -3), {"pot": 1}),
            (lambda cart: cart.remove(mug(cart)), {"pot": 1}),
            (lambda cart: cart.add_condition(TAX), {"mug": 3, "pot": 1}),
            (
                lambda cart: cart.add_condition(GIFT, line=mug(cart)),
                {"mug": 3, "pot": 1},
            ),
            (lambda cart: cart.metadata.update(a=1), {"mug": 3, "pot": 1}),
            (
                lambda cart: cart.set_quantity(cart.lines[1].id, 7),
                {"mug": 3, "pot": 7},
            ),
        ],
    )
    def test_relative_changes_are_applied_again(
        self,
        contested: ContestedStorage,
        change: Callable[[Cart], object],
        expected: dict[str, int],
    ) -> None:
        """What does not depend on what was seen loses nothing of the other's."""
        cart = filled(contested)
        contested.contest([add_a_mug])
        change(cart)

        assert quantities(contested) == expected
        assert {line.item_id: line.quantity for line in cart} == expected

    def test_conditions_of_both(self, contested: ContestedStorage) -> None:
        """Two conditions that are added at once are both there."""
        cart = filled(contested)
        contested.contest([lambda rival: rival.add_fee("PACK", "2")])
        cart.add_tax("VAT", "19%")

        assert [each.name for each in cart.conditions] == ["PACK", "VAT"]

    def test_metadata_of_both(self, contested: ContestedStorage) -> None:
        """Two keys that are set at once are both there."""
        cart = filled(contested)
        contested.contest([lambda rival: rival.metadata.update(a=1, b=1)])
        cart.metadata.update(b=2, c=2)

        assert dict(cart.metadata) == {"a": 1, "b": 2, "c": 2}

    def test_first_save(self, contested: ContestedStorage) -> None:
        """Of two who make the same cart, both get their items into it."""
        cart = make_cart(contested)
        contested.contest([add_a_cup])
        cart.add("mug", price=1)

        assert quantities(contested) == {"cup": 1, "mug": 1}

    def test_destroyed_meanwhile(self, contested: ContestedStorage) -> None:
        """What is added to a cart that is gone makes a new one."""
        recorder = Recorder()
        cart = filled(contested, announcer=recorder)
        old = cart.version
        contested.contest([destroy])
        cart.add("cup", price=1)

        assert quantities(contested) == {"cup": 1}
        assert cart.version != old
        assert recorder.names[-2:] == ["cart_created", "item_added"]

    def test_change_that_is_none_any_more(self, contested: ContestedStorage) -> None:
        """A line that somebody else has removed need not be removed again."""
        recorder = Recorder()
        cart = filled(contested, announcer=recorder)
        contested.contest([drop_the_mug])
        recorder.told.clear()
        cart.remove(mug(cart))

        assert recorder.told == []
        assert quantities(contested) == {"pot": 1}
        assert cart.version == stored(contested).version

    def test_events_are_those_of_what_was_saved(
        self, contested: ContestedStorage
    ) -> None:
        """Events of a lost save are not announced, those of the other one are."""
        recorder = Recorder()
        cart = filled(contested, announcer=recorder)
        recorder.told.clear()
        contested.contest([add_a_mug])
        cart.increment(mug(cart))

        ((event,),) = recorder.told
        assert (event.previous.quantity, event.line.quantity) == (3, 4)
        assert event.version == cart.version == stored(contested).version

    def test_limits_are_checked_on_what_is_saved(
        self, contested: ContestedStorage
    ) -> None:
        """What both add together may not go over a limit either."""
        cart = filled(contested, limits=Limits(items=3))
        contested.contest([add_a_cup])

        with pytest.raises(CartLimitError, match="this would make 4"):
            cart.add("pan", price=1)

        assert quantities(contested) == {"mug": 2, "pot": 1, "cup": 1}

    def test_veto_of_the_second_try(self, contested: ContestedStorage) -> None:
        """Who may refuse a change is asked about what is going to be saved."""
        recorder = Recorder()
        cart = filled(contested, announcer=recorder)
        base = cart.version
        recorder.asked.clear()
        contested.contest([add_a_mug])
        cart.increment(mug(cart))

        first, second = [version for version, _ in recorder.asked]
        assert first == base < second < cart.version
        assert [events[0].line.quantity for _, events in recorder.asked] == [3, 4]

    def test_line_that_became_different(self, contested: ContestedStorage) -> None:
        """A line is added only if it is new, also to the fresh cart."""
        cart = filled(contested)
        contested.contest([add_a_cup])

        with pytest.raises(InvalidItemError, match="'cup' is in the cart already"):
            cart.add("cup", price=5, on_existing="error")

        assert quantities(contested)["cup"] == 1


class TestConflict:
    """Somebody else changed what the shopper saw."""

    def test_another_currency(self, contested: ContestedStorage) -> None:
        """A price in one currency is not taken for one in another."""
        cart = make_cart(contested)
        yen = Document(schema=SCHEMA, currency="JPY", metadata={"note": "new"})
        contested.contest([lambda rival: working_copy(rival).apply(Become(yen))])

        with pytest.raises(CartConflictError, match="in JPY now, it was in EUR"):
            cart.add("mug", price="12.50")

        assert decode(stored(contested).data).lines == ()

    def test_set_quantity_of_a_changed_line(self, contested: ContestedStorage) -> None:
        """The conflict says which line, which versions, and all three values."""
        recorder = Recorder()
        cart = filled(contested, announcer=recorder)
        seen = cart.version
        line_id = mug(cart)
        recorder.told.clear()
        contested.contest([add_a_mug])

        with pytest.raises(CartConflictError, match="changed after it was") as caught:
            cart.set_quantity(line_id, 5)

        error = caught.value
        assert error.line_id == line_id
        assert error.current_version == stored(contested).version > seen
        assert error.details == {
            "seen": {"quantity": "2"},
            "stored": {"quantity": "3"},
            "wanted": {"quantity": "5"},
        }
        assert error.cart is cart
        assert cart.get(line_id).quantity == 3
        assert recorder.told == []

    def test_set_quantity_of_a_line_that_was_seen_earlier(
        self, storage: MemoryStorage
    ) -> None:
        """What a form has shown counts, and not only what this cart has read."""
        cart = filled(storage)
        line_id, version = mug(cart), cart.version

        with pytest.raises(CartConflictError, match="changed after it was") as caught:
            cart.set_quantity(line_id, 5, seen=1)

        assert caught.value.details == {
            "seen": {"quantity": "1"},
            "stored": {"quantity": "2"},
            "wanted": {"quantity": "5"},
        }
        assert stored(storage).version == version

        with pytest.raises(InvalidItemError, match="at least 1, not 0"):
            cart.set_quantity(line_id, 5, seen=0)

        cart.set_quantity(line_id, 5, seen=2)

        assert make_cart(storage).get(line_id).quantity == 5

    def test_expected_version_is_the_one_that_was_seen(
        self, contested: ContestedStorage
    ) -> None:
        """The conflict tells the version that was seen from the stored one."""
        cart = filled(contested)
        seen = cart.version
        contested.contest([add_a_mug])

        with pytest.raises(CartConflictError) as caught:
            cart.set_quantity(mug(cart), 5)

        assert caught.value.expected_version == seen
        assert caught.value.current_version == stored(contested).version

    def test_as_data(self, contested: ContestedStorage) -> None:
        """The conflict as data has the same fields and says what to do."""
        cart = filled(contested)
        contested.contest([add_a_mug])

        with pytest.raises(CartConflictError) as caught:
            cart.update(mug(cart), quantity=5, name="Becher")

        error = caught.value
        plain = error.to_dict()
        suggestions = plain.pop("suggestions")
        assert plain == {
            "error": "cart_conflict",
            "message": str(error),
            "expected_version": error.expected_version,
            "current_version": error.current_version,
            "line_id": mug(cart),
            "details": {
                "seen": {"quantity": "2", "name": "mug"},
                "stored": {"quantity": "3", "name": "mug"},
                "wanted": {"quantity": "5", "name": "Becher"},
            },
        }
        assert [each["action"] for each in suggestions] == [
            "reload",
            "retry",
            "discard",
        ]

    def test_after_it_the_change_can_be_made(self, contested: ContestedStorage) -> None:
        """The cart shows what is stored, and the same change now applies."""
        cart = filled(contested)
        contested.contest([add_a_mug])

        with pytest.raises(CartConflictError):
            cart.set_quantity(mug(cart), 5)

        cart.set_quantity(mug(cart), 5)
        assert quantities(contested) == {"mug": 5, "pot": 1}

    @pytest.mark.parametrize(
        "change",
        [
            lambda cart: cart.set_quantity(mug(cart), 5),
            lambda cart: cart.set_quantity(mug(cart), 0),
            lambda cart: cart.update(mug(cart), name="Becher"),
            lambda cart: cart.increment(mug(cart)),
            lambda cart: cart.add_condition(GIFT, line=mug(cart)),
        ],
    )
    def test_line_that_vanished(
        self, contested: ContestedStorage, change: Callable[[Cart], object]
    ) -> None:
        """A line that somebody else removed is not brought back."""
        cart = filled(contested)
        line_id = mug(cart)
        contested.contest([drop_the_mug])

        with pytest.raises(CartConflictError) as caught:
            change(cart)

        assert caught.value.line_id == line_id
        assert caught.value.details["stored"] is None
        assert quantities(contested) == {"pot": 1}

    def test_fewer_of_a_line_that_vanished(self, contested: ContestedStorage) -> None:
        """To take from a line that is gone is what the shopper wanted."""
        cart = filled(contested)
        contested.contest([drop_the_mug])
        cart.increment(mug(cart), -1)

        assert quantities(contested) == {"pot": 1}

    def test_clear_is_not_applied_again(self, contested: ContestedStorage) -> None:
        """What the shopper has not seen is not cleared."""
        cart = filled(contested)
        seen = cart.version
        contested.contest([add_a_cup])

        with pytest.raises(CartConflictError, match="at the same time") as caught:
            cart.clear()

        error = caught.value
        assert error.expected_version == seen
        assert error.current_version == stored(contested).version
        assert error.cart is cart
        assert contested.attempts == 1
        assert quantities(contested) == {"mug": 2, "pot": 1, "cup": 1}
        assert len(cart) == 3

    def test_clear_of_an_old_read(self, contested: ContestedStorage) -> None:
        """The same is true if the other change came long before."""
        cart = filled(contested)
        add_a_cup(make_cart(contested))

        with pytest.raises(CartConflictError):
            cart.clear()

        assert quantities(contested) == {"mug": 2, "pot": 1, "cup": 1}

    def test_clear_of_a_cart_that_was_not_read(
        self, contested: ContestedStorage
    ) -> None:
        """Even where nothing was seen before, it is not applied again."""
        filled(contested)
        cart = make_cart(contested)
        contested.contest([add_a_cup])

        with pytest.raises(CartConflictError):
            working_copy(cart).apply(Clear())

        assert quantities(contested) == {"mug": 2, "pot": 1, "cup": 1}

    def test_clear_in_a_batch(self, contested: ContestedStorage) -> None:
        """A batch that clears is not applied again as a whole."""
        cart = filled(contested)
        contested.contest([add_a_cup])

        def start_again() -> None:
            with cart.batch():
                cart.add("pan", price=1)
                cart.clear()
                cart.add("lid", price=1)

        with pytest.raises(CartConflictError):
            start_again()

        assert quantities(contested) == {"mug": 2, "pot": 1, "cup": 1}

    def test_destroy(self, contested: ContestedStorage) -> None:
        """A cart that was changed is not destroyed."""
        recorder = Recorder()
        cart = filled(contested, announcer=recorder)
        seen = cart.version
        recorder.told.clear()
        contested.contest([add_a_cup])

        with pytest.raises(CartConflictError, match="at the same time") as caught:
            cart.destroy()

        error = caught.value
        assert error.expected_version == seen
        assert error.current_version == stored(contested).version
        assert error.cart is cart
        assert contested.attempts == 1
        assert quantities(contested) == {"mug": 2, "pot": 1, "cup": 1}
        assert recorder.told == []

    def test_destroyed_meanwhile(self, contested: ContestedStorage) -> None:
        """The conflict with somebody who destroyed the cart has no version."""
        cart = filled(contested)
        contested.contest([destroy])

        with pytest.raises(CartConflictError) as caught:
            cart.clear()

        assert caught.value.current_version == 0
        assert quantities(contested) == {}


class AlwaysLocked(ContestedStorage):
    """Locks from before the read, as ``CART_DATABASE_LOCK_FOR_UPDATE`` does."""

    always_lock = True


class TestAlwaysLocked:
    def test_every_write_is_locked(self) -> None:
        """The lock is taken once a write, and nobody is faster."""
        storage = AlwaysLocked()
        cart = filled(storage)
        storage.locks = 0
        storage.contest(itertools.repeat(add_a_mug))
        cart.increment(mug(cart))
        cart.increment(mug(cart))

        assert storage.locks == storage.attempts == 2
        assert quantities(storage)["mug"] == 4

    def test_reads_again_under_the_lock(self) -> None:
        """What was read before the lock is not what is changed."""
        storage = AlwaysLocked()
        cart = filled(storage)
        add_a_mug(make_cart(storage))
        storage.contest([])
        cart.increment(mug(cart))

        assert storage.attempts == 1
        assert quantities(storage)["mug"] == 4

    @pytest.mark.parametrize(
        "change", [lambda cart: cart.clear(), lambda cart: cart.destroy()]
    )
    def test_does_not_wipe_what_was_not_seen(
        self, change: Callable[[Cart], object]
    ) -> None:
        """A line that was added after the read survives, as without the lock."""
        storage = AlwaysLocked()
        cart = filled(storage)
        add_a_cup(make_cart(storage))

        with pytest.raises(CartConflictError):
            change(cart)

        assert quantities(storage) == {"mug": 2, "pot": 1, "cup": 1}

    def test_does_not_overwrite_what_was_not_seen(self) -> None:
        """A quantity that was changed after the read survives, too."""
        storage = AlwaysLocked()
        cart = filled(storage)
        add_a_mug(make_cart(storage))

        with pytest.raises(CartConflictError):
            cart.set_quantity(mug(cart), 9)

        assert quantities(storage)["mug"] == 3


class TestExpect:
    def test_the_right_version(self, contested: ContestedStorage) -> None:
        """Changes that follow on the expected version are made, one after another."""
        cart = filled(contested)
        assert cart.expect(cart.version) is cart
        cart.add("cup", price=1)
        cart.add("cup", price=1)
        cart.clear()
        cart.destroy()
        cart.add("pan", price=1)

        assert quantities(contested) == {"pan": 1}

    @pytest.mark.parametrize(
        "change",
        [
            lambda cart: cart.add("pan", price=1),
            lambda cart: cart.increment(mug(cart)),
            lambda cart: cart.set_quantity(mug(cart), 5),
            lambda cart: cart.remove(mug(cart)),
            lambda cart: cart.remove("gone"),
            lambda cart: cart.add_condition(TAX),
            lambda cart: cart.metadata.update(a=1),
            lambda cart: cart.clear(),
            lambda cart: cart.destroy(),
        ],
    )
    def test_another_version(
        self, contested: ContestedStorage, change: Callable[[Cart], object]
    ) -> None:
        """Every change fails if the cart has moved on, also those that could apply."""
        recorder = Recorder()
        old = filled(contested).version
        add_a_cup(make_cart(contested))
        cart = make_cart(contested, announcer=recorder).expect(old)

        with pytest.raises(CartConflictError) as caught:
            change(cart)

        error = caught.value
        assert error.expected_version == old
        assert error.current_version == stored(contested).version
        assert error.cart is cart
        assert quantities(contested) == {"mug": 2, "pot": 1, "cup": 1}
        assert recorder.asked == recorder.told == []

    def test_line_that_is_not_there_any_more(self, contested: ContestedStorage) -> None:
        """What is posted about a line that is gone is a conflict, not a mistake."""
        cart = filled(contested)
        old, line_id = cart.version, mug(cart)
        drop_the_mug(cart)
        cart = make_cart(contested).expect(old)

        with pytest.raises(CartConflictError, match="meant for version") as caught:
            cart.set_quantity(line_id, 5)

        error = caught.value
        assert error.expected_version == old
        assert error.current_version == stored(contested).version
        assert (error.line_id, error.cart) == (line_id, cart)

    def test_line_that_never_was(self, contested: ContestedStorage) -> None:
        """At the expected version, an unknown line is a mistake."""
        cart = filled(contested)

        with pytest.raises(InvalidItemError, match="no line 'x'"):
            cart.expect(cart.version).set_quantity("x", 5)

    def test_lost_save(self, contested: ContestedStorage) -> None:
        """A lost save is not tried again."""
        cart = filled(contested)
        seen = cart.version
        contested.contest([add_a_cup])

        with pytest.raises(CartConflictError) as caught:
            cart.expect(seen).add("pan", price=1)

        assert caught.value.expected_version == seen
        assert contested.attempts == 1
        assert "pan" not in quantities(contested)

    def test_no_cart(self, storage: MemoryStorage) -> None:
        """Version 0 expects that there is no cart yet."""
        make_cart(storage).expect(0).add("mug", price=1)
        assert quantities(storage) == {"mug": 1}

        with pytest.raises(CartConflictError):
            make_cart(storage).expect(0).add("mug", price=1)

        assert quantities(storage) == {"mug": 1}

    def test_wrong_version_of_no_cart(self, storage: MemoryStorage) -> None:
        """A guest who has no cart any more cannot change an old one."""
        with pytest.raises(CartConflictError):
            make_cart(storage, key=None).expect(7).add("mug", price=1)

        assert stored(storage) is None


class TestRetries:
    @pytest.mark.parametrize("attempts", [0, 1, 3])
    def test_lost_saves_are_bounded(
        self, contested: ContestedStorage, attempts: int
    ) -> None:
        """As many retries as configured; all but the last one can be lost."""
        cart = filled(contested, retry=replace(AT_ONCE, attempts=attempts))
        contested.contest(itertools.repeat(add_a_cup))

        if attempts:
            cart.add("pan", price=1)
            assert quantities(contested)["cup"] == attempts
        else:
            with pytest.raises(CartConflictError, match="at the same time"):
                cart.add("pan", price=1)

        assert contested.attempts == attempts + 1
        assert contested.locks == (1 if attempts else 0)

    def test_last_retry_holds_the_lock(self, contested: ContestedStorage) -> None:
        """Under the lock nobody else is faster, so the last retry wins."""
        cart = filled(contested)
        contested.contest(itertools.repeat(add_a_mug))
        cart.increment(mug(cart), 100)

        assert contested.locks == 1
        assert contested.attempts == 9
        assert quantities(contested)["mug"] == 2 + 8 + 100

    def test_without_rivals_there_is_no_lock(self, contested: ContestedStorage) -> None:
        """A save that is not lost is the only one."""
        cart = filled(contested)
        contested.contest([])
        cart.increment(mug(cart))

        assert (contested.attempts, contested.locks) == (1, 0)

    def test_even_the_lock_may_not_help(self) -> None:
        """Where somebody does not respect the lock, it is a conflict in the end."""

        class Unlocked(ContestedStorage):
            def lock(self, owner):
                return MemoryStorage.lock(self, owner)

        storage = Unlocked()
        cart = filled(storage, retry=replace(AT_ONCE, attempts=3))
        storage.contest(itertools.repeat(add_a_mug))

        with pytest.raises(CartConflictError, match="at the same time") as caught:
            cart.increment(mug(cart), 100)

        assert caught.value.current_version == stored(storage).version
        assert storage.attempts == 4
        assert quantities(storage)["mug"] == 2 + 4

    @given(st.integers(0, 20), st.floats(0, 1), st.floats(0, 1))
    def test_pauses(self, attempts: int, base: float, longest: float) -> None:
        """Pauses are within their bounds, and only the last retry is locked."""
        pauses: list[float] = []
        retry = Retry(attempts, base, longest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("flask_cart.carts.repository.time.sleep", pauses.append)
            tries = list(retry.tries())

        assert tries == [False, *[n == attempts for n in range(1, attempts + 1)]]
        assert len(pauses) == attempts

        for number, pause in enumerate(pauses):
            assert 0 <= pause <= min(longest, base * 2**number)

    def test_patience_ends(self) -> None:
        """Tries that take long are ended before there are too many."""
        clock = itertools.count(step=PATIENCE / 3)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "flask_cart.carts.repository.time.monotonic", lambda: next(clock)
            )
            tries = list(AT_ONCE.tries())

        assert tries == [False] * 4


class TestBusy:
    def test_load(self) -> None:
        """A read that could not be answered is tried again."""
        storage = BusyStorage()
        filled(storage)
        storage.busy["load"] = 3

        assert len(make_cart(storage)) == 2
        assert storage.busy["load"] == 0

    def test_load_for_a_write(self) -> None:
        """So is the read of a write."""
        storage = BusyStorage()
        storage.busy["load"] = 3
        cart = make_cart(storage, retry=replace(AT_ONCE, attempts=3))
        cart.remove("gone")
        cart.refresh()
        storage.busy["load"] = 3
        cart.add("mug", price=1)

        assert quantities(storage) == {"mug": 1}

    def test_load_in_the_end(self) -> None:
        """A storage that does not answer in the end says so."""
        storage = BusyStorage()
        storage.busy["load"] = 10**6
        retry = replace(AT_ONCE, attempts=3)

        with pytest.raises(CartBusyError, match="too busy to load"):
            len(make_cart(storage, retry=retry))

        assert storage.busy["load"] == 10**6 - 4

    def test_save(self) -> None:
        """A save that could not be answered is tried again, from a fresh read."""
        storage = BusyStorage()
        cart = filled(storage)
        storage.busy["save"] = 3
        cart.increment(mug(cart))

        assert quantities(storage)["mug"] == 3
        assert storage.busy["save"] == 0

    @pytest.mark.parametrize(
        "change",
        [
            lambda cart: cart.clear(),
            lambda cart: cart.expect(cart.version).clear(),
            lambda cart: cart.expect(cart.version).remove(mug(cart)),
        ],
        ids=["clear", "expect and clear", "expect and remove"],
    )
    def test_busy_is_no_conflict(self, change: Callable[[Cart], object]) -> None:
        """A change of what was seen is tried again while nobody else changed it."""
        storage = BusyStorage()
        cart = filled(storage)
        storage.busy["save"] = 1
        change(cart)

        assert "mug" not in quantities(storage)

    def test_lost_after_busy(self) -> None:
        """Where the last save was answered, and lost, it is a conflict."""

        class BusyOnce(ContestedStorage):
            is_busy = False

            def save(self, owner, changes):
                if self.is_busy:
                    self.is_busy = False
                    raise CartBusyError("too busy to save")

                return super().save(owner, changes)

        storage = BusyOnce()
        cart = filled(storage)
        storage.is_busy = True
        storage.contest([add_a_cup])

        with pytest.raises(CartConflictError, match="at the same time"):
            cart.clear()

        assert quantities(storage) == {"mug": 2, "pot": 1, "cup": 1}

    def test_save_in_the_end(self) -> None:
        """A storage that is busy in the end is unavailable; nobody made a conflict."""
        storage = BusyStorage()
        cart = filled(storage)
        storage.busy["save"] = 10**6

        with pytest.raises(CartStorageError, match="too busy to save"):
            cart.increment(mug(cart))

        assert quantities(storage)["mug"] == 2
        assert storage.busy["save"] == 10**6 - 9

    def test_destroy(self) -> None:
        """A deletion that could not be answered is tried again."""
        storage = BusyStorage()
        cart = filled(storage)
        storage.busy["save"] = 3
        cart.destroy()

        assert quantities(storage) == {}

    def test_inside_the_apps_transaction(self) -> None:
        """A transaction of the app that has failed is not tried again here."""

        class Joined(BusyStorage):
            def transaction(self):
                return self

            def when_done(self, committed, rolled_back) -> None:
                pass

        storage = Joined()
        cart = filled(storage)
        storage.busy["save"] = 5

        with pytest.raises(CartConflictError, match=r"the transaction .* has failed"):
            cart.increment(mug(cart))

        assert storage.busy["save"] == 4

    @pytest.mark.parametrize("read", [len, lambda cart: cart.once("key").__enter__()])
    def test_read_inside_the_apps_transaction(
        self, read: Callable[[Cart], object]
    ) -> None:
        """Neither is a read, which would only hear that the transaction has failed."""

        class Joined(BusyStorage):
            def transaction(self):
                return self

        storage = Joined()
        storage.busy["load"] = 5

        with pytest.raises(CartConflictError, match=r"the transaction .* has failed"):
            read(make_cart(storage))

        assert storage.busy["load"] == 4

    def test_rival_who_was_in_the_way(self) -> None:
        """What was read is not saved again after a rival was in the way, who has most
        likely changed it."""

        class Overtaken(ContestedStorage):
            def save(self, owner: str, changes: Changes) -> bool:
                if not super().save(owner, changes):
                    raise CartBusyError("serialization failure")

                return True

        storage = Overtaken()
        cart = filled(storage)
        storage.contest([add_a_cup])
        cart.increment(mug(cart))

        assert storage.attempts == 2
        assert quantities(storage) == {"mug": 3, "pot": 1, "cup": 1}


class Unheard(MemoryStorage):
    """Memory whose first answer to a deletion gets lost on the way."""

    deletions = 0

    def save(self, owner: str, changes: Changes) -> bool:
        is_saved = super().save(owner, changes)

        if all(each.text is None for each in changes.values()):
            self.deletions += 1

            if self.deletions == 1:
                raise CartBusyError("nobody knows")

        return is_saved


class TestDestroyedAlready:
    @pytest.mark.parametrize("always_lock", [False, True])
    @pytest.mark.parametrize("is_expected", [False, True])
    def test_answer_is_lost(self, always_lock: bool, is_expected: bool) -> None:
        """A cart that is gone at the second try was deleted by the first one, as far
        as anybody can know, and that is announced once."""
        storage = Unheard()
        recorder = Recorder()
        cart = filled(storage, announcer=recorder)
        storage.always_lock = always_lock
        lines, version = cart.lines, cart.version
        recorder.told.clear()

        if is_expected:
            cart.expect(version)

        cart.destroy()
        ((event,),) = recorder.told
        assert event.name == "cart_destroyed"
        assert (event.version, event.lines) == (version, lines)
        assert len(recorder.asked) == 1 + (not always_lock) + 1
        assert quantities(storage) == {}

    def test_of_a_version_that_is_gone(self, storage: MemoryStorage) -> None:
        """Who expects a version does not take any other cart for gone."""
        version = filled(storage).version
        make_cart(storage).destroy()

        with pytest.raises(CartConflictError, match="meant for version"):
            make_cart(storage).expect(version).destroy()


class LockedStorage(MemoryStorage):
    """Memory that a rival holds the lock of, for longer than anybody waits."""

    def __init__(self, locked: str) -> None:
        super().__init__()
        self.locked = locked
        self.is_locked = False
        self.waits = 0

    def load(self, key: CartKey) -> Stored | None:
        self._wait("load")

        return super().load(key)

    def save(self, owner: str, changes: Changes) -> bool:
        self._wait("save")

        return super().save(owner, changes)

    def lock(self, owner: str) -> contextlib.AbstractContextManager[None]:
        self._wait("lock")

        return super().lock(owner)

    def _wait(self, method: str) -> None:
        if self.is_locked and method == self.locked:
            self.waits += 1
            raise CartLockTimeoutError("locked for too long")


class TestLocked:
    @pytest.mark.parametrize(
        ("locked", "change"),
        [
            ("load", lambda cart: (cart.refresh(), cart.quantity)),
            ("load", lambda cart: (cart.refresh(), cart.clear())),
            ("save", lambda cart: cart.add("mug", price=1)),
            ("save", lambda cart: cart.clear()),
            ("save", lambda cart: cart.destroy()),
        ],
        ids=["read", "read to add", "add", "clear", "destroy"],
    )
    def test_waited_for_once(
        self, locked: str, change: Callable[[Cart], object]
    ) -> None:
        """Who has waited in vain once does not wait again, and has changed nothing."""
        storage = LockedStorage(locked)
        cart = filled(storage)
        storage.is_locked = True

        with pytest.raises(CartLockTimeoutError, match="locked for too long"):
            change(cart)

        assert storage.waits == 1
        storage.is_locked = False
        assert quantities(storage) == {"mug": 2, "pot": 1}

    def test_locked_from_the_beginning(self) -> None:
        """The lock itself is waited for once, too."""
        storage = LockedStorage("lock")
        cart = filled(storage)
        storage.always_lock = storage.is_locked = True

        with pytest.raises(CartLockTimeoutError):
            cart.increment(mug(cart))

        assert storage.waits == 1
        storage.is_locked = False
        cart.increment(mug(cart))
        assert quantities(storage)["mug"] == 3

    def test_nothing_is_announced(self) -> None:
        """A change that was not made is not announced; a later one is, once."""
        storage = LockedStorage("save")
        recorder = Recorder()
        cart = make_cart(storage, announcer=recorder)
        storage.is_locked = True

        with pytest.raises(CartLockTimeoutError):
            cart.add("mug", price=1)

        assert recorder.told == []
        storage.is_locked = False
        cart.add("mug", price=1)
        assert recorder.names == ["cart_created", "item_added"]

    def test_inside_the_apps_transaction(self) -> None:
        """In a transaction of the app, which has failed with it, it is a conflict."""

        class Joined(LockedStorage):
            def transaction(self):
                return self

            def when_done(self, committed, rolled_back) -> None:
                pass

        storage = Joined("save")
        cart = filled(storage)
        storage.is_locked = True

        with pytest.raises(CartConflictError, match=r"the transaction .* has failed"):
            cart.increment(mug(cart))

        assert storage.waits == 1


class TestBatch:
    def test_one_write(self, storage: MemoryStorage) -> None:
        """Many changes are one version and one announcement."""
        recorder = Recorder()
        cart = filled(storage, announcer=recorder)
        version = cart.version
        recorder.told.clear()

        with cart.batch() as same:
            assert same is cart
            cart.add("cup", 2, price=1)
            cart.increment(mug(cart))
            cart.add_condition(TAX)
            assert quantities(storage) == {"mug": 2, "pot": 1}
            assert cart.quantity == 6
            assert cart.totals.count == 3
            assert cart.version == version

        assert cart.version > version
        assert quantities(storage) == {"mug": 3, "pot": 1, "cup": 2}
        assert [len(each) for each in recorder.told] == [3]

    @pytest.mark.parametrize(
        "error", [ZeroDivisionError, KeyboardInterrupt, GeneratorExit]
    )
    def test_error(self, storage: MemoryStorage, error: type[BaseException]) -> None:
        """An error inside discards all changes, and the cart is usable again."""
        recorder = Recorder()
        cart = filled(storage, announcer=recorder)
        before = stored(storage)
        recorder.told.clear()

        def fail() -> None:
            with cart.batch():
                cart.add("cup", price=1)
                cart.remove(mug(cart))
                raise error

        with pytest.raises(error):
            fail()

        assert stored(storage) == before
        assert recorder.told == []
        assert [line.item_id for line in cart] == ["mug", "pot"]
        cart.add("pan", price=1)
        assert quantities(storage) == {"mug": 2, "pot": 1, "pan": 1}

    def test_bad_change(self, storage: MemoryStorage) -> None:
        """A change that is refused inside discards the others."""
        cart = filled(storage)
        before = stored(storage)

        def fail() -> None:
            with cart.batch():
                cart.add("cup", price=1)
                cart.add("pan", price="nothing")

        with pytest.raises(InvalidItemError):
            fail()

        assert stored(storage) == before

    def test_refused_at_the_end(self, storage: MemoryStorage) -> None:
        """A limit that the result goes over discards all of it."""
        cart = filled(storage, limits=Limits(items=3))
        before = stored(storage)

        def overfill() -> None:
            with cart.batch():
                cart.metadata["note"] = "x"
                cart.add("cup", price=1)
                cart.add("pan", price=1)

        with pytest.raises(CartLimitError):
            overfill()

        assert stored(storage) == before
        assert len(cart) == 2

    def test_limits_hold_for_the_result(self, storage: MemoryStorage) -> None:
        """What is over a limit only on the way is allowed."""
        cart = filled(storage, limits=Limits(items=2))

        with cart.batch():
            cart.add("cup", price=1)
            cart.remove(mug(cart))

        assert quantities(storage) == {"pot": 1, "cup": 1}

    def test_cancelled_out(self, storage: MemoryStorage) -> None:
        """Changes that cancel each other out write nothing and announce nothing."""
        recorder = Recorder()
        cart = filled(storage, announcer=recorder)
        before = stored(storage)
        recorder.told.clear()
        recorder.asked.clear()

        with cart.batch():
            cart.add("cup", price=1)
            cart.add_condition(TAX)
            cart.increment(mug(cart), 3)
            cart.remove_condition("VAT")
            cart.set_quantity(mug(cart), 2)
            cart.remove(cart.lines[-1].id)

        assert stored(storage) == before
        assert recorder.told == recorder.asked == []

    def test_nothing_in_it(self, storage: MemoryStorage) -> None:
        """A batch without changes makes no cart."""
        with make_cart(storage).batch():
            pass

        assert stored(storage) is None

    def test_inside_another(self, storage: MemoryStorage) -> None:
        """A batch inside a batch is part of it."""
        recorder = Recorder()
        cart = make_cart(storage, announcer=recorder)

        with cart.batch():
            cart.add("mug", price=1)

            with cart.batch():
                cart.add("pot", price=1)

            assert stored(storage) is None
            cart.add("cup", price=1)

        assert quantities(storage) == {"mug": 1, "pot": 1, "cup": 1}
        assert len(recorder.told) == 1

    def test_error_of_the_outer_one(self, storage: MemoryStorage) -> None:
        """What the inner batch did is discarded with the outer one."""
        cart = make_cart(storage)

        def fail() -> None:
            with cart.batch():
                with cart.batch():
                    cart.add("pot", price=1)

                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()

        assert stored(storage) is None

    def test_error_of_the_inner_one(self, storage: MemoryStorage) -> None:
        """An inner batch that fails is discarded whole, the outer one goes on."""
        cart = make_cart(storage)

        def try_a_bundle() -> None:
            with cart.batch():
                cart.add("pot", price=1)
                cart.add("lid", price="nothing")

        with cart.batch():
            cart.add("mug", price=1)

            with pytest.raises(InvalidItemError):
                try_a_bundle()

        assert quantities(storage) == {"mug": 1}

    def test_is_applied_again_as_a_whole(self, contested: ContestedStorage) -> None:
        """A batch that lost is applied to what the other one saved."""
        cart = filled(contested)
        contested.contest([add_a_mug, add_a_cup])

        with cart.batch():
            cart.increment(mug(cart), 2)
            cart.add("pan", price=1)

        assert quantities(contested) == {"mug": 5, "pot": 1, "cup": 1, "pan": 1}

    def test_conflict_of_one_change(self, contested: ContestedStorage) -> None:
        """If one change of a batch cannot be applied again, none of it is."""
        cart = filled(contested)
        contested.contest([add_a_mug])

        def change() -> None:
            with cart.batch():
                cart.add("pan", price=1)
                cart.set_quantity(mug(cart), 9)

        with pytest.raises(CartConflictError):
            change()

        assert quantities(contested) == {"mug": 3, "pot": 1}

    def test_sees_its_own_changes(self, contested: ContestedStorage) -> None:
        """A quantity set after an addition in the same batch is no conflict."""
        cart = filled(contested)
        contested.contest([add_a_cup])

        with cart.batch():
            cart.increment(mug(cart))
            cart.set_quantity(mug(cart), 9)

        assert quantities(contested) == {"mug": 9, "pot": 1, "cup": 1}

    def test_veto(self, storage: MemoryStorage) -> None:
        """A veto discards the batch."""
        recorder = Recorder()
        cart = filled(storage, announcer=recorder)
        before = stored(storage)
        recorder.veto = CartVetoError("no")

        with pytest.raises(CartVetoError), cart.batch():
            cart.add("cup", price=1)

        assert stored(storage) == before
        assert len(cart) == 2

    def test_destroy_inside(self, storage: MemoryStorage) -> None:
        """A cart is not destroyed by a batch that fails."""
        cart = filled(storage)
        before = stored(storage)

        with contextlib.suppress(Exception), cart.batch():
            cart.add("cup", price=1)
            cart.destroy()
            raise ZeroDivisionError

        assert stored(storage) == before

    def test_checkout_inside(self, storage: MemoryStorage) -> None:
        """What is sold inside a batch is not left in the cart by it."""
        cart = make_cart(storage)
        sold: list[str] = []

        with contextlib.suppress(Exception), cart.batch():
            cart.add("mug", price=1)

            sold = [line.item_id for line in sell(cart)]

        assert not (sold and quantities(storage))


class TestVersions:
    def test_grow_with_each_write(self, storage: MemoryStorage) -> None:
        """A version grows with each write, and only with a write."""
        cart = filled(storage)
        first = cart.version
        cart.add("cup", price=1)
        second = cart.version
        cart.remove("gone")
        assert cart.version == second
        cart.add_condition(TAX)
        third = cart.version
        cart.add_condition(TAX)

        assert first < second < third == cart.version == stored(storage).version

    def test_never_come_back(self, storage: MemoryStorage) -> None:
        """A cart that is made anew has no version that an old reader may hold."""
        seen: set[int] = set()

        for _ in range(50):
            cart = make_cart(storage)
            versions = set()

            for _ in range(2):
                cart.add("mug", price=1)
                versions.add(cart.version)

            assert not versions & seen
            seen |= versions
            cart.destroy()

    @pytest.mark.parametrize("change", [Cart.clear, Cart.destroy])
    def test_old_reader_of_a_new_cart(
        self, storage: MemoryStorage, change: Callable[[Cart], object]
    ) -> None:
        """Who read a cart that is gone does not wipe the one that took its place."""
        old = filled(storage)
        make_cart(storage).destroy()
        make_cart(storage).add("cup", price=1)

        with pytest.raises(CartConflictError):
            change(old)

        assert quantities(storage) == {"cup": 1}

    def test_stale_save(self, storage: MemoryStorage) -> None:
        """Nothing is stored under a version that is not the stored one."""
        cart = filled(storage)
        data = encode(working_copy(cart).document)

        for version in [0, cart.version - 1, cart.version + 1]:
            assert (
                save_carts(storage, KEY.owner, {KEY.instance: (version, data)}) is None
            )

        assert stored(storage).version == cart.version


def test_veto_leaves_everything(storage: MemoryStorage) -> None:
    """A veto keeps a change, and a destruction, from happening."""
    recorder = Recorder()
    cart = filled(storage, announcer=recorder)
    before = stored(storage)
    recorder.told.clear()
    recorder.veto = CartVetoError("not today")

    for change in [Cart.clear, Cart.destroy, add_a_cup]:
        with pytest.raises(CartVetoError, match="not today"):
            change(cart)

    assert stored(storage) == before
    assert recorder.told == []
    assert [line.item_id for line in cart] == ["mug", "pot"]


def test_timestamps(storage: MemoryStorage) -> None:
    """A cart knows when it was made and when it was last saved."""
    cart = make_cart(storage)
    cart.add("mug", price=1)
    first = working_copy(cart).document
    cart.add("mug", price=1)

    assert (
        first.created_at == first.updated_at == working_copy(cart).document.created_at
    )
    assert working_copy(cart).document.updated_at >= first.updated_at
    assert first.created_at.utcoffset().total_seconds() == 0


def test_data_may_be_bytes() -> None:
    """A storage may give bytes back for the text that it was given."""

    class Bytes(MemoryStorage):
        def load(self, key):
            found = super().load(key)

            return found and found._replace(data=found.data.encode())

    cart = filled(Bytes(), limits=Limits(data_bytes=10_000))

    assert working_copy(cart).snapshot.size == len(
        encode(working_copy(cart).document).encode()
    )
    cart.add("cup", price=1)
    assert len(cart) == 3
