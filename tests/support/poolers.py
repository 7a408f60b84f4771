"""PgBouncer, which lends few connections of PostgreSQL to many clients."""

from __future__ import annotations

import shutil
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from tests.support.servers import Daemon
from tests.support.servers import Server
from tests.support.servers import as_another_user
from tests.support.servers import ask_for_servers
from tests.support.servers import missing
from tests.support.servers import own_folder
from tests.support.servers import running


class Pooler(t.NamedTuple):
    """A running PgBouncer.

    :param url: The URL of a database behind it; ``{name}`` stands for its name.
    """

    url: str

    def database(self, name: str) -> str:
        """The URL of a database."""
        return self.url.format(name=name)

    def reconnect(self) -> None:
        """Let it take new connections to PostgreSQL from now on."""
        console = sa.make_url(self.database("pgbouncer"))
        (host,) = console.normalized_query["host"]

        # It knows a few commands, and nothing that an engine would ask.
        with psycopg.connect(
            host=host, user="postgres", dbname="pgbouncer", autocommit=True
        ) as connection:
            connection.execute("RECONNECT")


@contextmanager
def pgbouncer(server: Server, pool_size: int) -> Iterator[Pooler]:
    """PgBouncer in front of a PostgreSQL, whose connections it lends for a transaction
    each.

    :param pool_size: How many it has of each database.
    """
    ask_for_servers()
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

    if program is None:
        missing("PgBouncer")

    (host,) = sa.make_url(server.url).normalized_query["host"]
    with own_folder() as folder:
        config = folder / "pgbouncer.ini"
        config.write_text(
            "[databases]\n"
            f"* = host={host} user=postgres\n"
            "[pgbouncer]\n"
            "listen_port = 5432\n"
            f"unix_socket_dir = {folder}\n"
            "auth_type = any\n"
            "admin_users = postgres\n"
            "pool_mode = transaction\n"
            f"default_pool_size = {pool_size}\n"
            "max_client_conn = 200\n"
        )
        socket = folder / ".s.PGSQL.5432"
        log = folder / "log"
        # It refuses to run as root.
        command = [*as_another_user(), program, str(config)]
        daemon = Daemon(command, log, socket.exists)

        with running(daemon):
            yield Pooler(f"postgresql+psycopg://postgres@/{{name}}?host={folder}")
