"""Adds to one cart: what the model says of them, and what the code does."""

from __future__ import annotations

import threading
import typing as t
from collections import defaultdict

import pytest

from flask_cart.carts.writing import Snapshot
from flask_cart.carts.writing import Write
from flask_cart.model.keys import CartKey
from flask_cart.storage import base
from flask_cart.storage.base import Change
from flask_cart.storage.base import Changes
from flask_cart.storage.base import Storage
from flask_cart.storage.base import Stored
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.standing import standing_for
from tests.models.checking import NAMES
from tests.models.checking import Trace
from tests.models.checking import check
from tests.models.checking import runs
from tests.models.compare_and_set import LOSES_ITS_TAIL
from tests.models.compare_and_set import Mistake
from tests.models.compare_and_set import model
from tests.models.replaying import Around
from tests.models.replaying import Case
from tests.models.replaying import open_shop
from tests.support.broken import ComparesWithItself


@pytest.mark.parametrize(
    ("adds", "retries", "may_lose"),
    [
        ((1, 1), 1, False),
        ((1, 1, 1), 2, False),
        ((2, 2, 0), 2, False),
        ((2, 1, 1), 3, True),
    ],
)
def test_nothing_is_lost(adds: tuple[int, ...], retries: int, may_lose: bool) -> None:
    """Whatever happens in whatever order, all that is acknowledged is there, and
    everybody comes to an end."""
    verdict = check(model(adds=adds, retries=retries, may_lose=may_lose))
    assert verdict.refuted == {}


@pytest.mark.parametrize("retries", [1, 2])
def test_the_code_goes_the_ways_of_the_model(retries: int) -> None:
    """The orders of two adds are the ways through the model, all of them, with what is
    lost in each."""
    shop = open_shop(retries=retries)
    add = shop.add("mug")

    assert shop.orders(add, add, shop.forget) == set(runs(model(retries=retries)))


def test_the_code_loses_its_tail_as_the_model_says() -> None:
    """Whenever the server forgets the last write, the code goes the way of the model,
    and loses nothing that was acknowledged after that."""
    for trace in runs(model(may_lose=True)):
        assert replayed(LosesItsTail(), trace, (1, 1)) == (trace, set())


# Mistakes


class Overwrites(MemoryStorage):
    """It saves whatever others have saved since the load."""

    def save(self, owner: str, changes: Changes) -> bool:
        return super().save(
            owner,
            {
                name: each._replace(expected=self._version(CartKey(owner, name)))
                for name, each in changes.items()
            },
        )


class InTheSession:
    """Carts as a session has them: loaded once for a request, and all written back at
    its end."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._sessions: dict[int, dict[CartKey, Stored]] = defaultdict(dict)

    def load(self, key: CartKey) -> Stored | None:
        session = self._sessions[threading.get_ident()]

        if key not in session:
            session[key] = t.cast(Stored, self._storage.load(key))

        return session[key]

    def save(self, owner: str, changes: Changes) -> bool:
        for name, (_, text, version) in changes.items():
            stored = Stored(t.cast(str, text), version)
            self._sessions[threading.get_ident()][CartKey(owner, name)] = stored

        return True

    def end_request(self) -> None:
        for key, stored in self._sessions.pop(threading.get_ident()).items():
            change = Change(0, stored.text, stored.version)
            self._storage.save(key.owner, {key.instance: change})


def in_the_session(storage: Storage) -> Storage:
    return standing_for(storage, InTheSession)


class SaysDoneAnyway:
    """It does not look whether a save was lost."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def save(self, owner: str, changes: Changes) -> bool:
        self._storage.save(owner, changes)

        return True


def say_done_anyway(storage: Storage) -> Storage:
    return standing_for(storage, SaysDoneAnyway)


class LosesItsTail(MemoryStorage):
    """It can go back to before its last write."""

    def save(self, owner: str, changes: Changes) -> bool:
        before = dict(self._carts)
        is_saved = super().save(owner, changes)

        if is_saved:
            self._before = before

        return is_saved

    def lose_its_tail(self) -> None:
        self._carts = self._before


def save_what_it_saw_first(patch: pytest.MonkeyPatch) -> None:
    """Take nothing but the version of what is read for a retry."""
    read = Write._read

    def read_version(self: Write, *, again: bool) -> list[Snapshot]:
        bases = read(self, again=again)

        return [
            base._replace(document=(part.seen or base).document)
            for part, base in zip(self.parts, bases, strict=True)
        ]

    patch.setattr(Write, "_read", read_version)


def count_versions(patch: pytest.MonkeyPatch) -> None:
    """Let each version be the one before it and 1."""
    patch.setattr(base, "next_version", lambda expected: expected + 1)


CASES: t.Final = {
    Mistake.COMPARES_WITH_ITSELF: Case(storage=ComparesWithItself),
    Mistake.WRITES_SESSIONS_BACK: Case(storage=Overwrites, around=in_the_session),
    Mistake.SAVES_WHAT_IT_SAW_FIRST: Case(patch=save_what_it_saw_first),
    Mistake.SAYS_DONE_ANYWAY: Case(around=say_done_anyway),
    Mistake.COUNTS_VERSIONS: Case(patch=count_versions, storage=LosesItsTail),
}

#: How many items the two add, where it is not one each.
ADDS: t.Final = {Mistake.WRITES_SESSIONS_BACK: (0, 1), Mistake.COUNTS_VERSIONS: (2, 1)}


@pytest.mark.parametrize("mistake", Mistake, ids=lambda mistake: mistake.name)
def test_mistakes(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is refuted with a trace, in which the code loses nothing; and with the
    mistake it does just what the trace says, and loses something."""
    adds = ADDS.get(mistake, (1, 1))
    may_lose = mistake is Mistake.COUNTS_VERSIONS
    (trace,) = check(model(mistake, adds, may_lose=may_lose)).refuted.values()
    case = CASES[mistake]
    sound = LosesItsTail() if may_lose else MemoryStorage()

    assert replayed(sound, trace, adds)[1] == set()

    case.patch(monkeypatch)
    steps, lost = replayed(case.storage(), trace, adds, case.around)
    assert steps[: len(trace)] == trace
    assert lost


def replayed(
    storage: MemoryStorage,
    trace: Trace,
    adds: tuple[int, ...],
    around: Around = lambda storage: storage,
) -> tuple[Trace, set[str]]:
    """What two that add items have done, and what of it is not in the cart then."""
    shop = open_shop(storage)
    shop.add("cup")()
    acknowledged = set()

    def add(who: str, count: int) -> None:
        for number in range(count):
            item = f"{who}-{number}"
            shop.cart().add(item, price=1)
            acknowledged.add(item)

        if not count:
            assert shop.cart().quantity == 1

        if hasattr(shop.repository.storage, "end_request"):
            shop.repository.storage.end_request()

    def lose_its_tail() -> None:
        t.cast(LosesItsTail, storage).lose_its_tail()
        # Nobody can promise that any more.
        acknowledged.clear()

    first, second = (
        shop.inside(add, who, count) for who, count in zip(NAMES, adds, strict=False)
    )
    events = {LOSES_ITS_TAIL.what: lose_its_tail}
    steps = shop.replay(trace, first, second, around, events)

    return steps, acknowledged - set(shop.items())
