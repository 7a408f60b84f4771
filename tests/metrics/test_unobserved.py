"""Without observers, none of the code that watches runs."""

from __future__ import annotations

import sys
import types
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import nullcontext
from pathlib import Path

import pytest

import flask_cart
from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import FlaskCart
from tests.support.apps import make_app
from tests.support.observers import Notes
from tests.support.shop import ContestedStorage
from tests.support.shop import sell

(PACKAGE,) = map(Path, flask_cart.__path__)

#: What watches, what counts, and what keeps the numbers.
WATCHING = {"carts/observing.py", "metrics/counting.py", "metrics/prometheus.py"}


def add_a_mug(cart: Cart) -> None:
    cart.add("mug", price=1)


def set_quantity(cart: Cart) -> None:
    cart.set_quantity(cart.lines[0].id, 5)


def move(cart: Cart) -> None:
    cart.move(cart.lines[0].id, to="wishlist")


def destroy(cart: Cart) -> None:
    cart.destroy()


def read_again(cart: Cart) -> None:
    cart.refresh()
    assert len(cart) == 1


#: A piece of work, the number of rivals who are faster, and what it raises.
WORK: list[tuple[Callable[[Cart], object], int, type[Exception] | None]] = [
    (read_again, 0, None),
    (add_a_mug, 0, None),
    # The last try holds the lock.
    (add_a_mug, 8, None),
    (set_quantity, 1, CartConflictError),
    (sell, 0, None),
    (move, 0, None),
    (destroy, 0, None),
    (destroy, 1, CartConflictError),
]


class Calls:
    """The calls in a block: in which file of the package, and of what in C."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()
        self.builtins: Counter[str] = Counter()

    def __call__(self, frame: types.FrameType, what: str, called: t.Any) -> None:
        path = Path(frame.f_code.co_filename)

        if what == "call" and path.is_relative_to(PACKAGE):
            self.files[path.relative_to(PACKAGE).as_posix()] += 1

        if what == "c_call":
            self.builtins[called.__name__] += 1


@contextmanager
def profiled() -> Iterator[Calls]:
    calls = Calls()
    before = sys.getprofile()
    sys.setprofile(calls)

    try:
        yield calls
    finally:
        sys.setprofile(before)


def calls_of(
    work: Callable[[Cart], object],
    rivals: int,
    error: type[Exception] | None,
    *,
    observer: Notes | None,
) -> Calls:
    """What is called for a piece of work on a cart of one line."""
    storage = ContestedStorage()
    app = make_app(CART_STORAGE=storage, CART_RETRY_BASE_DELAY=0)
    extension = FlaskCart(app)

    with app.app_context():
        add_a_mug(extension.cart(owner="user:1"))
        cart = extension.cart(owner="user:1")
        assert len(cart) == 1

        if observer is not None:
            extension.observe(observer)

        storage.contest([add_a_mug] * rivals)
        expected = pytest.raises(error) if error is not None else nullcontext()

        with expected, profiled() as calls:
            work(cart)

    return calls


@pytest.mark.parametrize(("work", "rivals", "error"), WORK)
def test_nothing_watches(
    work: Callable[[Cart], object], rivals: int, error: type[Exception] | None
) -> None:
    """No function that watches is called, so nothing is made of it, and no clock is
    looked at: the only one who asks for the exact time is the one who watches."""
    calls = calls_of(work, rivals, error, observer=None)

    assert calls.files["carts/repository.py"]
    assert not WATCHING & calls.files.keys()
    assert "perf_counter" not in calls.builtins


@pytest.mark.parametrize(("work", "rivals", "error"), WORK)
def test_observed(
    work: Callable[[Cart], object], rivals: int, error: type[Exception] | None
) -> None:
    """With an observer, the same work is watched: the test above would see it."""
    calls = calls_of(work, rivals, error, observer=Notes())

    assert calls.files["carts/observing.py"]
    assert calls.builtins["perf_counter"] >= 2
