"""Guards: what keeps other sites from acting in a shopper's name."""

from __future__ import annotations

import typing as t
from urllib.parse import quote
from urllib.parse import urlsplit

from flask import Request
from flask import request
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import Forbidden
from werkzeug.exceptions import LengthRequired
from werkzeug.exceptions import RequestEntityTooLarge

from ..app.current import get_state
from ..app.language import gettext

#: Bytes of a body; a change of a cart is small.
MAX_BODY: t.Final = 65_536

_ASCII: t.Final = bytes(range(128)).decode()

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

#: What ``Sec-Fetch-Site`` says of the shop's own pages, and of the shopper's own doing.
_OWN_SITES: t.Final = {"none", "same-origin"}


def read_body(request: Request) -> None:
    """Read the body of a change, and no more than one can need.

    :raises BadRequest: If it is cut.
    :raises LengthRequired: If there is one that cannot be read without.
    :raises RequestEntityTooLarge: If there is more.
    """
    if request.method in _SAFE_METHODS:
        return

    if _is_unreadable(request):
        raise LengthRequired("Send the body with a Content-Length.")

    most = min(request.max_content_length or MAX_BODY, MAX_BODY)
    # Werkzeug cuts what has no length, and says nothing. So it may read one byte more.
    request.max_content_length = most + 1

    announced = request.content_length or 0

    if announced > most or len(request.get_data()) > most:
        raise RequestEntityTooLarge(f"A request has at most {most} bytes.")

    # Some servers say that it ends where the connection was cut.
    if len(request.get_data()) < announced:
        raise BadRequest("The body is shorter than its Content-Length.")


def quote_query() -> None:
    """Quote the bytes of a query that are not ASCII, as browsers do.

    Werkzeug fails to read those that are not UTF-8 either.
    """
    if not request.query_string.isascii():
        request.query_string = quote(request.query_string, safe=_ASCII).encode()


def refuse_other_sites(request: Request) -> None:
    """Refuse a change that a page of another site has sent.

    Browsers say where a request comes from, and no page can make them say something
    else. Who says nothing is not a browser, and has no cookies to misuse.

    :raises Forbidden: If it comes from elsewhere.
    """
    if request.method in _SAFE_METHODS or _is_trusted(request):
        return

    if not _is_own(request):
        raise Forbidden(gettext("The request came from another site."))


def safe_path(target: str | None) -> str | None:
    """Give the target of a redirect back if it is a path of this site."""
    if not target or not target.startswith("/") or not target.isprintable():
        return None

    # Browsers read a backslash as a slash, and two slashes as the start of a host.
    if "\\" in target or target.startswith("//"):
        return None

    return target


def _is_unreadable(request: Request) -> bool:
    """Whether there is a body of which nobody would know where it ends."""
    environ = request.environ

    if request.content_length or "wsgi.input_terminated" in environ:
        return False

    # For Werkzeug, a length that is no number is 0, as is one that some servers leave
    # empty. HTTP/2 has bodies without a length, and no header for them.
    length = environ.get("CONTENT_LENGTH") or ""
    is_new = not environ.get("SERVER_PROTOCOL", "HTTP/1").startswith("HTTP/1")

    if "Transfer-Encoding" in request.headers:
        return True

    return not length.isdecimal() if length else bool(is_new and request.mimetype)


def _is_trusted(request: Request) -> bool:
    origin = request.headers.get("Origin", "").lower()

    return origin in get_state().settings.trusted_origins


def _is_own(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")

    # It knows the scheme as well, so it is asked first.
    if site is not None:
        return site in _OWN_SITES

    origin = request.headers.get("Origin")

    # Some proxies take TLS off and do not say so, therefore only the host.
    return origin is None or _host(origin) == _own_host(request)


def _own_host(request: Request) -> str:
    # Werkzeug has no host where the name is not one of DNS, such as "my_shop".
    host = request.host or request.headers.get("Host", "")

    # An origin may have none either, which is not the same one.
    return host.lower() or "?"


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
