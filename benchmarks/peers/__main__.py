"""How long an add and the page of a cart take over HTTP, beside other carts
alone, and an add with the page that it leads to.

    python -m benchmarks.peers [--rounds=200] [--seconds=20] [--folder=docs/benchmarks]

Each shop is served by a gunicorn of its own, with one worker of one thread, on a
database of its own in the same PostgreSQL. A shopper who is not logged in keeps the
connection, and the requests take turns. Django's carts are in a virtual environment
of their own, which "make bench BENCHMARKS=peers" makes. If it is not there, nothing is
written, only printed.

At the end it says how each compares with that of django-oscar, beside what is wanted of
an add and of the page of a cart of 20 lines.
"""

from __future__ import annotations

import argparse
import typing as t
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from ..chart import write_bars
from ..lost_updates.places import Places
from ..measuring import Ratio
from ..measuring import Work
from ..measuring import microseconds
from ..measuring import ratio_of
from ..measuring import take_turns
from ..report import FOLDER
from ..report import write_note
from ..report import write_table
from .shops import OSCAR
from .shops import OTHER_PYTHON
from .shops import OURS
from .shops import OWN_VIEWS
from .shops import SHOPS
from .shops import Shop
from .shops import Shopper
from .shops import lines_of
from .shops import opened
from .shops import versions

#: Lines in the cart.
LINES: t.Final = (1, 20)

HEADINGS: t.Final = ["request", "cart", "takes, us", "blueprint = 1", "bytes"]


class Request(t.NamedTuple):
    """What is timed.

    :param lines: In the cart.
    :param adds: Whether something is added.
    :param shows: Whether the page of the cart is got.
    :param wanted: How many times as long Oscar is to take.
    """

    name: str
    lines: int
    adds: bool = False
    shows: bool = False
    wanted: int = 0


REQUESTS: t.Final = [
    Request("an add, 1 line", 1, adds=True, wanted=10),
    Request("an add, 20 lines", 20, adds=True, wanted=10),
    # What a shopper waits for.
    Request("an add and the page, 1 line", 1, adds=True, shows=True),
    Request("an add and the page, 20 lines", 20, adds=True, shows=True),
    Request("the page, 1 line", 1, shows=True),
    Request("the page, 20 lines", 20, shows=True, wanted=30),
]


class Measured(t.NamedTuple):
    """One request in one shop.

    :param takes: In microseconds.
    :param ratio: To what it takes in ours.
    :param size: Of the page of the cart.
    """

    request: Request
    shop: Shop
    takes: str
    ratio: Ratio
    size: int


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20, help="for each request")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    shops = [shop for shop in SHOPS if shop.is_there]
    measured: list[Measured] = []

    with ExitStack() as stack:
        places = Places(stack)

        for each in measure(shops, places, options.rounds, options.seconds):
            print(" | ".join(cells(each)), flush=True)
            measured.append(each)

    for shop in SHOPS:
        if shop not in shops:
            print(f"{shop.name}: there is no {OTHER_PYTHON}")

    if shops == SHOPS:
        write(measured, options.folder, options.rounds, options.seconds)

    for sentence in verdicts(measured):
        print(sentence)


def measure(
    shops: t.Sequence[Shop], places: Places, rounds: int, seconds: float
) -> Iterator[Measured]:
    """Time each request in all shops, which take turns.

    :param rounds: Of each, at most.
    :param seconds: After which the last round of each begins.
    """
    with ExitStack() as stack:
        servers = {
            shop: stack.enter_context(opened(shop, places, "postgresql"))
            for shop in shops
        }

        for request in REQUESTS:
            shoppers = {
                shop: Shopper(shop, server.port, request.lines)
                for shop, server in servers.items()
            }
            works = {shop.name: work(shoppers[shop], request) for shop in shops}
            taken = take_turns(works, rounds, seconds)

            for shop, shopper in shoppers.items():
                page = shopper.show()
                assert lines_of(page) == request.lines, page
                shopper.close()
                yield Measured(
                    request,
                    shop,
                    microseconds(taken[shop.name]),
                    ratio_of(taken[shop.name], taken[OURS.name]),
                    len(page.encode()),
                )


def work(shopper: Shopper, request: Request) -> Work:
    if not request.adds:
        return Work(shopper.show)

    def follow() -> None:
        shopper.add()
        shopper.show()

    if request.shows:
        return Work(follow)

    # What an add has to say is in a cookie until a page shows it.
    return Work(shopper.add, shopper.show)


def write(measured: list[Measured], folder: Path, rounds: int, seconds: float) -> None:
    """Write the table and the chart."""
    write_table(folder / "peers.csv", [HEADINGS, *map(cells, measured)])
    ratios = {(each.request, each.shop): each.ratio.median for each in measured}
    judged = [each for each in REQUESTS if each.wanted]
    write_bars(
        folder / "peers.svg",
        "Requests to other carts, beside ours",
        [request.name for request in judged],
        {shop.name: [ratios[request, shop] for request in judged] for shop in SHOPS},
    )
    write_note(
        folder / "peers.txt",
        f"Median of {rounds} rounds, or of as many as fit into {seconds:g} seconds; ±"
        f" half of what lies between the fifths of them. {versions()}",
    )


def verdicts(measured: list[Measured]) -> Iterator[str]:
    """How many times as long Oscar takes, beside what is wanted, if anything is."""
    ratios = {(each.request, each.shop): each.ratio.median for each in measured}

    for request in REQUESTS:
        if (request, OSCAR) in ratios:
            oscar = ratios[request, OSCAR]
            found = [
                f"{oscar / ratios[request, ours]:.1f} times {ours.name}"
                for ours in (OURS, OWN_VIEWS)
            ]
            wanted = f"; wanted are {request.wanted} times" if request.wanted else ""
            yield f"{request.name}: {OSCAR.name} takes {', '.join(found)}{wanted}."


def cells(each: Measured) -> list[str]:
    size = f"{each.size:,}" if each.request.shows else ""

    return [each.request.name, each.shop.name, each.takes, str(each.ratio), size]


if __name__ == "__main__":
    main()
