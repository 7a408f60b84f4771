"""The document: the whole content of one cart, as one immutable value."""

from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal
from operator import attrgetter

import msgspec
from moneyed import CURRENCIES
from msgspec.structs import replace

from .conditions import Condition
from .errors import CartCorruptError
from .errors import InvalidConditionError
from .errors import InvalidItemError
from .keys import CartKey
from .lines import Line
from .lines import check_quantity
from .values import EMPTY
from .values import FrozenDict
from .values import check_text
from .values import freeze_dict

#: The number of the stored format. It grows whenever an older version could not read
#: a document that this one writes.
SCHEMA: t.Final = 1

Upgraders = t.Mapping[int, t.Callable[[dict[str, t.Any]], dict[str, t.Any]]]

#: How many orders a cart remembers that were begun.
MAX_PENDING: t.Final = 5

#: What turns a stored document of a schema into one of the next.
UPGRADERS: t.Final[Upgraders] = {}


class PendingOrder(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """An order that was begun of what was in the cart.

    What is ordered is in a note of its own, which is found by the token.

    :param token: Identifies the order.
    :param started_at: When it was begun.
    :param content: Identifies all that was in the cart then.
    :param was_emptied: Whether the cart was emptied since, so that nothing of what is
        in it belongs to this order.
    """

    token: str
    started_at: dt.datetime
    content: str
    was_emptied: bool = False

    def __post_init__(self) -> None:
        check_text(self.token, "The token of an order")


class OrderNote(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    omit_defaults=True,
):
    """What was in a cart when an order for it was begun, and what it cost.

    :param token: Identifies the order.
    :param started_at: When it was begun.
    :param content: Identifies all that was in the cart then.
    :param currency: What it costs that in.
    :param lines: The lines, with those of their conditions that applied.
    :param conditions: The conditions of the cart that applied. Like those of the lines,
        they have nothing to ask any more: what it costs is what it cost then.
    :param provided: The conditions of providers that applied, alike.
    :param asked: The cart's own conditions that had something to ask or did not apply,
        as they were.
    :param metadata: The cart's metadata.
    :param coupons: The codes of the cart's coupons.
    :param shipping: The name of the shipping method that was chosen.
    :param is_begun: Whether it can be ordered whatever becomes of the cart, because it
        may be paid. Else it is what was in the cart when somebody tried to order it.
    :param carts: Where what is ordered has been since, the last one last: carts are
        merged into others, and given away.
    """

    token: str
    started_at: dt.datetime
    content: str
    currency: str
    lines: tuple[Line, ...]
    conditions: tuple[Condition, ...] = ()
    provided: tuple[Condition, ...] = ()
    asked: tuple[Condition, ...] = ()
    metadata: dict[str, t.Any] = EMPTY
    coupons: tuple[str, ...] = ()
    shipping: str | None = None
    is_begun: bool = False
    carts: tuple[CartKey, ...] = ()

    def __post_init__(self) -> None:
        frozen = freeze_dict(self.metadata, "The metadata")
        msgspec.structs.force_setattr(self, "metadata", frozen)

    @property
    def pending(self) -> PendingOrder:
        """What the cart has of it."""
        return PendingOrder(self.token, self.started_at, self.content)

    def in_cart(self, key: CartKey) -> OrderNote:
        """The note, when what is ordered has come into another cart."""
        others = tuple(each for each in self.carts if each != key)

        return replace(self, carts=(*others, key))


class RemovedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line that was removed, and can be put back.

    :param place: Its place among all lines, those that were removed included.
    :param to: The cart that it was moved to, and comes back from.
    """

    line: Line
    place: t.Annotated[int, msgspec.Meta(ge=0)]
    to: str | msgspec.UnsetType = msgspec.UNSET


class Cleared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was in a cart that was emptied, and can be put back."""

    lines: tuple[Line, ...] = ()
    conditions: tuple[Condition, ...] = ()
    metadata: dict[str, t.Any] = EMPTY
    coupons: tuple[str, ...] = ()
    shipping: str | None = None


class MergedCart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cart that was merged into another one.

    :param source: Identifies it.
    :param quantities: What was merged of it, by line.
    :param gained: How many more of each line this cart has since; fewer if negative.
    :param digest: Identifies all that was in it.
    """

    source: str
    quantities: dict[str, int]
    gained: dict[str, int] = EMPTY
    digest: str = ""

    def __post_init__(self) -> None:
        for line_id, quantity in self.quantities.items():
            check_quantity(quantity, at_least=0)
            check_text(line_id, "A merged line")

        for name in ("quantities", "gained"):
            frozen = FrozenDict(getattr(self, name))
            msgspec.structs.force_setattr(self, name, frozen)


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that one cart contains.

    :param schema: The number of the stored format.
    :param currency: The ISO 4217 code that all amounts are in.
    :param lines: The lines, in the order in which they were added.
    :param conditions: The conditions on the cart, in order.
    :param metadata: What the shop notes about the cart, as JSON.
    :param coupons: The codes of its coupons, in the order in which they came.
    :param shipping: The name of the shipping method that was chosen.
    :param created_at: When the cart was first saved.
    :param updated_at: When the cart was last saved.
    :param merged: The carts that were last merged into this one.
    :param pending: The last orders that were begun and not finished yet.
    :param settled: The tokens of the last ones of which what was ordered is taken out.
    :param removed: The last lines that were removed.
    :param cleared: What was in it before it was emptied, until it is changed again.
    :param shipping_price: What the chosen method cost when the shopper was last told.
    :param reminded_at: When its owner was reminded of it, since it was last changed.
    """

    schema: t.Literal[1]
    currency: str
    lines: tuple[Line, ...] = ()
    conditions: tuple[Condition, ...] = ()
    metadata: dict[str, t.Any] = EMPTY
    coupons: tuple[str, ...] = ()
    shipping: str | None = None
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    merged: tuple[MergedCart, ...] = ()
    pending: tuple[PendingOrder, ...] = ()
    settled: tuple[str, ...] = ()
    removed: tuple[RemovedLine, ...] = ()
    cleared: Cleared | msgspec.UnsetType = msgspec.UNSET
    reminded_at: dt.datetime | msgspec.UnsetType = msgspec.UNSET
    shipping_price: Decimal | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            raise ValueError(f"{self.currency!r} is not a currency.")

        if set(map(_currency, self.lines)) - {self.currency}:
            self._give_lines_the_currency()

        if len(set(map(_id, self.lines))) != len(self.lines):
            raise ValueError("Two lines have the same id.")

        if len(set(map(_name, self.conditions))) != len(self.conditions):
            raise ValueError("Two conditions have the same name.")

        if len(set(self.coupons)) != len(self.coupons):
            raise ValueError("Two coupons have the same code.")

        for code in self.coupons:
            check_text(code, "The code of a coupon")

        if self.shipping is not None:
            check_text(self.shipping, "The name of a shipping method")

        frozen = freeze_dict(self.metadata, "The metadata")
        msgspec.structs.force_setattr(self, "metadata", frozen)

    def _give_lines_the_currency(self) -> None:
        for line in self.lines:
            if line.currency not in ("", self.currency):
                raise ValueError(
                    f"A line is in {line.currency}, the cart in {self.currency}."
                )

        lines = tuple(replace(line, currency=self.currency) for line in self.lines)
        msgspec.structs.force_setattr(self, "lines", lines)

    @property
    def has_amounts(self) -> bool:
        """Whether there is anything in it that its currency is of."""
        return bool(self.lines or self.conditions)

    @property
    def restorable(self) -> list[Line]:
        """The lines that were removed and can be put back, the last one first."""
        removed = (each for each in reversed(self.removed) if not each.to)

        return [e.line for e in removed if e.line.currency == self.currency]

    def line(self, line_id: str) -> Line | None:
        """The line of this id, if there is one."""
        return next((line for line in self.lines if line.id == line_id), None)

    def condition(self, name: str) -> Condition | None:
        """The cart's condition of this name, if there is one."""
        return next((each for each in self.conditions if each.name == name), None)

    def order(self, token: str) -> PendingOrder | None:
        """The order of this token, if it was begun here and is not settled yet."""
        return next((each for each in self.pending if each.token == token), None)

    def without_order(self, token: str) -> Document:
        """The document of a cart that does not know of an order."""
        others = tuple(each for each in self.pending if each.token != token)

        return replace(self, pending=others)


def new_document(currency: str) -> Document:
    """An empty document."""
    return Document(schema=SCHEMA, currency=currency)


def noted(
    orders: t.Iterable[PendingOrder], more: t.Collection[PendingOrder]
) -> tuple[PendingOrder, ...]:
    """The last of orders and more of them, which replace those of the same token."""
    tokens = {each.token for each in more}
    others = (each for each in orders if each.token not in tokens)

    return (*others, *more)[-MAX_PENDING:]


def emptied(document: Document) -> Document:
    """The document without its content."""
    document = replace(
        document,
        conditions=(),
        metadata=FrozenDict(),
        coupons=(),
        shipping=None,
        shipping_price=msgspec.UNSET,
        removed=(),
        cleared=msgspec.UNSET,
    )

    return left_with(document, ())


def left_with(document: Document, lines: tuple[Line, ...]) -> Document:
    """The document with these lines; without any, all further ones are new."""
    pending = document.pending

    if not lines:
        pending = tuple(replace(each, was_emptied=True) for each in pending)

    return replace(document, lines=lines, pending=pending)


def encode(document: Document) -> str:
    """The document as the text that storages keep."""
    return _encoder.encode(document).decode()


def decode(data: str | bytes, upgraders: Upgraders = UPGRADERS) -> Document:
    """Read a stored document, of this schema or an older one.

    :param data: The text as it was stored.
    :param upgraders: What turns a document of a schema into one of the next.
    :raises CartCorruptError: If it is not exactly a cart's document.
    """
    try:
        return _decoded(data, upgraders)
    except _ERRORS as error:
        raise CartCorruptError(
            f"The stored text is not a cart: {error}", data
        ) from error


def is_newer(data: str | bytes) -> bool:
    """Whether a newer version has stored it, so that only that one can read it."""
    try:
        return _header_decoder.decode(data).schema > SCHEMA
    except (ValueError, RecursionError):
        return False


def _decoded(data: str | bytes, upgraders: Upgraders) -> Document:
    try:
        return _decoder.decode(data)
    except _ERRORS:
        schema = _header_decoder.decode(data).schema

        if schema == SCHEMA:
            raise

    if schema > SCHEMA:
        raise ValueError(
            f"It was written by a newer version of Flask-Cart, with schema {schema}"
            f" instead of {SCHEMA}."
        )

    return msgspec.convert(_upgraded(data, schema, upgraders), Document)


def _upgraded(data: str | bytes, schema: int, upgraders: Upgraders) -> dict[str, t.Any]:
    plain = msgspec.json.decode(data, type=dict[str, t.Any])

    for older in range(schema, SCHEMA):
        if older not in upgraders:
            raise ValueError(f"It has schema {older}, which nothing can upgrade.")

        try:
            plain = {**upgraders[older](plain), "schema": older + 1}
        except Exception as error:
            # The text is whatever somebody stored: an upgrader may stumble over
            # anything in it.
            raise ValueError(
                f"It has schema {older} and could not be upgraded: {error!r}."
            ) from error

    return plain


class _Header(msgspec.Struct):
    schema: t.Annotated[int, msgspec.Meta(lt=1_000_000)]


_ERRORS: t.Final = (
    ValueError,
    RecursionError,
    InvalidItemError,
    InvalidConditionError,
)
_currency, _id, _name = map(attrgetter, ("currency", "id", "name"))
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Document)
_header_decoder = msgspec.json.Decoder(_Header)
