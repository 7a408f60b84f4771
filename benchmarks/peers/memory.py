"""How much memory a worker of gunicorn takes, with our cart and with others.

    python -m benchmarks.peers.memory [--starts=3] [--folder=docs/benchmarks]

A worker has answered adds and pages of a cart of 20 lines. What it has for itself alone
is USS; PSS is that and its share of what several processes have together. With what it
would have loaded anyway, Flask-SQLAlchemy and the driver, is a cart by hand.
"""

from __future__ import annotations

import argparse
import statistics
import typing as t
from contextlib import ExitStack
from contextlib import closing
from pathlib import Path

from ..lost_updates.places import Places
from ..report import FOLDER
from ..report import write_note
from ..report import write_table
from .shops import BY_HAND
from .shops import OTHER_PYTHON
from .shops import SHOPS
from .shops import Shop
from .shops import Shopper
from .shops import opened
from .shops import versions

HEADINGS: t.Final = ["a worker with", "USS, MiB", "PSS, MiB", "beside by hand"]

#: Adds and pages that a worker answers before.
REQUESTS: t.Final = 30
LINES: t.Final = 20


class Memory(t.NamedTuple):
    """What the workers of a shop take, in MiB, each started anew."""

    uss: list[float]
    pss: list[float]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=3, help="of each worker")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    shops = [shop for shop in SHOPS if shop.is_there]

    with ExitStack() as stack:
        rows = table(measure(shops, Places(stack), options.starts))

    if shops == SHOPS:
        write_table(options.folder / "memory.csv", [HEADINGS, *rows])
        write_note(
            options.folder / "memory.txt",
            f"Medians of {options.starts} starts, after {REQUESTS} adds and pages."
            f" {versions()}",
        )
    else:
        print("\n".join(" | ".join(row) for row in rows))
        print(f"There is no {OTHER_PYTHON}: nothing is written.")


def measure(shops: t.Sequence[Shop], places: Places, starts: int) -> dict[Shop, Memory]:
    """What the workers take, which are started in turns."""
    found = {shop: Memory([], []) for shop in shops}

    for _ in range(starts):
        for shop, (uss, pss) in found.items():
            with opened(shop, places, "postgresql") as server:
                with closing(Shopper(shop, server.port, LINES)) as shopper:
                    for _ in range(REQUESTS):
                        shopper.add()
                        shopper.show()

                taken = server.worker.memory_full_info()
                uss.append(taken.uss / 2**20)
                pss.append(taken.pss / 2**20)

    return found


def table(found: t.Mapping[Shop, Memory]) -> list[list[str]]:
    floor = statistics.median(found[BY_HAND].uss)
    rows = []

    for shop, (uss, pss) in found.items():
        median = statistics.median(uss)
        spread = (max(uss) - min(uss)) / 2
        rows.append(
            [
                shop.name,
                f"{median:.1f} ± {spread:.1f}",
                f"{statistics.median(pss):.1f}",
                f"{median - floor:+.1f} MiB",
            ]
        )

    return rows


if __name__ == "__main__":
    main()
