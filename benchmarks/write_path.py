"""What a change of a cart costs, beside the bare statements it cannot do without.

    python -m benchmarks.write_path

For every database, in one run: the floor is one SELECT and one UPDATE with the version
in its WHERE, prepared by hand and sent by the driver in autocommit. Ratios can be
compared between machines, times cannot.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import typing as t
from contextlib import ExitStack

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cart import FlaskCart
from tests.support import servers

ROUNDS = 300
LINES = 10


def main() -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        postgresql = stack.enter_context(servers.postgresql())
        mariadb = stack.enter_context(servers.mariadb())
        urls = {
            "SQLite": f"sqlite:///{folder}/carts.sqlite3",
            "PostgreSQL": postgresql.database("postgres"),
            "MariaDB": mariadb.database("mysql"),
        }
        print(f"median of {ROUNDS}, a cart of {LINES} lines")
        print(f"{'database':<12}{'floor us':>10}{'add us':>10}{'ratio':>8}")

        for name, url in urls.items():
            floor, add = measure(url)
            print(f"{name:<12}{floor:>10.0f}{add:>10.0f}{add / floor:>8.2f}")


def measure(url: str) -> tuple[float, float]:
    """The floor and an add, in microseconds."""
    app = Flask("benchmark")
    app.config.update(SQLALCHEMY_DATABASE_URI=url, CART_STORAGE="database")
    db = SQLAlchemy(app)
    extension = FlaskCart(app, db=db)

    with app.app_context():
        db.create_all()
        cart = extension.cart(owner="user:1")

        with cart.batch():
            for number in range(LINES):
                cart.add(f"sku-{number}", name=f"Product {number}", price="12.50")

        engine = db.engine.execution_options(isolation_level="AUTOCOMMIT")

        with engine.connect() as connection:
            floor = median_us(bare_statements(connection))

        add = median_us(
            lambda: extension.cart(owner="user:1").add("sku-0", price="12.50")
        )
        db.drop_all()
        db.session.remove()
        db.engine.dispose()

    return floor, add


def bare_statements(connection: sa.Connection) -> t.Callable[[], object]:
    """One SELECT and one UPDATE, by the driver's own cursor."""
    cursor = connection.connection.cursor()
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    select = (
        f"SELECT data, version FROM carts WHERE owner = {mark} AND instance = {mark}"
    )
    update = (
        f"UPDATE carts SET data = {mark}, version = {mark}"
        f" WHERE owner = {mark} AND instance = {mark} AND version = {mark}"
    )
    key = ("user:1", "default")

    def run() -> None:
        cursor.execute(select, key)
        data, version = t.cast(tuple[str, int], cursor.fetchone())
        cursor.execute(update, (data, version + 1, *key, version))
        assert cursor.rowcount == 1

    return run


def median_us(work: t.Callable[[], object]) -> float:
    times = []

    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)

    return statistics.median(times) * 1e6


if __name__ == "__main__":
    main()
