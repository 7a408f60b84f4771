"""Counts what requests cost, in a process that does nothing else, and prints it."""

from __future__ import annotations

import csv
import gc
import itertools
import secrets
import sys
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager

import redis
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder
from werkzeug.test import run_wsgi_app

from flask_cart import current_cart
from flask_cart.model.keys import CartKey

from ..lost_updates.places import Places
from ..views.operations import STORAGES
from ..views.operations import Operation
from ..views.operations import Storage
from ..views.operations import fill
from ..views.shops import PRICE
from ..views.shops import Ours
from ..views.shops import make_shop

OPERATIONS: t.Final = [
    Operation("not touched", "/about"),
    Operation("shown", "/cart"),
    Operation("an add", "/add", ["sku-0"]),
    Operation("an order", "/order", {}, empties=True),
    Operation("GET as JSON", "/api/"),
    Operation("POST as JSON", "/api/lines", {"item": "sku-0"}),
    Operation("the page, 20 lines", "/api/", lines=20),
    Operation("POST as a form", "/api/lines", {"item": "sku-0"}),
]

#: What is asked by a browser.
_PAGES: t.Final = {"the page, 20 lines", "POST as a form"}

#: By the storage; Valkey is always there, and is asked the same as Redis.
PLACES: t.Final = {
    "SQLite": "sqlite",
    "memory": "sqlite",
    "Redis": "valkey",
    "Flask-Session": "valkey",
}

#: What a browser has sent before, if it was told to.
_COOKIES: t.Final = ("session", "session_cart")

#: Requests before one is counted: what is made once is made by then.
_BEFORE: t.Final = 4


class Cost(t.NamedTuple):
    """What a request costs.

    :param trips: Statements, or what is sent to Redis at once.
    :param sent: Bytes of them.
    :param stored: Bytes of the cart afterwards.
    :param bytecodes: That are executed, from the environment to the answer.
    """

    trips: int
    sent: int
    stored: int
    bytecodes: int


class _Wire:
    """What goes to databases and servers."""

    def __init__(self) -> None:
        self.trips = 0
        self.sent = 0
        sa.event.listen(sa.Engine, "before_cursor_execute", self._statement)
        send: Callable[..., None] = redis.Connection.send_packed_command

        def counted(connection: t.Any, command: t.Any, **options: t.Any) -> None:
            packed = [command] if isinstance(command, (str, bytes)) else list(command)
            self.trips += 1
            self.sent += sum(map(len, packed))
            send(connection, packed, **options)

        # mypy: an assignment to a method.
        setattr(redis.Connection, "send_packed_command", counted)  # noqa: B010

    def _statement(
        self, connection: t.Any, cursor: t.Any, text: str, values: t.Any, *_: t.Any
    ) -> None:
        told = values.values() if isinstance(values, dict) else values
        self.trips += 1
        self.sent += len(text) + sum(len(str(each)) for each in told)


def main() -> None:
    # How many digits a version has would be chance. No two may be the same.
    numbers = itertools.count()
    secrets.randbits = lambda k: (1 << (k - 1)) + next(numbers)
    wire = _Wire()
    writer = csv.writer(sys.stdout, lineterminator="\n")

    for name, place in PLACES.items():
        (storage,) = [each for each in STORAGES if each.name == name]

        for operation, cost in costs_in(storage._replace(place=place), wire):
            writer.writerow([name, operation.name, *cost])


def costs_in(storage: Storage, wire: _Wire) -> Iterator[tuple[Operation, Cost]]:
    """What the requests cost in one place."""
    with ExitStack() as stack:
        address = stack.enter_context(Places(stack).address(storage.place))
        shop: list[Ours] = []

        def set_up(app: Flask, address: str) -> Ours:
            ours = storage.ours(app, address)
            ours.extension.product_loader(lambda ids: list(map(Product, ids)))
            app.register_blueprint(ours.extension.blueprint, url_prefix="/api")
            shop.append(ours)

            return ours

        app = make_shop(set_up, address)

        for operation in OPERATIONS:
            client = app.test_client()

            for _ in range(_BEFORE):
                fill(client, operation)
                _request(client, operation)()

            yield operation, _cost(client, shop[0], operation, wire)


class Product:
    """Anything that is asked for."""

    cart_price = PRICE

    def __init__(self, item: str) -> None:
        self.cart_id = item
        self.cart_name = f"Product {item}"


def _cost(client: FlaskClient, shop: Ours, operation: Operation, wire: _Wire) -> Cost:
    fill(client, operation)
    request = _request(client, operation)
    before = wire.trips, wire.sent
    bytecodes = _bytecodes(request)
    trips, sent = wire.trips - before[0], wire.sent - before[1]

    with client.application.test_request_context(headers=_headers(client, operation)):
        key = t.cast(CartKey, current_cart.key)
        stored = shop.extension.storage.load(key)

    size = len(stored.data) if stored is not None else 0

    return Cost(trips, sent, size, bytecodes)


def _headers(client: FlaskClient, operation: Operation) -> Headers:
    """What a browser sends that is known."""
    known = [each for name in _COOKIES if (each := client.get_cookie(name))]
    cookies = "; ".join(f"{each.key}={each.value}" for each in known)
    headers = {"Owner": f"user:{operation.lines}", "Cookie": cookies}

    if operation.name in _PAGES:
        headers["Accept"] = "text/html"

    return Headers(headers)


def _request(client: FlaskClient, operation: Operation) -> Callable[[], None]:
    """A request from its environment on, which a server would have made."""
    sent = "data" if operation.name in _PAGES else "json"
    environ = EnvironBuilder(
        path=operation.path,
        method="GET" if operation.body is None else "POST",
        headers=_headers(client, operation),
        **{sent: operation.body},
    ).get_environ()

    def ask() -> None:
        body, status, _ = run_wsgi_app(client.application, environ, buffered=True)
        assert status.startswith(("20", "303")), (status, b"".join(body))

    return ask


def _bytecodes(work: Callable[[], None]) -> int:
    """How many instructions the interpreter executes."""
    count = 0

    def trace(frame: t.Any, event: str, _: t.Any) -> t.Any:
        nonlocal count
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        count += event == "opcode"

        return trace

    with _without_garbage():
        sys.settrace(trace)

        try:
            work()
        finally:
            sys.settrace(None)

    return count


@contextmanager
def _without_garbage() -> Iterator[None]:
    """When garbage is collected is chance."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


if __name__ == "__main__":
    main()
