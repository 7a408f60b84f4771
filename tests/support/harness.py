"""Real servers and real clients: gunicorn, and a process for each client."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from gunicorn.app import wsgiapp

import flask_cart
from tests.support import servers
from tests.support.forks import FORKS

CLIENTS = 8
DEADLINE = 60.0

Answer = tuple[int, t.Any]

#: A file of the package, a text in it, and what comes in its place.
Mutation = tuple[str, str, str]


class Client:
    """One connection to a server, on behalf of one owner.

    :param port: The server's.
    :param owner: Whose cart it is about.
    """

    def __init__(self, port: int, owner: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.owner = owner

    def get(self, path: str) -> t.Any:
        return self._ask("GET", path, None)[1]

    def post(self, path: str, **fields: t.Any) -> Answer:
        return self._ask("POST", path, json.dumps(fields))

    def close(self) -> None:
        self.connection.close()

    def _ask(self, method: str, path: str, body: str | None) -> Answer:
        headers = {"Owner": self.owner, "Content-Type": "application/json"}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        text = response.read()

        return response.status, json.loads(text) if response.status == 200 else None


#: What the clients wait for each other at: by how many there are.
_barriers: dict[int, t.Any] = {}


def _set_up(barriers: dict[int, t.Any]) -> None:
    _barriers.update(barriers)


def together(number: int) -> None:
    """Wait until so many clients are here."""
    _barriers[number].wait(DEADLINE)


class Clients:
    """A process for each client."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(
        self, job: Callable[..., t.Any], *arguments: tuple[t.Any, ...]
    ) -> list[t.Any]:
        """Do a job in as many processes as there are tuples of arguments, at once."""
        # All wait for each other, so that no process can do two of them.
        jobs = [
            self._pool.submit(_start_together, len(arguments), job, *each)
            for each in arguments
        ]

        return [each.result(2 * DEADLINE) for each in jobs]


def _start_together(number: int, job: Callable[..., t.Any], *arguments: t.Any) -> t.Any:
    together(number)

    return job(*arguments)


@contextmanager
def clients(*numbers: int) -> Iterator[Clients]:
    """Client processes, of which so many can work at once; two or eight."""
    numbers = numbers or (2, CLIENTS)
    barriers = {number: FORKS.Barrier(number) for number in numbers}

    with ProcessPoolExecutor(
        max(numbers), mp_context=FORKS, initializer=_set_up, initargs=(barriers,)
    ) as pool:
        yield Clients(pool)


@contextmanager
def gunicorn(
    url: str,
    log: Path,
    *options: str,
    app: str = "tests.support.cart_app:create_app()",
    package: Path | None = None,
    **environment: str,
) -> Iterator[int]:
    """The app of the tests, on a free port, with 2 processes of 4 threads.

    :param url: The database.
    :param log: Where the server's log goes.
    :param options: Options of gunicorn, in place of the processes and threads.
    :param app: Another app.
    :param package: The folder to take ``flask_cart`` from.
    :return: The port.
    """
    servers.ask_for_servers()
    workers = options or ("--workers=2", "--threads=4", "--worker-class=gthread")
    path = [str(Path(__file__).parent), *sys.path]
    path = [str(package), *path] if package is not None else path
    arguments = [
        *workers,
        "--bind=127.0.0.1:0",
        "--no-control-socket",
        "--keep-alive=60",
        f"--log-file={log}",
        "--graceful-timeout=5",
        app,
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "DATABASE_URL": url,
        **environment,
    }
    # Gevent changes modules before they are imported.
    run = _started if "--worker-class=gevent" in workers else _forked

    with run(arguments, environment, log.parent) as is_running:
        yield _port_of(is_running, log)


@contextmanager
def _started(
    arguments: list[str], environment: dict[str, str], folder: Path
) -> Iterator[Callable[[], bool]]:
    """Gunicorn, in a process that imports everything anew."""
    command = [sys.executable, "-m", "gunicorn", *arguments]
    # Not the project's folder, whose packages would come before those of the path.
    process = subprocess.Popen(command, env=environment, cwd=folder)

    try:
        yield lambda: process.poll() is None
    finally:
        servers.end(process)


