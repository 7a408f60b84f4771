"""The checker of histories finds what storages lose, and says of nothing else that it
was lost."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import nullcontext
from pathlib import Path

import pytest

from flask_cart.model.errors import CartBusyError
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Change
from flask_cart.storage.base import Changes
from flask_cart.storage.base import Held
from flask_cart.storage.base import Storage
from flask_cart.storage.base import Stored
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.history.checking import check_history
from flask_cart.testing.history.clients import Client
from flask_cart.testing.history.recording import recorded
from flask_cart.testing.history.records import Call
from flask_cart.testing.history.records import History
from flask_cart.testing.history.records import Load
from flask_cart.testing.history.records import Made
from flask_cart.testing.history.records import Record
from flask_cart.testing.history.records import Save

CLIENTS: t.Final = 4
TIMES: t.Final = 60


def play(storage: Storage, orders: Path, times: int = TIMES) -> list[Record]:
    """A history of clients that are at work at the same time."""
    clients = [Client(f"client {n}", storage, orders) for n in range(CLIENTS)]
    threads = [threading.Thread(target=each.act, args=(times,)) for each in clients]

    for each in threads:
        each.start()

    for each in threads:
        each.join(120)
        assert not each.is_alive()

    clients[0].look(times)

    return [record for each in clients for record in each.history.records]


def test_nothing_is_lost_in_memory(tmp_path: Path) -> None:
    """What keeps everything is not accused; and of every operation, some were done."""
    records = play(MemoryStorage(), tmp_path)
    done = {
        each.what
        for each in records
        if isinstance(each, Call) and each.outcome == "done"
    }

    assert check_history(records) == []
    assert len(done) == 13
    assert any(isinstance(each, Made) for each in records)


# Storages with a mistake


class Mutant(MemoryStorage):
    """Compares the versions, and then puts what is to be stored there."""

    #: Seconds between the two.
    gap = 0.0

    def save(self, owner: str, changes: Changes) -> bool:
        if not self.is_expected(owner, changes):
            return False

        time.sleep(self.gap)

        return self.put(owner, changes)

    def is_expected(self, owner: str, changes: Changes) -> bool:
        return all(
            self._version(CartKey(owner, name)) == each.expected
            for name, each in changes.items()
        )

    def put(self, owner: str, changes: Changes) -> bool:
        with self._lock:
            now = {
                name: each._replace(expected=self._version(CartKey(owner, name)))
                for name, each in changes.items()
            }

            return super().save(owner, now)


class OverwritesAll(Mutant):
    """The last one wins."""

    gap = 0.0005

    def is_expected(self, owner: str, changes: Changes) -> bool:
        return True


class ComparesWithItself(Mutant):
    """It compares the version that is stored with one that it reads just before."""

    gap = 0.0005

    def is_expected(self, owner: str, changes: Changes) -> bool:
        versions = {name: self._version(CartKey(owner, name)) for name in changes}

        return versions == {
            name: self._version(CartKey(owner, name)) for name in changes
        }


class LocksOnlyTheWrite(Mutant):
    """Others come between the comparison and the write, which has the lock."""

    gap = 0.001


class ReadsAnOldCopy(MemoryStorage):
    """Every fifth time it reads what was stored before."""

    def __init__(self) -> None:
        super().__init__()
        self._old: dict[CartKey, Stored] = {}
        self._count = itertools.count()

    def load(self, key: CartKey) -> Stored | None:
        stored = super().load(key)

        if next(self._count) % 5 == 4:
            return self._old.get(key, stored)

        return stored

    def save(self, owner: str, changes: Changes) -> bool:
        before = {
            name: super(ReadsAnOldCopy, self).load(CartKey(owner, name))
            for name in changes
        }
        is_saved = super().save(owner, changes)

        if is_saved:
            for name, stored in before.items():
                if stored is not None:
                    self._old[CartKey(owner, name)] = stored

        return is_saved


class Counting(MemoryStorage):
    """Does something else every ninth time that it saves."""

    def __init__(self) -> None:
        super().__init__()
        self._count = itertools.count(1)

    def save(self, owner: str, changes: Changes) -> bool:
        if owner.startswith("@") or next(self._count) % 9:
            return super().save(owner, changes)

        return self.save_otherwise(owner, changes)

    def save_otherwise(self, owner: str, changes: Changes) -> bool:
        raise NotImplementedError


class Forgets(Counting):
    """It says that it has saved, and has not."""

    def save_otherwise(self, owner: str, changes: Changes) -> bool:
        return True


class SavesAndSaysBusy(Counting):
    """It saves, and says that others kept it from that."""

    def save_otherwise(self, owner: str, changes: Changes) -> bool:
        super(Counting, self).save(owner, changes)
        raise CartBusyError("busy")


class SavesAndSaysLost(Counting):
    """It saves, and says that somebody else was faster."""

    def save_otherwise(self, owner: str, changes: Changes) -> bool:
        super(Counting, self).save(owner, changes)

        return False


class RaisesItsOwn(Counting):
    """It lets an error of its driver through."""

    def save_otherwise(self, owner: str, changes: Changes) -> bool:
        raise ZeroDivisionError


class SavesHalf(MemoryStorage):
    """Of two carts it saves one."""

    def save(self, owner: str, changes: Changes) -> bool:
        first = min(changes)

        return super().save(owner, {first: changes[first]})


class GoesBack(Counting):
    """It loses its last writes, and goes on from before them."""

    def save_otherwise(self, owner: str, changes: Changes) -> bool:
        before = dict(self._carts)
        is_saved = super(Counting, self).save(owner, changes)
        self._carts = before

        return is_saved


class KeepsTheDeleted(MemoryStorage):
    """What is deleted stays."""

    def save(self, owner: str, changes: Changes) -> bool:
        if all(each.text is None for each in changes.values()):
            return True

        return super().save(owner, changes)


class Swaps(MemoryStorage):
    """It keeps the text of one cart for another one of the same owner."""

    def load(self, key: CartKey) -> Stored | None:
        stored = super().load(key)
        other = super().load(CartKey(key.owner, "later"))

        if stored is None or other is None or key.owner.startswith("@"):
            return stored

        return Stored(other.data, stored.version)


MUTANTS: t.Final = {
    OverwritesAll: "both were saved on top",
    ComparesWithItself: "both were saved on top",
    LocksOnlyTheWrite: "both were saved on top",
    ReadsAnOldCopy: "was read as it was before",
    Forgets: "of client [0-3]",
    SavesAndSaysBusy: "was refused and happened|happened 2 times|that nobody saved",
    SavesAndSaysLost: "a version that nobody saved",
    RaisesItsOwn: "raised what nobody expects: ZeroDivisionError",
    SavesHalf: "of client [0-3]",
    GoesBack: "of client [0-3]",
    KeepsTheDeleted: "was read as it was before|made anew",
    Swaps: "a text of another version",
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_mistakes_are_found(mutant: type[MemoryStorage], tmp_path: Path) -> None:
    """Each is refuted, by whom it has harmed and how."""
    found = check_history(play(mutant(), tmp_path, 40))

    assert found
    assert any(re.search(MUTANTS[mutant], each) for each in found), found


# Histories that are made up


class Story:
    """A history that is told, in which everything takes one moment after the other."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._now = 0

    def call(
        self,
        name: str,
        what: str = "add",
        outcome: t.Any = "done",
        said: str = "",
        **given: t.Any,
    ) -> Story:
        about = {"owner": "user:1", "cart": "default", "item": "mug", "quantity": 1}
        given = about | given
        self._add(Call, name, what=what, arguments=given, outcome=outcome, said=said)

        return self

    def save(
        self,
        name: str,
        expected: int,
        version: int | None,
        mugs: int | None,
        **more: t.Any,
    ) -> Story:
        text = None if mugs is None else text_with(mugs)
        versions = None if version is None else {"default": version}
        changes = {"default": (expected, text)}
        self._add(
            Save, name, owner="user:1", changes=changes, versions=versions, **more
        )

        return self

    def load(self, version: int, mugs: int | None) -> Story:
        text = None if mugs is None else text_with(mugs)
        self._add(
            Load, "", owner="user:1", instance="default", version=version, text=text
        )

        return self

    def _add(self, kind: t.Any, call: str, **fields: t.Any) -> None:
        self._now += 2
        self.records.append(
            kind(call=call, began=self._now - 1, ended=self._now, **fields)
        )

    @property
    def found(self) -> list[str]:
        return check_history(self.records)


