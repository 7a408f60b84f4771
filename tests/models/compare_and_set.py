"""Compare and set with retry: clients add to one cart, each an item of its own.

A client loads the cart, and saves it with its item if the version is still the one
that it has loaded. Else it begins again; the last time it holds the lock, and is alone
with the cart. The server may go back to what was stored before its last write.
"""

from __future__ import annotations

import enum
import typing as t
from collections.abc import Iterator

from flask_cart.testing import Step
from tests.models.checking import NAMES
from tests.models.checking import OWNER
from tests.models.checking import Model
from tests.models.checking import changed

LOSES_ITS_TAIL: t.Final = Step("server", "lose the last write", OWNER)


class Mistake(enum.Enum):
    """What can be made wrong."""

    COMPARES_WITH_ITSELF = "the save compares the stored version with itself"
    WRITES_SESSIONS_BACK = "sessions cannot conflict: each request writes its own back"
    SAVES_WHAT_IT_SAW_FIRST = "a retry takes the new version, and the old content"
    SAYS_DONE_ANYWAY = "a lost save is answered as if it was done"
    COUNTS_VERSIONS = "a version is the one before it and 1"


class Cart(t.NamedTuple):
    version: int = 0
    items: tuple[str, ...] = ()


class Client(t.NamedTuple):
    """Somebody who adds items, or only looks.

    :param wants: How many items are still to be added.
    :param base: The cart as it was loaded.
    :param first: What was in it when it was loaded for this item the first time.
    :param acknowledged: What it was told to be in the cart, since the server has lost
        something.
    """

    at: str
    wants: int
    tries: int = 0
    base: Cart = Cart()
    first: tuple[str, ...] | None = None
    acknowledged: tuple[str, ...] = ()


class State(t.NamedTuple):
    """:param before: The cart before its last write."""

    clients: tuple[Client, ...]
    cart: Cart = Cart()
    before: Cart | None = None
    versions: int = 0
    holder: int | None = None
    has_lost: bool = False


class _CompareAndSet:
    def __init__(self, mistake: Mistake | None, retries: int, may_lose: bool) -> None:
        self._mistake = mistake
        self._retries = retries
        self._may_lose = may_lose

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """What can happen next."""
        for number, client in enumerate(state.clients):
            if client.at != "done" and state.holder in {None, number}:
                yield getattr(self, f"_{client.at}")(state, number, client)

        if self._may_lose and not state.has_lost and state.before is not None:
            forgotten = tuple(e._replace(acknowledged=()) for e in state.clients)
            yield (
                LOSES_ITS_TAIL,
                state._replace(clients=forgotten, cart=state.before, has_lost=True),
            )

    def _lock(self, state: State, number: int, client: Client) -> tuple[Step, State]:
        step = Step(NAMES[number], "lock", OWNER)
        after = client._replace(at="load")

        return step, _with(state, number, after)._replace(holder=number)

    def _load(self, state: State, number: int, client: Client) -> tuple[Step, State]:
        step = Step(NAMES[number], "load", OWNER, ("default",))
        is_reader = not client.wants
        writes_back = self._mistake is Mistake.WRITES_SESSIONS_BACK
        after = client._replace(
            at="done" if is_reader and not writes_back else "save",
            base=state.cart,
            first=state.cart.items if client.first is None else client.first,
        )

        return step, _with(state, number, after)

    def _save(self, state: State, number: int, client: Client) -> tuple[Step, State]:
        step = Step(NAMES[number], "save", OWNER, ("default",))

        if not self._may_save(state, client):
            lost = self._after_loss(state, number, client)

            return step._replace(outcome="lost"), lost

        item = f"{NAMES[number]} {client.wants}"
        base = client.base.items

        if self._mistake is Mistake.SAVES_WHAT_IT_SAW_FIRST:
            base = t.cast(tuple[str, ...], client.first)

        new = (item,) if client.wants else ()
        versions = state.versions + 1
        counts = self._mistake is Mistake.COUNTS_VERSIONS
        version = client.base.version + 1 if counts else versions
        cart = Cart(version, (*base, *new))
        after = state._replace(cart=cart, before=state.cart, versions=versions)

        return step, _done(after, number, client, new)

    def _tell(self, state: State, number: int, client: Client) -> tuple[Step, State]:
        """Look what version the cart is in, for the error."""
        step = Step(NAMES[number], "load", OWNER, ("default",))

        return step, _done(state, number, client._replace(wants=0), ())

    def _may_save(self, state: State, client: Client) -> bool:
        compares_nothing = {
            Mistake.COMPARES_WITH_ITSELF,
            Mistake.WRITES_SESSIONS_BACK,
        }

        return (
            client.base.version == state.cart.version
            or self._mistake in compares_nothing
        )

    def _after_loss(self, state: State, number: int, client: Client) -> State:
        if self._mistake is Mistake.SAYS_DONE_ANYWAY:
            return _done(state, number, client, (f"{NAMES[number]} {client.wants}",))

        tries = client.tries + 1
        is_last = tries == self._retries

        if tries > self._retries:
            # Only because the server has lost what was read under the lock.
            return _with(state, number, client._replace(at="tell"))._replace(
                holder=None
            )

        after = client._replace(at="lock" if is_last else "load", tries=tries)

        return _with(state, number, after)


def _with(state: State, number: int, client: Client) -> State:
    return state._replace(clients=changed(state.clients, number, client))


def _done(state: State, number: int, client: Client, new: tuple[str, ...]) -> State:
    """An item is added, and told so."""
    wants = max(client.wants - 1, 0)
    after = Client(
        at="load" if wants else "done",
        wants=wants,
        acknowledged=(*client.acknowledged, *new),
    )

    return _with(state, number, after)._replace(holder=None)


def is_there_once(state: State) -> bool:
    """What was acknowledged is in the cart, and nothing is twice."""
    items = state.cart.items
    acknowledged = (item for each in state.clients for item in each.acknowledged)

    return len(set(items)) == len(items) and set(acknowledged) <= set(items)


def model(
    mistake: Mistake | None = None,
    adds: tuple[int, ...] = (1, 1),
    retries: int = 1,
    may_lose: bool = False,
) -> Model[State]:
    """The model.

    :param adds: How many items each client adds; who adds none only looks.
    :param retries: How often a client begins again; the last time with the lock.
    :param may_lose: Whether the server can go back to before its last write, once.
    """
    machine = _CompareAndSet(mistake, retries, may_lose)

    return Model(
        State(tuple(Client("load", wants) for wants in adds)),
        machine.steps,
        {"what was acknowledged is there once": is_there_once},
        lambda state: all(each.at == "done" for each in state.clients),
    )
