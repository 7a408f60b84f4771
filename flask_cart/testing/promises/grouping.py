"""Several carts of one owner in one save: all of them, or none."""

from __future__ import annotations

import typing as t

import pytest

from ...model.keys import CartKey
from ...storage.base import Storage
from ...storage.base import Stored
from ..carts import KEY
from ..carts import Wanted
from ..carts import delete_cart
from ..carts import loaded
from ..carts import locking
from ..carts import number_in
from ..carts import save_carts
from ..carts import save_pairs
from ..carts import save_text_pairs
from ..carts import saved
from ..carts import saved_again
from ..carts import transfer
from ..others import COUNT
from ..others import Others
from ..others import result_of
from ..traits import Traits
from ..traits import excludes
from ..traits import only_if

OWNER: t.Final = KEY.owner

#: Names of which some come before, between and after others, in every order.
NAMES: t.Final = ["b", "d", "f"]

#: What is expected of a cart that is there, by its version, and what is to become of
#: it, where the save has to be lost.
FAULTS_OF_PRESENT: dict[str, tuple[t.Callable[[int], int], str | None]] = {
    "first save": (lambda version: 0, "lost"),
    "old version": (lambda version: version - 1, "lost"),
    "future version": (lambda version: version + 1, "lost"),
    "deletion of an old version": (lambda version: version - 1, None),
    "deletion of no version": (lambda version: 0, None),
}

#: The same for one that is not there.
FAULTS_OF_ABSENT: dict[str, tuple[int, str | None]] = {
    "save": (5, "lost"),
    "deletion": (5, None),
    "deletion of nothing": (0, None),
}

Change = tuple[int, str | None]

#: Each of the carts is the one that is wrong, with each other one and with both.
SELECTIONS = [
    (wrong, others)
    for wrong in NAMES
    for others in (
        *([name] for name in NAMES if name != wrong),
        [name for name in NAMES if name != wrong],
    )
]

ROUNDS = 10
TRANSFERS = 10
SAVES = 50


