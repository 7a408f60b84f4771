"""The announcer: sends the signals of an app."""

from __future__ import annotations

from dataclasses import dataclass

from blinker import NamedSignal
from flask import Flask
from flask import has_request_context

from .. import signals
from ..carts.services import asking_receivers
from ..carts.writing import stamped
from ..model.errors import AnyCart
from ..model.errors import CartVetoError
from ..model.events import BeforeChange
from ..model.events import CartAbandoned
from ..model.events import CartUpdated
from ..model.events import Event
from ..model.events import ReminderDue
from .identity import keep_guest
from .settings import Settings


@dataclass(frozen=True)
class SignalAnnouncer:
    """Sends the signals of one app.

    :param app: The sender.
    :param settings: They tell which of them are sent.
    """

    app: Flask
    settings: Settings

    def before(self, cart: AnyCart, version: int, events: tuple[Event, ...]) -> None:
        if has_request_context() and cart.key.bare_owner.startswith("guest:"):
            keep_guest(cart.key.bare_owner)

        signal = signals.before_change

        if not self._sends(signal) or not signal.receivers:
            return

        event = stamped(BeforeChange(events=events), cart.key, version)

        with asking_receivers():
            signal.send(
                self.app, _async_wrapper=self.app.ensure_sync, cart=cart, event=event
            )

    def after(self, cart: AnyCart, events: tuple[Event, ...]) -> None:
        for event in events:
            self._send(getattr(signals, event.name), cart, event)

        if not signals.cart_updated.receivers:
            return

        last = events[-1]
        summary = CartUpdated(events=events, reason=last.name)
        summary = stamped(summary, cart.key, last.version, last.occurred_at)
        self._send(signals.cart_updated, cart, summary)

    def hears(self, *names: str) -> bool:
        heard = [signals.ALL[name] for name in names]

        # Not has_receivers_for(), which is also of those that are gone.
        return any(
            self._sends(signal) and [*signal.receivers_for(self.app)]
            for signal in heard
        )

    def tell(self, cart: AnyCart, event: Event) -> None:
        """Tell of what has happened to a cart without a change of it."""
        self._send(getattr(signals, event.name), cart, event)

    def left(self, cart: AnyCart, event: CartAbandoned | ReminderDue) -> None:
        """Tell of a cart that was left; raises what a receiver raised, once all were
        called.

        What is not a :class:`CartVetoError` comes first.
        """
        errors = self._call(getattr(signals, event.name), cart, event)
        failures = [each for each in errors if not isinstance(each, CartVetoError)]

        for error in failures:
            self.app.logger.error(
                "A receiver of %r failed; the cart was kept.",
                event.name,
                exc_info=error,
            )

        for error in [*failures, *errors]:
            raise error

    def _sends(self, signal: NamedSignal) -> bool:
        is_wanted = signal.name not in self.settings.events_disabled

        return self.settings.events_enabled and is_wanted and not signal.is_muted

    def _send(self, signal: NamedSignal, cart: AnyCart, event: Event) -> None:
        for error in self._call(signal, cart, event):
            self.app.logger.error(
                "A receiver of %r failed; the cart was saved.",
                signal.name,
                exc_info=error,
            )

    def _call(
        self, signal: NamedSignal, cart: AnyCart, event: Event
    ) -> list[Exception]:
        """Call all receivers; what some of them raised."""
        errors: list[Exception] = []

        if not self._sends(signal):
            return errors

        # Not signal.send(): there, a receiver that raises keeps those after it from
        # being called.
        for receiver in signal.receivers_for(self.app):
            try:
                self.app.ensure_sync(receiver)(self.app, cart=cart, event=event)
            except Exception as error:
                errors.append(error)

        return errors
