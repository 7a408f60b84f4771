"""Claims: what keeps a change that is sent twice from being made twice.

A claim is a part of the cart's document, so it is saved in the same write as the
change that came with the key, or not at all.
"""

from __future__ import annotations

import types
import typing as t

from msgspec.structs import replace

from .document import Document
from .errors import CartKeyReusedError
from .errors import CartReplayedError
from .operations import Applied
from .operations import Reapplied
from .values import digest

#: How many keys a cart remembers.
MAX_KEYS: t.Final = 20

#: 96 bits: a cart in a cookie has little room for what it remembers.
_LENGTH: t.Final = 16


class ClaimKey(Reapplied, frozen=True):
    """Claim a key for a change, unless it is claimed already.

    :param claim: What identifies the key and the change.
    """

    claim: str

    def apply(self, document: Document) -> Applied:
        for claim in document.claims:
            if claim == self.claim:
                raise CartReplayedError("The change with this key was made already.")

            if claim[:_LENGTH] == self.claim[:_LENGTH]:
                raise CartKeyReusedError("The key came with another change before.")

        return replace(document, claims=remembered(document.claims, [self.claim])), ()


def claim_key(key: str, content: str) -> ClaimKey:
    """The claim of a key for a change with this content."""
    return ClaimKey(digest(key, _LENGTH) + digest(content, _LENGTH))


def move_content(line_id: str, to: str, quantity: int | types.EllipsisType) -> str:
    """What is to be changed by a move, in words."""
    how_many = "all" if quantity is ... else quantity

    return f"move {line_id} to {to}: {how_many}"


def remembered(earlier: t.Iterable[str], later: t.Iterable[str]) -> tuple[str, ...]:
    """The claims that a cart remembers of all these."""
    return tuple(dict.fromkeys([*earlier, *later]))[-MAX_KEYS:]