def text_with(mugs: int) -> str:
    lines = [{"item_id": "mug", "quantity": mugs}] if mugs else []

    return json.dumps({"lines": lines})


def added(call: str) -> str:
    return f"add(owner=user:1, cart=default, item=mug, quantity=1) of {call}"


def test_who_overwrote_what() -> None:
    """The lost change is named, and the one that overwrote it."""
    story = Story().save("a", 0, 1, 1).save("b", 1, 5, 2).save("c", 1, 7, 2)
    story.save("d", 7, 9, 3).load(9, 3)
    story.call("a").call("b").call("c").call("d")

    assert story.found == [
        "user:1/default lost what was acknowledged, as both were saved on top of 1:"
        f" {added('b')}, by {added('c')}"
    ]


def test_who_made_it_anew() -> None:
    """So are those of a cart that was there already."""
    story = Story().save("a", 0, 1, 1).save("b", 0, 5, 1).load(5, 1).call("a").call("b")

    assert story.found == [
        "user:1/default lost what was acknowledged, as it was made anew:"
        f" {added('a')}, by {added('b')}"
    ]


def test_an_unknown_save_that_came_about() -> None:
    """What nobody knows may have happened, once, and then others go on from it."""
    story = Story().save("a", 0, None, 1, is_known=False).load(3, 1)
    story.save("b", 3, 4, 2).load(4, 2).call("a", outcome="unknown").call("b")

    assert story.found == []


