"""How much room carts take, and what that comes to with 100,000,000 of them.

    python -m benchmarks.sizes [--carts=20000] [--folder=docs/sizes]

Carts like those of a shop are stored on every kind of server, each by a ``batch()`` of
its own, and what the servers say they take is divided by the number of carts. Then the
carts in PostgreSQL are changed, in three layouts of their table. The tables that are
written are those of docs/sizing.rst. Sizes can be compared between machines, times
cannot.
"""

from __future__ import annotations

import argparse
import base64
import csv
import random
import statistics
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from benchmarks import scale
from flask_cart import Cart
from flask_cart.carts.scanning import find_carts
from tests.support import cache_servers
from tests.support import servers
from tests.support.plans import nodes_of
from tests.support.plans import plans_of
from tests.support.redis_shops import RedisShop
from tests.support.redis_shops import open_redis_shop
from tests.support.shops import Shop
from tests.support.shops import open_shop

#: How many carts of a hundred have so many lines, from 1 on.
LINES = [30, 20, 15, 10, 8, 7, 5, 5]

#: Of PostgreSQL's table: what is done to it before it has carts.
LAYOUTS = {
    "as it is made": [],
    "without the index on updated_at": ["DROP INDEX ix_carts_updated_at"],
    "the same, fillfactor 70": [
        "DROP INDEX ix_carts_updated_at",
        "ALTER TABLE carts SET (fillfactor = 70)",
    ],
}

#: How often each cart is changed there.
ROUNDS = 3


class Size(t.NamedTuple):
    """What carts take in one place, in bytes for each.

    :param table: With the text of the carts.
    :param indexes: Or what a server in memory needs besides; ``None`` if it is not
        told.
    :param read: Carts that are read in a second, if all are.
    """

    name: str
    table: float
    indexes: float | None
    read: float


