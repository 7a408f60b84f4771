"""Others see at once what is saved here, and it is seen here what they save."""

from __future__ import annotations

from ...storage.base import Storage
from ..carts import KEY
from ..carts import delete
from ..carts import delete_cart
from ..carts import instances
from ..carts import load
from ..carts import loaded
from ..carts import number_in
from ..carts import save
from ..carts import save_cart
from ..carts import save_texts
from ..carts import saved
from ..carts import saved_again
from ..carts import text_of
from ..others import Others
from ..others import result_of
from ..traits import Traits

ROUNDS = 5
SAVES = 50


class Seeing(Traits):
    """What others see."""

    def test_others_see_what_is_saved_here(
        self, storage: Storage, others: Others
    ) -> None:
        """Each save and each delete is seen by those who have read the one before."""
        assert others.call(load, KEY) is None
        version = saved(storage)
        assert others.call(load, KEY) == ("{}", version)
        assert others.call(instances, KEY.owner) == [KEY.instance]

        for number in range(ROUNDS):
            version = saved_again(storage, version, data=str(number))
            assert others.call(load, KEY) == (str(number), version)

        assert delete_cart(storage, KEY, version)
        assert others.call(load, KEY) is None
        assert others.call(instances, KEY.owner) == []

    def test_what_others_save_is_seen_here(
        self, storage: Storage, others: Others
    ) -> None:
        """Each save and each delete of others is seen after the one before."""
        version = others.call(save, KEY, "{}", 0)
        assert loaded(storage) == ("{}", version)
        assert storage.instances(KEY.owner) == [KEY.instance]

        for number in range(ROUNDS):
            version = others.call(save, KEY, str(number), version)
            assert loaded(storage) == (str(number), version)

        assert others.call(delete, KEY, version)
        assert storage.load(KEY) is None
        assert storage.instances(KEY.owner) == []

    def test_stale_save_after_a_save_of_others(
        self, storage: Storage, others: Others
    ) -> None:
        """What others have saved is not overwritten by one who has not seen it."""
        version = saved(storage)
        newer = others.call(save, KEY, "theirs", version)
        assert newer is not None

        assert save_cart(storage, KEY, "mine", version) is None
        assert delete_cart(storage, KEY, version) is False
        assert others.call(load, KEY) == ("theirs", newer)

    def test_loads_see_whole_saves(self, storage: Storage, others: Others) -> None:
        """Who reads while others save gets a text and the version that belongs to it,
        at every moment, and never an older one than before."""
        first = saved(storage, data=text_of(0))
        saving = others.start(save_texts, KEY, first, SAVES)
        seen = {}
        newest = first

        while not saving.done():
            stored = loaded(storage)
            number = number_in(stored)
            assert stored is not None
            assert stored.version >= newest
            newest = stored.version
            seen[newest] = number

        versions = result_of(saving)
        assert seen.items() <= {each: n for n, each in enumerate(versions)}.items()
        assert loaded(storage) == (text_of(SAVES, versions[-2]), versions[-1])
