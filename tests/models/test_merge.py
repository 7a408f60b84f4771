"""A login that merges: what the model says of it, and what the code does."""

from __future__ import annotations

import typing as t
from collections import Counter

import pytest

from flask_cart.carts import cart as cart_module
from flask_cart.carts.merging import MergeReport
from flask_cart.carts.merging import source_id
from flask_cart.carts.notes import Notes
from flask_cart.carts.working_copy import WorkingCopy
from flask_cart.model import merging
from flask_cart.model.merging import MergeDocument
from flask_cart.model.merging import Strategy
from tests.models.checking import Trace
from tests.models.checking import check
from tests.models.checking import covering
from tests.models.checking import runs
from tests.models.merge import GUEST
from tests.models.merge import USER
from tests.models.merge import Mistake
from tests.models.merge import Rival
from tests.models.merge import model
from tests.models.operations import fill_for_login
from tests.models.operations import logins
from tests.models.replaying import Case
from tests.models.replaying import open_shop
from tests.support.broken import DeletesAnyVersion

RIVALS: t.Final[tuple[Rival, ...]] = t.get_args(Rival)

TWICE: t.Final = "nothing comes twice"
LOST: t.Final = "nothing is lost"


@pytest.mark.parametrize("may_crash", [False, True])
@pytest.mark.parametrize("rival", RIVALS)
def test_nothing_is_lost_or_doubled(rival: Rival, may_crash: bool) -> None:
    """Whatever comes in between, and wherever who logs in dies."""
    assert check(model(rival=rival, may_crash=may_crash)).refuted == {}


@pytest.mark.parametrize("rival", RIVALS)
def test_the_code_goes_the_ways_of_the_model(rival: Rival) -> None:
    """The orders are the ways through the model, all of them."""
    shop = open_shop(retries=8)
    found = shop.orders(*logins(shop, rival), reset=lambda: fill_for_login(shop))

    assert found == set(runs(model(rival=rival)))


@pytest.mark.parametrize("rival", RIVALS)
def test_the_code_dies_as_the_model_says(rival: Rival) -> None:
    """Wherever the first one dies, the code goes the way of the model."""
    for trace in covering(model(rival=rival, may_crash=True)):
        assert replayed(Case(), trace, rival) == (trace, set())


def delete_first(
    notes: Notes,
    source: WorkingCopy,
    target: WorkingCopy,
    strategy: Strategy,
) -> MergeReport:
    """Delete the cart that is merged, and then save the other one."""
    content = source.document

    if source.key is None or not source.snapshot.version:
        return MergeReport()

    used = source.repository.used_keys(source.key.owner).used
    source.destroy()
    target.apply(
        MergeDocument(
            content,
            source.key.owner,
            source_id(source.key, content),
            target.repository.limits,
            strategy,
        ),
        taken=used,
    )

    return MergeReport()


#: What else is going on, what is wrong then, and where the mistake is made.
CASES: t.Final[dict[Mistake, tuple[Rival, str, Case]]] = {
    Mistake.DELETES_FIRST: (
        "log in",
        LOST,
        Case(patch=lambda patch: patch.setattr(cart_module, "merge", delete_first)),
    ),
    Mistake.REMEMBERS_NOTHING: (
        "log in",
        TWICE,
        Case(patch=lambda patch: patch.setattr(merging, "record_of", lambda *_: None)),
    ),
    Mistake.DELETES_ANY_VERSION: (GUEST, LOST, Case(storage=DeletesAnyVersion)),
}


@pytest.mark.parametrize("mistake", Mistake, ids=lambda mistake: mistake.name)
def test_mistakes(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is refuted with a trace, in which the code is right; and with the mistake
    it does just what the trace says, and loses or doubles something."""
    rival, invariant, case = CASES[mistake]
    trace = check(model(mistake, rival, may_crash=True)).refuted[invariant]

    assert replayed(Case(), trace, rival)[1] == set()

    case.patch(monkeypatch)
    steps, wrong = replayed(case, trace, rival)
    assert steps[: len(trace)] == trace
    assert wrong == {invariant}


def replayed(case: Case, trace: Trace, rival: Rival) -> tuple[Trace, set[str]]:
    """What the two have done, and which invariants did not hold."""
    shop = open_shop(case.storage(), retries=8)
    fill_for_login(shop)
    steps = shop.replay(trace, *logins(shop, rival), around=case.around)
    found = Counter(shop.items(USER))
    wanted = {"mug", "pen"} if rival == "log in" else {"mug", "pen", "cup"}
    wrong = set()

    if max(found.values()) > 1:
        wrong.add(TWICE)

    if not wanted <= {*found, *shop.items(GUEST)}:
        wrong.add(LOST)

    return steps, wrong
