"""Write ids: by which a write whose answer was lost is known when it is sent again."""

from __future__ import annotations

import secrets
import typing as t

#: Of how many writes of a cart the ids are kept: that many others may come between.
REMEMBERED: t.Final = 32

#: Characters of one.
LENGTH: t.Final = 8


def new_write_id() -> str:
    """Letters, digits, ``-`` and ``_``; 48 random bits."""
    return secrets.token_urlsafe(6)
