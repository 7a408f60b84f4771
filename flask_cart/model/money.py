"""Amounts of money: exact decimals, rounded once and by rule, and shares of them."""

from __future__ import annotations

import decimal
import functools
import math
import re
import typing as t
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from babel import Locale
from babel import UnknownLocaleError
from babel.numbers import parse_pattern
from moneyed import CURRENCIES
from moneyed import Money

ZERO: t.Final = Decimal(0)

#: The longest amount has 15 digits before the point and 12 behind it. 60 digits hold
#: every product of such an amount, a quantity and a percentage without rounding.
CONTEXT: t.Final = decimal.Context(prec=60)
MAX_DIGITS: t.Final = 15
MAX_PLACES: t.Final = 12

_CENT: t.Final = Decimal("0.01")
_GREATEST: t.Final = Decimal(10) ** MAX_DIGITS

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
    # Most prices, at a fraction of what the rest costs.
    if amount.same_quantum(_CENT) and not amount.is_signed() and amount < _GREATEST:
        return amount

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


@functools.cache
def smallest_unit(currency: str) -> Decimal:
    """The smallest amount of a currency: 0.01 for EUR, 1 for JPY, 0.001 for KWD."""
    places = len(str(CURRENCIES[currency].sub_unit)) - 1

    return Decimal(1).scaleb(-places)


def money(amount: Decimal, currency: str) -> Money:
    """The amount as money of a currency, without rounding it."""
    # Given its code, it would look for it much longer.
    return Money(amount, CURRENCIES.get(currency, currency))


def format_money(money: Money, locale: str | Locale | None = "en") -> str:
    """Format an amount for a shopper, with all the decimals of its currency.

    >>> format_money(Money("1234.5", "EUR")), format_money(Money(500, "JPY"))
    ('€1,234.50', '¥500')

    :param money: The amount.
    :param locale: The locale's name, such as ``"de"`` or ``"en_GB"``, also as browsers
        write it: ``"de-DE"``. A region that is not known is left out, and a language
        that is not known is English.
    """
    return _written(str(money.amount), money.currency.code, locale or "en")


@lru_cache(maxsize=1024)
def _written(amount: str, code: str, locale: str | Locale) -> str:
    """The same few prices are on page after page.

    :param amount: As text, because ``-0`` equals ``0`` and is written in another way.
    """
    unit = smallest_unit(code)
    parsed = nearest_locale(str(locale))
    pattern = parse_pattern(parsed.currency_formats["standard"].pattern)

    # CLDR shows some currencies, such as RSD, without the decimals that ISO 4217
    # gives them, and the lines on the page would not add up.
    places = -t.cast(int, unit.as_tuple().exponent)
    pattern.frac_prec = (places, places)

    with decimal.localcontext(CONTEXT):
        rounded = Decimal(amount).quantize(unit, decimal.ROUND_HALF_UP)

        text: str = pattern.apply(rounded, parsed, currency=code, currency_digits=False)

    return text


@lru_cache(maxsize=256)
def nearest_locale(name: str) -> Locale:
    """The locale of a name, or the nearest one: it may be what a browser has sent."""
    parts = (
        name.partition(",")[0].partition(";")[0].strip().replace("-", "_").split("_")
    )

    while parts:
        with suppress(ValueError, UnknownLocaleError):
            return Locale.parse("_".join(parts))

        parts.pop()

    return Locale("en")


#: What an amount may be given as.
MoneyLike = Money | Decimal | int | str | float


def price_in(currency: str | None, price: MoneyLike) -> Decimal:
    """The amount of a price in the cart's currency.

    :raises ValueError: If it is no amount, or money of another currency.
    """
    if isinstance(price, Money):
        if price.currency.code != currency:
            raise ValueError(
                f"The price is in {price.currency.code}, the cart in {currency}."
            )

        price = price.amount

    return parse_amount(price)


def agreed_price(currency: str, price: MoneyLike) -> Decimal | None:
    """The amount that a shopper has agreed to.

    It comes from a form, and may be anything; ``None`` if it is no such amount.
    """
    try:
        return price_in(currency, price)
    except ValueError:
        return None


