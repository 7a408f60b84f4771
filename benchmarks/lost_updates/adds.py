"""Many clients that add to one cart at once, each an item of its own."""

from __future__ import annotations

import time
import typing as t
from collections import Counter
from contextlib import ExitStack
from contextlib import closing
from pathlib import Path

from tests.support.harness import Clients

from .browser import Answer
from .browser import Tab
from .places import Served

OWNER = "user:shared"


class Added(t.NamedTuple):
    """What one client was answered.

    :param statuses: How often each status.
    :param retries: How often the server tried again.
    :param seconds: How long it waited for each answer.
    """

    statuses: Counter[int]
    retries: int
    seconds: tuple[float, ...] = ()

    @property
    def at_most(self) -> int:
        """How many may be in the cart: one that failed may have come through."""
        return self.statuses.total() - self.statuses[409]


class Outcome(t.NamedTuple):
    """What came of all the adds.

    :param added: By the item that the client added.
    :param stored: The quantities in the cart, by item.
    """

    added: dict[str, Added]
    stored: dict[str, int]

    @property
    def sent(self) -> int:
        return sum(each.statuses.total() for each in self.added.values())

    @property
    def acknowledged(self) -> int:
        return self._answered(200)

    @property
    def refused(self) -> int:
        """How many were told that there was a conflict."""
        return self._answered(409)

    @property
    def failed(self) -> int:
        """How many were told nothing about the cart."""
        return self.sent - self.acknowledged - self.refused

    @property
    def retries(self) -> int:
        return sum(each.retries for each in self.added.values())

    @property
    def lost(self) -> int:
        """How many were acknowledged, and are not in the cart."""
        return sum(
            max(0, each.statuses[200] - self.stored.get(item, 0))
            for item, each in self.added.items()
        )

    @property
    def doubled(self) -> int:
        """How many are in the cart without having been sent, or though refused."""
        return sum(
            max(0, self.stored.get(item, 0) - each.at_most)
            for item, each in self.added.items()
        )

    def _answered(self, status: int) -> int:
        return sum(each.statuses[status] for each in self.added.values())


def add_together(
    served: Served, crowd: Clients, clients: int, adds: int, *, apart: bool = False
) -> Outcome:
    """Let clients add, all at once.

    :param apart: Give each a cart of its own; else they are of one browser and owner.
    """
    items = [f"item-{number}" for number in range(clients)]
    owners = [f"user:{item}" if apart else OWNER for item in items]
    jars = [served.folder / owner for owner in owners]
    stored: Counter[str] = Counter()

    with ExitStack() as stack:
        tabs = {
            owner: stack.enter_context(closing(Tab(served.port, jar, owner)))
            for owner, jar in zip(owners, jars, strict=True)
        }

        for tab in tabs.values():
            begun = tab.post("/begin")
            assert begun.status == 200, begun

        work = zip(jars, owners, items, strict=True)
        added = crowd.run(add_many, *((served.port, *each, adds) for each in work))

        for tab in tabs.values():
            stored.update(tab.cart())

    return Outcome(dict(zip(items, added, strict=True)), stored)


def add_many(port: int, jar: Path, owner: str, item: str, adds: int) -> Added:
    """What one client does."""
    answers: list[Answer] = []
    seconds: list[float] = []

    with closing(Tab(port, jar, owner)) as tab:
        for _ in range(adds):
            start = time.perf_counter()
            answers.append(tab.post("/add", item=item))
            seconds.append(time.perf_counter() - start)

    return Added(
        Counter(answer.status for answer in answers),
        sum(answer.retries for answer in answers),
        tuple(seconds),
    )
