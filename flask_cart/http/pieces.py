"""Pieces: the parts of a page that are not sent again to a browser that has them."""

from __future__ import annotations

import hashlib
import re
import typing as t

from flask import request
from markupsafe import Markup

#: What a page says it has: the digests of its pieces, or a star if it needs none.
HEADER: t.Final = "Cart-Pieces"

#: The tag that a piece begins with, which is known by its id.
_opening = re.compile(r'\s*<(\w+)(?=[^>]* id="([^"]+)")')

#: What is another one every time it is rendered.
_one_time = re.compile(r'(name="(?:cart_key|csrf_token)" value=")[^"]*')


def send_once(html: str) -> Markup:
    """A part of a page; if the browser has it, only its place."""
    opening = _opening.match(html)

    if opening is None:
        return Markup(html)

    tag, name = opening.groups()
    digest = hashlib.sha256(_one_time.sub(r"\1", html).encode()).hexdigest()[:8]

    if digest in _known() or needs_no_piece():
        return Markup(f'<{tag} id="{name}" data-hx-preserve></{tag}>')

    return Markup(f'{opening[0]} data-piece="{digest}"{html[opening.end() :]}')


def needs_no_piece() -> bool:
    """Whether the page that asks does not show the cart, only what it comes to."""
    return "*" in _known()


def _known() -> list[str]:
    return request.headers.get(HEADER, "").split()
