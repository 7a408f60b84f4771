"""Observing: what others are told about every use of the storage."""

from __future__ import annotations

import logging
import time
import typing as t
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field

from ..model.errors import CartBusyError
from ..model.errors import CartConfigError
from ..model.errors import CartConflictError
from ..model.errors import CartCorruptError
from ..model.errors import CartError
from ..model.errors import CartLockTimeoutError
from ..model.errors import CartStorageError
from ..model.events import Event
from ..model.keys import CartKey
from ..model.values import snake_case
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

#: The first one that an error is counts.
_OUTCOMES: t.Final[tuple[tuple[type[BaseException], Outcome], ...]] = (
    (CartConflictError, "conflict"),
    (CartLockTimeoutError, "lock_timeout"),
    (CartBusyError, "busy"),
    (CartCorruptError, "corrupt"),
    (CartStorageError, "failed"),
    (CartConfigError, "failed"),
    (CartError, "refused"),
    (BaseException, "failed"),
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


@dataclass
class Watch:
    """What is noted while the storage is used."""

    outcome: Outcome = "done"
    tries: int = 0
    locks: list[Held] = field(default_factory=list)

    def hold(self, held: object) -> None:
        """Note what the lock of a storage has given, if that tells something."""
        if isinstance(held, Held):
            self.locks.append(held)


@contextmanager
def watched(
    observers: t.Iterable[Observer],
    action: Action,
    key: CartKey,
    storage: object,
    operations: t.Iterable[object] = (),
) -> t.Iterator[Watch]:
    """Watch one use of a storage, and tell about it."""
    watch = Watch()
    started = time.perf_counter()

    try:
        yield watch
    except BaseException as error:
        watch.outcome = next(how for kind, how in _OUTCOMES if isinstance(error, kind))
        raise
    finally:
        access = Access(
            action=action,
            key=key,
            # Not type(), which of a proxy is the proxy's.
            storage=storage.__class__.__name__,
            operations=tuple(snake_case(type(each).__name__) for each in operations),
            outcome=watch.outcome,
            seconds=time.perf_counter() - started,
            retries=max(watch.tries - 1, 0),
            lock_waits=tuple(each.waited for each in watch.locks if each.waited),
            expired_leases=sum(each.is_expired for each in watch.locks),
        )
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
