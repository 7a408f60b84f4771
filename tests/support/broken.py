"""Storages that are broken, each in one way, and the test that has to notice it.

Where a race would show the mistake only now and then, the storage waits for its rival
at the worst moment, so that it always does.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
import time
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from flask_cart import CartCorruptError
from flask_cart import CartStorageError
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Stored
from flask_cart.storage.base import first_version
from flask_cart.storage.memory import MemoryStorage
from tests.support.sound import ExpiringMemory
from tests.support.sound import Files
from tests.support.sound import ListingMemory
from tests.support.sound import LockedMemory
from tests.support.sound import RemoteMemory

#: Seconds to wait for a rival who always comes in the test that has to notice.
LIMIT: t.Final = 10.0

Storage = type[MemoryStorage] | type[Files]

#: The storages, by the name of the test that has to notice what is wrong with each.
CAUGHT_BY: dict[Storage, str] = {}


def caught_by(test: str) -> Callable[[Storage], Storage]:
    """Say which test has to fail."""

    def note(storage: Storage) -> Storage:
        CAUGHT_BY[storage] = test

        return storage

    return note


def wait_until(is_done: Callable[[], bool], limit: float = LIMIT) -> None:
    deadline = time.monotonic() + limit

    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.001)


# What is compared


@caught_by("test_only_the_first_of_two_saves_wins")
class ComparesWithItself(MemoryStorage):
    """It compares the stored version with the one that it reads itself."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        return super().save(key, data, self._version(key))


@caught_by("test_delete_with_another_version_refuses")
class DeletesAnyVersion(MemoryStorage):
    """It does not look at the version of what it deletes."""

    def delete(self, key: CartKey, expected: int) -> bool:
        return super().delete(key, self._version(key))


@caught_by("test_save_of_what_is_gone_loses")
class BringsBack(MemoryStorage):
    """It takes the absence of a cart for the consent to make one."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        return super().save(key, data, expected if key in self._carts else 0)


@caught_by("test_save_with_another_version_loses")
class ReturnsAVersionAnyway(MemoryStorage):
    """It says of a lost save that it was successful."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        return super().save(key, data, expected) or self._version(key)


@caught_by("test_versions_do_not_recur")
class CountsFromOne(MemoryStorage):
    """Its carts all begin with the same version."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        with self._lock:
            if self._version(key) != expected:
                return None

            self._carts[key] = Stored(data, expected + 1), dt.datetime.now(dt.UTC)

        return expected + 1


class _InTwoSteps(MemoryStorage):
    """It compares and saves in two steps, between which there is time for a rival."""

    def __init__(self) -> None:
        super().__init__()
        self._compared: Counter[tuple[CartKey, int]] = Counter()

    def _save_in_two_steps(self, key: CartKey, data: str, expected: int) -> int | None:
        if self._version(key) != expected:
            return None

        self._compared[key, expected] += 1
        wait_until(lambda: self._compared[key, expected] >= 2)
        version = expected + 1 if expected else first_version()
        self._carts[key] = Stored(data, version), dt.datetime.now(dt.UTC)

        return version


@caught_by("test_one_of_many_first_saves_wins[threads-free]")
class LooksBeforeItInserts(_InTwoSteps):
    """It looks whether there is a cart, and then makes one."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if expected:
            return super().save(key, data, expected)

        return self._save_in_two_steps(key, data, expected)


@caught_by("test_one_of_many_saves_wins[threads-free]")
class ComparesBeforeItUpdates(_InTwoSteps):
    """It compares the version, and then saves."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if not expected:
            return super().save(key, data, expected)

        return self._save_in_two_steps(key, data, expected)


# What is read


@caught_by("test_every_save_is_read_at_once")
class ReadsALaggingReplica(MemoryStorage):
    """It reads from a copy that gets each write when the next one comes."""

    def __init__(self) -> None:
        super().__init__()
        self._replica: dict[CartKey, Stored] = {}

    def load(self, key: CartKey) -> Stored | None:
        return self._replica.get(key)

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        self._replica = {key: stored for key, (stored, _) in self._carts.items()}

        return super().save(key, data, expected)


@caught_by("test_others_see_what_is_saved_here[processes]")
class CachesInItsProcess(Files):
    """It remembers what it has read, and hears only of its own writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._cache: dict[CartKey, Stored] = {}

    def load(self, key: CartKey) -> Stored | None:
        stored = self._cache.get(key) or super().load(key)

        if stored is not None:
            self._cache[key] = stored

        return stored

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        self._cache.pop(key, None)

        return super().save(key, data, expected)

    def delete(self, key: CartKey, expected: int) -> bool:
        self._cache.pop(key, None)

        return super().delete(key, expected)


