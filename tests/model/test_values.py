from __future__ import annotations

import copy
import enum
import math
import pickle
import typing as t
from collections.abc import Callable
from types import MappingProxyType
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cart.model.document import new_document
from flask_cart.model.values import EMPTY
from flask_cart.model.values import MAX_DEPTH
from flask_cart.model.values import FrozenDict
from flask_cart.model.values import check_text
from flask_cart.model.values import freeze
from flask_cart.model.values import freeze_dict
from flask_cart.model.values import fulfills
from flask_cart.model.values import size_of
from flask_cart.model.values import unchecked
from tests.support import strategies


def nested(depth: int) -> object:
    """Lists in lists, so many of them."""
    value: object = 1

    for _ in range(depth):
        value = [value]

    return value


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: d.__setitem__("a", 2), id="set"),
        pytest.param(lambda d: d.__delitem__("a"), id="delete"),
        pytest.param(lambda d: d.__ior__({"a": 2}), id="ior"),
        pytest.param(lambda d: d.clear(), id="clear"),
        pytest.param(lambda d: d.pop("a"), id="pop"),
        pytest.param(lambda d: d.popitem(), id="popitem"),
        pytest.param(lambda d: d.setdefault("b", 2), id="setdefault"),
        pytest.param(lambda d: d.update(a=2), id="update"),
    ],
)
def test_frozen_dict_refuses_change(change: Callable[[FrozenDict], object]) -> None:
    """Every way to change a dict in place says to use the cart instead."""
    frozen = FrozenDict(a=1)

    with pytest.raises(TypeError, match="methods of the cart"):
        change(frozen)

    assert frozen == {"a": 1}


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_frozen_dict_is_copied_frozen(copied: Callable[[object], object]) -> None:
    """A copy is equal and refuses changes, too, at every depth."""
    frozen = freeze_dict({"a": {"b": [1, {"c": 2}]}}, "It")
    result = copied(frozen)

    assert result == frozen
    assert type(result) is FrozenDict
    assert type(result["a"]) is FrozenDict
    assert type(result["a"]["b"][1]) is FrozenDict


@given(strategies.json_values)
def test_freeze_keeps_json(value: object) -> None:
    """What is frozen is the same JSON, with tuples in place of lists."""

    def thawed(frozen: object) -> object:
        if isinstance(frozen, dict):
            assert type(frozen) is FrozenDict
            return {key: thawed(each) for key, each in frozen.items()}

        if isinstance(frozen, tuple):
            return [thawed(each) for each in frozen]

        return frozen

    assert repr(thawed(freeze(value, "It"))) == repr(value)


def test_freeze_does_not_share() -> None:
    """What is frozen does not change with what it was made of."""
    given = {"a": [1, {"b": 2}]}
    frozen = freeze(given, "It")
    given["a"].append(3)
    given["c"] = 4

    assert frozen == {"a": (1, {"b": 2})}


def test_freeze_takes_any_mapping() -> None:
    """A read-only view of a dict is as good as a dict."""
    assert freeze(MappingProxyType({"a": 1}), "It") == {"a": 1}


def test_freeze_to_the_greatest_depth() -> None:
    """Values may be nested up to the limit, and not deeper."""
    assert freeze(nested(MAX_DEPTH), "It")

    with pytest.raises(ValueError, match="more than 16 deep"):
        freeze(nested(MAX_DEPTH + 1), "It")


def test_freeze_stops_at_a_value_inside_itself() -> None:
    """A list that contains itself is too deep, not endless."""
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(ValueError, match="more than 16 deep"):
        freeze(endless, "It")


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1])
def test_freeze_takes_64_bits(value: int) -> None:
    """The greatest and the least int of 64 bits are kept."""
    assert freeze(value, "It") == value


