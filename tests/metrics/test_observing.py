"""What observers are told about every use of the storage, and about every event."""

from __future__ import annotations

import datetime as dt
import logging
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from flask import Flask
from flask import current_app

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartConflictError
from flask_cart import CartLimitError
from flask_cart import CartLockTimeoutError
from flask_cart import CartStorageError
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart.carts.observing import Access
from flask_cart.carts.writing import Part
from flask_cart.model.events import CartAbandoned
from flask_cart.model.keys import CartKey
from flask_cart.signals import before_change
from flask_cart.signals import cart_abandoned
from flask_cart.storage.base import Stored
from flask_cart.storage.memory import MemoryStorage
from tests.support.apps import make_app
from tests.support.observers import Notes
from tests.support.observers import Observed
from tests.support.observers import observed
from tests.support.shop import KEY
from tests.support.shop import BusyStorage
from tests.support.shop import ContestedStorage
from tests.support.shop import sell
from tests.support.shops import open_shop

TAX = Condition("VAT", "tax", "subtotal", "19%")


@pytest.fixture
def storage() -> ContestedStorage:
    return ContestedStorage()


@pytest.fixture
def shop(storage: ContestedStorage) -> Iterator[Observed]:
    with observed(CART_STORAGE=storage) as shop:
        yield shop


def add_a_mug(cart: Cart) -> None:
    cart.add("mug", price="12.50")


def filled(shop: Observed) -> Cart:
    """A cart with a mug, as a shopper has read it, and nothing noted of it."""
    add_a_mug(shop.cart())
    cart = shop.cart()
    assert len(cart) == 1
    shop.notes.accesses.clear()

    return cart


def summary(access: Access) -> tuple[object, ...]:
    return access.action, access.operations, access.outcome, access.retries


