"""Late guests: ways to add the first thing when the answer has begun, or is none."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from flask import Response
from flask import copy_current_request_context
from flask import request
from flask import stream_with_context
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from flask_cart import CartError
from flask_cart import current_cart
from flask_cart.storage.memory import MemoryStorage
from tests.support.session_shops import Shop

LATE_WAYS = [
    "stream",
    "generator",
    "late thread",
    "teardown_request",
    "same environ",
    "copied environ",
    "polling socket",
    "websocket",
]

IN_TIME_WAYS = ["after_request", "early after_request", "thread"]


class Late:
    """A shop with ways to add a mug that are not the code of a view.

    :param shop: The shop.
    """

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.errors: list[CartError] = []
        self.action: Callable[[], object] = lambda: current_cart.add("mug", price=1)
        self._environ: dict[str, t.Any] = {}
        self._way = ""
        app = shop.app

        for way in ["view", "stream", "generator", "thread", "late thread", "threads"]:
            app.add_url_rule(f"/late/{way}", way, getattr(self, way.replace(" ", "_")))

        # The first one is called last.
        app.after_request_funcs[None].insert(0, self._hook("after_request"))
        app.after_request(self._hook("early after_request"))
        app.teardown_request(lambda error: self._hook("teardown_request")(None))

    @property
    def storage(self) -> MemoryStorage:
        return t.cast(MemoryStorage, self.shop.app.extensions["cart"].storage)

    def add(self, browser: FlaskClient, way: str) -> None:
        """Add a mug in one of the ways, as the guest of a browser."""
        self._way = way
        view = f"/late/{way}" if way in self.shop.app.view_functions else "/late/view"
        browser.get(view, buffered=True).close()
        self._way = ""

        for environ in self._environs(way):
            with self.shop.app.request_context(environ):
                self._add()

    def _environs(self, way: str) -> list[dict[str, t.Any]]:
        """What those have who answer events and not requests."""
        environ = self._environ
        socket = {key: environ[key] for key in environ if key.startswith("HTTP_COOK")}
        made_up = EnvironBuilder("/socket.io/").get_environ()

        return {
            "same environ": [environ],
            "copied environ": [dict(environ)],
            "polling socket": [made_up | socket | {"flask.app": self.shop.app}],
            "websocket": [made_up | socket | {"HTTP_UPGRADE": "WebSocket"}],
        }.get(way, [])

    def _add(self) -> None:
        try:
            self.action()
        except CartError as error:
            self.errors.append(error)

    def _hook(self, way: str) -> Callable[[t.Any], t.Any]:
        def hook(response: t.Any) -> t.Any:
            if self._way == way:
                self._add()

            return response

        return hook

    def view(self) -> str:
        self._environ = request.environ

        return ""

    @stream_with_context
    def stream(self) -> Iterator[str]:
        yield "first"
        self._add()
        yield "last"

    def generator(self) -> Response:
        @copy_current_request_context
        def add() -> None:
            self._add()

        def generate() -> Iterator[str]:
            add()
            yield ""

        return Response(generate())

    def thread(self) -> str:
        self._run_in_threads(1)

        return ""

    def threads(self) -> str:
        self._run_in_threads(8)

        return ""

    def late_thread(self) -> Response:
        @copy_current_request_context
        def add() -> None:
            self._add()

        response = Response("")
        response.call_on_close(lambda: in_threads(add, 1))

        return response

    def _run_in_threads(self, number: int) -> None:
        # Each thread needs a copy of its own.
        copies = [copy_current_request_context(self._add) for _ in range(number)]

        with ThreadPoolExecutor(number) as pool:
            for done in [pool.submit(each) for each in copies]:
                done.result()


def in_threads(action: Callable[[], None], number: int) -> None:
    with ThreadPoolExecutor(number) as pool:
        for done in [pool.submit(action) for _ in range(number)]:
            done.result()
