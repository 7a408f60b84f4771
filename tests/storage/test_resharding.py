"""Carts in a slot of a cluster that goes from one server to another."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import redis

from flask_cart import CartBusyError
from flask_cart import CartStorageError
from tests.support.cache_servers import Cluster
from tests.support.cache_servers import redis_client
from tests.support.redis_shops import CARTS
from tests.support.redis_shops import LOCK
from tests.support.redis_shops import WAKE
from tests.support.redis_shops import open_cluster_shop
from tests.support.servers import wait_until


class Slot(t.NamedTuple):
    """The slot of an owner's keys.

    :param source: The server that has it.
    :param target: The one that is to have it.
    """

    number: int
    source: redis.Redis
    target: redis.Redis

    def move(self) -> None:
        """Let the servers move it, as Valkey does since version 9."""
        self.source.execute_command(
            "CLUSTER MIGRATESLOTS",
            *["SLOTSRANGE", self.number, self.number],
            *["NODE", name_of(self.target)],
        )
        wait_until(lambda: self.has_moved)

    @property
    def has_moved(self) -> bool:
        """Whether both know that the target has it."""
        port = port_of(self.target)

        return all(self._port(node) == port for node in (self.source, self.target))

    def _port(self, node: redis.Redis) -> int | None:
        for first, last, master, *_ in node.execute_command("CLUSTER SLOTS"):
            if first <= self.number <= last:
                return int(master[1])

        return None

    def begin(self) -> None:
        """Begin to move it key by key, as ``redis-cli --cluster reshard`` does."""
        names = name_of(self.source), name_of(self.target)
        self._set(self.target, "IMPORTING", names[0])
        self._set(self.source, "MIGRATING", names[1])

    def move_keys(self) -> None:
        """Move all keys."""
        keys = self.source.execute_command("CLUSTER GETKEYSINSLOT", self.number, 100)
        command = "MIGRATE", "127.0.0.1", port_of(self.target), "", 0, 5000, "KEYS"
        self.source.execute_command(*command, *keys)

    def finish(self) -> None:
        """Say that it was moved."""
        for node in (self.target, self.source):
            self._set(node, "NODE", name_of(self.target))

    def _set(self, node: redis.Redis, state: str, name: str) -> None:
        node.execute_command("CLUSTER SETSLOT", self.number, state, name)


def name_of(node: redis.Redis) -> str:
    name = node.execute_command("CLUSTER MYID")

    return name.decode() if isinstance(name, bytes) else str(name)


def port_of(node: redis.Redis) -> int:
    return int(node.connection_pool.connection_kwargs["port"])


@pytest.fixture
def slot(redis_cluster: Cluster) -> Iterator[Slot]:
    """The slot of the owner's keys, that is moved back at the end."""
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(redis_client(port)) for port in redis_cluster.nodes
        ]
        number = nodes[0].execute_command("CLUSTER KEYSLOT", CARTS)
        source = nodes[number * 3 // 16384]
        target = next(each for each in nodes if each is not source)
        yield (slot := Slot(number, source, target))

        if slot.has_moved:
            Slot(number, target, source).move()


def test_all_keys_are_in_one_slot(slot: Slot) -> None:
    """Those of the carts, of their lock, and of what wakes who waits for it."""
    for name in (CARTS, LOCK, WAKE):
        assert slot.source.execute_command("CLUSTER KEYSLOT", name) == slot.number


def test_nobody_notices_a_move(redis_cluster: Cluster, slot: Slot) -> None:
    """While the servers move a slot at once, every add to a cart in it succeeds."""
    shop = open_cluster_shop(redis_cluster)
    shop.add()
    done = threading.Event()

    def add() -> int:
        count = 0

        while not done.is_set():
            shop.add()
            count += 1

        return count

    with ThreadPoolExecutor(1) as pool:
        added = pool.submit(add)

        try:
            slot.move()
        finally:
            done.set()

        # Somebody may still be at the last one.
        count = added.result()
        shop.add()
        assert shop.items() == {"mug": count + 2}

    assert slot.target.hlen(CARTS) == 1


def test_a_slot_on_its_way_can_be_read(redis_cluster: Cluster, slot: Slot) -> None:
    """Key by key: what is read is asked for where it is. A change is refused, and not
    made, until the slot has arrived."""
    shop = open_cluster_shop(redis_cluster)
    shop.add()
    slot.begin()

    try:
        assert shop.items() == {"mug": 1}
        refuse_to_add(shop)
        slot.move_keys()
        assert shop.items() == {"mug": 1}
        refuse_to_add(shop)
    finally:
        slot.finish()

    shop.add()
    assert shop.items() == {"mug": 2}


def refuse_to_add(shop: t.Any) -> None:
    with pytest.raises(CartStorageError) as error:
        shop.add()

    # Which would be tried again.
    assert not isinstance(error.value, CartBusyError)
    assert shop.items() == {"mug": 1}
