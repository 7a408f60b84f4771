"""What the commands of this package have in common."""

from __future__ import annotations

import argparse
import sys
import typing as t

import pytest

from ..report import FOLDER
from ..report import write_table
from .places import Places
from .places import Served
from .rows import ROWS
from .rows import Row

_width = max(len(row.name) for row in ROWS)


class Line(t.NamedTuple):
    """One line of a table.

    :param notes: What must be said besides.
    :param is_wrong: Whether a cart is not what the answers have said.
    """

    cells: list[int]
    notes: list[str]
    is_wrong: bool


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser of a command line that names rows."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="only rows whose names contain one of these, such as 'PostgreSQL'",
    )

    return parser


def rows_with(words: list[str]) -> list[Row]:
    """The rows whose names contain one of the words; all rows if there are none."""
    rows = [
        row
        for row in ROWS
        if not words or any(word.lower() in row.name.lower() for word in words)
    ]

    if not rows:
        names = "\n".join(f"  {row.name}" for row in ROWS)
        sys.exit(f"There is no such row. There are:\n{names}")

    return rows


def print_table(
    rows: list[Row],
    columns: list[str],
    places: Places,
    measure: t.Callable[[Served], Line],
    table: str,
    every: list[Row] = ROWS,
) -> bool:
    """Measure and print one row after the other.

    :param table: The name of the table that is written if these are all rows.
    :param every: All of them.
    :return: Whether all have kept what they promise to keep.
    """
    _print_line("storage", columns)
    is_kept = True
    written = [["storage", *columns, "besides"]]

    for row in rows:
        try:
            with places.serve(row) as served:
                line = measure(served)
        except pytest.skip.Exception as missing:
            _print_line(row.name, [f"skipped: {missing}"])
            continue

        if line.is_wrong and served.is_safe:
            line.notes.append(f"though {served.guarantee}")
            is_kept = False

        cells = [
            f"{cell:>{len(column)}}"
            for cell, column in zip(line.cells, columns, strict=True)
        ]
        _print_line(row.name, [*cells, ", ".join(line.notes)])
        written.append([row.name, *map(str, line.cells), ", ".join(line.notes)])

    if rows == every:
        write_table(FOLDER / f"{table}.csv", written)

    return is_kept


def _print_line(name: str, cells: list[str]) -> None:
    # At once, as the next row may take a while.
    print(" | ".join([f"{name:<{_width}}", *cells]).rstrip(), flush=True)
