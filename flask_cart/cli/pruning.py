"""The command that deletes abandoned carts."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections import Counter

import click
from flask import current_app
from flask.cli import with_appcontext

from ..app.state import get_state
from ..carts.abandonment import CHECKOUT_LASTS
from ..carts.abandonment import Deadlines
from ..carts.abandonment import Outcome
from ..carts.abandonment import State
from ..carts.abandonment import delete_abandoned
from ..carts.abandonment import state_of
from ..carts.scanning import KINDS
from ..carts.scanning import FoundCart
from ..carts.scanning import Kind
from ..carts.scanning import find_carts
from ..carts.scanning import kind_of
from ..model.document import Document
from ..model.events import CartAbandoned
from ..model.keys import CartKey
from .output import counted
from .output import echo_json
from .output import echo_table
from .output import json_option
from .output import progress
from .output import shown_owner
from .output import shown_time
from .output import tokens_option
from .shop import Age
from .shop import deadline
from .shop import open_cart
from .shop import read_age
from .shop import read_age_or_never
from .shop import services
from .shop import storage

_Command = t.TypeVar("_Command", bound=t.Callable[..., t.Any])


def _age_option(name: str, help: str) -> t.Callable[[_Command], _Command]:
    return click.option(name, metavar="AGE", callback=read_age_or_never, help=help)


@click.command("prune")
@click.option(
    "--older-than",
    metavar="AGE",
    callback=read_age,
    help="Carts last saved before, such as 7d, 12h or 2025-01-31."
    "  [default: CART_ABANDONED_AFTER_DAYS]",
)
@_age_option("--empty-older-than", "The same for empty ones, or never.")
@_age_option("--guests-older-than", "The same for those of guests, or never.")
@_age_option("--users-older-than", "The same for all others, or never.")
@click.option("--dry-run", is_flag=True, help="Only list them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@tokens_option
@json_option
@with_appcontext
def prune(
    older_than: dt.timedelta | dt.date | None,
    empty_older_than: Age | None,
    guests_older_than: Age | None,
    users_older_than: Age | None,
    dry_run: bool,
    yes: bool,
    show_tokens: bool,
    as_json: bool,
) -> None:
    """Delete carts that nobody has changed for long.

    Each is announced with the signal cart_abandoned before. A cart that somebody
    changes meanwhile stays, and so does one that an order was begun for, for 30 days.
    Instead of an age, "never" keeps all of a kind.
    """
    settings = get_state().settings
    default = older_than or dt.timedelta(days=settings.abandoned_after_days)
    ages: dict[Kind, Age] = {
        "empty": empty_older_than or default,
        "guest": guests_older_than or default,
        "user": users_older_than or default,
    }
    pruning = _Pruning({kind: deadline(age) for kind, age in ages.items()})

    if dry_run:
        pruning.echo_carts(show_tokens, as_json)
        return

    kinds = Counter(kind_of(each.key, document) for each, document in pruning.carts())

    if kinds and not yes:
        click.confirm(_question(kinds), abort=True, err=True)

    outcomes = pruning.run(kinds.total())

    if as_json:
        echo_json(_plain(outcomes, pruning.states))
    else:
        _echo(outcomes, pruning.states)

    if outcomes[Outcome.FAILED]:
        raise click.ClickException(
            f"{counted(outcomes[Outcome.FAILED], 'cart')} could not be announced; the"
            " log says why."
        )


class _Pruning:
    """The carts that are abandoned at one time.

    :param deadlines: Before when a cart of each kind was last saved.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self.states: Counter[State] = Counter()
        self._deadlines = deadlines
        self._now = services().clock()

    def carts(self) -> t.Iterator[tuple[FoundCart, Document]]:
        """Those that are to be deleted."""
        self.states.clear()
        latest = max(filter(None, self._deadlines.values()), default=None)

        if latest is None:
            return

        for found in find_carts(storage(), latest):
            state = state_of(found, self._deadlines, self._now)
            self.states[state] += 1

            if state is State.ABANDONED:
                yield found, t.cast(Document, found.content)

    def run(self, length: int) -> Counter[Outcome]:
        """Delete them."""
        repository = services().repository

        with progress(self.carts(), length, "Deleting carts") as carts:
            return Counter(
                delete_abandoned(repository, found, _announce, _destroy)
                for found, _ in carts
            )

    def echo_carts(self, show_tokens: bool, as_json: bool) -> None:
        """Print what would be deleted."""
        rows = (
            (
                shown_owner(found.key.owner, show_tokens),
                found.key.instance,
                kind_of(found.key, document),
                len(document.lines),
                found.saved_at if as_json else shown_time(found.saved_at),
            )
            for found, document in self.carts()
        )

        if as_json:
            names = "owner", "instance", "kind", "lines", "saved_at"
            carts = [dict(zip(names, row, strict=True)) for row in rows]
            echo_json({"carts": carts} | _plain_states(self.states))
            return

        echo_table(("Owner", "Instance", "Kind", ">Lines", "Saved"), rows)
        click.echo(f"{counted(self.states[State.ABANDONED], 'cart')} would be deleted.")
        _echo_states(self.states)


def _announce(event: CartAbandoned) -> None:
    # A context of its own: a receiver that leaves a transaction open in db.session must
    # not make the deletion part of it.
    with current_app.app_context():
        cart = open_cart(CartKey(event.owner, event.instance))
        services().announcer.abandoned(cart, event)


def _destroy(key: CartKey, version: int) -> None:
    with current_app.app_context():
        open_cart(key).expect(version).destroy()


def _question(kinds: Counter[Kind]) -> str:
    parts = ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS if kinds[kind])

    return f"Delete {counted(kinds.total(), 'cart')} ({parts})?"


def _plain(outcomes: Counter[Outcome], states: Counter[State]) -> dict[str, int]:
    return {each.value: outcomes[each] for each in Outcome} | _plain_states(states)


def _plain_states(states: Counter[State]) -> dict[str, int]:
    return {
        "in_checkout": states[State.IN_CHECKOUT],
        "corrupt": states[State.CORRUPT],
    }


def _echo(outcomes: Counter[Outcome], states: Counter[State]) -> None:
    click.echo(f"Deleted {counted(outcomes[Outcome.DELETED], 'cart')}.")

    if outcomes[Outcome.KEPT]:
        kept = counted(outcomes[Outcome.KEPT], "cart")
        click.echo(f"Kept {kept} that a receiver of a signal did not let go.")

    if outcomes[Outcome.CHANGED]:
        changed = counted(outcomes[Outcome.CHANGED], "cart")
        click.echo(f"Left {changed} that somebody else was using.")

    _echo_states(states)


def _echo_states(states: Counter[State]) -> None:
    if states[State.IN_CHECKOUT]:
        waiting = counted(states[State.IN_CHECKOUT], "cart")
        click.echo(
            f"Left {waiting} that an order was begun for in the last"
            f" {CHECKOUT_LASTS.days} days."
        )

    if states[State.CORRUPT]:
        corrupt = counted(states[State.CORRUPT], "cart")
        click.echo(f"Left {corrupt} that cannot be read: see 'flask cart doctor'.")
