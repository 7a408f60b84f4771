"""A shop with the blueprint, for servers of apps."""

from __future__ import annotations

import typing as t
from functools import cache

from tests.support.apps import make_app
from tests.support.storefronts import make_storefront

app = make_storefront(make_app(CART_STORAGE="memory")).app


async def asgi(scope: t.Any, receive: t.Any, send: t.Any) -> None:
    """The same for servers of ASGI apps."""
    await _middleware()(scope, receive, send)


@cache
def _middleware() -> t.Any:
    # Only one of the servers has it.
    from a2wsgi import WSGIMiddleware

    return WSGIMiddleware(app)
