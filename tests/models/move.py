"""A move: a line goes from one cart into another, while somebody changes one of them.

Who moves loads both carts, and saves both in one write. The other one moves the same
line, or adds an item to one of the carts. Who moves first may die.
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

SOURCE: t.Final = "default"
TARGET: t.Final = "wishlist"

#: What the second one does.
Rival = t.Literal["move", "default", "wishlist"]


class Mistake(enum.Enum):
    """What can be made wrong."""

    WRITES_THE_SOURCE_FIRST = "two writes, first of the cart that it leaves"
    WRITES_THE_TARGET_FIRST = "two writes, first of the cart that it comes into"
    COMPARES_ONE_CART = "only the version of the cart that it leaves is compared"


class Cart(t.NamedTuple):
    version: int = 0
    items: tuple[str, ...] = ()


class Client(t.NamedTuple):
    """Who moves the mug, or adds a cup to the cart that is wanted.

    :param retries: How often it may begin again, the last time with the lock.
    :param said: What it was told in the end.
    """

    wants: Rival
    at: str
    retries: int
    is_again: bool = False
    source: Cart = Cart()
    target: Cart = Cart()
    said: str = ""


class State(t.NamedTuple):
    clients: tuple[Client, ...]
    source: Cart = Cart(1, ("mug",))
    target: Cart = Cart(2)
    versions: int = 2
    holder: int | None = None


class _Move:
    def __init__(self, mistake: Mistake | None, may_crash: bool) -> None:
        self._mistake = mistake
        self._may_crash = may_crash

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """What can happen next."""
        for number, client in enumerate(state.clients):
            if not client.said and state.holder in {None, number}:
                yield getattr(self, f"_{client.at}")(state, number, client)

        if self._may_crash and not state.clients[0].said:
            yield CRASH, _told(state, 0, state.clients[0], "crashed")

    def _lock(self, state: State, number: int, client: Client) -> tuple[Step, State]:
        after = _with(state, number, client._replace(at=_begin(client.wants)))

        return Step(NAMES[number], "lock", OWNER), after._replace(holder=number)

    # Who adds

    def _load_one(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        after = client._replace(at="save_one", source=state.source, target=state.target)

        return _step(number, "load", client.wants), _with(state, number, after)

    def _save_one(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "save", client.wants)
        seen, stored = _cart(client, client.wants), _cart(state, client.wants)

        if seen != stored:
            return _lost(step, state, number, client)

        saved = _save(state, client.wants, (*seen.items, "cup"))

        return step, _told(saved, number, client, "done")

    # Who moves

    def _load_source(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "load", SOURCE)

        if not client.is_again and "mug" not in state.source.items:
            return step, _told(state, number, client, "refused")

        after = client._replace(at="load_target", source=state.source)

        return step, _with(state, number, after)

    def _load_target(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "load", TARGET)

        if "mug" not in client.source.items:
            return step, _told(state, number, client, "refused")

        at = {
            Mistake.WRITES_THE_SOURCE_FIRST: "save_source",
            Mistake.WRITES_THE_TARGET_FIRST: "save_target",
        }.get(t.cast(Mistake, self._mistake), "save_both")

        return step, _with(state, number, client._replace(at=at, target=state.target))

    def _save_both(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "save", SOURCE, TARGET)
        is_compared = self._mistake is not Mistake.COMPARES_ONE_CART

        if client.source != state.source or (
            is_compared and client.target != state.target
        ):
            return _lost(step, state, number, client)

        saved = _save(state, SOURCE, _left(client))
        saved = _save(saved, TARGET, (*client.target.items, "mug"))

        return step, _told(saved, number, client, "done")

    def _save_source(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "save", SOURCE)

        if client.source != state.source:
            return _lost(step, state, number, client)

        saved = _save(state, SOURCE, _left(client))

        if self._mistake is Mistake.WRITES_THE_TARGET_FIRST:
            return step, _told(saved, number, client, "done")

        return step, _with(saved, number, client._replace(at="save_target"))

    def _save_target(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "save", TARGET)

        if client.target != state.target:
            return _lost(step, state, number, client)

        saved = _save(state, TARGET, (*client.target.items, "mug"))

        if self._mistake is Mistake.WRITES_THE_SOURCE_FIRST:
            return step, _told(saved, number, client, "done")

        return step, _with(saved, number, client._replace(at="save_source"))


def _begin(wants: Rival) -> str:
    return "load_source" if wants == "move" else "load_one"


def _left(client: Client) -> tuple[str, ...]:
    return tuple(item for item in client.source.items if item != "mug")


def _step(number: int, what: str, *instances: str) -> Step:
    return Step(NAMES[number], what, OWNER, instances)


def _cart(carts: Client | State, name: str) -> Cart:
    return carts.source if name == SOURCE else carts.target


def _save(state: State, name: str, items: tuple[str, ...]) -> State:
    versions = state.versions + 1
    cart = Cart(versions, items)

    if name == SOURCE:
        return state._replace(source=cart, versions=versions)

    return state._replace(target=cart, versions=versions)


def _lost(step: Step, state: State, number: int, client: Client) -> tuple[Step, State]:
    retries = client.retries - 1
    at = _begin(client.wants) if retries else "lock"
    again = client._replace(at=at, retries=retries, is_again=True)

    return step._replace(outcome="lost"), _with(state, number, again)


def _told(state: State, number: int, client: Client, said: str) -> State:
    """It does nothing more. Its lock, if it has it, ends with it, or its connection."""
    holder = None if state.holder == number else state.holder

    return _with(state, number, client._replace(said=said))._replace(holder=holder)


def _with(state: State, number: int, client: Client) -> State:
    return state._replace(clients=changed(state.clients, number, client))


def is_over(state: State) -> bool:
    """Whether everybody is told something, or dead."""
    return all(each.said for each in state.clients)


def is_right(state: State) -> bool:
    """In the end the mug is in one of the carts, and the cup where it was added."""
    is_added = [each.wants for each in state.clients if each.said == "done"]
    cups = {SOURCE: is_added.count(SOURCE), TARGET: is_added.count(TARGET)}
    mugs = (*state.source.items, *state.target.items).count("mug")

    return not is_over(state) or (
        mugs == 1
        and all(_cart(state, name).items.count("cup") == cups[name] for name in cups)
    )


def model(
    mistake: Mistake | None = None,
    rival: Rival = "move",
    may_crash: bool = False,
    retries: int = 1,
) -> Model[State]:
    """The model.

    :param rival: What the second one does: it moves the same, or adds to one of the
        carts.
    :param may_crash: Whether the first one may die, between any two steps.
    :param retries: How often each may begin again, the last time with the lock.
    """
    machine = _Move(mistake, may_crash)
    wants: tuple[Rival, ...] = ("move", rival)

    return Model(
        State(tuple(Client(each, _begin(each), retries) for each in wants)),
        machine.steps,
        {"nothing is lost or doubled": is_right},
        is_over,
    )
