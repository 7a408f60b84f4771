"""What the cart's signals told, kept for the activity page.

In the shop's database, as the worker that answers the page may be another than the one
that changed the cart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import ScalarSelect
from sqlalchemy import delete
from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import select
from sqlalchemy import update

from flask_cart import Cart
from flask_cart.model.events import CartMerged
from flask_cart.model.events import CartUpdated
from flask_cart.model.events import Event
from flask_cart.signals import cart_updated
from flask_cart.ucp import current_assistant

from ..extensions import db
from ..languages import gettext
from ..languages import sentences
from ..languages import told
from ..models import CartWrite
from ..places import owner_here
from .assistants import name_of
from .racers import NOBODY

#: How many writes are kept of an owner.
KEPT = 100
#: How many lines are kept of an event that has many.
KEPT_LINES = 10
KEPT_LETTERS = 40
LONGEST_PROFILE = 255

#: What all events have. It is kept once for the write, or isn't needed.
_COMMON = {"event", "id", "occurred_at", "owner", "tenant", "instance", "version"}

#: How each kind of signal works, in a line.
HOW_IT_WORKS = sentences(
    {
        "cart_created": "Nobody has a cart before the first change. This was it.",
        "item_added": "A line that was not there. The same thing with the same options"
        " is the same line.",
        "item_updated": "The line before and after. Adding the same thing again sends"
        " this, too.",
        "item_removed": "The line as it was, so that a shop can offer to put it back.",
        "condition_added": "A discount, a tax, a fee or the post, on the whole cart.",
        "condition_removed": "One that replaces another is a removed one and an"
        " added one.",
        "item_condition_added": "It changes the price of one line.",
        "item_condition_removed": "The line has its old price again.",
        "coupon_added": "A code. What it takes off is asked whenever totals are read.",
        "coupon_removed": "A code was taken out, or made room for another one.",
        "shipping_chosen": "How it is sent, by name; what that costs is asked for, too."
        " The shop chooses the post until the shopper does.",
        "metadata_added": "What the shop notes beside the lines: here, a note.",
        "metadata_removed": "With the value that it had.",
        "currency_changed": "All prices of the cart, in one write.",
        "cart_cleared": "All that was in it. The cart stays, and its versions go on.",
        "cart_destroyed": "The cart is deleted. If it comes back, its versions go on.",
        "cart_abandoned": "Sent before a cart that was left for long is deleted. A"
        " receiver can keep it by raising an error.",
        "reminder_due": "Sent when nothing has changed for long, once, so that a shop"
        " can write to the shopper.",
        "cart_merged": "What a guest had goes over at the log-in, and what an assistant"
        " has put together when it is taken over: once, however often it is tried.",
        "cart_not_merged": "What was in another currency stays where it is.",
        "item_moved": "A line has come from another cart of the same shopper.",
        "checkout_started": "The order has a token now. A second try with it is the"
        " same order.",
        "checkout_cancelled": "What was begun is given up. A payment that comes after"
        " all goes back.",
        "cart_checked_out": "The order is made, and what was ordered is out of the"
        " cart.",
        "before_change": "Sent before anything is saved. A receiver can refuse the"
        " change, so it isn't in this list.",
        "cart_updated": "The last signal of a write, once per saved version, with all"
        " the others in it.",
    }
)


@dataclass(frozen=True)
class Signal:
    """One signal as the page shows it."""

    name: str
    #: In words, by the name of the field.
    fields: Mapping[str, str]

    @property
    def how(self) -> str:
        """How this kind works."""
        return HOW_IT_WORKS.get(self.name, "")


@dataclass(frozen=True)
class Write:
    """One saved version as the page shows it."""

    id: int
    instance: str
    version: int
    number: int
    reason: str
    saved_at: datetime
    signals: list[Signal]
    #: The name of the assistant that made it; empty if it was the shopper.
    assistant: str


def init_app(app: Flask) -> None:
    """Listen to the carts of the shop."""
    cart_updated.connect(keep, app)


def keep(app: Flask, cart: Cart, event: CartUpdated, **extra: object) -> None:
    """Keep what a write of a cart was about.

    The cart is saved already: if this fails, Flask-Cart logs it, and that is all.
    """
    if event.owner.startswith(f"{NOBODY}:"):
        return

    owner = owner_here(event.owner)

    # Not the session of the request, which may be in the middle of something.
    with db.engine.begin() as connection:
        # What assistants did goes along with what they have put together.
        for merged in (e for e in event.events if isinstance(e, CartMerged)):
            connection.execute(
                update(CartWrite)
                .where(
                    CartWrite.owner == owner_here(merged.source),
                    CartWrite.assistant.is_not(None),
                )
                .values(owner=owner)
            )

        connection.execute(
            insert(CartWrite).values(
                owner=owner,
                instance=event.instance,
                version=event.version,
                number=_next_number(owner, event.instance),
                reason=event.reason,
                saved_at=event.occurred_at,
                assistant=(current_assistant() or "")[:LONGEST_PROFILE] or None,
                events=[_to_keep(each) for each in event.events],
            )
        )
        of_owner = select(CartWrite.id).where(CartWrite.owner == owner)
        # A query of its own, as MySQL doesn't delete from what it reads.
        oldest = connection.scalar(
            of_owner.order_by(CartWrite.id.desc()).offset(KEPT - 1).limit(1)
        )

        if oldest is not None:
            connection.execute(
                delete(CartWrite).where(CartWrite.owner == owner, CartWrite.id < oldest)
            )


def _next_number(owner: str, instance: str) -> ScalarSelect[int]:
    """Which save it is of this cart."""
    # By another name, as MySQL doesn't read what it writes to.
    others = (
        select(CartWrite.number)
        .where(CartWrite.owner == owner, CartWrite.instance == instance)
        .subquery()
    )

    return select(func.coalesce(func.max(others.c.number), 0) + 1).scalar_subquery()


def read_writes(owner: str, after: int = 0, *, assisted: bool = False) -> list[Write]:
    """The last writes to the carts of an owner, the newest first.

    :param after: The id of the newest one that is known.
    :param assisted: Only those that assistants made.
    """
    wanted = select(CartWrite).where(
        CartWrite.owner == owner_here(owner), CartWrite.id > after
    )

    if assisted:
        wanted = wanted.where(CartWrite.assistant.is_not(None))

    newest = wanted.order_by(CartWrite.id.desc()).limit(KEPT)

    return [_to_show(each) for each in db.session.scalars(newest)]


def _to_keep(event: Event) -> dict[str, Any]:
    fields = {
        name: _without_secrets(value)
        for name, value in event.to_dict().items()
        if name not in _COMMON
    }

    return {"name": event.name, "fields": fields}


def _without_secrets(value: Any) -> Any:
    """Cut off what is too much for a page, or not for everybody who looks at it."""
    if isinstance(value, str) and value.startswith("guest:"):
        return f"{value[:10]}…"

    if isinstance(value, str) and len(value) > KEPT_LETTERS:
        return f"{value[:KEPT_LETTERS]}…"

    if isinstance(value, list | tuple) and len(value) > KEPT_LINES:
        return [*value[:KEPT_LINES], f"{len(value) - KEPT_LINES} more"]

    return value


def _to_show(write: CartWrite) -> Write:
    return Write(
        write.id,
        write.instance,
        write.version,
        write.number,
        write.reason,
        write.saved_at,
        [
            Signal(
                each["name"],
                {name: _in_words(value) for name, value in each["fields"].items()},
            )
            for each in write.events
        ],
        name_of(write.assistant or ""),
    )


def _in_words(value: Any) -> str:
    match value:
        case None:
            return gettext("none")
        case bool():
            return gettext("yes") if value else gettext("no")
        case int():
            return f"{value:+}"
        case [*_]:
            return "; ".join(_in_words(each) for each in value) or gettext("none")
        case {"item_id": _, "name": name, "quantity": quantity, "price": price}:
            options = ", ".join(map(told, value.get("options", {}).values()))
            what = f"{told(name)} ({options})" if options else told(name)
            return gettext(
                "%(number)s \u00d7 %(name)s at %(price)s",
                number=quantity,
                name=what,
                price=price,
            )
        case {"name": name, "type": kind, "value": amount}:
            return f"{name}: {amount} ({kind})"
        case {}:
            return "; ".join(f"{key}: {_in_words(each)}" for key, each in value.items())
        case _:
            return told(str(value))
