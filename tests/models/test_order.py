"""An order of what is in a cart: what the model says of it, and what the code does."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections import Counter
from collections.abc import Callable

import pytest

from flask_cart import OrderDraft
from flask_cart.carts.records import Records
from flask_cart.testing import Step
from tests.models.checking import Trace
from tests.models.checking import check
from tests.models.checking import covering
from tests.models.checking import runs
from tests.models.order import NOTES
from tests.models.order import ORDERS
from tests.models.order import Mistake
from tests.models.order import model
from tests.models.replaying import Shop

NOW: t.Final = dt.datetime(2025, 1, 15, 12, tzinfo=dt.UTC)

TWICE: t.Final = "nothing is sold twice"
GONE: t.Final = "nothing is gone without an order"
TRUE: t.Final = "what is told is true"


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
        orders = Orders(is_one_moment)
        assert replayed(orders, trace, adds) == (trace, set())


@pytest.mark.parametrize("is_one_moment", [False, True])
def test_the_code_goes_the_ways_of_the_model(is_one_moment: bool) -> None:
    """Everything that can happen in a state of the model happens in the code."""
    for trace in covering(model(may_crash=False, is_one_moment=is_one_moment)):
        orders = Orders(is_one_moment)
        assert replayed(orders, trace, adds=False) == (trace, set())


# The code


class Orders:
    """A shop that has a unique order for each token.

    :param is_one_moment: Whether both order in the same second.
    """

    def __init__(self, is_one_moment: bool = False) -> None:
        self.shop = Shop(retries=8)
        self.sold: dict[str, list[str]] = {}
        self._is_one_moment = is_one_moment
        self.shop.extension.clock = self._now

    def _now(self) -> dt.datetime:
        actor = self.shop.run.acting() if self.shop.run is not None else None
        is_late = actor is not None and actor.name == "second"

        return NOW + dt.timedelta(seconds=is_late and not self._is_one_moment)

    def place(self, token: str | None) -> object:
        """Order what is in the cart."""
        cart = self.shop.cart()
        options = {} if token is None else {"token": token}

        return cart.place_order(self.create, self.find, **options)

    def create(self, draft: OrderDraft) -> str:
        self._step("create")

        if draft.order_token in self.sold:
            raise ValueError("There is an order with this token.")

        return self.make(draft.order_token, draft)

    def make(self, token: str, draft: OrderDraft) -> str:
        self.sold[token] = [each.line.item_id for each in draft.lines]

        return token

    def find(self, token: str) -> str | None:
        self._step("find")

        return token if token in self.sold else None

    def _step(self, what: str) -> None:
        if self.shop.run is not None:
            self.shop.run.step(what, ORDERS)


class LooksForNone(Orders):
    """A shop that makes an order whenever it is told to."""

    def create(self, draft: OrderDraft) -> str:
        self._step("create")

        return self.make(f"{len(self.sold)}", draft)

    def find(self, token: str) -> str | None:
        self._step("find")

        return None


class TakesOutFirst(Orders):
    """A shop that empties the cart, and then makes an order of what was in it."""

    def place(self, token: str | None) -> object:
        cart = self.shop.cart()
        lines = cart.lines

        if not lines:
            raise ValueError("There is nothing to order.")

        cart.clear()
        self._step("create")
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


def replayed(orders: Orders, trace: Trace, adds: bool) -> tuple[Trace, set[str]]:
    """What two have done that order, and which invariants did not hold."""
    shop = orders.shop
    shop.add("mug")()

    with shop.app.app_context():
        token = shop.cart().order_token

    answers: dict[str, object] = {}

    def first() -> None:
        answers["first"] = orders.place(token)

    def second() -> None:
        if adds:
            shop.cart().add("cup", price=1)

        answers["second"] = orders.place(None if adds else token)

    steps = shop.replay(trace, shop.inside(first), shop.inside(second))
    sold = Counter(item for items in orders.sold.values() for item in items)
    left = shop.items()
    wrong = set()

    if max(sold.values(), default=0) > 1:
        wrong.add(TWICE)

    if "mug" not in {*sold, *left}:
        wrong.add(GONE)

    if "second" in answers and (not sold or set(sold) & set(left)):
        wrong.add(TRUE)

    return tuple(map(without_token, steps)), wrong


def without_token(step: Step) -> Step:
    """The step, whose owner may be the note of any order."""
    owner, _, token = step.owner.partition(":")

    return step._replace(owner=NOTES) if token and owner == NOTES else step
