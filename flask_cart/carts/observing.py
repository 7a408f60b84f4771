"""Observing: what others are told about every use of the storage."""

from __future__ import annotations

import logging
import re
import time
import typing as t
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

from ..model.errors import CartBusyError
from ..model.errors import CartConfigError
from ..model.errors import CartConflictError
from ..model.errors import CartCorruptError
from ..model.errors import CartError
from ..model.errors import CartLockTimeoutError
from ..model.errors import CartStorageError
from ..model.events import Event
from ..model.keys import CartKey
from ..storage.base import Held

Action = t.Literal["load", "write", "destroy"]

Outcome = t.Literal[
    "done",
    "unchanged",
    "conflict",
    "lock_timeout",
    "busy",
    "corrupt",
    "refused",
    "failed",
]

#: The first one that an error is counts; any other error is a failure.
_OUTCOMES: t.Final[tuple[tuple[type[CartError], Outcome], ...]] = (
    (CartConflictError, "conflict"),
    (CartLockTimeoutError, "lock_timeout"),
    (CartBusyError, "busy"),
    (CartCorruptError, "corrupt"),
    (CartStorageError, "failed"),
    (CartConfigError, "failed"),
    (CartError, "refused"),
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Access:
    """One use of the storage, and how it went.

    :param action: ``"load"``, ``"write"`` or ``"destroy"``.
    :param key: Which cart it was about. There are as many keys as carts, and that of a
        guest is a secret: count by something else.
    :param storage: The name of the storage's class.
    :param operations: What a write was to do, such as ``"add_line"``.
    :param outcome: ``"done"``, or why it was not: see the table in the guide.
    :param seconds: How long it took, with everything that was waited for.
    :param retries: How often it was tried again.
    :param lock_waits: The seconds of each wait for somebody else's lock.
    :param expired_leases: How often a lock had run out before the save.
    """

    action: Action
    key: CartKey
    storage: str
    operations: tuple[str, ...]
    outcome: Outcome
    seconds: float
    retries: int
    lock_waits: tuple[float, ...]
    expired_leases: int


class Observer(t.Protocol):
    """Is told what happens, in the thread in which it does.

    One that raises is logged, and changes nothing.
    """

    def accessed(self, access: Access) -> None:
        """The storage was used."""

    def happened(self, event: Event) -> None:
        """A change was announced, by the signal of that name."""


class Watch:
    """What is noted while the storage is used.

    :param operations: What is to be done, as far as that is known.
    """

    def __init__(self, operations: t.Iterable[object]) -> None:
        self.started = time.perf_counter()
        self.operations = operations
        self.outcome: Outcome = "done"
        self.tries = 0
        self._held: list[Held] = []

    def hold(self, held: object) -> None:
        """Note what the lock of a storage has given, if that tells something."""
        if isinstance(held, Held):
            self._held.append(held)

    def access(self, action: Action, key: CartKey, storage: str) -> Access:
        """All of it, at the end."""
        return Access(
            action=action,
            key=key,
            storage=storage,
            operations=tuple(_kind(type(each).__name__) for each in self.operations),
            outcome=self.outcome,
            seconds=time.perf_counter() - self.started,
            retries=max(self.tries - 1, 0),
            lock_waits=tuple(each.waited for each in self._held if each.waited),
            expired_leases=sum(each.is_expired for each in self._held),
        )


@contextmanager
def watched(
    observers: t.Iterable[Observer],
    action: Action,
    key: CartKey,
    storage: object,
    operations: t.Iterable[object] = (),
) -> t.Iterator[Watch]:
    """Watch one use of a storage, and tell about it."""
    watch = Watch(operations)

    try:
        yield watch
    except BaseException as error:
        watch.outcome = _outcome_of(error)
        raise
    finally:
        # Not type(), which of a proxy is the proxy's.
        access = watch.access(action, key, storage.__class__.__name__)
        tell(observers, lambda each: each.accessed(access))


class Observers:
    """All observers of an extension."""

    def __init__(self) -> None:
        self.all: list[Observer] = []

        #: The cart that this thread is about to delete because it is abandoned.
        self._abandoned: ContextVar[Event | None] = ContextVar(
            "abandoned", default=None
        )

    def happened(self, event: Event) -> None:
        """Tell of an event, of an abandoned cart as soon as it is gone."""
        if event.name == "cart_abandoned":
            # Until then a receiver may keep it, or its owner come back.
            self._abandoned.set(event)
            return

        abandoned = self._abandoned.get()

        if (
            abandoned is not None
            and event.name == "cart_destroyed"
            and _place(abandoned) == _place(event)
        ):
            tell(self.all, lambda each: each.happened(abandoned))

        tell(self.all, lambda each: each.happened(event))


def _place(event: Event) -> tuple[str, str, int]:
    return event.owner, event.instance, event.version


def tell(observers: t.Iterable[Observer], call: t.Callable[[Observer], object]) -> None:
    """Tell each observer something."""
    for observer in observers:
        try:
            call(observer)
        except Exception:
            _logger.exception("The observer %r failed.", observer)


def _outcome_of(error: BaseException) -> Outcome:
    return next(
        (outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), "failed"
    )


@cache
def _kind(name: str) -> str:
    """The name of a class as those of functions are written."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
