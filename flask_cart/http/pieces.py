"""Pieces: the parts of a page that are not sent again to a browser that has them."""

from __future__ import annotations

import hashlib
import re
import typing as t

from flask import request
from markupsafe import Markup

#: The header ``Cart-Pieces``, with which a page says what it has: the digests of its
#: pieces, or a star if it needs none.
HEADER: t.Final = "HTTP_CART_PIECES"

#: The tag that a piece begins with, which is known by its id.
_opening = re.compile(r'\s*<(\w+)(?=[^>]* id="([^"]+)")')

#: What is another one every time it is rendered. It begins with letters: a pattern that
#: looks back is tried at each place of a text, which took longer than to render it.
_one_time = re.compile(r'name="(?:cart_key|csrf_token)" value="[^"]*')


def send_once(html: str) -> Markup:
    """A part of a page; if the browser has it, only its place."""
    # What is known to be safe would look at each part of it again.
    text = str(html)
    opening = _opening.match(text)

    if opening is None:
        return Markup(text)

    tag, name = opening.groups()
    digest = hashlib.sha256(_one_time.sub("", text).encode()).hexdigest()[:8]
    known = _known()

    if digest in known or "*" in known:
        return Markup(f'<{tag} id="{name}" data-hx-preserve></{tag}>')

    return Markup(f'{opening[0]} data-piece="{digest}"{text[opening.end() :]}')


def needs_no_piece() -> bool:
    """Whether the page that asks does not show the cart, only what it comes to."""
    return "*" in _known()


def _known() -> list[str]:
    known: str = request.environ.get(HEADER, "")

    return known.split()
