"""How long commands and requests take among many carts, in PostgreSQL and in Redis.

    python -m benchmarks.many [--carts 1000 1000000] [--storage=Redis]

The carts are like those of a shop; a fifth of them would be pruned. Each command runs
in a process of its own, whose memory is measured, too. A page and an add are requests
about one of the carts. With --storage nothing is written, only printed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import re
import subprocess
import sys
import time
import typing as t
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from itertools import islice

import redis
import sqlalchemy as sa
from flask import Flask

from flask_cart import FlaskCart
from flask_cart.carts.scanning import scan
from tests.support.apps import make_app

from . import sizes
from .lost_updates.app import build
from .lost_updates.places import Places
from .lost_updates.rows import row_named
from .measuring import Work
from .measuring import microseconds
from .measuring import take_turns
from .report import FOLDER
from .report import write_note
from .report import write_table

#: What is measured where, by the name of the row of the lost updates.
ROWS: t.Final = {"PostgreSQL": "database: PostgreSQL", "Redis": "cache: Redis"}

COMMANDS: t.Final = [
    ["stats"],
    ["prune", "--dry-run"],
    ["doctor"],
    ["list", "--owner=nobody"],
]
REQUESTS: t.Final = ["a page", "an add"]

#: As many contents are enough for any number of carts.
CONTENTS: t.Final = 1000

#: Over how many hours they were saved, until now: a fifth of them is older than 7 days.
HOURS: t.Final = 210

#: Requests of a kind.
ROUNDS: t.Final = 300

#: Carts that are made at a time.
_BATCH: t.Final = 2000


class Cart(t.NamedTuple):
    """A cart that is put there as if it had been saved.

    :param version: Of 16 digits, as most have.
    """

    owner: str
    version: int
    text: str
    saved_at: dt.datetime


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--carts", type=int, nargs="+", default=[1000, 1_000_000])
    parser.add_argument("--storage", choices=ROWS)
    options = parser.parse_args(arguments)
    rows: list[list[str]] = []

    for storage in [options.storage] if options.storage else ROWS:
        for number in options.carts:
            for row in measure(storage, number):
                print(" | ".join(row), flush=True)
                rows.append(row)

    if options.storage is None:
        headings = ["storage", "carts", "what", "takes", "per cart", "memory"]
        write_table(FOLDER / "many.csv", [headings, *rows])
        write_note(
            FOLDER / "many.txt",
            "*Per cart* is without what a command takes where there are none. Requests"
            f" are medians of {ROUNDS}.",
        )


def measure(storage: str, number: int) -> Iterator[list[str]]:
    """The rows of a number of carts in one place."""
    with ExitStack() as stack:
        row = row_named(ROWS[storage])
        address = stack.enter_context(Places(stack).address(row.place))
        app = build(row, address)
        environ = {"ROW": row.name, "DATABASE_URL": address}
        # What any command takes, also if there are no carts.
        start, _ = run(COMMANDS[0], environ)
        size = PUT[storage](address, carts(number)) / number
        yield [storage, f"{number:,}", "stored", f"{size:,.0f} bytes", "", ""]

        for command in COMMANDS:
            seconds, memory = run(command, environ)
            yield [
                storage,
                f"{number:,}",
                f"flask cart {' '.join(command)}",
                f"{seconds:.1f} s",
                f"{max(0, seconds - start) / number * 1e6:,.0f} us",
                f"{memory / 2**20:.0f} MiB",
            ]

        for name, taken in times(app, next(carts(number)).owner).items():
            yield [storage, f"{number:,}", name, f"{microseconds(taken)} us", "", ""]

        with app.app_context():
            for engine in (
                app.extensions["sqlalchemy"].engines.values()
                if ("sqlalchemy" in app.extensions)
                else []
            ):
                engine.dispose()


def carts(number: int) -> Iterator[Cart]:
    """Carts like those of a shop, the same ones each time but for when it is."""
    app = make_app(CART_STORAGE="memory")
    extension = FlaskCart(app)
    sizes.fill(app, lambda owner: extension.cart(owner=owner), CONTENTS)

    with app.app_context():
        texts = [each.stored.text for each in scan(extension.storage)]

    chance = random.Random(number)
    now = dt.datetime.now(dt.UTC)

    for owner, text in zip(sizes.owners(number), cycle(texts), strict=False):
        age = dt.timedelta(hours=chance.uniform(0, HOURS))
        yield Cart(owner, chance.randrange(10**15, 10**16), text, now - age)


def put_into_postgresql(url: str, carts: Iterator[Cart]) -> int:
    """Put carts into the table, and say what they take there."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")

    with engine.connect() as connection:
        cursor: t.Any = connection.connection.cursor()
        columns = "owner, instance, version, data, updated_at"

        with cursor.copy(f"COPY carts ({columns}) FROM STDIN") as copy:
            for owner, version, text, saved_at in carts:
                moment = saved_at.replace(tzinfo=None)
                copy.write_row((owner, "default", version, text, moment))

        connection.exec_driver_sql("VACUUM ANALYZE carts")
        size: int = connection.exec_driver_sql(
            "SELECT pg_total_relation_size('carts')"
        ).scalar_one()

    engine.dispose()

    return size


