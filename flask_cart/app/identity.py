"""Identity: whose cart a request is about.

A guest is who has a token in a signed cookie of its own. In Flask's session it would go
when a slower answer sends an older copy again. Of sessions on the server, the id is as
good as a token.
"""

from __future__ import annotations

import re
import secrets
import time
import typing as t
from functools import lru_cache
from threading import RLock

import msgspec
from flask import Flask
from flask import current_app
from flask import request
from flask import session
from itsdangerous import BadData
from itsdangerous import TimestampSigner
from werkzeug.wrappers import Response

from ..model.errors import CartConfigError
from ..model.errors import CartError
from ..model.keys import check_owner
from ..model.keys import check_tenant
from ..model.values import digest
from .lasting_ids import lasting_id
from .signing import app_keys
from .signing import make_signer

OwnerLoader = t.Callable[[], str | None]
TenantLoader = t.Callable[[], str | None]
UserIdLoader = t.Callable[[t.Any], object]

#: A token, perhaps whom it was merged into, the time, and a signature: nothing else is
#: worth a look.
_signed = re.compile(
    r"[A-Za-z0-9_-]{22}(\.[A-Za-z0-9_-]{22})?\.[A-Za-z0-9_-]{1,12}\.[A-Za-z0-9_-]{43}"
)

#: Which part of its lifetime is over when an answer renews a cookie.
_RENEWED_AFTER: t.Final = 0.1

#: What ``test_request_context()`` does not make up, while servers and sockets have it.
_OF_A_CLIENT: t.Final = {"REMOTE_ADDR", "flask.app"}


def known_owner(
    load_owner: OwnerLoader | None, load_user_id: UserIdLoader | None
) -> str | None:
    """The owner that the app knows the shopper as: its own loader, or Flask-Login.

    :raises CartConfigError: If the loader returns something that is not an owner.
    """
    if load_owner is not None:
        owner = load_owner()

        return check_owner(owner) if owner is not None else None

    if not hasattr(current_app, "login_manager"):
        return None

    from flask_login import current_user

    if not current_user.is_authenticated:
        return None

    return user_owner(current_user._get_current_object(), load_user_id)


def known_tenant(load_tenant: TenantLoader | None) -> str | None:
    """The tenant that this request is about, if the app has any.

    :raises CartConfigError: If the loader returns something that is not a tenant.
    """
    tenant = load_tenant() if load_tenant is not None else None

    return check_tenant(tenant) if tenant is not None else None


def user_owner(user: t.Any, load_user_id: UserIdLoader | None) -> str:
    """The owner that a user of Flask-Login is.

    :raises CartConfigError: If the user has no id.
    """
    user_id = user.get_id() if load_user_id is None else load_user_id(user)

    # Flask-Login makes "None" of the id of a user who is not in the database yet.
    if user_id in (None, "None"):
        raise CartConfigError(
            "The user has no id. Flush a new user to the database before login_user()."
        )

    if load_user_id is None and user_id != str(getattr(user, "id", None)):
        user_id = lasting_id(user)

    return check_owner(f"user:{user_id}")


class Visit(msgspec.Struct):
    """The guest of one request, and what its answer says to the browser.

    It belongs to the request and not to its context, which streams and threads copy.

    :param token: The guest's token.
    :param merged_into: A hash of the owner who has got the guest's carts. The token is
        no guest's any more; what a slow request still puts into the carts can come
        along with another login of that owner.
    :param is_received: Whether the token came in the cookie.
    :param is_due: Whether the answer sends it.
    :param is_looked_at: Whether the answer depends on what came.
    :param is_merged: Whether the carts were merged in this request.
    :param is_handled: Whether there will be an answer.
    :param is_answered: Whether it has begun.
    """

    token: str | None = None
    merged_into: str | None = None
    is_received: bool = False
    is_due: bool = False
    is_looked_at: bool = False
    is_merged: bool = False
    is_handled: bool = False
    is_answered: bool = False
    lock: RLock = msgspec.field(default_factory=RLock)


