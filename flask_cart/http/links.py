"""The pages of links: what a cart has in it, and whether to take it over."""

from __future__ import annotations

import typing as t

from flask import Response
from flask import after_this_request
from flask import make_response
from flask import redirect
from flask import render_template
from flask import request

from ..app.current import get_state
from ..app.links import LinkState
from ..app.links import OpenedLink
from ..app.links import look_at
from ..app.links import take
from ..app.wording import describe
from ..app.wording import tell_done
from ..app.wording import tell_link
from ..carts.cart import Cart
from ..model.errors import CartError
from .answers import address_of
from .answers import back
from .answers import keep_private
from .guards import refuse_other_sites

#: The status of a page that says why a link does not open.
_STATUS: t.Final[dict[LinkState, int]] = {
    "open": 200,
    "login": 403,
    "foreign": 403,
    "gone": 404,
    "used": 410,
    "ordered": 410,
    "expired": 410,
}


def show_link(token: str) -> Response:
    """Show what a link leads to, and ask what to do with it. Nothing is changed."""
    after_this_request(hidden)

    return _answer(look_at(token), token)


def take_link(token: str) -> Response:
    """Do what the link is for, as the shopper has read what that is."""
    # Also the page that says why it refuses to.
    after_this_request(hidden)
    refuse_other_sites(request)

    try:
        opened = take(token)
    except CartError as error:
        return back(request, request.path, said_of(error), "error")

    if opened.state == "own":
        code = "link-taken" if opened.is_whole else "link-partly"
        said = in_words(code, tell_done(code, {}))

        return back(request, _page_of(opened), said, "success")

    return _answer(opened, token)


def said_of(error: CartError) -> str:
    """What a shopper is told of an error; it is raised if that is nothing."""
    problem = describe(error)

    if problem is None or problem.code.status >= 500:
        raise error

    return in_words(problem.code, problem.detail, error)


def in_words(code: str, text: str, about: object = None) -> str:
    """A sentence in the words of the shop."""
    return get_state().loaders.word(code, text, about)


def hidden(response: Response) -> Response:
    """Let nobody learn the address of a page from whom it is asked for."""
    # Not "no-referrer", by which browsers hide from the shop itself whose page a form
    # was on.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex"

    return keep_private(response, is_page=True)


def _answer(opened: OpenedLink, token: str) -> Response:
    if opened.state == "own":
        return t.cast(Response, redirect(_page_of(opened), code=303))

    text = tell_link(opened.state)
    said = in_words(f"link-{opened.state}", text) if text else ""
    page = render_template(
        "flask_cart/link.html",
        cart=opened.cart,
        purpose=opened.purpose,
        state=opened.state,
        reason=said,
        token=token,
    )

    return make_response(page, _STATUS[opened.state])


def _page_of(opened: OpenedLink) -> str:
    key = t.cast(Cart, opened.cart).key

    return address_of(key.instance if key is not None else "default")
