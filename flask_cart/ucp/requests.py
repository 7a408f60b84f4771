"""Requests: who asks, in which version of the protocol, and for what."""

from __future__ import annotations

import hashlib
import re
import typing as t
from urllib.parse import urlsplit

import msgspec
from flask import Request

from ..app.current import get_state
from ..app.identity import known_tenant
from ..model.products import Chosen
from ..model.values import check_text
from ..model.values import digest

#: The versions that are served, the newest first.
VERSIONS: t.Final = ("2026-08-25", "2026-04-08")

#: Bytes of a body, and the lines in it.
MAX_BODY: t.Final = 65_536
MAX_LINES: t.Final = 100

_profile: t.Final = re.compile(r'(?:^|[,;\s])profile="([^"\\]*)"')

#: By the piece, as the standard writes it.
_EACH: t.Final = "C62"

_Id = t.Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class ProtocolError(Exception):
    """A request that is answered by its status.

    :param code: What is the matter, as the standard calls it.
    """

    def __init__(self, status: int, code: str, content: str) -> None:
        super().__init__(content)

        self.status = status
        self.code = code
        self.content = content


class Unit(msgspec.Struct, frozen=True):
    """What a quantity is counted in."""

    unit: str
    scale: int = 0

    @property
    def is_piece(self) -> bool:
        """Whether it is what everything is sold in."""
        return self.unit == _EACH and not self.scale


class WantedItem(msgspec.Struct, frozen=True):
    """A product by its id."""

    id: _Id
    quantity_unit: Unit | None = None

    def __post_init__(self) -> None:
        # Databases may refuse to look for what no product can be called.
        check_text(self.id, "The item")


class WantedLine(msgspec.Struct, frozen=True):
    """A line that is to be in a cart.

    :param id: That of the line, if it is known.
    :param options: What was chosen, where a product has options. It is ours: in the
        standard each variant is an item.
    """

    item: WantedItem
    quantity: t.Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    id: str | None = None
    options: dict[_Id, Chosen] | None = None


class WantedCart(msgspec.Struct, frozen=True):
    """All that is to be in a cart. What else there may be is nothing to it."""

    line_items: t.Annotated[tuple[WantedLine, ...], msgspec.Meta(max_length=MAX_LINES)]


#: It has to be learned before there is a second thread.
_decoder: t.Final = msgspec.json.Decoder(WantedCart)


class Asked(t.NamedTuple):
    """A request.

    :param version: Of the protocol.
    :param client: Identifies who asks.
    :param key: What the client has made up for a change.
    :param content: Identifies what is asked for.
    :param body: What came with it.
    """

    version: str
    client: str
    key: str
    content: str
    body: bytes

    def wanted(self) -> WantedCart:
        """What is to be in the cart.

        :raises ProtocolError: If the body does not say.
        """
        try:
            return _decoder.decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise ProtocolError(400, "invalid_request", f"{error}.") from error


def read_asked(request: Request, version: str) -> Asked:
    """Read who asks for what.

    :raises ProtocolError: If it does not say, or cannot be served.
    """
    if version not in VERSIONS:
        served = " and ".join(VERSIONS)
        raise ProtocolError(
            422, "version_unsupported", f"{version:.40} is not served: {served} are."
        )

    if profile_in(request) is None:
        raise ProtocolError(
            400,
            "invalid_profile_url",
            'Send your profile with each request: UCP-Agent: profile="https://...".',
        )

    key = request.headers.get("Idempotency-Key", "").strip(' "')

    if len(key) > 255 or not key.isascii() or (key and not key.isprintable()):
        raise ProtocolError(
            400,
            "invalid_request",
            "An Idempotency-Key has 1 to 255 printable ASCII characters.",
        )

    body = _read_body(request)
    what = f"{request.method} {request.path} ".encode() + body

    return Asked(
        version, _client_of(request), key, hashlib.sha256(what).hexdigest(), body
    )


def _client_of(request: Request) -> str:
    """Identifies who asks, and in which shop of the app: a key is good in one."""
    tenant = known_tenant(get_state().loaders.tenant) or ""

    return digest(f"{tenant}\n{request.headers['UCP-Agent']}", 16)


def profile_in(request: Request) -> str | None:
    """The address of the profile that a request names, if it is one."""
    found = _profile.search(request.headers.get("UCP-Agent", ""))

    return found[1] if found is not None and _is_address(found[1]) else None


def _read_body(request: Request) -> bytes:
    # Werkzeug cuts what has no length, and says nothing. So it may read one byte more.
    request.max_content_length = MAX_BODY + 1
    is_long = (request.content_length or 0) > MAX_BODY
    body = b"" if is_long else request.get_data()

    if is_long or len(body) > MAX_BODY:
        raise ProtocolError(413, "invalid_request", f"A body has {MAX_BODY} bytes.")

    return body


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False

    return parts.scheme == "https" and bool(parts.hostname) and text.isprintable()
