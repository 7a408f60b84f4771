"""The command that counts carts."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections import defaultdict
from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal

import click
from moneyed import Money

from ..carts.scanning import KINDS
from ..carts.scanning import FoundCart
from ..carts.scanning import Kind
from ..carts.scanning import find_carts
from ..carts.scanning import kind_of
from ..model.errors import CartCorruptError
from ..model.money import format_money
from .group import cart_cli
from .output import counted
from .output import echo_json
from .output import echo_table
from .output import json_option
from .output import progress
from .shop import services
from .shop import storage

#: Names of classes, with where each of them ends.
_AGES: t.Final = {
    "up to 1 day": dt.timedelta(days=1),
    "up to 7 days": dt.timedelta(days=7),
    "up to 30 days": dt.timedelta(days=30),
    "older": dt.timedelta.max,
}
_SIZES: t.Final = {
    "up to 1 KiB": 2**10,
    "up to 10 KiB": 10 * 2**10,
    "up to 100 KiB": 100 * 2**10,
    "larger": float("inf"),
}

_Limit = t.TypeVar("_Limit", dt.timedelta, float)


@dataclass
class _Stats:
    """All that is counted, as it is printed as JSON."""

    carts: int = 0
    lines: int = 0
    quantity: int = 0
    in_checkout: int = 0
    corrupt: int = 0
    kinds: dict[Kind, dict[str, int]] = field(
        default_factory=lambda: {kind: dict.fromkeys(_AGES, 0) for kind in KINDS}
    )
    sizes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SIZES, 0))
    values: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def count(self, found: FoundCart, now: dt.datetime) -> None:
        self.carts += 1
        summary = found.summary

        if isinstance(summary, CartCorruptError):
            self.corrupt += 1
            return

        age = now - (found.saved_at or now)
        self.kinds[kind_of(found.key, summary)][_class_of(age, _AGES)] += 1
        self.sizes[_class_of(len(found.stored.data), _SIZES)] += 1
        self.lines += len(summary.lines)
        self.in_checkout += bool(summary.pending)
        value = self.values[summary.currency]

        for line in summary.lines:
            self.quantity += line.quantity
            value += line.unit_amount * line.quantity

        self.values[summary.currency] = value


@cart_cli.command("stats")
@json_option
def stats(as_json: bool) -> None:
    """Count the carts, by kind, age and size, and add up what is in them.

    Only as much of each is looked at: 'flask cart doctor' finds all that is damaged.
    """
    found = _Stats()
    now = services().clock()

    with progress(find_carts(storage()), "Counting carts") as carts:
        for each in carts:
            found.count(each, now)

    if as_json:
        echo_json(found)
    else:
        _echo(found)


def _echo(found: _Stats) -> None:
    click.echo(
        f"{counted(found.carts, 'cart')}, {counted(found.lines, 'line')},"
        f" {counted(found.quantity, 'item')};"
        f" {found.in_checkout} in checkout, {found.corrupt} corrupt"
    )
    click.echo()
    echo_table(
        ("Last saved", *(f">{kind}" for kind in KINDS), ">all"),
        (_row_of_age(found, age) for age in _AGES),
    )
    click.echo()
    echo_table(("Size", ">carts"), found.sizes.items())
    click.echo()

    for code, value in sorted(found.values.items()):
        amount = format_money(Money(value, code))
        click.echo(f"Worth {amount} before discounts, taxes and shipping")


def _row_of_age(found: _Stats, age: str) -> list[t.Any]:
    numbers = [found.kinds[kind][age] for kind in KINDS]

    return [age, *numbers, sum(numbers)]


def _class_of(value: _Limit, classes: t.Mapping[str, _Limit]) -> str:
    return next(name for name, limit in classes.items() if value <= limit)
