"""Signals: what an app can listen to.

Each is sent with the app as the sender and the keywords ``cart`` and ``event``, after
the change is saved and in the order in which things happened; ``cart_updated`` comes
last, once per saved version. Only ``before_change``, ``cart_abandoned`` and
``reminder_due`` are sent earlier: a receiver that raises there keeps the change from
being saved, the cart from being deleted, or the reminder from being the only one.

Receivers that raise are logged, and keep nobody else from being called.
"""

from __future__ import annotations

import typing as t

from blinker import Namespace

#: All of them, by name.
ALL: t.Final = Namespace()

#: A cart was saved for the first time.
cart_created = ALL.signal("cart_created")
#: A line that was not there before; ``event.line``.
item_added = ALL.signal("item_added")
#: A line changed; ``event.line``, ``event.previous``, ``event.quantity_delta``.
item_updated = ALL.signal("item_updated")
#: A line is gone; ``event.line``.
item_removed = ALL.signal("item_removed")
#: The cart has a new condition; ``event.condition``.
condition_added = ALL.signal("condition_added")
#: A condition of the cart is gone; ``event.condition``.
condition_removed = ALL.signal("condition_removed")
#: A line has a new condition; ``event.line``, ``event.condition``.
item_condition_added = ALL.signal("item_condition_added")
#: A condition of a line is gone; ``event.line``, ``event.condition``.
item_condition_removed = ALL.signal("item_condition_removed")
#: A metadata key has a new value; ``event.key``, ``event.value``.
metadata_added = ALL.signal("metadata_added")
#: A metadata key is gone; ``event.key``, ``event.value``.
metadata_removed = ALL.signal("metadata_removed")
#: The cart has a new coupon; ``event.code``.
coupon_added = ALL.signal("coupon_added")
#: A coupon is gone; ``event.code``.
coupon_removed = ALL.signal("coupon_removed")
#: Another shipping method was chosen, or none; ``event.method``.
shipping_chosen = ALL.signal("shipping_chosen")
#: All amounts are in another currency; ``event.currency``,
#: ``event.previous_currency``.
currency_changed = ALL.signal("currency_changed")
#: The cart was emptied; ``event.lines``, ``event.conditions``, ``event.metadata``,
#: ``event.coupons``, ``event.shipping``.
cart_cleared = ALL.signal("cart_cleared")
#: The cart was deleted; ``event.lines``.
cart_destroyed = ALL.signal("cart_destroyed")
#: The cart is about to be deleted, for it was not touched for long; ``event.kind``,
#: ``event.lines``, ``event.last_changed``. Raise ``CartVetoError`` to keep it.
cart_abandoned = ALL.signal("cart_abandoned")
#: It is time to remind somebody of the cart, once; ``event.kind``, ``event.lines``,
#: ``event.last_changed``. Whoever raises is asked again.
reminder_due = ALL.signal("reminder_due")
#: Another cart was merged into this one; ``event.source``, ``event.lines``,
#: ``event.left_out``.
cart_merged = ALL.signal("cart_merged")
#: Another cart was not merged, as it is in another currency; ``event.source``,
#: ``event.currency``, ``event.lines``.
cart_not_merged = ALL.signal("cart_not_merged")
#: A line has come from another cart; ``event.line``, ``event.source``.
item_moved = ALL.signal("item_moved")
#: An order was begun and is not made yet; ``event.order_token``, ``event.lines``.
checkout_started = ALL.signal("checkout_started")
#: What was begun is given up; ``event.order_token``, ``event.lines``.
checkout_cancelled = ALL.signal("checkout_cancelled")
#: The cart was sold; ``event.order_token``, ``event.lines``.
cart_checked_out = ALL.signal("cart_checked_out")
#: A change is about to be saved; ``event.events``. Raise ``CartVetoError`` to refuse.
before_change = ALL.signal("before_change")
#: A version was saved or the cart deleted; ``event.events``, ``event.reason``.
cart_updated = ALL.signal("cart_updated")


def names() -> frozenset[str]:
    """The names of all signals."""
    return frozenset(ALL)


def connect_to_all(receiver: t.Callable[..., None]) -> None:
    """Let a receiver hear of all events, those of all apps; of each of them once."""
    for signal in ALL.values():
        if signal not in (before_change, cart_updated):
            signal.connect(receiver)
