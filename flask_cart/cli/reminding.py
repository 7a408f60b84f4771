"""The command that reminds of carts that were left."""

from __future__ import annotations

import typing as t
from collections import Counter

import click
from flask import current_app

from ..carts.abandonment import Outcome
from ..carts.abandonment import carts_to_remind_of
from ..carts.abandonment import remind as remind_of
from ..carts.scanning import FoundCart
from ..model.document import Document
from ..model.events import ReminderDue
from ..model.keys import CartKey
from .group import cart_cli
from .output import counted
from .output import echo_json
from .output import echo_table
from .output import json_option
from .output import shown_key
from .output import shown_time
from .output import tokens_option
from .shop import Age
from .shop import age_option
from .shop import deadline
from .shop import open_cart
from .shop import services
from .shop import storage

#: What may become of a cart, and what is said of it.
_SAID: t.Final[t.Mapping[Outcome, str]] = {
    "reminded": "Reminded of {}.",
    "kept": "Left {} that a receiver of the signal did not want to remind of.",
    "changed": "Left {} that somebody else was using.",
}


@cart_cli.command("remind")
@age_option(required=True, help="Carts left before, such as 1d, 12h or 2025-01-31.")
@click.option("--dry-run", is_flag=True, help="Only list them.")
@tokens_option
@json_option
def remind(older_than: Age, dry_run: bool, show_tokens: bool, as_json: bool) -> None:
    """Send the signal reminder_due for carts that were left with something in them.

    It is sent once for a cart, until somebody changes it, however many commands run at
    once, and does not make it younger for 'flask cart prune'.
    """
    before, now = t.cast(t.Any, deadline(older_than)), services().clock()
    carts = carts_to_remind_of(storage(), before, now)

    if dry_run:
        _echo_carts(carts, show_tokens, as_json)
        return

    outcomes = Counter(remind_of(storage(), each, _announce, now) for each in carts)

    if as_json:
        echo_json({each: outcomes[each] for each in (*_SAID, "failed")})
    else:
        for outcome, said in _SAID.items():
            if outcomes[outcome] or outcome == "reminded":
                click.echo(said.format(counted(outcomes[outcome], "cart")))

    if failed := outcomes["failed"]:
        raise click.ClickException(
            f"{counted(failed, 'cart')} could not be announced; the log says why."
        )


def _echo_carts(carts: t.Iterable[FoundCart], show_tokens: bool, as_json: bool) -> None:
    rows = [
        shown_key(found.key, show_tokens)
        | {
            "lines": len(t.cast(Document, found.content).lines),
            "since": found.saved_at if as_json else shown_time(found.saved_at),
        }
        for found in carts
    ]

    if as_json:
        echo_json({"carts": rows})
        return

    echo_table(("Owner", "Instance", ">Lines", "Since"), (r.values() for r in rows))
    click.echo(f"Somebody would be reminded of {counted(len(rows), 'cart')}.")


def _announce(event: ReminderDue) -> None:
    # A context of its own: what a receiver leaves open in db.session ends with it.
    with current_app.app_context():
        cart = open_cart(CartKey(event.owner, event.instance))
        services().announcer.left(cart, event)
