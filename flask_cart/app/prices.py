"""The prices on pages, as their language writes them."""

from __future__ import annotations

import importlib

from flask import current_app
from moneyed import Money

from ..model.money import format_money
from .current import get_state


def show_money(money: Money, locale: str | None = None) -> str:
    """Format an amount as the language of the page does, unless another is given."""
    return format_money(money, locale or _page_locale())


def _page_locale() -> str:
    if "babel" in current_app.extensions:
        # It has no types, and need not be there.
        known = importlib.import_module("flask_babel").get_locale()

        return str(known or get_state().settings.locale)

    return get_state().settings.locale
