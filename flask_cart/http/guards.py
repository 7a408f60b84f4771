"""Guards: what keeps other sites from acting in a shopper's name."""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from flask import Request
from werkzeug.exceptions import Forbidden
from werkzeug.exceptions import RequestEntityTooLarge

#: Bytes of a body; a change of a cart is small.
MAX_BODY: t.Final = 65_536

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

#: What ``Sec-Fetch-Site`` says of the shop's own pages, and of the shopper's own doing.
_OWN_SITES: t.Final = {"none", "same-origin"}


def refuse_large_bodies(request: Request) -> None:
    """Read no more of a request than a change of a cart can need.

    :raises RequestEntityTooLarge: If it says itself that there is more.
    """
    request.max_content_length = MAX_BODY

    # It may have been read already, to see if a form has a token against forgery.
    if request.method not in _SAFE_METHODS and (request.content_length or 0) > MAX_BODY:
        raise RequestEntityTooLarge(f"A request has at most {MAX_BODY} bytes.")


def refuse_other_sites(request: Request) -> None:
    """Refuse a change that a page of another site has sent.

    Browsers say where a request comes from, and no page can make them say something
    else. Who says nothing is not a browser, and has no cookies to misuse.

    :raises Forbidden: If it comes from elsewhere.
    """
    if request.method not in _SAFE_METHODS and not _is_own(request):
        raise Forbidden("The request came from another site.")


def safe_path(target: str | None) -> str | None:
    """Give the target of a redirect back if it is a path of this site."""
    if not target or not target.startswith("/") or not target.isprintable():
        return None

    # Browsers read a backslash as a slash, and two slashes as the start of a host.
    if "\\" in target or target.startswith("//"):
        return None

    return target


def _is_own(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")

    # It knows the scheme as well, so it is asked first.
    if site is not None:
        return site in _OWN_SITES

    origin = request.headers.get("Origin")

    # Some proxies take TLS off and do not say so, therefore only the host.
    return origin is None or _host(origin) == request.host.lower()


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