def guest_owner() -> str | None:
    """The owner that this browser's guest carts have, if there are any."""
    visit = _looked_at_visit()
    token = visit.token if visit.merged_into is None else None

    # A session that is new after the answer is not saved, and nobody knows its id.
    if token is None and not visit.is_answered and session:
        token = _token_of_sid(visit)

    return f"guest:{token}" if token is not None else None


def make_guest_owner() -> str:
    """Give this browser a token for guest carts, if it has none.

    :raises CartConfigError: If the app has no secret to sign it with.
    :raises CartError: If nothing will tell the browser.
    """
    visit = _looked_at_visit()

    # The threads of a request are one guest.
    with visit.lock:
        owner = guest_owner()

        if owner is not None:
            return owner

        if not _can_tell(visit):
            raise CartError(
                "This browser has no cart yet, and cannot be told which one is its own:"
                " the answer has begun, or there is none. Change a guest's cart in the"
                " view, before it streams; threads and sockets can only change one that"
                " was changed before."
            )

        if current_app.secret_key:
            visit.is_due = True
        elif hasattr(session, "sid"):
            # The id is all there is, and that of an empty session is not kept.
            session["_cart"] = True
        else:
            raise CartConfigError("A guest needs a signed cookie. Set SECRET_KEY.")

        # 128 bits: nobody finds somebody else's cart by guessing.
        visit.token = _token_of_sid(visit) or secrets.token_urlsafe(16)
        visit.merged_into = None

        return f"guest:{visit.token}"


def is_guest_left() -> bool:
    """Whether a token came that is still a guest's, in a request of somebody else.

    The guest may have had the first cart while the login was on its way.
    """
    visit = _looked_at_visit()
    is_left = visit.is_received and visit.merged_into is None

    return is_left and not visit.is_merged and _can_tell(visit)


def keep_guest(owner: str) -> None:
    """Let the answer tell a guest's token that until now was only a session's id.

    :param owner: Whose cart is changed.
    """
    if owner != guest_owner() or not current_app.secret_key:
        return

    visit = _visit()
    token = _token_of_sid(visit)

    if owner == f"guest:{token}" and _can_tell(visit):
        visit.token, visit.merged_into = token, None
        visit.is_due = True


def end_guest(owner: str) -> list[str]:
    """Let the guest's carts be an owner's: who logs out again is another guest.

    :return: The owners that the carts have had.
    """
    visit = _looked_at_visit()
    guest = guest_owner()
    guests = [guest] if guest is not None else []

    if visit.merged_into == _hash_of(owner):
        guests.append(f"guest:{visit.token}")

    if visit.token is not None and f"guest:{visit.token}" in guests:
        visit.merged_into = _hash_of(owner)
        visit.is_due |= visit.is_received

    visit.is_merged = True

    return guests


def expect_answer() -> None:
    """Note that this request will be answered."""
    _visit().is_handled = True


def keep_guest_of_session() -> None:
    """Let the guest be the same when the session on the server gets another id."""
    visit = _looked_at_visit()
    token = _token_of_sid(visit) if session else None

    if token is not None and guest_owner() == f"guest:{token}":
        visit.token, visit.merged_into = token, None
        visit.is_due = bool(current_app.secret_key)


def tell_guest(app: Flask, response: Response, **of_signal: t.Any) -> None:
    """Let an answer say what the browser has to keep; nothing can be said after it.

    It renews the cookie that was received, or gives one to who had none. What a faster
    request may have got meanwhile is neither replaced nor deleted.
    """
    visit = _visit()
    # Nearly every answer comes by here: to ask the proxy for its length takes longer.
    this_session = session._get_current_object()  # type: ignore[attr-defined]

    with visit.lock:
        if visit.token is None and this_session:
            visit.token = _token_of_sid(visit)

        visit.is_answered = True

        # Where a session was asked, it has said so: to take that apart takes longer.
        if visit.is_looked_at and response.headers.get("Vary") != "Cookie":
            response.vary.add("Cookie")

        # After an error, carts that were merged may be where they were before.
        if visit.is_due and not (visit.is_merged and response.status_code >= 500):
            _send_cookie(response, visit)


