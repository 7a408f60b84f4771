"""Options: what tells the lines of one item apart, and how a line is identified."""

from __future__ import annotations

import typing as t
from collections.abc import Collection
from collections.abc import Mapping
from decimal import Decimal

from .values import EMPTY
from .values import FrozenDict
from .values import check_text
from .values import fingerprint

#: What is chosen for an option: one value, or several of them, each once and sorted.
Chosen = str | tuple[str, ...]


def line_id(item_id: str, options: t.Mapping[str, Chosen]) -> str:
    """The id of the line for an item with these options, in whatever order.

    One value in a list is the same as that value.
    """
    plain = {
        name: value[0] if len(value) == 1 and isinstance(value, tuple) else value
        for name, value in options.items()
    }

    return fingerprint(item_id, sorted(plain.items()))


def canonical_options(options: t.Mapping[str, t.Any]) -> FrozenDict:
    """Options as text, so that a form's ``"42"`` is the same option as ``42``.

    Several values of an option are a set; without any, there is no such option.

    :raises ValueError: If an option has no name, or a value is not a str, int, bool or
        Decimal, or a list of these.
    """
    if not isinstance(options, Mapping):
        raise ValueError(f"The options must be a dict, not {type(options).__name__}.")

    if not options:
        return EMPTY

    chosen = (
        (check_text(name, "An option's name"), _canonical(name, value))
        for name, value in options.items()
    )

    return FrozenDict((name, value) for name, value in chosen if value != ())


def option_values(chosen: Chosen) -> tuple[str, ...]:
    """What is chosen for an option, one or several, as a tuple."""
    return (chosen,) if isinstance(chosen, str) else chosen


def _canonical(name: str, value: t.Any) -> Chosen:
    if isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping):
        return tuple(sorted({_option_text(name, each) for each in value}))

    return _option_text(name, value)


def _option_text(name: str, value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"

    if isinstance(value, int):
        return str(int(value))

    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"

    return check_text(value, f"The option {name!r}", empty=True)
