"""Two operations in every order, for the tests of apps."""

from __future__ import annotations

import contextlib
import itertools
import threading
import typing as t
from collections.abc import Callable
from collections.abc import Iterator

import pytest
from flask import request

from flask_cart import CartConflictError
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing import InterleavingError
from flask_cart.testing import Step
from flask_cart.testing import interleave
from flask_cart.testing import stepping
from flask_cart.testing.carts import save_carts
from tests.support.apps import make_app
from tests.support.shop import sell
from tests.support.shops import open_shop

OWNER = "user:1"
Operation = Callable[[], t.Any]


class AlwaysLocking(MemoryStorage):
    """Memory that is locked in every write."""

    always_lock = True


class Shop:
    """An app with views that change the cart in different ways."""

    def __init__(self, storage: MemoryStorage) -> None:
        self.app = app = make_app(CART_STORAGE=storage, CART_RETRY_BASE_DELAY=0)
        self.extension = extension = FlaskCart(app)
        extension.owner_loader(lambda: request.headers["Owner"])

        @app.post("/add")
        def add() -> dict[str, int]:
            current_cart.add("mug", price=1)

            return {"mugs": current_cart.quantity}

        @app.get("/cart")
        def show() -> dict[str, int]:
            return {"mugs": current_cart.quantity}

        @app.post("/visit")
        def visit() -> dict[str, int]:
            visits = current_cart.metadata.get("visits", 0)
            current_cart.metadata["visits"] = visits + 1

            return {}

        @app.post("/visit-unless-changed")
        def visit_unless_changed() -> dict[str, int]:
            cart = current_cart.expect(current_cart.version)
            cart.metadata["visits"] = cart.metadata.get("visits", 0) + 1

            return {}

    def request(self, method: str, path: str, owner: str = OWNER) -> Operation:
        """A request, in a browser of its own."""
        headers = {"Owner": owner}

        return lambda: self.app.test_client().open(path, method=method, headers=headers)

    def empty(self) -> None:
        with self.app.app_context():
            self.extension.cart(owner=OWNER).destroy()

    def mugs(self) -> int:
        with self.app.app_context():
            return self.extension.cart(owner=OWNER).quantity

    def visits(self) -> int:
        with self.app.app_context():
            visits: int = self.extension.cart(owner=OWNER).metadata.get("visits", 0)

            return visits


@pytest.fixture
def shop() -> Shop:
    return Shop(MemoryStorage())


def names(steps: tuple[Step, ...]) -> list[str]:
    """The steps in short: who, what, and whether it was lost."""
    return [f"{step.who} {step.what} {step.outcome}".rstrip() for step in steps]


@pytest.mark.parametrize(
    ("storage", "orders"), [(MemoryStorage, 6), (AlwaysLocking, 2)]
)
def test_two_adds(storage: type[MemoryStorage], orders: int) -> None:
    """Both of two adds are there, in each of their orders: of two steps each, in the
    4 over 2 ways to mix these. What is done under the lock is like one step."""
    shop = Shop(storage())
    add = shop.request("POST", "/add")

    def check(first: t.Any, second: t.Any) -> None:
        assert (first.status_code, second.status_code) == (200, 200)
        assert {first.json["mugs"], second.json["mugs"]} == {1, 2}
        assert shop.mugs() == 2

    found = interleave(shop.app, add, add, reset=shop.empty, check=check)

    assert len(found) == len(set(map(tuple, map(names, found)))) == orders


def test_orders_of_two_adds(shop: Shop) -> None:
    """These are the orders; whoever loses a save is alone when it is made again."""
    add = shop.request("POST", "/add")
    found = interleave(
        shop.app, add, add, reset=shop.empty, check=lambda first, second: None
    )

    one, two = "first", "second"
    expected = [
        [(one, "load"), (one, "save"), (two, "load"), (two, "save")],
        [
            *[(one, "load"), (two, "load"), (one, "save"), (two, "save lost")],
            *[(two, "load"), (two, "save")],
        ],
        [
            *[(one, "load"), (two, "load"), (two, "save"), (one, "save lost")],
            *[(one, "load"), (one, "save")],
        ],
    ]
    mirrored = {one: two, two: one}
    expected += [[(mirrored[who], what) for who, what in each] for each in expected]
    assert sorted(map(names, found)) == sorted(
        [" ".join(step) for step in each] for each in expected
    )


def test_reader_and_writer(shop: Shop) -> None:
    """One step can be before, between and after two others."""
    shown = []

    def note(first: t.Any, second: t.Any) -> None:
        shown.append(first.json["mugs"])

    found = interleave(
        shop.app,
        shop.request("GET", "/cart"),
        shop.request("POST", "/add"),
        reset=shop.empty,
        check=note,
    )

    assert len(found) == 3
    assert sorted(shown) == [0, 0, 1]


