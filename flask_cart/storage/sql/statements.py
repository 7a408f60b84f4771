"""The statements about one cart: built once, and executed with what differs."""

from __future__ import annotations

import datetime as dt
import typing as t

import sqlalchemy as sa

from ...model.keys import CartKey


class Statements:
    """What is said of one row, with the parameters of :func:`at` and :func:`values`.

    The version that was read is ``as_read``.
    """

    def __init__(self, table: sa.Table) -> None:
        columns = table.c
        # Of other names than the columns, which are those of values.
        owner = columns.owner == sa.bindparam("at_owner")
        place = owner, columns.instance == sa.bindparam("at_instance")
        as_read = *place, columns.version == sa.bindparam("as_read")

        self.names = sa.select(columns.instance).where(owner)
        self.select = sa.select(columns.data, columns.version).where(*place)
        self.select_locked = self.select.with_for_update()
        self.insert = table.insert()
        self.update = table.update().where(*as_read)
        self.delete = table.delete().where(*as_read)
        self.delete_any = table.delete().where(*place)


def at(key: CartKey) -> dict[str, t.Any]:
    """Which row it is about."""
    return {"at_owner": key.owner, "at_instance": key.instance}


def values(version: int, text: str) -> dict[str, t.Any]:
    """What is to be in a row, besides its key."""
    now = utc(dt.datetime.now(dt.UTC))

    return {"version": version, "data": text, "updated_at": now}


def utc(moment: dt.datetime) -> dt.datetime:
    """SQLite and MariaDB keep no time zone."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