class Grouping(Traits):
    """What holds for several carts that are saved at once."""

    def test_several_are_saved(self, storage: Storage, locked: bool) -> None:
        """One is made, one changed, one deleted, and each has a version."""
        changed, deleted = (saved(storage, key(name)) for name in "bd")
        other = saved(storage, CartKey("user:2", "b"), "other")

        with locking(storage, OWNER, locked=locked):
            state_of(storage)
            versions = save_carts(
                storage,
                OWNER,
                {"d": (deleted, None), "b": (changed, "new"), "f": (0, "first")},
            )

        assert versions is not None
        assert versions.keys() == {"b", "d", "f"}
        assert versions["b"] > changed
        assert versions["d"] == 0
        assert state_of(storage) == {
            "b": ("new", versions["b"]),
            "d": None,
            "f": ("first", versions["f"]),
        }
        assert storage.instances(OWNER) == ["b", "f"]
        assert loaded(storage, CartKey("user:2", "b")) == ("other", other)

    def test_several_are_saved_time_and_again(self, storage: Storage) -> None:
        """The versions that come with a save are good for the next one of some of
        them, or of each alone."""
        versions = save_carts(storage, OWNER, dict.fromkeys(NAMES, (0, "1")))
        assert versions is not None
        newer = save_carts(
            storage, OWNER, {"f": (versions["f"], "2"), "b": (versions["b"], "")}
        )
        assert newer is not None
        assert newer.keys() == {"b", "f"}
        saved_again(storage, newer["b"], key("b"), "3")
        assert delete_cart(storage, key("f"), newer["f"])

        assert storage.instances(OWNER) == ["b", "d"]
        assert loaded(storage, key("d")) == ("1", versions["d"])

    def test_several_are_made_and_deleted(self, storage: Storage) -> None:
        """All of them can be new, and all can be deleted, which leaves nothing."""
        versions = save_carts(storage, OWNER, dict.fromkeys(NAMES, (0, "{}")))
        assert versions is not None
        assert storage.instances(OWNER) == NAMES
        deletion = {name: (version, None) for name, version in versions.items()}

        assert save_carts(storage, OWNER, deletion) == dict.fromkeys(NAMES, 0)
        assert storage.instances(OWNER) == []
        assert save_carts(storage, OWNER, deletion) is None

    @pytest.mark.parametrize("fault", FAULTS_OF_PRESENT)
    def test_one_that_has_changed_loses_all(
        self, storage: Storage, locked: bool, fault: str
    ) -> None:
        """If only one of the carts is not as expected, none is changed."""
        versions = {name: saved(storage, key(name), "stays") for name in NAMES}
        expected, text = FAULTS_OF_PRESENT[fault]

        for wrong, others in SELECTIONS:
            changes: dict[str, Change] = {wrong: (expected(versions[wrong]), text)}
            changes |= {name: (versions[name], "lost") for name in others}
            # One that is deleted and one that is made are none either.
            changes |= {others[-1]: (versions[others[-1]], None), "c": (0, "lost")}
            _lose(storage, changes, locked=locked)

        for name, version in versions.items():
            saved_again(storage, version, key(name), "won")

    @pytest.mark.parametrize("fault", FAULTS_OF_ABSENT)
    def test_one_that_is_not_there_loses_all(
        self, storage: Storage, locked: bool, fault: str
    ) -> None:
        """Neither if one of them is not there at all."""
        for wrong, others in SELECTIONS:
            versions = {name: saved(storage, key(name), "stays") for name in others}
            changes = {wrong: FAULTS_OF_ABSENT[fault], "c": (0, "lost")}
            changes |= {name: (versions[name], "lost") for name in others}
            _lose(storage, changes, locked=locked)

            for name, version in versions.items():
                assert delete_cart(storage, key(name), version)

    def test_save_of_several_after_a_lost_one(
        self, storage: Storage, locked: bool
    ) -> None:
        """What was lost leaves nothing behind that the next save stumbles over."""
        version = saved(storage, key("d"))
        _lose(storage, {"b": (0, "{}"), "d": (0, "{}")}, locked=locked)
        versions = save_carts(storage, OWNER, {"b": (0, "1"), "d": (version, "2")})

        assert versions is not None
        assert state_of(storage) == {
            "b": ("1", versions["b"]),
            "d": ("2", versions["d"]),
            "f": None,
        }

    def test_several_are_seen_at_once(self, storage: Storage, others: Others) -> None:
        """Who reads one, another and the first again while others save both never sees
        a save of the one without that of the other."""
        names = ["b", "d"]
        saving = others.start(save_text_pairs, OWNER, names, SAVES)

        while not saving.done():
            for first, second in [("b", "d"), ("d", "b")]:
                found = [loaded(storage, key(name)) for name in (first, second, first)]
                before, between, after = map(_number_or_none, found)
                assert before <= between <= after

        result_of(saving)

    @only_if(excludes)
    def test_one_of_many_overlapping_saves_wins(
        self, storage: Storage, others: Others, locked: bool
    ) -> None:
        """Of many who make the same cart together with one that nobody else makes, one
        makes both, and all others make none."""
        owners = [f"user:{number}" for number in range(ROUNDS)]
        versions = others.all(save_pairs, owners, locked)

        for owner, outcomes in zip(owners, zip(*versions, strict=True), strict=True):
            (winner,) = [number for number, won in enumerate(outcomes) if won]
            assert storage.instances(owner) == [f"of-{winner}", "shared"]
            assert loaded(storage, CartKey(owner, "shared")) == (
                str(winner),
                outcomes[winner]["shared"],
            )

    @only_if(excludes)
    def test_transfers_add_up(
        self, storage: Storage, others: Others, locked: bool
    ) -> None:
        """When many take from one cart and add to another one, in pairs that overlap,
        and try again until they have won, nothing is lost and nothing is there twice.
        """
        pairs = ["b d", "d f", "f b", "d b"]
        assert len(pairs) == COUNT
        numbers = dict.fromkeys(NAMES, 1000)

        for name, number in numbers.items():
            saved(storage, key(name), str(number))

        others.all(transfer, OWNER, pairs, TRANSFERS, locked)

        for giver, taker in map(str.split, pairs):
            numbers[giver] -= TRANSFERS
            numbers[taker] += TRANSFERS

        found = {name: loaded(storage, key(name)) for name in NAMES}
        assert {name: int(each.data) for name, each in found.items() if each} == numbers


def key(name: str) -> CartKey:
    return CartKey(OWNER, name)


def state_of(storage: Storage) -> dict[str, Stored | None]:
    return {name: loaded(storage, key(name)) for name in NAMES}


def _number_or_none(stored: Stored | None) -> int:
    return -1 if stored is None else number_in(stored)


def _lose(storage: Storage, changes: Wanted, *, locked: bool) -> None:
    """Save what has to be lost, in both orders."""
    before = state_of(storage), storage.instances(OWNER)

    for items in [list(changes.items()), list(changes.items())[::-1]]:
        with locking(storage, OWNER, locked=locked):
            state_of(storage)
            assert save_carts(storage, OWNER, dict(items)) is None

        assert (state_of(storage), storage.instances(OWNER)) == before
