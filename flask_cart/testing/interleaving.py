"""Two operations of an app, in every order in which they can get at the carts."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from ..app.current import get_state
from .stepping import Choices
from .stepping import Run
from .stepping import Step
from .stepping import stepped


class InterleavingError(AssertionError):
    """Two operations went wrong in one of the orders that they can happen in.

    What exactly went wrong is the ``__cause__``.

    :param message: What happened.
    :param steps: The order in which it happened.
    """

    def __init__(self, message: str, steps: tuple[Step, ...]) -> None:
        listed = "\n".join(f"  {step}" for step in steps)
        super().__init__(f"{message}\n{listed}")

        #: The order in which it happened.
        self.steps = steps


def interleave(
    app: Flask,
    first: Callable[[], object],
    second: Callable[[], object],
    *,
    reset: Callable[[], object],
    check: Callable[[t.Any, t.Any], object],
    limit: int = 1000,
) -> list[tuple[Step, ...]]:
    """Run two operations in every order in which they can get at the carts.

    Each operation runs in a thread of its own, and stops before it loads, saves,
    deletes or locks a cart. Only one of them runs at a time. They are run again and
    again, until each order of these steps has happened once. While one of them holds
    the lock of carts, the other one waits.

    .. code-block:: python

        def test_two_adds(app):
            def add():
                return app.test_client().post("/mugs", headers={"User": "7"})

            def empty():
                with app.app_context():
                    cart_ext.cart(owner="user:7").destroy()

            def both_are_there(first, second):
                assert (first.status_code, second.status_code) == (200, 200)

                with app.app_context():
                    assert cart_ext.cart(owner="user:7").quantity == 2

            interleave(app, add, add, reset=empty, check=both_are_there)

    The operations must do the same steps each time that they get to see the same, and
    must not wait for each other in another way than by the lock of carts: use carts in
    memory, and set ``CART_RETRY_BASE_DELAY`` to 0.

    :param app: The app whose carts are looked at. Another app must not use them.
    :param first: An operation, such as a request of a test client. It starts without
        an app context.
    :param second: The other one.
    :param reset: Called before each run, to bring the carts into the same state.
    :param check: Called after each run with what the operations have returned. It
        raises, or returns ``False``, if that is wrong, or if the carts are.
    :param limit: How many orders there may be.
    :return: The orders, each a tuple of :class:`Step`.
    :raises InterleavingError: If an operation raises or a check fails. The message
        lists the steps.
    :raises RuntimeError: If there are more orders than ``limit``, or the operations do
        other steps than before or none at all, or wait for something else than a cart.
    """
    found: list[tuple[Step, ...]] = []
    choices: Choices | None = Choices()

    while choices is not None:
        if len(found) == limit:
            raise RuntimeError(
                f"There are more than {limit} orders. Give a higher 'limit', or"
                " operations with fewer steps."
            )

        reset()
        run = Run(first, second, choices)

        with _steps(app, run):
            run.play()

        steps = tuple(run.steps)
        _check(run, steps, check)

        if not steps:
            raise RuntimeError(
                "Neither operation has loaded or saved a cart. Are they about this app?"
            )

        found.append(steps)
        choices = choices.next()

    return found


def _check(
    run: Run, steps: tuple[Step, ...], check: Callable[[t.Any, t.Any], object]
) -> None:
    for actor in run.actors:
        if actor.error is not None:
            raise InterleavingError(
                f"The {actor.name} operation raised {type(actor.error).__name__} after"
                " these steps:",
                steps,
            ) from actor.error

    try:
        is_right = check(*(actor.result for actor in run.actors)) is not False
    except (Exception, pytest.fail.Exception) as error:
        raise InterleavingError("The check failed after these steps:", steps) from error

    if not is_right:
        raise InterleavingError("The check returned False after these steps:", steps)


@contextmanager
def _steps(app: Flask, run: Run) -> Iterator[None]:
    """Let both operations stop whenever they get at the app's carts."""
    # Which storage it is may depend on the app that is asked.
    with app.app_context():
        repository = get_state().services.repository
        original = repository.storage
        repository.storage = stepped(original, run)

        try:
            yield
        finally:
            repository.storage = original
