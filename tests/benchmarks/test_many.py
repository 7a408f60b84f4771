"""Commands and requests among many carts are measured, and the page shows it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from benchmarks import many
from benchmarks.lost_updates.app import build
from benchmarks.lost_updates.places import Places
from benchmarks.lost_updates.rows import row_named
from benchmarks.report import read_table
from flask_cart.storage.base import Kept
from flask_cart.storage.base import Stored

DOCS = Path(__file__).parent.parent.parent / "docs"

WHATS = [
    "stored",
    "flask cart stats",
    "flask cart prune --dry-run",
    "flask cart doctor",
    "flask cart list --owner=nobody",
    "a page",
    "an add",
]


def test_the_page_has_all_of_it() -> None:
    """Few carts and many, in both places."""
    headings, *rows = read_table(DOCS / "benchmarks" / "many.csv")
    numbers = list(dict.fromkeys(row[1] for row in rows))

    assert headings == ["storage", "carts", "what", "takes", "per cart", "memory"]
    assert len(numbers) == 2
    assert [row[:3] for row in rows] == [
        [storage, number, what]
        for storage in many.ROWS
        for number in numbers
        for what in WHATS
    ]


def test_a_small_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A part is measured and printed, and no table is written."""
    before = (DOCS / "benchmarks" / "many.csv").read_text()
    many.main(["--carts=50", "--storage=Redis"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]

    assert [row[:3] for row in rows] == [["Redis", "50", what] for what in WHATS]
    assert (DOCS / "benchmarks" / "many.csv").read_text() == before


def as_text(kept: Kept) -> Kept:
    """What is kept, as text also where it is bytes."""
    return kept._replace(stored=Stored(kept.stored.text, kept.stored.version))


@pytest.mark.parametrize("storage", many.ROWS)
def test_carts_are_put_there_as_they_are_stored(places: Places, storage: str) -> None:
    """The app finds all of them, with their versions and ages."""
    row = row_named(many.ROWS[storage])
    put = list(islice(many.carts(20), 20))

    with places.address(row.place) as address:
        app = build(row, address)
        assert many.PUT[storage](address, iter(put)) > 0

        with app.app_context():
            scanned = app.extensions["cart"].storage.scan()
            found = [as_text(each) for each in scanned]

        many.dispose(app)

    assert {each.key.owner: (*each[1:],) for each in found} == {
        owner: (Stored(text, version), saved_at)
        for owner, version, text, saved_at in put
    }
