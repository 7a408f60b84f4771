"""SQLite: how a cart gets along with the app's transaction, as there is one writer."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

import sqlalchemy as sa
import sqlalchemy.orm as orm

from ...model.errors import CartConfigError
from ...model.errors import CartStorageError
from .connections import CHANGES
from .connections import driver_of
from .connections import note_changes


def begun_on(session: orm.Session, bind: t.Any) -> sa.Connection | None:
    """The connection on which a session is in a transaction, as far as SQLite knows.

    :raises CartStorageError: If nothing can be done there.
    """
    if not session.is_active:
        if session.in_nested_transaction():
            raise CartStorageError(
                "db.session has failed inside a savepoint, and holds the database's"
                " lock. Roll it back before the cart is used."
            )

        # It has let go of the database already.
        return None

    # Unlike executing with the session, this flushes nothing of the app's.
    connection = session.connection(bind_arguments={"bind": bind})
    # As the driver begins transactions, True once the write lock is taken.
    is_begun = getattr(driver_of(connection), "in_transaction", False)

    return connection if is_begun else None


def is_written(session: orm.Session, connection: sa.Connection) -> bool:
    """Whether the transaction that a session has begun has written, or may not end
    before its time.

    :raises CartConfigError: If nobody can know.
    """
    driver = driver_of(connection)
    begins_by_itself = getattr(driver, "autocommit", None) is False

    # Otherwise the driver has begun it, for a write.
    if driver.isolation_level is not None and not begins_by_itself:
        return True

    if session.in_nested_transaction():
        return True

    noted = connection.info.get(CHANGES)

    if noted is None and driver.total_changes:
        raise CartConfigError(
            "db.session is in a transaction that SQLite's driver did not begin, and"
            " that is older than the first use of a cart. End it before the cart is"
            " changed."
        )

    return bool(driver.total_changes != (noted or 0))


@contextmanager
def set_aside(connection: sa.Connection) -> t.Iterator[None]:
    """End a transaction that has only read, and go on with another one after this.

    There is nothing in it that could be lost, and it would keep others from writing.
    """
    driver = driver_of(connection)
    driver.commit()

    try:
        yield
    finally:
        # As the app begins them.
        if not driver.in_transaction:
            connection.dispatch.begin(connection)

        note_changes(driver, connection, None)
