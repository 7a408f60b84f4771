"""The representation: a cart as JSON, and the ETag that identifies it."""

from __future__ import annotations

import hashlib
import typing as t

import msgspec

from ..cart import Cart
from ..coupons import noted_coupons
from ..totals import Adjustment
from ..totals import LineTotals


def cart_to_dict(
    cart: Cart, instance: str, metadata_keys: t.Collection[str]
) -> dict[str, t.Any]:
    """What a shopper may see of a cart, with amounts as decimal strings.

    :param instance: Which of the shopper's carts it is.
    :param metadata_keys: The keys of the metadata that are the shopper's own.
    """
    totals = cart.totals

    return {
        "instance": instance,
        "version": cart.version,
        "currency": totals.currency,
        "quantity": totals.quantity,
        "lines": [_line(each) for each in totals.lines],
        "conditions": [_condition(each) for each in totals.adjustments],
        "coupons": noted_coupons(cart.metadata),
        "subtotal_without_conditions": str(totals.subtotal_without_conditions.amount),
        "subtotal": str(totals.subtotal.amount),
        "savings": str(totals.savings.amount),
        "total": str(totals.total.amount),
        "metadata": {
            key: value for key, value in cart.metadata.items() if key in metadata_keys
        },
    }


def make_etag(version: int, body: bytes) -> str:
    """The tag of a representation: the cart's version, and what else is shown.

    Totals may change without the cart, such as at the end of a sale.
    """
    return f"{version}-{hashlib.sha256(body).hexdigest()[:16]}"


def version_of(etag: str) -> int | None:
    """The version of the cart that a tag was made for."""
    version = etag.partition("-")[0]

    return int(version) if version.isdecimal() and len(version) < 20 else None


def encode(data: t.Any) -> bytes:
    """Plain data as JSON."""
    return msgspec.json.encode(data)


def _line(line: LineTotals) -> dict[str, t.Any]:
    return {
        "id": line.id,
        "item": line.item_id,
        "name": line.name,
        "quantity": line.quantity,
        "options": line.options,
        "price": str(line.price.amount),
        "unit_price": str(line.unit_price.amount),
        "subtotal_without_conditions": str(line.subtotal_without_conditions.amount),
        "subtotal": str(line.subtotal.amount),
        "conditions": [_condition(each) for each in line.adjustments],
    }


def _condition(adjustment: Adjustment) -> dict[str, t.Any]:
    # Not the rule, whose parameters may say more than the shop wants to.
    return {
        "name": adjustment.name,
        "type": adjustment.type,
        "value": adjustment.value,
        "amount": str(adjustment.amount.amount),
        "code": adjustment.code,
        "reason": adjustment.reason,
    }
