"""Used keys: a change that is sent twice with the same key is made once."""

from __future__ import annotations

import datetime as dt
import typing as t
from contextlib import nullcontext
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import CartCorruptError
from flask_cart import CartLimitError
from flask_cart import CartVetoError
from flask_cart.model.errors import CartKeyReusedError
from flask_cart.model.errors import CartReplayedError
from flask_cart.model.idempotency import LASTS
from flask_cart.model.idempotency import MAX_KEYS
from flask_cart.model.idempotency import USED_KEYS
from flask_cart.model.idempotency import Claim
from flask_cart.model.idempotency import UsedKeys
from flask_cart.model.idempotency import decode_keys
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_carts
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import sell
from tests.support.shop import stored

#: What a shopper may do, by name. Some of it comes to nothing, once or always.
CHANGES: dict[str, t.Callable[[Cart], object]] = {
    "add": lambda cart: cart.add("mug", 2, price=5),
    "another": lambda cart: cart.add(f"item {len(cart)}", price=1),
    "note": lambda cart: cart.metadata.update({"note": f"at {cart.quantity}"}),
    "fewer": lambda cart: [cart.increment(line.id, -1) for line in cart],
    "clear": lambda cart: cart.clear(),
}


def add_once(cart: Cart, key: str, content: str = "") -> None:
    with cart.once(key, content):
        cart.add("mug", price=5)


def kept(storage: MemoryStorage, owner: str = "user:1") -> UsedKeys:
    """The keys that are known of an owner."""
    found = stored(storage, CartKey(owner, USED_KEYS))

    return decode_keys(found.data) if found is not None else ()


