"""A cart's metadata as a mapping."""

from __future__ import annotations

import typing as t
from collections.abc import MutableMapping

from ..model.errors import InvalidItemError
from ..model.operations import SetMetadata
from ..model.values import EMPTY
from ..model.values import freeze_dict
from ..model.values import refused_as
from .working_copy import WorkingCopy


class Metadata(MutableMapping[str, t.Any]):
    """What the shop notes about a cart. Every change is a write of the cart.

    Values are JSON and cannot be changed in place. :meth:`update` and :meth:`clear`
    are one write each.
    """

    def __init__(self, working: WorkingCopy) -> None:
        self._working = working

    def __getitem__(self, key: str) -> t.Any:
        return self._working.document.metadata[key]

    def __setitem__(self, key: str, value: t.Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        self._working.document.metadata[key]
        self._working.apply(SetMetadata(EMPTY, (key,)))

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._working.document.metadata)

    def __len__(self) -> int:
        return len(self._working.document.metadata)

    def __repr__(self) -> str:
        return f"Metadata({dict(self)!r})"

    def update(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Set many keys in one write.

        :raises InvalidItemError: If a key is not text or a value is not JSON.
        """
        with refused_as(InvalidItemError, "The metadata is not valid: "):
            values = freeze_dict(dict(*args, **kwargs), "The metadata")

        self._working.apply(SetMetadata(values))

    def clear(self) -> None:
        """Remove all keys in one write."""
        self._working.apply(SetMetadata(EMPTY, tuple(self)))
