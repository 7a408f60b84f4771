"""Metrics: what is counted and timed, whatever library keeps the numbers."""

from __future__ import annotations

import abc
import typing as t
from collections import Counter

from ..carts.observing import Access
from ..model.events import Event


class Metric(t.NamedTuple):
    """One thing that is counted or timed.

    :param name: What it is called, behind a prefix.
    :param help: What it is, in a sentence.
    :param labels: What it is divided by. None of them ever has many values.
    """

    name: str
    help: str
    labels: tuple[str, ...]


OPERATIONS: t.Final = Metric(
    "operations",
    "Operations on carts, by how the write went that they were part of.",
    ("storage", "operation", "outcome"),
)
CONFLICTS: t.Final = Metric(
    "conflicts",
    "Changes that were refused because the cart had changed.",
    ("storage", "action"),
)
RETRIES: t.Final = Metric(
    "retries",
    "Tries after the first one, because somebody else was faster.",
    ("storage", "action"),
)
EXPIRED_LEASES: t.Final = Metric(
    "expired_leases", "Locks that had run out before the save.", ("storage",)
)
EVENTS: t.Final = Metric(
    "events", "What was announced, by the name of its signal.", ("event",)
)
ACCESS_SECONDS: t.Final = Metric(
    "access_seconds",
    "How long the storage was used, with all retries.",
    ("storage", "action", "outcome"),
)
LOCK_WAIT_SECONDS: t.Final = Metric(
    "lock_wait_seconds", "Waits for somebody else's lock.", ("storage",)
)

#: What is counted.
COUNTERS: t.Final = (OPERATIONS, CONFLICTS, RETRIES, EXPIRED_LEASES, EVENTS)
#: What is timed.
TIMERS: t.Final = (ACCESS_SECONDS, LOCK_WAIT_SECONDS)

#: The bounds of the buckets of a timer, in seconds.
BUCKETS: t.Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class Metrics(abc.ABC):
    """An observer that counts and times. Say how in a subclass."""

    @abc.abstractmethod
    def count(self, metric: Metric, number: int, *labels: str) -> None:
        """Add to one of :data:`COUNTERS`.

        :param labels: The values of its labels.
        """

    @abc.abstractmethod
    def record(self, metric: Metric, seconds: float, *labels: str) -> None:
        """Note a time for one of :data:`TIMERS`.

        :param labels: The values of its labels.
        """

    def accessed(self, access: Access) -> None:
        storage, action, outcome = access.storage, access.action, access.outcome
        self.record(ACCESS_SECONDS, access.seconds, storage, action, outcome)

        for operation, number in Counter(access.operations).items():
            self.count(OPERATIONS, number, storage, operation, outcome)

        if outcome == "conflict":
            self.count(CONFLICTS, 1, storage, action)

        if access.retries:
            self.count(RETRIES, access.retries, storage, action)

        if access.expired_leases:
            self.count(EXPIRED_LEASES, access.expired_leases, storage)

        for seconds in access.lock_waits:
            self.record(LOCK_WAIT_SECONDS, seconds, storage)

    def happened(self, event: Event) -> None:
        self.count(EVENTS, 1, event.name)
