"""Answers: the same result as a page or as JSON."""

from __future__ import annotations

import typing as t

from flask import Request
from flask import Response
from flask import flash
from flask import redirect

from ..app.wording import Problem
from .guards import safe_path
from .representation import ShownCart
from .representation import ShownProblem
from .representation import encode
from .representation import make_etag

#: The hidden field with the page that the shopper came from.
NEXT_FIELD: t.Final = "next"

_HTML: t.Final = "text/html"
_JSON: t.Final = "application/json"
_PROBLEM_JSON: t.Final = "application/problem+json"


def wants_json(request: Request) -> bool:
    """Whether the client would rather have JSON than a page."""
    # Of two that are liked the same, what is named counts more than what "*/*" covers.
    kinds = [_JSON, _HTML] if request.is_json else [_HTML, _JSON]

    return request.accept_mimetypes.best_match(kinds, kinds[0]) == _JSON


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


def json_problem(problem: Problem, **more: t.Any) -> Response:
    """A problem document."""
    shown = ShownProblem(
        type="about:blank",
        title=problem.code.replace("-", " ").capitalize(),
        **problem._asdict(),
        **more,
    )

    return Response(encode(shown), status=problem.status, mimetype=_PROBLEM_JSON)


def back(request: Request, page: str, message: str, category: str) -> Response:
    """Say something on the page that the shopper came from.

    :param page: Where to go if the form does not say.
    :param message: Nothing is said if it is empty.
    """
    if message:
        flash(message, category)

    target = safe_path(request.form.get(NEXT_FIELD)) or page

    # 303: reloading that page sends nothing again.
    return t.cast(Response, redirect(target, code=303, Response=Response))


def keep_private(response: Response, *, is_page: bool) -> Response:
    """Let no shared cache keep a cart, and no browser show an old one."""
    response.headers["Cache-Control"] = (
        "private, no-store" if is_page else "private, no-cache"
    )
    response.vary.update(("Accept", "Cookie"))

    return response