def _visit() -> Visit:
    # The proxy is typed as the request that it stands for.
    this_request = request._get_current_object()  # type: ignore[attr-defined]
    kept: dict[str, t.Any] = this_request.__dict__
    visit: Visit | None = kept.get("_flask_cart_visit")

    return visit or kept.setdefault("_flask_cart_visit", Visit())


def _looked_at_visit() -> Visit:
    visit = _visit()

    with visit.lock:
        if not visit.is_looked_at:
            visit.is_looked_at = True
            _read_cookie(visit)

    return visit


def _can_tell(visit: Visit) -> bool:
    """Whether an answer will tell the browser what it has to keep."""
    environ = request.environ
    is_sent = visit.is_handled or not environ.keys() & _OF_A_CLIENT
    is_socket = environ.get("HTTP_UPGRADE", "").lower() == "websocket"

    return is_sent and not is_socket and not visit.is_answered


def _hash_of(name: str | None) -> str | None:
    return digest(f"flask-cart {name}", 22) if name is not None else None


def _token_of_sid(visit: Visit) -> str | None:
    """The token of a session that is kept on the server, if it is.

    Requests of one session that have no cookie yet meet at the same cart. The hash does
    not give the id away.
    """
    token = _hash_of(getattr(session, "sid", None))

    return token if token != visit.token else None


def _read_cookie(visit: Visit) -> None:
    if not current_app.secret_key:
        return

    now = time.time()
    lifetime = _lifetime() or current_app.permanent_session_lifetime.total_seconds()
    keys = app_keys()

    # A cookie of a parent domain has the same name.
    for value in request.cookies.getlist(guest_cookie()):
        signed = _signed_with(value, *keys)

        if signed is None:
            continue

        kept, signed_at = signed
        age = now - signed_at

        if age <= lifetime:
            visit.token, _, merged_into = kept.partition(".")
            visit.merged_into = merged_into or None
            visit.is_received = True
            is_old = age > _RENEWED_AFTER * lifetime
            visit.is_due = is_old or not _signed_with(value, keys[-1])
            return


def _signed_with(value: str, *keys: str | bytes) -> tuple[str, float] | None:
    """What a cookie says and when it was signed, if that was with one of these keys."""
    return _unsigned(value, *keys) if _signed.fullmatch(value) else None


@lru_cache(maxsize=1024)
def _unsigned(value: str, *keys: str | bytes) -> tuple[str, float] | None:
    # Who looks around sends the same one with each request.
    try:
        # Not with max_age, which refuses what a clock that is ahead has signed.
        kept, signed_at = _signer(*keys).unsign(value, return_timestamp=True)
    except BadData:
        return None

    return kept.decode(), signed_at.timestamp()


def _send_cookie(response: Response, visit: Visit) -> None:
    kept = ".".join(filter(None, (visit.token, visit.merged_into)))
    lifetime = _lifetime()
    interface = current_app.session_interface
    expires = None if lifetime else interface.get_expiration_time(current_app, session)
    response.set_cookie(
        guest_cookie(),
        _signer(*app_keys()).sign(kept).decode(),
        max_age=lifetime,
        expires=expires,
        **_cookie_settings(),
    )


def _lifetime() -> int | None:
    return t.cast("int | None", current_app.extensions["cart"].settings.guest_lifetime)


def _signer(*keys: str | bytes) -> TimestampSigner:
    return make_signer(TimestampSigner, "flask-cart-guest", keys)


def guest_cookie() -> str:
    """The name of the cookie that has the guest's token."""
    # Behind the session's, so that what browsers know by "__Host-" is known of it, too.
    return current_app.session_interface.get_cookie_name(current_app) + "_cart"


def _cookie_settings() -> dict[str, t.Any]:
    interface = current_app.session_interface

    return {
        "domain": interface.get_cookie_domain(current_app),
        "path": interface.get_cookie_path(current_app),
        "secure": interface.get_cookie_secure(current_app),
        "httponly": interface.get_cookie_httponly(current_app),
        "samesite": interface.get_cookie_samesite(current_app),
        "partitioned": interface.get_cookie_partitioned(current_app),
    }