class TestAccess:
    """Each use of the storage is told once."""

    def test_load(self, shop: Observed) -> None:
        """A cart is read when it is looked at first, and then not again."""
        began = time.perf_counter()
        cart = shop.cart()
        assert (cart.lines, cart.version) == ((), 0)
        took = time.perf_counter() - began

        access = shop.notes.access
        assert summary(access) == ("load", (), "done", 0)
        assert (access.key, access.storage) == (KEY, "ContestedStorage")
        assert 0 < access.seconds < took
        assert (access.lock_waits, access.expired_leases) == ((), 0)

    def test_write(self, shop: Observed) -> None:
        """A write is one access, with the read that is part of it."""
        add_a_mug(shop.cart())

        assert summary(shop.notes.access) == ("write", ("add_line",), "done", 0)

    def test_batch(self, shop: Observed) -> None:
        """The operations of a batch are those of one write."""
        cart = filled(shop)

        with cart.batch():
            add_a_mug(cart)
            cart.add("pot", price=30)
            cart.add_condition(TAX)

        operations = ("add_line", "add_line", "add_condition")
        assert summary(shop.notes.access) == ("write", operations, "done", 0)

    def test_unchanged(self, shop: Observed) -> None:
        """What changes nothing is not saved, which is another outcome."""
        cart = filled(shop)
        cart.metadata.update(note="ring twice")
        shop.notes.accesses.clear()
        cart.metadata.update(note="ring twice")

        assert summary(shop.notes.access) == (
            *("write", ("set_metadata",)),
            *("unchanged", 0),
        )

    def test_destroy(self, shop: Observed) -> None:
        """Deleting is an access of its own, also if there is nothing to delete."""
        cart = filled(shop)
        cart.destroy()
        assert summary(shop.notes.access) == ("destroy", (), "done", 0)

        cart.destroy()
        assert summary(shop.notes.access) == ("destroy", (), "unchanged", 0)

    def test_changed_before_it_was_destroyed(
        self, shop: Observed, storage: ContestedStorage
    ) -> None:
        """The look at what is there then is not told apart."""
        cart = filled(shop)
        storage.contest([add_a_mug])

        with pytest.raises(CartConflictError):
            cart.destroy()

        assert summary(shop.notes.access) == ("destroy", (), "conflict", 0)

    @pytest.mark.parametrize("rivals", [1, 3, 8])
    def test_retries(
        self, shop: Observed, storage: ContestedStorage, rivals: int
    ) -> None:
        """Every lost save is a retry, up to the last one, which holds the lock."""
        cart = filled(shop)
        storage.contest([add_a_mug] * rivals)
        cart.add("pot", price=30)

        assert storage.locks == (rivals == 8)
        assert summary(shop.notes.access) == ("write", ("add_line",), "done", rivals)

    def test_conflict(self, shop: Observed, storage: ContestedStorage) -> None:
        """What cannot be applied again was tried twice."""
        cart = filled(shop)
        storage.contest([add_a_mug])

        with pytest.raises(CartConflictError):
            cart.set_quantity(cart.lines[0].id, 5)

        # The look at what is there then is not told apart.
        assert summary(shop.notes.access) == (
            *("write", ("update_line",)),
            *("conflict", 1),
        )

    def test_expected_version(self, shop: Observed, storage: ContestedStorage) -> None:
        """What is meant for one version is not tried again."""
        cart = filled(shop)
        storage.contest([add_a_mug])

        with pytest.raises(CartConflictError):
            cart.clear()

        assert summary(shop.notes.access) == ("write", ("clear",), "conflict", 0)

    def test_limit(self) -> None:
        """A change that goes over a limit was refused."""
        with observed(CART_STORAGE="memory", CART_MAX_ITEMS=1) as shop:
            cart = filled(shop)

            with pytest.raises(Exception, match="at most 1"):
                cart.add("pot", price=30)

            assert summary(shop.notes.access)[2] == "refused"

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [(CartVetoError("No."), "refused"), (ZeroDivisionError(), "failed")],
    )
    def test_veto(self, shop: Observed, error: Exception, outcome: str) -> None:
        """A receiver may refuse a change, and may also have a bug."""
        cart = filled(shop)

        def refuse(app: Flask, **extra: t.Any) -> None:
            raise error

        with before_change.connected_to(refuse), pytest.raises(type(error)):
            add_a_mug(cart)

        assert summary(shop.notes.access)[2] == outcome

    def test_corrupt(self, shop: Observed, storage: ContestedStorage) -> None:
        """What is stored and is no cart has an outcome of its own."""
        filled(shop)
        (_, saved_at) = storage._carts[KEY]
        storage._carts[KEY] = Stored("{", 1), saved_at

        with pytest.raises(Exception, match="not a cart"):
            len(shop.cart())

        assert summary(shop.notes.access) == ("load", (), "corrupt", 0)

    @pytest.mark.parametrize(
        ("method", "work", "expected"),
        [
            ("load", len, ("load", (), "busy", 8)),
            ("save", add_a_mug, ("write", ("add_line",), "busy", 8)),
        ],
    )
    def test_busy(
        self,
        method: str,
        work: Callable[[Cart], object],
        expected: tuple[object, ...],
    ) -> None:
        """What is too busy is tried again until there are no tries left."""
        storage = BusyStorage()

        with observed(CART_STORAGE=storage) as shop:
            storage.busy[method] = 100

            with pytest.raises(CartStorageError, match="too busy"):
                work(shop.cart())

            assert summary(shop.notes.access) == expected

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (CartLockTimeoutError("Too long."), "lock_timeout"),
            (CartStorageError("Down."), "failed"),
            (CartConfigError("Wrong."), "failed"),
            (KeyboardInterrupt(), "failed"),
        ],
    )
    def test_broken_storage(self, error: BaseException, outcome: str) -> None:
        """A storage that fails is told, whatever it fails with."""

        class Broken(MemoryStorage):
            def load(self, key: CartKey) -> Stored | None:
                raise error

        with observed(CART_STORAGE=Broken()) as shop:
            with pytest.raises(type(error)):
                len(shop.cart())

            assert summary(shop.notes.access) == ("load", (), outcome, 0)

    def test_storage_behind_a_proxy(self) -> None:
        """The storage of sessions is known at the request; its name is told, not that
        of what stands for it."""
        app = make_app(TESTING=True)
        extension = FlaskCart(app)
        notes = Notes()
        extension.observe(notes)

        with app.test_request_context():
            current_cart.add("mug", price=1)

        assert notes.access.storage == "CookieStorage"

    def test_lock_that_gives_something_else(self) -> None:
        """What the lock of somebody's storage gives need not be ours."""

        class Odd(ContestedStorage):
            always_lock = True

            def lock(self, owner: str) -> t.Any:
                return memoryview(b"")

        with observed(CART_STORAGE=Odd()) as shop:
            add_a_mug(shop.cart())

            assert summary(shop.notes.access)[2] == "done"


