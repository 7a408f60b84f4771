"""The wording: what went wrong, told to a shopper."""

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


class Problem(t.NamedTuple):
    """A problem as a client is told of it.

    :param status: The HTTP status.
    :param code: Names the problem for programs.
    :param detail: Describes it for a person.
    """

    status: int
    code: str
    detail: str


_PROBLEMS: t.Final[tuple[tuple[type[CartError], Problem], ...]] = (
    (
        CartKeyReusedError,
        Problem(422, "key-reused", "The Idempotency-Key came with another request."),
    ),
    (
        CartConflictError,
        Problem(409, "conflict", "Your cart was changed in the meantime."),
    ),
    (CartLimitError, Problem(422, "limit", "Your cart cannot take that much.")),
    (InvalidItemError, Problem(422, "invalid-item", "Your cart cannot take that.")),
    (
        InvalidConditionError,
        Problem(422, "invalid-condition", "That cannot be used with your cart."),
    ),
    (
        CartBusyError,
        Problem(503, "busy", "The shop is very busy. Please try again."),
    ),
    (
        CartStorageError,
        Problem(503, "unavailable", "Your cart cannot be reached at the moment."),
    ),
)


def describe(error: CartError | HTTPException) -> Problem | None:
    """What a client is told of an error; ``None`` if it is not the client's business.

    The messages of errors are for developers, and may name keys and statements; only
    a veto speaks to the shopper.
    """
    if isinstance(error, HTTPException):
        code = error.name.lower().replace(" ", "-")

        return Problem(error.code or 500, code, error.description or error.name)

    if isinstance(error, CartQuantityError):
        return Problem(422, f"quantity-{error.term}", _quantity(error))

    if isinstance(error, CartVetoError):
        return Problem(422, "refused", str(error))

    return next((told for kind, told in _PROBLEMS if isinstance(error, kind)), None)


def _quantity(error: CartQuantityError) -> str:
    match error.term:
        case "available" if not error.limit:
            return "This is sold out."
        case "available":
            return f"Only {error.limit} left, counting those in your cart."
        case "maximum":
            return f"You can have {error.limit} of this, and no more."
        case "minimum":
            return f"This is sold from {error.limit} pieces on."
        case _:
            return f"This is sold in multiples of {error.limit}."
