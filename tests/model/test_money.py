from __future__ import annotations

import decimal
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from flask_cart.model.money import CONTEXT
from flask_cart.model.money import Shares
from flask_cart.model.money import allocate
from flask_cart.model.money import check_decimal
from flask_cart.model.money import format_money
from flask_cart.model.money import in_proportion
from flask_cart.model.money import parse_amount
from flask_cart.model.money import parse_decimal
from flask_cart.model.money import smallest_unit
from flask_cart.pricing.rounding import ROUNDING_MODES
from flask_cart.pricing.rounding import Rounding
from tests.support import strategies
from tests.support.fractions_of_money import rounded

UNITS = {"JPY": Decimal(1), "EUR": Decimal("0.01"), "KWD": Decimal("0.001")}

modes = st.sampled_from(sorted(ROUNDING_MODES))


class TestParse:
    @given(strategies.decimals(10**15 - 1, 12))
    def test_plain_decimals(self, amount: Decimal) -> None:
        """A plain decimal is read exactly, with all its digits."""
        parsed = parse_decimal(f"{amount:f}")

        assert parsed.as_tuple() == amount.as_tuple()

    @pytest.mark.parametrize(
        "text",
        [
            *["", " ", " 1", "1 ", "1\n", "+1", "-1", "-0", ".5", "5.", "1.2.3", "."],
            *["1e3", "1E3", "1e309", "0x10", "1_000", "1,000", "1.000,00", "12abc"],
            *["nan", "NaN", "inf", "Infinity", "-inf", "\u0661\u0662"],
            *["\uff11\uff12", "½", "€5", "5€"],
        ],
    )
    def test_anything_else_is_no_decimal(self, text: str) -> None:
        """What people or Python might take for a number is refused, and quoted."""
        with pytest.raises(ValueError, match="is not a plain decimal") as caught:
            parse_decimal(text)

        assert repr(text) in str(caught.value)

    def test_long_nonsense_is_quoted_in_part(self) -> None:
        """The error does not repeat a megabyte."""
        with pytest.raises(ValueError, match="is not a plain decimal") as caught:
            parse_decimal("x" * 10**6)

        assert len(str(caught.value)) < 200

    @pytest.mark.parametrize("amount", ["9" * 15, "0." + "0" * 11 + "1"])
    def test_longest(self, amount: str) -> None:
        """15 digits before the point and 12 behind it are taken."""
        assert str(parse_decimal(amount)) == str(Decimal(amount))

    def test_too_long(self) -> None:
        """More digits before the point are refused."""
        with pytest.raises(ValueError, match="at most 15 digits before the point"):
            parse_decimal("1" + "0" * 15)

    def test_too_precise(self) -> None:
        """More digits behind the point are refused, even zeros."""
        with pytest.raises(ValueError, match="at most 12 digits behind the point"):
            parse_decimal("1." + "0" * 13)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, "0"),
            (12, "12"),
            ("12.50", "12.50"),
            (Decimal("12.50"), "12.50"),
            (0.1, "0.1"),
            (1.15, "1.15"),
            (100.0, "100.0"),
            (Decimal("1E+3"), "1000"),
            (Decimal("-0"), "0"),
            (Decimal("-0.00"), "0.00"),
            (-0.0, "0.0"),
            (1e14, "100000000000000.0"),
            (1e-12, "1E-12"),
        ],
    )
    def test_amounts(self, value: object, expected: str) -> None:
        """Amounts keep their digits; a float has those of its repr."""
        assert str(parse_amount(value)) == expected

    @given(st.integers(0, 10**7))
    def test_floats_of_two_decimals_are_exact(self, cents: int) -> None:
        """A float that a price of two decimals was written as is that price."""
        assert parse_amount(cents / 100) == Decimal(cents).scaleb(-2)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (None, "not NoneType"),
            (True, "not bool"),
            (b"5", "not bytes"),
            ([5], "not list"),
            (1j, "not complex"),
            (math.nan, "must be finite, not NaN"),
            (math.inf, "must be finite, not Infinity"),
            (-math.inf, "must be finite, not -Infinity"),
            (Decimal("sNaN"), "must be finite, not sNaN"),
            (Decimal("-0.01"), "must not be negative: -0.01"),
            (-1, "must not be negative: -1"),
            (-0.5, "must not be negative: -0.5"),
            (10**15, "15 digits"),
            (10**500, "15 digits"),
            (1e300, "15 digits"),
            (Decimal("1E+999999"), "15 digits"),
            (5e-324, "12 digits"),
            (0.1 + 0.2, "12 digits"),
        ],
    )
    def test_bad_amounts(self, value: object, message: str) -> None:
        """The error says what was given, or what the bounds are."""
        with pytest.raises(ValueError, match=message):
            parse_amount(value)

    def test_float_with_a_repr_of_its_own(self) -> None:
        """A float is taken by the repr of float: NumPy's says "np.float64(1.5)"."""

        class Float64(float):
            def __repr__(self) -> str:
                return f"np.float64({float.__repr__(self)})"

        assert parse_amount(Float64(1.5)) == Decimal("1.5")

    @given(strategies.decimals(10**15 - 1, 12))
    def test_the_app_s_context_does_not_matter(self, amount: Decimal) -> None:
        """Amounts stay exact in an app that calculates with few digits."""
        with decimal.localcontext(prec=3):
            assert check_decimal(amount).compare(amount) == 0
            assert parse_amount(f"{amount:f}").compare(amount) == 0


