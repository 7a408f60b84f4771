"""How long a request takes with our cart, beside one that is written by hand.

    python -m benchmarks.views [--storage=PostgreSQL] [--only="an add"] [--rounds=200]

In one process, through Flask's test client, in turns: the same views with the same
answers and as many statements, of which one reads and one saves where the version is
the one that was read. Ratios can be compared between machines, times cannot.

Everything is written to docs/benchmarks; with --storage or --only it is only printed.
"""

from __future__ import annotations

import argparse
import typing as t
from contextlib import ExitStack

import pytest

from ..chart import write_bars
from ..lost_updates.places import Places
from ..report import FOLDER
from ..report import write_note
from ..report import write_table
from .operations import OPERATIONS
from .operations import STORAGES
from .operations import Measured
from .operations import measure

CHART: t.Final = ["not touched", "shown, 10 lines", "an add, 10 lines"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [each.name for each in STORAGES]
    parser.add_argument("--storage", choices=names)
    parser.add_argument("--only", default="", help="what begins so, such as 'an add'")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=4, help="for each")
    options = parser.parse_args(arguments)
    operations = [each for each in OPERATIONS if each.name.startswith(options.only)]
    measured: list[Measured] = []

    for storage in STORAGES:
        if options.storage not in (None, storage.name):
            continue

        # Each has the machine for itself.
        with ExitStack() as stack:
            try:
                for each in measure(
                    storage, operations, Places(stack), options.rounds, options.seconds
                ):
                    print(" | ".join(_cells(each)), flush=True)
                    measured.append(each)
            except pytest.skip.Exception as missing:
                print(f"{storage.name}: {missing}")

    if options.storage is None and not options.only:
        write(measured, options.rounds, options.seconds)


def write(measured: list[Measured], rounds: int, seconds: float) -> None:
    """Write the tables and the chart."""
    ratios = {(each.operation.name, each.storage.name): each.ratio for each in measured}
    storages = [each.name for each in STORAGES if (CHART[0], each.name) in ratios]
    write_table(
        FOLDER / "views.csv",
        [
            ["ours / by hand", *storages],
            *[
                [each.name, *[str(ratios[each.name, name]) for name in storages]]
                for each in OPERATIONS
            ],
        ],
    )
    write_table(
        FOLDER / "views-times.csv",
        [["storage", "request", "ours, us", "by hand, us", "ratio"]]
        + [_cells(each) for each in measured],
    )
    write_bars(
        FOLDER / "views.svg",
        "A request with our cart, beside one by hand",
        CHART,
        {
            storage: [ratios[name, storage].median for name in CHART]
            for storage in storages
        },
    )
    write_note(
        FOLDER / "views.txt",
        f"Median of {rounds} rounds, or of as many as fit into {seconds:g} seconds; ±"
        " half of what lies between the fifths of them.",
    )


def _cells(each: Measured) -> list[str]:
    return [
        each.storage.name,
        each.operation.name,
        each.ours,
        each.by_hand,
        str(each.ratio),
    ]


if __name__ == "__main__":
    main()
