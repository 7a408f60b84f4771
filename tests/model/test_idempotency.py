"""Claims: a change that is sent twice with the same key is made once."""

from __future__ import annotations

import typing as t
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import CartLimitError
from flask_cart import CartVetoError
from flask_cart.carts.cart import working_copy
from flask_cart.model.errors import CartKeyReusedError
from flask_cart.model.errors import CartReplayedError
from flask_cart.model.idempotency import MAX_KEYS
from flask_cart.model.idempotency import claim_key
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.storage.memory import MemoryStorage
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
    def test_takes_any_key(self, cart: Cart, key: str) -> None:
        """However long a key is, the cart keeps 32 characters of it."""
        add_once(cart, key, key)

        assert [len(each) for each in working_copy(cart).document.claims] == [32]

    def test_remembers_the_last_ones(self, cart: Cart) -> None:
        """After twenty other keys, the oldest is forgotten, and no sooner."""
        for number in range(MAX_KEYS):
            add_once(cart, str(number))

        with pytest.raises(CartReplayedError):
            add_once(cart, "0")

        add_once(cart, "one more")
        add_once(cart, "0")

        assert len(working_copy(cart).document.claims) == MAX_KEYS
        assert cart.quantity == MAX_KEYS + 2

    def test_is_one_write(self, cart: Cart, recorder: Recorder) -> None:
        """The key and all the changes inside are saved together, or not at all."""
        with cart.once("a"):
            cart.add("mug", price=5)
            cart.metadata["note"] = "ring"

        assert len(recorder.told) == 1

        with suppress(ZeroDivisionError), cart.once("b"):
            cart.add("pot", price=5)
            _ = 1 / 0

        assert len(recorder.told) == 1
        assert len(working_copy(cart).document.claims) == 1

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

    def test_nothing_claims_nothing(
        self, cart: Cart, storage: MemoryStorage, recorder: Recorder
    ) -> None:
        """A change that comes to nothing is no write, and not remembered."""
        with cart.once("a"):
            cart.remove("0" * 64)

        with cart.once("a"):
            cart.clear()

        with cart.once("a"):
            cart.remove(cart.add("mug", price=5).id)

        assert stored(storage) is None
        assert not recorder.told
        add_once(cart, "a")


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
        assert len(working_copy(cart).document.claims) == 4

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
        """A cart that is deleted has no memory: the next one is new."""
        add_once(cart, "a")
        cart.destroy()
        add_once(cart, "a")

        assert cart.quantity == 1

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
            guest = make_cart(storage, key=CartKey("guest:1", "default"))
            add_once(guest, "a")
            add_once(guest, key + "!")
            user.merge(guest)

        assert len(working_copy(user).document.claims) == 3

    def test_swapped(self, storage: MemoryStorage) -> None:
        """Whoever gets the cart gets its keys."""
        cart = make_cart(storage)
        add_once(cart, "a")
        cart.transfer("user:2")
        given = make_cart(storage, key=CartKey("user:2", "default"))

        with pytest.raises(CartReplayedError):
            add_once(given, "a")


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

    As long as a cart has not forgotten the key, of which there are at most 13 here.
    """
    assert MAX_KEYS > 13
    plain, repeating = make_cart(MemoryStorage()), make_cart(MemoryStorage())
    meanings: dict[int, str] = {}
    done: set[int] = set()

    for position, (number, name) in enumerate(changes):
        # A key has one meaning.
        change = CHANGES[meanings.setdefault(number, name)]
        version = plain.version

        if number not in done:
            change(plain)

        # What comes to nothing has not happened.
        done |= {number} if plain.version != version else set()

        for _ in range(1 + again.count(position)):
            with suppress(CartReplayedError), repeating.once(str(number)):
                change(repeating)

    assert content_of(repeating) == content_of(plain)


@given(key=st.text(), content=st.text(), others=st.lists(st.text(), max_size=5))
def test_claims_are_equal_only_for_the_same(
    key: str, content: str, others: list[str]
) -> None:
    """Different keys and contents make different claims."""
    claims = {claim_key(k, c).claim for k in {key, *others} for c in {content, *others}}

    assert len(claims) == len({key, *others}) * len({content, *others})
