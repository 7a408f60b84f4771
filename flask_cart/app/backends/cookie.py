"""Cookies: the storage for carts in Flask's own session, and what fits into one."""

from __future__ import annotations

import typing as t

from flask import Flask
from flask import current_app
from flask import g
from flask import has_request_context
from flask import request
from flask import session
from werkzeug.wrappers import Response

from ...model.errors import CartStorageError
from ...model.errors import CartTooLargeError
from ...storage.cookie import CookieStorage

#: What every browser takes, as far as Flask knows.
_MAX_BYTES: t.Final = 4093


def open_session() -> t.MutableMapping[str, t.Any]:
    """The session of whatever request is being answered."""
    if not has_request_context():
        raise CartStorageError(
            "Carts in the session cookie exist only in a request of their browser."
        )

    return session


def restore_cleared(storage: CookieStorage, owner: str) -> None:
    """Bring the carts back that went with the session when a login has cleared it.

    :param owner: The guest, of whom nothing was changed in this request.
    """
    if not g.get("_flask_cart_in_cookie"):
        came = current_app.session_interface.open_session(current_app, request)
        storage.restore(owner, came or {})


def check_stored() -> None:
    """Check the size once there is a cart in the session, and when it is answered."""
    check_cookie_size()
    g._flask_cart_in_cookie = True


def check_cookie_size() -> None:
    """Refuse a session that no longer fits into a cookie, which browsers would drop.

    :raises CartTooLargeError: If it does not fit.
    """
    response = _Unlimited()
    interface = current_app.session_interface
    # The proxy is typed as the app, and the interface takes any Werkzeug response.
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    interface.save_session(app, session, response)  # type: ignore[arg-type]
    size = len(response.headers.get("Set-Cookie", ""))
    limit = current_app.config["MAX_COOKIE_SIZE"] or _MAX_BYTES

    if size > limit:
        raise CartTooLargeError(
            f"The session cookie would have {size} bytes with this cart, and browsers"
            f" keep at most {limit}. Use Flask-Session, or CART_STORAGE = 'database'.",
            limit=limit,
            given=size,
        )


def check_cookies_of(app: Flask) -> None:
    """Check the session of an app once more when a request is answered."""
    # The first of these functions is called last, when the session is full.
    app.after_request_funcs.setdefault(None, []).insert(0, _check_cookie_after_request)


def _check_cookie_after_request(response: t.Any) -> t.Any:
    """Refuse an answer that says a cart was saved, whose cookie would be dropped.

    The app may have put more into its session after the cart was saved. At this point
    Flask asks no error handlers any more, so the answer is a 500.
    """
    # Once: the answer to the error comes by here, too.
    if g.pop("_flask_cart_in_cookie", False):
        check_cookie_size()

    return response


class _Unlimited(Response):
    """An answer that does not warn of the cookies that it is to measure."""

    max_cookie_size = 0
