"""Carts in a cache that cannot compare and set, with a lock to do it under."""

from __future__ import annotations

import copy
import sys
import threading
import time
import typing as t
import zlib
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from ...model.errors import CartCorruptError
from ...model.errors import CartStorageError
from ..base import Guarantee
from .leases import timed_out
from .records import Found

#: Keys share locks, so that there are not as many of them as there ever were carts.
_LOCKS: t.Final = 256


class Locks(t.Protocol):
    """Locks by key."""

    def hold(self, key: str) -> AbstractContextManager[t.Any]:
        """Keep out all others who hold the lock of the same key."""


class ThreadLocks:
    """Locks between the threads of this process.

    :param timeout: Seconds to wait.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    @contextmanager
    def hold(self, key: str) -> t.Iterator[None]:
        lock = self._locks[number_of(key)]

        if not lock.acquire(timeout=self._timeout):
            raise timed_out("The carts", self._timeout)

        try:
            yield
        finally:
            lock.release()


class TextSerializer:
    """Keeps text as it is, where cachelib would keep a pickle."""

    def dump(self, value: str, file: t.IO[bytes]) -> None:
        file.write(value.encode())

    def load(self, file: t.IO[bytes]) -> str | None:
        return self.loads(file.read())

    def dumps(self, value: str) -> bytes:
        return value.encode()

    def loads(self, value: bytes) -> str | None:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None


def with_text(backend: t.Any) -> t.Any:
    """A cache like this one, that keeps text instead of pickles, if it is of those.

    Who can write to a pickle runs code in whoever reads it.
    """
    serializer = getattr(backend, "serializer", None)

    # What the app has written itself may do more, such as encrypt.
    if type(serializer).__module__ != "cachelib.serializers":
        return backend

    own = copy.copy(backend)
    own.serializer = TextSerializer()

    # The number of files is a pickle as well, and the app's.
    if hasattr(own, "_threshold") and hasattr(own, "_path"):
        own._threshold = 0

    return own


@dataclass
class CacheRecords:
    """Texts in a cache of cachelib or Flask-Caching.

    :param backend: The cache.
    :param prefix: What all keys begin with, after the cache's own prefix.
    :param ttl: Seconds that a text is kept.
    :param locks: What keeps writers of this cache apart. Without, the later one wins.
    :param has: Tells of the cache and a key whether something is there, even if it
        cannot be read.
    """

    backend: t.Any
    prefix: str
    ttl: float
    locks: Locks | None
    has: t.Callable[[t.Any, str], bool]

    def __post_init__(self) -> None:
        self.guarantee = Guarantee.ATOMIC if self.locks else Guarantee.LAST_WRITE_WINS

    def read(self, key: str) -> Found | None:
        name = self.prefix + key
        text = self._get(name)

        # Twice, as it may have been written in between.
        if text is None and self._is_there(name):
            text = self._get(name)

            if text is None and self._is_there(name):
                raise CartCorruptError("The cache has carts that it cannot read.", "")

        if text is not None and not isinstance(text, str):
            raise CartCorruptError("What the cache has are not carts.", repr(text))

        return Found(text, None) if text is not None else None

    def replace(self, key: str, found: Found | None, text: str) -> bool:
        with self.locks.hold(key) if self.locks else nullcontext():
            if self.read(key) != found:
                return False

            name = self.prefix + key

            with _translated():
                kept = self.backend.set(name, text, timeout=round(self.ttl))

            if not kept:
                raise CartStorageError("The cache did not keep the cart.")

        return True

    def _is_there(self, name: str) -> bool:
        with _translated():
            return self.has(self.backend, name)

    def _get(self, name: str) -> t.Any:
        with _translated():
            return self.backend.get(name)


@contextmanager
def _translated() -> t.Iterator[None]:
    try:
        yield
    except Exception as error:
        # Each cache has errors of its own, and reading a broken pickle has many.
        raise CartStorageError(f"The cache could not be used: {error!r}") from error


def is_file_of(backend: t.Any, name: str) -> bool:
    """Whether a cache of files has one for a key that has not expired.

    The cache itself takes a file that it cannot read for one that is not there.
    """
    try:
        with Path(backend._get_filename(name)).open("rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        return False
    except OSError:
        return True

    expires = int.from_bytes(head, sys.byteorder)

    return len(head) < 4 or not expires or expires >= time.time()


def number_of(key: str) -> int:
    """The number of the lock that a key shares with others."""
    # Not hash(), which differs from process to process.
    return zlib.crc32(key.encode()) % _LOCKS