class Changed(t.NamedTuple):
    """What changes have done to a table of PostgreSQL.

    :param hot: The share of changes that no index noticed.
    :param log: Bytes of the write-ahead log for each change.
    :param table: Bytes for each cart after the changes.
    :param indexes: Alike.
    """

    layout: str
    hot: float
    log: float
    table: float
    indexes: float


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--carts", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, default=Path("docs/sizes"))
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    carts: int = options.carts

    with ExitStack() as stack:
        postgresql = stack.enter_context(servers.postgresql())
        mariadb = stack.enter_context(servers.mariadb())
        valkey = stack.enter_context(cache_servers.valkey())
        place = stack.enter_context(servers.own_folder())
        plans = [
            row
            for number in (max(100, carts // 100), carts)
            for row in plans_in(postgresql, number)
        ]
        text, found = in_postgresql(postgresql, carts)
        sizes = [
            found,
            in_mariadb(mariadb, carts),
            in_sqlite(place / "carts.sqlite3", carts),
            in_valkey(valkey, carts),
        ]
        changed = [change(postgresql, layout, max(1, carts // 4)) for layout in LAYOUTS]

    folder.mkdir(exist_ok=True)
    write(folder / "bytes.csv", bytes_of(sizes, text))
    write(folder / "plans.csv", plans)
    write(folder / "changes.csv", map(changes_of, changed))
    write(folder / "scale.csv", scale.rows(sizes[0], sizes[-1], changed))


def bytes_of(sizes: list[Size], text: float) -> Iterator[list[str]]:
    """The text alone, and what it takes where it is kept."""
    yield ["the text of a cart", f"{text:.0f}", "", f"{text:.0f}", "", ""]

    for name, table, indexes, read in sizes:
        whole = table + (indexes or 0)
        yield [
            name,
            f"{table:.0f}",
            "in it" if indexes is None else f"{indexes:.0f}",
            f"{whole:.0f}",
            f"{whole * scale.CARTS / 1e9:.0f} GB",
            f"{read:.0f}",
        ]


def changes_of(each: Changed) -> list[str]:
    whole = each.table + each.indexes

    return [each.layout, f"{each.hot:.0%}", f"{each.log:.0f}", f"{whole:.0f}"]


def write(path: Path, rows: t.Iterable[list[str]]) -> None:
    """Write a table, and show it."""
    rows = list(rows)

    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)

    for row in rows:
        print(" | ".join(row))

    print()


def fill(app: Flask, cart_of: Callable[[str], Cart], carts: int) -> None:
    """Put carts like those of a shop there, the same ones everywhere.

    :param cart_of: The cart of an owner.
    """
    with app.app_context():
        for owner in owners(carts):
            chance = random.Random(owner)
            (lines,) = chance.choices(range(1, len(LINES) + 1), LINES)

            with cart_of(owner).batch() as cart:
                for item in chance.sample(range(100_000), lines):
                    add(cart, item, chance)

                if chance.random() < 0.1:
                    cart.coupons.add("SPRING10")


def add(cart: t.Any, item: int, chance: random.Random) -> None:
    """A line; three of ten have options."""
    name = " ".join(chance.choices(["Blue", "Large", "Cotton", "Mug", "Shirt"], k=3))
    options = (
        {
            "size": chance.choice(["S", "M", "L"]),
            "colour": chance.choice(["red", "blue"]),
        }
        if chance.random() < 0.3
        else None
    )
    price = f"{chance.randrange(100, 10_000) / 100:.2f}"
    cart.add(
        f"sku-{item}",
        chance.choice([1, 1, 1, 2, 3]),
        name=name,
        price=price,
        options=options,
    )


def owners(carts: int) -> Iterator[str]:
    """Guests with tokens as long as real ones, and three users of ten."""
    chance = random.Random(carts)

    for number in chance.sample(range(scale.CARTS), carts):
        token = base64.urlsafe_b64encode(chance.randbytes(16)).decode().rstrip("=")
        yield f"user:{number}" if chance.random() < 0.3 else f"guest:{token}"


def in_postgresql(server: servers.Server, carts: int) -> tuple[float, Size]:
    """The text of a cart, too."""
    with filled(server, carts) as shop, shop.outside() as connection:
        text = connection.exec_driver_sql(
            "SELECT avg(octet_length(data)) FROM carts"
        ).scalar_one()
        table, indexes = postgresql_size(connection)

        return float(text), Size(
            "PostgreSQL", table / carts, indexes / carts, speed(shop, carts)
        )


def plans_in(server: servers.Server, carts: int) -> Iterator[list[str]]:
    """How PostgreSQL finds the row of a load and of a save."""
    with filled(server, carts) as shop:
        execute(shop, "VACUUM ANALYZE carts")
        owner = next(owners(carts))

        with shop.app.app_context():
            plans = plans_of(shop, lambda: shop.cart(owner).add("mug", price=1))

    for statement, plan in zip(["load", "save"], plans, strict=True):
        *_, scan = nodes_of(plan)
        pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        yield [
            f"{carts:,}",
            statement,
            f"{scan['Node Type']}, {scan['Index Name']}",
            f"{scan['Actual Rows']:.0f}",
            str(pages),
        ]


def postgresql_size(connection: sa.Connection) -> tuple[int, int]:
    table, indexes = connection.exec_driver_sql(
        "SELECT pg_table_size('carts'), pg_indexes_size('carts')"
    ).one()

    return table, indexes


def in_mariadb(server: servers.Server, carts: int) -> Size:
    with filled(server, carts) as shop, shop.outside() as connection:
        connection.exec_driver_sql("ANALYZE TABLE carts")
        table, indexes = connection.exec_driver_sql(
            "SELECT data_length, index_length FROM information_schema.tables"
            " WHERE table_schema = database() AND table_name = 'carts'"
        ).one()

        return Size("MariaDB", table / carts, indexes / carts, speed(shop, carts))


def in_sqlite(path: Path, carts: int) -> Size:
    """The file; how much of it is the indexes, it does not say."""
    with open_shop(f"sqlite:///{path}") as shop:
        fill(shop.app, shop.cart, carts)

        return Size("SQLite", path.stat().st_size / carts, None, speed(shop, carts))


def in_valkey(server: cache_servers.CacheServer, carts: int) -> Size:
    """Beside the data, what the server needs for so many keys that expire."""
    shop = open_redis_shop(server.url)

    with cache_servers.redis_client(server.port) as client:

        def memory() -> tuple[int, int]:
            info = client.info("memory")
            # Buffers of clients come and go.
            clients = client.memory_stats()["clients.normal"]

            return info["used_memory_dataset"], info["used_memory_overhead"] - clients

        before = memory()
        fill(shop.app, shop.cart, carts)
        data, overhead = (
            (now - then) / carts for now, then in zip(memory(), before, strict=True)
        )

        return Size("Valkey", data, overhead, speed(shop, carts))


def change(server: servers.Server, layout: str, carts: int) -> Changed:
    """Change the carts of a table in any order, with a VACUUM whenever a fifth of them
    was, as PostgreSQL's own does."""
    with filled(server, carts, *LAYOUTS[layout]) as shop:
        before = log_position(shop)
        order = list(owners(carts)) * ROUNDS
        random.Random(layout).shuffle(order)

        for number, owner in enumerate(order):
            if number % max(1, carts // 5) == 0:
                execute(shop, "VACUUM carts")

            with shop.app.app_context():
                cart = shop.cart(owner)
                cart.increment(cart.lines[0].id, 1)

        log = log_position(shop) - before
        hot = share_of_hot(shop, len(order))

        with shop.outside() as connection:
            table, indexes = postgresql_size(connection)

    return Changed(layout, hot, log / len(order), table / carts, indexes / carts)


def log_position(shop: Shop) -> int:
    with shop.outside() as connection:
        return int(
            connection.exec_driver_sql(
                "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
            ).scalar_one()
        )


def share_of_hot(shop: Shop, changes: int) -> float:
    """How many of the changes were heap-only, once all of them have been counted."""
    # A connection tells of what it has done when it ends, at the latest.
    with shop.app.app_context():
        shop.db.engine.dispose()

    counted: list[t.Any] = []

    def is_counted() -> bool:
        with shop.outside() as connection:
            counted[:] = connection.exec_driver_sql(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables"
                " WHERE relname = 'carts'"
            ).one()

        return bool(counted[0] >= changes)

    servers.wait_until(is_counted)

    return float(counted[1] / counted[0])


def speed(shop: Shop | RedisShop, carts: int) -> float:
    """Carts in a second, when all are read as ``flask cart prune`` reads them."""
    times = []

    with shop.app.app_context():
        for _ in range(3):
            start = time.perf_counter()
            found = sum(1 for _ in find_carts(shop.storage))
            times.append(time.perf_counter() - start)
            assert found == carts

    return carts / statistics.median(times)


@contextmanager
def filled(server: servers.Server, carts: int, *layout: str) -> Iterator[Shop]:
    """A shop with carts in a new database.

    :param layout: What is done to the table before.
    """
    with (
        servers.fresh_database(server) as url,
        open_shop(url) as shop,
    ):
        for statement in layout:
            execute(shop, statement)

        fill(shop.app, shop.cart, carts)
        yield shop


def execute(shop: Shop, statement: str) -> None:
    """Execute a statement that wants no transaction."""
    engine = sa.create_engine(
        shop.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
    )

    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


if __name__ == "__main__":
    main()
