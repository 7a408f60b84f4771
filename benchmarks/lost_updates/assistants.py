"""Assistants change one cart by whole PUTs while a shopper adds: what is in it then?

    python -m benchmarks.lost_updates.assistants --clients 16 --puts 50 postgresql

It fails if a storage that promises to keep what it has acknowledged has not.
"""

from __future__ import annotations

import json
import sys
import typing as t
from collections import Counter
from contextlib import ExitStack
from contextlib import closing
from http.client import HTTPConnection

from tests.support import harness
from tests.support.harness import Clients

from . import command
from .browser import TIMEOUT
from .places import Places
from .places import Served
from .rows import ROWS
from .standard import CARTS
from .standard import SHOPPER

COLUMNS: t.Final = ["changes sent", "acknowledged", "in the cart", "asked to come back"]

#: What all assistants put into the cart.
SHARED: t.Final = "shared"

#: Rows of which others are no more than a repetition, or that assistants cannot use.
_LEFT_OUT: t.Final = ("locking", "cookie", "a dict in a session", "locked around")

ASSISTED: t.Final = [e for e in ROWS if not any(word in e.name for word in _LEFT_OUT)]

Items = dict[str, int]


class Done(t.NamedTuple):
    """What one client has done.

    :param acknowledged: How many of each item it was told are in the cart for it.
    :param sent: How many changes it has sent.
    :param delayed: How often it was told to come back.
    """

    acknowledged: Counter[str]
    sent: int
    delayed: int


class Assistant:
    """A client of the standard.

    :param cart_id: Its cart; made by the first that has none.
    """

    def __init__(self, port: int, name: str, cart_id: str = "") -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self._name = name
        self.cart_id = cart_id

    def create(self, items: Items) -> None:
        status, body = self._ask("POST", CARTS, items)
        assert status == 201, body
        self.cart_id = body["id"]

    def read(self) -> Items:
        status, body = self._ask("GET", f"{CARTS}/{self.cart_id}")
        assert status == 200, body

        return _items_in(body)

    def put(self, items: Items) -> Items | None:
        """Let there be so many; what there is, or nothing if it is to come back."""
        status, body = self._ask("PUT", f"{CARTS}/{self.cart_id}", items)
        assert status in (200, 503), body

        return _items_in(body) if status == 200 else None

    def add_for_shopper(self) -> bool:
        return self._ask("POST", f"/shopper/{self.cart_id}")[0] == 200

    def close(self) -> None:
        self._connection.close()

    def _ask(
        self, method: str, path: str, items: Items | None = None
    ) -> tuple[int, t.Any]:
        lines = [{"item": {"id": k}, "quantity": n} for k, n in (items or {}).items()]
        headers = {
            "Content-Type": "application/json",
            "UCP-Agent": f'profile="https://{self._name}.example/profile"',
            # Where carts are by hand, it is what they are called.
            "Owner": self.cart_id or "cart",
        }
        body = json.dumps({"line_items": lines})
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        text = response.read()

        return response.status, json.loads(text) if response.status < 300 else text


def assist(port: int, cart_id: str, number: int, puts: int) -> Done:
    """Send the whole cart as it was shown last, with one more of two things."""
    own, delayed = f"own-{number}", 0

    with closing(Assistant(port, f"a{number}", cart_id)) as assistant:
        shown = assistant.read()

        for _ in range(puts):
            more = {each: shown.get(each, 0) + 1 for each in (SHARED, own)}

            while (answer := assistant.put(shown | more)) is None:
                delayed += 1

            shown = answer

    return Done(Counter({SHARED: puts, own: puts}), puts, delayed)


def shop(port: int, cart_id: str, adds: int) -> Done:
    """Add one thing again and again, as a browser does."""
    with closing(Assistant(port, "browser", cart_id)) as browser:
        added = sum(browser.add_for_shopper() for _ in range(adds))

    return Done(Counter({SHOPPER: added}), adds, 0)


def work(port: int, cart_id: str, number: int, puts: int) -> Done:
    """What one client does; the first one shops."""
    if number:
        return assist(port, cart_id, number, puts)

    return shop(port, cart_id, puts)


def measure(served: Served, crowd: Clients, assistants: int, puts: int) -> command.Line:
    """Let all of them change one cart at once."""
    with closing(Assistant(served.port, "first")) as first:
        first.create({SHARED: 1})
        tasks = [(served.port, first.cart_id, n, puts) for n in range(assistants + 1)]
        done = crowd.run(work, *tasks)
        stored = Counter(first.read())

    acknowledged = Counter({SHARED: 1})

    for each in done:
        acknowledged += each.acknowledged

    lost, doubled = acknowledged - stored, stored - acknowledged
    notes = {"lost": lost.total(), "doubled": doubled.total()}

    return command.Line(
        [
            sum(each.sent for each in done),
            acknowledged.total(),
            stored.total(),
            sum(each.delayed for each in done),
        ],
        [f"{number} {what}" for what, number in notes.items() if number],
        lost.total() + doubled.total() > 0,
    )


def _items_in(body: t.Any) -> Items:
    return {each["item"]["id"]: each["quantity"] for each in body["line_items"]}


def main() -> None:
    parser = command.make_parser(__doc__)
    parser.add_argument("--clients", type=int, default=16, metavar="N")
    parser.add_argument(
        "--puts", type=int, default=50, metavar="M", help="of each client"
    )
    options = parser.parse_args()
    rows = [each for each in command.rows_with(options.words) if each in ASSISTED]

    with ExitStack() as stack:
        crowd = stack.enter_context(harness.clients(options.clients + 1))

        def measure_row(served: Served) -> command.Line:
            return measure(served, crowd, options.clients, options.puts)

        is_kept = command.print_table(
            rows,
            COLUMNS,
            Places(stack, "standard"),
            measure_row,
            "assistants",
            ASSISTED,
        )

    sys.exit(not is_kept)


if __name__ == "__main__":
    main()