def test_lock_is_waited_for() -> None:
    """Nobody does anything with a cart while the other holds the lock of one."""
    shop = Shop(AlwaysLocking())
    add = shop.request("POST", "/add")
    other = shop.request("POST", "/add", owner="user:2")

    found = interleave(
        shop.app, add, other, reset=shop.empty, check=lambda first, second: None
    )

    one = ["first lock", "first load", "first save"]
    two = ["second lock", "second load", "second save"]
    assert [names(steps) for steps in found] == [one + two, two + one]


def test_lost_update_is_found(shop: Shop) -> None:
    """A view that reads, changes and writes loses a change in one of the orders, and
    the error lists its steps. (What the loser sets again is there already.)"""
    visit = shop.request("POST", "/visit")

    def check(first: t.Any, second: t.Any) -> None:
        assert shop.visits() == 2

    with pytest.raises(InterleavingError) as caught:
        interleave(shop.app, visit, visit, reset=shop.empty, check=check)

    assert str(caught.value).splitlines() == [
        "The check failed after these steps:",
        "  first: load user:1/default",
        "  second: load user:1/default",
        "  first: save user:1/default",
        "  second: save user:1/default (lost)",
        "  second: load user:1/default",
    ]
    assert [step.who for step in caught.value.steps][:2] == ["first", "second"]
    assert isinstance(caught.value.__cause__, AssertionError)


def test_lost_update_over_the_storage_is_found(shop: Shop) -> None:
    """The same for those who use the storage by themselves, and do not look whether
    they were too late."""
    key = (OWNER, "notes")

    def note() -> None:
        with shop.app.app_context():
            storage = shop.extension.storage
            text, version = storage.load(key) or ("", 0)
            save_carts(storage, OWNER, {"notes": (version, f"{text}x")})

    def reset() -> None:
        with shop.app.app_context():
            _, version = shop.extension.storage.load(key) or ("", 0)
            save_carts(shop.extension.storage, OWNER, {"notes": (version, None)})

    def check(first: t.Any, second: t.Any) -> bool:
        with shop.app.app_context():
            return shop.extension.storage.load(key).data == "xx"

    with pytest.raises(InterleavingError, match="returned False") as caught:
        interleave(shop.app, note, note, reset=reset, check=check)

    assert names(caught.value.steps) == [
        *["first load", "second load", "first save", "second save lost"]
    ]


def test_repaired_lost_update_passes(shop: Shop) -> None:
    """A view that expects the version which it has read counts right, or refuses."""
    visit = shop.request("POST", "/visit-unless-changed")

    def check(first: t.Any, second: t.Any) -> None:
        statuses = [first.status_code, second.status_code]
        assert set(statuses) <= {200, 409}
        assert shop.visits() == statuses.count(200) >= 1

    found = interleave(shop.app, visit, visit, reset=shop.empty, check=check)

    # The load after a lost save is for the version in the answer.
    assert len(found) == 6


def test_operation_that_raises(shop: Shop) -> None:
    """An operation that raises is an error with the steps up to there."""

    def clear() -> None:
        with shop.app.app_context():
            shop.extension.cart(owner=OWNER).clear()

    def fill() -> None:
        shop.empty()
        shop.request("POST", "/add")()

    with pytest.raises(InterleavingError, match="first operation raised") as caught:
        interleave(
            shop.app,
            clear,
            shop.request("POST", "/add"),
            reset=fill,
            check=lambda first, second: None,
        )

    assert isinstance(caught.value.__cause__, CartConflictError)
    assert "first save lost" in names(caught.value.steps)


def test_fail_in_an_operation_and_in_a_check(shop: Shop) -> None:
    """``pytest.fail`` is a failure like any other."""
    add = shop.request("POST", "/add")

    def fail(*results: t.Any) -> None:
        pytest.fail("This is wrong.")

    def nothing(*results: t.Any) -> None:
        pass

    with pytest.raises(InterleavingError, match="check failed"):
        interleave(shop.app, add, add, reset=shop.empty, check=fail)

    with pytest.raises(InterleavingError, match="second operation raised Failed"):
        interleave(shop.app, add, fail, reset=shop.empty, check=nothing)


def test_deletes_are_steps(shop: Shop) -> None:
    """A delete that comes too late is shown as such."""

    def destroy() -> bool:
        with shop.app.app_context():
            try:
                shop.extension.cart(owner=OWNER).destroy()
            except CartConflictError:
                return False

        return True

    def fill() -> None:
        shop.empty()
        shop.request("POST", "/add")()

    def check(first: bool, second: t.Any) -> None:
        assert second.status_code == 200
        assert shop.mugs() in ({0, 1} if first else {2})

    found = interleave(
        shop.app, destroy, shop.request("POST", "/add"), reset=fill, check=check
    )
    assert {"first delete", "first delete lost"} <= set(
        itertools.chain.from_iterable(map(names, found))
    )


