"""Guards: what keeps other sites from acting in a shopper's name."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request
from werkzeug.exceptions import Forbidden

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def refuse_other_sites(request: Request) -> None:
    """Refuse a change that a page of another site has sent.

    Browsers say where a request comes from, and no page can make them say something
    else. Who says nothing is not a browser, and has no cookies to misuse.

    :raises Forbidden: If it comes from elsewhere.
    """
    if request.method in _SAFE_METHODS:
        return

    origin = request.headers.get("Origin")

    # Some proxies take TLS off and do not say so, therefore only the host.
    if origin is not None and _host(origin) == request.host.lower():
        return

    site = request.headers.get("Sec-Fetch-Site")

    if site in ("same-origin", "none") or (site is None and origin is None):
        return

    raise Forbidden("The request came from another site.")


def safe_path(target: str | None) -> str | None:
    """Give the target of a redirect back if it is a path of this site."""
    if not target or not target.startswith("/") or not target.isprintable():
        return None

    # Browsers read a backslash as a slash, and two slashes as the start of a host.
    if "\\" in target or target.startswith("//"):
        return None

    return target


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
