"""Processes that are killed in the middle of what they do."""

from __future__ import annotations

import time

from ...storage.base import Storage
from ..carts import KEY
from ..carts import change
from ..carts import hold_lock
from ..carts import loaded
from ..carts import persistently
from ..carts import save_texts
from ..carts import saved
from ..carts import saved_again
from ..carts import text_of
from ..others import LIMIT
from ..others import Processes
from ..others import Threads
from ..others import result_of
from ..traits import Traits
from ..traits import excludes
from ..traits import only_if

#: More saves than a process comes to before it is killed.
ENDLESS = 10**6


class Surviving(Traits):
    """What a process leaves behind that has no time to clean up."""

    @only_if(lambda suite: suite.across_processes and excludes(suite))
    def test_lock_of_a_killed_process_ends(
        self, storage: Storage, threads: Threads, processes: Processes
    ) -> None:
        """Who holds the lock and dies does not lock the cart for ever."""
        version = saved(storage, data="1")
        processes.start(hold_lock, KEY)
        processes.wait_for_report()
        processes.kill()

        assert result_of(threads.start(change, KEY), self.patience) == version + 1
        assert loaded(storage) == ("2", version + 1)

    @only_if(lambda suite: suite.across_processes)
    def test_killed_process_leaves_a_whole_cart(
        self, storage: Storage, processes: Processes
    ) -> None:
        """Who is killed while saving leaves what was last saved, and no half of what
        would have been next; others can go on from there."""
        version = saved(storage)
        version = saved_again(storage, version, data=text_of(version + 1))
        processes.start(save_texts, KEY, version, ENDLESS)
        deadline = time.monotonic() + LIMIT

        while time.monotonic() < deadline:
            stored = loaded(storage)

            if stored is not None and stored.version > version + 10:
                break

        processes.kill()

        def save_what_is_next() -> int | None:
            stored = loaded(storage)
            assert stored is not None
            assert stored.version > version + 10
            assert stored.data == text_of(stored.version)

            return storage.save(KEY, text_of(stored.version + 1), stored.version)

        # The server may still be at the last save of the one who is dead.
        newest = persistently(save_what_is_next)
        assert loaded(storage) == (text_of(newest), newest)
