"""Storages that stand for others."""

from __future__ import annotations

import typing as t
from operator import attrgetter

from ..storage.base import Storage


def standing_for(storage: Storage, kind: type, *arguments: t.Any) -> Storage:
    """A storage that is like a given one but for what another class does otherwise.

    :param kind: Is made of the storage and the arguments, and keeps it as ``_storage``.
    """
    # Some storages have more methods than others.
    others = {
        name: property(attrgetter(f"_storage.{name}"))
        for name in dir(storage)
        if not name.startswith("_") and not hasattr(kind, name)
    }

    return t.cast(Storage, type(kind.__name__, (kind,), others)(storage, *arguments))
