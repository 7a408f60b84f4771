"""Links: a cart is handed over, shared or taken along by an address.

Whoever opens one is shown what is in the cart, and asked before anything happens.
"""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from contextlib import suppress

from flask import current_app
from flask import url_for
from itsdangerous import BadSignature
from itsdangerous import Signer

from ..carts.cart import Cart
from ..carts.cart import working_copy
from ..carts.links import PURPOSES
from ..carts.links import LinkNote
from ..carts.links import Purpose
from ..carts.links import claim_link
from ..carts.links import give_back
from ..carts.links import links_in
from ..carts.links import make_link
from ..carts.links import revoke_link
from ..carts.links import taker
from ..model.document import Document
from ..model.errors import CartConfigError
from ..model.errors import CartCorruptError
from ..model.errors import CartReplayedError
from ..model.keys import NOBODYS
from ..model.keys import CartKey
from ..model.keys import owner_in
from ..model.lines import Line
from ..model.lines import count_of
from ..model.merging import record_of
from .current import cart_at
from .current import current_cart
from .current import current_owner
from .current import get_state
from .identity import known_tenant
from .signing import app_keys
from .signing import make_signer

#: The page that links lead to.
ENDPOINT: t.Final = "cart.link"

_signed: t.Final = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}")

#: What a link can come to: ``"open"``, or why not.
LinkState = t.Literal[
    "open", "own", "login", "foreign", "used", "ordered", "expired", "gone"
]


class OpenedLink(t.NamedTuple):
    """A link that somebody has opened.

    :param state: What it comes to for this shopper.
    :param purpose: What it is for.
    :param cart: Where it leads, if the shopper may see that; for ``"own"``, the
        shopper's own cart.
    :param is_whole: Whether all that there was came into it.
    """

    state: LinkState
    purpose: Purpose = "share"
    cart: Cart | None = None
    is_whole: bool = True


def signed_link(cart: Cart, purpose: str, expires: dt.timedelta) -> str:
    """A token that leads to a cart, with a signature.

    :raises CartConfigError: If there is no such purpose or time, or no secret.
    :raises CartEmptyError: If there is nothing in the cart.
    """
    if purpose not in PURPOSES:
        raise CartConfigError(
            f"A link is for one of {', '.join(PURPOSES)}, not {purpose!r:.40}."
        )

    if not isinstance(expires, dt.timedelta) or expires <= dt.timedelta():
        raise CartConfigError(
            f"'expires' is a timedelta of more than nothing, not {expires!r:.40}."
        )

    expires_at = get_state().services.clock() + expires
    signer = _signer()
    working = working_copy(cart)
    token = make_link(working, purpose, expires_at)

    return signer.sign(token).decode()


def address_of_link(sign: t.Callable[[], str]) -> str:
    """The address of a link.

    :param sign: Makes the link, once it is known that there are pages for it.
    :raises CartConfigError: If there are none.
    """
    if ENDPOINT not in current_app.view_functions:
        raise CartConfigError(
            "A link leads to a page of the blueprint. Register that, without"
            " CART_JSON_ONLY."
        )

    return url_for(ENDPOINT, token=sign(), _external=True)


def lasting_link(cart: Cart, name: str, expires: dt.timedelta) -> str:
    """The one token that leads to a cart for a name, with a signature.

    It is the same each time, and made when it is not there.
    """
    token = handoff_token(name)

    if _lasting_note(name) is None:
        expires_at = get_state().services.clock() + expires
        make_link(working_copy(cart), "handoff", expires_at, token)

    return _signer().sign(token).decode()


def is_handed_over(name: str) -> bool:
    """Whether somebody has opened the one link for a name."""
    note = _lasting_note(name)

    return note is not None and bool(note.taken_by)


def end_of_lasting_link(name: str) -> dt.datetime | None:
    """Until when the one link for a name is good, if it was made."""
    note = _lasting_note(name)

    return note.expires_at if note is not None else None


def handoff_token(name: str) -> str:
    """What nobody can make of a name who does not know the secret."""
    return _signer().get_signature(f"handoff {name}").decode()[:22]


def revoke(link: str) -> bool:
    """Let a link lead nowhere from now on; whether it led anywhere."""
    path = re.split("[?#]", link)[0]
    token = _token_of(path.rstrip("/").rpartition("/")[2])

    return token is not None and revoke_link(get_state().services.repository, token)


