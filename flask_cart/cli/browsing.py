"""Commands that look at carts."""

from __future__ import annotations

import datetime as dt
import itertools
import typing as t

import click
import msgspec
from moneyed import Money

from ..app.reasons import tell_reason
from ..carts.cart import Cart
from ..carts.cart import working_copy
from ..carts.scanning import FoundCart
from ..carts.scanning import find_carts
from ..model.document import Document
from ..model.errors import CartCorruptError
from ..model.keys import CartKey
from ..model.money import format_money
from ..model.products import option_values
from ..pricing.totals import Totals
from .group import cart_cli
from .output import echo_json
from .output import echo_table
from .output import json_option
from .output import shown_error
from .output import shown_key
from .output import shown_time
from .output import tokens_option
from .shop import age_option
from .shop import deadline
from .shop import instance_argument
from .shop import open_cart
from .shop import owner_argument
from .shop import storage


@cart_cli.command("list")
@click.option("--owner", help="Only the carts of this one, such as user:7.")
@click.option("--instance", help="Only carts of this name, such as wishlist.")
@age_option(help="Only carts last saved before, such as 7d, 12h or 2025-01-31.")
@click.option("--page", type=click.IntRange(1), default=1, show_default=True)
@click.option("--per-page", type=click.IntRange(1), default=50, show_default=True)
@tokens_option
@json_option
def list_carts(
    owner: str | None,
    instance: str | None,
    older_than: dt.timedelta | dt.date | None,
    page: int,
    per_page: int,
    show_tokens: bool,
    as_json: bool,
) -> None:
    """List carts, in the order of their owners."""
    before = deadline(older_than or "never")
    found = (
        each
        for each in find_carts(storage(), before)
        if owner in (None, each.key.owner) and instance in (None, each.key.instance)
    )
    start = (page - 1) * per_page
    carts = list(itertools.islice(found, start, start + per_page + 1))
    shown, has_more = carts[:per_page], len(carts) > per_page
    rows = [_row(each, show_tokens) for each in shown]

    if as_json:
        echo_json({"carts": rows, "page": page, "has_more": has_more})
        return

    if not rows:
        click.echo("There are no such carts.")

    headings = "Owner", "Instance", ">Lines", ">Quantity", ">Total", "Saved"
    echo_table(headings, map(_cells, rows))

    if has_more:
        click.echo(f"There are more: --page {page + 1}")


@cart_cli.command("show")
@owner_argument
@instance_argument
@tokens_option
@json_option
def show(owner: str, instance: str, show_tokens: bool, as_json: bool) -> None:
    """Show a cart, such as that of user:7."""
    cart = _stored_cart(owner, instance)
    document, totals = working_copy(cart).document, cart.totals
    begun = [each.started_at for each in document.pending]
    summary = shown_key(CartKey(owner, instance), show_tokens) | {
        "version": cart.version,
        "created_at": document.created_at,
        "updated_at": document.updated_at,
        "order_begun_at": max(begun, default=None),
    }

    if as_json:
        content = {
            "currency": document.currency,
            "lines": document.lines,
            "conditions": document.conditions,
            "metadata": document.metadata,
            "coupons": document.coupons,
            "shipping": document.shipping,
            "totals": _amounts_of(totals),
        }
        echo_json(summary | content)
        return

    for title, value in summary.items():
        if value is not None:
            text = shown_time(value) if isinstance(value, dt.datetime) else value
            click.echo(f"{title.removesuffix('_at').replace('_', ' '):12} {text}")

    _echo_lines(totals)
    _echo_total(totals)

    if document.coupons:
        click.echo(f"Coupons: {', '.join(document.coupons)}")

    for key, value in document.metadata.items():
        click.echo(f"{key}: {msgspec.json.encode(value).decode()}")


@cart_cli.command("explain")
@owner_argument
@instance_argument
@json_option
def explain(owner: str, instance: str, as_json: bool) -> None:
    """Explain how the total of a cart comes about, or why a discount is not in it."""
    totals = _stored_cart(owner, instance).totals

    if as_json:
        steps = [each.to_dict() for each in totals.explain()]
        echo_json({"steps": steps, "totals": _amounts_of(totals)})
        return

    click.echo(f"Goods: {format_money(totals.subtotal_without_conditions)}")
    _echo_total(totals)


def _stored_cart(owner: str, instance: str) -> Cart:
    cart = open_cart(CartKey(owner, instance))

    try:
        is_stored = bool(cart.version)
    except CartCorruptError as error:
        text = f"{shown_error(error)} See 'flask cart doctor'."
        raise click.ClickException(text) from error

    if not is_stored:
        raise click.ClickException(f"There is no cart {instance!r} of this owner.")

    return cart


def _row(found: FoundCart, show_tokens: bool) -> dict[str, t.Any]:
    document = found.content
    row = shown_key(found.key, show_tokens) | {"saved_at": found.saved_at}

    if not isinstance(document, Document):
        return row | {"error": str(document)}

    totals = open_cart(found.key).totals

    return row | {
        "lines": totals.count,
        "quantity": totals.quantity,
        "total": str(totals.total.amount),
        "currency": totals.currency,
    }


def _cells(row: dict[str, t.Any]) -> tuple[t.Any, ...]:
    amounts = "", "", "corrupt"

    if "error" not in row:
        total = format_money(Money(row["total"], row["currency"]))
        amounts = row["lines"], row["quantity"], total

    return row["owner"], row["instance"], *amounts, shown_time(row["saved_at"])


def _amounts_of(totals: Totals) -> dict[str, str]:
    return {
        "subtotal_without_conditions": str(totals.subtotal_without_conditions.amount),
        "subtotal": str(totals.subtotal.amount),
        "total": str(totals.total.amount),
        "currency": totals.currency,
    }


def _echo_lines(totals: Totals) -> None:
    if totals.lines:
        click.echo()

    echo_table(
        ("Item", "Name", "Options", ">Quantity", ">Price", ">Subtotal"),
        (
            (
                line.item_id,
                line.name,
                ", ".join(
                    f"{name}={'+'.join(option_values(chosen))}"
                    for name, chosen in line.options.items()
                ),
                line.quantity,
                format_money(line.price),
                format_money(line.subtotal),
            )
            for line in totals.lines
        ),
    )


def _echo_total(totals: Totals) -> None:
    """Print the total, below the conditions that lead to it."""
    names = {line.id: line.item_id for line in totals.lines}
    adjustments = totals.explain()

    if adjustments:
        click.echo()

    echo_table(
        ("Condition", "Type", "On", "Value", ">Before", ">After", ">Change", "Why"),
        (
            (
                each.name,
                each.type,
                names[each.line_id] if each.line_id else each.target,
                each.value,
                format_money(each.before),
                format_money(each.after),
                format_money(each.amount),
                tell_reason(each.code, each.params) or _contained(each.contained),
            )
            for each in adjustments
        ),
    )
    click.echo(f"\nTotal: {format_money(totals.total)}")

    if totals.tenders:
        click.echo(f"To pay: {format_money(totals.due)}")


def _contained(amount: Money | None) -> str:
    return f"contains {format_money(amount)}" if amount is not None else ""
