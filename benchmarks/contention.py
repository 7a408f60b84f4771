"""How long adds take when many clients add at once, to one cart and to a cart each.

    python -m benchmarks.contention [WORD ...] [--clients 1 2 4 8 16 32]

An app runs in gunicorn, in 2 processes of 4 threads. The clients wait for nothing but
their answers. With words, only rows with names that contain one are measured, and
nothing is written.
"""

from __future__ import annotations

import statistics
import typing as t
from contextlib import ExitStack

import pytest

from tests.support import harness

from .lost_updates import command
from .lost_updates.adds import Outcome
from .lost_updates.adds import add_together
from .lost_updates.places import Places
from .report import FOLDER
from .report import write_note
from .report import write_table

#: Rows of the lost updates.
ROWS: t.Final = [
    "database: SQLite",
    "database: PostgreSQL",
    "database: MariaDB",
    "cache: Redis",
    "cache: Redis, locking",
    "session: Redis",
]

CLIENTS: t.Final = [1, 2, 4, 8, 16, 32]

HEADINGS: t.Final = [
    *["storage", "clients", "adds a second", "p50, ms", "p99, ms", "p99 / p50"],
    *["retries", "refused", "lost", "a cart each: a second", "p50, ms", "p99, ms"],
]

#: Adds of all clients together, and at least of each.
ADDS: t.Final = 640
FEWEST: t.Final = 20


def main(arguments: list[str] | None = None) -> None:
    parser = command.make_parser(__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--adds", type=int, default=ADDS, help="of all together")
    options = parser.parse_args(arguments)
    rows = [row for row in command.rows_with(options.words) if row.name in ROWS]
    written: list[list[str]] = []

    with ExitStack() as stack:
        crowd = stack.enter_context(harness.clients(*options.clients))
        places = Places(stack)

        for row in rows:
            for clients in options.clients:
                adds = max(FEWEST, options.adds // clients)

                try:
                    together, apart = (
                        measured(places, row, crowd, clients, adds, is_apart)
                        for is_apart in (False, True)
                    )
                except pytest.skip.Exception as missing:
                    print(f"{row.name}: {missing}")
                    break

                written.append([row.name, str(clients), *cells(together, apart)])
                print(" | ".join(written[-1]), flush=True)

    if not options.words:
        write_table(FOLDER / "contention.csv", [HEADINGS, *written])
        write_note(
            FOLDER / "contention.txt",
            f"{options.adds} adds of all clients together, at least {FEWEST} of each.",
        )


def measured(
    places: Places, row: t.Any, crowd: t.Any, clients: int, adds: int, is_apart: bool
) -> Outcome:
    """What comes of the adds in a place without any carts."""
    with places.serve(row) as served:
        return add_together(served, crowd, clients, adds, apart=is_apart)


def cells(together: Outcome, apart: Outcome) -> list[str]:
    p50, p99 = percentiles(together)

    return [
        *[speed(together), f"{p50:.1f}", f"{p99:.1f}", f"{p99 / p50:.1f}"],
        *[str(together.retries), str(together.refused), str(together.lost)],
        speed(apart),
        *[f"{each:.1f}" for each in percentiles(apart)],
    ]


def percentiles(outcome: Outcome) -> tuple[float, float]:
    """What half of the adds, and 99 of 100 took at most, in milliseconds."""
    taken = [each for added in outcome.added.values() for each in added.seconds]
    parts = statistics.quantiles(taken, n=100, method="inclusive")

    return parts[49] * 1000, parts[98] * 1000


def speed(outcome: Outcome) -> str:
    """Adds in a second, by the client that took longest."""
    longest = max(sum(added.seconds) for added in outcome.added.values())

    return f"{outcome.sent / longest:.0f}"


if __name__ == "__main__":
    main()
