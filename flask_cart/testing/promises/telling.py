"""Histories of many clients: nothing that one was told may contradict another."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ...storage.base import Storage
from ..history.checking import check_history
from ..history.clients import Client
from ..history.records import Record
from ..others import COUNT
from ..others import LIMIT
from ..others import Here
from ..others import Others
from ..others import results_of
from ..traits import Traits
from ..traits import excludes
from ..traits import only_if

#: How many operations each client tries.
TIMES: t.Final = int(os.environ.get("CART_HISTORY_TIMES", "10"))


class Telling(Traits):
    """What clients of real carts are told, taken together."""

    @only_if(excludes)
    def test_history(self, storage: Storage, others: Others, tmp_path: Path) -> None:
        """Of what many clients do at random, what was acknowledged happened once, what
        was refused never, and nothing was read that was older."""
        jobs = [
            others.start(do, number, tmp_path, TIMES, number=number)
            for number in range(COUNT)
        ]
        records = [each for done in results_of(jobs, LIMIT + TIMES) for each in done]
        last = Client("the last one", storage, tmp_path)
        last.look(TIMES)
        found = check_history([*records, *last.history.records])

        assert not found, "\n".join(found)


def do(here: Here, number: int, orders: Path, times: int) -> list[Record]:
    """Be one of the clients."""
    client = Client(f"client {number}", here.storage, orders)
    client.act(times)

    return client.history.records