@caught_by("test_loads_see_whole_saves")
class TearsItsWrites(MemoryStorage):
    """It keeps the text and the version apart, and writes one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[CartKey, str] = {}
        self._has_loaded = threading.Event()

    def load(self, key: CartKey) -> Stored | None:
        stored = super().load(key)
        self._has_loaded.set()

        return Stored(self._texts[key], stored.version) if stored is not None else None

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if self._version(key) == expected:
            self._texts[key] = data

        self._has_loaded.clear()
        # Nobody comes while the test prepares itself.
        self._has_loaded.wait(0.2)

        return super().save(key, data, expected)


# What is kept


@caught_by("test_text_is_kept_exactly")
class SwallowsWhatIsNotJson(MemoryStorage):
    """It takes a text that it does not understand for no cart."""

    def load(self, key: CartKey) -> Stored | None:
        stored = super().load(key)

        try:
            json.loads(stored.data if stored is not None else "")
        except ValueError:
            return None

        return stored


@caught_by("test_text_is_kept_exactly")
class TrimsTexts(MemoryStorage):
    """It loses spaces at the ends."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        return super().save(key, data.strip(), expected)


@caught_by("test_largest_cart")
class CutsOffLongTexts(MemoryStorage):
    """Its column is too short."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        return super().save(key, data[: 2**16], expected)


@caught_by("test_unreachable_is_an_error")
class SwallowsErrors(RemoteMemory):
    """It says that there is nothing when it cannot look."""

    def load(self, key: CartKey) -> Stored | None:
        try:
            return super().load(key)
        except CartStorageError:
            return None


@caught_by("test_unreadable_is_not_absent")
class StartsAfresh(Files):
    """It takes what it cannot read for no cart."""

    def load(self, key: CartKey) -> Stored | None:
        try:
            return super().load(key)
        except CartCorruptError:
            return None


@caught_by("test_unreadable_is_not_overwritten")
class OverwritesWhatItCannotRead(Files):
    """It makes a new cart where there is one that it cannot read."""

    def _version(self, key: CartKey) -> int:
        try:
            return super()._version(key)
        except CartCorruptError:
            return 0


@caught_by("test_killed_process_leaves_a_whole_cart")
class WritesInPlace(Files):
    """It overwrites a file piece by piece."""

    writes = 0

    def _write(self, path: Path, content: bytes) -> None:
        self.writes += 1
        path.write_bytes(content[: len(content) // 2])

        # The test kills it when it sees the version of this one.
        if self.writes == 11:
            time.sleep(LIMIT)

        path.write_bytes(content)


# What is told apart


class _OwnKeys(MemoryStorage):
    """It uses other keys than it is given."""

    def _own(self, key: CartKey) -> CartKey:
        raise NotImplementedError

    def load(self, key: CartKey) -> Stored | None:
        return super().load(self._own(key))

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        return super().save(self._own(key), data, expected)

    def delete(self, key: CartKey, expected: int) -> bool:
        return super().delete(self._own(key), expected)


@caught_by("test_separators_do_not_collide")
class JoinsKeys(_OwnKeys):
    """It puts something between the parts of a key that can be in them."""

    def _own(self, key: CartKey) -> CartKey:
        return CartKey("all", f"{key.owner}-{key.instance}")

    def instances(self, owner: str) -> list[str]:
        names = super().instances("all")

        return [
            name.removeprefix(f"{owner}-")
            for name in names
            if name.startswith(f"{owner}-")
        ]


@caught_by("test_similar_owners_do_not_collide")
class FoldsOwners(_OwnKeys):
    """It compares owners as people do."""

    def _own(self, key: CartKey) -> CartKey:
        return key._replace(owner=key.owner.casefold())

    def instances(self, owner: str) -> list[str]:
        return super().instances(owner.casefold())


@caught_by("test_longest_key")
class ShortensOwners(_OwnKeys):
    """Its column for the owner is too short."""

    def _own(self, key: CartKey) -> CartKey:
        return key._replace(owner=key.owner[:191])

    def instances(self, owner: str) -> list[str]:
        return super().instances(owner[:191])


@caught_by("test_instances_of_one_owner")
class ListsNothing(MemoryStorage):
    """Nobody has written its ``instances`` yet."""

    def instances(self, owner: str) -> list[str]:
        return []


@caught_by("test_instances_of_one_owner")
class ListsByPrefix(MemoryStorage):
    """It lists the carts of all owners that begin alike."""

    def instances(self, owner: str) -> list[str]:
        return sorted(key.instance for key in self._carts if str(key).startswith(owner))


@caught_by("test_keys_of_all_carts")
class ListsTheDeleted(ListingMemory):
    """It lists every cart that it ever had."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[CartKey, None] = {}

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        self._known[key] = None

        return super().save(key, data, expected)

    def keys(self) -> Iterator[CartKey]:
        yield from self._known


@caught_by("test_purge_spares_what_is_saved_meanwhile")
class PurgesBlindly(MemoryStorage):
    """It deletes what was old when it looked, whatever has become of it."""

    def purge(self, before: dt.datetime, *, limit: int) -> Iterator[CartKey]:
        stale = [key for key, (_, saved_at) in self._carts.items() if saved_at < before]

        for key in stale[:limit]:
            del self._carts[key]
            yield key


# How long it is kept


