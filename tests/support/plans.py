"""How PostgreSQL does what the storage of a shop asks for."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable
from collections.abc import Iterator

import sqlalchemy as sa

from tests.support.shops import Shop

Plan = dict[str, t.Any]


def plans_of(shop: Shop, work: Callable[[], object]) -> list[Plan]:
    """The plans of the statements that are executed in a call. Each is executed in
    another transaction before, that is rolled back.

    It needs an app context.
    """
    plans: list[Plan] = []

    def note(on: t.Any, cursor: t.Any, statement: str, *rest: t.Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE")):
            with shop.outside() as connection:
                plans.append(_explained(connection, statement, rest[0]))
                connection.rollback()

    sa.event.listen(sa.Engine, "before_cursor_execute", note)

    try:
        work()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)

    return plans


def nodes_of(plan: Plan) -> Iterator[Plan]:
    """A plan and all that it is made of."""
    yield plan

    for each in plan.get("Plans", []):
        yield from nodes_of(each)


def _explained(connection: sa.Connection, statement: str, parameters: t.Any) -> Plan:
    answer = connection.exec_driver_sql(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters
    ).scalar_one()
    (explained,) = json.loads(answer) if isinstance(answer, str) else answer

    return t.cast(Plan, explained["Plan"])
