"""Signals: what an app can listen to.

Each is sent with the app as the sender and the keywords ``cart`` and ``event``, after
the change is saved and in the order in which things happened; ``cart_updated`` comes
last, once per saved version. Only ``before_change`` and ``cart_abandoned`` are sent
earlier: a receiver that raises there keeps the change from being saved, or the cart
from being deleted.

Receivers that raise are logged, and keep nobody else from being called.
"""

from __future__ import annotations

import datetime as dt
import typing as t
import uuid

from blinker import NamedSignal
from blinker import Namespace
from blinker import Signal
from flask import Flask

from .cart import Cart
from .errors import CartVetoError
from .events import BeforeChange
from .events import CartAbandoned
from .events import CartUpdated
from .events import Event

_signals = Namespace()

#: A cart was saved for the first time.
cart_created = _signals.signal("cart_created")
#: A line that was not there before; ``event.line``.
item_added = _signals.signal("item_added")
#: A line changed; ``event.line``, ``event.previous``, ``event.quantity_delta``.
item_updated = _signals.signal("item_updated")
#: A line is gone; ``event.line``.
item_removed = _signals.signal("item_removed")
#: The cart has a new condition; ``event.condition``.
condition_added = _signals.signal("condition_added")
#: A condition of the cart is gone; ``event.condition``.
condition_removed = _signals.signal("condition_removed")
#: A line has a new condition; ``event.line``, ``event.condition``.
item_condition_added = _signals.signal("item_condition_added")
#: A condition of a line is gone; ``event.line``, ``event.condition``.
item_condition_removed = _signals.signal("item_condition_removed")
#: A metadata key has a new value; ``event.key``, ``event.value``.
metadata_added = _signals.signal("metadata_added")
#: A metadata key is gone; ``event.key``, ``event.value``.
metadata_removed = _signals.signal("metadata_removed")
#: All amounts are in another currency; ``event.currency``,
#: ``event.previous_currency``.
currency_changed = _signals.signal("currency_changed")
#: The cart was emptied; ``event.lines``, ``event.conditions``, ``event.metadata``.
cart_cleared = _signals.signal("cart_cleared")
#: The cart was deleted; ``event.lines``.
cart_destroyed = _signals.signal("cart_destroyed")
#: The cart is about to be deleted, for it was not touched for long; ``event.kind``,
#: ``event.lines``, ``event.last_changed``. Raise ``CartVetoError`` to keep it.
cart_abandoned = _signals.signal("cart_abandoned")
#: Another cart was merged into this one; ``event.source``, ``event.lines``,
#: ``event.left_out``.
cart_merged = _signals.signal("cart_merged")
#: A merge was undone; ``event.source``.
merge_undone = _signals.signal("merge_undone")
#: A line is on its way into another cart, or no longer is; ``event.line``,
#: ``event.to``, ``event.is_over``.
item_moving = _signals.signal("item_moving")
#: A line has come from another cart; ``event.line``, ``event.source``.
item_moved = _signals.signal("item_moved")
#: An order was begun and is not made yet; ``event.cart_token``, ``event.lines``.
checkout_started = _signals.signal("checkout_started")
#: The cart was sold; ``event.cart_token``, ``event.lines``.
cart_checked_out = _signals.signal("cart_checked_out")
#: A change is about to be saved; ``event.events``. Raise ``CartVetoError`` to refuse.
before_change = _signals.signal("before_change")
#: A version was saved or the cart deleted; ``event.events``, ``event.reason``.
cart_updated = _signals.signal("cart_updated")

#: Sent with all the events of a saved version, after these. The subscriber below
#: makes ``cart_updated`` of it.
_version_saved = Signal()


def names() -> frozenset[str]:
    """The names of all signals."""
    return frozenset(_signals)


def connect_to_all(receiver: t.Callable[..., None]) -> None:
    """Let a receiver hear of all events, those of all apps; of each of them once."""
    for signal in _signals.values():
        if signal not in (before_change, cart_updated):
            signal.connect(receiver)


class Signals:
    """Sends the signals of one app.

    :param app: The sender.
    :param enabled: Whether anything is sent.
    :param disabled: The names of signals that are not sent.
    """

    def __init__(self, app: Flask, enabled: bool, disabled: frozenset[str]) -> None:
        self._app = app
        self._enabled = enabled
        self._disabled = disabled

    def before(self, cart: Cart, version: int, events: tuple[Event, ...]) -> None:
        if not self._sends(before_change) or not before_change.receivers:
            return

        key = cart.key
        event = BeforeChange(
            id=uuid.uuid4().hex,
            occurred_at=dt.datetime.now(dt.UTC),
            owner=key.owner if key else "",
            instance=key.instance if key else "",
            version=version,
            events=events,
        )
        before_change.send(
            self._app, _async_wrapper=self._app.ensure_sync, cart=cart, event=event
        )

    def after(self, cart: Cart, events: tuple[Event, ...]) -> None:
        for event in events:
            self._send(_signals[event.name], cart, event)

        _version_saved.send(self, cart=cart, events=events)

    def abandoned(self, cart: Cart, event: CartAbandoned) -> None:
        """Send ``cart_abandoned``; raises what a receiver raised, once all were called.

        What is not a :class:`CartVetoError` comes first.
        """
        errors = self._call(cart_abandoned, cart, event)
        failures = [each for each in errors if not isinstance(each, CartVetoError)]

        for error in failures:
            self._app.logger.error(
                "A receiver of 'cart_abandoned' failed; the cart was kept.",
                exc_info=error,
            )

        for error in [*failures, *errors]:
            raise error

    def update(self, cart: Cart, event: CartUpdated) -> None:
        """Send ``cart_updated``."""
        self._send(cart_updated, cart, event)

    def _sends(self, signal: NamedSignal) -> bool:
        return (
            self._enabled and signal.name not in self._disabled and not signal.is_muted
        )

    def _send(self, signal: NamedSignal, cart: Cart, event: Event) -> None:
        for error in self._call(signal, cart, event):
            self._app.logger.error(
                "A receiver of %r failed; the cart was saved.",
                signal.name,
                exc_info=error,
            )

    def _call(self, signal: NamedSignal, cart: Cart, event: Event) -> list[Exception]:
        """Call all receivers; what some of them raised."""
        errors: list[Exception] = []

        if not self._sends(signal):
            return errors

        # Not signal.send(): there, a receiver that raises keeps those after it from
        # being called.
        for receiver in signal.receivers_for(self._app):
            try:
                self._app.ensure_sync(receiver)(self._app, cart=cart, event=event)
            except Exception as error:
                errors.append(error)

        return errors


@_version_saved.connect
def _send_cart_updated(
    signals: Signals, cart: Cart, events: tuple[Event, ...], **extra: t.Any
) -> None:
    last = events[-1]
    signals.update(
        cart,
        CartUpdated(
            id=uuid.uuid4().hex,
            occurred_at=last.occurred_at,
            owner=last.owner,
            instance=last.instance,
            version=last.version,
            events=events,
            reason=last.name,
        ),
    )
