"""The lock with a lease: what the model says of it, and what the code does."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest

from flask_cart.carts.writing import Write
from flask_cart.carts.writing import Written
from flask_cart.storage.base import Changes
from flask_cart.storage.base import Guarantee
from flask_cart.storage.keyvalue import records
from flask_cart.storage.keyvalue.keeping import Keeping
from flask_cart.storage.keyvalue.leases import Lease
from flask_cart.storage.keyvalue.leases import Leases
from flask_cart.storage.keyvalue.leases import timed_out
from flask_cart.storage.keyvalue.records import MAX_LEASE
from flask_cart.storage.keyvalue.records import Found
from flask_cart.storage.keyvalue.records import RecordStorage
from tests.models.checking import ENDS
from tests.models.checking import Trace
from tests.models.checking import check
from tests.models.checking import runs
from tests.models.lease import EXPIRES
from tests.models.lease import Mistake
from tests.models.lease import model
from tests.models.replaying import Operation
from tests.models.replaying import Replay
from tests.models.replaying import open_shop

THERE: t.Final = "what was acknowledged is there once"
CAN_SAVE: t.Final = "who has the lock in time can save"

#: Seconds that a lease lasts, by a clock of the test.
LEASE: t.Final = 60.0


@pytest.mark.parametrize(
    ("clients", "expiries", "may_crash"), [(2, 3, True), (3, 2, True), (3, 3, False)]
)
def test_nobody_is_lost_or_kept(clients: int, expiries: int, may_crash: bool) -> None:
    """Whichever leases run out, and wherever the first one dies, all that is
    acknowledged is there; and only who was too slow has to begin again."""
    assert check(model(None, clients, expiries, may_crash)).refuted == {}


@pytest.mark.parametrize(("expiries", "may_crash"), [(1, False), (0, True)])
def test_the_code_goes_the_ways_of_the_model(
    expiries: int, may_crash: bool, clock: Clock
) -> None:
    """Each way through the model is one of the code's, and nothing is lost in it."""
    for trace in runs(model(expiries=expiries, may_crash=may_crash)):
        replay = replayed(Records(clock), trace)
        assert replay.steps == trace
        assert wrong(trace, replay) <= {CAN_SAVE}


# The code


class Clock:
    """The time, as the storage sees it."""

    def __init__(self) -> None:
        self.now = 1e9

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(records, "time", clock)

    return clock


class Shelf:
    """A store in a dict, that compares and swaps."""

    guarantee = Guarantee.ATOMIC

    def __init__(self) -> None:
        self._texts: dict[str, Found] = {}

    def read(self, key: str) -> Found | None:
        return self._texts.get(key)

    def replace(self, key: str, found: Found | None, text: str) -> bool:
        if self._texts.get(key) != found:
            return False

        self._texts[key] = Found(text, object())

        return True


class Records(RecordStorage):
    """The storage, whose releases and waits are steps, too.

    :param clock: What time it is.
    """

    lease = LEASE

    def __init__(self, clock: Clock) -> None:
        keeping = Keeping(
            ttl=3600,
            renew_after=None,
            always_lock=True,
            lock_timeout=LEASE,
            lock_lease=self.lease,
        )
        super().__init__(Shelf(), keeping)
        self._leases = Leases(LEASE, self._wait, self._release)
        self._clock = clock
        self._waits = 0
        self.shop = open_shop(self, retries=4)

    def _wait(self, owner: str, seconds: float) -> None:
        run = t.cast(Replay, self.shop.run)
        run.step("wait", owner)

        if run.crashed:
            # Of the dead, one can only wait for the end of the lease.
            self._clock.now += LEASE
            self._waits += 1

        if self._waits > 1:
            raise timed_out(owner, LEASE)

    def _release(self, lease: Lease) -> None:
        if self.shop.run is not None:
            self.shop.run.step("release", lease.owner)

        super()._release(lease)


class HasNoFence(Records):
    """It saves whoever has the lock."""

    def _compare_and_set(
        self, owner: str, changes: Changes, lease: Lease | None
    ) -> bool:
        found, record = self._read(owner)

        if lease is not None and record.is_locked_by(lease.token):
            record.lock = None

        for name, (_, text, version) in changes.items():
            record.carts[name] = records._Cart(version, str(text), ())

        return self._write(owner, found, record)


class ReleasesAnybodys(Records):
    """It gives back a lock whose ever it is."""

    def _release(self, lease: Lease) -> None:
        if self.shop.run is not None:
            self.shop.run.step("release", lease.owner)

        found, record = self._read(lease.owner)
        record.lock = None
        self._write(lease.owner, found, record)


class HasNoLease(Records):
    """Nobody lives to see the end of a lock."""

    lease = float(MAX_LEASE)


def lock_only_the_write(patch: pytest.MonkeyPatch) -> None:
    """Take the lock after the load."""

    def attempt(self: Write, is_locked: bool) -> list[Written] | None:
        bases = self._read(again=True)

        with self.storage.lock(self.parts[0].key.owner):
            return self._save(bases)

    patch.setattr(Write, "_attempt", attempt)


def nothing(patch: pytest.MonkeyPatch) -> None:
    pass


class Case(t.NamedTuple):
    """What is wrong then, and how the mistake is made in the real code."""

    invariant: str
    storage: type[Records]
    patch: Callable[[pytest.MonkeyPatch], None] = nothing


CASES: t.Final = {
    Mistake.HAS_NO_FENCE: Case(THERE, HasNoFence),
    Mistake.LOCKS_ONLY_THE_WRITE: Case(THERE, HasNoFence, lock_only_the_write),
    Mistake.RELEASES_ANYBODYS: Case(CAN_SAVE, ReleasesAnybodys),
    Mistake.HAS_NO_LEASE: Case(ENDS, HasNoLease),
}


@pytest.mark.parametrize("mistake", Mistake, ids=lambda mistake: mistake.name)
def test_mistakes(
    mistake: Mistake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is refuted with a trace, in which the code is right; and with the mistake it
    does just what the trace says, and is wrong."""
    case = CASES[mistake]
    may_crash = mistake is Mistake.HAS_NO_LEASE
    trace = check(model(mistake, may_crash=may_crash)).refuted[case.invariant]

    assert wrong(trace, replayed(Records(clock), trace)) == set()

    case.patch(monkeypatch)
    replay = replayed(case.storage(clock), trace)
    assert replay.steps[: len(trace)] == trace
    assert wrong(trace, replay) == {case.invariant}


class Replayed(t.NamedTuple):
    """:param answers: What the operations returned, by who did them."""

    steps: Trace
    answers: dict[str, str | None]
    items: dict[str, int]


def replayed(storage: Records, trace: Trace) -> Replayed:
    """What two have done that add an item of their own each."""
    answers: dict[str, str | None] = {}

    def expire() -> None:
        storage._clock.now += LEASE

    def add(who: str) -> Operation:
        act = storage.shop.add(who)

        def note() -> None:
            answers[who] = act()

        return note

    events = {EXPIRES.what: expire}
    operations = add("first"), add("second")
    steps = storage.shop.replay(trace, *operations, events=events, has_leases=True)

    return Replayed(steps, answers, storage.shop.items())


def wrong(trace: Trace, replay: Replayed) -> set[str]:
    """Which invariants did not hold."""
    done = {who for who, answer in replay.answers.items() if answer is None}
    lost = {step.who for step in replay.steps if step.outcome == "lost"}
    found = set()

    if not done <= set(replay.items):
        found.add(THERE)

    # Only the first one's runs out.
    if "second" in lost:
        found.add(CAN_SAVE)

    if "second" not in done:
        found.add(ENDS)

    return found
