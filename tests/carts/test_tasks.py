"""Tasks and threads that share a cart, as in an async view: each its own batch."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from flask import Flask

from flask_cart import Cart
from flask_cart import FlaskCart
from flask_cart import current_cart
from tests.support.apps import make_app

Step = Callable[[Cart], object]


@pytest.fixture
def app() -> Flask:
    app = make_app(CART_STORAGE="memory", PROPAGATE_EXCEPTIONS=True)
    FlaskCart(app)

    @app.get("/")
    def show() -> dict[str, int]:
        return {line.item_id: line.quantity for line in current_cart}

    @app.post("/has/<item>")
    def add(item: str) -> str:
        current_cart.add(item, price=1)
        return ""

    return app


def shown_after(app: Flask, *tasks: Callable[[], Awaitable[None]]) -> dict[str, int]:
    """What is in the cart after tasks of one async view."""

    @app.post("/tasks")
    async def view() -> str:
        await asyncio.gather(*(task() for task in tasks), return_exceptions=True)
        return ""

    client = app.test_client()
    client.post("/has/mug")
    client.post("/tasks")
    shown: dict[str, int] = client.get("/").json or {}

    return shown


async def fail_in_batch() -> None:
    with current_cart.batch():
        current_cart.add("pot", price=1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        raise ZeroDivisionError


async def work_in_batch() -> None:
    with current_cart.batch():
        current_cart.add("pot", price=1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        current_cart.add("pan", price=1)


#: What another task does meanwhile, and what is there of it.
MEANWHILE: dict[str, tuple[Step, dict[str, int]]] = {
    "add": (lambda cart: cart.add("tea", price=1), {"mug": 1, "tea": 1}),
    "increment": (lambda cart: cart.increment(cart.lines[0].id), {"mug": 2}),
    "set": (lambda cart: cart.set_quantity(cart.lines[0].id, 5), {"mug": 5}),
    "remove": (lambda cart: cart.remove(cart.lines[0].id), {}),
    "clear": (lambda cart: cart.clear(), {}),
    "destroy": (lambda cart: cart.destroy(), {}),
    "refresh": (lambda cart: cart.refresh(), {"mug": 1}),
    "batch": (lambda cart: add_in_batch(cart), {"mug": 1, "tea": 1}),
    "once": (lambda cart: add_once(cart), {"mug": 1, "tea": 1}),
    "move": (
        lambda cart: cart.move(cart.lines[0].id, to="wishlist"),
        {},
    ),
}


def add_in_batch(cart: Cart) -> None:
    with cart.batch():
        cart.add("tea", price=1)


def add_once(cart: Cart) -> None:
    with cart.once("key"):
        cart.add("tea", price=1)


@pytest.mark.parametrize("name", MEANWHILE)
def test_batch_that_fails(app: Flask, name: str) -> None:
    """What another task does meanwhile is saved, although the batch is discarded."""
    step, expected = MEANWHILE[name]

    async def meanwhile() -> None:
        step(current_cart)

    assert shown_after(app, fail_in_batch, meanwhile) == expected


@pytest.mark.parametrize("name", MEANWHILE)
def test_batch_that_is_saved(app: Flask, name: str) -> None:
    """Both are saved, the batch upon what the other task has made of the cart."""
    step, expected = MEANWHILE[name]

    async def meanwhile() -> None:
        step(current_cart)

    shown = shown_after(app, work_in_batch, meanwhile)

    assert shown == expected | {"pot": 1, "pan": 1}


def test_two_batches(app: Flask) -> None:
    """Of two tasks with a batch, only the changes of the one that fails are lost."""

    has_failed = asyncio.Event()

    async def fail() -> None:
        try:
            await fail_in_batch()
        finally:
            has_failed.set()

    async def other() -> None:
        with current_cart.batch():
            await asyncio.sleep(0)
            current_cart.add("tea", price=1)
            await has_failed.wait()

    assert shown_after(app, fail, other) == {"mug": 1, "tea": 1}


def test_what_a_task_sees(app: Flask) -> None:
    """A batch shows its changes to its own task and to nobody else."""
    seen = []

    async def look() -> None:
        seen.append(len(current_cart))

    assert shown_after(app, fail_in_batch, look) == {"mug": 1}
    assert seen == [1]


def test_tasks_of_a_batch(app: Flask) -> None:
    """What a batch has started and waits for is part of it."""

    async def add(item: str) -> None:
        await asyncio.sleep(0)
        current_cart.add(item, price=1)

    async def fail_inside() -> None:
        with current_cart.batch():
            current_cart.add("pan", price=1)

            # The others have added theirs by then.
            for _ in range(3):
                await asyncio.sleep(0)

            raise ZeroDivisionError

    async def work(fails: bool) -> None:
        with current_cart.batch():
            jobs = [add("pot"), fail_inside(), add("tea")]
            await asyncio.gather(*jobs, return_exceptions=True)

            if fails:
                raise ZeroDivisionError

    async def fail() -> None:
        await work(fails=True)

    async def succeed() -> None:
        await work(fails=False)

    assert shown_after(app, fail) == {"mug": 1}

    other = make_app(CART_STORAGE="memory")
    FlaskCart(other)
    other.add_url_rule("/", view_func=app.view_functions["show"])
    other.add_url_rule(
        "/has/<item>", view_func=app.view_functions["add"], methods=["POST"]
    )

    assert shown_after(other, succeed) == {"mug": 1, "pot": 1, "tea": 1}


def test_task_that_outlives_the_batch(app: Flask) -> None:
    """What a batch has started and not waited for is saved on its own."""

    async def work() -> None:
        has_ended = asyncio.Event()

        async def add_later() -> None:
            await has_ended.wait()
            current_cart.add("tea", price=1)

        with current_cart.batch():
            current_cart.add("pot", price=1)
            task = asyncio.create_task(add_later())

        has_ended.set()
        await task

    assert shown_after(app, work) == {"mug": 1, "pot": 1, "tea": 1}


@pytest.mark.parametrize("is_copied", [False, True])
def test_thread(app: Flask, is_copied: bool) -> None:
    """A thread that is handed the cart is no part of a batch, unless it is given the
    context of it."""
    with app.test_request_context():
        current_cart.add("mug", price=1)
        cart = current_cart._get_current_object()  # type: ignore[attr-defined]

        def add() -> None:
            if is_copied:
                context.run(cart.add, "tea", price=1)
            else:
                cart.add("tea", price=1)

        with suppress(ZeroDivisionError), cart.batch():
            context = contextvars.copy_context()

            with ThreadPoolExecutor(1) as pool:
                pool.submit(add).result()

            raise ZeroDivisionError

        assert cart.quantity == (1 if is_copied else 2)


def test_end_in_another_context(app: Flask) -> None:
    """A batch that ends elsewhere than it began has ended."""
    with app.test_request_context():
        batch = current_cart.batch()
        batch.__enter__()
        current_cart.add("mug", price=1)
        contextvars.copy_context().run(batch.__exit__, None, None, None)

        assert current_cart.quantity == 1

        current_cart.add("tea", price=1)
        current_cart.destroy()
