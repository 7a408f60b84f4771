"""The table that carts are in, and the statements about one of them."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from ...model.errors import CartConfigError
from ...model.errors import CartStorageError
from .connections import Database
from .connections import transaction_on
from .connections import translated


class Statements:
    """What is said of one cart: built once, and executed with what differs.

    :param table: The table. What is to be in a row are parameters of its columns'
        names, so that which row it is has others: ``at_owner``, ``at_instance``, and
        the version ``as_read``.
    """

    def __init__(self, table: sa.Table) -> None:
        columns = table.c
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


def define_table(database: Database, name: str) -> sa.Table:
    """The table of the carts in the app's metadata, where migrations see it.

    :raises CartConfigError: If the app has another table of this name.
    """
    metadata = database.metadata
    key = f"{metadata.schema}.{name}" if metadata.schema else name
    existing = metadata.tables.get(key)

    if existing is not None:
        if not {"owner", "instance", "version", "data"} <= set(existing.columns.keys()):
            raise CartConfigError(
                f"The app has a table {name!r} that is not for carts. Set"
                " CART_DATABASE_TABLE to another name."
            )

        return existing

    def text(length: int) -> sa.types.TypeEngine[str]:
        # The usual collations of MySQL and MariaDB take 'user:Bob' for 'user:bob'.
        exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")

        return sa.String(length).with_variant(exact, "mysql", "mariadb")

    # The TEXT of MySQL and MariaDB ends at 64 KiB.
    data = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

    # Their DATETIME ends at seconds.
    moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

    return database.make_table(
        name,
        sa.Column("owner", text(255), primary_key=True),
        sa.Column("instance", text(64), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("data", data, nullable=False),
        sa.Column("updated_at", moment, nullable=False, index=True),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
    )


def create_table(database: Database, table: sa.Table) -> bool:
    """Create a table, if it does not exist.

    :return: Whether it was created.
    """
    if _is_there(database, table):
        return False

    try:
        with (
            translated(table.name),
            transaction_on(database.bind()) as connection,
        ):
            table.create(connection, checkfirst=False)
    except CartStorageError as error:
        # Somebody else may have been faster.
        if _is_there(database, table):
            return False

        raise CartStorageError(f"{error} It was not created.") from error.__cause__

    return True


def is_indexed(connection: sa.Connection, column: sa.Column[t.Any]) -> bool:
    """Whether an index begins with a column."""
    table = column.table
    schema = connection.schema_for_object(table)
    indexes = sa.inspect(connection).get_indexes(table.name, schema=schema)

    return any(each["column_names"][:1] == [column.name] for each in indexes)


def _is_there(database: Database, table: sa.Table) -> bool:
    with (
        translated(table.name),
        transaction_on(database.bind()) as connection,
    ):
        # Which may be another one than that of the table's definition.
        schema = connection.schema_for_object(table)

        return sa.inspect(connection).has_table(table.name, schema=schema)
