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
from flask_cart.storage.base import Annotation
from flask_cart.storage.base import Change
from flask_cart.storage.base import Changes
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Kept
from flask_cart.storage.base import Stored
from flask_cart.storage.base import deletes_nothing
from flask_cart.storage.memory import MemoryStorage
from tests.support.sound import ExpiringMemory
from tests.support.sound import Files
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


def with_texts(changes: Changes, change: Callable[[str], str]) -> Changes:
    """The changes with other texts."""
    return {
        name: each._replace(text=change(each.text)) if each.text is not None else each
        for name, each in changes.items()
    }


# What is compared


@caught_by("test_only_the_first_of_two_saves_wins")
class ComparesWithItself(MemoryStorage):
    """It compares the stored version with the one that it reads itself."""

    def save(self, owner: str, changes: Changes) -> bool:
        return super().save(
            owner,
            {
                name: each._replace(expected=self._version(CartKey(owner, name)))
                for name, each in changes.items()
            },
        )


@caught_by("test_delete_with_another_version_refuses")
class DeletesAnyVersion(MemoryStorage):
    """It does not look at the version of what it deletes."""

    def save(self, owner: str, changes: Changes) -> bool:
        return super().save(
            owner,
            {
                name: each._replace(expected=self._version(CartKey(owner, name)))
                if each.text is None
                else each
                for name, each in changes.items()
            },
        )


@caught_by("test_save_of_what_is_gone_loses")
class BringsBack(MemoryStorage):
    """It takes the absence of a cart for the consent to make one."""

    def save(self, owner: str, changes: Changes) -> bool:
        return super().save(
            owner,
            {
                name: each
                if CartKey(owner, name) in self._carts
                else each._replace(expected=0)
                for name, each in changes.items()
            },
        )


@caught_by("test_save_with_another_version_loses")
class SavesAnyway(MemoryStorage):
    """It says of a lost save that it was successful."""

    def save(self, owner: str, changes: Changes) -> bool:
        super().save(owner, changes)

        return True


class _InTwoSteps(MemoryStorage):
    """It compares, and it saves, and others may come in between."""

    def _is_as_expected(self, owner: str, changes: Changes) -> bool:
        return all(
            self._version(CartKey(owner, name)) == each.expected
            for name, each in changes.items()
        )

    def _put_all(self, owner: str, changes: Changes) -> bool:
        for name, (_, text, version) in changes.items():
            key = CartKey(owner, name)

            if text is None:
                self._carts.pop(key, None)
            else:
                self._carts[key] = Stored(text, version), dt.datetime.now(dt.UTC)

        return True


@caught_by("test_save_and_load")
class CountsItself(MemoryStorage):
    """It has versions of its own."""

    def save(self, owner: str, changes: Changes) -> bool:
        return super().save(
            owner,
            {
                name: each._replace(version=each.expected + 1)
                for name, each in changes.items()
            },
        )


@caught_by("test_version_is_kept")
class RoundsVersions(MemoryStorage):
    """Its numbers have 32 bits."""

    def save(self, owner: str, changes: Changes) -> bool:
        return super().save(
            owner,
            {
                name: each._replace(version=each.version % 2**32)
                for name, each in changes.items()
            },
        )


class _WithTime(_InTwoSteps):
    """It compares and saves in two steps, between which there is time for a rival."""

    def __init__(self) -> None:
        super().__init__()
        self._compared: Counter[object] = Counter()

    def _save_with_time(self, owner: str, changes: Changes) -> bool:
        if not self._is_as_expected(owner, changes):
            return False

        what = owner, *((name, each.expected) for name, each in changes.items())
        self._compared[what] += 1
        wait_until(lambda: self._compared[what] >= 2)

        return self._put_all(owner, changes)


@caught_by("test_one_of_many_first_saves_wins[threads-free]")
class LooksBeforeItInserts(_WithTime):
    """It looks whether there is a cart, and then makes one."""

    def save(self, owner: str, changes: Changes) -> bool:
        if any(each.expected for each in changes.values()):
            return super().save(owner, changes)

        return self._save_with_time(owner, changes)


@caught_by("test_one_of_many_saves_wins[threads-free]")
class ComparesBeforeItUpdates(_WithTime):
    """It compares the version, and then saves."""

    def save(self, owner: str, changes: Changes) -> bool:
        if not all(each.expected for each in changes.values()):
            return super().save(owner, changes)

        return self._save_with_time(owner, changes)


# What is saved at once


@caught_by("test_one_that_has_changed_loses_all")
class SavesUntilOneIsLost(MemoryStorage):
    """It saves one cart after the other, and those before the lost one stay."""

    def save(self, owner: str, changes: Changes) -> bool:
        return all(
            super(SavesUntilOneIsLost, self).save(owner, {name: each})
            for name, each in changes.items()
        )