def test_move_is_one_step(shop: Shop) -> None:
    """What is done to two carts at once is shown so, and nobody sees half of it."""

    def move() -> None:
        with shop.app.app_context():
            cart = shop.extension.cart(owner=OWNER)
            cart.move(cart.lines[0].id, to="wishlist")

    def count() -> list[int]:
        with shop.app.app_context():
            carts = [
                shop.extension.cart(owner=OWNER, instance=name)
                for name in ["wishlist", "default", "wishlist"]
            ]

            return [cart.quantity for cart in carts]

    def fill() -> None:
        with shop.app.app_context():
            shop.extension.cart(owner=OWNER, instance="wishlist").destroy()

        shop.empty()
        shop.request("POST", "/add")()

    def check(first: None, second: list[int]) -> None:
        assert second in ([0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1])

    found = interleave(shop.app, move, count, reset=fill, check=check)
    shown = set(map(str, itertools.chain.from_iterable(found)))
    assert "first: save user:1/default+wishlist" in shown
    assert not any("lost" in step for step in shown)


def test_app_is_as_before(shop: Shop) -> None:
    """After it, also after an error, the app has its own storage again."""
    storage = shop.app.extensions["cart"].storage
    add = shop.request("POST", "/add")
    checks: Iterator[bool] = iter([True, False])

    with pytest.raises(InterleavingError):
        interleave(
            shop.app, add, add, reset=shop.empty, check=lambda *results: next(checks)
        )

    state = shop.app.extensions["cart"]
    assert state.storage is state.services.repository.storage is storage


def test_storage_is_the_same(shop: Shop) -> None:
    """While the operations run, the storage has all that it has otherwise, and other
    threads than theirs do not stop."""
    storage = shop.app.extensions["cart"].storage
    add = shop.request("POST", "/add")

    def look() -> tuple[t.Any, ...]:
        found = shop.app.extensions["cart"].storage
        outsider = threading.Thread(target=shop.mugs)
        outsider.start()
        outsider.join(30)
        assert not outsider.is_alive()

        return found.guarantee, found.always_lock, found.instances(OWNER)

    def check(first: tuple[t.Any, ...], second: t.Any) -> None:
        assert first[:2] == (storage.guarantee, storage.always_lock)
        assert first[2] in ([], ["default"])

    assert interleave(shop.app, look, add, reset=shop.empty, check=check)


def test_limit(shop: Shop) -> None:
    """More orders than allowed are an error; just as many are not."""
    add = shop.request("POST", "/add")

    def run(limit: int) -> None:
        interleave(
            shop.app,
            add,
            add,
            reset=shop.empty,
            check=lambda first, second: None,
            limit=limit,
        )

    run(6)

    with pytest.raises(RuntimeError, match="more than 5 orders"):
        run(5)


def test_no_steps(shop: Shop) -> None:
    """Operations that use no carts of the app prove nothing, and that is said."""
    with pytest.raises(RuntimeError, match="Are they about this app"):
        interleave(
            shop.app,
            lambda: None,
            lambda: None,
            reset=lambda: None,
            check=lambda first, second: None,
        )


def test_reset_that_does_not(shop: Shop) -> None:
    """Operations that go another way in the second run are found out."""
    runs = itertools.count()
    add = shop.request("POST", "/add")

    def add_once() -> None:
        if next(runs) == 0:
            add()

    with pytest.raises(RuntimeError, match="'reset' bring back"):
        interleave(
            shop.app,
            add_once,
            add,
            reset=shop.empty,
            check=lambda first, second: None,
        )


def test_operation_without_an_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that takes step after step is stopped."""
    monkeypatch.setattr(stepping, "MAX_STEPS", 20)
    ended = threading.Event()

    def look() -> None:
        try:
            while True:
                shop.mugs()
        finally:
            # What cleans up uses carts, too.
            with contextlib.suppress(BaseException):
                shop.mugs()

            ended.set()

    with pytest.raises(RuntimeError, match="more than 20 steps"):
        interleave(
            shop.app,
            look,
            lambda: None,
            reset=shop.empty,
            check=lambda first, second: None,
        )

    assert ended.wait(30)


def test_operation_that_waits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that waits for something else than a cart is an error."""
    monkeypatch.setattr(stepping, "LIMIT", 0.2)
    never = threading.Event()

    with pytest.raises(RuntimeError, match="second operation did not come"):
        interleave(
            shop.app,
            shop.request("POST", "/add"),
            lambda: never.wait(30),
            reset=shop.empty,
            check=lambda first, second: None,
        )

    never.set()


def test_database(sqlite_url: str) -> None:
    """Carts in a database work, too, with and without joining a session."""
    with open_shop(sqlite_url) as shop:

        def add() -> None:
            with shop.app.app_context():
                shop.cart().add("mug", price=1)

        def buy() -> bool:
            with shop.app.app_context():
                try:
                    sell(shop.cart(), session=shop.db.session)
                except CartConflictError:
                    return False

            return True

        def reset() -> None:
            with shop.app.app_context():
                shop.cart().destroy()

            shop.fill("mug")

        def check(has_bought: bool, added: None) -> None:
            assert shop.stored() in ({"mug": 1}, {}) if has_bought else {"mug": 2}

        assert len(interleave(shop.app, buy, add, reset=reset, check=check)) == 6
