"""Problem codes: what can be the matter with a request, as a word for programs."""

from __future__ import annotations

import enum
import typing as t


class ProblemCode(enum.StrEnum):
    """What was the matter with a request.

    :param status: The HTTP status that it is answered with.
    :param heading: What it is called, whatever the request.
    :param meaning: When it happens, and what a client can do.
    """

    status: int
    heading: str
    meaning: str

    def __new__(cls, value: str, status: int, heading: str, meaning: str) -> t.Self:
        code = str.__new__(cls, value)
        code._value_ = value
        code.status, code.heading, code.meaning = status, heading, meaning

        return code

    # Items and their options
    UNKNOWN_ITEM = (
        "unknown-item",
        422,
        "Unknown item",
        "The shop has no product with this id.",
    )
    MISSING_OPTION = (
        "missing-option",
        422,
        "Missing option",
        "The product leaves an option to the shopper, and none of its values, or more"
        " than one, was chosen. `params` has its `name` and its `choices`.",
    )
    BAD_OPTION = (
        "bad-option",
        422,
        "Bad option",
        "The product has no such option, or not this value of it. `params` has its"
        " `name`, the `value`, and the `choices` that there are.",
    )
    NOT_SOLD = (
        "not-sold",
        422,
        "Not sold",
        "The product is not sold with these options, or not in the currency of the"
        " cart.",
    )

    # Quantities
    OUT_OF_STOCK = ("out-of-stock", 422, "Out of stock", "There is none left.")
    NOT_ENOUGH = (
        "not-enough",
        422,
        "Not enough left",
        "There are fewer left, counting those in the cart: `params` has the `limit`.",
    )
    ABOVE_MAXIMUM = (
        "above-maximum",
        422,
        "Above the maximum",
        "A cart can have no more of this item: `params` has the `limit`.",
    )
    BELOW_MINIMUM = (
        "below-minimum",
        422,
        "Below the minimum",
        "The item is sold from a quantity on: `params` has the `limit`.",
    )
    NOT_A_MULTIPLE = (
        "not-a-multiple",
        422,
        "Not a multiple",
        "The item is sold in multiples: `params` has the `limit`, of which.",
    )
    LIMIT = (
        "limit",
        422,
        "Too much for one cart",
        "A cart cannot have that many lines, that many of a line, or texts that long:"
        " `params` has the `limit`.",
    )

    # Lines
    UNKNOWN_LINE = (
        "unknown-line",
        404,
        "Unknown line",
        "The cart has no such line any more. Show the cart again.",
    )
    NOTHING_TO_RESTORE = (
        "nothing-to-restore",
        404,
        "Nothing to restore",
        "The line was not removed from this cart, or too long ago. Add the item again.",
    )
    INVALID_ITEM = (
        "invalid-item",
        422,
        "Invalid item",
        "The cart cannot have that.",
    )

    # Coupons, shipping and notes
    UNKNOWN_COUPON = (
        "unknown-coupon",
        422,
        "Unknown coupon",
        "The shop has no coupon with this code.",
    )
    USED_UP_COUPON = (
        "used-up-coupon",
        422,
        "Used-up coupon",
        "The coupon is of no use any more, whatever is in the cart: `detail` says why.",
    )
    UNKNOWN_SHIPPING = (
        "unknown-shipping",
        422,
        "Unknown shipping method",
        "The shop has no shipping method of this name. The cart has those that there"
        " are as `shipping_options`.",
    )
    UNAVAILABLE_SHIPPING = (
        "unavailable-shipping",
        422,
        "Unavailable shipping method",
        "This cart cannot choose the shipping method: `detail` says why.",
    )
    INVALID_CONDITION = (
        "invalid-condition",
        422,
        "Invalid condition",
        "That cannot be used with this cart.",
    )
    FOREIGN_METADATA = (
        "foreign-metadata",
        422,
        "Foreign metadata",
        "The key is none of those that a shopper may set: `params` has it.",
    )

    # Carts
    UNKNOWN_CART = (
        "unknown-cart",
        404,
        "Unknown cart",
        "The shopper can have no cart of this name.",
    )
    UNKNOWN_TARGET = (
        "unknown-target",
        422,
        "Unknown target",
        "There is no cart of this name that a line could be moved to.",
    )
    CONFLICT = (
        "conflict",
        409,
        "Conflict",
        "Somebody else has changed what the client saw. `differs` has both values,"
        " `cart` is the cart as it is now, and the ETag is its own. Decide, and send"
        " the change again.",
    )
    PRECONDITION_FAILED = (
        "precondition-failed",
        412,
        "Precondition failed",
        "The cart is not the one of If-Match, or it is the one of If-None-Match."
        " `cart` is the cart as it is now, and the ETag is its own.",
    )
    KEY_REUSED = (
        "key-reused",
        422,
        "Key reused",
        "The Idempotency-Key came with another change before. Make up a new one for"
        " each change.",
    )
    REFUSED = (
        "refused",
        422,
        "Refused",
        "The shop has refused the change: `detail` says why.",
    )

    # Requests
    BAD_REQUEST = (
        "bad-request",
        400,
        "Bad request",
        "The body cannot be read, or the Idempotency-Key cannot be one.",
    )
    INVALID_FIELD = (
        "invalid-field",
        422,
        "Invalid field",
        "A field of the body is missing, unknown, or has a value that it cannot have:"
        " `params` has the `field`.",
    )
    OTHER_SITE = (
        "other-site",
        403,
        "From another site",
        "The request comes from a page of a site that the shop does not trust.",
    )
    NOT_FOUND = ("not-found", 404, "Not found", "There is nothing at this address.")
    MOVED = (
        "moved",
        308,
        "Moved",
        "It is at another address, which Location has.",
    )
    METHOD_NOT_ALLOWED = (
        "method-not-allowed",
        405,
        "Method not allowed",
        "The address has other methods, which Allow has.",
    )
    LENGTH_REQUIRED = (
        "length-required",
        411,
        "Length required",
        "The body has no Content-Length, and the server cannot read it without.",
    )
    BODY_TOO_LARGE = (
        "body-too-large",
        413,
        "Body too large",
        "The body is larger than one that a change can need.",
    )
    UNSUPPORTED_MEDIA_TYPE = (
        "unsupported-media-type",
        415,
        "Unsupported media type",
        "The body is of a type that is not read. Send application/json.",
    )
    TOO_MANY_REQUESTS = (
        "too-many-requests",
        429,
        "Too many requests",
        "That was too often. Wait for as many seconds as Retry-After has.",
    )

    # The shop itself
    BUSY = (
        "busy",
        503,
        "Busy",
        "Too many others change the same cart. Send the change again after as many"
        " seconds as Retry-After has.",
    )
    UNAVAILABLE = (
        "unavailable",
        503,
        "Unavailable",
        "The carts cannot be reached at the moment. Whether a change was made is"
        " unknown: send it again with the same Idempotency-Key, after as many seconds"
        " as Retry-After has.",
    )
    OTHER = (
        "other",
        500,
        "Other",
        "The shop itself has answered, with a status of its own.",
    )


#: What a status means that a request is refused with before any cart is asked.
OF_STATUS: t.Final = {
    400: ProblemCode.BAD_REQUEST,
    403: ProblemCode.OTHER_SITE,
    404: ProblemCode.NOT_FOUND,
    405: ProblemCode.METHOD_NOT_ALLOWED,
    411: ProblemCode.LENGTH_REQUIRED,
    412: ProblemCode.PRECONDITION_FAILED,
    413: ProblemCode.BODY_TOO_LARGE,
    415: ProblemCode.UNSUPPORTED_MEDIA_TYPE,
    422: ProblemCode.INVALID_FIELD,
    429: ProblemCode.TOO_MANY_REQUESTS,
}
