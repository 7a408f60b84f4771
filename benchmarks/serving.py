"""Gunicorn around an app, in a process that has imported nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support import servers

#: Options of gunicorn.
ONE_THREAD: t.Final = ("--workers=1", "--threads=1", "--worker-class=gthread")

PROJECT: t.Final = Path(__file__).parent.parent


class Server(t.NamedTuple):
    """A worker that answers.

    :param master: The process that has started it.
    """

    port: int
    master: int

    @property
    def worker(self) -> psutil.Process:
        (worker,) = psutil.Process(self.master).children()

        return worker


@contextmanager
def serve(
    app: str, python: Path = Path(sys.executable), **environment: str
) -> Iterator[Server]:
    """An app on a free port, with one worker of one thread.

    :param app: As gunicorn writes it.
    :param python: The interpreter, of which ``gunicorn`` is a package.
    """
    servers.ask_for_servers()
    port = servers.free_port()
    options = [f"--bind=127.0.0.1:{port}", "--keep-alive=60", "--graceful-timeout=5"]
    # What it has to say otherwise would come between the rows of a table.
    options += ["--no-control-socket", "--log-level=warning", *ONE_THREAD]
    process = subprocess.Popen(
        [python, "-m", "gunicorn", *options, app], env=variables(environment)
    )

    try:
        servers.wait_until(lambda: _listens(port), process)
        yield Server(port, process.pid)
    finally:
        servers.end(process)


def variables(more: t.Mapping[str, str]) -> dict[str, str]:
    """An environment in which this project can be imported from."""
    return {**os.environ, "PYTHONPATH": str(PROJECT), **more}


def _listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
