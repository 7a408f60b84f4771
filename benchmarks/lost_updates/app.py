"""The app that gunicorn serves: one row of the table."""

from __future__ import annotations

import os
import secrets
import socket
import typing as t

from flask import Flask
from flask import Response
from flask import current_app
from flask import g
from flask import request
from flask import session

from flask_cart.carts.repository import Retry

from .baskets import Basket
from .rows import Row
from .rows import row_named

#: How long a view waits for its gate at most, in seconds.
PATIENCE = 60.0


def create_app() -> Flask:
    """The row that the environment names, with its retries counted."""
    _count_retries()

    return build(row_named(os.environ["ROW"]), os.environ["DATABASE_URL"])


def build(row: Row, address: str) -> Flask:
    """The app of a row, that keeps its carts at an address."""
    app = Flask(__name__)
    app.secret_key = "benchmark"
    # Before all others, so that it is called after them.
    app.after_request(_tell_retries)
    app.extensions["basket"] = row.set_up(app, address)

    for get in [about, cart, slow]:
        app.add_url_rule(f"/{get.__name__}", view_func=get)

    for post in [begin, add, clear]:
        app.add_url_rule(f"/{post.__name__}", view_func=post, methods=["POST"])

    return app


def about() -> dict[str, t.Any]:
    return {"guarantee": _basket().guarantee}


def cart() -> dict[str, int]:
    return _basket().quantities()


def slow() -> dict[str, t.Any]:
    """Look at the cart or do not, and then be slow."""
    if "reads" in request.args:
        _basket().quantities()

    _wait_at(int(request.args["gate"]))

    return {}


def begin() -> dict[str, t.Any]:
    """Begin a session, without a cart."""
    session["visitor"] = secrets.token_hex(8)

    return {}


def add() -> dict[str, t.Any]:
    _basket().add(request.get_json()["item"])

    return {}


def clear() -> dict[str, t.Any]:
    """Clear the cart, slowly if there is a gate, and say what was in it before."""
    gate = request.get_json()["gate"]
    seen = _basket().quantities()

    if gate is not None:
        _wait_at(gate)

    _basket().clear()

    return {"seen": seen}


def _basket() -> Basket:
    basket: Basket = current_app.extensions["basket"]

    return basket


def _wait_at(gate: int) -> None:
    """Wait until a client that listens at a port lets this view go on."""
    with socket.create_connection(("127.0.0.1", gate), PATIENCE) as connection:
        # It is closed without a word.
        connection.recv(1)


def _count_retries() -> None:
    tries = Retry.tries

    def counted(retry: Retry) -> t.Iterator[bool]:
        for number, is_last in enumerate(tries(retry)):
            if number:
                g.retries = g.get("retries", 0) + 1

            yield is_last

    Retry.tries = counted  # type: ignore[assignment, method-assign]


def _tell_retries(response: Response) -> Response:
    response.headers["Retries"] = str(g.get("retries", 0))

    return response
