"""What is timed, and where the carts are."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask.testing import FlaskClient

from flask_cart import FlaskCart

from ..lost_updates.baskets import OurBasket
from ..lost_updates.places import Places
from ..lost_updates.rows import of_named_owners
from ..lost_updates.rows import row_named
from ..measuring import Ratio
from ..measuring import Work
from ..measuring import microseconds
from ..measuring import ratio_of
from ..measuring import take_turns
from . import by_hand
from .shops import Ours
from .shops import make_orders
from .shops import make_shop

OurSetUp = Callable[[Flask, str], Ours]
SetUp = Callable[[Flask, str], by_hand.HandMade]


class Operation(t.NamedTuple):
    """A request that is timed.

    :param body: What is posted; ``None`` for a page that is got.
    :param lines: In the cart before.
    :param conditions: On the cart.
    :param empties: Whether the cart is empty afterwards.
    """

    name: str
    path: str
    body: t.Any = None
    lines: int = 10
    conditions: int = 0
    empties: bool = False


_SIZES: t.Final = (1, 10, 100, 1000)

OPERATIONS: t.Final = [
    Operation("not touched", "/about"),
    *[Operation(f"shown, {lines} lines", "/cart", lines=lines) for lines in _SIZES],
    *[
        Operation(f"shown, {number} conditions", "/cart", conditions=number)
        for number in (5, 20)
    ],
    *[
        Operation(f"an add, {lines} lines", "/add", ["sku-0"], lines=lines)
        for lines in _SIZES
    ],
    Operation("20 adds at once", "/add", [f"sku-{number}" for number in range(20)]),
    Operation("an order", "/order", {}, empties=True),
]


class Storage(t.NamedTuple):
    """Where carts are, ours and those by hand.

    :param place: What it is; see :mod:`~benchmarks.lost_updates.places`.
    """

    name: str
    place: str
    ours: OurSetUp
    by_hand: SetUp


def _our(row: str) -> OurSetUp:
    def set_up(app: Flask, address: str) -> Ours:
        basket = t.cast(OurBasket, row_named(row).set_up(app, address))
        database = app.extensions.get("sqlalchemy")

        if database is None:
            return Ours(basket.extension, None)

        with app.app_context():
            app.extensions["engines"] = list(database.engines.values())
            make_orders(database.engine)

        return Ours(basket.extension, database.session)

    return set_up


def _in_memory(app: Flask, address: str) -> Ours:
    app.config["CART_STORAGE"] = "memory"

    return Ours(of_named_owners(FlaskCart(app)).extension, None)


STORAGES: t.Final = [
    Storage("SQLite", "sqlite", _our("database: SQLite"), by_hand.in_table),
    Storage("PostgreSQL", "postgresql", _our("database: PostgreSQL"), by_hand.in_table),
    Storage("MariaDB", "mariadb", _our("database: MariaDB"), by_hand.in_table),
    Storage("Redis", "redis", _our("cache: Redis"), by_hand.in_redis),
    Storage("Redis, locking", "redis", _our("cache: Redis, locking"), by_hand.in_redis),
    Storage("Flask-Session", "redis", _our("session: Redis"), by_hand.in_session),
    Storage("memory", "sqlite", _in_memory, by_hand.in_table),
]


class Measured(t.NamedTuple):
    """One operation in one place.

    :param ours: Its time, in microseconds.
    :param by_hand: Alike.
    """

    storage: Storage
    operation: Operation
    ours: str
    by_hand: str
    ratio: Ratio


def measure(
    storage: Storage,
    operations: t.Sequence[Operation],
    places: Places,
    rounds: int,
    seconds: float,
) -> Iterator[Measured]:
    """Time operations, one after the other.

    :param rounds: Of each, at most.
    :param seconds: After which the last round of each begins.
    """
    with shops(storage, places) as apps:
        for operation in operations:
            works = {name: _work(app, operation) for name, app in apps.items()}
            taken = take_turns(works, rounds, seconds)
            yield Measured(
                storage,
                operation,
                microseconds(taken["ours"]),
                microseconds(taken["by hand"]),
                ratio_of(taken["ours"], taken["by hand"]),
            )


@contextmanager
def shops(storage: Storage, places: Places) -> Iterator[dict[str, Flask]]:
    """The two shops, on one server."""
    with places.address(storage.place) as address:
        apps = {
            "ours": make_shop(storage.ours, address),
            "by hand": make_shop(storage.by_hand, address),
        }

        try:
            yield apps
        finally:
            for app in apps.values():
                for engine in app.extensions.get("engines", []):
                    engine.dispose()


def ask(client: FlaskClient, operation: Operation) -> t.Any:
    """Send the request, and return its answer."""
    headers = {"Owner": f"user:{operation.lines}"}

    if operation.body is None:
        response = client.get(operation.path, headers=headers)
    else:
        response = client.post(operation.path, json=operation.body, headers=headers)

    assert response.status_code == 200, response.text

    return response.json


def fill(client: FlaskClient, operation: Operation) -> None:
    """Make the cart that the request is about."""
    filled = {"lines": operation.lines, "conditions": operation.conditions}
    ask(client, Operation("", "/fill", filled, operation.lines))


def _work(app: Flask, operation: Operation) -> Work:
    client = app.test_client()
    fill(client, operation)

    return Work(
        lambda: ask(client, operation),
        (lambda: fill(client, operation)) if operation.empties else (lambda: None),
    )