class TestTogether:
    """Each of two carts that are changed in one step is told."""

    def test_move(self, shop: Observed) -> None:
        """Both have operations of their own."""
        cart = filled(shop)
        cart.move(cart.lines[0].id, to="wishlist")

        assert [
            (access.key.instance, *summary(access)) for access in shop.notes.accesses
        ] == [
            ("wishlist", "write", ("receive_line",), "done", 0),
            ("default", "write", ("increment_line",), "done", 0),
        ]

    def test_limit(self) -> None:
        """If one of them cannot be changed, neither is."""
        with observed(CART_STORAGE="memory", CART_MAX_QUANTITY=1) as shop:
            add_a_mug(shop.cart().instance("wishlist"))
            cart = filled(shop)

            with pytest.raises(CartLimitError):
                cart.move(cart.lines[0].id, to="wishlist")

            assert [access.outcome for access in shop.notes.accesses] == ["refused"] * 2

    def test_busy(self) -> None:
        """Both were tried as often."""
        storage = BusyStorage()

        with observed(CART_STORAGE=storage) as shop:
            cart = filled(shop)
            storage.busy["save"] = 2
            cart.move(cart.lines[0].id, to="wishlist")

            assert [access.retries for access in shop.notes.accesses] == [2, 2]

    def test_unchanged(self, shop: Observed) -> None:
        """What changes nothing is not saved here either."""
        repository = current_app.extensions["cart"].services.repository
        part = Part(KEY, [], None, None, lambda key, version, events: None)
        other = replace(part, key=KEY._replace(instance="wishlist"))
        repository.write([part, other])

        assert [summary(access) for access in shop.notes.accesses] == [
            ("write", (), "unchanged", 0)
        ] * 2


