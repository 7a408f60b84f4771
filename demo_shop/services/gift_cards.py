"""Gift cards: a code is noted in the basket, and pays what there is on the card.

A card is tender: it changes neither the prices nor the VAT in them. Nothing is taken
from it before there is an order, and then together with it.
"""

from collections.abc import Iterator

from moneyed import Money
from sqlalchemy import select
from sqlalchemy import update

from flask_cart import Adjustment
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import OrderDraft
from flask_cart import current_cart
from flask_cart.pricing.presets import gift_card

from ..extensions import cart_ext
from ..extensions import db
from ..languages import gettext
from ..languages import price
from ..models import GiftCard
from ..models import Order
from ..money import HOME
from ..money import cents

LONGEST_CODE = 40

#: The key of the basket's metadata, which only the shop can set.
_NOTED = "gift_card"


class CardRefusedError(Exception):
    """Raised with a sentence for the shopper when a card pays something else."""


@cart_ext.condition_provider
def pay_with_card(facts: Facts) -> Iterator[Condition]:
    """Let the card that is noted in a basket pay what it can."""
    card = find_card(facts.metadata.get(_NOTED))

    if card is not None:
        yield gift_card(
            gettext("Gift card %(code)s", code=card.code),
            card.balance.amount,
            currency=HOME,
        )


def find_card(text: object) -> GiftCard | None:
    """The card of a code, however it is written."""
    if not isinstance(text, str) or not text.isascii():
        return None

    code = "".join(text.split()).upper()[: LONGEST_CODE + 1]

    return db.session.scalar(select(GiftCard).where(GiftCard.code == code))


def note_card(text: str) -> str:
    """Let a card pay for the basket; why it can't, or an empty string."""
    card = find_card(text)

    if not current_cart:
        return gettext("Put something in your basket first, then the card.")

    if card is None:
        return gettext("That isn't one of our gift cards. Is there a typing error?")

    if not card.balance_cents:
        return gettext("Nothing is left on the gift card %(code)s.", code=card.code)

    if current_cart.currency != HOME:
        return gettext(
            "Our gift cards are in euros, and your basket is not. Choose euros first,"
            " below the page."
        )

    current_cart.metadata[_NOTED] = card.code

    return ""


def forget_card() -> None:
    """Let no card pay; nothing happens if none was to."""
    current_cart.metadata.pop(_NOTED, None)


def read_card() -> Adjustment | None:
    """What the card in the basket pays now, and what is left on it then."""
    return next(iter(current_cart.totals.tenders), None)


def cards_to_try() -> list[GiftCard]:
    """Those with something on them; a real shop would not hang them out."""
    return list(
        db.session.scalars(
            select(GiftCard).where(GiftCard.balance_cents > 0).order_by(GiftCard.id)
        )
    )


def check_due(draft: OrderDraft, due: Money) -> None:
    """Sell only what the shopper pays what was shown for.

    :raises CardRefusedError: If the card pays more or less by now.
    """
    if draft.totals.due != due:
        raise CardRefusedError(
            gettext("There is something else on your gift card by now.")
        )


def spend(order: Order, draft: OrderDraft) -> None:
    """Take from the card what it pays, in the order's transaction.

    :raises CardRefusedError: If that was spent meanwhile.
    """
    code = draft.metadata.get(_NOTED, "")

    for tender in draft.totals.tenders:
        if tender.amount:
            _take(order, code, -tender.amount)


def _take(order: Order, code: str, amount: Money) -> None:
    # It decides and takes in one statement: of two who come at once, the other one
    # waits for this row, and then finds what the first has left.
    connection = db.session.connection()
    taken = connection.execute(
        update(GiftCard)
        .where(GiftCard.code == code, GiftCard.balance_cents >= cents(amount))
        .values(balance_cents=GiftCard.balance_cents - cents(amount))
    )

    if taken.rowcount != 1:
        raise CardRefusedError(
            gettext(
                "There is less than %(price)s on the gift card %(code)s by now.",
                price=price(amount),
                code=code,
            )
        )

    left = select(GiftCard.balance_cents).where(GiftCard.code == code)
    order.card_code = code
    order.card_cents = cents(amount)
    order.card_left_cents = connection.scalar(left) or 0
