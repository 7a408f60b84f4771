"""What the basket says to a shopper, in the voice of the shop."""

from typing import Any

from flask import request

from ..extensions import cart_ext
from ..languages import gettext
from ..languages import lazy_gettext
from ..languages import sentences
from ..languages import told
from ..models import MOST_PIECES
from .basket import label
from .basket import not_enough
from .basket import variants_of
from .coupons import unknown_code

TOO_MANY = lazy_gettext(
    "We sell at most %(number)s of a kind in one order, so others get some.",
    number=MOST_PIECES,
)
ASK_FOR_QUANTITY = lazy_gettext(
    "Please choose a number from 1 to %(number)s.", number=MOST_PIECES
)
_REFUSED = lazy_gettext("Your basket can't take that. Nothing was changed.")

#: What has happened, by where it has: what it was has its name.
_HAPPENED = sentences(
    {
        "default": {
            "added": "%(name)s: in your basket.",
            "moved": "%(name)s: in your basket now.",
            "changed": "Your basket is up to date.",
            "removed": "%(name)s is out of your basket.",
            "restored": "%(name)s is back in your basket.",
            "restored-all": "Everything is back in your basket.",
            "link-taken": "All of it is in your basket.",
            "link-partly": "What we have left of it is in your basket.",
        },
        "wishlist": {
            "added": "%(name)s: on your wishlist.",
            "moved": "%(name)s: on your wishlist now.",
            "changed": "Your wishlist is up to date.",
            "removed": "%(name)s is off your wishlist.",
            "restored": "%(name)s is back on your wishlist.",
            "restored-all": "Everything is back on your wishlist.",
            "link-taken": "All of it is on your wishlist.",
            "link-partly": "What we have left of it is on your wishlist.",
        },
        "later": {
            "added": "%(name)s: kept for later.",
            "moved": "%(name)s: kept for later now.",
            "changed": "What is kept for later is up to date.",
            "removed": "%(name)s is no longer kept for later.",
            "restored": "%(name)s is kept for later again.",
            "restored-all": "Everything is kept for later again.",
            "link-taken": "All of it is kept for later.",
            "link-partly": "What we have left of it is kept for later.",
        },
    }
)

#: What is the same wherever it was.
_SENTENCES = {
    "cleared": lazy_gettext("Everything is back on its shelf."),
    "noted": lazy_gettext("Your note is with your basket."),
    "coupon-removed": lazy_gettext("The code is out of your basket."),
    # The ticket says it.
    "coupon-noted": "",
    # Its button shows it.
    "shipping-chosen": "",
    "above-maximum": TOO_MANY,
    "limit": _REFUSED,
    "invalid-item": _REFUSED,
    "unknown-line": lazy_gettext("That was taken out in another tab already."),
}


@cart_ext.wording
def tell(code: str, text: str, about: Any) -> str:
    """Say what happened to the basket, or why nothing did."""
    instance = (request.view_args or {}).get("instance", "default")

    match code:
        case "not-enough" | "out-of-stock":
            return _too_few(about.item_id, about.limit, about.in_cart)
        case "invalid-field" | "missing-option" | "bad-option" | "unknown-item":
            return _unreadable(text)
        case "unknown-coupon" if not request.is_json:
            return unknown_code(request.form.get("code", ""))
        case _ if code in _SENTENCES:
            return str(_SENTENCES[code])
        case _:
            place = _field("to") if code == "moved" else instance
            sentence = _HAPPENED.get(place, {}).get(code)

            return text if sentence is None else gettext(sentence, name=_named(about))


def _named(about: Any) -> str:
    """What it was about, if anybody knows: of a second click, the form does."""
    if hasattr(about, "name"):
        return told(about.name)

    variant = next(iter(variants_of([_field("item")]).values()), None)

    return told(variant.product.name) if variant else gettext("It")


def _field(name: str) -> str:
    fields = request.get_json() if request.is_json else request.form

    return str(fields.get(name, ""))


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
            return str(ASK_FOR_QUANTITY)
        case "cart.add":
            return gettext("Please choose one of the things on our shelves.")
        case "cart.set_quantity":
            return str(ASK_FOR_QUANTITY)
        case "cart.add_coupon":
            return unknown_code(request.form.get("code", ""))
        case _:
            return text
