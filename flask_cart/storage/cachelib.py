"""Carts in a cache that cannot compare and set: the lock is somewhere else."""

from __future__ import annotations

import threading
import typing as t
import zlib
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from pathlib import Path

from filelock import FileLock
from filelock import Timeout

from ..errors import CartCorruptError
from ..errors import CartLockTimeoutError
from ..errors import CartStorageError
from .base import Guarantee
from .records import Found

#: Keys share locks, so that there are not as many of them as there ever were carts.
_LOCKS: t.Final = 256

Purpose = t.Literal["read-and-write", "write"]


class Locks(t.Protocol):
    """Locks by purpose and key."""

    def hold(self, purpose: Purpose, key: str) -> AbstractContextManager[t.Any]:
        """Keep out all others who hold the lock of the key for the same purpose."""


class NoLocks:
    """Locks that keep nobody out."""

    def hold(self, purpose: Purpose, key: str) -> AbstractContextManager[None]:
        return nullcontext()


class ThreadLocks:
    """Locks between the threads of this process.

    :param timeout: Seconds to wait.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._locks = {
            (purpose, number): threading.Lock()
            for purpose in t.get_args(Purpose)
            for number in range(_LOCKS)
        }

    @contextmanager
    def hold(self, purpose: Purpose, key: str) -> t.Iterator[None]:
        lock = self._locks[purpose, _number(key)]

        if not lock.acquire(timeout=self._timeout):
            raise _timed_out(self._timeout)

        try:
            yield
        finally:
            lock.release()


class FileLocks:
    """Locks between all processes that see a folder, on one machine.

    They end with the process that holds them.

    :param folder: Where the locks are; made when it is first needed.
    :param timeout: Seconds to wait.
    """

    def __init__(self, folder: Path, timeout: float) -> None:
        self._folder = folder
        self._timeout = timeout

    @contextmanager
    def hold(self, purpose: Purpose, key: str) -> t.Iterator[None]:
        path = self._folder / f"{purpose}-{_number(key)}.lock"
        # One object for each time, so that threads keep each other out, too.
        lock = FileLock(path, self._timeout, poll_interval=0.005)

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise _timed_out(self._timeout) from error
        except OSError as error:
            raise CartStorageError(f"{path} cannot be locked: {error}") from error

        try:
            yield
        finally:
            lock.release()


class CacheRecords:
    """Texts in a cache of cachelib or Flask-Caching.

    :param backend: The cache.
    :param prefix: What all keys begin with, after the cache's own prefix.
    :param ttl: Seconds that a text is kept.
    :param locks: What keeps writers of this cache apart. Without any, the later one
        wins.
    """

    def __init__(self, backend: t.Any, prefix: str, ttl: float, locks: Locks) -> None:
        self.guarantee = (
            Guarantee.LAST_WRITE_WINS
            if isinstance(locks, NoLocks)
            else Guarantee.ATOMIC
        )
        self._backend = backend
        self._prefix = prefix
        self._ttl = round(ttl)
        self._locks = locks

    def read(self, key: str) -> Found | None:
        name = self._prefix + key
        text = self._backend.get(name)

        # A file that cannot be read is as good as missing to a cache, but not to us.
        # Twice, as it may have been written in between.
        if text is None and self._backend.has(name):
            text = self._backend.get(name)

            if text is None and self._backend.has(name):
                raise CartCorruptError("The cache has carts that it cannot read.", "")

        if text is not None and not isinstance(text, str):
            raise CartCorruptError("What the cache has are not carts.", repr(text))

        return Found(text, None) if text is not None else None

    def replace(self, key: str, found: Found | None, text: str) -> bool:
        with self._locks.hold("write", key):
            if self.read(key) != found:
                return False

            if not self._backend.set(self._prefix + key, text, timeout=self._ttl):
                raise CartStorageError("The cache did not keep the cart.")

        return True

    def lock(self, key: str) -> AbstractContextManager[None]:
        return self._locks.hold("read-and-write", key)


def _number(key: str) -> int:
    # Not hash(), which differs from process to process.
    return zlib.crc32(key.encode()) % _LOCKS


def _timed_out(seconds: float) -> CartLockTimeoutError:
    return CartLockTimeoutError(f"The cart was locked by others for {seconds:g} s.")
