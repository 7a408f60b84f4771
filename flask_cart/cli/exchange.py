"""Commands that make a place for carts, and move them."""

from __future__ import annotations

import typing as t
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from ..app.current import get_state
from ..model.document import Document
from ..model.document import OrderNote
from ..model.errors import CartBusyError
from ..model.errors import CartCorruptError
from ..model.errors import CartTooLargeError
from ..model.keys import AFTER
from ..model.keys import CartKey
from ..storage.base import Change
from ..storage.base import ScansCarts
from ..storage.base import Storage
from ..storage.base import Stored
from ..storage.base import scans_carts
from .files import new_file
from .files import read_carts
from .files import write_cart
from .group import cart_cli
from .output import counted
from .output import echo_json
from .output import json_option
from .output import progress
from .output import shown_error
from .shop import everything
from .shop import storage

#: How many of the errors in a file are told.
_ERRORS: t.Final = 20

#: Why one cart cannot be stored, while others can.
_REFUSALS: t.Final = (
    CartBusyError,
    CartCorruptError,
    CartTooLargeError,
    UnicodeDecodeError,
)


@cart_cli.command("init-db")
@json_option
def init_db(as_json: bool) -> None:
    """Create the table of the carts, for apps without migrations."""
    database: t.Any = storage()

    # Also before the carts move there.
    if not hasattr(database, "create_table"):
        database = get_state().open_storage("database")

    created = database.create_table()
    name = str(database.table.name)

    if as_json:
        echo_json({"table": name, "created": created})
    elif created:
        click.echo(f"Created the table {name!r}.")
    else:
        click.echo(f"The table {name!r} exists already.")


def _save_all(
    saves: t.Iterable[t.Callable[[], bool]], done: str, left: str, as_json: bool
) -> None:
    """Save carts, and tell what has become of them.

    :param saves: Each saves one, and returns ``None`` if it was left as it is.
    :param done: What is done with them, such as ``"copied"``.
    :param left: What is said of those with which it is not.
    """
    numbers = dict.fromkeys((done, "left", "failed"), 0)

    try:
        for save in saves:
            numbers[_outcome_of(save, done)] += 1
    finally:
        # Also how far it was when it could not go on.
        if as_json:
            echo_json(numbers)
        else:
            click.echo(
                f"{done.capitalize()} {counted(numbers[done], 'cart')}, left"
                f" {numbers['left']} that {left}."
            )

    if failed := numbers["failed"]:
        raise click.ClickException(f"{counted(failed, 'cart')} could not be {done}.")


def _outcome_of(save: t.Callable[[], bool], done: str) -> str:
    """Save a cart, unless just that one cannot be."""
    try:
        return done if save() else "left"
    except _REFUSALS as error:
        # Without the key, which for a guest is a secret.
        click.echo(f"{type(error).__name__}: a cart was not {done}.", err=True)

        return "failed"


@cart_cli.command("copy")
@click.option("--from", "source", required=True, help="As in CART_STORAGE.")
@click.option("--to", "target", required=True, help="As in CART_STORAGE.")
@json_option
def copy(source: str, target: str, as_json: bool) -> None:
    """Copy all carts from one storage to another.

    Nothing is deleted, and a cart that is there already stays as it is. What is changed
    between the copy and the switch of CART_STORAGE stays behind: stop the shop before.
    """
    open_storage = get_state().open_storage
    opened, place = open_storage(source), open_storage(target)

    if not scans_carts(opened):
        raise click.ClickException(f"The storage {source!r} cannot list its carts.")

    _save_all(_copies(opened, place), "copied", "were there already", as_json)


def _copies(source: ScansCarts, target: Storage) -> t.Iterator[t.Callable[[], bool]]:
    for key, stored, _ in source.scan():
        copy = partial(_copy, key, stored, target)

        if not key.instance.startswith(AFTER):
            yield copy
            continue

        # They are no cart to be told of, and are worth nothing in a day.
        with suppress(*_REFUSALS):
            copy()


def _copy(key: CartKey, stored: Stored, target: Storage) -> bool:
    if not stored.version:
        raise CartCorruptError("It has no version.", stored.data)

    return target.save(key.owner, {key.instance: Change.on(0, stored.text)})


@cart_cli.command("export")
@click.argument("path", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@json_option
def export(path: str, as_json: bool) -> None:
    """Write all carts to a new file, or to the output, as JSON lines.

    So are the notes of orders that were begun, which may be paid.

    The file contains the tokens of guests: whoever has one has the cart.
    """
    exported = corrupt = 0

    with new_file(path) as file, progress(everything(), "Exporting carts") as carts:
        for found in carts:
            if found.key.instance.startswith(AFTER):
                continue

            if isinstance(found.content, CartCorruptError):
                corrupt += 1
            else:
                content = t.cast("Document | OrderNote", found.content)
                write_cart(file, found.key, content)
                exported += 1

    # The output is the file.
    err = path == "-"

    if as_json:
        echo_json({"exported": exported, "corrupt": corrupt}, err=err)
    else:
        click.echo(f"Exported {counted(exported, 'cart')}.", err=err)

    if corrupt:
        raise click.ClickException(
            f"{counted(corrupt, 'cart')} cannot be read: see 'flask cart doctor'."
        )


@cart_cli.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Overwrite carts that are there already.")
@json_option
def import_carts(path: Path, replace: bool, as_json: bool) -> None:
    """Store the carts of a file that was exported.

    The whole file is checked before anything is stored. A cart that is there already
    stays as it is, unless it is to be replaced.
    """
    _check(path)
    left = "somebody was changing" if replace else "were there already"
    saves = (
        partial(_store, key, t.cast(str, content), replace)
        for _, key, content in read_carts(path)
    )
    _save_all(saves, "imported", left, as_json)


def _check(path: Path) -> None:
    """Refuse a file with anything wrong in it."""
    lines: dict[CartKey, int] = {}
    errors = 0

    for number, key, content in read_carts(path):
        error = content if isinstance(content, ValueError) else None

        if error is None and lines.setdefault(key, number) != number:
            error = ValueError(f"The same cart is in line {lines[key]}.")

        if error is not None:
            errors += 1

            if errors <= _ERRORS:
                click.echo(f"Line {number}: {shown_error(error)}", err=True)

    if errors:
        raise click.ClickException(
            f"Nothing was imported: {counted(errors, 'line')} cannot be."
        )


def _store(key: CartKey, text: str, replace: bool) -> bool:
    stored = storage().load(key) if replace else None
    expected = stored.version if stored is not None else 0

    return storage().save(key.owner, {key.instance: Change.on(expected, text)})