class Clock:
    """What time it is, as the tests say."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.time


def content_of(cart: Cart) -> t.Any:
    """What is in a cart."""
    return [(line.item_id, line.quantity) for line in cart], dict(cart.metadata)


class TestOnce:
    def test_makes_a_change_once(self, cart: Cart, storage: MemoryStorage) -> None:
        """The second time it is an error, and nothing is written."""
        add_once(cart, "a")
        kept = stored(storage)

        with pytest.raises(CartReplayedError) as caught:
            add_once(cart, "a")

        assert caught.type is CartReplayedError
        assert stored(storage) == kept
        assert cart.quantity == 1

    def test_makes_it_once_for_all_holders(self, storage: MemoryStorage) -> None:
        """The key is stored with the cart, so that another process knows it."""
        add_once(make_cart(storage), "a")

        with pytest.raises(CartReplayedError):
            add_once(make_cart(storage), "a")

    def test_does_nothing_of_what_is_inside(self, cart: Cart) -> None:
        """The second time, the block is not even entered."""
        add_once(cart, "a")
        entered = []

        with pytest.raises(CartReplayedError), cart.once("a"):
            entered.append(True)

        assert not entered

    def test_knows_the_content(self, cart: Cart) -> None:
        """The same key with another content is a mistake of the sender."""
        add_once(cart, "a", "one mug")

        with pytest.raises(CartKeyReusedError):
            add_once(cart, "a", "two mugs")

        assert cart.quantity == 1

    def test_tells_keys_apart(self, cart: Cart) -> None:
        """A key and its content are not one text, cut anywhere."""
        for key, content in [("ab", "c"), ("a", "bc"), ("abc", "")]:
            add_once(cart, key, content)

        assert cart.quantity == 3

    @pytest.mark.parametrize("key", ["", "ä", "\x00", "x" * 100_000, "{}"])
    def test_takes_any_key(self, cart: Cart, storage: MemoryStorage, key: str) -> None:
        """However long a key is, 32 characters of it are kept."""
        add_once(cart, key, key)

        assert [len(each.claim) for each in kept(storage)] == [32]

    @pytest.mark.unmeasured
    def test_remembers_the_last_ones(self, cart: Cart, storage: MemoryStorage) -> None:
        """After a thousand other keys, the oldest is forgotten, and no sooner."""
        for number in range(MAX_KEYS):
            add_once(cart, str(number))

        with pytest.raises(CartReplayedError):
            add_once(cart, "0")

        add_once(cart, "one more")
        add_once(cart, "0")

        assert len(kept(storage)) == MAX_KEYS == 1000
        assert cart.quantity == MAX_KEYS + 2

    @pytest.mark.parametrize(
        ("later", "is_known"),
        [
            (dt.timedelta(hours=23, minutes=59), True),
            (dt.timedelta(hours=24), True),
            (LASTS, True),
            (LASTS + dt.timedelta(seconds=1), False),
        ],
    )
    def test_remembers_for_a_day(
        self, storage: MemoryStorage, later: dt.timedelta, is_known: bool
    ) -> None:
        """A day later it is a replay still, soon after that a new change."""
        clock = Clock()
        cart = make_cart(storage, clock=clock)
        add_once(cart, "a")
        clock.time += later

        with pytest.raises(CartReplayedError) if is_known else nullcontext():
            add_once(cart, "a")

        assert cart.quantity == 1 + (not is_known)

    def test_forgets_what_is_too_old(self, storage: MemoryStorage) -> None:
        """What is of no use any more is not kept with what is."""
        clock = Clock()
        cart = make_cart(storage, clock=clock)

        for key in "abcd":
            clock.time += LASTS * 0.6
            add_once(cart, key)

        assert len(kept(storage)) == 2

    def test_tells_which_line(self, cart: Cart, storage: MemoryStorage) -> None:
        """Who sends it again learns what line it was, also when it is gone."""
        with cart.once("a"):
            line = cart.add("mug", price=5)

        cart.destroy()

        with pytest.raises(CartReplayedError) as caught:
            add_once(cart, "a")

        assert caught.value.line_id == line.id

    def test_tells_of_no_line(self, cart: Cart) -> None:
        """Where it was about several lines, or none, there is not one to be told."""
        with cart.once("two"):
            cart.add("mug", price=5)
            cart.add("pot", price=5)

        with cart.once("none"):
            cart.metadata["note"] = "ring"

        for key in ("two", "none"):
            with pytest.raises(CartReplayedError) as caught:
                add_once(cart, key)

            assert caught.value.line_id == ""

    def test_is_not_a_part_of_the_cart(
        self, cart: Cart, storage: MemoryStorage
    ) -> None:
        """A cart is as large with a thousand keys as without."""
        cart.add("mug", price=5)
        before = stored(storage)
        add_once(cart, "a")
        after = stored(storage)

        assert before is not None
        assert after is not None
        assert len(before.data) == len(after.data)
        assert "a" not in cart.to_dict()

    def test_is_for_one_of_the_carts(self, cart: Cart) -> None:
        """The same key for another cart of the owner is another change."""
        add_once(cart, "a")
        add_once(cart.instance("wishlist"), "a")

        for each in (cart, cart.instance("wishlist")):
            assert each.quantity == 1

            with pytest.raises(CartReplayedError):
                add_once(each, "a")

    def test_is_one_write(
        self, cart: Cart, storage: MemoryStorage, recorder: Recorder
    ) -> None:
        """The key and all the changes inside are saved together, or not at all."""
        with cart.once("a"):
            cart.add("mug", price=5)
            cart.metadata["note"] = "ring"

        assert len(recorder.told) == 1

        with suppress(ZeroDivisionError), cart.once("b"):
            cart.add("pot", price=5)
            _ = 1 / 0

        assert len(recorder.told) == 1
        assert len(kept(storage)) == 1

    def test_is_saved_with_the_change(self, cart: Cart, storage: MemoryStorage) -> None:
        """There is one save, of both: who dies at any moment leaves both or none."""
        saves = []
        save = storage.save
        storage.save = lambda owner, changes: (  # type: ignore[method-assign]
            saves.append(set(changes)) or save(owner, changes)
        )
        add_once(cart, "a")

        assert saves == [{"default", USED_KEYS}]

    def test_inside_a_batch(self, cart: Cart) -> None:
        """It belongs to the write of the batch, whose error discards both."""
        with suppress(ZeroDivisionError), cart.batch():
            add_once(cart, "a")
            _ = 1 / 0

        with cart.batch():
            add_once(cart, "a")

            with pytest.raises(CartReplayedError):
                add_once(cart, "a")

        assert cart.quantity == 1

    def test_another_inside_a_batch(
        self, cart: Cart, storage: MemoryStorage, recorder: Recorder
    ) -> None:
        """Each keeps its own key, in the one write of both."""
        with cart.batch():
            add_once(cart, "a")
            add_once(cart, "b")

        for key in ("a", "b"):
            with pytest.raises(CartReplayedError):
                add_once(cart, key)

        assert len(kept(storage)) == cart.quantity == 2
        assert len(recorder.told) == 1

    def test_is_no_event(self, cart: Cart, recorder: Recorder) -> None:
        """Nobody is told of keys, and nothing shows them."""
        add_once(cart, "secret")

        assert recorder.names == ["cart_created", "item_added"]
        assert "secret" not in repr(recorder.told)


class TestRefused:
    def test_limit_claims_nothing(self, storage: MemoryStorage) -> None:
        """What the limits refuse may be tried again with the same key."""
        tight = make_cart(storage, limits=Limits(items=1))
        tight.add("pot", price=1)
        kept = stored(storage)

        with pytest.raises(CartLimitError):
            add_once(tight, "a")

        assert stored(storage) == kept
        add_once(make_cart(storage), "a")

    def test_veto_claims_nothing(self, cart: Cart, recorder: Recorder) -> None:
        """The same holds for what a receiver refuses."""
        recorder.veto = CartVetoError("closed")

        with pytest.raises(CartVetoError):
            add_once(cart, "a")

        recorder.veto = None
        add_once(cart, "a")
        assert cart.quantity == 1

    def test_conflict_claims_nothing(self, cart: Cart, storage: MemoryStorage) -> None:
        """What was meant for another version has not happened."""
        cart.add("pot", price=1)
        make_cart(storage).add("pot", price=1)

        with pytest.raises(CartConflictError):
            add_once(cart.expect(cart.version), "a")

        cart.expect_any()
        add_once(cart, "a")
        assert cart.quantity == 3

    def test_nothing_makes_no_cart(
        self, cart: Cart, storage: MemoryStorage, recorder: Recorder
    ) -> None:
        """A change that comes to nothing where no cart is, is no write."""
        with cart.once("a"):
            cart.remove("0" * 64)

        with cart.once("a"):
            cart.clear()

        with cart.once("a"):
            cart.remove(cart.add("mug", price=5).id)

        assert stored(storage) is None
        assert not kept(storage)
        assert not recorder.told
        add_once(cart, "a")

    def test_nothing_is_remembered(
        self, cart: Cart, storage: MemoryStorage, recorder: Recorder
    ) -> None:
        """A change that has come to nothing does so when it comes again, and is no
        version of the cart."""
        line = cart.add("mug", price=5)
        before = stored(storage)

        with cart.once("a"):
            cart.set_quantity(line.id, 1)

        assert stored(storage) == before
        assert len(recorder.told) == 1
        cart.set_quantity(line.id, 7)

        with pytest.raises(CartReplayedError), cart.once("a"):
            cart.set_quantity(line.id, 1)

        assert cart.quantity == 7


class TestRivals:
    """Two requests with the same key, of which the other one is saved first."""

    def test_change_once(self) -> None:
        """The second one finds the key in what the first one saved."""
        storage = ContestedStorage()
        cart = make_cart(storage)
        cart.add("pot", price=1)
        storage.contest([lambda rival: add_once(rival, "a")])

        with pytest.raises(CartReplayedError):
            add_once(cart, "a")

        cart.refresh()
        assert cart.quantity == 2

    @pytest.mark.parametrize("expects", [True, False])
    def test_change_once_what_is_not_repeated(self, expects: bool) -> None:
        """It is a replay, and no conflict, if the rival was the same change."""
        storage = ContestedStorage()
        cart = make_cart(storage)
        cart.add("pot", price=1)

        def clear_once(cart: Cart) -> None:
            with cart.once("a"):
                cart.clear()

        storage.contest([clear_once])

        with pytest.raises(CartReplayedError):
            clear_once(cart.expect(cart.version) if expects else cart)

    def test_are_told_of_a_true_conflict(self) -> None:
        """If the rival did something else, it is a conflict, and claims nothing."""
        storage = ContestedStorage()
        cart = make_cart(storage)
        cart.add("pot", price=1)
        storage.contest([lambda rival: rival.add("pot", price=1)])

        with pytest.raises(CartConflictError), cart.once("a"):
            cart.clear()

        with cart.once("a"):
            cart.clear()

        assert not cart

    def test_with_other_keys_are_all_there(self) -> None:
        """Rivals with keys of their own lose nothing, neither items nor keys."""
        storage = ContestedStorage()
        cart = make_cart(storage)
        storage.contest([lambda rival, key=key: add_once(rival, key) for key in "bcd"])
        add_once(cart, "a")

        assert cart.quantity == 4
        assert len(kept(storage)) == 4

    @pytest.mark.parametrize("loads", range(1, 7))
    @pytest.mark.parametrize("others", [0, 1])
    def test_between_two_reads(self, loads: int, others: int) -> None:
        """Whenever the same move is made by the rival, it is no conflict, and nothing
        that is not there: it is a replay, or was made by this one."""
        storage = ContestedStorage()
        cart = make_cart(storage)
        line = cart.add("pot", 3, price=1).id
        storage.contest([lambda rival: rival.add("mug", price=1)] * others)
        load, left = storage.load, loads

        def load_before_rival(key: CartKey) -> t.Any:
            nonlocal left
            found = load(key)
            left -= 1

            if left == 0:
                with suppress(CartReplayedError):
                    make_cart(storage).move(line, to="later", key="a")

            return found

        storage.load = load_before_rival  # type: ignore[method-assign]

        with suppress(CartReplayedError):
            make_cart(storage).move(line, to="later", key="a")

        assert content_of(make_cart(storage).instance("later")) == ([("pot", 3)], {})
        assert line not in make_cart(storage)

    def test_with_other_keys_are_no_conflict(self) -> None:
        """What only the keys are another one for is not lost, and no conflict: the cart
        is still what was seen."""
        storage = ContestedStorage()
        cart = make_cart(storage)
        cart.add("pot", price=1)
        storage.contest([lambda rival: add_once(rival.instance("wishlist"), "a")])

        with cart.once("a"):
            cart.clear()

        assert not cart
        assert len(kept(storage)) == 2

    def test_of_a_new_cart(self) -> None:
        """It holds for the first change of all, too."""
        storage = ContestedStorage()
        storage.contest([lambda rival: add_once(rival, "a")])

        with pytest.raises(CartReplayedError):
            add_once(make_cart(storage), "a")

        assert make_cart(storage).quantity == 1


class TestAfterwards:
    def test_cleared(self, cart: Cart) -> None:
        """A form that was sent before the cart was emptied adds nothing after it."""
        add_once(cart, "a")
        cart.clear()

        with pytest.raises(CartReplayedError):
            add_once(cart, "a")

    def test_checked_out(self, cart: Cart) -> None:
        """The same holds for an order."""
        add_once(cart, "a")

        sell(cart)

        with pytest.raises(CartReplayedError):
            add_once(cart, "a")

        assert not cart

    def test_destroyed(self, cart: Cart) -> None:
        """Who sends it again does not make a new cart of one that was deleted."""
        add_once(cart, "a")
        cart.destroy()

        with pytest.raises(CartReplayedError):
            add_once(cart, "a")

        assert not cart.version

    def test_merged(self, storage: MemoryStorage) -> None:
        """A form that a guest has sent adds nothing when it is sent again as a user.

        The user's own keys are remembered as well.
        """
        guest = make_cart(storage, key=CartKey("guest:1", "default"))
        user = make_cart(storage)
        add_once(guest, "guest's")
        add_once(user, "user's")
        user.merge(guest)

        for key in ("guest's", "user's"):
            with pytest.raises(CartReplayedError):
                add_once(user, key)

        assert user.quantity == 2

    def test_merged_again(self, storage: MemoryStorage) -> None:
        """Keys that come twice are remembered once."""
        user = make_cart(storage)

        for key in ("a", "b"):
            guest = make_cart(storage, key=CartKey(f"guest:{key}", "default"))
            add_once(guest, "a")
            add_once(guest, key + "!")
            user.merge(guest)

        assert len(kept(storage)) == 3

    def test_merged_when_empty(self, storage: MemoryStorage) -> None:
        """The keys come along also where nothing else does, and those that are too old
        stay behind."""
        clock = Clock()
        guest = make_cart(storage, key=CartKey("guest:1", "default"), clock=clock)
        user = make_cart(storage, clock=clock)
        add_once(guest, "old")
        clock.time += LASTS + dt.timedelta(seconds=1)
        add_once(guest, "a")
        guest.clear()
        user.merge(guest)

        with pytest.raises(CartReplayedError):
            add_once(user, "a")

        assert len(kept(storage)) == 1

    def test_given_away(self, storage: MemoryStorage) -> None:
        """Whoever gets the cart gets its keys, and who has given it keeps them."""
        cart = make_cart(storage)
        add_once(cart, "a")
        cart.transfer("user:2")
        given = make_cart(storage, key=CartKey("user:2", "default"))

        for each in (given, cart):
            with pytest.raises(CartReplayedError):
                add_once(each, "a")

        assert (given.quantity, cart.quantity) == (1, 0)


class TestDamage:
    def test_stays(self, cart: Cart, storage: MemoryStorage) -> None:
        """Keys that cannot be read are an error, and not as good as none."""
        save_carts(storage, "user:1", {USED_KEYS: (0, "{broken")})

        with pytest.raises(CartCorruptError):
            add_once(cart, "a")

        cart.add("mug", price=5)
        found = stored(storage, CartKey("user:1", USED_KEYS))
        assert found is not None
        assert found.data == "{broken"


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(sorted(CHANGES))), max_size=25
    ),
    again=st.lists(st.integers(0, 24), max_size=25),
)
def test_repeats_change_nothing(
    changes: list[tuple[int, str]], again: list[int]
) -> None:
    """Any sequence with repeats is the same as the sequence without them.

    As long as the key is known, of which there are at most 13 here.
    """
    assert MAX_KEYS > 13
    plain, repeating = make_cart(MemoryStorage()), make_cart(MemoryStorage())
    meanings: dict[int, str] = {}
    done: set[int] = set()

    for position, (number, name) in enumerate(changes):
        # A key has one meaning.
        change = CHANGES[meanings.setdefault(number, name)]

        if number not in done:
            change(plain)

        # What comes to nothing is remembered as well, where there is a cart.
        done |= {number} if plain.version else set()

        for _ in range(1 + again.count(position)):
            with suppress(CartReplayedError), repeating.once(str(number)):
                change(repeating)

    assert content_of(repeating) == content_of(plain)


@given(key=st.text(), content=st.text(), others=st.lists(st.text(), max_size=5))
def test_claims_are_equal_only_for_the_same(
    key: str, content: str, others: list[str]
) -> None:
    """Different keys and contents make different claims."""
    carts = ("default", "default-2")
    claims = {
        Claim(k, c).on(cart)
        for cart in carts
        for k in {key, *others}
        for c in {content, *others}
    }

    assert len(claims) == 2 * len({key, *others}) * len({content, *others})
