"""Plain values: text, and JSON that cannot be changed in place.

A cart's document is shared between everybody who reads it, so the mappings inside
it must not be changed behind its back: a change that went past the operations would
be saved by the next one, without a check and without an event.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import math
import re
import typing as t
import unicodedata
from collections.abc import Mapping
from contextlib import contextmanager
from copy import copy
from functools import cache

import msgspec

from .errors import CartError
from .errors import InvalidItemError

S = t.TypeVar("S", bound=msgspec.Struct)


class NumberError(ValueError):
    """A number that cannot be: a form may have it, while a price is the shop's."""


class FrozenDict(dict[str, t.Any]):
    """A dict that refuses to be changed."""

    def _refuse(self, *args: t.Any, **kwargs: t.Any) -> t.NoReturn:
        raise TypeError(
            "What a cart holds cannot be changed in place. Use the methods of the cart."
        )

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse

    def __reduce__(self) -> tuple[t.Any, ...]:
        return FrozenDict, (dict(self),)


EMPTY: t.Final = FrozenDict()
MAX_DEPTH: t.Final = 16


def freeze(value: t.Any, where: str, depth: int = 0) -> t.Any:
    """Copy a JSON value so that nobody can change it.

    :param value: ``None``, a bool, int of 64 bits, finite float, str, or lists,
        tuples and mappings with str keys of these, at most 16 deep.
    :param where: What the value is, for the error.
    :raises ValueError: If it is anything else.
    """
    if value is None or isinstance(value, bool):
        return value

    if isinstance(value, int):
        # The decoder reads longer integers as floats.
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{where} must fit into 64 bits.")

        return int(value)

    if isinstance(value, str):
        return check_text(value, where, empty=True, control=True)

    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} must be finite, not {value!r}.")

        return float(value)

    if depth == MAX_DEPTH:
        raise ValueError(f"{where} is nested more than {MAX_DEPTH} deep.")

    if isinstance(value, Mapping):
        return FrozenDict(
            (
                check_text(key, f"A key of {where}"),
                freeze(each, f"{where}[{key!r}]", depth + 1),
            )
            for key, each in value.items()
        )

    if isinstance(value, list | tuple):
        return tuple(
            freeze(each, f"{where}[{index}]", depth + 1)
            for index, each in enumerate(value)
        )

    raise ValueError(
        f"{where} must be JSON (None, bool, int, float, str, list, dict), not"
        f" {type(value).__name__}."
    )


def freeze_dict(value: t.Any, where: str) -> FrozenDict:
    """Copy a JSON object so that nobody can change it, unless nobody can already.

    :raises ValueError: If it is not a mapping, a key is not text, or a value is
        not JSON.
    """
    if type(value) is FrozenDict:
        return value

    if value == EMPTY:
        return EMPTY

    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a dict, not {type(value).__name__}.")

    return t.cast(FrozenDict, freeze(value, where))


def fingerprint(*parts: t.Any) -> str:
    """SHA-256 of JSON values, in hexadecimal. No separator can be part of a value.

    The keys of a mapping may come in any order.
    """
    encoded = msgspec.json.encode(parts, order="deterministic")

    return hashlib.sha256(encoded).hexdigest()


def digest(text: str, length: int) -> str:
    """The first characters of the SHA-256 of a text, of 6 bits each."""
    whole = hashlib.sha256(text.encode()).digest()

    return base64.urlsafe_b64encode(whole)[:length].decode()


def unchecked(struct: S, **fields: t.Any) -> S:
    """The struct with other values that need no check, and the rest as it is.

    ``replace()`` checks all of them again: a cart looks at each of its lines.
    """
    changed = copy(struct)

    for name, value in fields.items():
        msgspec.structs.force_setattr(changed, name, value)

    return changed


def size_of(data: str | bytes) -> int:
    """The size of a text in bytes."""
    if isinstance(data, bytes) or data.isascii():
        return len(data)

    return len(data.encode())


def check_text(
    value: t.Any, where: str, *, empty: bool = False, control: bool = False
) -> str:
    """Give the text back if it can be stored and shown, as a plain str.

    Text of other classes, such as Markup, is what it says: the encoder knows only str.

    :param empty: Allow no characters at all.
    :param control: Allow control characters, such as line breaks.
    :raises ValueError: If it is not text, or not such text.
    """
    is_ascii = type(value) is str and value.isascii() and value.isprintable()

    if is_ascii and (empty or value.strip()):
        return t.cast(str, value)

    if not isinstance(value, str):
        raise ValueError(f"{where} must be a str, not {type(value).__name__}.")

    if not empty and not value.strip():
        raise ValueError(f"{where} must not be empty.")

    text = str.__str__(value)

    for character in text:
        category = unicodedata.category(character)

        if category == "Cs" or (category == "Cc" and not control):
            raise ValueError(f"{where} must not contain the character {character!r}.")

    return text


def whole_number(value: t.Any, where: str) -> int:
    """Give a whole number back.

    :raises NumberError: If it is anything else, such as the text of a form's field, or
        the ``None`` of one that is missing.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise NumberError(f"{where} must be an int, not {value!r:.40}.")

    return int(value)


def fulfills(thing: t.Any, protocol: type) -> bool:
    """Whether something has what a protocol asks for, if only by its ``__getattr__``.

    From Python 3.12 on, ``isinstance`` does not ask that, which proxies live by,
    and before, it takes longer than all else that makes a line of a product.
    """
    for name, is_method in _asked_by(protocol):
        value = getattr(thing, name, ...)

        if value is ... or (value is None and is_method):
            return False

    return True


@cache
def _asked_by(protocol: type) -> list[tuple[str, bool]]:
    """What a protocol asks for by name, and whether it has to be a method."""
    return [
        (name, callable(getattr(protocol, name, None)))
        for name in vars(protocol).keys() | protocol.__annotations__.keys()
        if not name.startswith("_")
    ]


@cache
def snake_case(name: str) -> str:
    """The name of a class as those of functions are written."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def closest(word: str, words: t.Iterable[str]) -> str:
    """The end of an error about an unknown word: what may have been meant."""
    found = difflib.get_close_matches(word, list(words), n=1)

    return f" Did you mean {found[0]!r}?" if found else ""


@contextmanager
def refused_as(
    kind: t.Callable[[str], CartError], opening: str = ""
) -> t.Iterator[None]:
    """Raise an error of ours for a value that is not valid.

    :param opening: What its message begins with, before the reason.
    """
    try:
        yield
    except ValueError as error:
        refused = kind(f"{opening}{error}")

        if isinstance(refused, InvalidItemError):
            refused.is_input = isinstance(error, NumberError)

        raise refused from error
