"""Carts beside the sessions that Flask-Session keeps in a table."""

from __future__ import annotations

import datetime as dt
import typing as t

import sqlalchemy as sa

from ..base import Guarantee
from ..sql.connections import OwnConnections
from ..sql.connections import translated
from .keeping import Keeping
from .records import Found
from .records import check_room
from .records import found_bytes

T = t.TypeVar("T")

#: What a column of MariaDB's or MySQL's type BLOB takes.
_MYSQL_MAX_BYTES: t.Final = 2**16 - 1


class SessionTableRecords:
    """Texts in rows of the table of Flask-Session, that are not sessions.

    It does not use the app's ``db.session``: that would commit what the app has
    pending, and may be looking at an older state of the table.

    :param table: The table, with ``session_id``, ``data`` and ``expiry``.
    :param get_engine: Returns the engine that the app uses for it.
    :param prefix: What all keys begin with; sessions must not.
    :param keeping: How long a text is kept, and the lock of a rival waited for.
    """

    guarantee = Guarantee.ATOMIC

    def __init__(
        self,
        table: sa.Table,
        get_engine: t.Callable[[], sa.Engine],
        prefix: str,
        keeping: Keeping,
    ) -> None:
        self._table = table
        self._get_engine = get_engine
        self._prefix = prefix
        self._ttl = dt.timedelta(seconds=keeping.ttl)
        self._own = OwnConnections(keeping.lock_timeout)

    def read(self, key: str) -> Found | None:
        columns = self._table.c
        query = sa.select(columns.data).where(
            columns.session_id == self._prefix + key, columns.expiry > _now()
        )

        row = self._run(lambda connection: connection.execute(query).one_or_none())

        return found_bytes(row.data, row.data) if row is not None else None

    def replace(self, key: str, found: Found | None, text: str) -> bool:
        data = text.encode()

        if self._get_engine().dialect.name in ("mysql", "mariadb"):
            check_room(data, _MYSQL_MAX_BYTES, "the table of the sessions")

        values = {"data": data, "expiry": _now() + self._ttl}
        columns = self._table.c

        if found is not None:
            return self._update(key, values, columns.data == found.ticket)

        # What has expired may not have been deleted yet.
        if self._update(key, values, columns.expiry <= _now()):
            return True

        return self._insert(key, values)

    def _update(
        self, key: str, values: dict[str, t.Any], condition: sa.ColumnElement[bool]
    ) -> bool:
        statement = (
            self._table.update()
            .where(self._table.c.session_id == self._prefix + key, condition)
            .values(**values)
        )

        return self._run(lambda connection: connection.execute(statement).rowcount == 1)

    def _insert(self, key: str, values: dict[str, t.Any]) -> bool:
        row = self._table.insert().values(session_id=self._prefix + key, **values)

        def insert(connection: sa.Connection) -> bool:
            try:
                connection.execute(row)
            except sa.exc.IntegrityError:
                return False

            return True

        return self._run(insert)

    def _run(self, work: t.Callable[[sa.Connection], T]) -> T:
        with translated(self._table.name, "Flask-Session creates it."):
            return self._own.run(self._get_engine(), work)


def _now() -> dt.datetime:
    """The time as Flask-Session notes it: in UTC, without saying so."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
