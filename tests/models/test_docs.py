"""The page about the models says what they are."""

from __future__ import annotations

import enum
from pathlib import Path

import pytest

from tests.models import compare_and_set
from tests.models import keys
from tests.models import lease
from tests.models import merge
from tests.models import move
from tests.models import order
from tests.models.checking import check

MODELS = [compare_and_set, keys, lease, merge, move, order]
PAGE = (Path(__file__).parents[2] / "docs" / "proofs.rst").read_text()


@pytest.mark.parametrize(
    "mistake", [each for model in MODELS for each in model.Mistake], ids=str
)
def test_each_mistake_is_named(mistake: enum.Enum) -> None:
    """In the words of the model."""
    assert mistake.value in " ".join(PAGE.split())


def test_the_trace_is_the_one_that_is_found() -> None:
    """It is of a save without a fence."""
    verdict = check(lease.model(lease.Mistake.HAS_NO_FENCE))
    (trace,) = verdict.refuted.values()

    assert "".join(f"    {step}\n" for step in trace) in PAGE


def test_the_number_of_states() -> None:
    """That of the greatest model."""
    model = compare_and_set.model(adds=(2, 1, 1), retries=3, may_lose=True)

    assert f"The greatest of them has {check(model).states:,} states." in PAGE
