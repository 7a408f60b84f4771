"""What came with a merge is taken out again: "these are not mine"."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import InvalidItemError
from flask_cart.carts.catalogue import Catalogue
from flask_cart.model.keys import CartKey
from flask_cart.model.lines import MAX_QUANTITY
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart

USER = CartKey("user:1", "default")
GUEST = CartKey("guest:a", "default")

BUILT_IN = [
    "add_quantities",
    "keep_highest_quantity",
    "keep_user_cart",
    "replace_with_guest",
]

counts = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5), max_size=4)
changes = st.lists(
    st.tuples(st.sampled_from("abcde"), st.integers(-6, 3).filter(bool)), max_size=5
)


def fill(cart: Cart, quantities: dict[str, int]) -> Cart:
    with cart.batch():
        for item, quantity in quantities.items():
            cart.add(item, quantity, price=1)

    return cart


def quantities(cart: Cart) -> dict[str, int]:
    return {line.item_id: line.quantity for line in cart}


def change(cart: Cart, item: str, by: int) -> None:
    if by > 0:
        cart.add(item, by, price=1)
        return

    for line in cart:
        if line.item_id == item:
            cart.increment(line.id, by)


class TestAfterAMerge:
    @given(counts, counts, st.sampled_from(BUILT_IN))
    def test_at_once(
        self, theirs: dict[str, int], mine: dict[str, int], strategy: str
    ) -> None:
        """What was there before is there again, unless the guest's took its place."""
        storage = MemoryStorage()
        user = fill(make_cart(storage, key=USER), mine)
        guest = fill(make_cart(storage, key=GUEST), theirs)
        report = user.merge(guest, strategy)
        merged = quantities(user)
        user.take_out(report.quantities.get("default", {}))

        assert quantities(user) == {
            item: min(count, merged[item]) for item, count in mine.items()
        }

    @given(counts, counts, changes, st.sampled_from(BUILT_IN))
    def test_after_any_changes(
        self,
        theirs: dict[str, int],
        mine: dict[str, int],
        changed: list[tuple[str, int]],
        strategy: str,
    ) -> None:
        """Never more than came is gone, and lines that did not come stay."""
        storage = MemoryStorage()
        user = fill(make_cart(storage, key=USER), mine)
        guest = fill(make_cart(storage, key=GUEST), theirs)
        report = user.merge(guest, strategy)
        came = {line.item_id: line.quantity for line in report.lines}

        for item, by in changed:
            change(user, item, by)

        before = quantities(user)
        user.take_out(report.quantities.get("default", {}))

        assert quantities(make_cart(storage, key=USER)) == {
            item: count - came.get(item, 0)
            for item, count in before.items()
            if count > came.get(item, 0)
        }

    def test_report(self, storage: MemoryStorage) -> None:
        """What came is plain data by instance and line, also over several rounds."""
        contested = ContestedStorage()
        guest = fill(make_cart(contested, key=GUEST), {"a": 2})
        user = make_cart(contested, key=USER)
        a = guest.lines[0].id
        contested.contest([lambda rival: None, lambda rival: rival.add("a", price=1)])
        report = user.merge(guest)

        assert len(report.merged) == 2
        assert report.quantities == {"default": {a: 3}}
        assert json.loads(json.dumps(report.quantities)) == report.quantities

    def test_report_of_nothing(self, storage: MemoryStorage) -> None:
        """A cart that nothing came into is not named."""
        guest = make_cart(storage, key=GUEST)
        guest.metadata["note"] = 1
        report = make_cart(storage, key=USER).merge(guest)

        assert report.merged
        assert report.quantities == {}


class TestTakeOut:
    def test_is_one_write(self, storage: MemoryStorage) -> None:
        """Each line that changes is told of, in one new version."""
        recorder = Recorder()
        cart = fill(make_cart(storage, announcer=recorder), {"a": 2, "b": 3, "c": 1})
        a, b, _ = (line.id for line in cart)
        recorder.told.clear()
        cart.take_out({a: 2, b: 1, "gone": 7})

        assert quantities(cart) == {"b": 2, "c": 1}
        assert [[each.name for each in told] for told in recorder.told] == [
            ["item_removed", "item_updated"]
        ]

    @pytest.mark.parametrize("lines", [{}, {"gone": 1}])
    def test_nothing(self, storage: MemoryStorage, lines: dict[str, int]) -> None:
        """What is not there cannot be taken out, and no cart is made for it."""
        cart = fill(make_cart(storage), {"a": 2})
        version = cart.version
        cart.take_out(lines)
        make_cart(storage, key=GUEST).take_out(lines)
        make_cart(storage, key=None).take_out(lines)

        assert cart.version == version
        assert len(storage._carts) == 1

    def test_meanwhile(self) -> None:
        """What somebody else adds and removes at the same time is seen to."""
        storage = ContestedStorage()
        cart = fill(make_cart(storage), {"a": 2, "b": 2})
        a, b = cart.lines

        def rival(other: Cart) -> None:
            with other.batch():
                other.remove(a.id)
                other.increment(b.id, 3)

        storage.contest([rival])
        cart.take_out({a.id: 1, b.id: 4})

        assert quantities(cart) == {"b": 1}

    def test_of_another_version(self, storage: MemoryStorage) -> None:
        """A cart that is expected at a version stays as it is at another."""
        cart = fill(make_cart(storage), {"a": 2})
        seen = cart.version
        cart.add("a", price=1)

        with pytest.raises(CartConflictError):
            cart.expect(seen).take_out({cart.lines[0].id: 1})

        assert quantities(make_cart(storage)) == {"a": 3}

    def test_asks_no_products(self, storage: MemoryStorage) -> None:
        """Fewer may be left than the item is sold in: they were there before."""

        class Tea:
            cart_id = "tea"
            cart_name = "Tea"
            cart_price = "3"
            cart_minimum = 6

        catalogue = Catalogue()
        catalogue.loader = lambda ids: {"tea": Tea()}
        cart = make_cart(storage, catalogue=catalogue)
        line = cart.add(Tea(), 8)
        cart.take_out({line.id: 6})

        assert quantities(cart) == {"tea": 2}

    @pytest.mark.parametrize(
        "wrong",
        [
            None,
            5,
            "abc",
            ["a"],
            {1: 1},
            {None: 1},
            {"a": 0},
            {"a": -1},
            {"a": True},
            {"a": 1.5},
            {"a": "1"},
            {"a": None},
            {"a": MAX_QUANTITY + 1},
            {"a": {}},
        ],
        ids=repr,
    )
    def test_wrong(self, storage: MemoryStorage, wrong: object) -> None:
        """What is no mapping of quantities changes nothing, whatever else it has."""
        cart = fill(make_cart(storage), {"a": 2})

        if isinstance(wrong, dict):
            wrong = {cart.lines[0].id: 1} | wrong

        with pytest.raises(InvalidItemError):
            cart.take_out(wrong)  # type: ignore[arg-type]

        assert quantities(make_cart(storage)) == {"a": 2}
