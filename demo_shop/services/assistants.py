"""Assistants: what they have done is the shopper's who has taken their basket over."""

from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask import flash
from flask import has_request_context
from sqlalchemy import select

from flask_cart import Cart
from flask_cart.model.events import CartMerged
from flask_cart.signals import cart_merged

from ..extensions import db
from ..languages import gettext
from ..languages import listed
from ..languages import ngettext
from ..languages import told
from ..models import CartWrite
from ..places import owner_here

#: What the owners of their carts begin with.
ASSISTED = "ucp:"
#: How many lines are named when a basket is handed over.
NAMED = 3


def init_app(app: Flask) -> None:
    """Tell shoppers that an assistant has changed their basket."""
    cart_merged.connect(tell_handed_over, app)


def name_of(profile: str) -> str:
    """What an assistant is called: the site that its profile is at."""
    try:
        return urlsplit(profile).hostname or profile
    except ValueError:
        # A long one was cut, maybe inside of its host.
        return profile


def tell_handed_over(app: Flask, cart: Cart, event: CartMerged, **extra: Any) -> None:
    """Note for the next page who has put together what has just come."""
    is_assisted = event.source.startswith(ASSISTED)

    if is_assisted and event.lines and has_request_context():
        flash(tell(_at_work_on(event.source), event), "assisted")


def tell(names: list[str], event: CartMerged) -> str:
    """Say who has put what into the basket."""
    lines = (f"{line.quantity} \u00d7 {told(line.name)}" for line in event.lines)
    things = listed(lines, NAMED)

    if not names:
        return gettext("Your assistant put %(things)s in your basket.", things=things)

    return ngettext(
        "Your assistant %(names)s put %(things)s in your basket.",
        "Your assistants %(names)s put %(things)s in your basket.",
        len(names),
        names=listed(names),
        things=things,
    )


def _at_work_on(owner: str) -> list[str]:
    """The names of those who have changed a cart."""
    # Not the session of the request, which may be in the middle of something.
    with db.engine.connect() as connection:
        profiles = connection.scalars(
            select(CartWrite.assistant)
            .where(
                CartWrite.owner == owner_here(owner),
                CartWrite.assistant.is_not(None),
            )
            .order_by(CartWrite.id)
        )

        return list(dict.fromkeys(name_of(str(each)) for each in profiles))
