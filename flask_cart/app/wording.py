"""The wording: every sentence about a cart that a shopper reads.

What lies below says what is the matter by codes with parameters.
"""

from __future__ import annotations

import datetime as dt
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
_PROBLEMS: t.Final[dict[type[CartError], Problem]] = {
    CartKeyReusedError: Problem(
        ProblemCode.KEY_REUSED, "The Idempotency-Key came with another request."
    ),
    CartConflictError: Problem(
        ProblemCode.CONFLICT, "Your cart was changed in the meantime."
    ),
    CartLimitError: Problem(ProblemCode.LIMIT, "Your cart cannot take that much."),
    NotSoldError: Problem(ProblemCode.NOT_SOLD, "This is not sold like that."),
    InvalidItemError: Problem(ProblemCode.INVALID_ITEM, "Your cart cannot take that."),
    InvalidConditionError: Problem(
        ProblemCode.INVALID_CONDITION, "That cannot be used with your cart."
    ),
    CartBusyError: Problem(
        ProblemCode.BUSY, "The shop is very busy. Please try again."
    ),
    CartStorageError: Problem(
        ProblemCode.UNAVAILABLE, "Your cart cannot be reached at the moment."
    ),
}


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


_REFUSALS: t.Final = {
    ProblemCode.MISSING_OPTION: "Choose one for {name!r:.80}: {choices:.400}.",
    ProblemCode.UNKNOWN_CART: "There is no cart {cart!r:.80}.",
    ProblemCode.BAD_OPTION: "{value!r:.80} is not a choice for {name!r:.80}.",
    ProblemCode.UNKNOWN_COUPON: "There is no such code.",
    ProblemCode.UNKNOWN_ITEM: "There is no item {item!r:.80}.",
    ProblemCode.UNKNOWN_LINE: "That is not in your cart any more.",
    ProblemCode.NOTHING_TO_RESTORE: "That cannot be put back any more.",
    ProblemCode.UNKNOWN_SHIPPING: "There is no shipping method {method!r:.80}.",
    ProblemCode.UNAVAILABLE_SHIPPING: "{method:.80} cannot be chosen: {reason}.",
    ProblemCode.UNKNOWN_TARGET: "There is no cart {cart!r:.80}.",
    ProblemCode.FOREIGN_METADATA: "{key!r:.80} is not yours to set.",
}


def _refusal(code: ProblemCode, params: t.Mapping[str, t.Any]) -> str:
    said = {
        name: ", ".join(map(repr, each)) if isinstance(each, list) else each
        for name, each in params.items()
    }

    return _REFUSALS[code].format_map(said)


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


_DONE: t.Final = {
    "added": "{name} is in your cart.",
    "added-many": "What there is of it is in your cart.",
    "changed": "Your cart is up to date.",
    "cleared": "Your cart is empty now.",
    "coupon-noted": "{code} is noted.",
    "coupon-removed": "{code} is removed.",
    "link-partly": "What could be had of it is in your cart.",
    "link-taken": "It is in your cart.",
    "moved": "{name} is moved.",
    "not-merged": "What you have put in a cart in {currency} is still there: this one"
    " is in another currency.",
    "noted": "It is noted.",
    "restored": "{name} is back in your cart.",
    "restored-all": "Everything is back in your cart.",
    "removed": "{name} is out of your cart.",
    "shipping-chosen": "{method} is chosen.",
    "shipping-cleared": "No shipping is chosen.",
}


#: What a link comes to that nothing can be done with.
_LINKS: t.Final = {
    "expired": "This link was good for a while, and is not any more.",
    "foreign": "This cart belongs to another account. Log in with that one.",
    "gone": "There is nothing behind this link, or not any more.",
    "login": "Log in to see this cart, and open the link again.",
    "ordered": "What was in this cart is ordered already.",
    "used": "Somebody has opened this link already. It was good for one time.",
}


def tell_link(state: str) -> str:
    """Why a link does not open, in a sentence; nothing if it does."""
    return _LINKS.get(state, "")


#: What somebody else has done to a cart, or the shop.
_ELSEWHERE: t.Final = {
    "added_elsewhere": "{name} was added by somebody else.",
    "busy": "Too many others change the same cart. Send it again.",
    "cart_changed": "The cart was changed in the meantime. This is how it is now.",
    "changed_elsewhere": "There are {count} of {name}: somebody else has changed that.",
    "handed_over": "The shopper has taken this cart over.",
    "item_unavailable": "{name} is not sold.",
    "not_found": "There is no such cart, or not any more.",
    "nothing": "There is nothing to put into a cart.",
    "price_changed": "{name} costs {price} now.",
    "quantity_unit": "{name} is sold by the piece.",
    "unavailable": "The carts cannot be reached at the moment. Send it again.",
}


def tell_elsewhere(code: str, **params: t.Any) -> str:
    """What has become of something in a cart without its sender's doing."""
    return _ELSEWHERE[code].format_map(params)


