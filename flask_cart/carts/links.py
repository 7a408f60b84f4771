"""Links: what leads to a cart, and names neither the cart nor whose it is.

A link is a record beside the carts, found by its token alone.
"""

from __future__ import annotations

import datetime as dt
import secrets
import typing as t

import msgspec
from msgspec.structs import replace

from ..model.document import Document
from ..model.errors import CartEmptyError
from ..model.keys import CartKey
from ..model.values import fingerprint
from .merging import source_id
from .records import Records
from .repository import Repository
from .working_copy import WorkingCopy

#: What a link is for: ``"share"`` lets others copy what is in the cart; all others let
#: one shopper take it over, ``"login"`` only one who is logged in.
Purpose = t.Literal["handoff", "recover", "device", "login", "share"]

PURPOSES: t.Final[tuple[Purpose, ...]] = t.get_args(Purpose)


class LinkNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a link leads.

    :param purpose: What it is for.
    :param cart: Where the cart is stored.
    :param source: Identifies the cart: one that is made anew is another.
    :param settled: The orders that were made of it before. What comes into it after
        the next one is not what the link was made for.
    :param expires_at: Until when it is good.
    :param taken_by: Identifies the owner who takes the cart over, or has done so.
    :param is_revoked: Whether it leads nowhere any more. It is kept, so that it is not
        made anew.
    """

    purpose: Purpose
    cart: CartKey
    source: str
    settled: tuple[str, ...]
    expires_at: dt.datetime
    taken_by: str = ""
    is_revoked: bool = False

    @property
    def is_for_one(self) -> bool:
        """Whether one shopper takes the cart over, and nobody after that."""
        return self.purpose != "share"

    def is_of(self, document: Document) -> bool:
        """Whether this is what is in the cart that it was made for."""
        return source_id(self.cart, document) == self.source


def links_in(repository: Repository) -> Records[LinkNote]:
    """All links, by their tokens."""
    return Records(repository, "link", LinkNote)


def make_link(
    working: WorkingCopy,
    purpose: Purpose,
    expires_at: dt.datetime,
    token: str | None = None,
) -> str:
    """Keep where a new link leads.

    :param token: Its token, if that is not to be one by chance.
    :return: Its token.
    :raises CartEmptyError: If there is nothing in the cart.
    :raises CartConfigError: If the carts are in cookies.
    """
    links = links_in(working.repository)
    links.check_kept("A cart that a link leads to")
    document = working.document

    if working.key is None or not document.lines:
        raise CartEmptyError("The cart is empty, there is nothing to link to.")

    note = LinkNote(
        purpose,
        working.key,
        source_id(working.key, document),
        document.settled,
        expires_at,
    )
    token = token or secrets.token_urlsafe(16)
    links.change(token, lambda stored: note)

    return token


def taker(owner: str) -> str:
    """What identifies an owner who takes a cart over."""
    return fingerprint("link", owner)[:20]


def claim_link(repository: Repository, token: str, owner: str) -> bool:
    """Let nobody but one owner take the cart of a link over.

    :return: Whether nobody else does.
    """
    who = taker(owner)

    def claim(stored: LinkNote | None) -> LinkNote | None:
        is_free = stored is not None and not (stored.taken_by or stored.is_revoked)

        return replace(t.cast(LinkNote, stored), taken_by=who) if is_free else stored

    note = links_in(repository).change(token, claim)

    return note is not None and note.taken_by == who


def give_back(repository: Repository, token: str) -> None:
    """Let others take the cart of a link over, as nobody has."""
    links_in(repository).change(
        token, lambda stored: stored and replace(stored, taken_by="")
    )


def revoke_link(repository: Repository, token: str) -> bool:
    """Let a link lead nowhere from now on.

    :return: Whether it led anywhere.
    """
    led: list[bool] = []

    def revoke(stored: LinkNote | None) -> LinkNote | None:
        led.append(stored is not None and not stored.is_revoked)

        return stored and replace(stored, is_revoked=True)

    links_in(repository).change(token, revoke)

    return led[-1]
