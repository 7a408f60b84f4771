"""Messages: what is told of a cart beside what is in it."""

from __future__ import annotations

import typing as t

from ..app.current import get_state
from ..app.language import show_money
from ..app.wording import describe
from ..app.wording import tell_elsewhere
from ..app.wording import tell_shortage
from ..carts.cart import Cart
from ..carts.repricing import Drift
from ..model.errors import CartError

Message = dict[str, str]

#: How many of each line a client wants, with the names, by the ids of the lines.
Wanted = t.Mapping[str, tuple[str, int]]

_LINES: t.Final = "$.line_items"


def error_message(
    code: str, content: str, path: str = "", severity: str = "recoverable"
) -> Message:
    """Something that was not done."""
    message = {"type": "error", "code": code, "content": content, "severity": severity}

    return message | {"path": path} if path else message


def missing(code: str, content: str) -> Message:
    """Something that is not among the lines."""
    return error_message(code, content, _LINES)


def refusal(error: CartError) -> Message:
    """Why nothing was done; what is no client's business is raised."""
    problem = describe(error)

    if problem is None or problem.code.status >= 500:
        raise error

    said = get_state().loaders.word(problem.code, problem.detail, error)

    return error_message(problem.code.replace("-", "_"), said, _LINES)


def tell_differences(cart: Cart, wanted: Wanted) -> list[Message]:
    """What is otherwise in a cart than a client wants."""
    there = {line.id: line.quantity for line in cart.lines}
    messages = [
        missing("out_of_stock", f"{name}: {tell_shortage(0, is_sold=True)}")
        for line_id, (name, _) in wanted.items()
        if line_id not in there
    ]

    for place, line in enumerate(cart.lines):
        path = f"{_LINES}[{place}]"
        _, count = wanted.get(line.id, ("", 0))

        if count > line.quantity:
            text = f"{line.name}: {tell_shortage(line.quantity, is_sold=True)}"
            messages.append(_told("warning", "quantity_adjusted", text, path))
        elif count < line.quantity:
            code = "changed_elsewhere" if count else "added_elsewhere"
            text = tell_elsewhere(code, name=line.name, count=line.quantity)
            messages.append(_told("info", code, text, path))

    return messages


def tell_drift(cart: Cart, drift: Drift) -> list[Message]:
    """What has become of prices and stock since it came into a cart."""
    places = {line.id: place for place, line in enumerate(cart.lines)}
    messages = []

    for each in drift:
        path = f"{_LINES}[{places[each.line.id]}]"

        if each.new_price is None:
            text = tell_elsewhere("item_unavailable", name=each.name)
            messages.append(error_message("item_unavailable", text, path))
            continue

        if each.new_price != each.old_price:
            price = show_money(each.new_price)
            text = tell_elsewhere("price_changed", name=each.name, price=price)
            messages.append(_told("warning", "price_changed", text, path))

        if each.objection is not None and each.objection.term == "available":
            left = tell_shortage(each.objection.limit, is_sold=True)
            text = f"{each.name}: {left}"
            messages.append(error_message("out_of_stock", text, path))

    return messages


def _told(kind: str, code: str, content: str, path: str) -> Message:
    return {"type": kind, "code": code, "content": content, "path": path}
