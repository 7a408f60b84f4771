"""Carts without an app, and storages in which others are at work."""

from __future__ import annotations

import datetime as dt
import itertools
import typing as t
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import Condition
from flask_cart import OrderDraft
from flask_cart.carts.repository import Repository
from flask_cart.carts.repository import Retry
from flask_cart.carts.services import Announcer
from flask_cart.carts.services import CartServices
from flask_cart.carts.services import Policy
from flask_cart.carts.services import Registry
from flask_cart.model.events import Event
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.pricing.evaluation import Evaluation
from flask_cart.pricing.rounding import RoundingPlace
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.storage.base import Changes
from flask_cart.storage.base import Stored
from flask_cart.storage.memory import MemoryStorage

KEY = CartKey("user:1", "default")
AT_ONCE = Retry(attempts=8, base_delay=0, max_delay=0)


class Recorder:
    """Remembers what it is told, and refuses changes if it is given an error."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, tuple[Event, ...]]] = []
        self.told: list[tuple[Event, ...]] = []
        self.veto: Exception | None = None

    @property
    def names(self) -> list[str]:
        """The names of all the events that were announced."""
        return [event.name for event in itertools.chain.from_iterable(self.told)]

    def before(self, cart: Cart, version: int, events: tuple[Event, ...]) -> None:
        self.asked.append((version, events))

        if self.veto is not None:
            raise self.veto

    def after(self, cart: Cart, events: tuple[Event, ...]) -> None:
        self.told.append(events)


def make_cart(
    storage: MemoryStorage | None = None,
    *,
    key: CartKey | None = KEY,
    new_key: CartKey = KEY,
    currency: str = "EUR",
    limits: Limits | None = None,
    retry: Retry = AT_ONCE,
    rounding: str = "half_up",
    at: RoundingPlace = "line",
    announcer: Announcer | None = None,
    tenant: str | None = None,
    registry: Registry | None = None,
    **services: t.Any,
) -> Cart:
    """A cart that needs no app.

    :param services: More of what :class:`CartServices` has, or what is in it.
    """
    storage = MemoryStorage() if storage is None else storage
    repository = Repository(storage, currency, limits or Limits(), retry)
    policy = Policy(rounding_mode=rounding, round_at=at, **_taken(services, Policy))
    given = _taken(services, Registry)
    shared = CartServices(
        repository=repository,
        announcer=announcer or Recorder(),
        registry=registry or Registry(**given),
        policy=policy,
        **services,
    )

    def sibling(name: str) -> Cart:
        return Cart(
            shared,
            CartKey((key or new_key).owner, name),
            name,
            make_key=lambda: new_key,
            sibling=sibling,
        )

    return Cart(
        shared,
        key,
        (key or new_key).instance,
        make_key=lambda: new_key,
        sibling=sibling,
        tenant=tenant,
    )


def cart_of(
    *conditions: Condition, at: RoundingPlace = "line", **prices: object
) -> Cart:
    """A cart of items with these prices, or prices and quantities, each of a tax class
    of its own."""
    cart = make_cart(at=at)

    for item, price in prices.items():
        price, quantity = price if isinstance(price, tuple) else (price, 1)
        cart.add(item, quantity, price=price, attributes={"tax_class": item})

    for each in conditions:
        cart.add_condition(each)

    return cart


def sell(
    cart: Cart, inside: Callable[[], object] = lambda: None, **options: t.Any
) -> OrderDraft:
    """Order what is in a cart, in a shop that keeps no orders.

    :param inside: What happens while the order is made.
    :param options: More of what :meth:`Cart.place_order` takes.
    """

    def create(draft: OrderDraft) -> OrderDraft:
        inside()

        return draft

    return cart.place_order(create, lambda token: None, **options)


def _taken(given: dict[str, t.Any], kind: type) -> dict[str, t.Any]:
    """What is given of the fields of a class, which is given no more."""
    return {e.name: given.pop(e.name) for e in fields(kind) if e.name in given}


def stored(storage: MemoryStorage, key: CartKey = KEY) -> Stored | None:
    """What is stored, whatever stands in the way of ``load``."""
    return MemoryStorage.load(storage, key)


class ContestedStorage(MemoryStorage):
    """Memory in which others change a cart between its load and its save.

    They wait while its lock is held, as everybody has to.

    :param instance: The cart that they change; the first that is saved, if left out.
    """

    def __init__(self, instance: str | None = None) -> None:
        super().__init__()
        self._instance = instance
        self.attempts = 0
        self.locks = 0
        self._is_locked = False
        self._rivals: Iterator[Callable[[Cart], object]] = iter(())
        self._registry = Registry()

    def contest(self, rivals: Iterable[Callable[[Cart], object]]) -> None:
        """Let somebody else be faster: one of these before each save."""
        self._rivals = iter(rivals)
        self.attempts = 0

    def save(self, owner: str, changes: Changes) -> bool:
        self._let_rival(CartKey(owner, self._instance or next(iter(changes))))

        return super().save(owner, changes)

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
        self.locks += 1
        self._is_locked = True

        try:
            yield
        finally:
            self._is_locked = False

    def _let_rival(self, key: CartKey) -> None:
        self.attempts += 1

        if self._is_locked:
            return

        rival = next(self._rivals, None)

        if rival is not None:
            uncontested = MemoryStorage()
            uncontested._carts = self._carts
            rival(make_cart(uncontested, key=key, registry=self._registry))


class BusyStorage(MemoryStorage):
    """Memory whose methods are too busy to answer for a number of calls."""

    def __init__(self) -> None:
        super().__init__()
        self.busy: dict[str, int] = {}

    def load(self, key: CartKey) -> Stored | None:
        self._answer("load")

        return super().load(key)

    def save(self, owner: str, changes: Changes) -> bool:
        self._answer("save")

        return super().save(owner, changes)

    def _answer(self, method: str) -> None:
        if self.busy.get(method, 0):
            self.busy[method] -= 1
            raise CartBusyError(f"too busy to {method}")


#: A Wednesday.
NOW = dt.datetime(2025, 1, 15, 12, 30, tzinfo=dt.UTC)


def evaluation(
    rulebook: Rulebook | None = None,
    *,
    owner: str | None = "user:1",
    instance: str = "default",
    now: dt.datetime = NOW,
) -> Evaluation:
    """What rules are asked about a cart of user 1, on a Wednesday."""
    return Evaluation(rulebook or Rulebook(), owner, instance, now)
