"""Others see at once what is saved here, and it is seen here what they save."""

from __future__ import annotations

from ...storage.base import Storage
from ..carts import KEY
from ..carts import delete
from ..carts import instances
from ..carts import load
from ..carts import loaded
from ..carts import save
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

        assert storage.delete(KEY, version)
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
            assert others.call(save, KEY, str(number), version) == version + 1
            version += 1
            assert loaded(storage) == (str(number), version)

        assert others.call(delete, KEY, version)
        assert storage.load(KEY) is None
        assert storage.instances(KEY.owner) == []

    def test_stale_save_after_a_save_of_others(
        self, storage: Storage, others: Others
    ) -> None:
        """What others have saved is not overwritten by one who has not seen it."""
        version = saved(storage)
        assert others.call(save, KEY, "theirs", version) == version + 1

        assert storage.save(KEY, "mine", version) is None
        assert storage.delete(KEY, version) is False
        assert others.call(load, KEY) == ("theirs", version + 1)

    def test_loads_see_whole_saves(self, storage: Storage, others: Others) -> None:
        """Who reads while others save gets a text and the version that belongs to it,
        at every moment, and never an older one than before."""
        version = saved(storage)
        version = saved_again(storage, version, data=text_of(version + 1))
        saving = others.start(save_texts, KEY, version, SAVES)
        newest = version

        while not saving.done():
            stored = loaded(storage)
            assert stored is not None
            assert stored.data == text_of(stored.version)
            assert stored.version >= newest
            newest = stored.version

        assert result_of(saving) == version + SAVES
        assert loaded(storage) == (text_of(version + SAVES), version + SAVES)