class Shares(t.NamedTuple):
    """Exact amounts, as integers over one denominator: faster than many fractions."""

    numerators: list[int]
    denominator: int

    @classmethod
    def of(cls, amounts: t.Iterable[Decimal]) -> Shares:
        """Shares that are decimals."""
        ratios = [each.as_integer_ratio() for each in amounts]
        common = math.lcm(*{denominator for _, denominator in ratios})

        return cls([each * (common // of) for each, of in ratios], common)

    def sum(self) -> Decimal:
        """What they come to together, rounded to the digits of the context once."""
        return CONTEXT.divide(Decimal(sum(self.numerators)), Decimal(self.denominator))

    def decimals(self) -> list[Decimal]:
        """What each of them comes to, alike."""
        return [Shares([each], self.denominator).sum() for each in self.numerators]

    def in_units(self, unit: Decimal) -> list[Decimal]:
        """The same for shares of whole units, with all the decimals of one."""
        factor = int(1 / unit)

        return [each * factor // self.denominator * unit for each in self.numerators]

    def at(self, positions: t.Iterable[int]) -> Shares:
        """Some of them."""
        return Shares([self.numerators[i] for i in positions], self.denominator)

    def absolute(self) -> Shares:
        """The same without their signs."""
        return Shares(list(map(abs, self.numerators)), self.denominator)

    def reduced(self) -> Shares:
        """The same with the smallest denominator."""
        common = math.gcd(self.denominator, *self.numerators)
        numerators = [each // common for each in self.numerators]

        return Shares(numerators, self.denominator // common)

    def joined(self, others: Shares) -> Shares:
        """These, and others after them."""
        mine, theirs, denominator = _over_one(self, others)

        return Shares(mine + theirs, denominator)

    def put(self, positions: t.Iterable[int], others: Shares) -> Shares:
        """The same, with others in some of the places."""
        mine, theirs, denominator = _over_one(self, others)

        for i, each in zip(positions, theirs, strict=True):
            mine[i] = each

        return Shares(mine, denominator)

    def plus(self, positions: t.Iterable[int], more: Shares, sign: int = 1) -> Shares:
        """The same, with more or less in some of the places, nowhere below zero."""
        mine, theirs, denominator = _over_one(self, more)

        for i, each in zip(positions, theirs, strict=True):
            mine[i] = max(mine[i] + sign * each, 0)

        return Shares(mine, denominator)

    def times(self, rates: t.Sequence[Fraction]) -> Shares:
        """A part of each of them."""
        common = math.lcm(*{each.denominator for each in rates})
        numerators = [
            each * rate.numerator * (common // rate.denominator)
            for each, rate in zip(self.numerators, rates, strict=True)
        ]

        return Shares(numerators, self.denominator * common)


def _over_one(one: Shares, other: Shares) -> tuple[list[int], list[int], int]:
    """The numerators of both over one denominator."""
    common = math.lcm(one.denominator, other.denominator)
    mine, theirs = common // one.denominator, common // other.denominator

    return (
        [mine * each for each in one.numerators],
        [theirs * each for each in other.numerators],
        common,
    )


def in_proportion(amount: tuple[int, int], weights: Shares) -> Shares:
    """Divide an amount by weights, or evenly if all of them are zero.

    :param amount: Its numerator and its denominator.
    """
    numerator, denominator = amount
    factors = weights.numerators

    if not any(factors):
        factors = [1] * len(factors)

    return Shares([numerator * each for each in factors], denominator * sum(factors))


def allocate(
    shares: Shares, total: Decimal, unit: Decimal, key: t.Callable[[int], t.Any]
) -> Shares:
    """Round shares so that they add up to a rounded total, by largest remainder.

    Every share is rounded down to the unit. What is then missing is given to the
    shares that lost most, one unit each; of equal ones, the first by their key. What
    there is too much is taken from those that lost least.

    >>> thirds = Shares([10, 10, 10], 3)
    >>> allocate(thirds, Decimal(10), Decimal("0.01"), lambda i: i)
    Shares(numerators=[334, 333, 333], denominator=100)

    :param shares: The exact amounts, not negative.
    :param total: Their sum, rounded to the unit, or one unit beside it.
    :param unit: The smallest amount: 1, or a decimal place.
    :param key: What shares are sorted by that have lost the same.
    """
    per_unit, denominator = int(1 / unit), shares.denominator
    divided = [divmod(each * per_unit, denominator) for each in shares.numerators]
    units = [whole for whole, _ in divided]
    missing = int(total * per_unit) - sum(units)

    if missing:
        step = 1 if missing > 0 else -1

        def place(i: int) -> t.Any:
            # A free line gets nothing, as long as there is another one.
            return -step * divided[i][1], not shares.numerators[i], key(i)

        for i in sorted(range(len(units)), key=place)[: abs(missing)]:
            units[i] += step

    return Shares(units, per_unit)