def look_at(link: str) -> OpenedLink:
    """What a link comes to for whoever opens it. Nothing is changed."""
    note = _note_of(link)
    tenant = known_tenant(get_state().loaders.tenant)

    if note is None or note.is_revoked or note.cart.tenant != tenant:
        return OpenedLink("gone")

    own = _own_cart(note)
    # As it was merged, by this link or at a login.
    has_come = record_of(working_copy(own).document, note.source) is not None

    if has_come or (own.key is not None and own.key == note.cart):
        return OpenedLink("own", note.purpose, own)

    cart = cart_at(note.cart)
    state = _state_of(note, working_copy(cart).document)

    return OpenedLink(state, note.purpose, cart if state == "open" else None)


def _state_of(note: LinkNote, document: Document) -> LinkState:
    """What a link to somebody else's cart comes to."""
    if get_state().services.clock() >= note.expires_at:
        return "expired"

    if note.taken_by and note.taken_by != taker(_owner_in(note.cart.tenant)):
        return "used"

    if not note.is_of(document):
        return "gone"

    if document.settled != note.settled:
        return "ordered"

    if not document.lines:
        return "gone"

    return _may_take(note) if note.is_for_one else "open"


def take(link: str) -> OpenedLink:
    """Do what a link is for: take the cart over, or copy what is in it.

    :return: What the link came to; ``"own"`` if it is in the shopper's cart now.
    :raises CartError: If the cart cannot take it. Nothing is changed.
    """
    opened = look_at(link)

    if opened.cart is None or opened.state != "open":
        return opened

    token = t.cast(str, _token_of(link))

    if opened.purpose == "share":
        mine = current_cart.instance("default")

        # As many as there are, and no more by another click, now or in a month.
        is_whole = True

        with suppress(CartReplayedError), mine.once(f"link {token}"):
            is_whole = _copy(opened.cart, mine)

        return OpenedLink("own", opened.purpose, mine, is_whole)

    return _take_over(token, opened)


def _take_over(token: str, opened: OpenedLink) -> OpenedLink:
    repository = get_state().services.repository
    theirs = t.cast(Cart, opened.cart)
    mine = current_cart.instance(_instance_for(t.cast(CartKey, theirs.key)))
    owner = working_copy(mine).found_key().owner

    if not claim_link(repository, token, owner):
        return OpenedLink("used", opened.purpose)

    try:
        report = mine.merge(theirs)
    except Exception:
        give_back(repository, token)
        raise

    return OpenedLink("own", opened.purpose, mine, not report.left_out)


def _copy(theirs: Cart, mine: Cart) -> bool:
    """Let there be as many of each line in a cart as in another one.

    :return: Whether there are.
    """
    has_loader = get_state().services.registry.catalogue.loader is not None
    more = [
        (line, line.quantity - count_of(mine.get(line.id)))
        for line in theirs
        if line.quantity > count_of(mine.get(line.id))
    ]
    sold = [
        {"product": line.item_id, "quantity": count, "options": line.options}
        for line, count in more
        if has_loader and line.product_ref is not None
    ]
    is_whole = not sold or mine.add_many(sold).is_complete

    for line, count in more:
        if not has_loader or line.product_ref is None:
            _add_as_it_is(mine, line, count)

    return is_whole


def _add_as_it_is(mine: Cart, line: Line, count: int) -> None:
    mine.add(
        line.item_id,
        count,
        name=line.name,
        price=line.price,
        options=line.options,
        attributes=line.attributes,
    )


def _may_take(note: LinkNote) -> LinkState:
    """Whether the shopper may take a cart over."""
    is_known = get_state().known_owner() is not None
    is_account = not note.cart.bare_owner.startswith(NOBODYS)

    if is_known:
        return "foreign" if is_account else "open"

    return "login" if is_account or note.purpose == "login" else "open"


def _own_cart(note: LinkNote) -> Cart:
    """The shopper's cart that the cart of a link would come into."""
    return current_cart.instance(_instance_for(note.cart))


def _instance_for(key: CartKey) -> str:
    """What the shopper has of this name, if that is possible."""
    is_there = key.instance in get_state().settings.all_instances

    return key.instance if is_there else "default"


def _owner_in(tenant: str | None) -> str:
    owner = current_owner()

    return owner_in(tenant, owner) if owner is not None else ""


def _lasting_note(name: str) -> LinkNote | None:
    return links_in(get_state().services.repository).find(handoff_token(name))


def _note_of(link: str) -> LinkNote | None:
    token = _token_of(link)

    if token is None:
        return None

    try:
        return links_in(get_state().services.repository).find(token)
    except CartCorruptError:
        # Nobody can say where it has led.
        return None


def _token_of(link: str) -> str | None:
    if not _signed.fullmatch(link) or not current_app.secret_key:
        return None

    try:
        return _signer().unsign(link).decode()
    except BadSignature:
        return None


def _signer() -> Signer:
    if not current_app.secret_key:
        raise CartConfigError("A link needs a signature. Set SECRET_KEY.")

    return make_signer(Signer, "flask-cart-link", app_keys())
