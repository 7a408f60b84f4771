"""Payments: an order that was begun is made or given up, by its token alone.

Whoever is told of a payment does not know whose cart it is by now.
"""

from __future__ import annotations

import typing as t

from msgspec import UnsetType

from ..model.errors import CartOrderUnknownError
from ..model.money import MoneyLike
from .cart import stored_cart
from .cart import working_copy
from .notes import Notes
from .orders import Create
from .orders import Find
from .orders import asked
from .services import CartServices

Order = t.TypeVar("Order")


def place_begun_order(
    services: CartServices,
    create: Create[Order],
    find: Find[Order],
    session: t.Any,
    token: str,
    expected_total: MoneyLike | UnsetType,
) -> Order:
    """Make the order that was begun with a token, unless there is one already.

    :raises CartConfigError: If nothing is kept of orders that were begun.
    :raises CartOrderUnknownError: If there is neither an order nor a note of one.
    """
    notes = notes_of(services)
    notes.check_kept()
    note = notes.find(token)

    if note is None or not note.is_begun:
        return _find_or_refuse(find, session, token)

    return stored_cart(services, note.carts[-1]).place_order(
        create, find, session=session, token=token, expected_total=expected_total
    )


def cancel_order(services: CartServices, token: str) -> bool:
    """Forget an order that was begun.

    :return: Whether there was one.
    :raises CartConfigError: If nothing is kept of orders that were begun.
    """
    notes = notes_of(services)
    notes.check_kept()

    return notes.cancel(token)


def _find_or_refuse(find: Find[Order], session: t.Any, token: str) -> Order:
    """The order with a token of which there is no note any more.

    :raises CartOrderUnknownError: If there is none.
    """
    order = asked(find, session)(token)

    if order is None and session is not None:

        def find_afresh(token: str) -> Order | None:
            # What its transaction shows may be older than the order.
            session.rollback()

            return find(token)

        order = asked(find_afresh, session)(token)

    if order is None:
        raise CartOrderUnknownError(token)

    return order


def notes_of(services: CartServices) -> Notes:
    """The notes of the orders of an app, whatever carts they are about."""
    return Notes(
        services.repository, lambda key: working_copy(stored_cart(services, key))
    )