def tell_shortage(count: int, *, is_sold: bool) -> str:
    """Why there is not as much of something as somebody else has asked for.

    :param count: How many there are.
    """
    if count:
        return f"Only {count} of it can be had."

    return "It is sold out." if is_sold else "It is not sold, or not like that."


def tell_done(code: str, params: t.Mapping[str, str]) -> str:
    """What was done, in a sentence."""
    return _DONE[code].format_map({"name": "It", **params})


#: Why there cannot be that many, by the term of the product.
_QUANTITIES: t.Final = {
    "available": (
        ProblemCode.NOT_ENOUGH,
        "Only {limit} left{counted}.",
    ),
    "maximum": (
        ProblemCode.ABOVE_MAXIMUM,
        "You can have {limit} of this, and no more.",
    ),
    "minimum": (ProblemCode.BELOW_MINIMUM, "This is sold from {limit} pieces on."),
    "step": (ProblemCode.NOT_A_MULTIPLE, "This is sold in multiples of {limit}."),
}

#: Why a condition does nothing, by its code, and by what a rule has to say.
_REASONS: t.Final = {
    "exempt": "it need not be paid",
    "no_amount": "there is no amount to change",
    "no_difference": "it makes no difference",
    "no_lines": "none of the items is one of those",
    "not_asked": "it could not be asked for",
    "not_for_lines": "it cannot be on a line",
    "other_is_better": "another offer is better",
    "not_offered": "it is not offered any more",
    "provider_failed": "its conditions could not be asked for",
    "rule_failed": "the rule '{rule}' failed",
    "rule_invalid": "the rule '{rule}' has other parameters now",
    "rule_unknown": "there is no rule '{rule}' any more",
    # Rules that do not hold
    "after_last_day": "it ended on {last}",
    "does_not_hold": "'{rule}' does not hold",
    "ended": "it ended at {end}",
    "holds": "'{rule}' holds",
    "items_missing": "it also needs {ids}",
    "no_item_of_type": "no item is a {types}",
    "no_item_with": "no item has {name} {values}",
    "no_metadata": "there is no {key}",
    "not_begun": "it begins at {start}",
    "not_first_day": "it begins on {first}",
    "not_first_order": "it is for a first order",
    "not_logged_in": "it is for those who are logged in",
    "other_cart": "it is for the cart {names}",
    "other_currency": "it is for carts in {codes}",
    "other_day": "it is for {days}",
    "other_fact": "{name} is not {value}",
    "other_group": "it is for {names}",
    "other_metadata": "{key} is not {value}",
    "other_owner": "it is for {kinds}",
    "other_time": "it is from {start} to {end}",
    "price_too_high": "no item has a price below {amount} {currency}",
    "price_too_low": "no item has a price of {amount} {currency} or more",
    "said": "{text}",
    "too_few_items": "it needs {needed} items, there are {there}",
    "too_few_lines": "it needs {needed} different items, there are {there}",
    "too_few_of": "it needs {needed} of {ids}, there are {there}",
    "too_few_orders": "it is for those with {needed} orders",
    "too_little": "it needs {amount} {currency}, there are {there}",
    "too_many_items": "it is for up to {most} items, there are {there}",
    "too_many_lines": "it is for up to {most} different items, there are {there}",
    "too_much": "it is for less than {amount} {currency}, there are {there}",
}

#: Why a coupon that is noted does nothing, if the app knows its code no more.
COUPON_GONE: t.Final = "it is not valid any more"


def tell_reason(code: str, params: t.Mapping[str, t.Any]) -> str:
    """Why a condition does nothing, as a part of a sentence; nothing if it does."""
    if not code:
        return ""

    why = params.get("why", code)

    if why == "any":
        return " or ".join(tell_reason(code, each) for each in params["reasons"])

    said = {name: _said(each) for name, each in params.items()}
    sentence = _REASONS[why].format_map(said)

    return f"{sentence} among those that count" if "among" in params else sentence


def _said(value: t.Any) -> str:
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}"

    if not isinstance(value, tuple):
        return str(value)

    return " or ".join(map(str, value)) if len(value) < 6 else f"one of {len(value)}"


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

    told = (problem for kind, problem in _PROBLEMS.items() if isinstance(error, kind))
    problem = next(told, None)

    if problem is not None and isinstance(error, CartLimitError):
        return problem._replace(params={"limit": error.limit})

    return problem


def _describe_quantity(error: CartQuantityError) -> Problem:
    if error.term == "available" and not error.limit:
        return Problem(ProblemCode.OUT_OF_STOCK, "This is sold out.")

    code, sentence = _QUANTITIES[error.term]

    counted = ", counting those in your cart" if error.in_cart else ""
    said = sentence.format(limit=error.limit, counted=counted)

    return Problem(code, said, {"limit": error.limit})
