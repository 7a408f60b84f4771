"""Keeping: what every store of keys and values is told, and what it asks its client."""

from __future__ import annotations

import typing as t


class Keeping(t.NamedTuple):
    """How a store is to keep carts.

    :param ttl: Seconds that they are kept after a save.
    :param renew_after: Seconds after which a read makes it keep them for as long again,
        if one does.
    :param always_lock: Whether to lock from before the read instead of only after
        several lost saves.
    :param lock_timeout: Seconds to wait for a lock.
    :param lock_lease: Seconds after which the lock of somebody who has died is free.
    """

    ttl: float
    renew_after: float | None
    always_lock: bool
    lock_timeout: float
    lock_lease: float


def packages_of(client: t.Any) -> set[str]:
    """The packages that the class of a client and those it is made from are in."""
    return {kind.__module__.partition(".")[0] for kind in type(client).__mro__}


def name_of(client: t.Any) -> str:
    """The class of a client, as it is imported."""
    return f"{type(client).__module__}.{type(client).__qualname__}"