class TestEvents:
    """What signals announce is told, too."""

    def test_names(self, shop: Observed) -> None:
        """Each event is told once: not what is asked before, nor the summary of all."""
        cart = shop.cart()
        add_a_mug(cart)

        sell(cart)

        assert shop.notes.names == [
            "cart_created",
            "item_added",
            "checkout_started",
            "cart_checked_out",
        ]

    def test_disabled(self) -> None:
        """What is not sent is not told."""
        with observed(
            CART_STORAGE="memory", CART_EVENTS_DISABLED={"cart_created"}
        ) as shop:
            add_a_mug(shop.cart())

            assert shop.notes.names == ["item_added"]

    def test_lost_save(self, shop: Observed, storage: ContestedStorage) -> None:
        """What happened again because somebody else was faster is told once."""
        cart = filled(shop)
        storage.contest([add_a_mug] * 3)
        cart.add("pot", price=30)

        assert shop.notes.names == ["cart_created", "item_added", "item_added"]

    @pytest.mark.parametrize("fails", [False, True])
    def test_order_that_is_rolled_back(self, sqlite_url: str, fails: bool) -> None:
        """Nothing was sold before the order is committed."""
        with open_shop(sqlite_url) as shop, shop.app.app_context():
            shop.fill("mug")
            notes = Notes()
            shop.extension.observe(notes)

            def order() -> None:
                shop.order("one")

                if fails:
                    raise ZeroDivisionError

            with suppress(ZeroDivisionError):
                sell(shop.cart(), order, session=shop.db.session)

            assert notes.names == ([] if fails else ["cart_checked_out"])

    def test_abandoned(self, storage: ContestedStorage, shop: Observed) -> None:
        """A cart is told as abandoned once it is gone: not if a receiver keeps it, nor
        if its owner comes back at the last moment."""
        for owner in ["user:gone", "user:kept", "user:back"]:
            add_a_mug(shop.cart(owner))

        long_ago = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
        storage._carts = {
            key: (stored, long_ago) for key, (stored, _) in storage._carts.items()
        }
        shop.notes.events.clear()
        asked = []

        def decide(
            app: Flask, cart: Cart, event: CartAbandoned, **extra: t.Any
        ) -> None:
            asked.append(event.owner)

            if event.owner == "user:kept":
                raise CartVetoError("Keep it.")

            if event.owner == "user:back":
                add_a_mug(shop.cart(event.owner))

        with cart_abandoned.connected_to(decide, current_app._get_current_object()):
            result = current_app.test_cli_runner().invoke(
                args=["cart", "prune", "--yes"]
            )

        assert result.exit_code == 0, result.output
        assert sorted(asked) == ["user:back", "user:gone", "user:kept"]
        assert {key.owner for key in storage._carts} == {"user:back", "user:kept"}
        assert sorted((event.name, event.owner) for event in shop.notes.events) == [
            ("cart_abandoned", "user:gone"),
            ("cart_destroyed", "user:gone"),
            ("item_updated", "user:back"),
        ]

        shop.notes.events.clear()
        shop.cart("user:back").destroy()
        assert shop.notes.names == ["cart_destroyed"]


class TestObservers:
    """Who is told."""

    def test_each_hears_of_its_own_apps(self) -> None:
        """An extension tells of all of its apps, and of those of no other."""
        one, other = FlaskCart(), FlaskCart()
        notes, others = Notes(), Notes()
        one.observe(notes)
        other.observe(others)

        for extension, owner in [(one, "user:1"), (one, "user:2"), (other, "user:3")]:
            app = make_app(CART_STORAGE="memory")
            extension.init_app(app)

            with app.app_context():
                add_a_mug(extension.cart(owner=owner))

        assert [each.key.owner for each in notes.accesses] == ["user:1", "user:2"]
        assert [each.owner for each in notes.events] == ["user:1"] * 2 + ["user:2"] * 2
        assert [each.owner for each in others.events] == ["user:3"] * 2
        assert others.access.key.owner == "user:3"

    def test_all_are_told(self, shop: Observed) -> None:
        """There may be several, and those who come late hear of what comes then."""
        add_a_mug(shop.cart())
        late = Notes()
        shop.extension.observe(late)
        add_a_mug(shop.cart())

        assert late.accesses == shop.notes.accesses[1:]
        assert late.names == ["item_updated"]

    def test_one_that_raises(
        self, shop: Observed, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An observer with a bug is logged; the change holds, and others are told."""

        class Broken:
            def accessed(self, access: Access) -> None:
                raise ZeroDivisionError

            happened = accessed

        observers = shop.extension._registry.observers.all
        observers.insert(0, Broken())
        add_a_mug(shop.cart())

        assert len(shop.cart()) == 1
        assert [each.action for each in shop.notes.accesses] == ["write", "load"]
        assert shop.notes.names == ["cart_created", "item_added"]
        assert (
            caplog.record_tuples
            == [
                (
                    *("flask_cart.carts.observing", logging.ERROR),
                    f"The observer {observers[0]!r} failed.",
                )
            ]
            * 4
        )
