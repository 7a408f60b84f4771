"""What came of each constellation is a row of a table, which the docs show."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Final
from typing import Protocol

import pytest

from tests.support.customers import Config
from tests.support.forgetful import collect_sockets  # noqa: F401
from tests.support.forgetful import forgetful
from tests.support.rides import Fault
from tests.support.rides import Verdict
from tests.support.rides import ride

#: How many operations of each client succeed between two faults; ``make distributed``
#: takes more, and writes the table.
TIMES: Final = int(os.environ.get("CART_DISTRIBUTED_TIMES", "15"))
TABLE: Final = os.environ.get("CART_DISTRIBUTED_TABLE")

#: What the checker says of a version that stands for two contents: never, whatever is
#: lost.
MIXED_UP: Final = ("text of another version", "got version")


class Ride(Protocol):
    """Rides on what has several parts, and judges them."""

    def __call__(
        self,
        name: str,
        fault: str,
        configs: Config | list[Config],
        *faults: Fault,
        may_lose: str = "",
    ) -> Verdict:
        """Use carts while servers fail.

        :param name: Of the servers, for the table.
        :param fault: What happens to them, for the table.
        :param configs: Of the clients, in turn.
        :param faults: What happens to them, one after the other.
        :param may_lose: What of the acknowledged they may lose; nothing, if left out.
        """


@pytest.fixture
def judged(tmp_path: Path) -> Ride:
    """What carts on something come to, while servers fail."""

    def run(
        name: str,
        fault: str,
        configs: Config | list[Config],
        *faults: Fault,
        may_lose: str = "",
    ) -> Verdict:
        clients = configs if isinstance(configs, list) else [configs]
        verdict = ride(clients, tmp_path, TIMES, *faults)
        found = verdict.found
        never = [each for each in found if any(text in each for text in MIXED_UP)]

        assert verdict.raised == []
        assert never == []
        assert found == [] or may_lose
        _write(name, fault, verdict, may_lose)

        return verdict

    return run


def _write(name: str, fault: str, verdict: Verdict, may_lose: str) -> None:
    if TABLE is None:
        return

    with Path(TABLE).open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(
            [
                name,
                fault,
                sum(verdict.outcomes.values()),
                verdict.outcomes["unknown"],
                may_lose or "nothing",
                "nothing" if not verdict.found else "that",
            ]
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(forgetful)