@caught_by("test_one_that_has_changed_loses_all")
class ComparesTheFirst(_InTwoSteps):
    """It compares the version of one cart, and takes it for that of all."""

    def save(self, owner: str, changes: Changes) -> bool:
        first = dict(list(changes.items())[:1])

        with self._lock:
            return self._is_as_expected(owner, first) and self._put_all(owner, changes)


@caught_by("test_one_that_is_not_there_loses_all")
class ForgetsTheAbsent(_InTwoSteps):
    """It compares the versions of those that are there."""

    def save(self, owner: str, changes: Changes) -> bool:
        present = {
            name: change
            for name, change in changes.items()
            if CartKey(owner, name) in self._carts
        }

        with self._lock:
            return self._is_as_expected(owner, present) and self._put_all(
                owner, changes
            )


@caught_by("test_several_are_seen_at_once")
class ShowsOneBeforeTheOther(_InTwoSteps):
    """It compares all of them, and then saves one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._has_loaded = threading.Event()

    def load(self, key: CartKey) -> Stored | None:
        stored = super().load(key)
        self._has_loaded.set()

        return stored

    def save(self, owner: str, changes: Changes) -> bool:
        if deletes_nothing(changes) or not self._is_as_expected(owner, changes):
            return False

        for name, change in changes.items():
            self._put_all(owner, {name: change})

            # Two, as the first one may have begun before.
            for _ in range(2):
                self._has_loaded.clear()
                self._has_loaded.wait(0.2)

        return True


@caught_by("test_killed_process_leaves_whole_pairs")
class DiesBetweenTwo(Files):
    """It writes the file once for each cart."""

    saves = 0

    def save(self, owner: str, changes: Changes) -> bool:
        self.saves += 1
        is_saved = True

        for name, change in changes.items():
            is_saved = super().save(owner, {name: change}) and is_saved

            # The test kills it when it sees the number of this one.
            if self.saves == 12:
                time.sleep(LIMIT)

        return is_saved


# What is read


@caught_by("test_every_save_is_read_at_once")
class ReadsALaggingReplica(MemoryStorage):
    """It reads from a copy that gets each write when the next one comes."""

    def __init__(self) -> None:
        super().__init__()
        self._replica: dict[CartKey, Stored] = {}

    def load(self, key: CartKey) -> Stored | None:
        return self._replica.get(key)

    def save(self, owner: str, changes: Changes) -> bool:
        self._replica = {key: stored for key, (stored, _) in self._carts.items()}

        return super().save(owner, changes)


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

    def save(self, owner: str, changes: Changes) -> bool:
        for name in changes:
            self._cache.pop(CartKey(owner, name), None)

        return super().save(owner, changes)


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

    def save(self, owner: str, changes: Changes) -> bool:
        for name, (expected, text, _) in changes.items():
            key = CartKey(owner, name)

            if text is not None and self._version(key) == expected:
                self._texts[key] = text

        self._has_loaded.clear()
        # Nobody comes while the test prepares itself.
        self._has_loaded.wait(0.2)

        return super().save(owner, changes)


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

    def save(self, owner: str, changes: Changes) -> bool:
        return super().save(owner, with_texts(changes, str.strip))


@caught_by("test_largest_cart")
class CutsOffLongTexts(MemoryStorage):
    """Its column is too short."""

    def save(self, owner: str, changes: Changes) -> bool:
        return super().save(owner, with_texts(changes, lambda text: text[: 2**16]))


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

    def save(self, owner: str, changes: Changes) -> bool:
        try:
            return super().save(owner, changes)
        except CartCorruptError:
            self._path(owner).unlink()

            return super().save(owner, changes)


@caught_by("test_killed_process_leaves_a_whole_cart")
class WritesInPlace(Files):
    """It overwrites a file piece by piece."""

    writes = 0

    def _write(self, path: Path, content: bytes) -> None:
        self.writes += 1
        path.write_bytes(content[: len(content) // 2])

        # So that the test comes upon it.
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

    def save(self, owner: str, changes: Changes) -> bool:
        own = {name: self._own(CartKey(owner, name)) for name in changes}
        (own_owner,) = {key.owner for key in own.values()}

        return super().save(
            own_owner, {own[name].instance: each for name, each in changes.items()}
        )


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


@caught_by("test_scan_after_a_delete")
class FindsTheDeleted(MemoryStorage):
    """It finds every cart that it ever had."""

    def __init__(self) -> None:
        super().__init__()
        self._known: set[CartKey] = set()

    def save(self, owner: str, changes: Changes) -> bool:
        self._known |= {CartKey(owner, name) for name in changes}

        return super().save(owner, changes)

    def scan(self, before: dt.datetime | None = None) -> Iterator[Kept]:
        yield from super().scan(before)

        for key in self._known - self._carts.keys():
            yield Kept(key, Stored("", 0), None)


@caught_by("test_scan_of_what_is_old")
class FindsTheFresh(MemoryStorage):
    """It does not look at when a cart was saved."""

    def scan(self, before: dt.datetime | None = None) -> Iterator[Kept]:
        return super().scan()


@caught_by("test_annotated")
class MakesTheAnnotatedYoung(MemoryStorage):
    """It takes a note about a cart for a change of it."""

    def save(self, owner: str, changes: Changes) -> bool:
        plain = {name: Change(*each) for name, each in changes.items()}

        return super().save(owner, plain)


@caught_by("test_annotated")
class KeepsTheChangedOld(MemoryStorage):
    """It takes a change of a cart for a note about it."""

    def save(self, owner: str, changes: Changes) -> bool:
        noted = {
            name: Annotation(*each) if each.expected else each
            for name, each in changes.items()
        }

        return super().save(owner, noted)


@caught_by("test_scan_finds_all_carts")
class FindsThoseOfUsers(MemoryStorage):
    """It overlooks whose owners have another form."""

    def scan(self, before: dt.datetime | None = None) -> Iterator[Kept]:
        found = super().scan(before)

        return (each for each in found if each.key[0].startswith("user"))


# How long it is kept


@caught_by("test_every_save_renews_the_ttl")
class ForgetsTheTtl(ExpiringMemory):
    """What is saved again lasts for ever."""

    def save(self, owner: str, changes: Changes) -> bool:
        is_saved = super().save(owner, changes)

        for name, each in changes.items():
            if each.expected:
                self.ends.pop(CartKey(owner, name), None)

        return is_saved


@caught_by("test_every_save_renews_the_ttl")
class KeepsTheOldTtl(ExpiringMemory):
    """What is saved again expires as if it had not been."""

    def save(self, owner: str, changes: Changes) -> bool:
        ends = dict(self.ends)
        is_saved = super().save(owner, changes)
        self.ends |= ends

        return is_saved


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
    def lock(self, owner: str) -> Iterator[None]:
        token = self._is_locked.set(True)

        try:
            yield
        finally:
            self._is_locked.reset(token)

    def load(self, key: CartKey) -> Stored | None:
        stored = super().load(key)
        self._loads += 1

        return stored

    def save(self, owner: str, changes: Changes) -> bool:
        if self._is_locked.get():
            wait_until(lambda: self._loads == 2)

        with super().lock(owner):
            return super().save(owner, changes)


@caught_by("test_lock_makes_a_rival_wait[processes]")
class LocksOnlyThreads(Files):
    """Its lock is one of its process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._lock = threading.RLock()

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
        with self._lock:
            yield

    def load(self, key: CartKey) -> Stored | None:
        stored = super().load(key)
        (self._folder / f"{os.getpid()}.load").touch()

        return stored

    def save(self, owner: str, changes: Changes) -> bool:
        if all(each.expected for each in changes.values()):
            wait_until(lambda: len(list(self._folder.glob("*.load"))) == 2)

        return super().save(owner, changes)