@pytest.mark.parametrize("value", [-(2**63) - 1, 2**63, 10**400])
def test_freeze_refuses_longer_ints(value: int) -> None:
    """Longer ones would come back from JSON as something else."""
    with pytest.raises(ValueError, match="The note must fit into 64 bits"):
        freeze(value, "The note")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_freeze_refuses_what_json_has_no_number_for(value: float) -> None:
    """There is no NaN and no infinity in JSON."""
    with pytest.raises(ValueError, match=f"It must be finite, not {value!r}"):
        freeze(value, "It")


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [b"text", {1, 2}, object(), 1j, Colour.RED, range(3), print],
    ids=lambda value: type(value).__name__,
)
def test_freeze_refuses_what_is_not_json(value: object) -> None:
    """The error names the place and the type."""
    with pytest.raises(ValueError, match=rf"It\['a'\]\[1\] .*{type(value).__name__}"):
        freeze({"a": [0, value]}, "It")


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "\ud800", 1, None, ("a",)])
def test_freeze_refuses_keys_that_are_not_text(key: object) -> None:
    """A key is text in one line, at every depth."""
    with pytest.raises(ValueError, match=r"A key of It\['a'\]"):
        freeze({"a": {key: 1}}, "It")


@pytest.mark.parametrize("value", [None, [], "text", 1, {1, 2}])
def test_freeze_dict_wants_a_mapping(value: object) -> None:
    """The error says what was given."""
    with pytest.raises(ValueError, match=f"a dict, not {type(value).__name__}"):
        freeze_dict(value, "It")


def test_freeze_dict_of_nothing() -> None:
    """All empty ones are the same one."""
    assert freeze_dict({}, "It") is EMPTY


@given(strategies.labels)
def test_check_text_gives_labels_back(text: str) -> None:
    """Text of every script comes back as it was."""
    assert check_text(text, "It") is text


@given(strategies.anything)
def test_check_text_may_allow_everything(text: str) -> None:
    """With the permissions for it, only lone surrogates are refused."""
    assert check_text(text, "It", empty=True, control=True) is text


@pytest.mark.parametrize("text", ["", " ", "\t", "\u2003"])
def test_check_text_refuses_nothing_to_read(text: str) -> None:
    """Blanks are no name."""
    with pytest.raises(ValueError, match="It must not be empty"):
        check_text(text, "It")


@given(st.sampled_from([*map(chr, range(32)), "\x7f", "\x85", "\x9f"]))
def test_check_text_refuses_control_characters(character: str) -> None:
    """Line breaks and the like are refused, and named."""
    with pytest.raises(ValueError, match="must not contain the character"):
        check_text(f"a{character}b", "It")


@pytest.mark.parametrize("control", [True, False])
def test_check_text_always_refuses_lone_surrogates(control: bool) -> None:
    """No encoding can store them."""
    with pytest.raises(ValueError, match=r"\\ud800"):
        check_text("a\ud800", "It", empty=True, control=control)


@pytest.mark.parametrize("value", [None, 5, b"text", ["text"]])
def test_check_text_wants_a_str(value: object) -> None:
    """The error says what was given."""
    with pytest.raises(ValueError, match=f"a str, not {type(value).__name__}"):
        check_text(value, "It")


class Sold(t.Protocol):
    """Has a price, and can be sold."""

    price: int

    def sell(self) -> None:
        """Sell it."""


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({"price": 5, "sell": print}, True),
        ({"price": None, "sell": print}, True),
        ({"price": 5, "sell": None}, False),
        ({"price": 5}, False),
        ({"sell": print}, False),
        ({}, False),
    ],
)
def test_what_fulfills_a_protocol(has: dict[str, object], expected: bool) -> None:
    """Whatever has all that it asks for; what has no value for a method has it not."""
    assert fulfills(SimpleNamespace(**has), Sold) is expected


def test_unchecked_is_another_one() -> None:
    """A struct with other values leaves the one that it was made of as it was."""
    document = new_document("EUR")

    changed = unchecked(document, coupons=("SUMMER",))

    assert changed.coupons == ("SUMMER",)
    assert changed.currency == "EUR"
    assert document == new_document("EUR")


@pytest.mark.parametrize(
    ("data", "size"), [("", 0), ("mug", 3), ("Täßchen", 9), ("Täßchen".encode(), 9)]
)
def test_size(data: str | bytes, size: int) -> None:
    """A text is as large as its bytes are."""
    assert size_of(data) == size
