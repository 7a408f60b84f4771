"""An observer for the tests, and shops that it looks at."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

from flask_cart import Cart
from flask_cart import FlaskCart
from flask_cart.carts.observing import Access
from flask_cart.model.events import Event
from tests.support.apps import make_app


class Notes:
    """Remembers all that it is told."""

    def __init__(self) -> None:
        self.accesses: list[Access] = []
        self.events: list[Event] = []

    @property
    def access(self) -> Access:
        """The only one that there was since this was asked for last."""
        (access,) = self.accesses
        self.accesses.clear()

        return access

    @property
    def names(self) -> list[str]:
        """The names of the events."""
        return [event.name for event in self.events]

    def accessed(self, access: Access) -> None:
        self.accesses.append(access)

    def happened(self, event: Event) -> None:
        self.events.append(event)


class Observed(t.NamedTuple):
    """An extension in the context of its app, and what its observer has noted."""

    extension: FlaskCart
    notes: Notes

    def cart(self, owner: str = "user:1") -> Cart:
        """A cart as a new reader has it."""
        return self.extension.cart(owner=owner)


@contextmanager
def observed(**config: t.Any) -> Iterator[Observed]:
    """A shop with an observer, in the context of its app.

    :param config: Configuration of the app.
    """
    app = make_app(CART_RETRY_BASE_DELAY=0, **config)
    extension = FlaskCart(app)
    notes = Notes()
    extension.observe(notes)

    with app.app_context():
        yield Observed(extension, notes)
