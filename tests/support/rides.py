"""Clients who use the same carts while servers fail, and what a checker says then."""

from __future__ import annotations

import contextlib
import time
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cart import CartStorageError
from flask_cart.app.current import get_state
from flask_cart.storage.base import Storage
from flask_cart.testing.history.checking import check_history
from flask_cart.testing.history.clients import Client
from flask_cart.testing.history.records import Call
from flask_cart.testing.history.records import Made
from flask_cart.testing.history.records import Record
from tests.support.customers import Config
from tests.support.customers import shop
from tests.support.forks import FORKS
from tests.support.servers import DEADLINE
from tests.support.servers import wait_until

#: How many clients there are, each in a process of its own.
CLIENTS: t.Final = 4

#: Seconds that a client waits when it got no answer.
_BREATH: t.Final = 0.02

#: Something that happens to a server.
Fault = Callable[[], object]


class Verdict(t.NamedTuple):
    """What came of all that the clients did.

    :param outcomes: How many operations ended how.
    :param orders: How many orders were made.
    :param found: What cannot have happened to carts that are kept.
    """

    outcomes: Counter[str]
    orders: int
    found: list[str]

    @property
    def raised(self) -> list[str]:
        """Errors that no caller of carts expects."""
        return [each for each in self.found if " raised what nobody expects" in each]


class _Worker(t.NamedTuple):
    pipe: Connection
    done: t.Any


def ride(configs: list[Config], folder: Path, times: int, *faults: Fault) -> Verdict:
    """Let clients use carts, and servers fail meanwhile, one fault after the other.

    :param configs: Where the carts are, of the clients in turn; the tables of carts are
        there already.
    :param folder: An empty one.
    :param times: How many operations of each client must succeed before the first
        fault, and after each.
    """
    with _clients(configs, folder) as workers:
        _wait(workers, times)

        for fault in faults:
            fault()
            _wait(workers, times)

        records = [record for each in workers for record in _stop(each)]

    last = _look(configs[0], folder, len(records))

    return Verdict(
        Counter(each.outcome for each in records if isinstance(each, Call)),
        sum(isinstance(each, Made) for each in records),
        check_history([*records, *last]),
    )


@contextmanager
def _clients(configs: list[Config], folder: Path) -> Iterator[list[_Worker]]:
    with ExitStack() as stack:
        workers = []

        for number in range(CLIENTS):
            mine, theirs = FORKS.Pipe()
            done = FORKS.Value("i", 0)
            config = configs[number % len(configs)]
            process = FORKS.Process(
                target=_shop_until_told, args=(theirs, done, config, number, folder)
            )
            process.start()
            stack.callback(process.join, 60)
            stack.callback(process.kill)
            workers.append(_Worker(mine, done))

        yield workers


def _wait(workers: list[_Worker], times: int) -> None:
    """Wait until each of the clients has done more, whatever fails meanwhile."""
    aims = [each.done.value + times for each in workers]

    wait_until(
        lambda: all(
            each.done.value >= aim for each, aim in zip(workers, aims, strict=True)
        ),
        seconds=DEADLINE + times,
    )


def _stop(worker: _Worker) -> list[Record]:
    worker.pipe.send("stop")
    assert worker.pipe.poll(60)
    records: list[Record] = worker.pipe.recv()

    return records


def _shop_until_told(
    pipe: Connection, done: t.Any, config: Config, number: int, folder: Path
) -> None:
    with _storage(config) as storage:
        client = Client(f"client {number}", storage, folder)

        while not pipe.poll():
            client.act(1)

            if _outcome(client) in ("done", "refused"):
                done.value += 1
            else:
                time.sleep(_BREATH)

        pipe.send(client.history.records)


def _outcome(client: Client) -> str:
    last = client.history.records[-1]
    assert isinstance(last, Call)

    return last.outcome


def _look(config: Config, folder: Path, times: int) -> list[Record]:
    with _storage(config) as storage:
        last = Client("the last one", storage, folder)

        def look() -> bool:
            with contextlib.suppress(CartStorageError):
                last.look(times)
                return True

            return False

        wait_until(look)

        return last.history.records


@contextmanager
def _storage(config: Config) -> Iterator[Storage]:
    with shop(config) as app, app.app_context():
        yield get_state().services.repository.storage


def create_tables(config: Config) -> None:
    """Create the tables of the carts, where they are in a database."""
    with shop(config) as app, app.app_context():
        _db(app).create_all()


def _db(app: Flask) -> SQLAlchemy:
    db: SQLAlchemy = app.extensions["sqlalchemy"]

    return db