def put_into_redis(url: str, carts: Iterator[Cart]) -> int:
    """Put carts into hashes, and say what they take there."""
    with redis.Redis.from_url(url) as client:
        before = client.info("memory")["used_memory"]

        while some := list(islice(carts, _BATCH)):
            with client.pipeline(transaction=False) as pipeline:
                for owner, version, text, saved_at in some:
                    name = f"cart:flask_cache_{{{owner}}}"
                    saved = round(saved_at.timestamp() * 1e6)
                    head = f"{version} {random.randbytes(8).hex()}, {saved}"
                    pipeline.hset(name, "default", f"{head}\n{text}")
                    pipeline.expire(name, 30 * 86_400)

                pipeline.execute()

        return int(client.info("memory")["used_memory"] - before)


PUT: t.Final = {"PostgreSQL": put_into_postgresql, "Redis": put_into_redis}


#: The command line of Flask, which tells at its end how much memory it has had at most.
#: Not as the system tells of a child: there the memory of its parent counts, too.
_FLASK: t.Final = """
import sys
from flask.cli import main

try:
    main()
finally:
    with open("/proc/self/status") as status:
        sys.stderr.write(status.read())
"""


def run(command: list[str], environ: dict[str, str]) -> tuple[float, int]:
    """The seconds and the bytes of memory that a command takes."""
    app = "benchmarks.lost_updates.app:create_app()"
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-c", _FLASK, "--app", app, "cart", *command],
        env=os.environ | environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    seconds = time.perf_counter() - start
    assert process.returncode == 0, (command, process.stderr)
    (memory,) = re.findall(r"^VmHWM:\s+(\d+) kB$", process.stderr, re.MULTILINE)

    return seconds, int(memory) * 1024


def times(app: Flask, owner: str) -> dict[str, list[float]]:
    """How long requests about one cart take."""
    client = app.test_client()
    headers = {"Owner": owner}

    def show() -> None:
        assert client.get("/cart", headers=headers).status_code == 200

    def add() -> None:
        # Always the same item: it has to stay below the limit of its quantity.
        answer = client.post("/add", json={"item": "mug"}, headers=headers)
        assert answer.status_code == 200

    works = zip(REQUESTS, [Work(show), Work(add)], strict=True)

    return take_turns(dict(works), ROUNDS)


def dispose(app: Flask) -> None:
    """Close the connections to its database, if it has one."""
    if "sqlalchemy" in app.extensions:
        with app.app_context():
            for engine in app.extensions["sqlalchemy"].engines.values():
                engine.dispose()


if __name__ == "__main__":
    main()
