"""Errors: what those of a database mean for a cart."""

from __future__ import annotations

import sqlite3
import typing as t

import sqlalchemy as sa

from ...model.errors import CartBusyError
from ...model.errors import CartLockTimeoutError
from ...model.errors import CartStorageError

#: MariaDB and MySQL: the record changed since the snapshot, deadlock. The
#: transaction can be tried again.
_MYSQL_CONTENTION: t.Final = {(1020,), (1213,)}
_MYSQL_LOCK_TIMEOUT: t.Final = (1205,)

#: PostgreSQL: serialization failure, deadlock.
_POSTGRESQL_CONTENTION: t.Final = {"40001", "40P01"}
_POSTGRESQL_LOCK_TIMEOUT: t.Final = "55P03"

_SQLITE_CONTENTION: t.Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def storage_error(
    error: sa.exc.DBAPIError | sa.exc.TimeoutError, table: str, advice: str
) -> CartStorageError:
    """What an error of the database is for a storage.

    :param table: The table's name, for the message.
    :param advice: What to do if it does not exist.
    """
    if isinstance(error, sa.exc.TimeoutError):
        return CartStorageError(
            f"There was no connection for the table {table!r}: {error}"
        )

    # The parameters are the cart, and the token of its guest.
    error.hide_parameters = True

    if is_lock_timeout(error.orig):
        return CartLockTimeoutError(
            f"The table {table!r} was locked by another change: {error.orig}"
        )

    if is_contention(error.orig):
        return CartBusyError(
            f"The table {table!r} is busy with other changes: {error.orig}"
        )

    return CartStorageError(
        f"The table {table!r} could not be used: {error.orig}. {advice}"
    )


def is_lock_timeout(error: BaseException | None) -> bool:
    """Whether the lock of a rival was waited for as long as the server lets one."""
    if getattr(error, "sqlstate", None) == _POSTGRESQL_LOCK_TIMEOUT:
        return True

    return error is not None and error.args[:1] == _MYSQL_LOCK_TIMEOUT


def is_contention(error: BaseException | None) -> bool:
    """Whether rivals caused the error, so that the same work may succeed later."""
    if isinstance(error, sqlite3.Error):
        # The low byte is the primary code of extended ones such as BUSY_SNAPSHOT.
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _SQLITE_CONTENTION

    if getattr(error, "sqlstate", None) in _POSTGRESQL_CONTENTION:
        return True

    return error is not None and error.args[:1] in _MYSQL_CONTENTION
