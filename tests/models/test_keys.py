"""A change that is sent twice with its key: what the model says, and the code does."""

from __future__ import annotations

import typing as t

import pytest

from tests.models.checking import Trace
from tests.models.checking import check
from tests.models.checking import runs
from tests.models.keys import CART
from tests.models.keys import KEYS
from tests.models.keys import Mistake
from tests.models.keys import model
from tests.models.operations import keyed_add
from tests.models.replaying import Around
from tests.models.replaying import open_shop
from tests.models.splitting import split

ONCE: t.Final = "the change is made once"
TRUE: t.Final = "what is told is true"

CASES: t.Final = {
    (Mistake.REMEMBERS_AFTER, ONCE): split(CART, KEYS),
    (Mistake.REMEMBERS_BEFORE, TRUE): split(KEYS, CART),
}


@pytest.mark.parametrize("may_crash", [False, True])
@pytest.mark.parametrize("retries", [1, 2])
@pytest.mark.parametrize("senders", [2, 3])
def test_a_change_is_made_once(senders: int, retries: int, may_crash: bool) -> None:
    """Whoever sends it how often, and wherever the first one dies."""
    assert check(model(None, senders, may_crash, retries)).refuted == {}


@pytest.mark.parametrize("retries", [1, 2])
def test_the_code_goes_the_ways_of_the_model(retries: int) -> None:
    """The orders of two senders are the ways through the model, all of them."""
    shop = open_shop(retries=retries)
    add = keyed_add(shop)

    assert shop.orders(add, add, shop.forget) == set(runs(model(retries=retries)))


def test_the_code_dies_as_the_model_says() -> None:
    """Wherever the first one dies, the code goes the way of the model, and the change
    is made once."""
    for trace in runs(model(may_crash=True)):
        assert replayed(trace) == (trace, 1)


@pytest.mark.parametrize(
    ("mistake", "invariant"), CASES, ids=lambda value: getattr(value, "name", "")
)
def test_mistakes(mistake: Mistake, invariant: str) -> None:
    """Each is refuted with a trace, in which the code is right; and with the mistake
    it does just what the trace says, and is wrong."""
    trace = check(model(mistake, may_crash=True)).refuted[invariant]
    _, mugs = replayed(trace)
    assert mugs == 1

    steps, mugs = replayed(trace, CASES[mistake, invariant])
    assert steps[: len(trace)] == trace
    assert mugs == {ONCE: 2, TRUE: 0}[invariant]


def replayed(
    trace: Trace, around: Around = lambda storage: storage
) -> tuple[Trace, int]:
    """What two senders have done, and how often the change is made then."""
    shop = open_shop()
    add = keyed_add(shop)
    steps = shop.replay(trace, add, add, around)

    return steps, shop.items().get("mug", 0)
