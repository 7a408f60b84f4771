"""Cookies: carts in Flask's own session, which is in the browser."""

from __future__ import annotations

import datetime as dt
import typing as t
from contextlib import AbstractContextManager
from contextlib import nullcontext

from flask import current_app
from flask import g
from flask import has_request_context
from flask import session
from werkzeug.wrappers import Response

from .errors import CartCorruptError
from .errors import CartStorageError
from .errors import CartTooLargeError
from .storage.base import CartKey
from .storage.base import Guarantee
from .storage.base import Stored
from .storage.base import next_version

_KEY: t.Final = "_carts"

#: What every browser takes, as far as Flask knows.
_MAX_BYTES: t.Final = 4093


class CookieStorage:
    """Keeps carts in the session cookie.

    * Concurrency: none. Of two requests at once, the browser keeps the cookie of the
      later answer, and the change of the other one is lost.
    * Durability, lifetime: those of the cookie.
    * Size: 4 kB, for everything in the session.
    """

    guarantee = Guarantee.LAST_WRITE_WINS
    always_lock = False

    def load(self, key: CartKey) -> Stored | None:
        match self._carts_of(key.owner).get(key.instance):
            case None:
                return None
            case [int(version), str(data)]:
                return Stored(data, version)
            case other:
                raise _corrupt(other)

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if self._version(key) != expected:
            return None

        version = next_version(expected)
        self._store(key, [version, data])

        return version

    def delete(self, key: CartKey, expected: int) -> bool:
        if not expected or self._version(key) != expected:
            return False

        self._store(key, None)

        return True

    def lock(self, key: CartKey) -> AbstractContextManager[None]:
        return nullcontext()

    def instances(self, owner: str) -> list[str]:
        return sorted(self._carts_of(owner))

    def purge(self, before: dt.datetime, *, limit: int) -> t.Iterator[CartKey]:
        return iter(())

    def transaction(self) -> None:
        return None

    def _carts(self) -> dict[str, t.Any]:
        if not has_request_context():
            raise CartStorageError(
                "Carts in the session cookie exist only in a request of their browser."
            )

        return _checked(session.get(_KEY, {}))

    def _carts_of(self, owner: str) -> dict[str, t.Any]:
        return _checked(self._carts().get(owner, {}))

    def _version(self, key: CartKey) -> int:
        stored = self.load(key)

        return stored.version if stored is not None else 0

    def _store(self, key: CartKey, cart: list[t.Any] | None) -> None:
        before = session.get(_KEY)
        own = _without_none({**self._carts_of(key.owner), key.instance: cart})
        # The session sees only what is assigned to its own keys.
        _put(_without_none({**self._carts(), key.owner: own or None}))

        try:
            check_cookie_size()
        except CartTooLargeError:
            _put(before)
            raise

        g._flask_cart_in_cookie = True


def _put(carts: dict[str, t.Any] | None) -> None:
    if carts:
        session[_KEY] = carts
    else:
        session.pop(_KEY, None)


def _without_none(values: dict[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in values.items() if value is not None}


def _checked(value: t.Any) -> dict[str, t.Any]:
    if not isinstance(value, dict):
        raise _corrupt(value)

    return value


def _corrupt(value: t.Any) -> CartCorruptError:
    return CartCorruptError(
        f"What the session has is not a cart: {value!r:.80}", repr(value)
    )


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


def check_cookie_after_request(response: t.Any) -> t.Any:
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
