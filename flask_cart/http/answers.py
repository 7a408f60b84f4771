"""Answers: the same result as a page or as JSON."""

from __future__ import annotations

import typing as t
from functools import lru_cache

from flask import Request
from flask import Response
from flask import flash
from flask import redirect
from flask import url_for
from werkzeug.http import parse_accept_header
from werkzeug.routing import BuildError

from ..app.current import get_state
from ..app.language import gettext
from ..app.problem_codes import ProblemCode
from ..app.wording import Done
from ..app.wording import Problem
from .guards import safe_path
from .representation import encode
from .representation import make_etag
from .schemas import ShownCart
from .schemas import ShownProblem

#: The hidden field with the page that the shopper came from.
NEXT_FIELD: t.Final = "next"

#: The name of a button that leads on if nothing is the matter, with where to.
FORWARD_FIELD: t.Final = "forward"

#: The headers of a change.
LINE: t.Final = "Cart-Line"
VERSION: t.Final = "Cart-Version"
REPLAYED: t.Final = "Idempotent-Replayed"

#: The hidden field with the number of the page of the cart that a form was on.
PAGE_FIELD: t.Final = "cart_page"

#: What endpoints of the blueprint begin with.
NAME: t.Final = "cart"

_JSON: t.Final = "application/json"
_PROBLEM_JSON: t.Final = "application/problem+json"

#: What a client names that reads pages, and one that does not.
_PAGES: t.Final = {"text/html", "text/*", "application/xhtml+xml"}
_DATA: t.Final = {_JSON, _PROBLEM_JSON}


def wants_json(request: Request) -> bool:
    """Whether the client is one for JSON: unless it names pages, or is htmx."""
    if get_state().settings.json_only:
        return True

    page, data = _likings(request.environ.get("HTTP_ACCEPT", ""))

    # Of two that are liked the same, it is what the client speaks itself.
    if page == data > 0:
        return request.is_json

    # What "*/*" covers is not named. Browsers name a page, programs often nothing.
    return data > page if page or data else "HX-Request" not in request.headers


def json_cart(request: Request, cart: ShownCart) -> Response:
    """A cart, or 304 if the client has it already."""
    body = encode(cart)
    response = Response(body, mimetype=_JSON)
    response.set_etag(make_etag(cart.version, body))
    # If-Match is for changes, of which this is the answer.
    response.make_conditional(
        {name: it for name, it in request.environ.items() if name != "HTTP_IF_MATCH"}
    )

    return response


def tell_change(response: Response, done: Done) -> Response:
    """Say what was changed, and whether that was earlier: the cart is that of now."""
    response.headers[VERSION] = str(done.version)

    if done.line_id:
        response.headers[LINE] = done.line_id

    if done.is_replayed:
        response.headers[REPLAYED] = "true"

    return response


def json_problem(problem: Problem, **more: t.Any) -> Response:
    """A problem document."""
    status = status_of(problem)
    shown = ShownProblem(
        type=_page_of(problem.code),
        title=gettext(problem.code.heading),
        status=status,
        code=problem.code,
        detail=problem.detail,
        params=dict(problem.params),
        **more,
    )

    return Response(encode(shown), status=status, mimetype=_PROBLEM_JSON)


def status_of(problem: Problem) -> int:
    """The HTTP status that a problem is answered with."""
    return problem.status or problem.code.status


def back(
    request: Request,
    page: str,
    message: str,
    category: str,
    onward: str | None = None,
) -> Response:
    """Say something on the page that the shopper came from.

    :param page: Where to go if the form does not say.
    :param message: Nothing is said if it is empty.
    :param onward: Where the shopper goes on to instead.
    """
    if message:
        flash(message, category)

    came_from = safe_path(request.form.get(NEXT_FIELD))
    target = safe_path(onward) or came_from or page

    # 303: reloading that page sends nothing again.
    return t.cast(Response, redirect(target, code=303, Response=Response))


def asked_page(request: Request) -> int:
    """Which page of a cart is asked for, or a form was on; the first if none is."""
    # A page of the app may have pages of its own.
    if request.blueprint != NAME:
        return 1

    # To find that a request without a body has no form takes longer than all else here.
    on_form = request.form.get(PAGE_FIELD) if request.method != "GET" else None
    number = on_form or request.args.get("page", "")
    is_number = number.isascii() and number.isdecimal() and len(number) < 9

    return max(int(number), 1) if is_number else 1


def asks_for_drawer(request: Request) -> bool:
    """Whether a script wants no page, but what is in the drawer on another one."""
    return "drawer" in request.args and "HX-Request" in request.headers


def address_of(instance: str, page: int = 1, anchor: str | None = None) -> str:
    """Where a cart is shown; the first page of it has no number."""
    number = page if page > 1 else None

    return url_for(f"{NAME}.show", instance=instance, page=number, _anchor=anchor)


def keep_private(response: Response, *, is_page: bool) -> Response:
    """Let no shared cache keep a cart, and no browser show an old one."""
    response.headers["Cache-Control"] = (
        "private, no-store" if is_page else "private, no-cache"
    )
    response.vary.update(("Accept", "Cookie"))

    return response


def _page_of(code: ProblemCode) -> str:
    try:
        return url_for("cart.problem", code=code.value)
    except BuildError:
        # What is no address has no part of a prefix that the app could fill in.
        return "about:blank"


@lru_cache(maxsize=64)
def _likings(accept: str) -> list[float]:
    """How much a client likes pages and data, as far as it names them.

    It is asked several times for an answer, and most browsers say the same.
    """
    # A client may add a "charset".
    named = [
        (kind.partition(";")[0].strip().lower(), quality)
        for kind, quality in parse_accept_header(accept)
    ]

    return [
        max((quality for kind, quality in named if kind in kinds), default=0)
        for kinds in (_PAGES, _DATA)
    ]
