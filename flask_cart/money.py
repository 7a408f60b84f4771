"""Amounts of money: exact decimals, rounded once and by rule."""

from __future__ import annotations

import decimal
import re
import typing as t
from decimal import Decimal
from fractions import Fraction

from babel import Locale
from babel.numbers import parse_pattern
from moneyed import CURRENCIES
from moneyed import Money

ROUNDING_MODES: t.Final[t.Mapping[str, str]] = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "half_down": decimal.ROUND_HALF_DOWN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
}

ZERO: t.Final = Decimal(0)
_NOTHING: t.Final = Fraction(0)

#: The longest amount has 15 digits before the point and 12 behind it. 60 digits hold
#: every product of such an amount, a quantity and a percentage without rounding.
CONTEXT: t.Final = decimal.Context(prec=60)
MAX_DIGITS: t.Final = 15
MAX_PLACES: t.Final = 12

_plain_decimal = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


def parse_decimal(text: str) -> Decimal:
    """Read a plain decimal such as ``12.50``.

    :raises ValueError: If it has a sign, an exponent, separators or blanks, or more
        than 15 digits before or 12 digits behind the point.
    """
    if not _plain_decimal.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a plain decimal such as '12.50'.")

    return check_decimal(Decimal(text))


def parse_amount(value: t.Any) -> Decimal:
    """Read an amount of money, in major units.

    :param value: A ``Decimal``, ``int`` or plain decimal string. A float is taken by
        its ``repr``, so ``0.1`` is one tenth.
    :raises ValueError: If it is anything else, negative or not finite.
    """
    if isinstance(value, str):
        return parse_decimal(value)

    if isinstance(value, bool) or not isinstance(value, Decimal | int | float):
        raise ValueError(
            "An amount must be Money, a Decimal, an int or a str, not"
            f" {type(value).__name__}."
        )

    amount = (
        Decimal(float.__repr__(value)) if isinstance(value, float) else Decimal(value)
    )

    return check_decimal(amount)


def check_decimal(amount: Decimal) -> Decimal:
    """Give the amount back in plain notation if it can be calculated with exactly.

    :raises ValueError: If it is negative, not finite, too long or too precise.
    """
    if not amount.is_finite():
        raise ValueError(f"An amount must be finite, not {amount}.")

    if amount < 0:
        raise ValueError(f"An amount must not be negative: {amount}.")

    if amount.adjusted() >= MAX_DIGITS:
        raise ValueError(f"An amount has at most {MAX_DIGITS} digits before the point.")

    exponent = t.cast(int, amount.as_tuple().exponent)

    if exponent < -MAX_PLACES:
        raise ValueError(f"An amount has at most {MAX_PLACES} digits behind the point.")

    # "1E+3" and "-0" are the same numbers in another notation.
    plain = amount.quantize(Decimal(1), context=CONTEXT) if exponent > 0 else amount

    # Not abs(), which rounds to the digits of the app's context.
    return plain.copy_abs()


class Rounding(t.NamedTuple):
    """How amounts of one currency become amounts that can be paid.

    :param currency: The ISO 4217 code.
    :param mode: A key of :data:`ROUNDING_MODES`.
    :param at: ``"line"`` rounds every line and every step of the calculation, as on
        an invoice; ``"total"`` calculates exactly and rounds the total.
    """

    currency: str
    mode: str = "half_up"
    at: t.Literal["line", "total"] = "line"

    def round(self, amount: Decimal) -> Decimal:
        """Round to the smallest unit of the currency."""
        return amount.quantize(
            smallest_unit(self.currency), ROUNDING_MODES[self.mode], CONTEXT
        )

    def money(self, amount: Decimal) -> Money:
        """The amount as money of this currency, without rounding it."""
        return Money(amount, self.currency)


def smallest_unit(currency: str) -> Decimal:
    """The smallest amount of a currency: 0.01 for EUR, 1 for JPY, 0.001 for KWD."""
    places = len(str(CURRENCIES[currency].sub_unit)) - 1

    return Decimal(1).scaleb(-places)


def allocate(
    parts: t.Sequence[Decimal | Fraction],
    total: Decimal,
    unit: Decimal,
    keys: t.Sequence[t.Any] = (),
) -> list[Decimal]:
    """Round parts so that they add up to a rounded total, by largest remainder.

    Every part is rounded down to the unit. What is then missing is given to the
    parts that lost most, one unit each; of equal ones, the first by their key, or
    else by position.

    >>> third = Decimal(10) / 3
    >>> [str(part) for part in allocate([third] * 3, Decimal(10), Decimal("0.01"))]
    ['3.34', '3.33', '3.33']

    :param parts: The exact amounts, not negative.
    :param total: Their sum, rounded up or down to the unit.
    :param unit: The smallest amount.
    :param keys: What equal parts are sorted by.
    """
    divided = [_divided(part, unit) for part in parts]
    units = [whole for whole, _ in divided]
    missing = int(total / unit) - sum(units)

    if missing:
        by_key = sorted(range(len(parts)), key=lambda i: keys[i] if keys else i)

        for i in sorted(by_key, key=lambda i: -divided[i][1])[:missing]:
            units[i] += 1

    return [each * unit for each in units]


def _divided(part: Decimal | Fraction, unit: Decimal) -> tuple[int, Fraction]:
    """How many whole units, and what is left."""
    # As two integers, because this is many times faster than with fractions.
    numerator, denominator = part.as_integer_ratio()
    for_unit, of_unit = unit.as_integer_ratio()
    whole, rest = divmod(numerator * of_unit, denominator * for_unit)

    return whole, Fraction(rest, denominator * for_unit) if rest else _NOTHING


def format_money(money: Money, locale: str = "en") -> str:
    """Format an amount for a shopper, with all the decimals of its currency.

    >>> format_money(Money("1234.5", "EUR")), format_money(Money(500, "JPY"))
    ('€1,234.50', '¥500')

    :param money: The amount.
    :param locale: The locale's name, such as ``"de"`` or ``"en_GB"``.
    """
    code = money.currency.code
    unit = smallest_unit(code)
    parsed = Locale.parse(locale)
    pattern = parse_pattern(parsed.currency_formats["standard"].pattern)

    # CLDR shows some currencies, such as RSD, without the decimals that ISO 4217
    # gives them, and the lines on the page would not add up.
    places = -t.cast(int, unit.as_tuple().exponent)
    pattern.frac_prec = (places, places)

    with decimal.localcontext(CONTEXT):
        amount = money.amount.quantize(unit, decimal.ROUND_HALF_UP)

        text: str = pattern.apply(amount, parsed, currency=code, currency_digits=False)

    return text