@contextmanager
def _forked(
    arguments: list[str], environment: dict[str, str], folder: Path
) -> Iterator[Callable[[], bool]]:
    """Gunicorn, in a process that has imported what most apps need."""
    process = FORKS.Process(target=_serve, args=(arguments, environment, folder))
    process.start()

    try:
        yield process.is_alive
    finally:
        process.terminate()
        process.join(15)
        process.kill()
        process.join()


def _serve(arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    path = environment["PYTHONPATH"].split(os.pathsep)

    if Path(path[0], "flask_cart").exists():
        _forget_packages(path)

    sys.argv = ["gunicorn", *arguments]
    wsgiapp.run()


def _forget_packages(path: list[str]) -> None:
    """Let our packages, of which others are on the path, be imported anew."""
    sys.path[:] = path

    for name in list(sys.modules):
        if name.partition(".")[0] in ("flask_cart", "tests", "benchmarks"):
            del sys.modules[name]


def broken_copy(folder: Path, mutation: Mutation) -> Path:
    """A copy of the package with one piece of text replaced.

    :return: The folder that it is in.
    """
    name, old, new = mutation
    (source,) = flask_cart.__path__
    copy = folder / "broken" / "flask_cart"
    shutil.copytree(source, copy)
    text = (copy / name).read_text()
    assert text.count(old) == 1, f"{name} has changed; adapt the mutation to it."
    (copy / name).write_text(text.replace(old, new))

    return copy.parent


def _port_of(is_running: Callable[[], bool], log: Path) -> int:
    deadline = time.monotonic() + DEADLINE

    while is_running() and time.monotonic() < deadline:
        text = log.read_text() if log.exists() else ""
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", text)

        if found is not None:
            return int(found[1])

        time.sleep(0.02)

    text = log.read_text() if log.exists() else ""
    pytest.fail(f"gunicorn did not start:\n{text}")


@contextmanager
def empty_database(
    request: pytest.FixtureRequest, name: str, folder: Path
) -> Iterator[str]:
    """The URL of an empty database that lasts as long as this block."""
    if name == "sqlite":
        yield f"sqlite:///{folder / 'carts.sqlite3'}"
        return

    server: servers.Server = request.getfixturevalue(f"{name}_server")

    with servers.fresh_database(server) as url:
        yield url


def add_many(port: int, owner: str, item: str, times: int) -> list[int]:
    """Add an item many times.

    :return: The statuses of the answers.
    """
    client = Client(port, owner)
    statuses = [client.post("/add", item=item)[0] for _ in range(times)]
    client.close()

    return statuses


def add_first(port: int, owners: list[str]) -> list[int]:
    """Add an item to each of many new carts, at the same time as all other clients."""
    client = Client(port, "")
    statuses = []

    for owner in owners:
        client.owner = owner
        together(CLIENTS)
        statuses.append(client.post("/add", item="mug")[0])

    client.close()

    return statuses


def set_many(
    port: int, owner: str, name: int, is_expected: bool, rounds: int
) -> list[Answer]:
    """Set a quantity, many times, at the same time as another client.

    :param name: Tells the quantities of the two apart.
    :param is_expected: Whether each change is to be about what both were shown before.
    """
    client = Client(port, owner)
    answers = []

    for number in range(rounds):
        quantity = 2 * number + name + 2
        version = client.get("/cart")["version"] if is_expected else None
        together(2)
        answers.append(client.post("/set_quantity", quantity=quantity, version=version))
        together(2)

    client.close()

    return answers


def post_once(port: int, owner: str, path: str, fields: dict[str, t.Any]) -> Answer:
    client = Client(port, owner)
    answer = client.post(path, **fields)
    client.close()

    return answer


def post_each(
    port: int, owners: list[str], path: str, fields: list[dict[str, t.Any]], number: int
) -> list[Answer]:
    """Post the same thing for many owners, each at the same time as other clients."""
    client = Client(port, "")
    answers = []

    for owner, each in zip(owners, fields, strict=True):
        client.owner = owner
        together(number)
        answers.append(client.post(path, **each))

    client.close()

    return answers


def shop_alone(port: int, owner: str, times: int) -> list[t.Any]:
    """Add to a cart of one's own and to one that all share, and look at one's own."""
    own = Client(port, owner)
    shared = Client(port, "user:all")
    seen = []

    for _ in range(times):
        status, _ = shared.post("/add", item="mug")
        _, cart = own.post("/add", item=owner)
        seen.append((status, cart["items"], own.get("/cart")["items"]))

    own.close()
    shared.close()

    return seen
