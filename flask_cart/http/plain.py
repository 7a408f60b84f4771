"""Plain data: what Flask's ``jsonify`` makes of a cart and of what comes with it."""

from __future__ import annotations

import typing as t

import msgspec
from flask import Flask
from flask.json.provider import DefaultJSONProvider
from moneyed import Money

from ..carts.cart import Cart
from ..carts.coupons import Coupons
from ..carts.drafts import OrderDraft
from ..carts.metadata import Metadata
from ..carts.repricing import Drift
from ..carts.repricing import LineDrift
from ..carts.shipping import ShippingDrift
from ..model.conditions import Condition
from ..model.events import Event
from ..model.lines import Line
from ..model.rules import Rule
from ..pricing.shipping import ShippingOption
from ..pricing.taxes import Tax
from ..pricing.totals import Adjustment
from ..pricing.totals import LineTotals
from ..pricing.totals import Totals
from .representation import show_cart

_WITH_TO_DICT: t.Final = (
    Adjustment,
    Drift,
    Event,
    LineDrift,
    LineTotals,
    ShippingDrift,
    ShippingOption,
    Tax,
    Totals,
)


def give_to_json(app: Flask) -> None:
    """Let the JSON of an app have what is ours in it.

    A provider of the app's own that has no ``default`` is left alone.
    """
    provider = app.json

    if not isinstance(provider, DefaultJSONProvider):
        return

    of_the_app = provider.default

    def default(value: t.Any) -> t.Any:
        if isinstance(value, Cart):
            # What a shopper may see: it is on its way to a browser.
            return msgspec.to_builtins(show_cart(value))

        if isinstance(value, _WITH_TO_DICT):
            return value.to_dict()

        if isinstance(value, Metadata):
            return dict(value)

        if isinstance(value, Coupons):
            return list(value)

        if isinstance(value, Line | Condition | Rule):
            return msgspec.to_builtins(value)

        if isinstance(value, OrderDraft):
            return {
                "order_token": value.order_token,
                **value.totals.to_dict(),
                "coupons": value.coupons,
                "metadata": msgspec.to_builtins(value.metadata),
            }

        try:
            return of_the_app(value)
        except TypeError:
            if isinstance(value, Money):
                return str(value.amount)

            raise

    provider.default = default
