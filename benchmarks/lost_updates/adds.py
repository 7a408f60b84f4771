"""Many clients that add to one cart at once, each an item of its own."""

from __future__ import annotations

import typing as t
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.support.harness import Clients

from .browser import Tab
from .places import Served

OWNER = "user:shared"


class Added(t.NamedTuple):
    """What one client was answered.

    :param statuses: How often each status.
    :param retries: How often the server tried again.
    """

    statuses: Counter[int]
    retries: int

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


def add_together(served: Served, crowd: Clients, clients: int, adds: int) -> Outcome:
    """Let clients of one browser and owner add to a cart, all at once."""
    jar = served.folder / "jar"
    items = [f"item-{number}" for number in range(clients)]

    with closing(Tab(served.port, jar, OWNER)) as tab:
        begun = tab.post("/begin")
        assert begun.status == 200, begun
        added = crowd.run(add_many, *((served.port, jar, item, adds) for item in items))
        stored = tab.cart()

    return Outcome(dict(zip(items, added, strict=True)), stored)


def add_many(port: int, jar: Path, item: str, adds: int) -> Added:
    """What one client does."""
    with closing(Tab(port, jar, OWNER)) as tab:
        answers = [tab.post("/add", item=item) for _ in range(adds)]

    return Added(
        Counter(answer.status for answer in answers),
        sum(answer.retries for answer in answers),
    )
