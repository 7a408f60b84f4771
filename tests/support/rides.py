"""Clients who use the same carts while servers fail, and what a checker says then."""

from __future__ import annotations

import contextlib
import logging
import time
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import closing
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from flask_cart import CartStorageError
from flask_cart.app.current import get_state
from flask_cart.storage.base import Storage
from flask_cart.testing.history.checking import check_history
from flask_cart.testing.history.clients import Client
from flask_cart.testing.history.records import Call
from flask_cart.testing.history.records import Made
from flask_cart.testing.history.records import Record
from tests.support.clocks import step_clocks
from tests.support.customers import Config
from tests.support.customers import shop
from tests.support.forks import FORKS
from tests.support.servers import DEADLINE
from tests.support.servers import wait_until
from tests.support.written import WrittenHistory
from tests.support.written import read_histories

#: How many clients there are, each in a process of its own.
CLIENTS: t.Final = 4

#: Seconds that a client waits when it got no answer.
_BREATH: t.Final = 0.02

#: Seconds that it waits after each operation when it has done enough, and others have
#: not, or a server is not back yet: all that it does is recorded, and checked.
_PACE: t.Final = 0.01

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


class Worker:
    """A client in a process of its own, that may be frozen and killed.

    :param name: Identifies the client, and decides what it does.
    :param config: Where the carts are.
    """

    def __init__(self, name: str, config: Config) -> None:
        self.name = name
        self._config = config
        self._starts = 0
        self._folder: Path | None = None
        # Without locks, which whoever is killed would hold for ever.
        self._done = FORKS.RawValue("q", 0)
        self._aim = FORKS.RawValue("q", 0)
        self._ahead = FORKS.RawValue("d", 0.0)

    @property
    def done(self) -> int:
        """How many of its operations have had an answer."""
        return int(self._done.value)

    @property
    def has_arrived(self) -> bool:
        """Whether it has done as much as it was told."""
        return self.done >= int(self._aim.value)

    def go_on(self, times: int) -> None:
        """Tell it to do so much more."""
        self._aim.value = self.done + times

    def start(self) -> None:
        """Start it; it goes on where the one that was killed was."""
        self._starts += 1
        self._pipe, theirs = FORKS.Pipe()
        self.process = FORKS.Process(
            target=_serve,
            args=(theirs, self._done, self._aim, self._ahead, self._config),
        )
        self.process.start()
        theirs.close()

        if self._folder is not None:
            self.go_shopping(self._folder)

    def go_shopping(self, folder: Path) -> None:
        """Let it use carts until it is told to rest."""
        self._folder = folder
        self._pipe.send((f"{self.name}, {self._starts}", folder))

    def rest(self) -> None:
        """Let it finish what it does."""
        self._folder = None
        self._pipe.send(None)
        assert self._pipe.poll(DEADLINE)
        self._pipe.recv()

    def set_clock(self, ahead: float) -> None:
        """Let it believe in another time, so many seconds ahead."""
        self._ahead.value = ahead

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()
        self.process.join(DEADLINE)
        self.process.close()
        self._pipe.close()


def ride(configs: list[Config], folder: Path, times: int, *faults: Fault) -> Verdict:
    """Let clients use carts, and servers fail meanwhile, one fault after the other.

    :param configs: Where the carts are, of the clients in turn; the tables of carts are
        there already.
    :param folder: An empty one.
    :param times: How many operations of each client must succeed before the first
        fault, and after each.
    """
    with started(configs) as workers:
        with shopping(workers, folder):
            wait(workers, times)

            for fault in faults:
                fault()
                wait(workers, times)

        return judge(configs[0], folder)


@contextmanager
def started(configs: list[Config]) -> Iterator[list[Worker]]:
    """Clients that do nothing yet.

    :param configs: Where the carts are, of the clients in turn.
    """
    with ExitStack() as stack:
        workers = [
            Worker(f"client {number}", configs[number % len(configs)])
            for number in range(CLIENTS)
        ]

        for worker in workers:
            worker.start()
            stack.callback(worker.kill)

        yield workers


@contextmanager
def shopping(workers: list[Worker], folder: Path) -> Iterator[None]:
    """Let clients use carts in this block.

    :param folder: An empty one.
    """
    _orders(folder).mkdir()
    _histories(folder).mkdir()

    for worker in workers:
        worker.go_shopping(folder)

    yield

    for worker in workers:
        worker.rest()


def wait(workers: list[Worker], times: int) -> None:
    """Wait until each of the clients has done more, whatever fails meanwhile."""
    for each in workers:
        each.go_on(times)

    wait_until(
        lambda: all(each.has_arrived for each in workers), seconds=DEADLINE + times
    )


def judge(config: Config, folder: Path) -> Verdict:
    """Look at all carts, and at what the clients have written."""
    records = read_histories(_histories(folder), _orders(folder))
    calls = [each for each in records if isinstance(each, Call)]
    last = _look(config, folder, len(calls))

    return Verdict(
        Counter(each.outcome for each in calls),
        sum(isinstance(each, Made) for each in records),
        check_history([*records, *last]),
    )


def _orders(folder: Path) -> Path:
    return folder / "orders"


def _histories(folder: Path) -> Path:
    return folder / "histories"


def _serve(
    pipe: Connection, done: t.Any, aim: t.Any, ahead: t.Any, config: Config
) -> None:
    with _storage(config) as storage:
        step_clocks(lambda: float(ahead.value))

        with contextlib.suppress(EOFError):
            while True:
                name, folder = pipe.recv()
                _shop_until_told(pipe, done, aim, storage, name, folder)
                pipe.recv()
                pipe.send("resting")


def _shop_until_told(
    pipe: Connection,
    done: t.Any,
    aim: t.Any,
    storage: Storage,
    name: str,
    folder: Path,
) -> None:
    # What carts only tell of where nobody can be told an error.
    logging.basicConfig(filename=folder / "log", force=True)

    with closing(WrittenHistory(_histories(folder) / name)) as history:
        client = Client(name, storage, _orders(folder), history)

        while not pipe.poll():
            client.act(1)
            last = history.last

            if isinstance(last, Call) and last.outcome in ("done", "refused"):
                done.value += 1
            else:
                time.sleep(_BREATH)

            if done.value >= aim.value:
                time.sleep(_PACE)


def _look(config: Config, folder: Path, times: int) -> list[Record]:
    with _storage(config) as storage:
        last = Client("the last one", storage, _orders(folder))

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
