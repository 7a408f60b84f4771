"""What a history is made of."""

from __future__ import annotations

import threading
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from ...storage.base import Changes

T = t.TypeVar("T")

#: What became of a call.
Outcome = t.Literal["done", "refused", "unknown", "raised"]

#: The call that this thread is in the middle of.
current_call: ContextVar[str] = ContextVar("current_call", default="")


#: What was saved in the lock that this thread holds.
_locked: ContextVar[list[Save] | None] = ContextVar("_locked", default=None)


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something that began and ended, in nanoseconds of the machine's own clock.

    :param call: Identifies the call that it was part of; empty outside of any.
    """

    call: str
    began: int
    ended: int


class Call(_Record, frozen=True, kw_only=True, tag="call"):
    """What a client wanted, and what it was told.

    :param what: The name of the operation.
    :param arguments: What it was about.
    :param outcome: ``"done"``; ``"refused"``: nothing may have changed; ``"unknown"``:
        it was done or not; or ``"raised"``: what no caller expects.
    :param said: What it returned, or the error.
    """

    what: str
    arguments: dict[str, t.Any]
    outcome: Outcome
    said: str = ""

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.arguments.items())

        return f"{self.what}({given}) of {self.call}"


class Load(_Record, frozen=True, kw_only=True, tag="load"):
    """What was stored of a cart: a version of 0 and no text if nothing was."""

    owner: str
    instance: str
    version: int
    text: str | None


class Save(_Record, frozen=True, kw_only=True, tag="save"):
    """What was to become of carts of one owner.

    :param versions: Those that were given; ``None`` if nothing was saved.
    :param is_known: Whether the storage said what became of it.
    """

    owner: str
    changes: dict[str, tuple[int, str | None]]
    versions: dict[str, int] | None
    is_known: bool = True


class Made(_Record, frozen=True, kw_only=True, tag="made"):
    """An order that was made.

    :param token: Identifies it.
    :param lines: The quantities, by the items.
    """

    token: str
    lines: dict[str, int]


Record = Call | Load | Save | Made


class History:
    """What several threads have recorded, in no particular order."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._lock = threading.Lock()

    def add(self, *records: Record) -> None:
        """Add what has ended."""
        with self._lock:
            self.records.extend(records)

    def load(
        self, owner: str, instance: str, load: Callable[[], tuple[int, str | None]]
    ) -> None:
        """Record a load.

        :param load: Gives the version and the text.
        """
        began = time.monotonic_ns()
        version, text = load()
        self.add(
            Load(
                call=current_call.get(),
                began=began,
                ended=time.monotonic_ns(),
                owner=owner,
                instance=instance,
                version=version,
                text=text,
            )
        )

    def save(self, owner: str, changes: Changes, save: Callable[[], bool]) -> bool:
        """Record a save."""
        began = time.monotonic_ns()
        is_saved = is_known = False

        try:
            is_saved = save()
            is_known = True
        finally:
            self._saved(
                Save(
                    call=current_call.get(),
                    began=began,
                    ended=time.monotonic_ns(),
                    owner=owner,
                    changes={
                        k: (each.expected, each.text) for k, each in changes.items()
                    },
                    versions={k: each.version for k, each in changes.items()}
                    if is_saved
                    else None,
                    is_known=is_known,
                )
            )

        return is_saved

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Record what is saved in this block as it stands at its end: of a transaction
        nobody knows before."""
        saves: list[Save] = []
        token = _locked.set(saves)
        is_known = False

        try:
            yield
            is_known = True
        finally:
            _locked.reset(token)
            self.add(*[_at_the_end(each, is_known) for each in saves])

    def _saved(self, save: Save) -> None:
        locked = _locked.get()

        if locked is None:
            self.add(save)
        else:
            locked.append(save)


def _at_the_end(save: Save, is_known: bool) -> Save:
    ended = time.monotonic_ns()

    if is_known or not save.versions:
        return msgspec.structs.replace(save, ended=ended)

    return msgspec.structs.replace(save, ended=ended, versions=None, is_known=False)
