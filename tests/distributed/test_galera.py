"""MariaDB Galera: three nodes, each of which takes writes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.distributed.conftest import Ride
from tests.support.backends import in_database
from tests.support.customers import Config
from tests.support.customers import create_tables
from tests.support.galera import Node
from tests.support.galera import galera
from tests.support.galera import wait_for
from tests.support.rides import Verdict

NAME = "MariaDB Galera, writes to three nodes"

#: What the checker says of a read of the past: an older text, or none where there was
#: no cart yet.
STALE = ("read as it was before", "not there when it was read")


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Node]]:
    with galera() as nodes:
        yield nodes


def configs_for(nodes: list[Node], name: str, sync_wait: int) -> list[Config]:
    """The same carts on every node, in a new database."""
    engine = sa.create_engine(nodes[0].database("mysql"), poolclass=sa.NullPool)

    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")

    command = f"SET wsrep_sync_wait = {sync_wait}"
    options = {"connect_args": {"init_command": command, "read_timeout": 5}}
    configs = [
        in_database(node.database(name), SQLALCHEMY_ENGINE_OPTIONS=options)
        for node in nodes
    ]
    create_tables(configs[0])

    return configs


def of_more_than_reads(verdict: Verdict) -> list[str]:
    return [each for each in verdict.found if not any(stale in each for stale in STALE)]


def test_a_node_frozen_then_killed(judged: Ride, nodes: list[Node]) -> None:
    """What one of the nodes acknowledged, all of them have.

    A node that goes on after a pause does not know at once that the others went on
    without it: until then it waits for nobody, and reads what was.
    """
    configs = configs_for(nodes, "in_sync", 7)

    def freeze() -> None:
        nodes[2].daemon.pause()
        wait_for(nodes[:2])
        nodes[2].daemon.resume()
        wait_for(nodes)

    def kill() -> None:
        nodes[1].daemon.kill()
        wait_for([nodes[0], nodes[2]])
        nodes[1].daemon.start()
        wait_for(nodes)

    verdict = judged(
        f"{NAME}, ``wsrep_sync_wait = 7``",
        "a node frozen, another one killed and joined again",
        configs,
        freeze,
        kill,
        may_lose="nothing, but the frozen node may read what was before",
    )

    assert of_more_than_reads(verdict) == []


def test_without_sync_wait(judged: Ride, nodes: list[Node]) -> None:
    """A node may read what was there before; on top of it, nothing is saved."""
    configs = configs_for(nodes, "out_of_sync", 0)
    verdict = judged(
        f"{NAME}, ``wsrep_sync_wait = 0``",
        "none",
        configs,
        may_lose="nothing, but may read what was before",
    )

    assert of_more_than_reads(verdict) == []
