"""The tests of this folder find what they are there to find.

Each breaks a copy of the package in one of the ways in which carts are usually broken,
and lets the same clients add to the same cart as in ``test_400_adds``.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.support.harness import CLIENTS
from tests.support.harness import Client
from tests.support.harness import Clients
from tests.support.harness import Mutation
from tests.support.harness import add_first
from tests.support.harness import add_many
from tests.support.harness import broken_copy
from tests.support.harness import clients
from tests.support.harness import empty_database
from tests.support.harness import gunicorn
from tests.support.harness import post_each
from tests.support.shops import open_shop

#: Another version is compared than the one that was read.
COMPARES_WITH_ITSELF = (
    "storage/sql/database.py",
    """
        if deletes_nothing(changes):
            return False
""",
    """
        found = {name: self.load(CartKey(owner, name)) for name in changes}
        changes = {
            name: each._replace(expected=found[name].version if found[name] else 0)
            for name, each in changes.items()
        }
        if deletes_nothing(changes):
            return False
""",
)

#: A lost save is given up.
NEVER_TRIES_AGAIN = (
    "carts/repository.py",
    "for number in range(self.attempts):",
    "for number in range(0):",
)

#: Somebody else's first save is taken for a failure of the database.
LOST_INSERT_IS_AN_ERROR = (
    "storage/sql/database.py",
    "return _LostError()",
    "return RuntimeError()",
)

#: What the shopper has not seen is cleared, too.
CLEARS_BLINDLY = (
    "model/removing.py",
    """
class Clear(msgspec.Struct, frozen=True):
    \"\"\"Remove all that the shopper saw.\"\"\"

    reapplies: ClassVar[bool] = False
""",
    """
class Clear(msgspec.Struct, frozen=True):
    reapplies: ClassVar[bool] = True
""",
)


@pytest.fixture(scope="module")
def crowd() -> Iterator[Clients]:
    """Eight client processes, for all tests."""
    with clients() as crowd:
        yield crowd


def check_package(port: int, package: Path) -> None:
    """See that the server runs the broken copy."""
    client = Client(port, "user:1")
    assert client.get("/module")["file"].startswith(str(package))
    client.close()


class Outcome(t.NamedTuple):
    """What came of the adds.

    :param statuses: How often each status was answered.
    :param stored: How many items are there.
    """

    statuses: Counter[int]
    stored: int


def outcome(
    request: pytest.FixtureRequest,
    folder: Path,
    crowd: Clients,
    name: str,
    mutation: Mutation,
    job: t.Callable[..., list[int]],
    *arguments: t.Any,
) -> Outcome:
    """Let all clients do a job with a server that runs the broken copy."""
    package = broken_copy(folder, mutation)

    with (
        empty_database(request, name, folder) as url,
        open_shop(url) as shop,
        gunicorn(url, folder / "log", package=package) as port,
    ):
        check_package(port, package)
        statuses = crowd.run(job, *((port, *arguments) for _ in range(CLIENTS)))
        stored = shop.stored()
        found = Outcome(
            Counter(chain.from_iterable(statuses)), sum((stored or {}).values())
        )

    print(name, found)

    return found


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mariadb"])
def test_lost_items_are_found(
    request: pytest.FixtureRequest, tmp_path: Path, crowd: Clients, name: str
) -> None:
    """Without the version that was read, items are lost though each add succeeded."""
    found = outcome(
        request,
        tmp_path,
        crowd,
        name,
        COMPARES_WITH_ITSELF,
        add_many,
        "user:1",
        "mug",
        50,
    )

    assert found.statuses == {200: 400}
    assert found.stored < 400


def test_refused_adds_are_found(
    request: pytest.FixtureRequest, tmp_path: Path, crowd: Clients
) -> None:
    """Without trying again, adds are refused; those that succeeded are all there."""
    found = outcome(
        *(request, tmp_path, crowd, "postgresql", NEVER_TRIES_AGAIN),
        *(add_many, "user:1", "mug", 50),
    )

    assert found.statuses[409] > 0
    assert found.statuses[200] == found.stored < 400


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_failed_first_adds_are_found(
    request: pytest.FixtureRequest, tmp_path: Path, crowd: Clients, name: str
) -> None:
    """A first add that loses fails where it is taken for an error.

    SQLite has one writer, and loses too few of them for a test of chance.
    """
    owners = [f"user:{number}" for number in range(20)]
    found = outcome(
        request,
        tmp_path,
        crowd,
        name,
        LOST_INSERT_IS_AN_ERROR,
        add_first,
        owners,
    )

    assert found.statuses[500] > 0


def test_cleared_unseen_is_found(
    request: pytest.FixtureRequest, tmp_path: Path, crowd: Clients
) -> None:
    """A clear that is applied again wipes what its shopper has never seen."""
    package = broken_copy(tmp_path, CLEARS_BLINDLY)
    owners = [f"user:{number}" for number in range(100)]
    add = [{"item": "pot"}] * 100
    clear: list[dict[str, t.Any]] = [{}] * 100

    with (
        empty_database(request, "postgresql", tmp_path) as url,
        open_shop(url) as shop,
        gunicorn(url, tmp_path / "log", package=package) as port,
    ):
        check_package(port, package)

        for owner in owners:
            shop.fill("mug", owner=owner)

        added, cleared = crowd.run(
            post_each,
            (port, owners, "/add", add, 2),
            (port, owners, "/clear", clear, 2),
        )
        wiped = [
            owner
            for owner, (_, answer) in zip(owners, cleared, strict=True)
            if "pot" not in answer["seen"] and not shop.stored(owner)
        ]

    print(len(wiped), "of 100")
    assert {status for status, _ in added} == {200}
    assert wiped
