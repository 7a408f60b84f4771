"""Sessions: the carts of assistants, and what is done to one as a request says."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass
from dataclasses import field

from flask import Request
from flask import url_for
from msgspec.structs import replace

from ..app.current import cart_at
from ..app.current import get_state
from ..app.identity import known_tenant
from ..app.links import address_of_link
from ..app.links import is_handed_over
from ..app.links import lasting_link
from ..app.shopper import check_choices
from ..app.shopper import find_products
from ..app.wording import RefusedError
from ..app.wording import tell_elsewhere
from ..app.wording import tell_shortage
from ..carts.adding import addition_of
from ..carts.cart import working_copy
from ..carts.merging import MAX_ROUNDS
from ..carts.replacing import note_shown
from ..carts.replacing import replace_lines
from ..model.errors import CartConflictError
from ..model.errors import CartError
from ..model.errors import CartKeyReusedError
from ..model.errors import CartReplayedError
from ..model.errors import CartStorageError
from ..model.errors import CartVetoError
from ..model.errors import InvalidItemError
from ..model.idempotency import Claim
from ..model.keys import cart_key
from ..model.lines import Line
from ..model.products import Buyable
from ..model.values import digest
from .messages import Message
from .messages import error_message
from .messages import missing
from .messages import refusal
from .messages import tell_differences
from .messages import tell_drift
from .representation import Json
from .representation import make_etag
from .representation import show_cart
from .representation import show_error
from .requests import Asked
from .requests import ProtocolError
from .requests import WantedLine

#: How long the link to a cart is good. The cart itself is deleted long before.
LINK_LASTS: t.Final = dt.timedelta(days=365)


class Outcome(t.NamedTuple):
    """What a request is answered with.

    :param etag: Names the cart in it; empty if there is none.
    """

    status: int
    body: Json
    etag: str = ""


@dataclass
class Wishes:
    """What is to be in a cart, as far as it can be.

    :param lines: By their ids.
    :param messages: What cannot be, and why.
    """

    lines: dict[str, Line] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Take a line; what comes twice is added up."""
        before = self.lines.get(line.id)
        count = line.quantity + (before.quantity if before is not None else 0)
        self.lines[line.id] = replace(line, quantity=count)


