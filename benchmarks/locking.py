"""What CART_CACHE_LOCKING costs: in whole requests, and in single adds.

    python -m benchmarks.locking

Requests: one, two and five servers of one thread, with a client each, add to the same
cart on Redis at once, in turns without and with locking. Single adds: in one process,
beside a bare GET and SET of the same cart. Ratios can be compared between machines,
times cannot.
"""

from __future__ import annotations

import statistics
import time
import typing as t
from contextlib import ExitStack
from contextlib import closing
from pathlib import Path

import redis
from flask import Flask
from flask_caching import Cache

from flask_cart import Cart
from flask_cart import FlaskCart
from flask_cart.carts.cart import working_copy
from tests.support import cache_servers
from tests.support import harness

from .lost_updates.browser import Tab
from .lost_updates.places import Places
from .lost_updates.places import Served
from .lost_updates.rows import row_named

LINES = 10
ROUNDS = 150
ADDS = 25
SINGLE_ADDS = 1000

#: What is compared: without locking, and with it.
ROWS = ["cache: Redis", "cache: Redis, locking"]

#: What locking adds to a request in the original, by its own account, by the number
#: of servers.
ORIGINAL = {1: 0.18, 2: 0.30, 5: 0.71}

#: A machine that does something else, too, spoils a mean more than a median.
COLUMNS = [
    "us without",
    "us with",
    "locking adds",
    "+- (2 errors)",
    "median of rounds",
    "in the original",
]

ONE_THREAD = ("--workers=1", "--threads=1", "--worker-class=gthread")


def main() -> None:
    with ExitStack() as stack:
        compare_requests(stack)

    print()

    with cache_servers.redis() as server:
        compare_single_adds(server.url)


def compare_requests(stack: ExitStack) -> None:
    """Print what locking adds to a request."""
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
    print(f"a whole request, mean of {ROUNDS} x {ADDS} adds of each client")
    print(" | ".join(["servers", *COLUMNS]))

    for number, original in ORIGINAL.items():
        seconds: list[list[float]] = [[], []]

        for round_ in range(ROUNDS):
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
        error = statistics.stdev(new - old for old, new in pairs) / ROUNDS**0.5
        cells = [
            f"{without * 1e6:.0f}",
            f"{with_ * 1e6:.0f}",
            f"{with_ / without - 1:+.1%}",
            f"{2 * error / without:.1%}",
            f"{statistics.median(new / old for old, new in pairs) - 1:+.1%}",
            f"{original:+.0%}",
        ]
        print(
            f"{number:>7}",
            *[
                f"{cell:>{len(column)}}"
                for cell, column in zip(cells, COLUMNS, strict=True)
            ],
            sep=" | ",
            flush=True,
        )


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
        return seconds_of(lambda: add_each(tab, ADDS))


def add_each(tab: Tab, number: int) -> None:
    """Add so many times, all lines in turn: a quantity has a limit."""
    for turn in range(number):
        answer = tab.post("/add", item=f"sku-{turn % LINES}")
        assert answer.status == 200, answer


def compare_single_adds(url: str) -> None:
    """Print how an add compares with the two commands that it cannot do without."""
    shops = [open_shop(url, locking=False), open_shop(url, locking=True)]
    client = redis.Redis.from_url(url)
    client.set("bare", b"x" * shops[0].fill())
    shops[1].fill()
    works: list[t.Callable[[], float]] = [
        lambda: seconds_of(lambda: client.set("bare", client.get("bare") or b"")),
        *[shop.add for shop in shops],
    ]
    # In turns, so that whatever else the machine does is shared by all.
    rounds = [[work() for work in works] for _ in range(SINGLE_ADDS)]
    medians = [statistics.median(each) * 1e6 for each in zip(*rounds, strict=True)]
    print(f"a single add, median of {SINGLE_ADDS}, a cart of {LINES} lines")

    for name, median in zip(["GET and SET", *ROWS], medians, strict=True):
        print(f"{name:<22} {median:>6.0f} us {median / medians[0]:>6.2f}")


class Shop(t.NamedTuple):
    """An app with one cart on Redis."""

    app: Flask
    extension: FlaskCart
    owner: str

    def fill(self) -> int:
        """Make the cart, and say how many bytes it takes."""
        with self.app.app_context(), self._cart().batch() as cart:
            for number in range(LINES):
                cart.add(f"sku-{number}", name=f"Product {number}", price="12.50")

        with self.app.app_context():
            return working_copy(self._cart()).snapshot.size

    def add(self) -> float:
        """Read the cart and add to it, and say how many seconds that took."""
        with self.app.app_context():
            return seconds_of(lambda: self._cart().add("sku-0", price="12.50"))

    def _cart(self) -> Cart:
        return self.extension.cart(owner=self.owner)


def open_shop(url: str, *, locking: bool) -> Shop:
    app = Flask("benchmark")
    app.config.update(
        CACHE_TYPE="RedisCache",
        CACHE_REDIS_URL=url,
        CART_STORAGE="cache",
        CART_CACHE_LOCKING=locking,
    )

    return Shop(app, FlaskCart(app, cache=Cache(app)), owner_of(locking))


def seconds_of(work: t.Callable[[], object]) -> float:
    start = time.perf_counter()
    work()

    return time.perf_counter() - start


if __name__ == "__main__":
    main()
