"""The commands that count what is lost: what they print, and how they end."""

from __future__ import annotations

import subprocess
import sys
import typing as t
from collections import Counter
from pathlib import Path

from flask import Flask

from benchmarks.lost_updates.adds import Added
from benchmarks.lost_updates.adds import Outcome
from benchmarks.lost_updates.baskets import HandMadeBasket
from benchmarks.lost_updates.standard import CARTS
from benchmarks.lost_updates.standard import serve_plain
from tests.support.harness import broken_copy

ADDS = "benchmarks.lost_updates"
ASSISTANTS = "benchmarks.lost_updates.assistants"
RACES = "benchmarks.lost_updates.races"
PROJECT = Path(__file__).parent.parent.parent

#: The script that saves a cart in Redis compares nothing.
COMPARES_NOTHING = (
    "storage/keyvalue/redis_scripts.py",
    "is_stale = is_stale or version ~= ARGV[index + 1]",
    "",
)


class Printed(t.NamedTuple):
    """What a command has printed: the cells of each row, by its name."""

    code: int
    rows: dict[str, list[str]]


def run_command(module: str, *arguments: str, folder: Path = PROJECT) -> Printed:
    """Run a command in a folder that has the project's packages."""
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    print(process.stdout, process.stderr)
    lines = [line.split("|") for line in process.stdout.splitlines() if "|" in line]

    return Printed(
        process.returncode,
        {name.strip(): [cell.strip() for cell in cells] for name, *cells in lines},
    )


def test_nothing_is_lost() -> None:
    """On a storage that promises it, all adds are acknowledged and in the cart."""
    code, rows = run_command(
        ADDS, "--clients=4", "--adds=10", "database: SQLite", "session: Redis"
    )

    assert code == 0
    assert rows.pop("storage") == [
        "sent",
        "acknowledged",
        "in the cart",
        "conflicts shown",
        "retries",
    ]
    assert list(rows) == ["database: SQLite", "session: Redis"]

    for *counted, retries, notes in rows.values():
        assert counted == ["40", "40", "40", "0"]
        assert int(retries) >= 0
        assert notes == ""


def test_hand_made_carts_lose() -> None:
    """Each of the three ways to write a cart by hand loses what it acknowledged, which
    is shown and is no failure of the command."""
    code, rows = run_command(ADDS, "--clients=8", "--adds=25", "by hand")

    assert code == 0
    assert len(rows) == 4

    for sent, acknowledged, stored, *others, notes in list(rows.values())[1:]:
        assert (sent, acknowledged, *others) == ("200", "200", "0", "0")
        assert 0 < int(stored) < 200
        assert notes == f"{200 - int(stored)} lost"


def test_a_broken_promise_is_a_failure(tmp_path: Path) -> None:
    """If a storage that promises to lose nothing does, the command fails."""
    folder = broken_copy(tmp_path, COMPARES_NOTHING)

    for name in ["benchmarks", "tests"]:
        (folder / name).symlink_to(PROJECT / name)

    code, rows = run_command(
        ADDS, "--clients=8", "--adds=25", "cache: Valkey", folder=folder
    )

    assert code == 1
    assert rows["cache: Valkey"][-1].endswith("lost, though atomic")
    # Under the lock there is nothing to compare.
    assert rows["cache: Valkey, locking"][-1] == ""


def test_races() -> None:
    """Every race is a column, and every storage a row."""
    code, rows = run_command(RACES, "--runs=2", "database: SQLite", "cache: Redis,")

    assert code == 0
    assert rows.pop("storage") == [
        "add, add",
        "GET that reads, add",
        "GET that does not, add",
        "clear, add",
        "first add, first add",
    ]
    assert rows == {
        "database: SQLite": [*["0"] * 5, ""],
        "cache: Redis, locking": [*["0"] * 5, ""],
    }


def test_assistants_lose_nothing() -> None:
    """Three that make four changes of two things each, and four pieces of a shopper,
    are all in the cart, with the one that was there."""
    code, rows = run_command(ASSISTANTS, "--clients=3", "--puts=4", "database: SQLite")

    assert code == 0
    assert rows.pop("storage")[:3] == ["changes sent", "acknowledged", "in the cart"]
    assert list(rows) == ["database: SQLite"]

    *counted, delayed, notes = rows["database: SQLite"]

    assert counted == ["16", "29", "29"]
    assert int(delayed) >= 0
    assert notes == ""


def test_assistants_lose_by_the_letter() -> None:
    """What others have changed since is undone by who has not seen it."""
    app = Flask("shop")
    serve_plain(app, DictBasket())

    def send(method: str, items: dict[str, int]) -> dict[str, int]:
        lines = [{"item": {"id": k}, "quantity": n} for k, n in items.items()]
        answer = app.test_client().open(
            f"{CARTS}/cart" if method == "PUT" else CARTS,
            method=method,
            json={"line_items": lines},
            headers={"Owner": "cart"},
        )

        return {
            each["item"]["id"]: each["quantity"] for each in answer.json["line_items"]
        }

    shown = send("POST", {"shared": 1})
    send("PUT", {**shown, "one": 1})

    assert send("PUT", {**shown, "two": 1}) == {"shared": 1, "two": 1}


class DictBasket(HandMadeBasket):
    """A cart in a dict."""

    def __init__(self) -> None:
        self.cart: dict[str, int] = {}

    def quantities(self) -> dict[str, int]:
        return self.cart

    def _save(self, cart: dict[str, int]) -> None:
        self.cart = cart


def test_lost_and_doubled_do_not_cancel_out() -> None:
    """Adds are counted by client, so that one too few and one too many are two."""
    added = {"a": Added(Counter({200: 3}), 0), "b": Added(Counter({200: 3}), 1)}
    outcome = Outcome(added, {"a": 2, "b": 4})

    assert (outcome.sent, outcome.acknowledged, outcome.retries) == (6, 6, 1)
    assert (outcome.lost, outcome.doubled) == (1, 1)


def test_refused_and_failed() -> None:
    """What failed may be in the cart or not, and what was refused may not."""
    added = {"a": Added(Counter({200: 2, 409: 1, 503: 1}), 0)}
    found = [Outcome(added, {"a": number}) for number in range(5)]

    assert (found[0].sent, found[0].refused, found[0].failed) == (4, 1, 1)
    assert [each.lost for each in found] == [2, 1, 0, 0, 0]
    assert [each.doubled for each in found] == [0, 0, 0, 0, 1]
