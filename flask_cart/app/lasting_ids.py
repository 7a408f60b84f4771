"""Lasting ids: who a user is, if Flask-Login knows the user by a credential.

``get_id()`` may be a token that changes with the password, so that all sessions end: in
Flask-Security, and by the advice of Flask-Login's documentation. A cart has to last.
"""

from __future__ import annotations

import re
import typing as t
import uuid

from .backends.startup import warn

#: What attributes with credentials are called, beside those of all users.
_KEEPS_CREDENTIAL = re.compile("altern|nonce|passw|rotat|secret|session|stamp|token")
_OF_ALL: t.Final = ("fs_uniquifier", "fs_token_uniquifier", "alternative_id")

#: What nobody has thought of as a name.
_LOOKS_RANDOM = re.compile(r"(?=[\w.-]*\d)(?=[\w.-]*[A-Za-z])[\w.-]{16,}")

#: A shorter text may be in any other.
_SHORTEST: t.Final = 6


def lasting_id(user: t.Any) -> str:
    """The id of a user that does not change, as far as one is known.

    It warns if there may be none.

    :param user: Whose ``get_id()`` is not the ``id``.
    """
    user_id = str(user.get_id())
    fields = {name: getattr(user, name, None) for name in _OF_ALL}
    fields |= getattr(user, "__dict__", {})
    rest = user_id
    is_credential = False

    for name, value in fields.items():
        text = str(value) if isinstance(value, str | uuid.UUID) else ""

        if len(text) < _SHORTEST or text not in user_id:
            continue

        if name in _OF_ALL or _KEEPS_CREDENTIAL.search(name):
            is_credential = True
        else:
            rest = rest.replace(text, "")

    key = _primary_key(user)

    if is_credential and key is not None:
        return str(key)

    if is_credential or _LOOKS_RANDOM.search(rest):
        warn(
            "Flask-Login knows the users of this app by something that looks like a"
            " token. If it changes, as with the password, the user has an empty cart."
            " Register what does not change with user_id_loader().",
            "changing-user-id",
        )

    return user_id


def _primary_key(user: t.Any) -> t.Any:
    key = getattr(user, "id", None)

    if key is not None:
        return key

    # A model of SQLAlchemy knows it by whatever name.
    state = getattr(user, "_sa_instance_state", None)
    identity: tuple[t.Any, ...] = getattr(state, "identity", None) or ()

    return identity[0] if len(identity) == 1 else None
