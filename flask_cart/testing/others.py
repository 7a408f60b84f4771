"""Others who use the same carts at the same time: threads, or processes."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
import traceback
import typing as t
from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import wait
from contextlib import AbstractContextManager
from contextlib import ExitStack
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.context import SpawnContext
from threading import BrokenBarrierError

import pytest

from ..storage.base import Storage

#: How many others there are.
COUNT: t.Final = 4

#: Seconds after which what takes a moment has failed.
LIMIT: t.Final = 30.0

#: Opens a storage, for the thread that enters the context manager.
OpenStorage = Callable[[], AbstractContextManager[Storage]]

#: Makes what a thread has to be in to use a storage that another one has opened.
ThreadContext = Callable[[], AbstractContextManager[object]]

#: A function of a module, of a :class:`Here` and of arguments that can be pickled.
Job = Callable[..., t.Any]

T = t.TypeVar("T")


class Here(t.NamedTuple):
    """What a job finds where it is done.

    :param storage: The storage, as it was opened there.
    :param meet: Waits until all of the others have come to it.
    :param report: Lets the test go on that waits for this.
    """

    storage: Storage
    meet: Callable[[], object]
    report: Callable[[], object]


class Others(ABC):
    """Whoever else uses the carts.

    :param barrier: Where all of them meet.
    """

    def __init__(self, barrier: t.Any) -> None:
        self._barrier = barrier

    @abstractmethod
    def start(self, job: Job, *arguments: t.Any, number: int = 0) -> Future[t.Any]:
        """Let one of them do a job, and do not wait for it."""

    def call(self, job: Job, *arguments: t.Any) -> t.Any:
        """Let one of them do a job, and wait for its result."""
        return result_of(self.start(job, *arguments))

    def all(self, job: Job, *arguments: t.Any) -> list[t.Any]:
        """Let all of them do a job at once, each with its number as first argument."""
        self._barrier.reset()

        return results_of(
            [
                self.start(job, number, *arguments, number=number)
                for number in range(COUNT)
            ]
        )


class Threads(Others):
    """Threads of this process, which share a storage.

    :param storage: The storage.
    :param context: What each of the threads enters.
    """

    def __init__(self, storage: Storage, context: ThreadContext) -> None:
        super().__init__(threading.Barrier(COUNT))
        self._context = context
        self._here = Here(
            storage, partial(self._barrier.wait, LIMIT), threading.Event().set
        )

    def start(self, job: Job, *arguments: t.Any, number: int = 0) -> Future[t.Any]:
        def work() -> t.Any:
            with self._context():
                return _do(job, self._here, arguments, self._barrier)

        return in_background(work)


class Processes(Others):
    """Processes, each of which opens the storage by itself.

    They are started when one is first needed, and can be used by many tests.
    """

    def __init__(self) -> None:
        self._context = _fresh_processes()
        super().__init__(self._context.Barrier(COUNT))
        self._workers: dict[int, _Worker] = {}
        self._open_storage: OpenStorage | None = None

    def start(self, job: Job, *arguments: t.Any, number: int = 0) -> Future[t.Any]:
        self._prepare(number)
        worker = self._workers[number]

        return in_background(lambda: worker.do(job, arguments))

    def all(self, job: Job, *arguments: t.Any) -> list[t.Any]:
        self._prepare(*range(COUNT))

        return super().all(job, *arguments)

    @contextmanager
    def using(self, open_storage: OpenStorage) -> Iterator[Processes]:
        """Let jobs find this storage, and close it in all processes after this block.

        Processes that do not come to an end with what they do are killed.
        """
        self._open_storage = open_storage

        try:
            yield self
        finally:
            for number, worker in list(self._workers.items()):
                if not worker.close():
                    self.kill(number)

    def wait_for_report(self, number: int = 0) -> None:
        """Wait until the job that a process does has called ``report``."""
        if not self._workers[number].reported.wait(LIMIT):
            pytest.fail(f"A process did not get there within {LIMIT:g} s.")

    def kill(self, number: int = 0) -> None:
        """Kill a process in the middle of what it does."""
        self._workers.pop(number).kill()

    def end(self) -> None:
        """Let all of them end."""
        for worker in self._workers.values():
            worker.end()

    def _prepare(self, *numbers: int) -> None:
        """Open the storage, so that a job begins as soon as it is started."""
        # All of them, so that none has to wait for the others to start later.
        for number in range(COUNT):
            if number not in self._workers:
                self._workers[number] = _Worker(self._context, self._barrier)

        opening = [
            partial(self._workers[each].open, self._open_storage) for each in numbers
        ]
        results_of([in_background(each) for each in opening])


def _fresh_processes() -> ForkServerContext | SpawnContext:
    """Makes processes that share no connection with this one.

    Where they can be forked from one that has nothing open, they do not import again
    what ``multiprocessing.set_forkserver_preload`` names.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("forkserver")

    return multiprocessing.get_context("spawn")


