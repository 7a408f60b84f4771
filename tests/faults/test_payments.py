"""A payment that several processes hear of at once, on every storage on a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from cachelib import FileSystemCache

from tests.support.backends import BACKENDS
from tests.support.backends import Backend
from tests.support.customers import Config
from tests.support.forks import FORKS
from tests.support.paying import STOCK
from tests.support.paying import PayingShop
from tests.support.paying import Told
from tests.support.paying import paying_shop
from tests.support.paying import serve
from tests.support.servers import DEADLINE

#: ``make payments`` takes 200.
ROUNDS = int(os.environ.get("CART_PAYMENT_ROUNDS", "4"))

#: Which ones differ in how they save; the others only in their client.
SERVERS = [
    name
    for name in BACKENDS
    if not name.endswith(("retrying", "pymemcache", "python-memcached"))
]

PLACES = [*SERVERS, "sqlite", "files", "session-files"]

#: Three calls of the provider, the shopper who comes back, and who logs in meanwhile.
PROCESSES = 5


@pytest.fixture(scope="module")
def processes() -> Iterator[list[Connection]]:
    """Processes that serve a shop, for all tests."""
    with ExitStack() as stack:
        here = []

        for _ in range(PROCESSES):
            mine, theirs = FORKS.Pipe()
            process = FORKS.Process(target=serve, args=(theirs,))
            process.start()
            stack.callback(process.join, DEADLINE)
            stack.callback(mine.send, ("end",))
            here.append(mine)

        yield here


@pytest.fixture(params=PLACES)
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Where carts are, and a database for the orders: the same one, if there is one."""
    name: str = request.param
    orders = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'orders.sqlite3'}"}

    match name:
        case "sqlite":
            return {**orders, "CART_STORAGE": "database"}
        case "files":
            return {
                **orders,
                "CART_STORAGE": "cache",
                "CACHE_TYPE": "FileSystemCache",
                "CACHE_DIR": str(tmp_path / "carts"),
                "CACHE_THRESHOLD": 0,
            }
        case "session-files":
            return {
                **orders,
                "CART_STORAGE": "session",
                "SESSION_TYPE": "cachelib",
                "SESSION_CACHELIB": FileSystemCache(str(tmp_path / "sessions"), 0),
            }

    endpoint_of = request.getfixturevalue("endpoint_of")
    server, make_config = BACKENDS[name]

    return {**orders, **Backend(endpoint_of(server), make_config).config()}


@pytest.fixture
def shop(config: Config, processes: list[Connection]) -> Iterator[PayingShop]:
    """The shop of this process, that all others serve as well."""
    with paying_shop(config) as shop:
        shop.create_tables()

        for each in processes:
            each.send(("open", config))

        for each in processes:
            answer(each)

        yield shop


def answer(process: Connection) -> object:
    """What a process has answered."""
    assert process.poll(DEADLINE)
    result = process.recv()

    if isinstance(result, AssertionError):
        raise result

    return result


def test_three_notifications_and_a_redirect(
    shop: PayingShop, processes: list[Connection]
) -> None:
    """A guest begins an order, pays, and logs in, before or meanwhile. Three times the
    provider says so, and the shopper comes back, all at once: it is one order, its
    stock is taken once, nothing of it is left in a cart, and it is told once."""
    tokens = []

    for number in range(ROUNDS):
        guest, user = f"guest:{number}", f"user:{number}"
        token = shop.begin(guest, 2)
        tokens.append(token)
        acts = [("notify", token)] * 3 + [("come_back", token, user)]

        if number % 2:
            acts.append(("log_in", guest, user))
        else:
            shop.insistently("log_in", guest, user)

        for process, act in zip(processes, acts, strict=False):
            process.send(act)

        told = [answer(process) for process, _ in zip(processes, acts, strict=False)]
        results = [each for each in told if isinstance(each, Told)]
        orders = {each.order_id for each in results[:4]}

        assert len(orders) == 1, results
        assert None not in orders
        assert sum(each.told for each in results) == 1, results
        assert shop.items(guest) == {}
        assert shop.items(user) == {}
        assert not shop.is_noted(token)

    made, left = shop.sold()
    assert sorted(made) == sorted((token, 2) for token in tokens)
    assert left == STOCK - 2 * ROUNDS
