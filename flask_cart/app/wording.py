"""The wording: every sentence about a cart that a shopper reads.

What lies below says what is the matter by codes with parameters. Why conditions do
nothing is in :mod:`.reasons`.
"""

from __future__ import annotations

import typing as t

from werkzeug.exceptions import HTTPException

from ..model.errors import CartBusyError
from ..model.errors import CartConflictError
from ..model.errors import CartError
from ..model.errors import CartKeyReusedError
from ..model.errors import CartLimitError
from ..model.errors import CartQuantityError
from ..model.errors import CartStorageError
from ..model.errors import CartVetoError
from ..model.errors import InvalidConditionError
from ..model.errors import InvalidItemError
from ..model.products import NotSoldError
from ..model.values import EMPTY
from .language import Plural
from .language import gettext
from .language import sentences
from .language import tell
from .problem_codes import OF_STATUS
from .problem_codes import ProblemCode


class Problem(t.NamedTuple):
    """A problem as a client is told of it.

    :param code: Names the problem for programs.
    :param detail: Describes it for a person.
    :param params: What a program may want to know of it.
    :param status: The HTTP status, if it is not the one of the code.
    """

    code: ProblemCode
    detail: str
    params: t.Mapping[str, t.Any] = EMPTY
    status: int = 0


#: What is the matter, by the kind of the error; the narrower of two comes first.
_PROBLEMS: t.Final[dict[type[CartError], tuple[ProblemCode, str]]] = sentences(
    {
        CartKeyReusedError: (
            ProblemCode.KEY_REUSED,
            "The Idempotency-Key came with another request.",
        ),
        CartConflictError: (
            ProblemCode.CONFLICT,
            "Your cart was changed in the meantime.",
        ),
        CartLimitError: (ProblemCode.LIMIT, "Your cart cannot take that much."),
        NotSoldError: (ProblemCode.NOT_SOLD, "This is not sold like that."),
        InvalidItemError: (ProblemCode.INVALID_ITEM, "Your cart cannot take that."),
        InvalidConditionError: (
            ProblemCode.INVALID_CONDITION,
            "That cannot be used with your cart.",
        ),
        CartBusyError: (
            ProblemCode.BUSY,
            "The shop is very busy. Please try again.",
        ),
        CartStorageError: (
            ProblemCode.UNAVAILABLE,
            "Your cart cannot be reached at the moment.",
        ),
    }
)


class RefusedError(CartError):
    """What a shopper asks for is none of what can be.

    :param code: What is the matter.
    :param detail: What a person is told, if it is not always the same.
    :param params: What a sentence about it needs.
    """

    def __init__(self, code: ProblemCode, detail: str = "", /, **params: t.Any) -> None:
        super().__init__(detail or _refusal(code, params))

        self.code = code
        self.params = params


_REFUSALS: t.Final = sentences(
    {
        ProblemCode.MISSING_OPTION: "Choose one for '{name}': {choices}.",
        ProblemCode.UNKNOWN_CART: "There is no cart '{cart}'.",
        ProblemCode.BAD_OPTION: "'{value}' is not a choice for '{name}'.",
        ProblemCode.UNKNOWN_COUPON: "There is no such code.",
        ProblemCode.UNKNOWN_ITEM: "There is no item '{item}'.",
        ProblemCode.UNKNOWN_LINE: "That is not in your cart any more.",
        ProblemCode.NOTHING_TO_RESTORE: "That cannot be put back any more.",
        ProblemCode.UNKNOWN_SHIPPING: "There is no shipping method '{method}'.",
        ProblemCode.UNAVAILABLE_SHIPPING: "{method} cannot be chosen: {reason}.",
        ProblemCode.UNKNOWN_TARGET: "There is no cart '{cart}'.",
        ProblemCode.FOREIGN_METADATA: "'{key}' is not yours to set.",
    }
)

#: Each of several choices.
_CHOICE: t.Final = sentences("'{choice}'")


def _refusal(code: ProblemCode, params: t.Mapping[str, t.Any]) -> str:
    said = {name: _short(each) for name, each in params.items() if name != "reason"}

    return gettext(_REFUSALS[code], **{**params, **said})


def _short(value: t.Any) -> str:
    """What a client has sent, on a line."""
    if isinstance(value, list):
        return ", ".join(gettext(_CHOICE, choice=_short(e)) for e in value)[:400]

    return repr(str(value)[:80])[1:-1]


class Done(t.NamedTuple):
    """A change that was made, by this request or by one with the same key before.

    :param code: What was done, as :meth:`FlaskCart.wording` is told.
    :param about: What it was done to; ``None`` if that was earlier.
    :param params: What a sentence about it needs.
    :param line_id: The line that it was done to, if it was one.
    :param version: The version that it left of the cart.
    :param is_replayed: Whether it was earlier.
    """

    code: str
    about: t.Any
    params: t.Mapping[str, str]
    line_id: str
    version: int
    is_replayed: bool


_DONE: t.Final = sentences(
    {
        "added": "{name} is in your cart.",
        "added-many": "What there is of it is in your cart.",
        "changed": "Your cart is up to date.",
        "cleared": "Your cart is empty now.",
        "coupon-noted": "{code} is noted.",
        "coupon-removed": "{code} is removed.",
        "link-partly": "What could be had of it is in your cart.",
        "link-taken": "It is in your cart.",
        "moved": "{name} is moved.",
        "not-merged": "What you have put in a cart in {currency} is still there: this"
        " one is in another currency.",
        "noted": "It is noted.",
        "restored": "{name} is back in your cart.",
        "restored-all": "Everything is back in your cart.",
        "removed": "{name} is out of your cart.",
        "shipping-chosen": "{method} is chosen.",
        "shipping-cleared": "No shipping is chosen.",
    }
)

