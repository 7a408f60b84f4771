"""What CART_CACHE_LOCKING costs, in whole requests.

    python -m benchmarks.locking [--rounds=150]

One, two and five servers of one thread, with a client each, add to the same cart on
Redis at once, in turns without and with locking. Ratios can be compared between
machines, times cannot. What a single add costs is in benchmarks.floors.

It fails if locking adds more than it may, in the median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import typing as t
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
from .serving import ONE_THREAD

LINES = 10
ROUNDS = 150
ADDS = 25

#: What is compared: without locking, and with it.
ROWS = ["cache: Redis", "cache: Redis, locking"]

#: What locking adds to a request in the original, by its own account, by the number
#: of servers.
ORIGINAL = {1: 0.18, 2: 0.30, 5: 0.71}

#: What it may add in ours.
AT_MOST: t.Final = {1: 0.05, 2: 0.10, 5: 0.25}

#: A machine that does something else, too, spoils a mean more than a median.
HEADINGS = [
    "servers",
    "without, us",
    "with, us",
    "locking adds",
    "± (2 errors)",
    "median of rounds",
    "at most",
    "in the original",
]


class Measured(t.NamedTuple):
    """What locking adds, with so many servers.

    :param seconds: Of a request in each round, without locking and with it.
    """

    servers: int
    seconds: list[tuple[float, float]]

    @property
    def added(self) -> float:
        """The median of the rounds, as a share."""
        return statistics.median(new / old for old, new in self.seconds) - 1

    @property
    def is_too_much(self) -> bool:
        return self.added > AT_MOST[self.servers]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)

    with ExitStack() as stack:
        measured = list(compare(stack, options.rounds))

    write_table(options.folder / "locking.csv", [HEADINGS, *map(cells, measured)])
    write_note(
        options.folder / "locking.txt",
        f"Means of {options.rounds} rounds of {ADDS} adds of each client.",
    )

    if too_much := [str(each.servers) for each in measured if each.is_too_much]:
        sys.exit(f"Locking adds too much, with {' and '.join(too_much)} servers.")


def compare(stack: ExitStack, rounds: int) -> Iterator[Measured]:
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

    for number in ORIGINAL:
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

        yield Measured(number, list(zip(*seconds, strict=True)))


def cells(each: Measured) -> list[str]:
    without, with_ = (statistics.mean(row) for row in zip(*each.seconds, strict=True))
    differences = [new - old for old, new in each.seconds]
    error = statistics.stdev(differences) / len(differences) ** 0.5

    return [
        str(each.servers),
        f"{without * 1e6:.0f}",
        f"{with_ * 1e6:.0f}",
        f"{with_ / without - 1:+.1%}",
        f"{2 * error / without:.1%}",
        f"{each.added:+.1%}",
        f"{AT_MOST[each.servers]:+.0%}",
        f"{ORIGINAL[each.servers]:+.0%}",
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
