from __future__ import annotations

from collections.abc import MutableMapping

import pytest

from flask_cart import Cart
from flask_cart import InvalidItemError
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored


def test_set_and_get(cart: Cart, storage: MemoryStorage) -> None:
    """What is noted is there for the next reader."""
    cart.metadata["note"] = "ring twice"

    assert make_cart(storage).metadata["note"] == "ring twice"


def test_mapping(cart: Cart) -> None:
    """Metadata is a mapping with all that belongs to one."""
    cart.metadata.update({"a": 1}, b=[2])

    assert isinstance(cart.metadata, MutableMapping)
    assert dict(cart.metadata) == {"a": 1, "b": (2,)}
    assert list(cart.metadata) == ["a", "b"]
    assert len(cart.metadata) == 2
    assert "a" in cart.metadata
    assert cart.metadata.get("c", 3) == 3
    assert cart.metadata == {"a": 1, "b": (2,)}
    assert repr(cart.metadata) == "Metadata({'a': 1, 'b': (2,)})"


def test_update_is_one_write(cart: Cart, recorder: Recorder) -> None:
    """Many keys are one version."""
    cart.metadata.update(a=1, b=2, c=3)

    assert len(recorder.told) == 1
    assert recorder.names == ["cart_created", *["metadata_added"] * 3]


def test_clear_is_one_write(cart: Cart, recorder: Recorder) -> None:
    """All keys are removed in one version."""
    cart.metadata.update(a=1, b=2)
    recorder.told.clear()
    cart.metadata.clear()

    assert len(recorder.told) == 1
    assert dict(cart.metadata) == {}


def test_same_value_is_no_write(cart: Cart, storage: MemoryStorage) -> None:
    """What is noted already is not written again."""
    cart.metadata["note"] = {"a": [1, 2]}
    before = stored(storage)
    cart.metadata["note"] = {"a": (1, 2)}
    cart.metadata.update()

    assert stored(storage) == before


def test_a_flag_in_place_of_a_number(cart: Cart, storage: MemoryStorage) -> None:
    """True in place of 1 is another value, and is stored."""
    cart.metadata["gift"] = 1
    cart.metadata["gift"] = True

    assert make_cart(storage).metadata["gift"] is True


def test_delete(cart: Cart, storage: MemoryStorage) -> None:
    """A deleted key is gone for the next reader."""
    cart.metadata.update(a=1, b=2)
    del cart.metadata["a"]

    assert dict(make_cart(storage).metadata) == {"b": 2}


def test_delete_what_is_not_there(cart: Cart, storage: MemoryStorage) -> None:
    """As in a dict, that is an error."""
    with pytest.raises(KeyError, match="note"):
        del cart.metadata["note"]

    with pytest.raises(KeyError, match="note"):
        cart.metadata["note"]

    assert stored(storage) is None


def test_pop_and_setdefault(cart: Cart) -> None:
    """The methods that a mapping has besides do what they do in a dict."""
    cart.metadata["a"] = 1

    assert cart.metadata.setdefault("a", 5) == 1
    assert cart.metadata.setdefault("b", 5) == 5
    assert cart.metadata.pop("a") == 1
    assert cart.metadata.pop("a", None) is None
    assert cart.metadata.popitem() == ("b", 5)
    assert not cart.metadata


def test_values_cannot_be_changed_in_place(cart: Cart) -> None:
    """A change that would not be saved is an error."""
    cart.metadata["address"] = {"city": "Kiel"}

    with pytest.raises(TypeError, match="methods of the cart"):
        cart.metadata["address"]["city"] = "Bonn"


def test_bad_value_among_good_ones(cart: Cart, storage: MemoryStorage) -> None:
    """One value that is not JSON keeps all of them from being stored."""
    with pytest.raises(InvalidItemError, match=r"metadata\['b'\] must be JSON"):
        cart.metadata.update(a=1, b=object())

    assert stored(storage) is None


def test_reads_what_the_batch_has_so_far(cart: Cart) -> None:
    """Inside a batch, metadata is as if it were saved."""
    with cart.batch():
        cart.metadata["a"] = 1
        assert dict(cart.metadata) == {"a": 1}
        cart.metadata["b"] = cart.metadata["a"] + 1

    assert dict(cart.metadata) == {"a": 1, "b": 2}
