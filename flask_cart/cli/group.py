"""The group that all commands are part of."""

from __future__ import annotations

import typing as t

import click
from flask.cli import AppGroup

from ..model.errors import CartError
from .output import shown_error


class _CartGroup(AppGroup):
    """Commands whose errors are for whoever types them, without a traceback."""

    def invoke(self, ctx: click.Context) -> t.Any:
        try:
            return super().invoke(ctx)
        except CartError as error:
            raise click.ClickException(shown_error(error)) from error


cart_cli = _CartGroup("cart", help="Look after the shopping carts.")
