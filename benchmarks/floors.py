"""What an add costs beside the bare statements that it cannot do without.

    python -m benchmarks.floors [--rounds=1000] [--folder=docs/benchmarks]

In one process, without any request. A database is asked by the driver's own cursor,
in autocommit: one SELECT, and one UPDATE with the version in its WHERE. Of Redis, the
same text is got and set. With observers there is an add in memory, where nothing hides
the difference.
"""

from __future__ import annotations

import argparse
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry

from flask_cart import Cart
from flask_cart import FlaskCart
from flask_cart.carts.cart import working_copy
from flask_cart.carts.observing import Access
from flask_cart.carts.observing import Observer
from flask_cart.metrics.opentelemetry import OpenTelemetryMetrics
from flask_cart.metrics.prometheus import PrometheusMetrics
from flask_cart.model.events import Event

from .lost_updates.baskets import OurBasket
from .lost_updates.places import Places
from .lost_updates.rows import row_named
from .measuring import Work
from .measuring import microseconds
from .measuring import ratio_of
from .measuring import take_turns
from .report import FOLDER
from .report import write_note
from .report import write_table

LINES: t.Final = 10
OWNER: t.Final = "user:1"

#: Rows of the lost updates, and what each is compared with.
DATABASES: t.Final = ["database: SQLite", "database: PostgreSQL", "database: MariaDB"]
CACHES: t.Final = ["cache: Redis", "cache: Redis, locking"]

HEADINGS: t.Final = ["an add", "beside", "us", "beside it, us", "ratio"]

Row = list[str]


class Nobody:
    """An observer that does nothing."""

    def accessed(self, access: Access) -> None:
        pass

    def happened(self, event: Event) -> None:
        pass


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    rounds: int = options.rounds
    rows: list[Row] = []

    with ExitStack() as stack:
        places = Places(stack)

        for name in [*DATABASES, *CACHES]:
            try:
                rows.append(beside_statements(name, places, rounds))
            except pytest.skip.Exception as missing:
                print(f"{name}: {missing}")

    rows += beside_nobody(rounds)
    write_table(options.folder / "floors.csv", [HEADINGS, *rows])
    write_note(options.folder / "floors.txt", f"Medians of {rounds}.")


def beside_statements(name: str, places: Places, rounds: int) -> Row:
    """An add in one place, beside what is sent there at least."""
    row = row_named(name)

    with places.address(row.place) as address, ExitStack() as stack:
        app = Flask("benchmark")
        app.config["CART_MAX_QUANTITY"] = 2**31 - 1
        basket = t.cast(OurBasket, row.set_up(app, address))
        text = fill(app, basket.extension)

        if name in DATABASES:
            beside = "SELECT, UPDATE"
            floor = stack.enter_context(statements(app))
        else:
            beside = "GET, SET"
            floor = stack.enter_context(commands(address, text))

        add = Work(adding(app, basket.extension))
        taken = take_turns({"add": add, "floor": Work(floor)}, rounds)

    return told(name, beside, taken["add"], taken["floor"])


def beside_nobody(rounds: int) -> Iterator[Row]:
    """An add in memory with each observer, beside one without any."""
    provider = MeterProvider([InMemoryMetricReader()])
    observers: dict[str, list[Observer]] = {
        "no observer": [],
        "an observer": [Nobody()],
        "Prometheus": [PrometheusMetrics(CollectorRegistry())],
        "OpenTelemetry": [OpenTelemetryMetrics(provider)],
    }
    works = {name: Work(in_memory(each)) for name, each in observers.items()}
    taken = take_turns(works, 5 * rounds)
    provider.shutdown()

    for name in list(observers)[1:]:
        yield told(f"memory, {name}", "no observer", taken[name], taken["no observer"])


def in_memory(observers: list[Observer]) -> Callable[[], object]:
    app = Flask("benchmark")
    app.config.update(CART_STORAGE="memory", CART_MAX_QUANTITY=2**31 - 1)
    extension = FlaskCart(app)

    for observer in observers:
        extension.observe(observer)

    fill(app, extension)

    return adding(app, extension)


def fill(app: Flask, extension: FlaskCart) -> bytes:
    """Make the cart, and return its text, or as many bytes."""
    with app.app_context(), extension.cart(owner=OWNER).batch() as cart:
        for number in range(LINES):
            cart.add(f"sku-{number}", name=f"Product {number}", price="12.50")

    with app.app_context():
        return b"x" * working_copy(extension.cart(owner=OWNER)).snapshot.size


def adding(app: Flask, extension: FlaskCart) -> Callable[[], object]:
    """Reads the cart and adds to it."""

    def add() -> object:
        with app.app_context():
            cart: Cart = extension.cart(owner=OWNER)

            return cart.add("sku-0", price="12.50")

    return add


@contextmanager
def statements(app: Flask) -> Iterator[Callable[[], object]]:
    """One SELECT and one UPDATE, on a row of its own like that of the cart."""
    with app.app_context():
        (engine,) = app.extensions["sqlalchemy"].engines.values()

    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO carts (owner, instance, version, data, updated_at)"
                " SELECT 'user:2', instance, version, data, updated_at FROM carts"
            )
        )
        yield bare(connection)

    engine.dispose()


def bare(connection: sa.Connection) -> Callable[[], object]:
    """The statements by the driver's own cursor."""
    cursor = connection.connection.cursor()
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    where = f"WHERE owner = {mark} AND instance = {mark}"
    select = f"SELECT data, version FROM carts {where}"
    update = (
        f"UPDATE carts SET data = {mark}, version = {mark} {where} AND version = {mark}"
    )
    key = ("user:2", "default")

    def run() -> None:
        cursor.execute(select, key)
        data, version = t.cast(tuple[str, int], cursor.fetchone())
        cursor.execute(update, (data, version + 1, *key, version))
        assert cursor.rowcount == 1

    return run


@contextmanager
def commands(url: str, text: bytes) -> Iterator[Callable[[], object]]:
    """One GET and one SET."""
    with redis.Redis.from_url(url) as client:
        client.set("bare", text)
        yield lambda: client.set("bare", client.get("bare") or b"")


def told(name: str, beside: str, ours: list[float], floor: list[float]) -> Row:
    return [
        name,
        beside,
        microseconds(ours),
        microseconds(floor),
        str(ratio_of(ours, floor)),
    ]


if __name__ == "__main__":
    main()
