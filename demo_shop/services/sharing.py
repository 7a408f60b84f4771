"""Sharing a basket: one link shows it to others, who may copy it into theirs.

What the link does is Flask-Cart's. Here is which one it is, so that the shopper can
find it again on every device, and take it back.
"""

from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from flask import Flask
from flask import url_for
from sqlalchemy import delete
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flask_cart import current_cart
from flask_cart.model.events import CartCheckedOut
from flask_cart.signals import cart_checked_out

from ..extensions import cart_ext
from ..extensions import db
from ..models import SharedBasket
from ..places import owner_here

#: For how long a link is good.
LIFETIME = timedelta(days=30)


def init_app(app: Flask) -> None:
    """Let the shop know when what was shared is ordered."""
    cart_checked_out.connect(_forget_ordered, app)


def read_link() -> str:
    """The link to the basket, if it was shared."""
    shared = _find()

    if shared is None or shared.expires_at <= cart_ext.clock():
        return ""

    return url_for("cart.link", token=shared.link, _external=True)


def share() -> None:
    """Make a link to the basket, unless there is one.

    :raises CartEmptyError: If there is nothing in it.
    """
    if read_link():
        return

    stop_sharing()
    link = cart_ext.link(current_cart, purpose="share", expires=LIFETIME)
    key = current_cart.key
    assert key is not None
    db.session.add(
        SharedBasket(
            whose=_hashed(key.owner),
            link=urlsplit(link).path.rpartition("/")[2],
            expires_at=cart_ext.clock() + LIFETIME,
        )
    )

    try:
        db.session.commit()
    except IntegrityError:
        # The other half of a double click has made one as well: that one is kept.
        db.session.rollback()
        cart_ext.revoke_link(link)


def stop_sharing() -> bool:
    """Let the link lead nowhere; whether there was one."""
    shared = _find()

    if shared is None:
        return False

    cart_ext.revoke_link(shared.link)
    db.session.delete(shared)
    db.session.commit()

    return True


def _find() -> SharedBasket | None:
    key = current_cart.key

    if key is None:
        return None

    return db.session.scalar(
        select(SharedBasket).where(SharedBasket.whose == _hashed(key.owner))
    )


def _hashed(owner: str) -> str:
    return sha256(owner_here(owner).encode()).hexdigest()


def _forget_ordered(app: Flask, event: CartCheckedOut, **_: object) -> None:
    """The link says so itself from then on; what comes next was not shared."""
    with db.engine.begin() as connection:
        connection.execute(
            delete(SharedBasket).where(SharedBasket.whose == _hashed(event.owner))
        )
