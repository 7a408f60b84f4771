"""The suite that every storage has to pass."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Iterator

import pytest
from flask import current_app
from flask import has_app_context

from ..storage.base import Guarantee
from ..storage.base import Storage
from .others import OpenStorage
from .others import Others
from .others import Processes
from .others import ThreadContext
from .others import Threads
from .promises.expiring import Expiring
from .promises.failing import Failing
from .promises.grouping import Grouping
from .promises.keeping import Keeping
from .promises.locking import Locking
from .promises.racing import Racing
from .promises.saving import Saving
from .promises.scanning import Scanning
from .promises.seeing import Seeing
from .promises.surviving import Surviving
from .promises.telling import Telling
from .traits import select_tests

_processes: t.Final = pytest.StashKey[Processes]()


class StorageSuite(
    Surviving,
    Failing,
    Expiring,
    Racing,
    Telling,
    Locking,
    Seeing,
    Scanning,
    Keeping,
    Grouping,
    Saving,
):
    """The tests that a storage has to pass, for pytest.

    Make a subclass whose name begins with ``Test``, and give it a fixture
    ``open_storage``: something that is called without arguments and returns a context
    manager, which gives the storage and keeps it open. It is called once for each test,
    and once in each process that takes part. What it gives must be *empty at the
    beginning of each test, and the same carts in all processes*.

    .. code-block:: python

        @contextmanager
        def open_shelf(folder):
            yield ShelfStorage(folder)


        class TestShelfStorage(StorageSuite):
            guarantee = Guarantee.LOCKED

            @pytest.fixture
            def open_storage(self, tmp_path):
                return partial(open_shelf, tmp_path)

    Tests that say nothing about the storage are left out, not skipped. Which ones
    these are follows from the attributes.
    """

    def __init_subclass__(cls, **kwargs: t.Any) -> None:
        super().__init_subclass__(**kwargs)
        select_tests(StorageSuite, cls)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Let others be threads or processes, and let them lock or not."""
        if "others" in metafunc.fixturenames:
            names = ["threads", "processes"] if self.across_processes else ["threads"]
            metafunc.parametrize("others", names, indirect=True)

        if "locked" in metafunc.fixturenames:
            is_atomic = self.guarantee is Guarantee.ATOMIC
            ways = {"free": False, "locked": True} if is_atomic else {"locked": True}
            metafunc.parametrize("locked", ways.values(), ids=list(ways))

    @pytest.fixture
    def storage(self, open_storage: OpenStorage) -> Iterator[Storage]:
        """The storage, as it was opened for this thread."""
        with open_storage() as storage:
            yield storage

    @pytest.fixture
    def thread_context(self, storage: Storage) -> ThreadContext:
        """Makes what other threads have to be in to use the storage.

        If ``open_storage`` has pushed an app context, this is a new one of that app.
        Override it if the storage needs another one, such as that of a request.
        """
        if not has_app_context():
            return contextlib.nullcontext

        # The proxy is typed as the app that it stands for.
        app = current_app._get_current_object()  # type: ignore[attr-defined]

        return t.cast(ThreadContext, app.app_context)

    @pytest.fixture
    def threads(self, storage: Storage, thread_context: ThreadContext) -> Threads:
        """Other threads."""
        return Threads(storage, thread_context)

    @pytest.fixture
    def processes(
        self,
        open_storage: OpenStorage,
        storage: Storage,
        pytestconfig: pytest.Config,
    ) -> Iterator[Processes]:
        """Other processes, which open the storage after it was opened here."""
        with _shared_processes(pytestconfig).using(open_storage) as processes:
            yield processes

    @pytest.fixture
    def others(self, request: pytest.FixtureRequest) -> Others:
        """Threads or processes."""
        others: Others = request.getfixturevalue(request.param)

        return others


def _shared_processes(config: pytest.Config) -> Processes:
    """The same processes for all tests: starting some takes longer than most tests."""
    if _processes not in config.stash:
        config.stash[_processes] = Processes()
        config.add_cleanup(config.stash[_processes].end)

    return config.stash[_processes]
