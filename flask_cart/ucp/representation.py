"""The representation: a cart in the words of the protocol, in minor units."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import typing as t

import msgspec
from moneyed import Money

from ..carts.cart import Cart
from ..model.conditions import SHIPPING
from ..model.conditions import TAX
from ..model.money import CONTEXT
from ..model.money import smallest_unit
from ..pricing.totals import LineTotals
from ..pricing.totals import Totals
from .messages import Message

#: What this is about.
CART: t.Final = "dev.ucp.shopping.cart"

#: What conditions are called that add something.
_MORE: t.Final = {SHIPPING: "fulfillment", TAX: "tax"}

#: Data as JSON.
Json = dict[str, t.Any]


def envelope(version: str, status: str) -> Json:
    """What each answer says of the protocol."""
    return {
        "version": version,
        "status": status,
        "capabilities": {CART: [{"version": version}]},
    }


def show_cart(
    cart: Cart,
    version: str,
    cart_id: str,
    messages: t.Sequence[Message],
    continue_url: str,
    expires_at: dt.datetime,
) -> Json:
    """A cart as an assistant is shown it."""
    totals = cart.totals
    shown = {
        "ucp": envelope(version, "success"),
        "id": cart_id,
        "line_items": [_line(each) for each in totals.lines],
        "currency": totals.currency,
        "totals": _totals(totals),
        "continue_url": continue_url,
        "expires_at": expires_at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }

    return shown | {"messages": list(messages)} if messages else shown


def show_error(version: str, messages: t.Sequence[Message], continue_url: str) -> Json:
    """That there is no cart, and why."""
    return {
        "ucp": envelope(version, "error"),
        "messages": list(messages),
        "continue_url": continue_url,
    }


def make_etag(cart: Cart, shown: Json) -> str:
    """The tag of a cart: its version, and what else is shown."""
    digest = hashlib.sha256(msgspec.json.encode(shown)).hexdigest()

    return f"{cart.version}-{digest[:16]}"


def minor(money: Money) -> int:
    """An amount in the smallest units of its currency."""
    units = CONTEXT.divide(money.amount, smallest_unit(money.currency.code))

    return int(units.quantize(decimal.Decimal(1), decimal.ROUND_HALF_UP, CONTEXT))


def _line(line: LineTotals) -> Json:
    plain, amount = minor(line.subtotal_without_conditions), minor(line.subtotal)
    shown = {
        "id": line.id,
        "item": {"id": line.item_id, "title": line.name, "price": minor(line.price)},
        "quantity": line.quantity,
        "totals": [
            {"type": "subtotal", "amount": plain},
            *_difference("items_discount", "", amount - plain),
            {"type": "total", "amount": amount},
        ],
    }

    return shown | {"options": dict(line.options)} if line.options else shown


def _totals(totals: Totals) -> list[Json]:
    plain = sum(minor(each.subtotal_without_conditions) for each in totals.lines)
    lines = sum(minor(each.subtotal) for each in totals.lines)
    entries = [
        {"type": "subtotal", "amount": plain},
        *_difference("items_discount", "", lines - plain),
    ]

    for each in totals.adjustments:
        more = _MORE.get(each.type, "fee")
        entries += _difference("discount", each.name, minor(each.amount), more)

    total = minor(totals.total)
    # Where only the total is rounded, its parts are not.
    rest = total - sum(each["amount"] for each in entries)

    return [
        *entries,
        *_difference("discount", "Rounding", rest),
        {"type": "total", "amount": total},
    ]


def _difference(
    less: str, name: str, amount: int, more: str = "fee"
) -> t.Iterator[Json]:
    """What takes something off, or adds something; nothing if it does neither."""
    if amount:
        entry = {"type": less if amount < 0 else more, "amount": amount}
        yield entry | {"display_text": name} if name else entry
