"""The views that are timed do the same by hand and with our cart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from benchmarks import report
from benchmarks.lost_updates.places import Places
from benchmarks.measuring import Ratio
from benchmarks.report import read_table
from benchmarks.views import __main__ as command
from benchmarks.views.operations import OPERATIONS
from benchmarks.views.operations import STORAGES
from benchmarks.views.operations import Measured
from benchmarks.views.operations import Operation
from benchmarks.views.operations import Storage
from benchmarks.views.operations import ask
from benchmarks.views.operations import fill
from benchmarks.views.operations import shops
from tests.support.shops import counted

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "benchmarks.rst").read_text()

#: The larger ones answer alike.
FEW = [each for each in OPERATIONS if each.lines <= 10]


@pytest.fixture(params=STORAGES, ids=lambda storage: storage.name)
def apps(request: pytest.FixtureRequest, places: Places) -> Iterator[dict[str, Flask]]:
    """Our shop and that by hand, in each place."""
    with shops(request.param, places) as apps:
        yield apps


def test_the_same_answers(apps: dict[str, Flask]) -> None:
    """What is timed is the same to the last cent."""
    ours, by_hand = (apps[name].test_client() for name in ("ours", "by hand"))

    for operation in FEW:
        for client in (ours, by_hand):
            fill(client, operation)

        assert ask(ours, operation) == ask(by_hand, operation)

        if not operation.empties and operation.path == "/add":
            shown = Operation("", "/cart", lines=operation.lines)
            assert ask(ours, shown) == ask(by_hand, shown)


@pytest.mark.parametrize(
    "storage", [each for each in STORAGES if each.place == "sqlite"][:1]
)
def test_the_same_statements(places: Places, storage: Storage) -> None:
    """A table is asked as often, and not at all by a view without the cart."""
    expected = {"/about": [], "/cart": ["SELECT"], "/add": ["SELECT", "UPDATE"]}

    with shops(storage, places) as apps:
        for app in apps.values():
            client = app.test_client()

            for operation in FEW:
                fill(client, operation)

                with counted() as words:
                    ask(client, operation)

                if not operation.empties:
                    assert words == expected[operation.path]


def test_a_small_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A part is measured and printed, and no table is written."""
    before = read_table(DOCS / "benchmarks" / "views.csv")
    command.main(["--storage=SQLite", "--only=an add, 1 ", "--rounds=5"])
    name, operation, ours, by_hand, ratio = capsys.readouterr().out.strip().split(" | ")

    assert (name, operation) == ("SQLite", "an add, 1 lines")
    assert int(ours) > 0
    assert int(by_hand) > 0
    assert float(ratio.split(" ± ")[0]) > 0
    assert read_table(DOCS / "benchmarks" / "views.csv") == before


def test_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run writes the tables that the page shows, with the same rows and columns."""
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    measured = [
        Measured(storage, operation, "3", "2", Ratio(1.5, 0.1))
        for storage in STORAGES
        for operation in OPERATIONS
    ]
    command.write(measured, 5, 0)

    for name in ("views.csv", "views-times.csv"):
        written, shown = (
            read_table(tmp_path / name),
            read_table(DOCS / "benchmarks" / name),
        )
        assert written[0] == shown[0]
        assert [row[0] for row in written] == [row[0] for row in shown]
        assert f"benchmarks/{name}" in PAGE

    assert (tmp_path / "views.svg").read_text().count("<rect") == 1 + 3 + 3 * len(
        STORAGES
    )
    assert report.machine() in (tmp_path / "views.txt").read_text()
