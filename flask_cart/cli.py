"""The commands of ``flask cart``."""

from __future__ import annotations

from dataclasses import dataclass

import click
from flask import current_app
from flask.cli import AppGroup

from .errors import CartConfigError
from .errors import CartCorruptError
from .errors import CartStorageError
from .errors import CartTooLargeError
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

    Nothing is deleted, and a cart that is there already stays as it is. What is changed
    between the copy and the switch of CART_STORAGE stays behind: stop the shop before.
    """
    open_storage = current_app.extensions["cart"].open_storage

    try:
        count = _copy(open_storage(source), open_storage(target), source)
    except (CartConfigError, CartStorageError) as error:
        raise click.ClickException(str(error)) from error

    click.echo(
        f"Copied {count.copied} carts, left {count.left} that were there already."
    )

    if count.failed:
        raise click.ClickException(f"{count.failed} carts could not be copied.")


@dataclass
class _Count:
    copied: int = 0
    left: int = 0
    failed: int = 0


def _copy(source: Storage, target: Storage, name: str) -> _Count:
    keys = getattr(source, "keys", None)

    if keys is None:
        raise click.ClickException(f"The storage {name!r} cannot list its carts.")

    count = _Count()

    for key in keys():
        try:
            stored = source.load(key)

            if stored is None:
                continue

            data = stored.data if isinstance(stored.data, str) else stored.data.decode()
            version = target.save(key, data, 0)
        except (CartCorruptError, CartTooLargeError, UnicodeDecodeError) as error:
            # Without the key, which for a guest is a secret.
            click.echo(f"{type(error).__name__}: a cart was not copied.", err=True)
            count.failed += 1
            continue

        if version is None:
            count.left += 1
        else:
            count.copied += 1

    return count
