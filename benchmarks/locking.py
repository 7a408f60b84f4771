"""What CART_CACHE_LOCKING costs, in whole requests.

    python -m benchmarks.locking [--rounds=150]

One, two and five servers of one thread, with a client each, add to the same cart on
Redis at once, in turns without and with locking. Ratios can be compared between
machines, times cannot. What a single add costs is in benchmarks.floors.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import closing
from pathlib import Path

from tests.support import harness

from .lost_updates.browser import Tab
from .lost_updates.places import Places
from .lost_updates.places import Served
from .lost_updates.rows import row_named
from .report import FOLDER
from .report import write_note
from .report import write_table

LINES = 10
ROUNDS = 150
ADDS = 25

#: What is compared: without locking, and with it.
ROWS = ["cache: Redis", "cache: Redis, locking"]

#: What locking adds to a request in the original, by its own account, by the number
#: of servers.
ORIGINAL = {1: 0.18, 2: 0.30, 5: 0.71}

#: A machine that does something else, too, spoils a mean more than a median.
HEADINGS = [
    "servers",
    "without, us",
    "with, us",
    "locking adds",
    "± (2 errors)",
    "median of rounds",
    "in the original",
]

ONE_THREAD = ("--workers=1", "--threads=1", "--worker-class=gthread")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)

    with ExitStack() as stack:
        rows = list(compare(stack, options.rounds))

    write_table(options.folder / "locking.csv", [HEADINGS, *rows])
    write_note(
        options.folder / "locking.txt",
        f"Means of {options.rounds} rounds of {ADDS} adds of each client.",
    )


def compare(stack: ExitStack, rounds: int) -> Iterator[list[str]]:
    """What locking adds to a request, by the number of servers."""
    crowd = stack.enter_context(harness.clients(*ORIGINAL))
    places = Places(stack)
    served = [
        [
            stack.enter_context(places.serve(row_named(name), *ONE_THREAD))
            for _ in range(max(ORIGINAL))
        ]
        for name in ROWS
    ]
    fill(served[0][0], owner_of(0))
    fill(served[1][0], owner_of(1))

    for number, original in ORIGINAL.items():
        seconds: list[list[float]] = [[], []]

        for round_ in range(rounds):
            # Each comes first as often as the other, and each server takes its turn:
            # one process may be faster than another.
            for row in [0, 1] if round_ % 2 else [1, 0]:
                clients = [
                    (each.port, each.folder / "jar", owner_of(row))
                    for index in range(number)
                    for each in [served[row][(round_ + index) % len(served[row])]]
                ]
                times = crowd.run(time_adds, *clients)
                seconds[row].append(statistics.mean(times) / ADDS)

        without, with_ = (statistics.mean(each) for each in seconds)
        pairs = list(zip(*seconds, strict=True))
        error = statistics.stdev(new - old for old, new in pairs) / rounds**0.5
        yield [
            str(number),
            f"{without * 1e6:.0f}",
            f"{with_ * 1e6:.0f}",
            f"{with_ / without - 1:+.1%}",
            f"{2 * error / without:.1%}",
            f"{statistics.median(new / old for old, new in pairs) - 1:+.1%}",
            f"{original:+.0%}",
        ]


def owner_of(row: int) -> str:
    """Whose cart a row adds to: they share a server, and must not share a cart."""
    return f"user:{row + 1}"


def fill(served: Served, owner: str) -> None:
    """Make a cart with some lines."""
    with closing(Tab(served.port, served.folder / "jar", owner)) as tab:
        add_each(tab, LINES)


def time_adds(port: int, jar: Path, owner: str) -> float:
    """What a client does: the seconds that its adds take."""
    with closing(Tab(port, jar, owner)) as tab:
        start = time.perf_counter()
        add_each(tab, ADDS)

        return time.perf_counter() - start


def add_each(tab: Tab, number: int) -> None:
    """Add so many times, all lines in turn: a quantity has a limit."""
    for turn in range(number):
        answer = tab.post("/add", item=f"sku-{turn % LINES}")
        assert answer.status == 200, answer


if __name__ == "__main__":
    main()
