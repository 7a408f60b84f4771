"""Leases: locks that end by themselves, each held by one thread."""

from __future__ import annotations

import secrets
import time
import typing as t
from contextlib import contextmanager
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field

from ...model.errors import CartError
from ...model.errors import CartLockTimeoutError
from ..base import Held

T = t.TypeVar("T")


@dataclass
class Lease(Held):
    """The right to write the carts of an owner, as long as it lasts. Nobody has it
    before the first read."""

    owner: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    is_held: bool = False

    #: Whether it was given back with a save, and is not to be taken again.
    is_spent: bool = False


class LockedError(Exception):
    """The lock could not be taken.

    :param seconds: How long it may take the others to give it back; 0 if nobody holds
        it, and it is to be tried again at once.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Leases:
    """The lease of each thread.

    :param timeout: Seconds to wait for one.
    :param pause: Waits for so many seconds, or until one is given back.
    :param release: Gives one back that was not given back with a save.
    """

    def __init__(
        self,
        timeout: float,
        pause: t.Callable[[str, float], object],
        release: t.Callable[[Lease], None],
    ) -> None:
        self._timeout = timeout
        self._pause = pause
        self._release = release

        #: What this thread is to hold, or holds.
        self._lease: ContextVar[Lease | None] = ContextVar("lease", default=None)

    def on(self, owner: str) -> Lease | None:
        """The lease that this thread has on the carts of an owner, if it has one."""
        lease = self._lease.get()

        if lease is None or lease.is_spent or lease.owner != owner:
            return None

        return lease

    @contextmanager
    def lock(self, owner: str) -> t.Iterator[Held]:
        """Let this thread have a lease, which may be the one that it has already."""
        outer = self.on(owner)

        if outer is not None:
            yield outer

            return

        lease = Lease(owner)
        token = self._lease.set(lease)

        try:
            yield lease
        finally:
            self._lease.reset(token)

            if lease.is_held:
                # If it cannot be given back, it ends by itself.
                with suppress(CartError):
                    self._release(lease)

    def take(self, lease: Lease, attempt: t.Callable[[Lease], T]) -> T:
        """Take a lock as soon as nobody else holds it.

        :param attempt: Takes it, or raises :class:`LockedError`. It notes that the
            lease is held before it may be: the answer may be lost on the way.
        :return: What the attempt returned.
        :raises CartLockTimeoutError: If others held it for too long.
        """
        deadline = time.monotonic() + self._timeout

        while True:
            try:
                return attempt(lease)
            except LockedError as error:
                lease.is_held = False
                left = error.seconds

            began = time.monotonic()

            if began >= deadline:
                raise timed_out(f"The carts of {lease.owner}", self._timeout)

            if left:
                self._pause(lease.owner, min(left, deadline - began))
                lease.waited += time.monotonic() - began


def timed_out(carts: str, seconds: float) -> CartLockTimeoutError:
    """The error of having waited in vain."""
    return CartLockTimeoutError(
        f"{carts} were locked by others for {seconds:g} seconds."
    )
