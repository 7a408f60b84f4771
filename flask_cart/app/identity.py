"""Identity: whose cart a request is about.

A guest is who has a token in the session of this browser.
"""

from __future__ import annotations

import re
import secrets
import types
import typing as t
from functools import wraps

from flask import current_app
from flask import request
from flask import session
from flask.sessions import NullSession

from ..model.errors import CartConfigError
from ..model.keys import check_owner
from ..model.keys import check_tenant
from ..model.keys import tenant_of
from ..model.values import digest

OwnerLoader = t.Callable[[], str | None]
TenantLoader = t.Callable[[], str | None]

_token = re.compile(r"[A-Za-z0-9_-]{22}")


def known_owner(load_owner: OwnerLoader | None) -> str | None:
    """The owner that the app knows the shopper as: its own loader, or Flask-Login.

    :raises CartConfigError: If the loader returns something that is not an owner.
    """
    if load_owner is not None:
        owner = load_owner()

        return check_owner(owner) if owner is not None else None

    if not hasattr(current_app, "login_manager"):
        return None

    from flask_login import current_user

    return user_owner(current_user) if current_user.is_authenticated else None


def known_tenant(load_tenant: TenantLoader | None) -> str | None:
    """The tenant that this request is about, if the app has any.

    :raises CartConfigError: If the loader returns something that is not a tenant.
    """
    tenant = load_tenant() if load_tenant is not None else None

    return check_tenant(tenant) if tenant is not None else None


def tenant_for(
    owner: str,
    tenant: str | types.EllipsisType | None,
    load_tenant: TenantLoader | None,
) -> str | None:
    """The tenant that an owner is of.

    :param owner: Who may begin with the tenant.
    :param tenant: What was said about it; ``...`` for nothing.
    """
    if not isinstance(tenant, types.EllipsisType):
        return tenant

    if load_tenant is not None and request:
        return known_tenant(load_tenant)

    return tenant_of(owner) if isinstance(owner, str) else None


def user_owner(user: t.Any) -> str:
    """The owner that a user of Flask-Login is.

    :raises CartConfigError: If the user has no id.
    """
    user_id = user.get_id()

    # Flask-Login makes "None" of the id of a user who is not in the database yet.
    if user_id in (None, "None"):
        raise CartConfigError(
            "The user has no id. Flush a new user to the database before login_user()."
        )

    return check_owner(f"user:{user_id}")


def guest_owner(session_key: str) -> str | None:
    """The owner that this browser's guest carts have, if there are any.

    :param session_key: The key in Flask's session that the token is under.
    """
    token = session.get(session_key)

    # Anything else under the key is not ours, and must not become part of an address.
    if not isinstance(token, str) or not _token.fullmatch(token):
        token = _token_of_sid(session) if session else None

    return f"guest:{token}" if token is not None else None


def make_guest_owner(session_key: str) -> str:
    """Give this browser a token for guest carts, if it has none.

    :raises CartConfigError: If the app has no session to keep it in.
    """
    # What Flask has without a secret; sessions on the server need none.
    if isinstance(session, NullSession):
        raise CartConfigError("A guest's cart needs Flask's session. Set SECRET_KEY.")

    owner = guest_owner(session_key)

    if owner is None:
        # 128 bits: nobody finds somebody else's cart by guessing.
        token = _token_of_sid(session) or secrets.token_urlsafe(16)
        session[session_key] = token
        owner = f"guest:{token}"

    return owner


def keep_guest_on_regenerate(interface: t.Any, session_key: str) -> None:
    """Let a guest keep the carts when Flask-Session gives the session a new id.

    :param interface: The app's session interface.
    :param session_key: The key in Flask's session that the token is under.
    """
    original = getattr(interface, "regenerate", None)

    if original is None or hasattr(interface, "_flask_cart_keeps_guest"):
        return

    @wraps(original)
    def regenerate(session: t.Any) -> None:
        if session:
            session.setdefault(session_key, _token_of_sid(session))

        original(session)

    interface.regenerate = regenerate
    interface._flask_cart_keeps_guest = True


def _token_of_sid(session: t.Any) -> str | None:
    """The token of a session that is kept on the server, if it is.

    Flask-Session writes a session back as it was when the request began, so a token
    that is only in the session may be lost to a slower request. The id of the session
    is the same for all of them, and its hash does not give it away.
    """
    sid = getattr(session, "sid", None)

    return digest(f"flask-cart {sid}", 22) if sid is not None else None
