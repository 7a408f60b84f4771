"""Two requests about one cart at once, on every kind of storage."""

from __future__ import annotations

import pytest

from benchmarks.lost_updates.places import Places
from benchmarks.lost_updates.races import RACES
from benchmarks.lost_updates.races import run_races
from benchmarks.lost_updates.rows import LOSING_ROWS
from benchmarks.lost_updates.rows import SAFE_ROWS
from benchmarks.lost_updates.rows import Row
from benchmarks.lost_updates.rows import row_named

RUNS = 4

#: Rows whose carts others keep in the same way, on a server that speaks the same. The
#: benchmark has them all.
AGAIN = {
    "cache: Valkey",
    "cache: Valkey, locking",
    "cache: a cluster of three, locking",
    "cache: behind Sentinel, locking",
}
ROWS = [row for row in SAFE_ROWS if row.name not in AGAIN]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_nothing_is_lost(places: Places, row: Row) -> None:
    """Whatever comes at the same time: what was acknowledged is there, nothing else
    is, and no add is refused."""
    with places.serve(row) as served:
        outcome = run_races(served, RUNS)

    assert served.is_safe
    assert outcome.wrong == dict.fromkeys(RACES, 0)
    assert outcome.unsaved == 0


@pytest.mark.parametrize("row", LOSING_ROWS, ids=lambda row: row.name)
def test_unseen_items_are_cleared(places: Places, row: Row) -> None:
    """The race finds what is wiped by those who never saw it, in every second run."""
    with places.serve(row) as served:
        outcome = run_races(served, RUNS)

    assert not served.is_safe
    assert outcome.wrong["clear, add"] >= RUNS / 2


def test_slow_requests_overwrite(places: Places) -> None:
    """The races find that a slow request writes its old session back, every time."""
    with places.serve(row_named("by hand: a dict in a session on Redis")) as served:
        outcome = run_races(served, RUNS)

    assert outcome.wrong["GET that reads, add"] == RUNS
    assert outcome.wrong["GET that does not, add"] == RUNS