#: What an item is called in these whose name is not known any more.
_NAMELESS: t.Final = sentences("It")


def tell_done(code: str, params: t.Mapping[str, str]) -> str:
    """What was done, in a sentence."""
    return gettext(_DONE[code], **{"name": gettext(_NAMELESS), **params})


#: What a link comes to that nothing can be done with.
_LINKS: t.Final = sentences(
    {
        "expired": "This link was good for a while, and is not any more.",
        "foreign": "This cart belongs to another account. Log in with that one.",
        "gone": "There is nothing behind this link, or not any more.",
        "login": "Log in to see this cart, and open the link again.",
        "ordered": "What was in this cart is ordered already.",
        "used": "Somebody has opened this link already. It was good for one time.",
    }
)


def tell_link(state: str) -> str:
    """Why a link does not open, in a sentence; nothing if it does."""
    return gettext(_LINKS[state]) if state in _LINKS else ""


#: What somebody else has done to a cart, or the shop.
_ELSEWHERE: t.Final = sentences(
    {
        "added_elsewhere": "{name} was added by somebody else.",
        "busy": "Too many others change the same cart. Send it again.",
        "cart_changed": "The cart was changed in the meantime. This is how it is now.",
        "changed_elsewhere": "There are {count} of {name}: somebody else has changed"
        " that.",
        "handed_over": "The shopper has taken this cart over.",
        "item_unavailable": "{name} is not sold.",
        "not_found": "There is no such cart, or not any more.",
        "nothing": "There is nothing to put into a cart.",
        "price_changed": "{name} costs {price} now.",
        "quantity_unit": "{name} is sold by the piece.",
        "unavailable": "The carts cannot be reached at the moment. Send it again.",
    }
)


def tell_elsewhere(code: str, **params: t.Any) -> str:
    """What has become of something in a cart without its sender's doing."""
    return gettext(_ELSEWHERE[code], **params)


_SHORT: t.Final = Plural(
    "Only {count} of it can be had.", "Only {count} of it can be had.", "count"
)
_SOLD_OUT: t.Final = sentences("It is sold out.")
_NOT_SOLD: t.Final = sentences("It is not sold, or not like that.")


def tell_shortage(count: int, *, is_sold: bool) -> str:
    """Why there is not as much of something as somebody else has asked for.

    :param count: How many there are.
    """
    if count:
        return tell(_SHORT, {"count": count})

    return gettext(_SOLD_OUT if is_sold else _NOT_SOLD)


#: Why there cannot be that many, by the term of the product.
_QUANTITIES: t.Final[dict[str, tuple[ProblemCode, str | Plural]]] = sentences(
    {
        "available": (
            ProblemCode.NOT_ENOUGH,
            Plural("Only {limit} left.", "Only {limit} left.", "limit"),
        ),
        "maximum": (
            ProblemCode.ABOVE_MAXIMUM,
            "You can have {limit} of this, and no more.",
        ),
        "minimum": (
            ProblemCode.BELOW_MINIMUM,
            "This is sold from {limit} pieces on.",
        ),
        "step": (
            ProblemCode.NOT_A_MULTIPLE,
            "This is sold in multiples of {limit}.",
        ),
    }
)

#: The same of what is in the cart already.
_COUNTED: t.Final = Plural(
    "Only {limit} left, counting those in your cart.",
    "Only {limit} left, counting those in your cart.",
    "limit",
)
_UNREADABLE: t.Final = sentences("Please check what you have entered.")
_NONE_LEFT: t.Final = sentences("This is sold out.")


def describe(error: CartError | HTTPException) -> Problem | None:
    """What a client is told of an error; ``None`` if it is not the client's business.

    The messages of errors are for developers, and may name keys and statements; only
    a veto speaks to the shopper.
    """
    if isinstance(error, HTTPException):
        status = error.code or 500
        code = OF_STATUS.get(status, ProblemCode.OTHER)

        return Problem(code, error.description or error.name, status=status)

    if isinstance(error, RefusedError):
        return Problem(error.code, str(error), error.params)

    if isinstance(error, CartQuantityError):
        return _describe_quantity(error)

    if isinstance(error, CartVetoError):
        return Problem(ProblemCode.REFUSED, str(error))

    told = (each for kind, each in _PROBLEMS.items() if isinstance(error, kind))
    known = next(told, None)

    if known is None:
        return None

    params = {"limit": error.limit} if isinstance(error, CartLimitError) else EMPTY

    return Problem(known[0], gettext(known[1]), params)


def tell_unreadable() -> str:
    """What a shopper is told of a field of a form, whatever is wrong with it."""
    return gettext(_UNREADABLE)


def _describe_quantity(error: CartQuantityError) -> Problem:
    if error.term == "available" and not error.limit:
        return Problem(ProblemCode.OUT_OF_STOCK, gettext(_NONE_LEFT))

    params = {"limit": error.limit}
    code, sentence = _QUANTITIES[error.term]
    is_counted = error.term == "available" and error.in_cart

    return Problem(code, tell(_COUNTED if is_counted else sentence, params), params)
