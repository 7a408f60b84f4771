"""An order of what is in a cart: what the model says of it, and what the code does."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest

from flask_cart import OrderDraft
from flask_cart.carts.records import Records
from tests.models.checking import check
from tests.models.checking import covering
from tests.models.checking import runs
from tests.models.order import Mistake
from tests.models.order import model
from tests.models.ordering import GONE
from tests.models.ordering import TWICE
from tests.models.ordering import Orders
from tests.models.ordering import replayed


@pytest.mark.parametrize("is_one_moment", [False, True])
@pytest.mark.parametrize(("adds", "is_at_once"), [(False, True), (True, False)])
def test_an_order_is_made_once(
    adds: bool, is_at_once: bool, is_one_moment: bool
) -> None:
    """The same form makes one order, at once or later; and whatever is ordered after
    one that is over, or whose process has died anywhere, is not what that one has
    sold."""
    assert check(model(None, adds, is_at_once, True, is_one_moment)).refuted == {}


def test_two_contents_at_once() -> None:
    """Two orders of different contents at the same time may both be made, where the
    orders are not in the transaction of the carts. The documentation says so, and this
    is how: while the second one looks for the first one, that is not made yet."""
    trace = check(model(adds=True, may_crash=False)).refuted
    assert set(trace) == {TWICE}

    steps, wrong = replayed(Orders(), trace[TWICE], adds=True)
    assert steps[: len(trace[TWICE])] == trace[TWICE]
    assert wrong == {TWICE}


@pytest.mark.parametrize("is_one_moment", [False, True])
@pytest.mark.parametrize("adds", [False, True])
def test_the_code_dies_as_the_model_says(adds: bool, is_one_moment: bool) -> None:
    """Wherever the first one dies, the code goes the way of the model."""
    for trace in runs(model(None, adds, False, True, is_one_moment)):
        orders = Orders(is_one_moment=is_one_moment)
        assert replayed(orders, trace, adds) == (trace, set())


@pytest.mark.parametrize("is_one_moment", [False, True])
def test_the_code_goes_the_ways_of_the_model(is_one_moment: bool) -> None:
    """Everything that can happen in a state of the model happens in the code."""
    for trace in covering(model(may_crash=False, is_one_moment=is_one_moment)):
        orders = Orders(is_one_moment=is_one_moment)
        assert replayed(orders, trace, adds=False) == (trace, set())


class LooksForNone(Orders):
    """A shop that makes an order whenever it is told to."""

    def create(self, draft: OrderDraft) -> str:
        self.step("create")

        return self.make(f"{len(self.sold)}", draft)

    def find(self, token: str) -> str | None:
        self.step("find")

        return None


class TakesOutFirst(Orders):
    """A shop that empties the cart, and then makes an order of what was in it."""

    def place(self, token: str | None) -> object:
        cart = self.shop.cart()
        lines = cart.lines

        if not lines:
            raise ValueError("There is nothing to order.")

        cart.clear()
        self.step("create")
        self.sold[token or ""] = [line.item_id for line in lines]

        return token


def note_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every storage as one that has no place for notes."""
    monkeypatch.setattr(Records, "are_kept", False)


def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pass


class Case(t.NamedTuple):
    """What is wrong then, and how the mistake is made in the real code."""

    invariant: str
    orders: type[Orders] = Orders
    patch: Callable[[pytest.MonkeyPatch], None] = nothing
    adds: bool = False


CASES: t.Final = {
    Mistake.LOOKS_FOR_NO_ORDER: Case(TWICE, LooksForNone),
    Mistake.TAKES_OUT_FIRST: Case(GONE, TakesOutFirst),
    Mistake.NOTES_NOTHING: Case(TWICE, patch=note_nothing, adds=True),
}


@pytest.mark.parametrize("mistake", Mistake, ids=lambda mistake: mistake.name)
def test_mistakes(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is refuted with a trace, in which the code is right; and with the mistake it
    does just what the trace says, and is wrong."""
    case = CASES[mistake]
    verdict = check(model(mistake, case.adds, is_at_once=False))
    trace = verdict.refuted[case.invariant]

    assert replayed(Orders(), trace, case.adds)[1] == set()

    case.patch(monkeypatch)
    steps, wrong = replayed(case.orders(), trace, case.adds)
    assert steps[: len(trace)] == trace
    assert wrong == {case.invariant}
