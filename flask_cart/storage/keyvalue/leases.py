"""Leases: locks that end by themselves, each held by one thread."""

from __future__ import annotations

import secrets
import typing as t
from contextlib import contextmanager
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field

from ...model.errors import CartError
from ..base import Held

#: What is locked: one cart, or all those of an owner.
Subject = t.TypeVar("Subject")


@dataclass
class Lease(Held, t.Generic[Subject]):
    """The right to write, as long as it lasts. Nobody has it before the first read."""

    subject: Subject
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    is_held: bool = False

    #: Whether it was given back with a save, and is not to be taken again.
    is_spent: bool = False


class Leases(t.Generic[Subject]):
    """The lease of each thread.

    :param release: Gives one back that was not given back with a save.
    """

    def __init__(self, release: t.Callable[[Lease[Subject]], None]) -> None:
        self._release = release

        #: What this thread is to hold, or holds.
        self._lease: ContextVar[Lease[Subject] | None] = ContextVar(
            "lease", default=None
        )

    def on(self, subject: Subject) -> Lease[Subject] | None:
        """The lease that this thread has on something, if it has one."""
        lease = self._lease.get()

        if lease is None or lease.is_spent or lease.subject != subject:
            return None

        return lease

    @contextmanager
    def lock(self, subject: Subject) -> t.Iterator[Held]:
        """Let this thread have a lease."""
        lease = Lease(subject)
        token = self._lease.set(lease)

        try:
            yield lease
        finally:
            self._lease.reset(token)

            if lease.is_held:
                # If it cannot be given back, it ends by itself.
                with suppress(CartError):
                    self._release(lease)
