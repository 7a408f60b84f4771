"""The shop that a command is about, and what it is asked for."""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from functools import partial

import click

from ..app.current import cart_at
from ..app.current import get_state
from ..carts.cart import Cart
from ..carts.scanning import FoundCart
from ..carts.scanning import FoundKeys
from ..carts.scanning import FoundNote
from ..carts.scanning import find_everything
from ..carts.services import CartServices
from ..model.keys import CartKey
from ..model.keys import cart_key
from ..storage.base import Storage

#: How old something is, the beginning of a day, or ``"never"``.
Age = dt.timedelta | dt.date | t.Literal["never"]

_age = re.compile(r"([1-9][0-9]{0,4})([dh])")


def read_age(value: str) -> Age:
    """The age that an option was given."""
    found = _age.fullmatch(value)

    if found is not None:
        number = int(found[1])

        return dt.timedelta(**{"days" if found[2] == "d" else "hours": number})

    try:
        return dt.date.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is neither an age such as '7d' or '12h' nor a date such as"
            " '2025-01-31'."
        ) from error


def read_age_or_never(value: str) -> Age:
    """The age that an option was given, if it is one that can be ``never``."""
    return "never" if value == "never" else read_age(value)


age_option = partial(click.option, "--older-than", metavar="AGE", type=read_age)
owner_argument = click.argument("owner")
instance_argument = click.argument("instance", default="default")


def services() -> CartServices:
    """What all carts of the shop share."""
    return get_state().services


def storage() -> Storage:
    """Where the shop's carts are."""
    return services().repository.storage


def everything() -> t.Iterator[FoundCart | FoundNote | FoundKeys]:
    """All carts, all notes of orders that were begun, and all used keys."""
    return find_everything(services().repository)


def open_cart(key: CartKey) -> Cart:
    """A cart of the shop."""
    return cart_at(cart_key(key.owner, key.instance, key.tenant))


def deadline(age: Age) -> dt.datetime | None:
    """Before when something was saved that is as old; ``None`` for never.

    A day begins in the shop's time zone.
    """
    shop = services()
    now = shop.clock()

    if age == "never":
        return None

    if isinstance(age, dt.timedelta):
        return now - age

    moment = dt.datetime.combine(age, dt.time(), shop.policy.time_zone)

    if moment > now:
        raise click.UsageError(f"{age} is in the future.")

    return moment