class _Worker:
    """A process that does one job after the other."""

    def __init__(
        self, context: ForkServerContext | SpawnContext, barrier: t.Any
    ) -> None:
        self.reported = context.Event()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, barrier, self.reported), daemon=True
        )
        self._process.start()
        # Or nobody would hear of its death.
        theirs.close()
        self._is_open = False
        self._is_busy = threading.Lock()

    def open(self, open_storage: OpenStorage | None) -> None:
        with self._is_busy:
            if not self._is_open:
                self._ask("open", open_storage)
                self._is_open = True

    def do(self, job: Job, arguments: tuple[t.Any, ...]) -> t.Any:
        with self._is_busy:
            return self._ask("do", job, arguments)

    def close(self) -> bool:
        """Close the storage. Whether this was possible."""
        if not self._is_busy.acquire(timeout=1):
            return False

        try:
            if self._is_open:
                self._is_open = False
                self._ask("close")
        except _ProcessEndedError:
            return False
        finally:
            self._is_busy.release()

        return True

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def end(self) -> None:
        self._pipe.send(None)
        self._process.join(LIMIT)
        self.kill()

    def _ask(self, *request: t.Any) -> t.Any:
        try:
            self._pipe.send(request)
            is_done, result = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _ProcessEndedError(
                "A process with which the storage is tested has ended. If it was not"
                " killed on purpose, it has written why."
            ) from error

        if not is_done:
            raise result

        return result


class _ProcessEndedError(Exception):
    """The other process is not there any more."""


class _Workplace:
    """What a process keeps between two requests."""

    def __init__(self, barrier: t.Any, reported: t.Any) -> None:
        self._barrier = barrier
        self._reported = reported
        self._opened = ExitStack()
        self._here: Here | None = None

    def open(self, open_storage: OpenStorage) -> None:
        storage = self._opened.enter_context(open_storage())
        self._reported.clear()
        self._here = Here(
            storage, partial(self._barrier.wait, LIMIT), self._reported.set
        )

    def do(self, job: Job, arguments: tuple[t.Any, ...]) -> t.Any:
        return _do(job, self._here, arguments, self._barrier)

    def close(self) -> None:
        self._opened.close()


def _serve(pipe: Connection, barrier: t.Any, reported: t.Any) -> None:
    workplace = _Workplace(barrier, reported)

    while (request := pipe.recv()) is not None:
        method, *arguments = request

        try:
            answer = True, getattr(workplace, method)(*arguments)
        except Exception as error:
            answer = False, _portable(error)

        pipe.send(answer)


def _portable(error: Exception) -> Exception:
    """The error, with its traceback, as something that can be pickled."""
    text = traceback.format_exc()

    try:
        copy: Exception = pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(text)

    copy.add_note(text)

    return copy


def _do(job: Job, here: Here | None, arguments: t.Any, barrier: t.Any) -> t.Any:
    try:
        return job(here, *arguments)
    except BaseException:
        # Or all who are to meet this one would wait for it.
        barrier.abort()
        raise


def in_background(work: Callable[[], T]) -> Future[T]:
    """Do something in a thread that the interpreter does not wait for at its end."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()

    return future


def result_of(future: Future[T], within: float = LIMIT) -> T:
    """Wait for a result; it is a failure if it takes too long."""
    (result,) = results_of([future], within)

    return result


def results_of(futures: Sequence[Future[T]], within: float = LIMIT) -> list[T]:
    """Wait for all results; it is a failure if one takes too long."""
    if wait(futures, within).not_done:
        pytest.fail(
            f"Another thread or process was not done after {within:g} s. It may be"
            " waiting for a lock."
        )

    # Those who waited for one that failed have nothing of interest to say.
    for future in sorted(futures, key=_has_waited_in_vain):
        future.result()

    return [future.result() for future in futures]


def _has_waited_in_vain(future: Future[t.Any]) -> bool:
    return isinstance(future.exception(), BrokenBarrierError)
