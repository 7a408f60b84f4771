"""A line that is moved: what the model says of it, and what the code does."""

from __future__ import annotations

import typing as t
from collections import Counter

import pytest

from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Changes
from flask_cart.storage.memory import MemoryStorage
from tests.models.checking import Trace
from tests.models.checking import check
from tests.models.checking import runs
from tests.models.move import SOURCE
from tests.models.move import TARGET
from tests.models.move import Mistake
from tests.models.move import Rival
from tests.models.move import model
from tests.models.operations import fill_for_move
from tests.models.operations import moves
from tests.models.replaying import Case
from tests.models.replaying import open_shop
from tests.models.splitting import split

#: What there is in both carts in the end.
RIGHT: t.Final[dict[Rival, list[str]]] = {
    "move": ["mug"],
    "default": ["cup", "mug"],
    "wishlist": ["cup", "mug"],
}


@pytest.mark.parametrize("may_crash", [False, True])
@pytest.mark.parametrize("retries", [1, 2])
@pytest.mark.parametrize("rival", RIGHT)
def test_nothing_is_lost_or_doubled(
    rival: Rival, retries: int, may_crash: bool
) -> None:
    """Whatever comes in between, and wherever who moves it dies."""
    assert check(model(None, rival, may_crash, retries)).refuted == {}


@pytest.mark.parametrize("retries", [1, 2])
@pytest.mark.parametrize("rival", RIGHT)
def test_the_code_goes_the_ways_of_the_model(rival: Rival, retries: int) -> None:
    """The orders are the ways through the model, all of them."""
    shop = open_shop(retries=retries)
    fill_for_move(shop)

    found = shop.orders(*moves(shop, rival), reset=lambda: fill_for_move(shop))
    assert found == set(runs(model(rival=rival, retries=retries)))


@pytest.mark.parametrize("rival", RIGHT)
def test_the_code_dies_as_the_model_says(rival: Rival) -> None:
    """Wherever the first one dies, the code goes the way of the model, and nothing is
    lost."""
    for trace in runs(model(rival=rival, may_crash=True)):
        assert replayed(Case(), trace, rival) == (trace, RIGHT[rival])


class ComparesOneCart(MemoryStorage):
    """Of several carts it compares the version of the first."""

    def save(self, owner: str, changes: Changes) -> bool:
        first = next(iter(changes))

        return super().save(
            owner,
            {
                name: each
                if name == first
                else each._replace(expected=self._version(CartKey(owner, name)))
                for name, each in changes.items()
            },
        )


#: What else is going on, and where the mistake is made.
CASES: t.Final[dict[Mistake, tuple[Rival, Case]]] = {
    Mistake.WRITES_THE_SOURCE_FIRST: ("move", Case(around=split(SOURCE, TARGET))),
    Mistake.WRITES_THE_TARGET_FIRST: ("move", Case(around=split(TARGET, SOURCE))),
    Mistake.COMPARES_ONE_CART: ("wishlist", Case(storage=ComparesOneCart)),
}


@pytest.mark.parametrize("mistake", Mistake, ids=lambda mistake: mistake.name)
def test_mistakes(mistake: Mistake) -> None:
    """Each is refuted with a trace, in which the code loses nothing; and with the
    mistake it does just what the trace says, and loses or doubles something."""
    rival, case = CASES[mistake]
    may_crash = rival == "move"
    (trace,) = check(model(mistake, rival, may_crash)).refuted.values()

    assert replayed(Case(), trace, rival)[1] == RIGHT[rival]

    steps, items = replayed(case, trace, rival)
    assert steps[: len(trace)] == trace
    assert items != RIGHT[rival]


def replayed(case: Case, trace: Trace, rival: Rival) -> tuple[Trace, list[str]]:
    """What the two have done, and what is in both carts then."""
    shop = open_shop(case.storage())
    fill_for_move(shop)
    steps = shop.replay(trace, *moves(shop, rival), around=case.around)
    found = Counter(shop.items()) + Counter(shop.items(instance=TARGET))

    return steps, sorted((found - Counter(["pen"])).elements())
