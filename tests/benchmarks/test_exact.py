"""Requests cost what they did: statements, bytes and instructions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.exact import __main__ as command
from benchmarks.exact.counting import Cost

PROJECT = Path(__file__).parent.parent.parent

HERE = ["CPython 3.11", "Flask 3.1.3"]
ELSEWHERE = ["CPython 3.12", "Flask 3.1.3"]
COST = Cost(trips=2, sent=1000, stored=500, bytecodes=10_000)


def costs(made_with: list[str] = HERE, **changed: int) -> command.Costs:
    """An add that costs this, in one place."""
    return command.Costs(made_with, {("SQLite", "an add"): COST._replace(**changed)})


def test_nothing_costs_more() -> None:
    """No request takes more than was written down when it was last looked at."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.exact"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert process.returncode == 0, f"{process.stdout}\n{process.stderr}"


def test_written_down_with_what_is_pinned() -> None:
    """When a library is another one, the costs are looked at, too."""
    pinned = (PROJECT / "constraints.txt").read_text().lower()
    _, *packages = command.read(command.RECORDED).made_with

    for name, version in map(str.split, packages):
        assert re.search(rf"^{name.lower()}=={re.escape(version)}$", pinned, re.M)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"trips": 3}, "SQLite, an add: trips 2 -> 3 (+50.0%)"),
        ({"sent": 1031}, "SQLite, an add: sent 1,000 -> 1,031 (+3.1%)"),
        ({"stored": 600}, "SQLite, an add: stored 500 -> 600 (+20.0%)"),
        ({"bytecodes": 10_400}, "SQLite, an add: bytecodes 10,000 -> 10,400 (+4.0%)"),
        ({"bytecodes": 8_900}, "SQLite, an add: bytecodes 10,000 -> 8,900 (-11.0%)"),
        ({"trips": 0}, "SQLite, an add: trips 2 -> 0 (-100.0%)"),
    ],
)
def test_what_is_told(changed: dict[str, int], words: str) -> None:
    """What costs more, or much less, is named with both numbers."""
    assert command.compare(costs(), costs(**changed)) == [words]


@pytest.mark.parametrize(
    "changed", [{}, {"sent": 1029}, {"bytecodes": 10_290}, {"bytecodes": 9_100}]
)
def test_what_is_tolerated(changed: dict[str, int]) -> None:
    """A little more, and less, is not worth a word."""
    assert command.compare(costs(), costs(**changed)) == []


def test_where_nothing_was_sent() -> None:
    """The first statement of a request that had none is told without a share."""
    none, some = costs(trips=0, sent=0), costs(trips=1, sent=0)

    assert command.compare(none, some) == ["SQLite, an add: trips 0 -> 1"]


def test_another_python() -> None:
    """There instructions are others; statements and bytes are not."""
    found = costs(ELSEWHERE, bytecodes=50_000, trips=4)

    assert command.compare(costs(), found) == ["SQLite, an add: trips 2 -> 4 (+100.0%)"]


def test_other_requests() -> None:
    """A request that is not written down is not compared with nothing."""
    assert command.compare(command.Costs(HERE, {}), costs()) == [
        "There are other requests than were written down."
    ]


def test_how_to_accept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fails with the command that writes the costs down, and then it does not."""
    monkeypatch.setattr(command, "RECORDED", tmp_path / "costs.csv")
    monkeypatch.setattr(command, "counted", lambda: costs(trips=3))
    command.write(command.RECORDED, costs())

    with pytest.raises(SystemExit, match=r"trips 2 -> 3[^$]*benchmarks.exact --write"):
        command.main([])

    command.main(["--write"])
    command.main([])

    assert command.read(command.RECORDED) == costs(trips=3)
    assert capsys.readouterr().out == "1 requests cost what they did.\n"


def test_what_is_not_compared_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the versions that it was written down with, and those that there are."""
    monkeypatch.setattr(command, "RECORDED", tmp_path / "costs.csv")
    monkeypatch.setattr(command, "counted", lambda: costs(ELSEWHERE, bytecodes=1))
    command.write(command.RECORDED, costs())
    command.main([])

    assert "Not compared are bytecodes" in capsys.readouterr().out
