"""A soak: clients use carts, and everything happens to them and to their servers."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import time
import typing as t
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from flask_cart.testing.history.chains import VANISHED
from tests.soak.watching import Watch
from tests.support.backends import BACKENDS
from tests.support.backends import ENDPOINTS
from tests.support.backends import LEASE
from tests.support.backends import Backend
from tests.support.cache_servers import redis_client
from tests.support.customers import HASTE
from tests.support.customers import create_tables
from tests.support.forgetful import collect_sockets  # noqa: F401
from tests.support.forgetful import forgetful
from tests.support.rides import Worker
from tests.support.rides import judge
from tests.support.rides import shopping
from tests.support.rides import started
from tests.support.rides import wait

#: How long it takes, on all storages together; without it, each fault happens once.
MINUTES: t.Final = float(os.environ.get("CART_SOAK_MINUTES", "0"))
#: Of what chance chooses: another one in each long run.
ANY_SEED: t.Final = str(random.randrange(10**6)) if MINUTES else "1"
SEED: t.Final = os.environ.get("CART_SOAK_SEED") or ANY_SEED

#: Where carts survive what happens to the server.
STORAGES: t.Final = [
    "valkey-locking",
    "postgresql",
    "mariadb",
    "redis",
    "postgresql-locking",
    "mariadb-locking",
]

#: How many faults there are between two verdicts.
ROUND: t.Final = 4
#: How many operations of each client succeed before, between and after faults.
TIMES: t.Final = 20
#: How many seconds a clock may be wrong. Keys are kept for longer than twice that.
STEP: t.Final = 12 * 3600


class Faults:
    """What can happen to a server, and to those who use it."""

    def __init__(self, backend: Backend, workers: list[Worker]) -> None:
        self._daemon = backend.endpoint.daemon
        self._address = backend.endpoint.address
        self._workers = workers
        self._random = random.Random(SEED)
        self.kinds = [name for name in vars(Faults) if not name.startswith("_")]

        if not isinstance(self._address, int):
            # A database has no such limit.
            self.kinds.remove("memory_full")

    def __iter__(self) -> Iterator[str]:
        """The names of all, in a new order again and again."""
        while True:
            yield from self._random.sample(self.kinds, len(self.kinds))

    def server_killed(self) -> None:
        self._daemon.kill()
        self._daemon.start()

    def server_frozen(self) -> None:
        self._daemon.pause()
        time.sleep(HASTE * self._random.uniform(0.5, 1.5))
        self._daemon.resume()

    def disk_full(self) -> None:
        """No file takes another byte; somebody makes room, and starts it again."""
        parent = psutil.Process(self._daemon.process.pid)

        for each in [parent, *parent.children(recursive=True)]:
            # A child may have finished.
            with suppress(psutil.NoSuchProcess):
                _, most = each.rlimit(psutil.RLIMIT_FSIZE)
                each.rlimit(psutil.RLIMIT_FSIZE, (0, most))

        time.sleep(1)

        if self._daemon.process.poll() is None:
            self._daemon.kill()

        self._daemon.start()

    def memory_full(self) -> None:
        """It refuses what needs more of it."""
        with redis_client(t.cast(int, self._address)) as client:
            client.config_set("maxmemory", 1)
            time.sleep(0.5)
            client.config_set("maxmemory", 0)

    def client_killed(self) -> None:
        worker = self._random.choice(self._workers)
        worker.kill()
        worker.start()

    def client_frozen(self) -> None:
        """For longer than it may have a lock."""
        process = psutil.Process(self._random.choice(self._workers).process.pid)
        process.suspend()
        time.sleep(LEASE * 1.5)
        process.resume()

    def clock_stepped(self) -> None:
        worker = self._random.choice(self._workers)
        worker.set_clock(self._random.uniform(-STEP, STEP))


class Soak:
    """A soak of one storage.

    :param folder: An empty one.
    """

    def __init__(self, backend: Backend, workers: list[Worker], folder: Path) -> None:
        self._backend = backend
        self._config = backend.config(patience=HASTE)
        self._workers = workers
        self._folder = folder
        self._faults = Faults(backend, workers)
        self._watch = Watch()
        self._happened: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()

    def run(self, seconds: float) -> list[str]:
        """Go on for so long, and until everything has happened; tell what is wrong."""
        end = time.monotonic() + seconds
        names = iter(self._faults)
        found = []

        while time.monotonic() < end or len(self._happened) < len(self._faults.kinds):
            found += self._round(list(itertools.islice(names, ROUND)))

        return found + self._watch.leaks()

    def _round(self, names: list[str]) -> list[str]:
        folder = self._folder / f"round-{self._happened.total() // ROUND}"
        folder.mkdir()
        self._forget_all()

        with shopping(self._workers, folder):
            wait(self._workers, TIMES)

            for name in names:
                getattr(self._faults, name)()
                wait(self._workers, TIMES)

        self._watch.look("server", self._backend.endpoint.daemon.process.pid)

        for worker in self._workers:
            self._watch.look(worker.name, worker.process.pid)

        verdict = judge(self._config, folder)
        found = [each for each in verdict.found if not self._is_usual(each)]
        self._happened.update(names)
        self._outcomes += verdict.outcomes
        print(*names, dict(verdict.outcomes), len(found) or "ok", sep=", ")

        if not found:
            shutil.rmtree(folder)

        return found

    def _is_usual(self, contradiction: str) -> bool:
        """InnoDB shows others what is committed a moment before it is on the disk."""
        url = self._config.get("SQLALCHEMY_DATABASE_URI", "")

        return url.startswith("mysql") and VANISHED in contradiction

    def _forget_all(self) -> None:
        if "CACHE_TYPE" not in self._config:
            create_tables(self._config, anew=True)
            return

        with redis_client(t.cast(int, self._backend.endpoint.address)) as client:
            client.flushall()

    def __str__(self) -> str:
        return (
            f"  operations: {dict(self._outcomes)}\n"
            f"  faults: {dict(self._happened)}\n{self._watch}"
        )


@forgetful
@pytest.mark.timeout(300 + 60 * MINUTES)
@pytest.mark.parametrize("name", STORAGES if MINUTES else STORAGES[:1])
def test_soak(name: str, tmp_path: Path) -> None:
    """Nothing is lost, raised or used up, whatever happens to whom."""
    server, make_config = BACKENDS[name]
    print(f"\n{name}, CART_SOAK_SEED={SEED}, {tmp_path}")

    with ENDPOINTS[server]() as endpoint:
        backend = Backend(endpoint, make_config)

        with started([backend.config(patience=HASTE)]) as workers:
            soak = Soak(backend, workers, tmp_path)
            found = soak.run(60 * MINUTES / len(STORAGES))
            print(soak)

    assert not found, "\n".join(found)
