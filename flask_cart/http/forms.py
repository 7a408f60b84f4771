"""Forms: what those of a page have in common, which is found out once for all."""

from __future__ import annotations

import secrets
import typing as t

from flask import has_request_context
from flask import request
from flask import url_for
from jinja2 import Environment
from jinja2 import pass_environment
from markupsafe import Markup

from ..app.language import phrases
from ..app.language import sentences
from ..pricing.totals import LineTotals
from .answers import NAME
from .answers import NEXT_FIELD
from .answers import PAGE_FIELD
from .answers import asked_page
from .caching import is_for_everybody
from .preconditions import KEY_FIELD

_PAGE: t.Final = "flask_cart.page"
_TOKEN: t.Final = "flask_cart.token"
_FIELD: t.Final = Markup('\n<input type="hidden" name="{}" value="{}">')

_KEY_BYTES: t.Final = 12

#: What stands in an address for the id of a line.
_ANY: t.Final = "0" * 64


class LineForms(t.NamedTuple):
    """Where the forms of a line are sent, and what their fields and buttons say.

    :param named: What is read out behind a word that is on the button of each line.
    :param in_step: The hidden fields of the form that changes its quantity.
    :param in_ways: Those of the form with all other buttons.
    """

    to_increment: str
    to_remove: str
    to_move: str
    fewer: str
    more: str
    quantity: str
    update_quantity: str
    update: str
    remove: str
    named: str
    in_step: Markup
    in_ways: Markup


_VIEWS: t.Final = ("increment", "remove", "move")
_SAID: t.Final = sentences(
    (
        "Fewer of {name}",
        "More of {name}",
        "Quantity of {name}",
        "Update the quantity of {name}",
        "Update",
        "Remove",
        " {name}",
    )
)


def make_form_key() -> str:
    """A key for one sending of a form."""
    return secrets.token_hex(_KEY_BYTES)


def page_number() -> int:
    """Which page of a cart was asked for, or was changed."""
    if not has_request_context():
        return 1

    environ = request.environ

    if _PAGE not in environ:
        environ[_PAGE] = asked_page(request)

    return t.cast(int, environ[_PAGE])


@pass_environment
def hidden_fields(environment: Environment, next: str | None = None) -> Markup:
    """The one-time key of a form, the token of Flask-WTF, and the page to go back to.

    :param next: The path of that page, if it is none of the cart's.
    """
    # A form without a key asks first.
    if is_for_everybody():
        return _FIELD.format(NEXT_FIELD, next) if next else Markup()

    token, page = _token_and_page(environment)
    back = _FIELD.format(NEXT_FIELD, next) if next else page

    return _fields(make_form_key(), token, back)


def _token_and_page(environment: Environment) -> tuple[str, str]:
    """What the forms of a page have in common beside that they have keys."""
    environ = request.environ if has_request_context() else {}

    if _TOKEN not in environ:
        make_token: t.Any = environment.globals.get("csrf_token")
        token = _FIELD.format("csrf_token", make_token()) if make_token else ""
        number = page_number()
        page = _FIELD.format(PAGE_FIELD, number) if number > 1 else ""
        environ[_TOKEN] = token, page

    found: tuple[str, str] = environ[_TOKEN]

    return found


def _fields(key: str, token: str, back: str) -> Markup:
    return Markup(
        f'<input type="hidden" name="{KEY_FIELD}" value="{key}">{token}{back}'
    )


def _fields_of_many(environment: Environment, number: int) -> list[Markup]:
    """What so many forms of a cart's lines have, each with a key of its own."""
    if is_for_everybody():
        return [Markup()] * number

    common = _token_and_page(environment)
    # Chance is asked for once: each time takes longer than all else that is done here.
    keys = secrets.token_hex(_KEY_BYTES * number)
    size = 2 * _KEY_BYTES

    return [
        _fields(keys[start : start + size], *common)
        for start in range(0, len(keys), size)
    ]


@pass_environment
def how_sent(environment: Environment) -> Markup:
    """How a form of the cart is sent: as the attributes of it.

    Browsers would keep its one-time key when the page is reloaded, if they were allowed
    to complete it. On a page of everybody it has none: it asks first, unless scripts
    make a key for it, and ask for a token.
    """
    if not is_for_everybody():
        return Markup('method="post" autocomplete="off"')

    token = "token" if "csrf_token" in environment.globals else ""

    return Markup(f'method="get" autocomplete="off" data-everybody="{token}"')


def forms_of(
    environment: Environment, lines: t.Sequence[LineTotals], instance: str
) -> dict[str, LineForms]:
    """What the forms of lines need, by the ids of the lines."""
    addresses = [
        url_for(f"{NAME}.{view}", instance=instance, line_id=_ANY, _method="POST")
        for view in _VIEWS
    ]
    said_of = phrases(_SAID)
    fields = iter(_fields_of_many(environment, 2 * len(lines)))

    return {
        each.id: LineForms._make(
            [
                *[to.replace(_ANY, each.id) for to in addresses],
                *said_of(name=each.name),
                next(fields),
                next(fields),
            ]
        )
        for each in lines
    }
