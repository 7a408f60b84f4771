"""The pages of permalinks: what an address wants in the cart, and whether it may."""

from __future__ import annotations

import typing as t
from urllib.parse import urlencode

from flask import Response
from flask import after_this_request
from flask import current_app
from flask import flash
from flask import make_response
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for

from ..app.shopper import DEFAULT
from ..app.wishes import fulfil
from ..app.wishes import preview
from ..app.wording import tell_done
from ..carts.adding import Item
from ..model.errors import CartConfigError
from ..model.errors import CartError
from ..model.errors import InvalidItemError
from .answers import address_of
from .answers import back
from .guards import refuse_other_sites
from .inputs import Addition
from .inputs import Additions
from .limiting import count_request
from .links import hidden
from .links import in_words
from .links import said_of
from .permalink_urls import Permalink
from .permalink_urls import UnreadableError
from .permalink_urls import read_permalink
from .preconditions import read_claim

#: What endpoints of the blueprint begin with.
PERMALINKS: t.Final = "cart_permalinks"

_ITEMS: t.Final = "items"


def address_of_items(
    items: t.Iterable[Item], coupons: t.Iterable[str], continue_to: str | None
) -> str:
    """The address that asks to add items.

    :raises InvalidItemError: If there can be none.
    :raises CartConfigError: If there are no pages for it.
    """
    endpoint = f"{PERMALINKS}.permalink"

    if endpoint not in current_app.view_functions:
        raise CartConfigError(
            "There are no permalinks. Register the 'permalinks' of your FlaskCart."
        )

    given = list(items)
    wanted = [(e["product"], e.get("quantity", 1), e.get("options", {})) for e in given]
    link = Permalink(
        tuple((str(item), count, dict(options)) for item, count, options in wanted),
        tuple(coupons),
        continue_to,
    )

    try:
        is_same = read_permalink(link.items, link.fields.items()) == link
    except UnreadableError as error:
        raise InvalidItemError(f"There is no such address. {error}") from error

    if not is_same:
        raise InvalidItemError(
            "There is no such address: a text of it is empty or too long, there are too"
            f" many coupons, or {continue_to!r:.80} is no path of the shop."
        )

    address = url_for(endpoint, items=link.items, _external=True)

    return _with(address, link.fields)


def open_permalink(items: str = "") -> Response:
    """Lead to the page that asks. Nothing is changed: scanners open all links."""
    try:
        link = read_permalink(items, request.args.items(multi=True))
    except UnreadableError:
        target = url_for(f"{PERMALINKS}.ask")
    else:
        asked = {_ITEMS: link.items} if link.wishes else {}
        page = url_for(f"{PERMALINKS}.ask")
        is_asked = link.wishes or link.codes
        target = _with(page, asked | link.fields) if is_asked else _end_of(link)

    response = t.cast(Response, redirect(target, code=303))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"

    return response


def ask() -> Response:
    """Show what there is of what an address wants, and ask whether to add it."""
    after_this_request(hidden)
    link = _asked()
    granted = preview(link.wishes)
    page = render_template(
        "flask_cart/permalink.html",
        granted=granted,
        codes=link.codes,
        is_possible=any(each.added for each in granted)
        or bool(link.codes and not granted),
        action=request.full_path,
    )

    return make_response(page, 200 if link.wishes or link.codes else 400)


def take_permalink() -> Response:
    """Add what there is, and say what there is not."""
    after_this_request(hidden)
    refuse_other_sites(request)
    count_request()
    link = _asked()
    items = tuple(Addition(e[0], e[1], dict(e[2])) for e in link.wishes)
    claim = read_claim(request, Additions(items))

    try:
        granted, refused = fulfil(link.wishes, link.codes, claim)
    except CartError as error:
        return back(request, request.full_path, said_of(error), "error")

    missing = [f"{each.name}: {each.reason}" for each in granted if each.code]

    for each in (*missing, *refused):
        flash(each, "warning")

    if not granted or any(each.added for each in granted):
        code = "added-many"
        flash(in_words(code, tell_done(code, {})), "success")

    return t.cast(Response, redirect(_end_of(link), code=303))


def _asked() -> Permalink:
    """What the page is about; nothing if it cannot be read."""
    rest = [(k, v) for k, v in request.args.items(multi=True) if k != _ITEMS]

    try:
        return read_permalink(request.args.get(_ITEMS, ""), rest)
    except UnreadableError:
        return Permalink()


def _end_of(link: Permalink) -> str:
    """Where the shopper goes on."""
    return _with(link.target or address_of(DEFAULT), dict(link.campaign))


def _with(address: str, parameters: t.Mapping[str, str]) -> str:
    if not parameters:
        return address

    mark = "&" if "?" in address else "?"

    return f"{address}{mark}{urlencode(parameters, safe='/:,~?')}"
