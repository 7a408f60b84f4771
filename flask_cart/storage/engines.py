"""Connections for single statements, apart from the app's own."""

from __future__ import annotations

import os
import threading
from weakref import WeakKeyDictionary

import sqlalchemy as sa


class AutocommitEngines:
    """Engines like those of the apps, in autocommit and with pools of their own.

    With an app's pool, a request would take a second connection while it holds its
    first, and a few of them at once would wait for each other.
    """

    def __init__(self) -> None:
        # By the app's engine: apps may share a storage, but no database.
        self._engines: WeakKeyDictionary[sa.Engine, sa.Engine] = WeakKeyDictionary()
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def like(self, shared: sa.Engine) -> sa.Engine:
        """The engine for an app, made when it is first needed.

        :param shared: The engine that the app uses.
        """
        with self._lock:
            if self._pid != os.getpid():
                # A forked worker must not talk on the connections of its parent.
                for engine in self._engines.values():
                    engine.dispose(close=False)

                self._pid = os.getpid()

            if shared not in self._engines:
                self._engines[shared] = _make_engine(shared)
                sa.event.listen(shared, "engine_disposed", self._dispose)

            return self._engines[shared]

    def _dispose(self, shared: sa.Engine) -> None:
        self._engines[shared].dispose(close=self._pid == os.getpid())


def _make_engine(shared: sa.Engine) -> sa.Engine:
    # Such as the schema that the app's tables are in.
    options = dict(shared.get_execution_options())
    options.pop("isolation_level", None)

    return sa.create_engine(
        shared.url,
        pool=shared.pool.recreate(),
        execution_options=options,
        isolation_level="AUTOCOMMIT",
        # The parameters are the cart, and the token of its guest.
        hide_parameters=True,
        # A ROLLBACK after each statement would be a second round trip.
        skip_autocommit_rollback=True,
    )
