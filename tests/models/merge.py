"""A login: what is in a guest's cart is taken over into the user's, and that deleted.

The user's cart remembers what has come of which guest's cart, in the same write. If
the guest's cart was changed before it could be deleted, it is looked at again. The
second one logs in, too, or adds a cup to one of the carts. The first one may die.
"""

from __future__ import annotations

import enum
import typing as t
from collections.abc import Iterator

from flask_cart.testing import Step
from tests.models.checking import CRASH
from tests.models.checking import NAMES
from tests.models.checking import Model
from tests.models.checking import changed

GUEST: t.Final = "guest:1"
USER: t.Final = "user:1"

CART: t.Final = "default"
KEYS: t.Final = "~keys"

#: What the second one does.
Rival = t.Literal["log in", "guest:1", "user:1"]

Items = frozenset[str]


class Mistake(enum.Enum):
    """What can be made wrong."""

    DELETES_FIRST = "the guest's cart is deleted before the user's is saved"
    REMEMBERS_NOTHING = "the user's cart does not know what has come"
    DELETES_ANY_VERSION = "the guest's cart is deleted, whatever came into it meanwhile"


class Cart(t.NamedTuple):
    """A cart; it is not there if it has no version.

    :param born: The version that it began with.
    """

    version: int = 0
    items: tuple[str, ...] = ()
    born: int = 0


class Client(t.NamedTuple):
    """Who logs in, or adds a cup to a cart.

    :param is_again: Whether the guest's cart was looked at before.
    :param said: What it was told in the end.
    """

    wants: Rival
    at: str
    guest: Cart = Cart()
    user: Cart = Cart()
    come: frozenset[tuple[int, str]] = frozenset()
    is_again: bool = False
    said: str = ""


class State(t.NamedTuple):
    """:param come: What the user's cart says has come, of which guest's cart."""

    clients: tuple[Client, ...]
    guest: Cart = Cart(1, ("mug",), 1)
    user: Cart = Cart(2, ("pen",), 2)
    come: frozenset[tuple[int, str]] = frozenset()
    versions: int = 2


class _Merge:
    def __init__(self, mistake: Mistake | None, may_crash: bool) -> None:
        self._mistake = mistake
        self._may_crash = may_crash

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """What can happen next."""
        for number, client in enumerate(state.clients):
            if not client.said:
                yield getattr(self, f"_{client.at}")(state, number, client)

        if self._may_crash and not state.clients[0].said:
            yield CRASH, _with(state, 0, said="crashed")

    # Who adds

    def _add_load(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "load", client.wants)

        return step, _with(
            state, number, at="add_save", guest=state.guest, user=state.user
        )

    def _add_save(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "save", client.wants)
        is_guest = client.wants == GUEST
        seen = client.guest if is_guest else client.user

        if seen != (state.guest if is_guest else state.user):
            return step._replace(outcome="lost"), _with(state, number, at="add_load")

        version = state.versions + 1
        cart = Cart(version, (*seen.items, "cup"), seen.born or version)
        after = _with(state._replace(versions=version), number, said="done")

        return step, (
            after._replace(guest=cart) if is_guest else after._replace(user=cart)
        )

    # Who logs in

    def _load_guest(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "load", GUEST)

        if not state.guest.version and not client.is_again:
            return step, _with(state, number, said="done")

        return step, _with(state, number, at="load_keys", guest=state.guest)

    def _load_keys(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        deletes_first = self._mistake is Mistake.DELETES_FIRST
        at = "delete_guest" if deletes_first else "load_user"

        return _step(number, "load", GUEST, KEYS), _with(state, number, at=at)

    def _load_user(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "load", USER)
        after = _with(state, number, at="save_user", user=state.user, come=state.come)

        if self._new(after.clients[number]):
            return step, after

        return step, self._deleting(state, number, client)

    def _save_user(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "save", USER)

        if client.user != state.user:
            return step._replace(outcome="lost"), _with(state, number, at="load_user")

        version = state.versions + 1
        items = (*client.user.items, *self._new(client))
        come = {(client.guest.born, item) for item in client.guest.items}
        after = state._replace(
            user=Cart(version, items, client.user.born),
            come=state.come | come,
            versions=version,
        )

        return step, self._deleting(after, number, client)

    def _deleting(self, state: State, number: int, client: Client) -> State:
        """Go on with the guest's cart, if there is one."""
        if self._mistake is Mistake.DELETES_FIRST or not client.guest.version:
            return _with(state, number, said="done")

        return _with(state, number, at="delete_guest")

    def _delete_guest(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "delete", GUEST)
        is_any = self._mistake is Mistake.DELETES_ANY_VERSION and state.guest.version

        if client.guest != state.guest and not is_any:
            return step._replace(outcome="lost"), _with(state, number, at="look_again")

        after = state._replace(guest=Cart())

        if self._mistake is Mistake.DELETES_FIRST:
            return step, _with(after, number, at="load_user")

        return step, _with(after, number, said="done")

    def _look_again(
        self, state: State, number: int, client: Client
    ) -> tuple[Step, State]:
        step = _step(number, "load", GUEST)

        if not state.guest.version:
            # It is gone, as it was to be.
            return step, _with(state, number, said="done")

        return step, _with(state, number, at="load_guest", is_again=True)

    def _new(self, client: Client) -> list[str]:
        """What has not come yet."""
        is_known = self._mistake is not Mistake.REMEMBERS_NOTHING

        return [
            item
            for item in client.guest.items
            if not (is_known and (client.guest.born, item) in client.come)
        ]


def _step(number: int, what: str, owner: str, instance: str = CART) -> Step:
    return Step(NAMES[number], what, owner, (instance,))


def _with(state: State, number: int, **what: t.Any) -> State:
    client = state.clients[number]._replace(**what)

    return state._replace(clients=changed(state.clients, number, client))


def is_over(state: State) -> bool:
    """Whether everybody is told something, or dead."""
    return all(each.said for each in state.clients)


def is_kept(state: State) -> bool:
    """In the end, what was in one of the carts is in one of them."""
    has_cup = any(e.wants != "log in" and e.said == "done" for e in state.clients)
    wanted = {"mug", "pen", "cup"} if has_cup else {"mug", "pen"}

    return not is_over(state) or wanted <= {*state.guest.items, *state.user.items}


def has_come(state: State) -> bool:
    """In the end, who has logged in has what the guest had."""
    has_logged_in = any(e.wants == "log in" and e.said == "done" for e in state.clients)
    has_it = "mug" in state.user.items and "mug" not in state.guest.items

    return not (is_over(state) and has_logged_in) or has_it


def model(
    mistake: Mistake | None = None, rival: Rival = "log in", may_crash: bool = False
) -> Model[State]:
    """The model.

    :param rival: What the second one does: it logs in, or adds to one of the carts.
    :param may_crash: Whether the first one may die, between any two steps.
    """
    machine = _Merge(mistake, may_crash)
    begin = "load_guest" if rival == "log in" else "add_load"

    return Model(
        State((Client("log in", "load_guest"), Client(rival, begin))),
        machine.steps,
        {
            "nothing comes twice": lambda state: (
                len(set(state.user.items)) == len(state.user.items)
            ),
            "nothing is lost": is_kept,
            "who logs in has it": has_come,
        },
        is_over,
    )
