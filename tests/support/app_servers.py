"""Servers of WSGI apps as people run them, each with one process of a small shop."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import servers

#: Where the shop is, and what an ASGI server is given instead.
_WSGI: t.Final = "tests.support.body_shop:app"
_ASGI: t.Final = "tests.support.body_shop:asgi"

_GUNICORN: t.Final = ("-m", "gunicorn", "--no-control-socket", "-b", "127.0.0.1:{port}")

#: What each is started with; the first word is a module of its own, or its program.
SERVERS: t.Final[dict[str, tuple[str, ...]]] = {
    "gunicorn-sync": (*_GUNICORN, "-k", "sync", _WSGI),
    "gunicorn-gthread": (*_GUNICORN, "-k", "gthread", "--threads=4", _WSGI),
    "gunicorn-gevent": (*_GUNICORN, "-k", "gevent", _WSGI),
    "waitress": ("-m", "waitress", "--listen=127.0.0.1:{port}", _WSGI),
    "uvicorn": ("-m", "uvicorn", "--host=127.0.0.1", "--port={port}", _ASGI),
    "hypercorn": ("-m", "hypercorn", "-b", "127.0.0.1:{port}", f"wsgi:{_WSGI}"),
    "uwsgi": (
        "pyuwsgi",
        "--http-socket=127.0.0.1:{port}",
        "--master",
        "--need-app",
        f"--module={_WSGI}",
    ),
    "werkzeug": ("-m", "flask", "--app", _WSGI, "run", "--port={port}"),
}

#: Those whose package is named otherwise than the server.
_PACKAGES: t.Final = {"uwsgi": "pyuwsgi", "werkzeug": "flask", "uvicorn": "a2wsgi"}


@contextmanager
def app_server(name: str, log: Path) -> Iterator[int]:
    """One of the servers, on a free port.

    :param log: Where all goes that it has to say.
    """
    package = _PACKAGES.get(name, name.partition("-")[0])

    if importlib.util.find_spec(package) is None:
        servers.missing(package)

    port = servers.free_port()
    command = [each.format(port=port) for each in _command(*SERVERS[name])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    with (
        log.open("wb") as said,
        servers.listening(
            command,
            port,
            env=environment,
            # Not the project's folder, whose packages come before those of the path.
            cwd=log.parent,
            stdout=said,
            stderr=said,
        ),
    ):
        yield port


def _command(program: str, *arguments: str) -> list[str]:
    if program == "-m":
        return [sys.executable, program, *arguments]

    found = shutil.which(program, path=str(Path(sys.executable).parent))

    return [found or program, *arguments]
