"""Errors: what those of a database mean for a cart, in the words of every driver."""

from __future__ import annotations

import sqlite3
import typing as t

import sqlalchemy as sa

from ...model.errors import CartBusyError
from ...model.errors import CartLockTimeoutError
from ...model.errors import CartStorageError

#: What SQLAlchemy raises when a database fails, or has no connection left.
DatabaseError = sa.exc.DBAPIError | sa.exc.TimeoutError
FAILURES: t.Final = sa.exc.DBAPIError, sa.exc.TimeoutError

#: What an error says: rivals made it fail, so that the same transaction may succeed
#: later; the lock of one was waited for as long as the server lets one; there is no
#: table; the server's process is not the one that was told to prepare a statement; no
#: work is done now, whatever it is.
Meaning = t.Literal["rivals", "locked", "no table", "not prepared", "away"]

#: Of the SQLSTATEs of PostgreSQL, and the numbers of MariaDB and MySQL.
_MEANINGS: t.Final[dict[object, Meaning]] = {
    # A serialization failure, and a deadlock.
    "40001": "rivals",
    "40P01": "rivals",
    # The record has changed since the snapshot; a deadlock, or what a node of Galera
    # takes for one; the same of MySQL's group replication.
    1020: "rivals",
    1213: "rivals",
    3101: "rivals",
    "55P03": "locked",
    1205: "locked",
    "42P01": "no table",
    1146: "no table",
    # It does not exist, or does already.
    "26000": "not prepared",
    "42P05": "not prepared",
    # It only reads, as a standby does.
    "25006": "away",
    1290: "away",
    # A node of Galera is joining or cut off, or could not commit.
    1047: "away",
    1180: "away",
}

_SQLITE_MEANINGS: t.Final[dict[object, Meaning]] = {
    sqlite3.SQLITE_BUSY: "rivals",
    sqlite3.SQLITE_LOCKED: "rivals",
}

_POOLER: t.Final = (
    "There may be a pooler such as PgBouncer in between: set prepare_threshold to None"
    " in the connect_args of the engine."
)


def storage_error(
    error: DatabaseError, what: str, advice: str = ""
) -> CartStorageError:
    """What an error of the database is for a storage.

    :param what: What could not be used, for the message.
    :param advice: What to do if there is no table.
    """
    if isinstance(error, sa.exc.TimeoutError):
        return CartStorageError(f"There was no connection for {what}: {error}")

    # The parameters are the cart, and the token of its guest.
    error.hide_parameters = True

    match meaning_of(error.orig):
        case "locked":
            return CartLockTimeoutError(
                f"The {what} was locked by another change: {error.orig}"
            )
        case "rivals":
            return CartBusyError(f"The {what} is busy with other changes: {error.orig}")
        case "no table":
            hint = advice
        case "not prepared":
            hint = _POOLER
        case _:
            hint = ""

    return CartStorageError(
        f"The {what} could not be used: {error.orig}. {hint}".strip()
    )


def meaning_of(error: t.Any) -> Meaning | None:
    """What a driver's error says, if it is more than that something has failed."""
    if isinstance(error, sqlite3.Error):
        if "no such table" in str(error):
            return "no table"

        # The low byte is the primary code of extended ones such as BUSY_SNAPSHOT.
        return _SQLITE_MEANINGS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)

    first = next(iter(getattr(error, "args", ())), None)
    codes = (
        # MariaDB and MySQL; pg8000.
        first if isinstance(first, int) else None,
        first.get("C") if isinstance(first, dict) else None,
        # psycopg, and psycopg2.
        getattr(error, "sqlstate", None),
        getattr(error, "pgcode", None),
    )

    return next((_MEANINGS[code] for code in codes if code in _MEANINGS), None)


def is_blameless(error: DatabaseError) -> bool:
    """Whether a statement of the app has failed for no fault of its own: because of
    rivals, or because the database is not there."""
    if isinstance(error, sa.exc.TimeoutError) or error.connection_invalidated:
        return True

    return _is_no_statement(error) or meaning_of(error.orig) in (
        "rivals",
        "locked",
        "away",
    )


def is_undecided(error: sa.exc.DBAPIError) -> bool:
    """Whether a COMMIT has failed so that nobody knows what became of it."""
    return _is_no_statement(error) and meaning_of(error.orig) not in (
        "rivals",
        "locked",
    )


def _is_no_statement(error: sa.exc.DBAPIError) -> bool:
    """Whether it was a connection that could not be made, or a COMMIT that was neither
    done nor refused."""
    kinds = sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError

    return error.statement is None and isinstance(error, kinds)
