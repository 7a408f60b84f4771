"""Saves of one cart, in the words that most tests need."""

from __future__ import annotations

from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Storage


def save(storage: Storage, key: CartKey, text: str, expected: int) -> int | None:
    """Store one cart.

    :return: Its new version, or ``None`` if the save was lost.
    """
    versions = storage.save(key.owner, {key.instance: (expected, text)})

    return versions[key.instance] if versions is not None else None


def delete(storage: Storage, key: CartKey, expected: int) -> bool:
    """Delete one cart, and tell whether that was done."""
    versions = storage.save(key.owner, {key.instance: (expected, None)})
    assert versions in (None, {key.instance: 0})

    return versions is not None
