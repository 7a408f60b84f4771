"""The currency of a shopper: that of the prices they are shown, and of their baskets.

All carts of a shopper are changed when they choose another one. What somebody has put
there on a device with another one is changed when it is looked at.
"""

from flask import has_request_context
from flask import request

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import current_cart

from ..languages import sentences
from ..money import HOME
from ..money import PRICE_LIST
from ..money import asked_in
from .accounts import PLACES
from .basket import variants_in

#: The cookie of a browser that has chosen.
COOKIE = "currency"
CURRENCIES = sentences({"EUR": "Euros", "GBP": "Pounds", "USD": "US dollars"})


def chosen_currency() -> str:
    """What this browser has chosen; euros if it has not."""
    chosen = request.cookies.get(COOKIE, "") if has_request_context() else ""

    return chosen if chosen in PRICE_LIST else HOME


def change_all(currency: str) -> bool:
    """Give all carts of the shopper a currency; whether anything was in another one."""
    changed = [change(current_cart.instance(name), currency) for name in PLACES]

    return any(changed)


def change(cart: Cart, currency: str, *, begin: bool = False) -> bool:
    """Give a cart a currency, in one write; whether there was anything to change.

    Prices are those of the price list. What is not sold any more costs what it did, by
    the same list, until it is taken out.

    :param begin: Whether something is about to be put in it, so that also an empty one
        has to have the currency.
    """
    if cart.currency == currency or not (cart or begin):
        return False

    sold = variants_in(cart)
    prices = {
        line.id: asked_in(currency, line.price)
        for line in cart.lines
        if line.item_id not in sold
    }

    try:
        cart.change_currency(currency, prices=prices)
    except CartConflictError:
        # Another tab was faster. The next page sees what has become of it.
        cart.refresh()

    return True
