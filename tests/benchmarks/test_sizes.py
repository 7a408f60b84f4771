"""What carts take is measured, and is what the page about it says."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks import sizes
from tests.support.partitions import PAGE

Table = list[list[str]]

DOCS = PAGE.parent / "sizes"
NAMES = ["bytes", "plans", "changes", "scale"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    """The tables of a small run, by name."""
    folder = tmp_path_factory.mktemp("sizes")
    sizes.main(["--carts=300", f"--folder={folder}"])

    return {name: read(folder / f"{name}.csv") for name in NAMES}


def read(path: Path) -> Table:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_more_than_the_text(measured: dict[str, Table]) -> None:
    """Everywhere a cart takes more than its text, and not ten times as much: files
    grow by more than few carts need."""
    (_, text, *_), *places = measured["bytes"]

    assert [name for name, *_ in places] == [
        "PostgreSQL",
        "MariaDB",
        "SQLite",
        "Valkey",
    ]

    for _, _, _, together, *_ in places:
        assert int(text) < int(together) < 10 * int(text)


def test_one_row_by_its_key(measured: dict[str, Table]) -> None:
    """A load and a save find one row by the primary key, of few carts and of more."""
    assert [row[:4] for row in measured["plans"]] == [
        [carts, statement, "Index Scan, carts_pkey", "1"]
        for carts in ("100", "300")
        for statement in ("load", "save")
    ]


def test_changes(measured: dict[str, Table]) -> None:
    """The index on the time of the save is what keeps changes from being HOT."""
    shares = [int(row[1].rstrip("%")) for row in measured["changes"]]

    assert shares[0] == 0
    assert shares[1] > 10
    assert shares[2] > 90


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_what_is_written(measured: dict[str, Table], name: str) -> None:
    """The tables of the page are of a larger run, and have the same rows."""
    shown = read(DOCS / f"{name}.csv")

    assert f":file: sizes/{name}.csv" in PAGE.read_text()
    assert [len(row) for row in shown] == [len(row) for row in measured[name]]

    if name != "plans":
        assert [row[0] for row in shown] == [row[0] for row in measured[name]]
