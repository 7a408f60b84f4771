"""Preconditions: what a request says about the cart that it was made for."""

from __future__ import annotations

import typing as t

from flask import Request
from werkzeug.datastructures import ETags
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import PreconditionFailed

from ..carts.cart import Cart
from ..model.errors import CartConflictError
from ..model.idempotency import Claim
from .inputs import Input
from .representation import encode
from .representation import version_of

#: The hidden fields of forms: a key that is used once, and the version that was shown.
KEY_FIELD: t.Final = "cart_key"
VERSION_FIELD: t.Final = "cart_version"

#: Characters of a key.
MAX_KEY: t.Final = 255


def read_claim(request: Request, wanted: Input) -> Claim | None:
    """The key of this change, if the sender has made one up.

    :raises BadRequest: If the ``Idempotency-Key`` cannot be one.
    """
    body = encode(wanted).decode()
    content = f"{request.method} {request.path} {body}"
    header = request.headers.get("Idempotency-Key")

    if header is not None:
        # RFC 9651 has quotes around it.
        key = header.strip(' "')
        is_text = header.isascii() and header.isprintable()

        if not key or not is_text or len(header) > MAX_KEY:
            raise BadRequest(
                f"An Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters."
            )

        return Claim(key, content)

    key = request.form.get(KEY_FIELD, "")[:MAX_KEY]

    # A page that is shown again by the Back button has the old key in its forms. Sent
    # with something else in them, they mean something else.
    return Claim(key + content, content) if key else None


def is_stale(request: Request, error: CartConflictError) -> bool:
    """Whether a conflict is about another cart than the one that is meant."""
    names_cart = "If-Match" in request.headers and not request.if_match.star_tag
    names_none = request.if_none_match.star_tag

    return (
        names_cart or names_none
    ) and error.expected_version != error.current_version


def check_preconditions(request: Request, cart: Cart) -> None:
    """Let the change fail unless the cart is the one that the sender knows.

    :raises PreconditionFailed: If it is another one already.
    """
    if "If-Match" in request.headers:
        if not _is_named(cart, request.if_match):
            raise PreconditionFailed("The cart is not the one that If-Match names.")

        if not request.if_match.star_tag:
            cart.expect(cart.version)

    if "If-None-Match" in request.headers:
        if _is_named(cart, request.if_none_match):
            raise PreconditionFailed("The cart is the one that If-None-Match names.")

        if request.if_none_match.star_tag:
            cart.expect(cart.version)

    version = request.form.get(VERSION_FIELD, "")

    if version.isdecimal() and len(version) < 20:
        cart.expect(int(version))


def _is_named(cart: Cart, tags: ETags) -> bool:
    """Whether a cart has one of these tags; a star is any that is stored."""
    # Proxies that compress an answer make its tag weak, which the version is not. Of
    # what is no tag at all, Werkzeug makes one that is None.
    known = {version_of(tag) for tag in tags.as_set(include_weak=True) if tag}

    return cart.version in known or bool(tags.star_tag and cart.version)
