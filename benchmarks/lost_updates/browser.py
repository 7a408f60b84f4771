"""A browser: many tabs, the same cookies."""

from __future__ import annotations

import json
import os
import typing as t
from http.client import HTTPConnection
from pathlib import Path

TIMEOUT = 60.0


class Answer(t.NamedTuple):
    """What a server has answered.

    :param body: Its JSON, if all went well.
    :param retries: How often it has tried again to save.
    """

    status: int
    body: t.Any
    retries: int


class Tab:
    """One tab of a browser, with a connection of its own.

    :param port: The server's.
    :param jar: The folder of the browser's cookies, for all its tabs and processes.
    :param owner: Whose cart it is about, where no session tells.
    """

    def __init__(self, port: int, jar: Path, owner: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self._jar = jar
        self._owner = owner

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None)

    def post(self, path: str, **fields: t.Any) -> Answer:
        return self._ask("POST", path, json.dumps(fields))

    def cart(self) -> dict[str, int]:
        """What is in the cart, by item."""
        answer = self.get("/cart")
        assert answer.status == 200, answer
        stored: dict[str, int] = answer.body

        return stored

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None) -> Answer:
        headers = {"Owner": self._owner, "Content-Type": "application/json"}

        if self._jar.exists():
            kept = [each.read_text() for each in self._jar.glob("*.cookie")]
            headers["Cookie"] = "; ".join(kept)

        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        text = response.read()

        for cookie in response.headers.get_all("Set-Cookie", []):
            self._keep(cookie.partition(";")[0])

        return Answer(
            response.status,
            json.loads(text) if response.status == 200 else None,
            int(response.headers.get("Retries", 0)),
        )

    def _keep(self, cookie: str) -> None:
        # Other tabs must never read half of it.
        self._jar.mkdir(exist_ok=True)
        fresh = self._jar / f"{os.getpid()}-{id(self)}"
        fresh.write_text(cookie)
        fresh.replace(self._jar / f"{cookie.partition('=')[0]}.cookie")
