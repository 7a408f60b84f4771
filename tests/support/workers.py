"""Other processes that serve the same shop."""

from __future__ import annotations

import itertools
import os
import signal
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection

import psutil

from flask_cart.signals import before_change
from tests.support.customers import OK
from tests.support.customers import Config
from tests.support.customers import Customer
from tests.support.customers import shop
from tests.support.forks import FORKS
from tests.support.servers import DEADLINE
from tests.support.servers import wait_until

#: Changes that a thread makes before the server breaks, and after it is back.
ROUNDS = 8


class Attempt(t.NamedTuple):
    """What became of a request to add an item.

    :param item: An item that nobody else adds.
    :param began: When it was sent.
    :param status: The status of the answer.
    """

    item: str
    began: float
    status: int


class Worker:
    """A process that does one job.

    :param job: What it does. It is given a connection to here first.
    :param arguments: What else it is given.
    """

    def __init__(self, job: Callable[..., t.Any], *arguments: t.Any) -> None:
        self._here, there = FORKS.Pipe()
        self._process = FORKS.Process(target=_run, args=(job, there, *arguments))
        self._process.start()
        there.close()

    def receive(self) -> t.Any:
        """The next thing that it sends: at the end, its result."""
        assert self._here.poll(DEADLINE)

        return self._here.recv()

    def send(self, message: t.Any) -> None:
        self._here.send(message)

    def wait_until_paused(self) -> None:
        process = psutil.Process(self._process.pid)
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED)

    def resume(self) -> None:
        os.kill(self._process.ident, signal.SIGCONT)

    def end(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._process.kill()
        self._process.join(DEADLINE)


@contextmanager
def working(job: Callable[..., t.Any], *arguments: t.Any) -> Iterator[Worker]:
    """A process that does a job, and is gone after this block."""
    worker = Worker(job, *arguments)

    try:
        yield worker
    finally:
        worker.end()


def _run(job: Callable[..., t.Any], there: Connection, *arguments: t.Any) -> None:
    there.send(job(there, *arguments))


def add_many(
    there: Connection, config: Config, cookies: dict[str, str], name: str, threads: int
) -> list[Attempt]:
    """Add items, each once, until the server has broken and many were added again.

    Tells when it is in full swing, and wants to be told when the server is back.
    """
    is_back = False

    def add(customer: Customer, thread: int) -> t.Iterator[Attempt]:
        added_since = 0

        for number in itertools.count():
            began = time.monotonic()
            was_back = is_back
            item = f"{name}.{thread}.{number}"
            status = customer.add(item)
            yield Attempt(item, began, status)

            if number == ROUNDS:
                there.send("busy")

            if status != OK:
                # As a customer would, who does not fill the log either.
                time.sleep(0.05)
            elif was_back:
                added_since += 1

            # Of more others, a write that is sent again would not be known any more.
            if added_since == ROUNDS // 2:
                return

    with shop(config) as app, ThreadPoolExecutor(threads) as pool:
        jobs = [
            pool.submit(list, add(Customer(app, cookies), thread))
            for thread in range(threads)
        ]
        there.recv()
        is_back = True

        return [attempt for job in jobs for attempt in job.result()]


def pause_before_save(
    there: Connection, config: Config, cookies: dict[str, str], item: str
) -> int:
    """Add an item, and pause this process between the load and the first save."""
    is_first = True

    def pause(sender: object, **extra: object) -> None:
        nonlocal is_first

        if is_first:
            is_first = False
            os.kill(os.getpid(), signal.SIGSTOP)

    with shop(config) as app, before_change.connected_to(pause, app):
        return Customer(app, cookies).add(item)