class Session:
    """The cart of an assistant.

    :param cart_id: What the assistant calls it: whoever knows it has the cart.
    """

    def __init__(self, asked: Asked, cart_id: str) -> None:
        self.asked = asked
        self.cart_id = cart_id
        # What logs and signals name must not be good for anything.
        owner = f"ucp:{digest(cart_id, 22)}"
        tenant = known_tenant(get_state().loaders.tenant)
        self.cart = cart_at(cart_key(owner, "default", tenant))

    def create(self) -> Outcome:
        """Put a cart together; none if there is nothing of it."""
        wishes = self._wishes()

        if not wishes.lines:
            return self._none(wishes.messages or [_nothing()])

        messages = self._replace(wishes, makes_cart=True)

        if not self.cart:
            return self._none(messages)

        return self._shown(messages, status=201)

    def read(self, *, is_shown: bool) -> Outcome:
        """Show it as it is.

        :param is_shown: Whether the client gets to see it.
        """
        if not self._is_there():
            return self._gone()

        messages = self._reprice()

        if is_shown:
            note_shown(working_copy(self.cart), self.asked.client)

        return self._shown(messages)

    def update(self, request: Request) -> Outcome:
        """Let there be what the assistant wants, and what others have added."""
        if not self._is_there():
            return self._gone()

        expected = None

        if "If-Match" in request.headers and not request.if_match.star_tag:
            if self.cart.version not in _versions(request):
                return self._changed()

            expected = self.cart.version

        wishes = self._wishes()

        try:
            messages = self._replace(wishes, expected=expected)
        except CartConflictError:
            self.cart.refresh()

            if not self._is_there():
                return self._gone()

            if expected is None:
                raise

            return self._changed()

        return self._shown(messages)

    def cancel(self) -> Outcome:
        """Delete it, and tell what was in it."""
        for _ in range(MAX_ROUNDS):
            if not self._is_there():
                return self._gone()

            shown = self._shown(())

            try:
                self.cart.destroy()
            except CartConflictError as error:
                # Nothing is deleted that is not told of.
                self.cart.refresh()
                conflict = error
            except CartVetoError as error:
                note_shown(working_copy(self.cart), self.asked.client)

                return self._shown([refusal(error)])
            else:
                return shown

        raise conflict

    def show_again(self, body: Json) -> None:
        """Note that an older answer is given once more."""
        quantities = {each["id"]: each["quantity"] for each in body["line_items"]}

        if self.cart.version:
            note_shown(working_copy(self.cart), self.asked.client, quantities)

    def _replace(
        self, wishes: Wishes, *, makes_cart: bool = False, expected: int | None = None
    ) -> list[Message]:
        """Make the change, once for its key; what is to be told of it."""
        asked = self.asked
        claim = Claim(f"{asked.client} {asked.key}", asked.content)
        working = working_copy(self.cart)

        try:
            replace_lines(
                working,
                asked.client,
                tuple(wishes.lines.values()),
                claim if asked.key else None,
                makes_cart=makes_cart,
                expected=expected,
            )
        except CartKeyReusedError as error:
            raise key_reused() from error
        except CartReplayedError:
            self.cart.refresh()
            note_shown(working, asked.client)
        except (CartConflictError, CartStorageError):
            raise
        except CartError as error:
            problem = refusal(error)

            if not makes_cart:
                note_shown(working, asked.client)

            return [*wishes.messages, problem]

        wanted = {e.id: (e.name, e.quantity) for e in wishes.lines.values()}

        return [*wishes.messages, *tell_differences(self.cart, wanted)]

    def _wishes(self) -> Wishes:
        """What the body wants to be in the cart."""
        lines = self.asked.wanted().line_items
        products = find_products(each.item.id for each in lines)
        wishes = Wishes()

        for each in lines:
            self._wish(each, products.get(each.item.id), wishes)

        return wishes

    def _wish(
        self, wanted: WantedLine, product: Buyable | None, wishes: Wishes
    ) -> None:
        known = self.cart.get(wanted.id or "")
        known = known if known and known.item_id == wanted.item.id else None
        found = self._line_of(wanted, product, known)

        if isinstance(found, Line):
            wishes.add(found)
            return

        wishes.messages.append(found)

        same = (each for each in self.cart if _is_like(each, wanted))
        known = known or next(same, None)

        # What is there already may stay, and become less.
        if known is not None:
            count = min(wanted.quantity, known.quantity)
            wishes.add(replace(known, quantity=count))

    def _line_of(
        self, wanted: WantedLine, product: Buyable | None, known: Line | None
    ) -> Line | Message:
        """What is wanted as a line, or why it cannot be one."""
        name = known.name if known is not None else wanted.item.id
        unit = wanted.item.quantity_unit

        if unit is not None and not unit.is_piece:
            text = tell_elsewhere("quantity_unit", name=name)
            return missing("quantity_unit_mismatch", text)

        if product is None:
            text = tell_elsewhere("item_unavailable", name=name)
            return missing("item_unavailable", text)

        options = wanted.options or (known.options if known is not None else {})

        try:
            check_choices(product, options)
        except RefusedError as error:
            said = get_state().loaders.word(error.code, str(error), error)
            return missing(error.code.replace("-", "_"), said)

        item = {"quantity": wanted.quantity, "options": options}
        addition = addition_of(working_copy(self.cart), product, item)

        if addition is None:
            text = f"{product.cart_name}: {tell_shortage(0, is_sold=False)}"
            return missing("item_unavailable", text)

        return addition.line

    def _reprice(self) -> list[Message]:
        """Take the prices of now over, and tell of what is different."""
        if get_state().services.registry.catalogue.loader is None:
            return []

        try:
            drift = self.cart.reprice("all")
        except (CartVetoError, InvalidItemError):
            # The shop does not want it, or a product has no price in this currency. The
            # line keeps its own.
            return []

        return tell_drift(self.cart, drift)

    def _is_there(self) -> bool:
        is_stored = bool(self.cart.version)

        return is_stored and self._expires_at() > get_state().services.clock()

    def _expires_at(self) -> dt.datetime:
        settings = get_state().settings
        lasts = dt.timedelta(days=settings.abandoned_after_days)

        if settings.storage == "cache":
            lasts = min(lasts, dt.timedelta(seconds=settings.cache_ttl))

        saved = working_copy(self.cart).document.updated_at

        return t.cast(dt.datetime, saved) + lasts

    def _shown(self, messages: t.Sequence[Message], *, status: int = 200) -> Outcome:
        body = show_cart(
            self.cart,
            self.asked.version,
            self.cart_id,
            messages,
            self._continue_url(),
            self._expires_at(),
        )

        return Outcome(status, body, make_etag(self.cart, body))

    def _changed(self) -> Outcome:
        """That the cart is another than the one of If-Match, and how it is."""
        note_shown(working_copy(self.cart), self.asked.client)
        text = tell_elsewhere("cart_changed")

        return self._shown([error_message("cart_changed", text)], status=412)

    def _continue_url(self) -> str:
        if not self.cart:
            return _shop()

        return address_of_link(
            lambda: lasting_link(self.cart, self.cart_id, LINK_LASTS)
        )

    def _gone(self) -> Outcome:
        """That there is no such cart, or not any more."""
        code = "handed_over" if is_handed_over(self.cart_id) else "not_found"
        message = error_message(
            "not_found", tell_elsewhere(code), severity="unrecoverable"
        )

        return self._none([message])

    def _none(self, messages: t.Sequence[Message]) -> Outcome:
        final = [
            each | {"severity": "unrecoverable"} if "severity" in each else each
            for each in messages
        ]

        return Outcome(200, show_error(self.asked.version, final, _shop()))


def _is_like(line: Line, wanted: WantedLine) -> bool:
    """Whether a line is what is wanted, also by a client that does not name it."""
    return line.item_id == wanted.item.id and line.options == (wanted.options or {})


def key_reused() -> ProtocolError:
    """That a key came with another request before."""
    return ProtocolError(
        409, "idempotency_conflict", "The key came with another request before."
    )


def _versions(request: Request) -> set[int]:
    """The versions that a request names."""
    # Proxies that compress an answer make its tag weak, which the version is not.
    tags = request.if_match.as_set(include_weak=True)
    found = ((tag or "").partition("-")[0] for tag in tags)

    return {int(each) for each in found if each.isdecimal() and len(each) < 20}


def _nothing() -> Message:
    return missing("item_unavailable", tell_elsewhere("nothing"))


def _shop() -> str:
    """Where a shopper begins."""
    return url_for("cart.show", _external=True)