def test_an_unknown_save_that_did_not() -> None:
    """Or it has not."""
    story = Story().save("a", 0, None, 1, is_known=False).load(0, None)
    story.save("b", 0, 4, 1).load(4, 1).call("a", outcome="unknown").call("b")

    assert story.found == []


@pytest.mark.parametrize("version", [0, 1])
def test_an_unknown_save_that_was_only_read(version: int) -> None:
    """What was read and is gone was lost, but not acknowledged."""
    story = Story()

    if version:
        story.save("first", 0, 1, 1).call("first")

    story.save("a", version, None, version + 1, is_known=False).load(3, version + 1)
    story.call("a", outcome="unknown")
    story.save("b", version, 4, version + 1).load(4, version + 1).call("b")

    assert story.found == [
        "user:1/default lost what was read, though nobody was told that it was saved:"
        f" {added('a')}, by {added('b')}"
    ]


def test_an_unknown_deletion() -> None:
    """An unknown end is one if the cart is gone, or made anew."""
    story = Story().save("a", 0, 1, 1).save("b", 1, None, None, is_known=False)
    story.load(0, None).call("a").call("b", "destroy", outcome="unknown")
    assert story.found == []

    story.save("c", 0, 4, 1).load(4, 1).call("c")
    assert story.found == []


@pytest.mark.parametrize(
    ("story", "found"),
    [
        (Story().call("a"), "acknowledged and never happened"),
        (Story().save("a", 0, 1, 2).load(1, 2).call("a"), "did something else"),
        (
            Story().save("a", 0, 1, 1).save("a", 1, 2, 2).load(2, 2).call("a"),
            "happened 2 times",
        ),
        (
            Story().save("a", 0, 1, 1).load(1, 1).call("a", outcome="refused"),
            "was refused and happened",
        ),
        (Story().call("a", outcome="raised"), "raised what nobody expects"),
        (Story().save("a", 0, 1, 1).load(0, None).call("a"), "was not there"),
        (
            Story()
            .save("a", 0, 1, 1)
            .save("b", 1, 2, 2)
            .load(1, 1)
            .call("a")
            .call("b"),
            "was read as it was before",
        ),
        (Story().load(1, 1).save("a", 0, 1, 1).call("a"), "before it was saved"),
        (Story().save("a", 0, 1, 1).load(1, 2).call("a"), "a text of another version"),
        (Story().load(4, 1), "a version that nobody saved"),
        (Story().save("a", 3, 4, 1).load(4, 1).call("a"), "of no known version"),
        (
            Story().save("a", 0, 2, 1).save("b", 2, 2, 2).call("a").call("b"),
            "got version 2 twice",
        ),
        (
            Story()
            .save("a", 0, 1, 1)
            .save("b", 1, 2, 2)
            .load(2, 2)
            .call("a", key="k")
            .call("b", key="k"),
            "The key k was taken for several",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_contradictions(story: Story, found: str) -> None:
    """Each is told, by what is wrong."""
    assert any(found in each for each in story.found), story.found


def test_orders() -> None:
    """An order is made once, and what was ordered is taken out once."""
    made = {"call": "b", "began": 20, "ended": 21, "token": "t", "lines": {"mug": 1}}
    story = Story().save("a", 0, 1, 1).save("b", 1, 2, 0).load(2, 0).call("a")
    story.call("b", "order", said="t")

    assert "acknowledged and never made" in story.found[0]

    story.records.append(Made(**made))
    assert story.found == []

    story.records.append(Made(**made))
    assert "The order t was made 2 times" in story.found

    story.records[-1] = Made(**made | {"token": "u"})
    assert "2 mug were ordered, and 1 mug taken out" in story.found


class FailsAtTheEnd(MemoryStorage):
    """A storage whose transaction fails when it is to be committed."""

    @contextmanager
    def lock(self, owner: str) -> Iterator[Held | None]:
        with super().lock(owner) as held:
            yield held

        raise CartBusyError("A rival was faster.")


def test_what_a_transaction_saved() -> None:
    """Of what was saved in a lock nobody knows when the lock ends with an error."""
    for storage, is_known in (MemoryStorage(), True), (FailsAtTheEnd(), False):
        history = History()
        changes = {"default": Change.on(0, text_with(1))}
        also = nullcontext() if is_known else pytest.raises(CartBusyError)
        shown = recorded(storage, history)

        with also, shown.lock("user:1"):
            assert shown.save("user:1", changes)
            assert history.records == []

        (save,) = history.records

        assert isinstance(save, Save)
        assert save.is_known is is_known
        assert (save.versions is not None) is is_known
