"""What processes use, and whether it is more and more."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import suppress

import psutil

MEGABYTE: t.Final = 1024 * 1024


class Use(t.NamedTuple):
    """What a process and its children have: memory that is theirs alone, open files,
    and of these the connections."""

    megabytes: int
    descriptors: int
    connections: int


#: How much more of it is no leak.
BOUND: t.Final = Use(megabytes=32, descriptors=16, connections=16)


class Watch:
    """Compares what processes use with what they used when they were first looked at,
    though they may have been started again meanwhile."""

    def __init__(self) -> None:
        self._first: dict[str, Use] = {}
        self._last: dict[str, Use] = {}

    def look(self, name: str, pid: int) -> None:
        """Look at a process that has nothing to do now."""
        self._last[name] = use = _use_of(psutil.Process(pid))
        self._first.setdefault(name, use)

    def leaks(self) -> list[str]:
        """What some have too much of."""
        return [
            f"{name} has {now} {what}, and had {before}"
            for name, what, before, now in self._changes()
            if now > before + getattr(BOUND, what)
        ]

    def __str__(self) -> str:
        return "\n".join(
            f"  {name}: {before} to {now} {what}"
            for name, what, before, now in self._changes()
        )

    def _changes(self) -> Iterator[tuple[str, str, int, int]]:
        for name, last in self._last.items():
            for change in zip(Use._fields, self._first[name], last, strict=True):
                yield name, *change


def _use_of(parent: psutil.Process) -> Use:
    memory = descriptors = connections = 0

    for each in [parent, *parent.children(recursive=True)]:
        # A child may have finished.
        with suppress(psutil.NoSuchProcess):
            memory += each.memory_full_info().uss
            descriptors += each.num_fds()
            connections += len(each.net_connections("all"))

    return Use(memory // MEGABYTE, descriptors, connections)
