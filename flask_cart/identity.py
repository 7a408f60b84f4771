"""Identity: whose cart a request is about."""

from __future__ import annotations

import re
import secrets
import typing as t

from flask import current_app
from flask import session
from flask.sessions import NullSession

from .errors import CartConfigError
from .storage.base import check_owner

OwnerLoader = t.Callable[[], str | None]

_token = re.compile(r"[A-Za-z0-9_-]{22}")


def guest_owner(session_key: str) -> str | None:
    """The owner that this browser's guest carts have, if there are any.

    :param session_key: The key in Flask's session that the token is under.
    """
    token = session.get(session_key)

    # Anything else under the key is not ours, and must not become part of an address.
    if not isinstance(token, str) or not _token.fullmatch(token):
        return None

    return f"guest:{token}"


def make_guest_owner(session_key: str) -> str:
    """Give this browser a token for guest carts, if it has none.

    :raises CartConfigError: If the app has no session to keep it in.
    """
    if isinstance(session, NullSession) or not current_app.secret_key:
        raise CartConfigError("A guest's cart needs Flask's session. Set SECRET_KEY.")

    owner = guest_owner(session_key)

    if owner is None:
        # 128 bits: nobody finds somebody else's cart by guessing.
        token = secrets.token_urlsafe(16)
        session[session_key] = token
        owner = f"guest:{token}"

    return owner


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
