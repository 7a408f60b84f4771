"""The commands of `flask cart`.

Start at `browsing`; `shop` has what all commands ask for.
Knows no request and no shopper.
"""

from __future__ import annotations

import typing as t

import click
from flask.cli import AppGroup

from ..model.errors import CartError
from .browsing import explain
from .browsing import list_carts
from .browsing import show
from .examining import doctor
from .exchange import copy
from .exchange import export
from .exchange import import_carts
from .exchange import init_db
from .output import shown_error
from .pruning import prune
from .stats import stats


class _CartGroup(AppGroup):
    """Commands whose errors are for whoever types them, without a traceback."""

    def invoke(self, ctx: click.Context) -> t.Any:
        try:
            return super().invoke(ctx)
        except CartError as error:
            raise click.ClickException(shown_error(error)) from error


cart_cli = _CartGroup("cart", help="Look after the shopping carts.")

for command in (
    init_db,
    list_carts,
    show,
    explain,
    stats,
    doctor,
    prune,
    copy,
    export,
    import_carts,
):
    cart_cli.add_command(command)
