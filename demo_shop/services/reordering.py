"""Put into the basket what was ordered before, and say what is different today."""

from collections import Counter
from collections.abc import Iterator

from flask_cart import AddReport
from flask_cart import CartReplayedError
from flask_cart import current_cart
from flask_cart.model.money import format_money

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
        return "It is in your basket already.", []

    if not report.added:
        return "", list(_differences(order, report))

    if report.is_complete:
        return "The same is in your basket again.", list(_differences(order, report))

    return "What there is of it is in your basket.", list(_differences(order, report))


def _differences(order: Order, report: AddReport) -> Iterator[str]:
    """Sentences, each about all the lines of which it is true."""
    names = {line.sku: label(line.name, line.options) for line in order.lines}
    asked = {line.sku: line.quantity for line in order.lines}
    added = {line.item_id: line for line in report.added}
    short = Counter({line.item_id: line.quantity for line in report.short})

    if gone := [names[str(item["product"])] for item in report.gone]:
        yield f"We don't sell this any more: {_listed(gone)}."

    if none := [names[sku] for sku in short if sku not in added]:
        yield f"No more to be had today: {_listed(none)}."

    if fewer := [
        f"{added[sku].quantity} of {asked[sku]} × {names[sku]}"
        for sku in short
        if sku in added
    ]:
        yield f"Not as many as then: {_listed(fewer)}."

    if other := [
        f"{names[line.sku]}, {format_money(price)} and not"
        f" {format_money(line.unit_price)}"
        for line in order.lines
        if line.sku in added and (price := added[line.sku].price) != line.unit_price
    ]:
        yield f"Another price than then: {_listed(other)}."


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED

    return "; ".join(names[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
