"""The commands of ``flask cart``."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from .errors import CartConfigError
from .errors import CartStorageError
from .storage.base import Storage

cart_cli = AppGroup("cart", help="Look after the shopping carts.")


@cart_cli.command("init-db")
def init_db() -> None:
    """Create the table of the carts, for apps without migrations."""
    state = current_app.extensions["cart"]
    storage = state.storage

    try:
        # Also before the carts move there.
        if not hasattr(storage, "create_table"):
            storage = state.open_storage("database")

        created = storage.create_table()
    except (CartConfigError, CartStorageError) as error:
        raise click.ClickException(str(error)) from error

    name = storage.table.name

    if created:
        click.echo(f"Created the table {name!r}.")
    else:
        click.echo(f"The table {name!r} exists already.")


@cart_cli.command("copy")
@click.option("--from", "source", required=True, help="As in CART_STORAGE.")
@click.option("--to", "target", required=True, help="As in CART_STORAGE.")
def copy(source: str, target: str) -> None:
    """Copy all carts from one storage to another.

    Nothing is deleted, and a cart that is there already stays as it is. Copy, switch
    CART_STORAGE, and copy again what was made in the meantime.
    """
    open_storage = current_app.extensions["cart"].open_storage

    try:
        copied, left = _copy(open_storage(source), open_storage(target), source)
    except (CartConfigError, CartStorageError) as error:
        raise click.ClickException(str(error)) from error

    click.echo(f"Copied {copied} carts, left {left} that were there already.")


def _copy(source: Storage, target: Storage, name: str) -> tuple[int, int]:
    keys = getattr(source, "keys", None)

    if keys is None:
        raise click.ClickException(f"The storage {name!r} cannot list its carts.")

    copied = left = 0

    for key in keys():
        stored = source.load(key)

        if stored is None:
            continue

        data = stored.data if isinstance(stored.data, str) else stored.data.decode()

        if target.save(key, data, 0) is None:
            left += 1
        else:
            copied += 1

    return copied, left
