"""Two requests about one cart at once, many times: how often is an item lost?

    python -m benchmarks.lost_updates.races --runs 200 postgresql redis

It fails if a storage that promises to keep what it has acknowledged has not.
"""

from __future__ import annotations

import socket
import sys
import threading
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path

from . import command
from .browser import Answer
from .browser import Tab
from .places import Places
from .places import Served

TIMEOUT = 60.0

Request = Callable[[], Answer]


class Gate:
    """Keeps a view of the server waiting."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT)
        self.port: int = self._listener.getsockname()[1]

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Wait until a view stands at the gate; it goes on after this block."""
        connection, _ = self._listener.accept()

        with connection:
            yield

    def close(self) -> None:
        self._listener.close()


class Run:
    """Two tabs of a browser that is new, with nothing in its cart.

    :param number: Which run it is.
    :param jar: A folder for the browser's cookies.
    """

    def __init__(
        self, port: int, number: int, jar: Path, gate: Gate, pool: ThreadPoolExecutor
    ) -> None:
        self.number = number
        self.gate = gate
        self._pool = pool
        owner = f"user:{jar.name}"
        self.tabs = [Tab(port, jar, owner), Tab(port, jar, owner)]
        begun = self.tabs[0].post("/begin")
        assert begun.status == 200, begun

    def fill(self) -> None:
        """Put a mug into the cart."""
        filled = self.add(0, "mug")
        assert filled.status == 200, filled

    def add(self, tab: int, item: str) -> Answer:
        return self.tabs[tab].post("/add", item=item)

    def clear(self, tab: int, gate: int | None) -> Answer:
        return self.tabs[tab].post("/clear", gate=gate)

    def at_once(self, *requests: Request) -> list[Answer]:
        """Send requests at the same time, each from a thread of its own."""
        together = threading.Barrier(len(requests))

        def send(request: Request) -> Answer:
            together.wait(TIMEOUT)

            return request()

        return list(self._pool.map(send, requests))

    def inside(self, slow: Request, fast: Request) -> tuple[Answer, Answer]:
        """Send a request and get its answer while another one waits at the gate."""
        started = self._pool.submit(slow)

        with self.gate.holding():
            answer = fast()

        return started.result(TIMEOUT), answer

    def stored(self) -> dict[str, int]:
        return self.tabs[0].cart()

    def close(self) -> None:
        for tab in self.tabs:
            tab.close()


class Result(t.NamedTuple):
    """What came of one run.

    :param is_wrong: Whether the cart is not what the answers have said.
    :param unsaved: How many adds were not acknowledged.
    """

    is_wrong: bool
    unsaved: int


def add_beside_add(run: Run) -> Result:
    run.fill()

    return _add_two(run, {"mug": 1})


def first_add_beside_first_add(run: Run) -> Result:
    return _add_two(run, {})


def _add_two(run: Run, before: dict[str, int]) -> Result:
    answers = run.at_once(lambda: run.add(0, "pot"), lambda: run.add(1, "pan"))
    added = {
        item: 1
        for item, answer in zip(["pot", "pan"], answers, strict=True)
        if answer.status == 200
    }

    return Result(run.stored() != before | added, 2 - len(added))


def slow_reader_beside_add(run: Run) -> Result:
    return _slow_beside_add(run, f"/slow?gate={run.gate.port}&reads=1")


def slow_stranger_beside_add(run: Run) -> Result:
    return _slow_beside_add(run, f"/slow?gate={run.gate.port}")


def _slow_beside_add(run: Run, path: str) -> Result:
    run.fill()
    seen, answer = run.inside(lambda: run.tabs[0].get(path), lambda: run.add(1, "pot"))
    assert seen.status == 200, seen
    added = {"pot": 1} if answer.status == 200 else {}

    return Result(run.stored() != {"mug": 1} | added, 1 - len(added))


def clear_beside_add(run: Run) -> Result:
    run.fill()

    def add() -> Answer:
        return run.add(1, "pot")

    if run.number % 2:
        # After the clear has looked at the cart, and before it writes.
        cleared, answer = run.inside(lambda: run.clear(0, run.gate.port), add)
    else:
        cleared, answer = run.at_once(lambda: run.clear(0, None), add)

    added = {"pot": 1} if answer.status == 200 else {}

    if cleared.status != 200:
        expected = {"mug": 1} | added
    elif "pot" in cleared.body["seen"]:
        expected = {}
    else:
        expected = added

    return Result(run.stored() != expected, 1 - len(added))


RACES: dict[str, Callable[[Run], Result]] = {
    "add, add": add_beside_add,
    "GET that reads, add": slow_reader_beside_add,
    "GET that does not, add": slow_stranger_beside_add,
    "clear, add": clear_beside_add,
    "first add, first add": first_add_beside_first_add,
}


class Outcome(t.NamedTuple):
    """What came of all runs of all races.

    :param wrong: How many runs of each race went wrong.
    :param unsaved: How many adds were not acknowledged.
    """

    wrong: Counter[str]
    unsaved: int


def run_races(served: Served, runs: int) -> Outcome:
    """Run every race many times."""
    wrong: Counter[str] = Counter()
    unsaved = 0

    with ThreadPoolExecutor(2) as pool, closing(Gate()) as gate:
        for index, (name, race) in enumerate(RACES.items()):
            for number in range(runs):
                jar = served.folder / f"{index}-{number}"

                with closing(Run(served.port, number, jar, gate, pool)) as run:
                    result = race(run)

                wrong[name] += result.is_wrong
                unsaved += result.unsaved

    return Outcome(wrong, unsaved)


def main() -> None:
    parser = command.make_parser(__doc__)
    parser.add_argument(
        "--runs", type=int, default=200, metavar="N", help="of each race"
    )
    options = parser.parse_args()
    rows = command.rows_with(options.words)

    def measure(served: Served) -> command.Line:
        return line_of(run_races(served, options.runs))

    with ExitStack() as stack:
        print(f"Of {options.runs} runs, the cart was not what the answers had said in:")
        is_kept = command.print_table(
            rows, list(RACES), Places(stack), measure, "races"
        )

    sys.exit(not is_kept)


def line_of(outcome: Outcome) -> command.Line:
    notes = [f"{outcome.unsaved} adds refused"] if outcome.unsaved else []

    return command.Line(
        [outcome.wrong[name] for name in RACES], notes, outcome.wrong.total() > 0
    )


if __name__ == "__main__":
    main()