class TestRounding:
    @pytest.mark.parametrize(("currency", "unit"), UNITS.items())
    def test_smallest_unit(self, currency: str, unit: Decimal) -> None:
        """Currencies have 0, 2 or 3 decimals."""
        assert smallest_unit(currency).as_tuple() == unit.as_tuple()

    @given(
        strategies.decimals(10**15, 12), modes, st.sampled_from(strategies.CURRENCIES)
    )
    def test_round(self, amount: Decimal, mode: str, currency: str) -> None:
        """Amounts are rounded by the rule, whatever the app's context is."""
        unit = UNITS[currency]

        with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP):
            result = Rounding(currency, mode).round(amount)

        assert Fraction(result) == rounded(Fraction(amount), Fraction(unit), mode)
        assert result.as_tuple().exponent == unit.as_tuple().exponent

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("half_up", ["0.01", "0.02", "0.03"]),
            ("half_even", ["0.00", "0.02", "0.02"]),
            ("half_down", ["0.00", "0.01", "0.02"]),
            ("up", ["0.01", "0.02", "0.03"]),
            ("down", ["0.00", "0.01", "0.02"]),
        ],
    )
    def test_halves(self, mode: str, expected: list[str]) -> None:
        """The modes differ where an amount is exactly between two units."""
        halves = [Decimal("0.005"), Decimal("0.015"), Decimal("0.025")]

        assert [str(Rounding("EUR", mode).round(each)) for each in halves] == expected

    def test_money(self) -> None:
        """An amount becomes money without being rounded."""
        assert Rounding("JPY").money(Decimal("1.5")) == Money("1.5", "JPY")


def as_fractions(shares: Shares) -> list[Fraction]:
    return [Fraction(each, shares.denominator) for each in shares.numerators]


class TestShares:
    @given(
        st.lists(strategies.decimals(1000, 6), min_size=4, max_size=4),
        st.lists(strategies.decimals(1000, 3), min_size=4, max_size=4),
        st.lists(st.fractions(0, 1), min_size=4, max_size=4),
    )
    def test_the_same_as_fractions(
        self, amounts: list[Decimal], others: list[Decimal], rates: list[Fraction]
    ) -> None:
        """Over one denominator they are what a fraction for each would be."""
        one, other = Shares.of(amounts), Shares.of(others)
        mine, theirs = as_fractions(one), as_fractions(other)
        differences = [a - b for a, b in zip(mine, theirs, strict=True)]
        first = range(4)

        assert mine == list(map(Fraction, amounts))
        assert as_fractions(one.at([3, 1])) == [mine[3], mine[1]]
        assert as_fractions(one.joined(other)) == mine + theirs
        assert as_fractions(one.put([2], other.at([0]))) == [
            *mine[:2],
            theirs[0],
            mine[3],
        ]
        assert as_fractions(one.plus(first, other)) == [
            a + b for a, b in zip(mine, theirs, strict=True)
        ]
        assert as_fractions(one.plus(first, other, sign=-1)) == [
            max(each, Fraction(0)) for each in differences
        ]
        assert as_fractions(one.times(rates)) == [
            each * rate for each, rate in zip(mine, rates, strict=True)
        ]
        assert as_fractions(one.reduced()) == mine
        assert one.sum() == sum(amounts)

    @given(
        strategies.decimals(1000, 6),
        st.lists(strategies.decimals(1000, 6), min_size=1, max_size=5),
    )
    def test_in_proportion(self, amount: Decimal, weights: list[Decimal]) -> None:
        """Each has as much of an amount as of the weights, or all have the same."""
        shares = in_proportion(amount.as_integer_ratio(), Shares.of(weights))
        whole = Fraction(sum(weights)) or len(weights)
        parts = weights if any(weights) else [1] * len(weights)

        assert as_fractions(shares) == [
            Fraction(amount) * Fraction(each) / whole for each in parts
        ]


