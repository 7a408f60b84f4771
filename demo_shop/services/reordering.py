"""Put into the basket what was ordered before, and say what is different today."""

from collections import Counter
from collections.abc import Iterator

from flask_cart import AddReport
from flask_cart import CartReplayedError
from flask_cart import current_cart

from ..languages import gettext
from ..languages import listed
from ..languages import price
from ..models import Order
from .basket import label

#: Of how many things a sentence tells; a cookie has no room for hundreds.
MOST_NAMED = 5


def order_again(order: Order, key: str) -> tuple[str, list[str]]:
    """Put what was ordered into the basket, as far as it is there.

    :param key: What the form was sent with, which adds once however often it comes.
    :return: What has become of it, and what is different.
    """
    try:
        with current_cart.once(key, order.token):
            report = current_cart.add_many(
                {"product": line.sku, "quantity": line.quantity} for line in order.lines
            )
    except CartReplayedError:
        return gettext("It is in your basket already."), []

    return _outcome(report), list(_differences(order, report))


def _outcome(report: AddReport) -> str:
    if not report.added:
        return ""

    if not report.is_complete:
        return str(gettext("What there is of it is in your basket."))

    return str(gettext("The same is in your basket again."))


def _differences(order: Order, report: AddReport) -> Iterator[str]:
    """Sentences, each about all the lines of which it is true."""
    names = {line.sku: label(line.name, line.options) for line in order.lines}
    asked = {line.sku: line.quantity for line in order.lines}
    added = {line.item_id: line for line in report.added}
    short = Counter({line.item_id: line.quantity for line in report.short})

    if gone := [names[str(item["product"])] for item in report.gone]:
        yield gettext("We don't sell this any more: %(things)s.", things=_listed(gone))

    if none := [names[sku] for sku in short if sku not in added]:
        yield gettext("No more to be had today: %(things)s.", things=_listed(none))

    if fewer := [
        f"{names[sku]} ({added[sku].quantity}/{asked[sku]})"
        for sku in short
        if sku in added
    ]:
        yield gettext("Not as many as then: %(things)s.", things=_listed(fewer))

    if other := [
        f"{names[line.sku]} ({price(line.unit_price)} → {price(now)})"
        for line in order.lines
        if line.sku in added and (now := added[line.sku].price) != line.unit_price
    ]:
        yield gettext("Another price than then: %(things)s.", things=_listed(other))


def _listed(names: list[str]) -> str:
    return listed(names, MOST_NAMED)
