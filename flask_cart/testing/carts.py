"""The carts of the tests, and what is done with them."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextlib import nullcontext

from ..model.errors import CartBusyError
from ..model.keys import CartKey
from ..storage.base import Change
from ..storage.base import Held
from ..storage.base import Storage
from ..storage.base import Stored
from .others import LIMIT
from .others import Here

KEY: t.Final = CartKey("user:1", "default")
OTHER: t.Final = CartKey("user:2", "default")

#: The version that each cart has to have, by their names, and what it is to be.
Wanted = t.Mapping[str, tuple[int, str | None]]

T = t.TypeVar("T")


def save_carts(storage: Storage, owner: str, wanted: Wanted) -> dict[str, int] | None:
    """Save and delete carts of an owner.

    :return: The new version of each, or ``None`` if the save was lost.
    """
    changes = {name: Change.on(*each) for name, each in wanted.items()}
    is_saved = storage.save(owner, changes)
    assert is_saved in (True, False), "A save is made or lost, and says which."

    return {k: each.version for k, each in changes.items()} if is_saved else None


def save_cart(storage: Storage, key: CartKey, data: str, expected: int) -> int | None:
    """Save one cart.

    :return: Its new version, or ``None`` if the save was lost.
    """
    versions = save_carts(storage, key.owner, {key.instance: (expected, data)})

    return versions[key.instance] if versions is not None else None


def delete_cart(storage: Storage, key: CartKey, expected: int) -> bool:
    """Delete one cart; whether it was."""
    return save_carts(storage, key.owner, {key.instance: (expected, None)}) is not None


def saved(storage: Storage, key: CartKey = KEY, data: str = "{}") -> int:
    """The version of a cart that is saved for the first time."""
    version = save_cart(storage, key, data, 0)
    assert version is not None, "The first save of a cart was lost."

    return version


def saved_again(
    storage: Storage, version: int, key: CartKey = KEY, data: str = "{}"
) -> int:
    """The version of a cart that is saved on top of one."""
    newer = save_cart(storage, key, data, version)
    assert newer is not None, "A save on top of the stored version was lost."

    return newer


def loaded(storage: Storage, key: CartKey = KEY) -> Stored | None:
    """What is stored, as text."""
    stored = storage.load(key)

    if stored is None:
        return None

    return Stored(stored.text, stored.version)


def locking(
    storage: Storage, owner: str, *, locked: bool
) -> AbstractContextManager[Held | None]:
    """The lock of an owner's carts, or nothing."""
    return storage.lock(owner) if locked else nullcontext()


def persistently(work: Callable[[], T | None]) -> T:
    """Do something again until it is neither lost nor kept from being done."""
    deadline = time.monotonic() + LIMIT

    while time.monotonic() < deadline:
        try:
            result = work()
        except CartBusyError:
            continue

        if result is not None:
            return result

    raise AssertionError(f"No save was successful within {LIMIT:g} s.")


def text_of(number: int, expected: int = 0) -> str:
    """A text that tells how many were saved before it, and on top of which version; it
    is long enough to be torn."""
    return f"{number} {expected} " * 1000


def number_in(stored: Stored | None) -> int:
    """What a text of :func:`text_of` tells, which must be whole, and come with a
    version that is newer than the one that it was saved on top of."""
    assert stored is not None
    number, expected, *_ = map(int, stored.text.split())
    is_whole = stored.text == text_of(number, expected)
    assert is_whole, f"Only a part of the text {number} is stored."
    assert stored.version > expected, "This text belongs to a newer version."

    return number


# Jobs of others


def load(here: Here, key: CartKey) -> Stored | None:
    return loaded(here.storage, key)


def instances(here: Here, owner: str) -> list[str]:
    return here.storage.instances(owner)


def save(here: Here, key: CartKey, data: str, expected: int) -> int | None:
    """Save; ``None`` also if others have kept it from being done."""
    try:
        return save_cart(here.storage, key, data, expected)
    except CartBusyError:
        return None


def delete(here: Here, key: CartKey, expected: int, locked: bool = False) -> bool:
    """Delete; ``False`` also if others have kept it from being done."""
    try:
        with locking(here.storage, key.owner, locked=locked):
            if locked:
                here.storage.load(key)

            return delete_cart(here.storage, key, expected)
    except CartBusyError:
        return False


