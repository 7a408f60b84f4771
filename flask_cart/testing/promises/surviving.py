"""Processes that are killed in the middle of what they do."""

from __future__ import annotations

import time

from ...model.keys import CartKey
from ...storage.base import Storage
from ..carts import KEY
from ..carts import change
from ..carts import hold_lock
from ..carts import loaded
from ..carts import number_in
from ..carts import persistently
from ..carts import save_cart
from ..carts import save_carts
from ..carts import save_text_pairs
from ..carts import save_texts
from ..carts import saved
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

#: How many saves are waited for.
SAVES = 10


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

        newer = result_of(threads.start(change, KEY), self.patience)
        assert newer > version
        assert loaded(storage) == ("2", newer)

    @only_if(lambda suite: suite.across_processes)
    def test_killed_process_leaves_a_whole_cart(
        self, storage: Storage, processes: Processes
    ) -> None:
        """Who is killed while saving leaves what was last saved, and no half of what
        would have been next; others can go on from there."""
        version = saved(storage, data=text_of(0))
        processes.start(save_texts, KEY, version, ENDLESS)
        _wait_for_saves(storage, KEY)
        processes.kill()

        def save_what_is_next() -> tuple[str, int] | None:
            stored = loaded(storage)
            number = number_in(stored)
            assert stored is not None
            assert number > SAVES
            text = text_of(number + 1, stored.version)
            newer = save_cart(storage, KEY, text, stored.version)

            return (text, newer) if newer is not None else None

        # The server may still be at the last save of the one who is dead.
        newest = persistently(save_what_is_next)
        assert loaded(storage) == newest

    @only_if(lambda suite: suite.across_processes)
    def test_killed_process_leaves_whole_pairs(
        self, storage: Storage, processes: Processes
    ) -> None:
        """Who is killed while saving several carts at once has saved all of them, or
        none."""
        keys = [CartKey(KEY.owner, name) for name in ["one", "other", "third"]]
        names = [key.instance for key in keys]
        processes.start(save_text_pairs, KEY.owner, names, ENDLESS)
        _wait_for_saves(storage, keys[0])
        processes.kill()

        def save_what_is_next() -> dict[str, int] | None:
            found = {key.instance: loaded(storage, key) for key in keys}
            changes = {
                name: (stored.version, "next")
                for name, stored in found.items()
                if stored is not None
            }
            versions = save_carts(storage, KEY.owner, changes)

            # If it is lost, the server was still at the last save.
            if versions is not None:
                assert len({number_in(stored) for stored in found.values()}) == 1

            return versions

        versions = persistently(save_what_is_next)
        assert versions.keys() == set(names)


def _wait_for_saves(storage: Storage, key: CartKey) -> None:
    """Wait until another process has saved a text with a high number."""
    deadline = time.monotonic() + LIMIT

    while time.monotonic() < deadline:
        stored = loaded(storage, key)

        if stored is not None and int(stored.text.split()[0]) > SAVES:
            return

    raise AssertionError(f"Nobody has saved {SAVES} times within {LIMIT:g} s.")
