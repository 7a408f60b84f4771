"""Real servers and folders for the carts, and gunicorn in front of them."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import ExitStack
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path

from tests.support import cache_servers
from tests.support import harness
from tests.support import servers

from .app import build
from .rows import Row

Start = Callable[[], AbstractContextManager[t.Any]]

_DATABASES: dict[str, Start] = {
    "postgresql": servers.postgresql,
    "mariadb": servers.mariadb,
}

#: Each with its address.
_CACHES: dict[str, tuple[Start, Callable[[t.Any], str]]] = {
    "redis": (cache_servers.redis, lambda server: server.url),
    "valkey": (cache_servers.valkey, lambda server: server.url),
    "cluster": (
        cache_servers.redis_cluster,
        lambda cluster: f"redis://127.0.0.1:{min(cluster.nodes)}/0",
    ),
    "sentinel": (
        cache_servers.redis_sentinel,
        lambda sentinel: f"127.0.0.1:{sentinel.port}",
    ),
    "memcached": (cache_servers.memcached, lambda server: server.url),
}


class Served(t.NamedTuple):
    """A row that answers.

    :param folder: A folder for its clients.
    :param guarantee: What it promises about two writers at once, if anything.
    """

    port: int
    folder: Path
    guarantee: str | None

    @property
    def is_safe(self) -> bool:
        """Whether it promises that two writers do not undo each other."""
        return self.guarantee in ("atomic", "locked")


class Places:
    """Where carts are kept. Each server is started when it is first asked for.

    :param stack: Ends them.
    :param app: The module of the app that is served.
    """

    def __init__(self, stack: ExitStack, app: str = "app") -> None:
        self._stack = stack
        self._app = app
        self._servers: dict[str, t.Any] = {}

    @contextmanager
    def serve(self, row: Row, *options: str) -> Iterator[Served]:
        """A row without any carts, served by 2 processes of 4 threads.

        :param options: Options of gunicorn, in place of the processes and threads.
        """
        with self.address(row.place) as address, servers.own_folder() as folder:
            if row.place in ("sqlite", *_DATABASES):
                _make_tables(row, address)

            with harness.gunicorn(
                address,
                folder / "log",
                *options,
                app=f"{__package__}.{self._app}:create_app()",
                ROW=row.name,
            ) as port:
                with closing(harness.Client(port, "")) as client:
                    guarantee = client.get("/about")["guarantee"]

                yield Served(port, folder, guarantee)

    @contextmanager
    def address(self, place: str) -> Iterator[str]:
        if place in _DATABASES:
            server = self._server(place, _DATABASES[place])

            with servers.fresh_database(server) as url:
                yield url
        elif place in _CACHES:
            start, address_of = _CACHES[place]
            server = self._server(place, start)
            server.clean()
            yield address_of(server)
        else:
            with servers.own_folder() as folder:
                yield f"sqlite:///{folder}/db" if place == "sqlite" else str(folder)

    def _server(self, place: str, start: Start) -> t.Any:
        if place not in self._servers:
            self._servers[place] = self._stack.enter_context(start())

        return self._servers[place]


def _make_tables(row: Row, address: str) -> None:
    """Make what the processes would otherwise make both at once."""
    app = build(row, address)

    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()
