"""The command that deletes abandoned carts."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections import Counter
from functools import partial

import click
from flask import current_app

from ..app.current import get_state
from ..carts.abandonment import CHECKOUT_LASTS
from ..carts.abandonment import Deadlines
from ..carts.abandonment import Outcome
from ..carts.abandonment import State
from ..carts.abandonment import delete_abandoned
from ..carts.abandonment import delete_unheard
from ..carts.abandonment import state_of
from ..carts.leftovers import Leftovers
from ..carts.scanning import KINDS
from ..carts.scanning import FoundCart
from ..carts.scanning import Kind
from ..carts.scanning import find_carts
from ..carts.scanning import kind_of
from ..model.document import Document
from ..model.events import CartAbandoned
from ..model.keys import CartKey
from .group import cart_cli
from .output import counted
from .output import echo_json
from .output import echo_table
from .output import json_option
from .output import progress
from .output import shown_key
from .output import shown_time
from .output import tokens_option
from .shop import Age
from .shop import age_option
from .shop import deadline
from .shop import open_cart
from .shop import read_age_or_never
from .shop import services
from .shop import storage

#: What may become of a cart.
_OUTCOMES: t.Final[tuple[Outcome, ...]] = ("deleted", "kept", "changed", "failed")

#: What is said of carts that are still there.
_LEFT: t.Final[t.Mapping[Outcome | State, str]] = {
    "kept": "Kept {} that a receiver of a signal did not let go.",
    "changed": "Left {} that somebody else was using.",
    "in_checkout": "Left {} that an order was begun for in the last"
    f" {CHECKOUT_LASTS.days} days.",
    "corrupt": "Left {} that cannot be read: see 'flask cart doctor'.",
}

#: Before that nothing was saved.
_NEVER: t.Final = dt.datetime.min.replace(tzinfo=dt.UTC)

_FORGOT: t.Final = f"Forgot {{}} begun more than {CHECKOUT_LASTS.days} days ago."

_age_option = partial(click.option, metavar="AGE", type=read_age_or_never)


@cart_cli.command("prune")
@age_option(
    help="Carts last saved before, such as 7d, 12h or 2025-01-31."
    "  [default: CART_ABANDONED_AFTER_DAYS]",
)
@_age_option("--empty-older-than", help="The same for empty ones, or never.")
@_age_option("--guests-older-than", help="The same for those of guests, or never.")
@_age_option("--users-older-than", help="The same for all others, or never.")
@click.option("--dry-run", is_flag=True, help="Only list them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@tokens_option
@json_option
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
    Then the order is forgotten, too: it can be paid no longer. So are the keys of
    changes that cannot be sent again, and links that are not good any more. Instead of
    an age, "never" keeps all of a kind.
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

    length = None if yes else _ask(pruning)
    leftovers = Leftovers(services())
    outcomes = pruning.run(length, leftovers)
    # After the carts, which would be as good as new by it.
    forgotten = leftovers.forget_orders()

    if as_json:
        numbers = {each: outcomes[each] for each in _OUTCOMES}
        echo_json(numbers | _plain_states(pruning.states) | {"orders": forgotten})
    else:
        click.echo(f"Deleted {counted(outcomes['deleted'], 'cart')}.")
        _echo_left(outcomes | pruning.states)

        if forgotten:
            click.echo(_FORGOT.format(counted(forgotten, "order")))

    if failed := outcomes["failed"]:
        raise click.ClickException(
            f"{counted(failed, 'cart')} could not be announced; the log says why."
        )


class _Pruning:
    """The carts that are abandoned at one time.

    :param deadlines: Before when a cart of each kind was last saved.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self.states: Counter[State] = Counter()
        self._deadlines = deadlines
        self._now = services().clock()

    def carts(
        self, leftovers: Leftovers | None = None
    ) -> t.Iterator[tuple[FoundCart, Document]]:
        """Those that are to be deleted.

        :param leftovers: Look at what is come across beside the carts.
        """
        self.states.clear()
        latest = max(filter(None, self._deadlines.values()), default=_NEVER)
        aside = leftovers.look_at if leftovers is not None else None

        for found in find_carts(storage(), latest, aside):
            state = state_of(found, self._deadlines, self._now)
            self.states[state] += 1

            if state == "abandoned":
                yield found, t.cast(Document, found.content)

    def run(self, length: int | None, leftovers: Leftovers) -> Counter[Outcome]:
        """Delete them.

        :param length: How many there are, if they were counted.
        """
        delete = _delete if _is_heard() else partial(delete_unheard, storage())

        with progress(self.carts(leftovers), "Deleting carts", length) as carts:
            return Counter(delete(found) for found, _ in carts)

    def echo_carts(self, show_tokens: bool, as_json: bool) -> None:
        """Print what would be deleted."""
        rows = (
            shown_key(found.key, show_tokens)
            | {
                "kind": kind_of(found.key, document),
                "lines": len(document.lines),
                "saved_at": found.saved_at if as_json else shown_time(found.saved_at),
            }
            for found, document in self.carts()
        )

        if as_json:
            echo_json({"carts": list(rows)} | _plain_states(self.states))
            return

        headings = "Owner", "Instance", "Kind", ">Lines", "Saved"
        echo_table(headings, (row.values() for row in rows))
        click.echo(f"{counted(self.states['abandoned'], 'cart')} would be deleted.")
        _echo_left(self.states)


def _ask(pruning: _Pruning) -> int:
    """Ask whether to delete them, if there are any, and say how many there are."""
    kinds = Counter(kind_of(each.key, document) for each, document in pruning.carts())

    if kinds:
        click.confirm(_question(kinds), abort=True, err=True)

    return kinds.total()


def _is_heard() -> bool:
    """Whether anybody is told when a cart is deleted, or asked before."""
    shop = services()

    return bool(shop.repository.observers) or shop.announcer.hears(
        "cart_abandoned", "before_change", "cart_destroyed", "cart_updated"
    )


def _delete(found: FoundCart) -> Outcome:
    return delete_abandoned(services().repository, found, _announce, _destroy)


def _announce(event: CartAbandoned) -> None:
    # A context of its own: a receiver that leaves a transaction open in db.session must
    # not make the deletion part of it.
    with current_app.app_context():
        cart = open_cart(CartKey(event.owner, event.instance))
        services().announcer.left(cart, event)


def _destroy(key: CartKey, version: int) -> None:
    with current_app.app_context():
        open_cart(key).expect(version).destroy()


def _question(kinds: Counter[Kind]) -> str:
    parts = ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS if kinds[kind])

    return f"Delete {counted(kinds.total(), 'cart')} ({parts})?"


def _plain_states(states: Counter[State]) -> dict[str, int]:
    return {"in_checkout": states["in_checkout"], "corrupt": states["corrupt"]}


def _echo_left(numbers: t.Mapping[t.Any, int]) -> None:
    """Say why carts are still there."""
    for reason, text in _LEFT.items():
        if number := numbers.get(reason):
            click.echo(text.format(counted(number, "cart")))