def save_several(
    here: Here, owner: str, changes: Wanted, locked: bool
) -> dict[str, int] | None:
    """Save carts of an owner at once; ``None`` also if others were in the way."""
    try:
        with locking(here.storage, owner, locked=locked):
            if locked:
                for name in sorted(changes):
                    here.storage.load(CartKey(owner, name))

            return save_carts(here.storage, owner, changes)
    except CartBusyError:
        return None


def load_under_lock(here: Here, key: CartKey) -> Stored | None:
    with here.storage.lock(key.owner):
        return loaded(here.storage, key)


def save_under_lock(here: Here, key: CartKey, data: str, expected: int) -> int | None:
    """Save as :func:`save` does, under the lock."""
    try:
        with here.storage.lock(key.owner):
            here.storage.load(key)

            return save_cart(here.storage, key, data, expected)
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


def save_pairs(
    here: Here, number: int, owners: list[str], locked: bool
) -> list[dict[str, int] | None]:
    """Make two carts of each owner: one that all others make at the same time, and one
    that nobody else does."""
    changes: Wanted = {"shared": (0, str(number)), f"of-{number}": (0, "{}")}
    versions = []

    for owner in owners:
        here.meet()
        versions.append(save_several(here, owner, changes, locked))

    return versions


def save_rounds(
    here: Here, number: int, key: CartKey, rounds: int, locked: bool
) -> list[int | None]:
    """Save on top of version after version, each at the same time as all others."""
    save_once = save_under_lock if locked else save
    versions = []

    for _ in range(rounds):
        stored = loaded(here.storage, key)
        assert stored is not None
        here.meet()
        versions.append(save_once(here, key, str(number), stored.version))
        here.meet()

    return versions


def increment(
    here: Here, number: int, key: CartKey, times: int, locked: bool
) -> list[int]:
    """Read a number, and save the next one, time and again.

    :return: The versions of all saves.
    """

    def once() -> int | None:
        with locking(here.storage, key.owner, locked=locked):
            data, version = loaded(here.storage, key) or Stored("0", 0)

            return save_cart(here.storage, key, str(int(data) + 1), version)

    here.meet()

    return [persistently(once) for _ in range(times)]


def transfer(
    here: Here, number: int, owner: str, pairs: list[str], times: int, locked: bool
) -> None:
    """Take one from a cart and add it to another one, time and again.

    :param pairs: Names of two carts each; this one takes the pair of its number.
    """
    names = giver, taker = pairs[number].split()

    def once() -> dict[str, int] | None:
        with locking(here.storage, owner, locked=locked):
            # In the same order as all others, or two would wait for each other.
            found = {
                name: loaded(here.storage, CartKey(owner, name))
                for name in sorted(names)
            }
            gives, takes = found[giver], found[taker]
            assert gives is not None
            assert takes is not None

            return save_carts(
                here.storage,
                owner,
                {
                    giver: (gives.version, str(int(gives.text) - 1)),
                    taker: (takes.version, str(int(takes.text) + 1)),
                },
            )

    here.meet()

    for _ in range(times):
        persistently(once)


def change(here: Here, key: CartKey) -> int:
    """Read and save once, under the lock."""
    return increment(here._replace(meet=lambda: None), 0, key, 1, True)[0]


def save_texts(here: Here, key: CartKey, version: int, times: int) -> list[int]:
    """Save texts with their numbers, on top of a version.

    :return: The versions, that one first.
    """
    versions = [version]

    for number in range(1, times + 1):
        text = text_of(number, versions[-1])
        versions.append(saved_again(here.storage, versions[-1], key, text))

    return versions


def save_text_pairs(here: Here, owner: str, names: list[str], times: int) -> None:
    """Save the same text in several carts, time and again."""
    versions = dict.fromkeys(names, 0)

    for number in range(times):
        text = text_of(number)
        changes = {name: (versions[name], text) for name in names}
        newer = save_carts(here.storage, owner, changes)
        assert newer is not None, "A save on top of the stored versions was lost."
        versions = newer


def hold_lock(here: Here, key: CartKey) -> None:
    """Hold the lock until somebody puts an end to it."""
    with here.storage.lock(key.owner):
        here.storage.load(key)
        here.report()
        time.sleep(LIMIT)
