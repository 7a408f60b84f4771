"""Money in the database is a whole number of cents; everywhere else it is `Money`.

Here is also the price list of the shop: what it asks in other currencies for what costs
so many euros. It is a list, and no rate of the day: prices in it are round, and change
when somebody writes another one here.
"""

from decimal import ROUND_HALF_UP
from decimal import Decimal

from moneyed import Money

#: The currency of the shop, and of what is in its tables.
HOME = "EUR"

#: What is asked for a euro, by currency. All of them have cents.
PRICE_LIST = {HOME: Decimal(1), "GBP": Decimal("0.88"), "USD": Decimal("1.15")}

#: To what prices in other currencies are rounded.
_STEP = Decimal("0.10")


def euros(cents: int) -> Money:
    """Turn a stored number of cents into money."""
    return money(cents, HOME)


def money(cents: int, currency: str) -> Money:
    """The same in another currency: it is what it was sold for."""
    return Money(Decimal(cents).scaleb(-2), currency)


def cents(money: Money) -> int:
    """Turn money into the number of cents that is stored."""
    return money.get_amount_in_sub_unit()


def asked_in(currency: str, price: Money) -> Money:
    """What the shop asks in a currency for what costs so many euros.

    What is in that currency already stays as it is.
    """
    if price.currency.code == currency:
        return price

    amount = price.amount / PRICE_LIST[price.currency.code] * PRICE_LIST[currency]
    step = Decimal("0.01") if currency == HOME else _STEP

    return Money((amount / step).quantize(Decimal(1), ROUND_HALF_UP) * step, currency)