@caught_by("test_lock_leaves_other_owners_alone")
class LocksAllOwners(LockedMemory):
    """It has one lock for all, and says that it had many."""

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
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
        self._held: set[str] = set()

    def _acquire(self, owner: str) -> None:
        wait_until(lambda: owner not in self._held, 0.2)

        if owner in self._held:
            raise CartStorageError("Somebody holds the lock.")

        self._held.add(owner)


@caught_by("test_lock_ends_with_an_error")
class StaysLockedAfterAnError(_Held):
    """It gives the lock back only if all went well."""

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
        self._acquire(owner)
        yield
        self._held.discard(owner)


@caught_by("test_lock_ends_with_its_block")
class StaysLockedWithoutASave(_Held):
    """It gives the lock back when it saves."""

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
        self._acquire(owner)
        yield

    def save(self, owner: str, changes: Changes) -> bool:
        self._held.discard(owner)

        return super().save(owner, changes)


@caught_by("test_lock_of_a_killed_process_ends")
class StaysLockedAfterDeath(Files):
    """Its lock is to expire, but that is to be set in a second step, to which nobody
    comes who is killed before."""

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
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
class TrustsItsLock(_InTwoSteps):
    """It compares no version under the lock, which not everybody takes."""

    guarantee = Guarantee.ATOMIC

    def __init__(self) -> None:
        super().__init__()
        self._is_locked: ContextVar[bool] = ContextVar("is_locked", default=False)

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
        token = self._is_locked.set(True)

        try:
            yield
        finally:
            self._is_locked.reset(token)

    def save(self, owner: str, changes: Changes) -> bool:
        if not self._is_locked.get():
            return super().save(owner, changes)

        wait_until(lambda: not self._is_as_expected(owner, changes))

        return self._put_all(owner, changes)
