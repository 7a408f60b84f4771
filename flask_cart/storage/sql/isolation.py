"""Isolation: carts in a test whose transactions are savepoints of its own."""

from __future__ import annotations

import typing as t
from weakref import WeakKeyDictionary

import sqlalchemy as sa
import sqlalchemy.orm as orm

from ...model.keys import CartKey
from .connections import savepoint
from .transaction import JoinedTransaction

Write = t.Callable[[sa.Connection], None]


class IsolatedWrites:
    """Lets carts outlast the app's session, as they do where it is not tested.

    With one connection for everybody, a savepoint that the app's session is in has the
    carts in it as well. Its rollback, with which every request ends that commits
    nothing, would undo them.
    """

    def __init__(self) -> None:
        self._latest: WeakKeyDictionary[sa.Connection, dict[CartKey, Write]] = (
            WeakKeyDictionary()
        )

    def note(
        self,
        connection: sa.Connection,
        writes: t.Mapping[CartKey, Write],
        session: orm.Session | None,
    ) -> None:
        """Note what was written last.

        :param connection: The one that there is.
        :param writes: Writes each cart again, whatever is there.
        :param session: The app's.
        """
        latest = self._latest.setdefault(connection, {})
        latest.update(writes)

        def write_again() -> None:
            # Otherwise the test itself is over.
            if connection.in_transaction():
                with savepoint(connection):
                    for key in writes:
                        latest[key](connection)

        if session is not None and session.in_transaction():
            JoinedTransaction(session).when_done(lambda: None, write_again)
