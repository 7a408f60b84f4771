"""Connections for single statements, apart from the app's own."""

from __future__ import annotations

import os
import threading
import typing as t

import sqlalchemy as sa


class AutocommitEngine:
    """An engine like the app's, in autocommit and with a pool of its own.

    With the app's pool, a request would take a second connection while it holds its
    first, and a few of them at once would wait for each other.
    """

    def __init__(self) -> None:
        self._engine: sa.Engine | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def like(self, shared: sa.Engine) -> sa.Engine:
        """The engine, made when it is first needed.

        :param shared: The engine that the app uses.
        """
        pid = os.getpid()

        with self._lock:
            if self._engine is None:
                self._engine = _make_engine(shared)
                sa.event.listen(shared, "engine_disposed", self._dispose)
            elif self._pid != pid:
                # A forked worker must not talk on the connections of its parent.
                self._engine.dispose(close=False)

            self._pid = pid

            return self._engine

    def _dispose(self, shared: sa.Engine) -> None:
        t.cast(sa.Engine, self._engine).dispose(close=self._pid == os.getpid())


def _make_engine(shared: sa.Engine) -> sa.Engine:
    # Such as the schema that the app's tables are in.
    options = dict(shared.get_execution_options())
    options.pop("isolation_level", None)

    return sa.create_engine(
        shared.url,
        pool=shared.pool.recreate(),
        execution_options=options,
        isolation_level="AUTOCOMMIT",
        # A ROLLBACK after each statement would be a second round trip.
        skip_autocommit_rollback=True,
    )
