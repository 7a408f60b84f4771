"""The tables of the pages have all rows that their commands measure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import contention
from benchmarks import demo
from benchmarks import floors
from benchmarks import locking
from benchmarks.lost_updates import __main__ as adds
from benchmarks.lost_updates import assistants
from benchmarks.lost_updates import races
from benchmarks.lost_updates.rows import ROWS
from benchmarks.peers import memory
from benchmarks.peers.shops import SHOPS
from benchmarks.report import read_table

PROJECT = Path(__file__).parent.parent.parent
DOCS = PROJECT / "docs"
NAMES = [row.name for row in ROWS]

FLOORS = [
    *floors.DATABASES,
    *floors.CACHES,
    "memory, an observer",
    "memory, Prometheus",
    "memory, OpenTelemetry",
]


@pytest.mark.parametrize(
    ("name", "headings", "rows"),
    [
        ("adds", ["storage", *adds.COLUMNS, "besides"], NAMES),
        (
            "assistants",
            ["storage", *assistants.COLUMNS, "besides"],
            [row.name for row in assistants.ASSISTED],
        ),
        ("races", ["storage", *races.RACES, "besides"], NAMES),
        ("floors", floors.HEADINGS, FLOORS),
        ("demo", demo.HEADINGS, [page.name for page in demo.PAGES]),
        ("memory", memory.HEADINGS, [shop.name for shop in SHOPS]),
        ("locking", locking.HEADINGS, [str(each) for each in locking.ORIGINAL]),
        (
            "contention",
            contention.HEADINGS,
            [name for name in contention.ROWS for _ in contention.CLIENTS],
        ),
    ],
)
def test_rows_and_columns(name: str, headings: list[str], rows: list[str]) -> None:
    """None is left from an older run, and none is missing."""
    written = read_table(DOCS / "benchmarks" / f"{name}.csv")

    assert written[0] == headings
    assert [row[0] for row in written[1:]] == rows
    assert all(len(row) == len(headings) for row in written)


def test_every_table_is_shown_and_repeated() -> None:
    """Each file is on a page, and its command is among those of `make bench`."""
    pages = [DOCS / f"{name}.rst" for name in ("benchmarks", "lost-updates")]
    text = "".join(page.read_text() for page in pages)
    shown = re.findall(r"benchmarks/([a-z-]+\.(?:csv|txt|svg))", text)
    commands = re.findall(r"\$ python -m benchmarks\.(\w+(?:\.\w+)*)", text)
    makefile = (PROJECT / "Makefile").read_text().replace("\\\n", "")
    (made,) = re.findall(r"^BENCHMARKS = (.+)$", makefile, re.M)

    assert {path.name for path in (DOCS / "benchmarks").iterdir()} == set(shown)
    # The costs are counted in each "make test".
    assert {*made.split(), "exact"} == {*commands, "sizes"}


def test_locking_that_adds_too_much() -> None:
    """The median of the rounds is judged, by the number of servers."""
    rounds = [(1.0, 1.08), (1.0, 9.0), (2.0, 2.0)]

    assert locking.cells(locking.Measured(2, rounds))[5:7] == ["+8.0%", "+10%"]
    assert not locking.Measured(2, rounds).is_too_much
    assert locking.Measured(1, rounds).is_too_much


def test_a_small_run_of_floors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each is beside something that takes less."""
    monkeypatch.setattr(floors, "DATABASES", ["database: SQLite"])
    monkeypatch.setattr(floors, "CACHES", ["cache: Redis"])
    floors.main(["--rounds=30", f"--folder={tmp_path}"])
    headings, *rows = read_table(tmp_path / "floors.csv")

    assert headings == floors.HEADINGS
    assert [row[:2] for row in rows] == [
        ["database: SQLite", "SELECT, UPDATE"],
        ["cache: Redis", "GET, SET"],
        *([name, "no observer"] for name in FLOORS[-3:]),
    ]
    assert all(int(ours) > 0 < int(floor) for _, _, ours, floor, _ in rows)


def test_a_small_run_of_contention(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost, and no table is written."""
    before = (DOCS / "benchmarks" / "contention.csv").read_text()
    contention.main(["cache: Redis,", "--clients=2", "--adds=40"])
    (row,) = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]
    found = dict(zip(contention.HEADINGS, row, strict=True))

    assert (found["storage"], found["clients"]) == ("cache: Redis, locking", "2")
    assert (found["refused"], found["lost"]) == ("0", "0")
    assert float(row[3]) <= float(row[4])
    assert (DOCS / "benchmarks" / "contention.csv").read_text() == before
