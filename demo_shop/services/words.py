"""What the basket says to a shopper, in the voice of the shop."""

from typing import Any

from flask import request

from ..extensions import cart_ext
from ..models import MOST_PIECES
from .accounts import PLACES
from .basket import label
from .basket import not_enough
from .basket import variants_of
from .coupons import unknown_code

TOO_MANY = f"We sell at most {MOST_PIECES} of a kind in one order, so others get some."
ASK_FOR_QUANTITY = f"Please choose a number from 1 to {MOST_PIECES}."

#: Where things are, in the middle of a sentence.
_WHERE = {
    "default": "in your basket",
    "wishlist": "on your wishlist",
    "later": "kept for later",
}
_SENTENCES = {
    "changed": "Your {place} is up to date.",
    "removed": "{name} is out of your {place}.",
    "restored": "{name} is back in your {place}.",
    "restored-all": "Everything is back in your {place}.",
    "cleared": "Everything is back on its shelf.",
    "noted": "Your note is with your basket.",
    "link-taken": "All of it is in your {place}.",
    "link-partly": "What we have left of it is in your {place}.",
    "coupon-removed": "The code is out of your basket.",
    # The ticket says it.
    "coupon-noted": "",
    # Its button shows it.
    "shipping-chosen": "",
    "above-maximum": TOO_MANY,
    "limit": "Your basket can't take that. Nothing was changed.",
    "invalid-item": "Your basket can't take that. Nothing was changed.",
    "unknown-line": "That was taken out in another tab already.",
}


@cart_ext.wording
def tell(code: str, text: str, about: Any) -> str:
    """Say what happened to the basket, or why nothing did."""
    instance = (request.view_args or {}).get("instance", "default")

    match code:
        case "added":
            # Of the second of two clicks, only the sentence says what it was about.
            name = about.name if about is not None else text.partition(" is in ")[0]
            return f"{name}: {_WHERE.get(instance, text)}."
        case "moved":
            name = about.name if about is not None else "That"
            return f"{name}: {_WHERE.get(_destination(), text)} now."
        case "not-enough" | "out-of-stock":
            return _too_few(about.item_id, about.limit, about.in_cart)
        case "invalid-field" | "missing-option" | "bad-option" | "unknown-item":
            return _unreadable(text)
        case "unknown-coupon" if not request.is_json:
            return unknown_code(request.form.get("code", ""))
        case _:
            sentence = _SENTENCES.get(code)
            # Not in the text, which may have in it what somebody has typed.
            place = PLACES.get(instance, "basket")
            # Of the second of two clicks, nobody knows what it was about.
            name = getattr(about, "name", "It")
            return text if sentence is None else sentence.format(place=place, name=name)


def _destination() -> str:
    fields = request.get_json() if request.is_json else request.form

    return str(fields.get("to", ""))


def _too_few(sku: str, left: int, in_basket: int) -> str:
    variant = variants_of([sku]).get(sku)
    name = label(variant.product.name, variant.options) if variant else sku

    return not_enough(name, left, in_basket)


def _unreadable(text: str) -> str:
    """What to say of a form that nothing can be made of."""
    if request.is_json:
        return text

    match request.endpoint:
        case "cart.add" if not request.form.get("quantity", "1").isdecimal():
            return ASK_FOR_QUANTITY
        case "cart.add":
            return "Please choose one of the things on our shelves."
        case "cart.set_quantity":
            return ASK_FOR_QUANTITY
        case "cart.add_coupon":
            return unknown_code(request.form.get("code", ""))
        case _:
            return text
