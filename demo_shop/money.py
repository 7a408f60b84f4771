"""Money in the database is a whole number of cents; everywhere else it is `Money`."""

from decimal import Decimal

from moneyed import EUR
from moneyed import Money


def euros(cents: int) -> Money:
    """Turn a stored number of cents into money."""
    return Money(Decimal(cents).scaleb(-2), EUR)


def cents(money: Money) -> int:
    """Turn money into the number of cents that is stored."""
    return money.get_amount_in_sub_unit()
