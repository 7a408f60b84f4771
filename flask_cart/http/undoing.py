"""Undoing: what the next page offers to put back, with one click."""

from __future__ import annotations

import typing as t

from flask import session
from flask import url_for

from ..app.language import gettext
from ..app.language import ngettext
from ..app.shopper import offered_again
from ..app.wording import Done
from ..carts.cart import Cart
from ..carts.cart import working_copy
from ..model.lines import Line
from .answers import NAME

#: The key in Flask's session of what can be undone.
_KEY: t.Final = "_cart_undo"


class Undo(t.NamedTuple):
    """What the last change can be undone with.

    :param name: What it puts back.
    :param address: Where its form is sent to.
    :param fields: What is in the form.
    :param instance: The cart whose page it was done on.
    """

    name: str
    address: str
    fields: dict[str, str]
    instance: str


def offer_undo(cart: Cart, instance: str, done: Done) -> None:
    """Let the next page offer to put back what a change has taken away."""
    line = done.about
    kept: dict[str, t.Any] = {"view": "", "instance": instance, "on": instance}

    if done.code == "cleared":
        cleared = working_copy(cart).document.cleared

        if cleared:
            kept |= {"view": "restore_all", "name": _names(cleared.lines)}
    elif not isinstance(line, Line):
        pass
    elif done.code == "removed":
        if line.id in {each.id for each in offered_again(cart)}:
            kept |= {"view": "restore", "line": line.id, "name": line.name}
    elif done.code == "moved":
        fields = {"to": instance, "quantity": done.params["quantity"]}
        there = {"view": "move", "instance": done.params["to"], "fields": fields}
        kept |= there | {"line": line.id, "name": line.name}

    if kept["view"]:
        session[_KEY] = kept


def take_undo() -> Undo | None:
    """What can be undone, which is offered once."""
    kept = session.pop(_KEY, None)

    if kept is None:
        return None

    line = {"line_id": kept["line"]} if "line" in kept else {}
    address = url_for(f"{NAME}.{kept['view']}", instance=kept["instance"], **line)

    return Undo(kept["name"], address, kept.get("fields", {}), kept["on"])


def _names(lines: t.Sequence[Line]) -> str:
    """What lines are called, in a few words."""
    names = [each.name for each in lines] or [gettext("everything")]

    if len(names) == 1:
        return names[0]

    if len(names) == 2:
        return gettext("{name} and {other}", name=names[0], other=names[1])

    more = len(names) - 1

    return ngettext(
        "{name} and {number} more", "{name} and {number} more", more, name=names[0]
    )
