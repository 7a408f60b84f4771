"""MariaDB Galera: three nodes on this machine, each of which takes writes."""

from __future__ import annotations

import shutil
import typing as t
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.support.servers import Daemon
from tests.support.servers import as_another_user
from tests.support.servers import free_port
from tests.support.servers import init_mariadb
from tests.support.servers import mariadb_programs
from tests.support.servers import mariadb_url
from tests.support.servers import missing
from tests.support.servers import own_folder
from tests.support.servers import running
from tests.support.servers import tmpdir_beside
from tests.support.servers import wait_until

LIBRARY = Path("/usr/lib/galera/libgalera_smm.so")
NODES = 3


class Node(t.NamedTuple):
    """One of the servers.

    :param url: The URL of a database on it; ``{name}`` stands for its name.
    """

    daemon: Daemon
    url: str

    def database(self, name: str) -> str:
        """The URL of a database, as this node has it."""
        return self.url.format(name=name)

    @property
    def is_ready(self) -> bool:
        """Whether it is in touch with the others, and takes work."""
        engine = sa.create_engine(self.database("mysql"), poolclass=sa.NullPool)

        try:
            with engine.connect() as connection:
                status = connection.exec_driver_sql("SHOW STATUS LIKE 'wsrep_ready'")

                return bool(status.one()[1] == "ON")
        except sa.exc.DBAPIError:
            return False


class _Ports(t.NamedTuple):
    """Where a node talks to the others, is sent what it has missed, and is sent
    everything."""

    group: int
    changes: int
    everything: int


@contextmanager
def galera() -> Iterator[list[Node]]:
    """A cluster of three nodes, on unix sockets for its clients."""
    server, install = mariadb_programs()

    if not LIBRARY.exists():
        missing("Galera")

    if shutil.which("rsync") is None:
        missing("rsync, for a node of Galera that joins")

    # As root, rsync would write as somebody who may not.
    program = [*as_another_user(), server]

    with own_folder() as folder, ExitStack() as stack:
        ports = [_Ports(*(free_port() for _ in range(3))) for _ in range(NODES)]
        init_mariadb(install, _data_of(folder, 0))
        nodes = []

        for number in range(NODES):
            _data_of(folder, number).mkdir(exist_ok=True)
            node = _node(folder, program, ports, number)
            stack.enter_context(running(node.daemon))
            nodes.append(node)

        yield nodes

        # One that is held would keep the others from finishing.
        for node in nodes:
            if node.daemon.process.poll() is None:
                node.daemon.resume()


def wait_for(nodes: t.Iterable[Node]) -> None:
    """Wait until the nodes have found each other."""
    for node in nodes:
        wait_until(lambda node=node: node.is_ready)  # type: ignore[misc]


def _data_of(folder: Path, number: int) -> Path:
    return folder / f"data{number}"


def _node(folder: Path, program: list[str], ports: list[_Ports], number: int) -> Node:
    mine = ports[number]
    group = f"127.0.0.1:{mine.group}"
    # The first one is alone when it is started.
    others = ",".join(f"127.0.0.1:{each.group}" for each in ports) if number else ""
    options = [
        f"base_port={mine.group}",
        f"gmcast.listen_addr=tcp://{group}",
        f"ist.recv_addr=127.0.0.1:{mine.changes}",
        # Seconds until a node that says nothing is taken for dead.
        "evs.suspect_timeout=PT3S",
        "evs.inactive_timeout=PT6S",
        "pc.announce_timeout=PT20S",
        "gcache.size=16M",
    ]
    socket = folder / f"socket{number}"
    command = [
        *program,
        "--no-defaults",
        f"--datadir={_data_of(folder, number)}",
        tmpdir_beside(_data_of(folder, number)),
        f"--socket={socket}",
        f"--pid-file={folder}/pid{number}",
        "--skip-networking",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-buffer-pool-size=16M",
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
        "--wsrep-on=ON",
        f"--wsrep-provider={LIBRARY}",
        "--wsrep-cluster-name=carts",
        f"--wsrep-cluster-address=gcomm://{others}",
        "--wsrep-sst-method=rsync",
        f"--wsrep-node-name=node{number}",
        f"--wsrep-node-address={group}",
        f"--wsrep-sst-receive-address=127.0.0.1:{mine.everything}",
        f"--wsrep-provider-options={';'.join(options)}",
    ]
    url = mariadb_url(f"unix_socket={socket}")
    node: Node
    daemon = Daemon(command, folder / f"log{number}", lambda: node.is_ready)
    node = Node(daemon, url)

    return node
