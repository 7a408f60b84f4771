"""The fenced lock: who adds to a cart holds its lock from the load until the save.

A lease on the lock ends by itself, so that nobody waits for the dead; but its holder
may only have been paused. The save compares the version, and whether the lock is still
the saver's, and gives it back. Who could not save gives it back in a step of its own,
and begins again. The first one may die.
"""

from __future__ import annotations

import enum
import typing as t
from collections.abc import Iterator

from flask_cart.testing import Step
from tests.models.checking import CRASH
from tests.models.checking import NAMES
from tests.models.checking import OWNER
from tests.models.checking import Model
from tests.models.checking import changed

#: The lease of whoever holds the lock runs out.
EXPIRES: t.Final = Step("clock", "expire", OWNER)


class Mistake(enum.Enum):
    """What can be made wrong."""

    HAS_NO_FENCE = "the save trusts in the lock, and compares nothing"
    LOCKS_ONLY_THE_WRITE = "the same, and the lock is taken after the load"
    RELEASES_ANYBODYS = "who gives the lock back does not look whose it is"
    HAS_NO_LEASE = "the lock does not end by itself"


class Cart(t.NamedTuple):
    version: int = 0
    items: tuple[str, ...] = ()


class Client(t.NamedTuple):
    """Somebody who adds an item of its own.

    :param is_late: Whether the lease that it got has run out.
    :param was_kept: Whether it could not save, although it has not run out.
    """

    at: str
    base: Cart = Cart()
    is_late: bool = False
    was_kept: bool = False


class State(t.NamedTuple):
    """:param holder: Whose the lock is, also if the lease has run out."""

    clients: tuple[Client, ...]
    cart: Cart = Cart()
    holder: int | None = None
    has_expired: bool = False
    expiries: int = 0


class _Lease:
    def __init__(self, mistake: Mistake | None, expiries: int, may_crash: bool) -> None:
        self._mistake = mistake
        self._expiries = expiries
        self._may_crash = may_crash
        is_late = mistake is Mistake.LOCKS_ONLY_THE_WRITE
        self._order = ["load", "lock", "save"] if is_late else ["lock", "load", "save"]

    @property
    def begin(self) -> str:
        """What comes first."""
        return self._order[0]

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """What can happen next."""
        for number, client in enumerate(state.clients):
            if client.at not in {"done", "crashed"} and self._can_go(state, number):
                yield getattr(self, f"_{client.at}")(state, number, client)

        first = state.clients[0]

        if self._may_crash and first.at not in {"done", "crashed"}:
            yield CRASH, _with(state, 0, first._replace(at="crashed"))

        holder = state.holder

        if holder is None or state.has_expired or self._mistake is Mistake.HAS_NO_LEASE:
            return

        if state.expiries < self._expiries or state.clients[holder].at == "crashed":
            late = state.clients[holder]._replace(is_late=True)
            after = _with(state, holder, late)._replace(has_expired=True)
            yield EXPIRES, after._replace(expiries=state.expiries + 1)

    def _can_go(self, state: State, number: int) -> bool:
        """Whether it need not wait for the lock, which it takes when it first reads or
        writes with it."""
        takes = "save" if self._mistake is Mistake.LOCKS_ONLY_THE_WRITE else "load"
        is_free = state.holder is None or state.has_expired

        return state.clients[number].at != takes or is_free

    def _lock(self, state: State, number: int, client: Client) -> tuple[Step, State]:
        after = client._replace(at=self._after("lock"))

        return Step(NAMES[number], "lock", OWNER), _with(state, number, after)

    def _load(self, state: State, number: int, client: Client) -> tuple[Step, State]:
        after = _with(
            state, number, client._replace(at=self._after("load"), base=state.cart)
        )

        if self._mistake is not Mistake.LOCKS_ONLY_THE_WRITE:
            after = after._replace(holder=number, has_expired=False)

        return Step(NAMES[number], "load", OWNER, ("default",)), after

    def _save(self, state: State, number: int, client: Client) -> tuple[Step, State]:
        step = Step(NAMES[number], "save", OWNER, ("default",))
        is_mine = state.holder == number

        if not self._may_save(state, client, is_mine):
            again = client._replace(at="release", was_kept=not client.is_late)

            return step._replace(outcome="lost"), _with(state, number, again)

        items = (*client.base.items, NAMES[number])
        saved = _with(state, number, Client("done"))._replace(
            cart=Cart(state.cart.version + 1, items)
        )

        return step, _released(saved) if is_mine else saved

    def _may_save(self, state: State, client: Client, is_mine: bool) -> bool:
        if self._mistake in {Mistake.HAS_NO_FENCE, Mistake.LOCKS_ONLY_THE_WRITE}:
            return True

        is_held = is_mine and not state.has_expired

        return is_held and client.base.version == state.cart.version

    def _release(self, state: State, number: int, client: Client) -> tuple[Step, State]:
        after = _with(state, number, Client(self.begin, was_kept=client.was_kept))
        is_careless = self._mistake is Mistake.RELEASES_ANYBODYS

        if state.holder == number or is_careless:
            after = _released(after)

        return Step(NAMES[number], "release", OWNER), after

    def _after(self, what: str) -> str:
        return self._order[self._order.index(what) + 1]


def _released(state: State) -> State:
    return state._replace(holder=None, has_expired=False)


def _with(state: State, number: int, client: Client) -> State:
    return state._replace(clients=changed(state.clients, number, client))


def is_there_once(state: State) -> bool:
    """What was acknowledged is in the cart, and nothing is twice."""
    items = state.cart.items
    acknowledged = {
        name
        for name, client in zip(NAMES, state.clients, strict=False)
        if client.at == "done"
    }

    return len(set(items)) == len(items) and acknowledged <= set(items)


def model(
    mistake: Mistake | None = None,
    clients: int = 2,
    expiries: int = 1,
    may_crash: bool = False,
) -> Model[State]:
    """The model.

    :param expiries: How many leases of those who are alive may run out.
    :param may_crash: Whether the first one may die.
    """
    machine = _Lease(mistake, expiries, may_crash)

    return Model(
        State((Client(machine.begin),) * clients),
        machine.steps,
        {
            "what was acknowledged is there once": is_there_once,
            "who has the lock in time can save": lambda state: (
                not any(each.was_kept for each in state.clients)
            ),
        },
        lambda state: all(each.at in {"done", "crashed"} for each in state.clients),
    )
