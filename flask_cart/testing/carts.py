"""The carts of the tests, and what is done with them."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextlib import nullcontext

from ..model.errors import CartBusyError
from ..model.keys import CartKey
from ..storage.base import Held
from ..storage.base import Storage
from ..storage.base import Stored
from .others import LIMIT
from .others import Here

KEY: t.Final = CartKey("user:1", "default")
OTHER: t.Final = CartKey("user:2", "default")


def saved(storage: Storage, key: CartKey = KEY, data: str = "{}") -> int:
    """The version of a cart that is saved for the first time."""
    version = storage.save(key, data, 0)
    assert version is not None, "The first save of a cart was lost."

    return version


def saved_again(
    storage: Storage, version: int, key: CartKey = KEY, data: str = "{}"
) -> int:
    """The version of a cart that is saved on top of one."""
    newer = storage.save(key, data, version)
    assert newer is not None, "A save on top of the stored version was lost."

    return newer


def loaded(storage: Storage, key: CartKey = KEY) -> Stored | None:
    """What is stored, as text."""
    stored = storage.load(key)

    if stored is None:
        return None

    return Stored(stored.text, stored.version)


def locking(
    storage: Storage, key: CartKey, *, locked: bool
) -> AbstractContextManager[Held | None]:
    """The lock of a cart, or nothing."""
    return storage.lock(key) if locked else nullcontext()


def persistently(work: Callable[[], int | None]) -> int:
    """Do something again until it is neither lost nor kept from being done."""
    deadline = time.monotonic() + LIMIT

    while time.monotonic() < deadline:
        try:
            version = work()
        except CartBusyError:
            continue

        if version is not None:
            return version

    raise AssertionError(f"No save was successful within {LIMIT:g} s.")


def text_of(version: int) -> str:
    """A text that tells a version, and is long enough to be torn."""
    return f"{version} " * 1000


# Jobs of others


def load(here: Here, key: CartKey) -> Stored | None:
    return loaded(here.storage, key)


def instances(here: Here, owner: str) -> list[str]:
    return here.storage.instances(owner)


def save(here: Here, key: CartKey, data: str, expected: int) -> int | None:
    """Save; ``None`` also if others have kept it from being done."""
    try:
        return here.storage.save(key, data, expected)
    except CartBusyError:
        return None


def delete(here: Here, key: CartKey, expected: int) -> bool:
    """Delete; ``False`` also if others have kept it from being done."""
    try:
        return here.storage.delete(key, expected)
    except CartBusyError:
        return False


def load_under_lock(here: Here, key: CartKey) -> Stored | None:
    with here.storage.lock(key):
        return loaded(here.storage, key)


def save_under_lock(here: Here, key: CartKey, data: str, expected: int) -> int | None:
    """Save as :func:`save` does, under the lock."""
    try:
        with here.storage.lock(key):
            here.storage.load(key)

            return here.storage.save(key, data, expected)
    except CartBusyError:
        return None


def save_each(
    here: Here, number: int, keys: list[CartKey], locked: bool
) -> list[int | None]:
    """Make carts, each at the same time as all others."""
    save_once = save_under_lock if locked else save
    versions = []

    for key in keys:
        here.meet()
        versions.append(save_once(here, key, str(number), 0))

    return versions


def save_rounds(
    here: Here, number: int, key: CartKey, version: int, rounds: int, locked: bool
) -> list[int | None]:
    """Save on top of version after version, each at the same time as all others."""
    save_once = save_under_lock if locked else save
    versions = []

    for expected in range(version, version + rounds):
        here.meet()
        versions.append(save_once(here, key, str(number), expected))
        here.meet()

    return versions


def increment(
    here: Here, number: int, key: CartKey, times: int, locked: bool
) -> list[int]:
    """Read a number, and save the next one, time and again.

    :return: The versions of all saves.
    """

    def once() -> int | None:
        with locking(here.storage, key, locked=locked):
            data, version = loaded(here.storage, key) or Stored("0", 0)

            return here.storage.save(key, str(int(data) + 1), version)

    here.meet()

    return [persistently(once) for _ in range(times)]


def change(here: Here, key: CartKey) -> int:
    """Read and save once, under the lock."""
    return increment(here._replace(meet=lambda: None), 0, key, 1, True)[0]


def save_texts(here: Here, key: CartKey, version: int, times: int) -> int:
    """Save texts that tell their version.

    :return: The last version.
    """
    for _ in range(times):
        version = saved_again(here.storage, version, key, text_of(version + 1))

    return version


def hold_lock(here: Here, key: CartKey) -> None:
    """Hold the lock until somebody puts an end to it."""
    with here.storage.lock(key):
        here.storage.load(key)
        here.report()
        time.sleep(LIMIT)
