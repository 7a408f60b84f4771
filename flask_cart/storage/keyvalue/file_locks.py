"""Locks in files, which end with the process that holds them."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from filelock import Timeout

from ...model.errors import CartStorageError
from .cachelib import number_of
from .leases import timed_out


@dataclass(frozen=True)
class FileLocks:
    """Locks between all processes that see a folder, on one machine.

    :param folder: Where the locks are; made when it is first needed.
    :param timeout: Seconds to wait.
    """

    folder: Path
    timeout: float

    @contextmanager
    def hold(self, key: str) -> t.Iterator[None]:
        path = self.folder / f"{number_of(key)}.lock"
        # One object for each time, so that threads keep each other out, too.
        lock = FileLock(path, self.timeout)

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(poll_interval=0.005)
        except Timeout as error:
            raise timed_out("The carts", self.timeout) from error
        except OSError as error:
            raise CartStorageError(f"{path} cannot be locked: {error}") from error

        try:
            yield
        finally:
            lock.release()
