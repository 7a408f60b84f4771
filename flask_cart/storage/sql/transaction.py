"""The app's transaction: ending it, its errors, and being told how it ended."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
import sqlalchemy.orm as orm

from ...model.errors import CartStorageError
from .errors import FAILURES
from .errors import is_blameless
from .errors import is_undecided
from .errors import storage_error

_INFO_KEY: t.Final = "flask_cart.joined"

Callback = t.Callable[[], None]


@contextmanager
def blamed() -> t.Iterator[None]:
    """Turn the errors of the app's own statements into those of a storage, where they
    are no fault of its own.

    :raises CartBusyError: If rivals have made one fail.
    :raises CartStorageError: If the database is not there.
    """
    try:
        yield
    except FAILURES as error:
        if not is_blameless(error):
            raise

        raise storage_error(error, "app's database") from error


@contextmanager
def committed(session: orm.Session | orm.scoped_session[t.Any]) -> t.Iterator[None]:
    """Commit a session at the end of this block, or roll it back.

    :raises CartBusyError: If rivals have made it fail. Nothing of it is kept.
    :raises CartStorageError: If the database is not there.
    """
    try:
        with blamed():
            yield
            # What fails here has not been committed.
            session.flush()
            _commit(session)
    except BaseException:
        # What has failed is why, and not that there is nothing to roll back any more.
        with suppress(sa.exc.DBAPIError):
            session.rollback()

        raise


def _commit(session: orm.Session | orm.scoped_session[t.Any]) -> None:
    try:
        session.commit()
    except sa.exc.DBAPIError as error:
        if not is_undecided(error):
            raise

        raise CartStorageError(
            f"Nobody knows whether the app's database has committed: {error.orig}. The"
            " same order may be placed again."
        ) from error


@dataclass(frozen=True)
class JoinedTransaction:
    """The transaction that a session is in, which writes of a cart are part of."""

    session: orm.Session

    def when_done(self, committed: Callback, rolled_back: Callback) -> None:
        if _INFO_KEY not in self.session.info:
            self.session.info[_INFO_KEY] = []
            sa.event.listen(self.session, "after_commit", _note_commit)
            sa.event.listen(self.session, "after_soft_rollback", _note_rollback)
            sa.event.listen(self.session, "after_transaction_end", _finish)

        writes: list[_Write] = self.session.info[_INFO_KEY]
        writes.append(_Write(_enclosing(self.session), committed, rolled_back))


@dataclass
class _Write:
    """A write inside a transaction, and inside the savepoints around it."""

    enclosing: list[orm.SessionTransaction]
    committed: Callback
    rolled_back: Callback
    is_committed: bool = False


def _enclosing(session: orm.Session) -> list[orm.SessionTransaction]:
    transaction = session.get_nested_transaction() or session.get_transaction()
    chain = []

    while transaction is not None:
        chain.append(transaction)
        transaction = transaction.parent

    return chain


def _note_commit(session: orm.Session) -> None:
    # It is also called for the release of a savepoint, which decides nothing.
    if session.get_nested_transaction() is not None:
        return

    for write in session.info[_INFO_KEY]:
        write.is_committed = True


def _note_rollback(session: orm.Session, ended: orm.SessionTransaction) -> None:
    writes: list[_Write] = session.info[_INFO_KEY]

    # The last one first: each leaves things as they were before it.
    for write in [each for each in reversed(writes) if ended in each.enclosing]:
        writes.remove(write)
        write.rolled_back()


def _finish(session: orm.Session, ended: orm.SessionTransaction) -> None:
    # Not in after_commit: the session takes no statements there, and what is called
    # now may want to use it.
    if ended.parent is not None:
        return

    writes: list[_Write] = session.info[_INFO_KEY]
    session.info[_INFO_KEY] = []

    for write in [each for each in reversed(writes) if not each.is_committed]:
        write.rolled_back()

    for write in [each for each in writes if each.is_committed]:
        write.committed()
