"""Keys that must not be mixed up, and texts that must come back as they are."""

from __future__ import annotations

import pytest

from ...model.keys import MAX_OWNER_LENGTH
from ...model.keys import CartKey
from ...storage.base import Storage
from ..carts import delete_cart
from ..carts import loaded
from ..carts import saved
from ..carts import saved_again
from ..traits import Traits

#: Owners that a collation, a normal form or a pattern takes for the same.
SIMILAR_OWNERS = [
    "user:bob",
    "user:Bob",
    "user:BOB",
    "user:böb",
    "user:bo\u0308b",
    "user:bob.",
    "user:bob\u200b",
    "user:bób",
    "user:straße",
    "user:strasse",
    "user:\ufb00",
    "user:ff",
    "user:\uff21",
    "user:A",
    "user:a",
    "user:1",
    "user:01",
    "user:1.0",
    "user:\u0662",
    "user:2",
    "user:\U0001f600",
    "user:\U0001f601",
    "user:%",
    "user:_",
    "user:x'--",
    "user:x\\",
    "user:x",
    "user:a b",
    "user:a  b",
    "user:a+b",
    "user:a%20b",
    "user:*",
    "user:?",
    "user:[1]",
]

#: Keys that are the same once their parts are put together with a separator.
SIMILAR_KEYS = [
    CartKey("user:a", "b"),
    *[
        key
        for separator in "-._"
        for key in (
            CartKey(f"user:a{separator}b", "c"),
            CartKey("user:a", f"b{separator}c"),
        )
    ],
    *[
        CartKey(f"user:a{separator}b", "b")
        for separator in [":", "/", "|", "#", "{", "}", "{}", "%", "::", "\u241f"]
    ],
    CartKey("user:a:b:c", "b"),
    CartKey("user:a/b/c", "b"),
    *[
        CartKey(f"{tenant}/user:a", "b")
        for tenant in ["a", "b", "a.b", "a-b", "a_b", "a.", "user"]
    ],
    CartKey("a/user:a/user:a", "b"),
    CartKey("user:a/user:a", "b"),
    CartKey("user:user", "a"),
    CartKey("user:user:a", "b"),
    CartKey("user:{a}", "b"),
    CartKey("user:a:default", "b"),
    # What is kept beside the carts of an owner.
    CartKey("user:a", "~keys"),
    CartKey("guest:a", "b"),
]

TEXTS = {
    "words": "Tasse ☕ Zoë 茶 عربى",
    "emoji": "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "normal forms": "e\u0301 is not \u00e9",
    "quotes": "\\ ' \" %s %(a)s :b ? ; --",
    "line ends": "\n\r\t\u2028\u0085",
    "nothing": "",
    "spaces": " at both ends ",
    "planes": "\u00ff\u0100\uffff\U0010ffff",
    "not json": "{not json",
    "null": "null",
    "number": "0012",
    "another version": "7 {}",
}


class Keeping(Traits):
    """What is told apart, and what is kept."""

    def test_similar_owners_do_not_collide(self, storage: Storage) -> None:
        """Owners that look alike have carts of their own."""
        versions = {
            owner: saved(storage, CartKey(owner, "default"), owner)
            for owner in SIMILAR_OWNERS
        }

        for owner, version in versions.items():
            assert loaded(storage, CartKey(owner, "default")) == (owner, version)
            assert storage.instances(owner) == ["default"]

    def test_similar_owners_are_changed_alone(self, storage: Storage) -> None:
        """A save and a delete touch only the very same owner."""
        first = saved(storage, CartKey("user:bob", "default"))
        second = saved(storage, CartKey("user:Bob", "default"))

        assert not delete_cart(storage, CartKey("user:BOB", "default"), first)
        assert delete_cart(storage, CartKey("user:bob", "default"), first)
        assert loaded(storage, CartKey("user:Bob", "default")) == ("{}", second)

    def test_separators_do_not_collide(self, storage: Storage) -> None:
        """An owner may contain whatever the storage puts between the parts of a key."""
        versions = {key: saved(storage, key, str(key)) for key in SIMILAR_KEYS}

        for key, version in versions.items():
            assert loaded(storage, key) == (str(key), version)

        for owner in {key.owner for key in SIMILAR_KEYS}:
            assert storage.instances(owner) == sorted(
                key.instance for key in SIMILAR_KEYS if key.owner == owner
            )

    def test_similar_instances_do_not_collide(self, storage: Storage) -> None:
        """Instances that differ in case only are different carts, in code point
        order."""
        names = ["Default", "Wish-List", "default", "default.", "wish-list"]
        versions = [
            saved(storage, CartKey("user:1", name), name) for name in reversed(names)
        ]

        assert storage.instances("user:1") == names

        for name, version in zip(names, reversed(versions), strict=True):
            assert loaded(storage, CartKey("user:1", name)) == (name, version)

    def test_longest_key(self, storage: Storage) -> None:
        """The longest keys there can be are told apart, also in wide characters."""
        owner = "user:" + "\U0001f600" * (MAX_OWNER_LENGTH - 5)
        instance = "i" * 64
        keys = [
            CartKey(owner, instance),
            CartKey(owner[:-1] + "\U0001f601", instance),
            CartKey(owner, instance[:-1] + "j"),
        ]
        versions = {key: saved(storage, key, str(key)) for key in keys}

        for key, version in versions.items():
            assert loaded(storage, key) == (str(key), version)

    def test_instances_of_one_owner(self, storage: Storage) -> None:
        """The names are sorted, and only the owner's."""
        for key in [
            CartKey("user:1", "b"),
            CartKey("user:1", "a"),
            CartKey("user:2", "c"),
            CartKey("user:10", "d"),
        ]:
            saved(storage, key)

        assert storage.instances("user:1") == ["a", "b"]
        assert storage.instances("user:10") == ["d"]
        assert storage.instances("user:") == []
        assert storage.instances("user:%") == []

    def test_instances_after_a_delete(self, storage: Storage) -> None:
        """What was deleted is not listed any more."""
        version = saved(storage, CartKey("user:1", "a"))
        saved(storage, CartKey("user:1", "b"))
        delete_cart(storage, CartKey("user:1", "a"), version)

        assert storage.instances("user:1") == ["b"]

    @pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
    def test_text_is_kept_exactly(self, storage: Storage, text: str) -> None:
        """Every character comes back, whether or not it makes sense to anybody."""
        version = saved(storage, data=text)
        assert loaded(storage) == (text, version)

        version = saved_again(storage, version, data=text + text)
        assert loaded(storage) == (text + text, version)

    def test_largest_cart(self, storage: Storage) -> None:
        """The largest cart that the storage is for is kept whole."""
        text = "\U0001f600" * (self.max_bytes // 4)
        version = saved(storage, data=text)

        stored = loaded(storage)
        # Compared on its own, or a failure would show both of them.
        is_whole = stored == (text, version)
        assert is_whole, f"Stored {len(stored.data) if stored else 0} of {len(text)}."
