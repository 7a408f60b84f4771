"""The real code, driven through the steps of a model."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextlib import contextmanager

import pytest
from flask import Flask

from flask_cart import Cart
from flask_cart import FlaskCart
from flask_cart.carts.repository import Repository
from flask_cart.carts.services import CartServices
from flask_cart.storage.base import Held
from flask_cart.storage.base import Storage
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing import Step
from flask_cart.testing import interleave
from flask_cart.testing.stepping import Choices
from flask_cart.testing.stepping import Run
from flask_cart.testing.stepping import stepped
from tests.models.checking import OWNER
from tests.models.checking import Trace
from tests.support.apps import make_app

Operation = Callable[[], t.Any]

#: Puts a mistake around a storage, above the place where the steps are seen.
Around = Callable[[Storage], Storage]


class Case(t.NamedTuple):
    """How a mistake is made in the real code.

    :param storage: If it is one of storages.
    :param around: If it is in what the code asks of them.
    :param patch: If it is one of the code above them.
    """

    storage: Callable[[], MemoryStorage] = MemoryStorage
    around: Around = lambda storage: storage
    patch: Callable[[pytest.MonkeyPatch], object] = lambda monkeypatch: None


class Replay(Run):
    """Two operations of an app, in the order of a trace.

    Who has nothing more to do, or waits for a lock, leaves its steps out: where the
    code is right, it goes another way than the mistake that the trace is about.

    :param events: What steps of neither of the two do, by their names.
    :param has_leases: Whether the storage itself lets them wait for its locks.
    """

    def __init__(
        self,
        first: Operation,
        second: Operation,
        trace: Trace,
        events: Mapping[str, Callable[[], object]],
        has_leases: bool,
    ) -> None:
        super().__init__(first, second, Choices())
        self._trace = trace
        self._events = events
        self._has_leases = has_leases

        #: Of whom nothing comes any more.
        self.crashed: set[str] = set()

    def play(self) -> None:
        """Do the steps of the trace, and then all that is left."""
        try:
            for actor in self.actors:
                actor.start()

            for step in self._trace:
                self._do(step)

            while ready := self.ready():
                # Who waits, waits for the other one.
                is_waiting = self.steps and self.steps[-1].what == "wait"
                waiting = self.steps[-1].who if is_waiting else None
                others = [each for each in ready if each.name != waiting]
                (others or ready)[0].go_on()
        except BaseException:
            for actor in self.actors:
                actor.abandon()

            raise

    def _do(self, step: Step) -> None:
        if step.what in self._events:
            self.steps.append(step)
            self._events[step.what]()
        elif step.what == "crash":
            self._crash(step)
        else:
            for actor in self.ready():
                if actor.name == step.who:
                    actor.go_on()

    def _crash(self, step: Step) -> None:
        """Let nothing come of one of them any more; what it holds is not given back."""
        (actor,) = (each for each in self.actors if each.name == step.who)

        if not actor.is_done:
            self.steps.append(step)
            self.crashed.add(actor.name)
            actor.abandon()

    def step(self, what: str, owner: str) -> None:
        """Let something be a step that is none of a storage's."""
        actor = self.acting()

        if actor is not None:
            actor.stop()
            self.steps.append(Step(actor.name, what, owner))

    @contextmanager
    def holding(
        self, actor: t.Any, lock: AbstractContextManager[Held | None]
    ) -> Iterator[Held | None]:
        if self._has_leases:
            with lock as held:
                yield held
        else:
            with super().holding(actor, lock) as held:
                yield held

    def ready(self) -> list[t.Any]:
        """Those that can go on."""
        return [each for each in super().ready() if each.name not in self.crashed]


class Shop:
    """An app with carts, whose operations can be driven through their steps.

    :param forget: Empties the place where the carts are.
    """

    def __init__(
        self, app: Flask, extension: FlaskCart, forget: Callable[[], object]
    ) -> None:
        self.app = app
        self.extension = extension
        self.forget = forget
        self.run: Replay | None = None

    @property
    def repository(self) -> Repository:
        services: CartServices = self.app.extensions["cart"].services

        return services.repository

    def cart(self, owner: str = OWNER, instance: str = "default") -> Cart:
        """A cart as a new reader has it; it needs an app context."""
        return self.extension.cart(owner=owner, instance=instance)

    def inside(self, operation: Callable[..., object], *given: t.Any) -> Operation:
        """An operation in a context of its own, which returns its error."""

        def act() -> object:
            with self.app.app_context():
                try:
                    return operation(*given)
                except Exception as error:
                    return type(error).__name__

        return act

    def items(self, owner: str = OWNER, instance: str = "default") -> dict[str, int]:
        """The quantities of what is stored, by item."""
        with self.app.app_context():
            lines = self.cart(owner, instance).lines

            return {line.item_id: line.quantity for line in lines}

    def add(
        self, item: str, owner: str = OWNER, instance: str = "default"
    ) -> Operation:
        """Adds an item."""

        def add() -> None:
            self.cart(owner, instance).add(item, price=1)

        return self.inside(add)

    def replay(
        self,
        trace: Trace,
        first: Operation,
        second: Operation,
        around: Around = lambda storage: storage,
        events: Mapping[str, Callable[[], object]] | None = None,
        has_leases: bool = False,
    ) -> Trace:
        """Do two operations in the order of a trace.

        :return: The steps as they were then.
        """
        repository = self.repository
        original = repository.storage
        self.run = run = Replay(first, second, trace, events or {}, has_leases)
        repository.storage = around(stepped(original, run))

        try:
            run.play()
        finally:
            repository.storage, self.run = original, None

        for actor in run.actors:
            assert actor.error is None, actor.error

        return tuple(run.steps)

    def orders(
        self,
        first: Operation,
        second: Operation,
        reset: Operation,
        right: Callable[[], bool] = lambda: True,
    ) -> set[Trace]:
        """All orders in which two operations can happen.

        :param reset: Called before each.
        :param right: Whether the carts are as they have to be after each.
        """
        found = interleave(
            self.app, first, second, reset=reset, check=lambda *answers: right()
        )

        return set(found)


def open_shop(storage: Storage | None = None, retries: int = 1) -> Shop:
    """An app whose carts are in memory, or in another storage.

    :param retries: How often it begins again after a lost save, the last time with the
        lock.
    """
    storage = MemoryStorage() if storage is None else storage
    app = make_app(
        CART_STORAGE=storage, CART_RETRY_ATTEMPTS=retries, CART_RETRY_BASE_DELAY=0
    )

    def forget() -> None:
        if isinstance(storage, MemoryStorage):
            storage._carts.clear()

    return Shop(app, FlaskCart(app), forget)
