"""Many writers at once: nothing of what they were told is saved may be lost."""

from __future__ import annotations

from itertools import chain

from ...model.keys import CartKey
from ...storage.base import Guarantee
from ...storage.base import Storage
from ..carts import KEY
from ..carts import increment
from ..carts import loaded
from ..carts import save
from ..carts import save_each
from ..carts import save_rounds
from ..carts import saved
from ..others import COUNT
from ..others import Others
from ..traits import Traits
from ..traits import excludes
from ..traits import only_if

ROUNDS = 10
INCREMENTS = 10


class Racing(Traits):
    """What is left when many have written at the same time."""

    @only_if(excludes)
    def test_one_of_many_first_saves_wins(
        self, storage: Storage, others: Others, locked: bool
    ) -> None:
        """Of many who make the same cart, exactly one does, and nobody gets an
        error."""
        keys = [CartKey(f"user:{number}", "default") for number in range(ROUNDS)]
        versions = others.all(save_each, keys, locked)

        for key, outcomes in zip(keys, zip(*versions, strict=True), strict=True):
            winners = [number for number, won in enumerate(outcomes) if won is not None]
            assert len(winners) == 1
            assert loaded(storage, key) == (str(winners[0]), outcomes[winners[0]])

    @only_if(excludes)
    def test_one_of_many_saves_wins(
        self, storage: Storage, others: Others, locked: bool
    ) -> None:
        """Of many who save on top of the same version, exactly one does."""
        newest = saved(storage)
        versions = others.all(save_rounds, KEY, ROUNDS, locked)

        for outcomes in zip(*versions, strict=True):
            (won,) = [each for each in outcomes if each is not None]
            assert won > newest
            newest = won

        winner = [each[-1] is not None for each in versions].index(True)
        assert loaded(storage) == (str(winner), newest)

    @only_if(excludes)
    def test_increments_add_up(
        self, storage: Storage, others: Others, locked: bool
    ) -> None:
        """When all read, change and save until they have won, no change is lost, and
        no version is given twice."""
        total = COUNT * INCREMENTS
        versions = sorted(
            chain.from_iterable(others.all(increment, KEY, INCREMENTS, locked))
        )

        assert loaded(storage) == (str(total), versions[-1])
        assert len(set(versions)) == total

    @only_if(lambda suite: suite.guarantee is Guarantee.LAST_WRITE_WINS)
    def test_one_of_many_writes_is_left(self, storage: Storage, others: Others) -> None:
        """Of many who save at once, what one of them saved is left, and whole."""
        saved(storage)
        versions = others.all(save_rounds, KEY, 1, False)
        stored = loaded(storage)

        assert stored is not None
        assert versions[int(stored.data)] == [stored.version]

    @only_if(lambda suite: suite.guarantee is Guarantee.LAST_WRITE_WINS)
    def test_the_later_write_wins(self, storage: Storage, others: Others) -> None:
        """Who has seen the other's save overwrites it, whoever it is."""
        version = saved(storage, data="first")

        for data in ["second", "third"]:
            version = others.call(save, KEY, data, version)
            assert loaded(storage) == (data, version)
