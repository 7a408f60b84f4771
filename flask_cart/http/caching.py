"""Caching: pages that are the same for everybody who has no cart."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from functools import wraps

from flask import Response
from flask import current_app
from flask import has_request_context
from flask import make_response
from flask import request
from flask import session

from ..app.current import current_cart

View = t.TypeVar("View", bound=Callable[..., t.Any])

_MARK: t.Final = "flask_cart.is_for_everybody"

#: What a page depends on: who asks, and whether a script wants a part of it.
_VARY: t.Final = ("Cookie", "HX-Request")


def cacheable(max_age: int, stale_while_revalidate: int) -> Callable[[View], View]:
    """Let caches keep what a view answers to those who have no cart and no session."""
    public = (
        f"public, max-age={max_age}, stale-while-revalidate={stale_while_revalidate}"
    )

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(*arguments: t.Any, **values: t.Any) -> Response:
            if _is_nobody() and "HX-Request" not in request.headers:
                request.environ[_MARK] = True

            response = make_response(
                current_app.ensure_sync(view)(*arguments, **values)
            )
            response.vary.update(_VARY)

            # The view may have begun a session, or a cart.
            if is_for_everybody() and _is_nobody() and _is_page(response):
                response.headers["Cache-Control"] = public
                response.add_etag()
                response.make_conditional(request)

            response.headers.setdefault("Cache-Control", "private, no-store")

            return response

        return t.cast(View, answer)

    return decorate


def is_for_everybody() -> bool:
    """Whether what is rendered may be kept, and shown to others."""
    return has_request_context() and _MARK in request.environ


def _is_nobody() -> bool:
    return current_cart.key is None and not session


def _is_page(response: Response) -> bool:
    is_said = "Cache-Control" in response.headers or "Set-Cookie" in response.headers

    return response.status_code == 200 and not is_said