def allocated(parts: list[Decimal], total: Decimal, unit: Decimal) -> list[Decimal]:
    return allocate(Shares.of(parts), total, unit, key=lambda i: i).in_units(unit)


class TestAllocate:
    @given(
        st.lists(strategies.decimals(1000, 6), max_size=30),
        modes,
        st.sampled_from(sorted(UNITS)),
    )
    def test_shares(self, parts: list[Decimal], mode: str, currency: str) -> None:
        """Shares add up to the total, and each is within a unit of its part."""
        unit = UNITS[currency]
        total = Rounding(currency, mode).round(sum(parts, Decimal(0)))
        shares = allocated(parts, total, unit)

        assert sum(shares) == total
        assert allocated(parts, total, unit) == shares

        for part, share in zip(parts, shares, strict=True):
            assert abs(share - part) < unit
            assert share % unit == 0
            assert share >= 0
            assert part or not share

    @given(st.lists(st.integers(0, 10**6), max_size=30))
    def test_whole_units_stay(self, units: list[int]) -> None:
        """Parts that need no rounding are their own shares."""
        parts = [Decimal(each).scaleb(-2) for each in units]

        assert allocated(parts, sum(parts, Decimal(0)), Decimal("0.01")) == parts

    def test_who_lost_most_gets_the_remainder(self) -> None:
        """The parts that lost most by rounding down get one unit each."""
        parts = [Decimal("0.001"), Decimal("0.009"), Decimal("0.005"), Decimal("0.005")]
        shares = allocated(parts, Decimal("0.02"), Decimal("0.01"))

        assert [str(each) for each in shares] == ["0.00", "0.01", "0.01", "0.00"]

    def test_of_equal_ones_the_first(self) -> None:
        """Where all lost the same, the first get the remainder."""
        with decimal.localcontext(CONTEXT):
            thirds = [Decimal(10) / 3] * 3
            shares = allocated(thirds, Decimal(10), Decimal(1))

        assert shares == [4, 3, 3]

    def test_nothing(self) -> None:
        """No parts have no shares."""
        assert allocated([], Decimal(0), Decimal("0.01")) == []


class TestFormat:
    @pytest.mark.parametrize(
        ("money", "locale", "expected"),
        [
            (Money("1234.5", "EUR"), "en", "€1,234.50"),
            (Money("1234.5", "EUR"), "de", "1.234,50\xa0€"),
            (Money(500, "JPY"), "en", "¥500"),
            (Money("1.5", "KWD"), "en", "KWD1.500"),
            (Money("1.5", "RSD"), "en", "RSD1.50"),
            (Money("-3", "USD"), "en_GB", "-US$3.00"),
            (Money("0.005", "EUR"), "en", "€0.01"),
        ],
    )
    def test_format(self, money: Money, locale: str, expected: str) -> None:
        """All the decimals of the currency are shown, in the way of the locale."""
        assert format_money(money, locale) == expected

    @pytest.mark.parametrize(
        ("locale", "like"),
        [
            ("de-DE", "de_DE"),
            ("DE-de", "de_DE"),
            ("de_DE.UTF-8", "de_DE"),
            ("de-DE,de;q=0.9,en;q=0.8", "de_DE"),
            ("pt-br", "pt_BR"),
            ("zh-Hans-CN", "zh_Hans_CN"),
            ("es-419", "es_419"),
            ("fr-QQ", "fr"),
            ("de-CH-1996", "de_CH"),
            ("tlh", "en"),
            ("*", "en"),
            ("", "en"),
            (None, "en"),
            (Locale("de", "AT"), "de_AT"),
        ],
    )
    def test_what_browsers_call_a_locale(
        self, locale: str | Locale | None, like: str
    ) -> None:
        """Whatever a browser says is understood, or the nearest to it that is."""
        money = Money("1234.5", "EUR")

        assert format_money(money, locale) == format_money(money, like)

    def test_absurd_amounts(self) -> None:
        """What prices and conditions can lead to can be shown."""
        shown = format_money(Money(Decimal("9" * 38 + ".99"), "EUR"))

        assert shown.replace(",", "") == "€" + "9" * 38 + ".99"
