"""The threads and processes that the suite tests with."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import nullcontext

import pytest
from flask import Flask
from flask import current_app

from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing import StorageSuite
from flask_cart.testing import others
from flask_cart.testing.others import COUNT
from flask_cart.testing.others import Here
from flask_cart.testing.others import Processes
from flask_cart.testing.others import Threads
from flask_cart.testing.others import in_background
from flask_cart.testing.others import result_of


@contextmanager
def open_memory() -> Iterator[MemoryStorage]:
    yield MemoryStorage()


class UnportableError(Exception):
    """An error that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("It stays here.")
        self.lock = threading.Lock()


def storage_of(here: Here) -> int:
    return id(here.storage)


def process_of(here: Here) -> int:
    return os.getpid()


def fail(here: Here) -> None:
    raise KeyError("This is the error.")


def fail_unportably(here: Here) -> None:
    raise UnportableError


def meet_unless_third(here: Here, number: int) -> int:
    if number == 2:
        raise KeyError("The third one does not come.")

    here.meet()

    return number


def meet_and_count(here: Here, number: int) -> int:
    here.meet()

    return number


def wait(here: Here) -> None:
    time.sleep(others.LIMIT)


@pytest.fixture(scope="module")
def all_processes() -> Iterator[Processes]:
    processes = Processes()

    yield processes
    processes.end()


@pytest.fixture
def processes(all_processes: Processes) -> Iterator[Processes]:
    with all_processes.using(open_memory):
        yield all_processes


@pytest.fixture
def threads() -> Threads:
    return Threads(MemoryStorage(), nullcontext)


@pytest.fixture(params=["threads", "processes"])
def either(request: pytest.FixtureRequest) -> Threads | Processes:
    found: Threads | Processes = request.getfixturevalue(request.param)

    return found


def test_all_of_them(either: Threads | Processes) -> None:
    """All do the same job at once, and each has a number."""
    assert either.all(meet_and_count) == list(range(COUNT))


def test_one_does_not_come(either: Threads | Processes) -> None:
    """If one fails, the others do not wait for it, and its error is shown."""
    started = time.monotonic()

    with pytest.raises(KeyError, match="third one"):
        either.all(meet_unless_third)

    assert time.monotonic() - started < others.LIMIT / 2
    # They can be used after it.
    assert either.all(meet_and_count) == list(range(COUNT))


def test_storage_stays_open(processes: Processes) -> None:
    """A process has the same storage for all the jobs of a test, its own process, and
    another storage for those of the next test."""
    assert processes.call(process_of) != os.getpid()
    first = processes.call(storage_of)
    assert processes.call(storage_of) == first


def test_error_of_a_process(processes: Processes) -> None:
    """The error of a process arrives with its traceback."""
    with pytest.raises(KeyError, match="This is the error") as caught:
        processes.call(fail)

    assert "in fail\n" in caught.value.__notes__[0]


def test_unportable_error_of_a_process(processes: Processes) -> None:
    """An error that cannot travel arrives as text."""
    with pytest.raises(RuntimeError, match="UnportableError: It stays here"):
        processes.call(fail_unportably)


def test_killed_process_is_replaced(processes: Processes) -> None:
    """A process that was killed fails its job, and another one takes its place."""
    before = processes.call(process_of)
    job = processes.start(wait)
    processes.kill()

    with pytest.raises(Exception, match="has ended"):
        result_of(job)

    assert processes.call(process_of) != before


def test_busy_process_is_replaced(all_processes: Processes) -> None:
    """A process that does not come to an end is not there for the next test."""
    with all_processes.using(open_memory):
        before = all_processes.call(process_of)
        all_processes.start(wait)

        with pytest.raises(AssertionError), all_processes.using(open_memory):
            raise AssertionError

    with all_processes.using(open_memory):
        assert all_processes.call(process_of) != before


def test_no_report(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not report is a failure."""
    monkeypatch.setattr(others, "LIMIT", 0.1)
    processes.call(process_of)

    with pytest.raises(pytest.fail.Exception, match="did not get there"):
        processes.wait_for_report()


def test_no_result() -> None:
    """What takes too long is a failure, and nobody waits for it."""
    end = threading.Event()

    with pytest.raises(pytest.fail.Exception, match="not done after"):
        result_of(in_background(lambda: end.wait(30)), 0.1)

    end.set()


class TestContext(StorageSuite):
    """A storage that is used in the context of an app."""

    across_processes = False
    locks_each_owner = False

    @pytest.fixture
    def open_storage(self) -> object:
        return open_in_app


class MemoryOfAnApp(MemoryStorage):
    """Memory that cannot be used without its app."""

    def load(self, key: tuple[str, str]) -> object:
        assert current_app.name == "shop"

        return super().load(key)


@contextmanager
def open_in_app() -> Iterator[MemoryStorage]:
    with Flask("shop").app_context():
        yield MemoryOfAnApp()
