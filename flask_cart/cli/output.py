"""What commands print: tables, JSON, and how far they are."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import sys
import typing as t
from contextlib import AbstractContextManager
from contextlib import nullcontext

import click
import msgspec

from ..model.keys import CartKey
from ..model.keys import without_tokens
from .shop import services

T = t.TypeVar("T")

#: How many rows are read before they are printed, as wide as the widest of them.
_ROWS: t.Final = 500

#: How many carts are looked at until the bar shows it.
_STEPS: t.Final = 500

#: How much of an error is told.
_ERROR: t.Final = 300

_guest = re.compile(r".*?(?:guest|@order):.{4}(?=.)", re.DOTALL)

#: What terminals obey, and JSON need not escape.
_commands = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

tokens_option = click.option(
    "--show-tokens",
    is_flag=True,
    help="Print the tokens of guests in full. Whoever has one has the cart.",
)


def echo_json(value: t.Any, *, err: bool = False) -> None:
    """Print a value as JSON."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    click.echo(_commands.sub(_escaped, text), err=err)


def echo_table(headings: t.Sequence[str], rows: t.Iterable[t.Iterable[t.Any]]) -> None:
    """Print rows below headings; those that begin with ``>`` are for numbers.

    The rows are printed some at a time, and nothing is if there are none.
    """
    titles = [heading.lstrip(">") for heading in headings]
    sides = [">" if heading.startswith(">") else "<" for heading in headings]
    widths = [len(title) for title in titles]
    remaining = iter(rows)
    head = [titles]

    while page := list(itertools.islice(remaining, _ROWS)):
        lines = head + [[_printable(cell) for cell in row] for row in page]
        head = []
        longest = [max(map(len, column)) for column in zip(*lines, strict=True)]
        widths = [max(pair) for pair in zip(widths, longest, strict=True)]

        cells = zip(sides, widths, strict=True)
        row = "  ".join(f"{{:{side}{width}}}" for side, width in cells)
        click.echo("\n".join(row.format(*line).rstrip() for line in lines))


def progress(
    items: t.Iterable[T], label: str, length: int | None = None
) -> AbstractContextManager[t.Iterable[T]]:
    """The items, with a bar that tells how many are done, on a terminal only.

    :param length: How many there are, if that is known.
    """
    if not sys.stderr.isatty():
        return nullcontext(items)

    return click.progressbar(
        items,
        length=length,
        label=label,
        show_pos=length is None,
        file=sys.stderr,
        update_min_steps=_STEPS if length is None else 1,
    )


def shown_key(key: CartKey, show_tokens: bool) -> dict[str, t.Any]:
    """Whose cart it is, without the secret that the token of a guest is, and which."""
    owner = key.owner

    if not show_tokens and (known := _guest.match(owner)):
        owner = f"{known[0]}..."

    return {"owner": owner, "instance": key.instance}


def shown_error(error: Exception) -> str:
    """What an error says in a line, without the tokens of guests."""
    text = _printable(without_tokens(" ".join(str(error).split())))

    # It may quote what somebody has put into a file.
    return text if len(text) <= _ERROR else f"{text[:_ERROR]}..."


def shown_time(moment: dt.datetime | None) -> str:
    """The moment as the shop's clocks show it."""
    if moment is None:
        return "-"

    local = services().local_time(moment).replace(tzinfo=None)

    return local.isoformat(" ", "minutes")


def counted(number: int, what: str) -> str:
    """How many there are of something, such as ``"1 cart"`` and ``"2 carts"``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _printable(cell: t.Any) -> str:
    text = str(cell)

    if text.isprintable():
        return text

    # Names come from anywhere, and a terminal obeys what it is sent.
    return "".join(each if each.isprintable() else "?" for each in text)