@caught_by("test_every_save_renews_the_ttl")
class ForgetsTheTtl(ExpiringMemory):
    """What is saved again lasts for ever."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        version = super().save(key, data, expected)

        if expected:
            self.ends.pop(key, None)

        return version


@caught_by("test_every_save_renews_the_ttl")
class KeepsTheOldTtl(ExpiringMemory):
    """What is saved again expires as if it had not been."""

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        end = self.ends.get(key)
        version = super().save(key, data, expected)

        if end is not None:
            self.ends[key] = end

        return version


# What is locked


@caught_by("test_always_locks")
class LocksSometimes(LockedMemory):
    """Only the lock keeps its writers apart, but few of them take it."""

    always_lock = False


@caught_by("test_lock_makes_a_rival_wait[threads]")
class LocksAfterTheRead(LockedMemory):
    """It takes the lock when it is about to save."""

    def __init__(self) -> None:
        super().__init__()
        self._loads = 0
        self._is_locked: ContextVar[bool] = ContextVar("is_locked", default=False)

    @contextmanager
    def lock(self, key: CartKey) -> Iterator[None]:
        token = self._is_locked.set(True)

        try:
            yield
        finally:
            self._is_locked.reset(token)

    def load(self, key: CartKey) -> Stored | None:
        stored = super().load(key)
        self._loads += 1

        return stored

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if self._is_locked.get():
            wait_until(lambda: self._loads == 2)

        with super().lock(key):
            return super().save(key, data, expected)


@caught_by("test_lock_makes_a_rival_wait[processes]")
class LocksOnlyThreads(Files):
    """Its lock is one of its process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._lock = threading.RLock()

    @contextmanager
    def lock(self, key: CartKey) -> Iterator[None]:
        with self._lock:
            yield

    def load(self, key: CartKey) -> Stored | None:
        stored = super().load(key)
        (self._folder / f"{os.getpid()}.load").touch()

        return stored

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if expected:
            wait_until(lambda: len(list(self._folder.glob("*.load"))) == 2)

        return super().save(key, data, expected)


@caught_by("test_lock_leaves_other_carts_alone")
class LocksAllCarts(LockedMemory):
    """It has one lock for all, and says that it had many."""

    @contextmanager
    def lock(self, key: CartKey) -> Iterator[None]:
        if not self._lock.acquire(timeout=0.2):
            raise CartStorageError("Somebody holds the lock.")

        try:
            yield
        finally:
            self._lock.release()


class _Held(LockedMemory):
    """Its lock is a note of who holds it."""

    def __init__(self) -> None:
        super().__init__()
        self._held: set[CartKey] = set()

    def _acquire(self, key: CartKey) -> None:
        wait_until(lambda: key not in self._held, 0.2)

        if key in self._held:
            raise CartStorageError("Somebody holds the lock.")

        self._held.add(key)


@caught_by("test_lock_ends_with_an_error")
class StaysLockedAfterAnError(_Held):
    """It gives the lock back only if all went well."""

    @contextmanager
    def lock(self, key: CartKey) -> Iterator[None]:
        self._acquire(key)
        yield
        self._held.discard(key)


@caught_by("test_lock_ends_with_its_block")
class StaysLockedWithoutASave(_Held):
    """It gives the lock back when it saves."""

    @contextmanager
    def lock(self, key: CartKey) -> Iterator[None]:
        self._acquire(key)
        yield

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        self._held.discard(key)

        return super().save(key, data, expected)


@caught_by("test_lock_of_a_killed_process_ends")
class StaysLockedAfterDeath(Files):
    """Its lock is to expire, but that is to be set in a second step, to which nobody
    comes who is killed before."""

    @contextmanager
    def lock(self, key: CartKey) -> Iterator[None]:
        path = self._folder / "lock"
        wait_until(lambda: not path.exists(), 0.2)

        try:
            path.touch(exist_ok=False)
        except FileExistsError as error:
            raise CartStorageError("Somebody holds the lock.") from error

        try:
            yield
        finally:
            path.unlink()


@caught_by("test_save_without_the_lock")
class TrustsItsLock(MemoryStorage):
    """It compares no version under the lock, which not everybody takes."""

    guarantee = Guarantee.ATOMIC

    def __init__(self) -> None:
        super().__init__()
        self._is_locked: ContextVar[bool] = ContextVar("is_locked", default=False)

    @contextmanager
    def lock(self, key: CartKey) -> Iterator[None]:
        token = self._is_locked.set(True)

        try:
            yield
        finally:
            self._is_locked.reset(token)

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if not self._is_locked.get():
            return super().save(key, data, expected)

        wait_until(lambda: self._version(key) != expected)
        self._carts[key] = Stored(data, expected + 1), dt.datetime.now(dt.UTC)

        return expected + 1


@caught_by("test_delete_or_save")
class DeletesWithoutTheLock(LockedMemory):
    """Only the lock keeps its writers apart, and its deletes do not take it."""

    def delete(self, key: CartKey, expected: int) -> bool:
        return MemoryStorage.delete(self, key, expected)

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if not expected:
            return super().save(key, data, expected)

        wait_until(lambda: key not in self._carts)
        self._carts[key] = Stored(data, expected + 1), dt.datetime.now(dt.UTC)

        return expected + 1
