"""Signing: what comes back from outside is what was given out."""

from __future__ import annotations

import hashlib
import typing as t

from flask import current_app
from itsdangerous import Signer

SomeSigner = t.TypeVar("SomeSigner", bound=Signer)


def app_keys() -> list[str | bytes]:
    """The keys of an app that has a secret; as in Flask, the last one signs."""
    fallbacks = current_app.config["SECRET_KEY_FALLBACKS"] or ()

    return [*fallbacks, t.cast("str | bytes", current_app.secret_key)]


def make_signer(
    kind: type[SomeSigner], purpose: str, keys: t.Iterable[str | bytes]
) -> SomeSigner:
    """What signs with the last of some keys, and knows what any of them has signed.

    :param purpose: What it signs nobody can use for something else.
    """
    return kind(
        t.cast("list[str]", keys),
        purpose,
        key_derivation="hmac",
        digest_method=hashlib.sha256,
    )
