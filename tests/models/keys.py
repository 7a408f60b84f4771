"""Keys: a change is sent twice with the same key, and its first sender may die.

Each sender loads the cart and the keys that were used. If the key is none of them, it
saves both in one write, the cart with the change and the keys with the key.
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

CART: t.Final = "default"
KEYS: t.Final = "~keys"


class Mistake(enum.Enum):
    """What can be made wrong."""

    REMEMBERS_AFTER = "the key is saved in a write of its own, after the change"
    REMEMBERS_BEFORE = "the key is saved in a write of its own, before the change"


class Kept(t.NamedTuple):
    """Something that is stored, as often as it is in it: the change, or the key."""

    version: int = 0
    times: int = 0


class Sender(t.NamedTuple):
    """:param retries: How often it may begin again, the last time with the lock.
    :param said: What it was told in the end.
    """

    retries: int
    at: str = "load_cart"
    cart: Kept = Kept()
    keys: Kept = Kept()
    said: str = ""


class State(t.NamedTuple):
    senders: tuple[Sender, ...]
    cart: Kept = Kept()
    keys: Kept = Kept()
    versions: int = 0
    holder: int | None = None


class _Keys:
    def __init__(self, mistake: Mistake | None, may_crash: bool) -> None:
        self._mistake = mistake
        self._may_crash = may_crash

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """What can happen next."""
        for number, sender in enumerate(state.senders):
            if not sender.said and state.holder in {None, number}:
                yield getattr(self, f"_{sender.at}")(state, number, sender)

        if self._may_crash and not state.senders[0].said:
            yield CRASH, _told(state, 0, state.senders[0], "crashed")

    def _lock(self, state: State, number: int, sender: Sender) -> tuple[Step, State]:
        after = _with(state, number, sender._replace(at="load_cart"))

        return Step(NAMES[number], "lock", OWNER), after._replace(holder=number)

    def _load_cart(
        self, state: State, number: int, sender: Sender
    ) -> tuple[Step, State]:
        after = sender._replace(at="load_keys", cart=state.cart)

        return _step(number, "load", CART), _with(state, number, after)

    def _load_keys(
        self, state: State, number: int, sender: Sender
    ) -> tuple[Step, State]:
        step = _step(number, "load", KEYS)

        if state.keys.times:
            return step, _told(state, number, sender, "made already")

        at = {
            None: "save_both",
            Mistake.REMEMBERS_AFTER: "save_cart",
            Mistake.REMEMBERS_BEFORE: "save_keys",
        }[self._mistake]

        return step, _with(state, number, sender._replace(at=at, keys=state.keys))

    def _save_both(
        self, state: State, number: int, sender: Sender
    ) -> tuple[Step, State]:
        step = _step(number, "save", CART, KEYS)

        if (sender.cart, sender.keys) != (state.cart, state.keys):
            return _lost(step, state, number, sender)

        saved = _save(_save(state, "cart"), "keys")

        return step, _told(saved, number, sender, "done")

    def _save_cart(
        self, state: State, number: int, sender: Sender
    ) -> tuple[Step, State]:
        step = _step(number, "save", CART)

        if sender.cart != state.cart:
            return _lost(step, state, number, sender)

        saved = _save(state, "cart")

        if self._mistake is Mistake.REMEMBERS_BEFORE:
            return step, _told(saved, number, sender, "done")

        return step, _with(saved, number, sender._replace(at="save_keys"))

    def _save_keys(
        self, state: State, number: int, sender: Sender
    ) -> tuple[Step, State]:
        step = _step(number, "save", KEYS)
        is_before = self._mistake is Mistake.REMEMBERS_BEFORE

        if sender.keys != state.keys:
            if is_before:
                return _lost(step, state, number, sender)

            # The other one has remembered it.
            after = _told(state, number, sender, "done")
            return step._replace(outcome="lost"), after

        saved = _save(state, "keys")

        if not is_before:
            return step, _told(saved, number, sender, "done")

        return step, _with(saved, number, sender._replace(at="save_cart"))


def _step(number: int, what: str, *instances: str) -> Step:
    return Step(NAMES[number], what, OWNER, instances)


def _save(state: State, name: t.Literal["cart", "keys"]) -> State:
    versions = state.versions + 1
    state = state._replace(versions=versions)

    if name == "cart":
        return state._replace(cart=Kept(versions, state.cart.times + 1))

    return state._replace(keys=Kept(versions, state.keys.times + 1))


def _lost(step: Step, state: State, number: int, sender: Sender) -> tuple[Step, State]:
    retries = sender.retries - 1
    again = sender._replace(at="load_cart" if retries else "lock", retries=retries)

    return step._replace(outcome="lost"), _with(state, number, again)


def _told(state: State, number: int, sender: Sender, said: str) -> State:
    """It does nothing more. Its lock, if it has it, ends with it, or its connection."""
    holder = None if state.holder == number else state.holder

    return _with(state, number, sender._replace(said=said))._replace(holder=holder)


def _with(state: State, number: int, sender: Sender) -> State:
    return state._replace(senders=changed(state.senders, number, sender))


def is_over(state: State) -> bool:
    """Whether everybody is told something, or dead."""
    return all(each.said for each in state.senders)


def is_true(state: State) -> bool:
    """In the end, who is told that the change is made finds it made."""
    said = {each.said for each in state.senders} - {"crashed"}

    return not (is_over(state) and said) or state.cart.times > 0


def model(
    mistake: Mistake | None = None,
    senders: int = 2,
    may_crash: bool = False,
    retries: int = 1,
) -> Model[State]:
    """The model.

    :param senders: How many send the same change.
    :param may_crash: Whether the first of them may die, between any two steps.
    :param retries: How often each may begin again, the last time with the lock.
    """
    machine = _Keys(mistake, may_crash)

    return Model(
        State((Sender(retries),) * senders),
        machine.steps,
        {
            "the change is made once": lambda state: state.cart.times <= 1,
            "what is told is true": is_true,
        },
        is_over,
    )
