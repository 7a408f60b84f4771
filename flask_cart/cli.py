"""The commands of ``flask cart``."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from .errors import CartStorageError

cart_cli = AppGroup("cart", help="Look after the shopping carts.")


@cart_cli.command("init-db")
def init_db() -> None:
    """Create the table of the carts, for apps without migrations."""
    storage = current_app.extensions["cart"].storage
    create_table = getattr(storage, "create_table", None)

    if create_table is None:
        raise click.ClickException(
            f"{type(storage).__name__} has no table. It is not in a database."
        )

    name = storage.table.name

    try:
        created = create_table()
    except CartStorageError as error:
        raise click.ClickException(str(error)) from error

    if created:
        click.echo(f"Created the table {name!r}.")
    else:
        click.echo(f"The table {name!r} exists already.")
