"""Taxes: on what they are, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from moneyed import Money

from flask_cart import Cart
from flask_cart import Condition
from flask_cart import InvalidConditionError
from flask_cart import Totals
from flask_cart import not_
from flask_cart import rule
from flask_cart.app.reasons import tell_reason
from flask_cart.pricing.facts import Facts
from flask_cart.pricing.presets import cash_rounding
from flask_cart.pricing.presets import shipping
from flask_cart.pricing.presets import tax_classes
from flask_cart.pricing.presets import tiered_discount
from flask_cart.pricing.rounding import RoundingPlace
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.pricing.shipping import ShippingMethod
from tests.support.adding_up import adds_up
from tests.support.shop import cart_of
from tests.support.shop import make_cart

PLACES: tuple[RoundingPlace, ...] = ("unit", "line", "total")

each_place = pytest.mark.parametrize("at", PLACES)


def tax(name: str, value: str, **fields: object) -> Condition:
    return Condition(name, "tax", **{"target": "subtotal", "value": value} | fields)


def included(name: str, value: str, **fields: object) -> Condition:
    return tax(name, value, included=True, **fields)


def taxes_of(totals: Totals) -> list[str]:
    """Each tax as its name, base and amount."""
    adds_up(totals)

    return [
        f"{each.name} {each.base.amount} {each.amount.amount}" for each in totals.taxes
    ]


def total_of(cart: Cart) -> Decimal:
    adds_up(cart.totals)

    return cart.totals.total.amount


#: Taxes as their orders and rates; i is included. And of a price, what each comes to,
#: and the total.
TABLE = {
    "two parallel": ("0: 9%, 0: 9%", "100", "9.00 9.00", "118.00"),
    "two parallel, included": ("0: i9%, 0: i9%", "118", "9.00 9.00", "118.00"),
    "two compound": ("0: 5%, 1: 9.5%", "100", "5.00 9.98", "114.98"),
    "two compound, included": ("0: i20%, 1: i20%", "144", "20.00 24.00", "144.00"),
    "three parallel": ("0: 6.25%, 0: 1%, 0: 1%", "80", "5.00 0.80 0.80", "86.60"),
    "three compound": ("1: 10%, 2: 10%, 3: 10%", "100", "10.00 11.00 12.10", "133.10"),
    "two, and one on both": (
        "0: 5%, 0: 7%, 1: 10%",
        "100",
        "5.00 7.00 11.20",
        "123.20",
    ),
    "one, and two on it": ("0: 10%, 1: 2%, 1: 3%", "100", "10.00 2.20 3.30", "115.50"),
    "two and one, included": (
        "0: i5%, 0: i5%, 1: i10%",
        "121",
        "5.00 5.00 11.00",
        "121",
    ),
    "beside an included one": ("0: i10%, 0: 5%", "110", "10.00 5.00", "115.00"),
    "on an included one": ("0: i10%, 1: 5%", "110", "10.00 5.50", "115.50"),
    "an included one above": ("0: 5%, 1: i10%", "110", "5.00 10.00", "115.00"),
    "nothing, and something": ("0: 0%, 0: 19%", "100", "0.00 19.00", "119.00"),
    "an amount, and a rate on it": ("0: 2, 1: 10%", "100", "2.00 10.20", "112.20"),
}

#: How many of the unit that the table is in: cents, yen and thousandths.
CURRENCIES = {"EUR": Decimal(1), "JPY": Decimal(100), "KWD": Decimal("0.1")}


@each_place
@pytest.mark.parametrize("currency", CURRENCIES)
@pytest.mark.parametrize("case", TABLE)
def test_parallel_and_compound(case: str, currency: str, at: RoundingPlace) -> None:
    """Of one order: the same base. Of a higher one: with those before. In any place."""
    given, price, amounts, total = TABLE[case]
    factor = CURRENCIES[currency]
    cart = make_cart(currency=currency, at=at)
    cart.add("mug", price=Decimal(price) * factor)

    for number, each in enumerate(given.split(", ")):
        order, value = each.split(": ")
        rate = value.lstrip("i")
        rate = rate if rate.endswith("%") else f"{Decimal(rate) * factor:f}"
        cart.add_tax(
            f"T{number}", rate, order=int(order), included=value.startswith("i")
        )

    totals = cart.totals
    adds_up(totals)
    assert [each.amount.amount for each in totals.taxes] == [
        Decimal(each) * factor for each in amounts.split()
    ]
    assert totals.total.amount == Decimal(total) * factor
    assert totals.lines[0].taxes == totals.taxes


AFTERWARDS: dict[str, tuple[Callable[[Cart], object], str]] = {
    "an amount": (lambda cart: cart.add_discount("X", "50"), "59.50"),
    "a percentage": (lambda cart: cart.add_discount("X", "50%"), "59.50"),
    "with an order": (lambda cart: cart.add_discount("X", "50", order=99), "59.50"),
    "on the total": (
        lambda cart: cart.add_condition(Condition("X", "discount", "total", "-50")),
        "59.50",
    ),
    "half of the total": (
        lambda cart: cart.add_condition(Condition("X", "discount", "total", "/2")),
        "59.50",
    ),
    "on a line": (
        lambda cart: cart.add_condition(
            Condition("X", "discount", "item", "-50"), line=cart.lines[0].id
        ),
        "59.50",
    ),
    "on some lines": (
        lambda cart: cart.add_discount("X", "50", lines=rule("item", ids=["mug"])),
        "59.50",
    ),
    "a coupon": (
        lambda cart: cart._services.registry.rulebook.providers.append(
            lambda facts: [Condition("X", "discount", "subtotal", "-50")]
        ),
        "59.50",
    ),
    "tiers": (
        lambda cart: [
            cart.add_condition(each) for each in tiered_discount("X", {100: "50%"})
        ],
        "59.50",
    ),
    "a fee on the subtotal": (
        lambda cart: cart.add_condition(Condition("X", "fee", "subtotal", "100")),
        "238.00",
    ),
    "a fee": (lambda cart: cart.add_fee("X", "10"), "129.00"),
    "shipping": (lambda cart: cart.add_shipping("X", "10"), "129.00"),
}


@each_place
@pytest.mark.parametrize("after", AFTERWARDS)
def test_what_is_added_after_a_tax(after: str, at: RoundingPlace) -> None:
    """A tax is on what is left, whenever it was added."""
    change, expected = AFTERWARDS[after]
    cart = cart_of(tax("VAT", "19%"), at=at, mug=100)
    change(cart)

    assert total_of(cart) == Decimal(expected)


@each_place
@pytest.mark.parametrize("after", AFTERWARDS)
def test_what_is_added_after_an_included_tax(after: str, at: RoundingPlace) -> None:
    """What is contained is contained in what is left."""
    change, _ = AFTERWARDS[after]
    cart = cart_of(included("VAT", "19%"), at=at, mug=119)
    change(cart)
    (vat,) = cart.totals.taxes
    adds_up(cart.totals)

    assert vat.base == cart.totals.subtotal or cart.conditions[-1].target == "total"
    assert abs(vat.amount.amount - vat.base.amount * 19 / 119) <= Decimal("0.01")


@each_place
def test_coupon_after_an_included_tax(at: RoundingPlace) -> None:
    """A tenth less of the price is a tenth less of the tax."""
    cart = cart_of(included("VAT", "19%"), at=at, mug=1190)
    cart.add_discount("TENTH", "10%")

    assert taxes_of(cart.totals) == ["VAT 1071.00 171.00"]
    assert total_of(cart) == 1071


@each_place
def test_a_discount_on_the_total_is_shared(at: RoundingPlace) -> None:
    """It is taken off the goods and the shipping, in proportion."""
    less = Condition("X", "discount", "total", "-11", order=1)
    cart = cart_of(tax("VAT", "10%"), less, shipping("Post", 10), at=at, mug=100)
    assert taxes_of(cart.totals) == ["VAT 90.00 9.00"]

    # Before the shipping there are goods alone.
    cart.add_condition(Condition("X", "discount", "total", "-11", order=-1))
    assert taxes_of(cart.totals) == ["VAT 89.00 8.90"]


EARLY = {
    "a discount": (-1, Condition("X", "discount", "subtotal", "-50"), "69.00"),
    "one before it": (-1, Condition("X", "discount", "subtotal", "-50", -2), "59.50"),
    "of its order": (-1, Condition("X", "discount", "subtotal", "-50", -1), "59.50"),
    "on the total": (-1, Condition("X", "discount", "total", "-50"), "69.00"),
    "a percentage": (-1, Condition("X", "fee", "total", "10%"), "130.90"),
    "not so early": (0, Condition("X", "discount", "subtotal", "-50", 9), "59.50"),
    "very late": (9, Condition("X", "discount", "subtotal", "-50", 10), "59.50"),
}


@each_place
@pytest.mark.parametrize("case", EARLY)
def test_otherwise(case: str, at: RoundingPlace) -> None:
    """Below zero, the order of a tax is its place among the others."""
    order, other, expected = EARLY[case]
    cart = cart_of(tax("VAT", "19%", order=order), other, at=at, mug=100)

    assert total_of(cart) == Decimal(expected)


@each_place
def test_early_taxes_of_one_order(at: RoundingPlace) -> None:
    """They are parallel as well, and what follows acts on the goods with them."""
    cart = cart_of(
        tax("A", "10%", order=-1),
        included("B", "20%", order=-1),
        tax("C", "10%", order=-1),
        Condition("HALF", "discount", "subtotal", "-50%"),
        at=at,
        mug=120,
    )

    assert taxes_of(cart.totals) == [
        "A 100.00 10.00",
        "B 120.00 20.00",
        "C 100.00 10.00",
    ]
    assert cart.totals.subtotal == cart.totals.total == Money("70.00", "EUR")
    assert cart.totals.lines[0].share == Money("70.00", "EUR")


@each_place
def test_what_follows_an_early_tax(at: RoundingPlace) -> None:
    """It acts on every line with its own tax."""
    cart = cart_of(
        tax("VAT", "10%", order=-1, lines=rule("item", ids=["mug"])),
        Condition("LESS", "discount", "subtotal", "-10%"),
        tax("CITY", "10%"),
        at=at,
        mug=100,
        pot=100,
    )

    assert [str(each.share.amount) for each in cart.totals.lines] == ["99.00", "90.00"]
    assert [str(each.taxes[-1].amount.amount) for each in cart.totals.lines] == [
        "9.90",
        "9.00",
    ]


@each_place
def test_on_a_line(at: RoundingPlace) -> None:
    """A tax of a line is in its price: after its discounts, beside its other taxes."""
    cart = cart_of(at=at, mug=(100, 2), pot=10)
    mug = cart.lines[0].id
    cart.add_condition(tax("CGST", "9%"), line=mug)
    cart.add_condition(tax("CESS", "10%", order=1), line=mug)
    cart.add_condition(Condition("LESS", "discount", "item", "-50", order=5), line=mug)
    cart.add_condition(tax("SGST", "9%"), line=mug)
    cart.add_tax("CGST", "9%", lines=rule("item", ids=["pot"]))

    line, other = cart.totals.lines
    assert [str(each) for each in line.adjustments] == [
        "LESS (-50 on item): €200.00 -> €100.00",
        "CGST (9% on item): €100.00 -> €109.00",
        "SGST (9% of €100.00 on item): €109.00 -> €118.00",
        "CESS (10% on item): €118.00 -> €129.80",
    ]
    assert [str(each.amount.amount) for each in line.taxes] == ["9.00", "9.00", "11.80"]
    assert [str(each.amount.amount) for each in other.taxes] == ["0.90"]
    assert taxes_of(cart.totals) == [
        "CGST 110.00 9.90",
        "SGST 100.00 9.00",
        "CESS 118.00 11.80",
    ]


@each_place
def test_early_on_a_line(at: RoundingPlace) -> None:
    """There too, an order below zero is a place."""
    cart = cart_of(at=at, mug=100)
    mug = cart.lines[0].id
    cart.add_condition(Condition("LESS", "discount", "item", "-50"), line=mug)
    cart.add_condition(tax("VAT", "19%", order=-1), line=mug)

    assert total_of(cart) == 69


class TestShipping:
    @each_place
    def test_rate_of_its_own(self, at: RoundingPlace) -> None:
        """The goods have theirs, and each is told of what it is on."""
        vat = tax_classes("VAT", {}, default="10%", shipping="20%")
        cart = cart_of(*vat, shipping("Post", 5), at=at, mug=100)
        cart.add_fee("Wrap", "3")
        post, wrap = cart.totals.adjustments[:2]

        assert taxes_of(cart.totals) == ["VAT 100.00 10.00", "VAT shipping 5.00 1.00"]
        assert [each.name for each in cart.totals.lines[0].taxes] == ["VAT"]
        assert [each.name for each in post.taxes] == ["VAT shipping"]
        assert wrap.taxes == ()
        assert total_of(cart) == 119

    @each_place
    def test_in_proportion(self, at: RoundingPlace) -> None:
        """It has the rates of the goods, by what they cost."""
        vat = tax_classes(
            "VAT", {"book": "7%"}, default="19%", included=True, shipping="proportional"
        )
        cart = cart_of(*vat, shipping("Post", "8"), at=at, book=25, mug=75)
        post = cart.totals.adjustments[0]

        assert taxes_of(cart.totals) == ["VAT book 27.00 1.77", "VAT 81.00 12.93"]
        assert [str(each.base.amount) for each in post.taxes] == ["2.00", "6.00"]
        assert total_of(cart) == 108

    @each_place
    def test_in_proportion_to_nothing(self, at: RoundingPlace) -> None:
        """Where all goods are free, every line counts alike."""
        vat = tax_classes(
            "VAT", {"book": "10%"}, default="20%", shipping="proportional"
        )
        cart = cart_of(*vat, shipping("Post", "8"), at=at, book=0, mug=0)

        assert taxes_of(cart.totals) == ["VAT book 4.00 0.40", "VAT 4.00 0.80"]

    @each_place
    def test_untaxed_goods_take_their_part(self, at: RoundingPlace) -> None:
        """What is shipped with them is not taxed either."""
        vat = tax_classes("VAT", {"mug": "10%"}, shipping="proportional")
        cart = cart_of(*vat, shipping("Post", "8"), at=at, book=30, mug=10)

        assert taxes_of(cart.totals) == ["VAT mug 12.00 1.20"]

    @each_place
    def test_everything(self, at: RoundingPlace) -> None:
        """A tax on the total is on fees and shipping as well, and on parts of both."""
        cart = cart_of(
            tax("VAT", "10%", target="total"), shipping("Post", 5), at=at, mug=100
        )
        cart.add_fee("Wrap", "3")

        assert taxes_of(cart.totals) == ["VAT 108.00 10.80"]
        assert [
            str(each.taxes[0].amount.amount)
            for each in (*cart.totals.lines, *cart.totals.adjustments[:2])
        ] == ["10.00", "0.50", "0.30"]

    def test_none(self) -> None:
        """Where nothing is shipped, nothing of it is taxed or taken off."""
        cart = cart_of(tax("VAT", "5", target="shipping"), mug=100)
        cart.add_condition(Condition("FREE", "discount", "shipping", "-100%"))

        assert total_of(cart) == 100
        assert [each.code for each in cart.totals.adjustments] == ["no_amount"] * 2

    @each_place
    def test_free(self, at: RoundingPlace) -> None:
        """A discount on the shipping leaves the goods alone, and makes the tax less."""
        cart = cart_of(
            tax("VAT", "10%", target="total"),
            Condition("FREE", "discount", "shipping", "-100%"),
            Condition("LESS", "discount", "total", "-10%", order=1),
            shipping("Post", 5),
            at=at,
            mug=100,
        )

        assert [str(each.amount.amount) for each in cart.totals.adjustments] == [
            "5.00",
            "-10.50",
            "-4.50",
            "9.00",
        ]
        assert total_of(cart) == 99

    @each_place
    def test_chosen(self, at: RoundingPlace) -> None:
        """A chosen method is taxed like one that was added; its price is without."""
        cart = cart_of(tax("VAT", "10%", target="total"), at=at, mug=100)
        book = cart._services.registry.rulebook
        book.list_shipping = lambda facts: [ShippingMethod(shipping("Post", 5))]
        cart.shipping.choose("Post")

        assert cart.shipping.options[0].price == Money("5.00", "EUR")
        assert taxes_of(cart.totals) == ["VAT 105.00 10.50"]


EXEMPT = rule("group", names=["exempt"])


def shop_with(groups: list[str]) -> Rulebook:
    book = Rulebook()
    book.load_facts = lambda facts: {"groups": groups}

    return book


class TestExempt:
    @each_place
    @pytest.mark.parametrize(
        ("value", "is_included", "total"),
        [("19%", False, "119"), ("19%", True, "100"), ("5", False, "119")],
    )
    def test_nothing_is_paid(
        self, value: str, is_included: bool, total: str, at: RoundingPlace
    ) -> None:
        """What would be added is not, and what is contained is taken off."""
        cart = make_cart(rulebook=shop_with(["exempt"]), at=at)
        cart.add("mug", price=119)
        cart.add_tax("VAT", value, included=is_included, exempt=EXEMPT)

        assert total_of(cart) == Decimal(total)
        assert cart.totals.taxes == cart.totals.lines[0].taxes == ()
        # It is no offer.
        assert cart.totals.savings == Money(0, "EUR")

    @each_place
    def test_others_pay(self, at: RoundingPlace) -> None:
        """For everybody else it is a tax like any other."""
        cart = make_cart(rulebook=shop_with([]), at=at)
        cart.add("mug", price=119)
        cart.add_tax("VAT", "19%", included=True, exempt=EXEMPT)

        assert taxes_of(cart.totals) == ["VAT 119.00 19.00"]

    def test_why(self) -> None:
        """The totals say why it is not paid."""
        cart = make_cart(rulebook=shop_with(["exempt"]))
        cart.add("mug", price=100)
        cart.add_tax("VAT", "19%", exempt=EXEMPT)
        (adjustment,) = cart.totals.adjustments

        assert adjustment.code == "exempt"
        assert tell_reason(adjustment.code, adjustment.params) == "it need not be paid"

    def test_who_cannot_be_known_pays(self) -> None:
        """A rule that fails gives nothing away."""
        book = Rulebook()
        book.load_facts = lambda facts: {"groups": 1 / 0}
        cart = make_cart(rulebook=book)
        cart.add("mug", price=100)
        cart.add_tax("VAT", "19%", exempt=EXEMPT)

        assert total_of(cart) == 119

    @each_place
    def test_by_class(self, at: RoundingPlace) -> None:
        """Prices with two rates and shipping become net."""
        cart = make_cart(rulebook=shop_with(["exempt"]), at=at)
        cart.add("book", price="10.70", attributes={"tax_class": "books"})
        cart.add("mug", price="11.90")
        cart.add_shipping("Post", "5.95")

        for each in tax_classes(
            "VAT",
            {"books": "7%"},
            default="19%",
            included=True,
            shipping="19%",
            exempt=EXEMPT,
        ):
            cart.add_condition(each)

        assert total_of(cart) == 25

    @each_place
    def test_one_of_two(self, at: RoundingPlace) -> None:
        """The other one is what it would be, on the net price."""
        cart = make_cart(rulebook=shop_with(["exempt"]), at=at)
        cart.add("mug", price=144)
        cart.add_tax("A", "20%", included=True, exempt=EXEMPT)
        cart.add_tax("B", "20%", included=True, order=1)
        cart.add_tax("C", "10%", order=1)
        cart.add_tax("D", "10%", order=2)

        # 144 is 100 and 20 and 24; D is on 100, B and C.
        assert [str(each.amount.amount) for each in cart.totals.adjustments] == [
            "-20.00",
            "0.00",
            "10.00",
            "13.40",
        ]

    def test_fixed(self) -> None:
        """What is being paid stays without it, also if that is not so any more."""
        groups = ["exempt"]
        cart = make_cart(rulebook=shop_with(groups))
        cart.add("mug", price=119)
        cart.add_tax("VAT", "19%", included=True, exempt=EXEMPT)
        token = cart.begin_order().order_token
        groups.clear()
        cart.refresh()
        draft = cart.place_order(lambda draft: draft, lambda token: None, token=token)

        assert draft.totals.total == Money("100.00", "EUR")
        assert draft.totals.taxes == ()


ABROAD = rule("fact_equals", name="country", value="AT")


@each_place
@pytest.mark.parametrize(
    ("taxes", "told", "total"),
    [
        (
            [
                included("DE", "19%", rule=not_(ABROAD)),
                included("AT", "20%", rule=ABROAD),
            ],
            ["AT 119.00 19.83"],
            "119.00",
        ),
        (
            [included("DE", "19%", exempt=ABROAD), tax("AT", "20%", rule=ABROAD)],
            ["AT 100.00 20.00"],
            "120.00",
        ),
        ([included("DE", "19%", exempt=ABROAD)], [], "100.00"),
    ],
    ids=["gross", "net", "reverse charge"],
)
def test_prices_with_a_foreign_rate(
    taxes: list[Condition], told: list[str], total: str, at: RoundingPlace
) -> None:
    """Either the gross or the net price is that of home."""
    book = Rulebook()
    book.load_facts = lambda facts: {"country": "AT"}
    cart = make_cart(rulebook=book, at=at)
    cart.add("mug", price=119)

    for each in taxes:
        cart.add_condition(each)

    assert taxes_of(cart.totals) == told
    assert total_of(cart) == Decimal(total)


class TestCash:
    @each_place
    @pytest.mark.parametrize(
        ("price", "step", "expected"),
        [
            ("10.02", "0.05", "10.00"),
            ("10.03", "0.05", "10.05"),
            ("10.07", "0.05", "10.05"),
            ("10.08", "0.05", "10.10"),
            ("10.44", "0.1", "10.40"),
            ("10.45", "0.1", "10.50"),
            ("10.49", "1", "10.00"),
            ("10.50", Decimal(1), "11.00"),
            ("0.02", "0.05", "0.00"),
            ("10.05", "0.05", "10.05"),
        ],
    )
    def test_steps(
        self, price: str, step: str, expected: str, at: RoundingPlace
    ) -> None:
        """The total is the nearest amount that coins make, shown as a step."""
        cart = cart_of(cash_rounding(step), at=at, mug=price)
        (adjustment,) = cart.totals.adjustments

        assert total_of(cart) == Decimal(expected)
        assert adjustment.type == "rounding"
        assert adjustment.amount.amount == Decimal(expected) - Decimal(price)
        assert cart.totals.savings == Money(0, "EUR")

    @each_place
    def test_after_taxes(self, at: RoundingPlace) -> None:
        """It comes last, and changes no tax."""
        cart = cart_of(cash_rounding("0.05"), at=at, mug="9.99", pot="0.03")
        cart.add_tax("VAT", "8.1%")
        cart.add_tax("MORE", "1%", order=1)
        cart.add_shipping("Post", "4.90")

        assert [each.name for each in cart.totals.adjustments] == [
            "Post",
            "VAT",
            "MORE",
            "Rounding",
        ]
        assert taxes_of(cart.totals) == ["VAT 10.02 0.81", "MORE 10.83 0.11"]
        assert total_of(cart) == Decimal("15.85")

    @pytest.mark.parametrize("step", ["0", "5%", "-1", "", "1,5"])
    def test_steps_that_cannot_be(self, step: str) -> None:
        """A step is an amount."""
        with pytest.raises(InvalidConditionError, match="is not valid"):
            cash_rounding(step)

    @each_place
    def test_of_what_would_be_paid(self, at: RoundingPlace) -> None:
        """It is not the exact amount that is rounded, which nobody has seen."""
        cart = make_cart(rounding="up", at=at)
        cart.add("mug", price="10.021")
        cart.add_condition(cash_rounding("0.05"))

        assert [str(each) for each in cart.totals.adjustments] == [
            "Rounding (~0.05 on total): €10.03 -> €10.05"
        ]

    def test_yen(self) -> None:
        """Whatever the smallest coin is."""
        cart = make_cart(currency="JPY")
        cart.add("mug", price=1994)
        cart.add_condition(cash_rounding(10))

        assert total_of(cart) == 1990


class TestUnit:
    @pytest.mark.parametrize(
        ("price", "quantity", "value", "unit_price", "subtotal"),
        [
            ("0.333", 3, "-0%", "0.33", "0.99"),
            ("0.335", 3, "-0%", "0.34", "1.02"),
            ("9.99", 7, "-5%", "9.49", "66.43"),
            ("8.4915", 3, "-0%", "8.49", "25.47"),
            ("1", 3, "/3", "0.33", "0.99"),
            ("0.004", 1000, "-0%", "0.00", "0.00"),
        ],
    )
    def test_price_of_one(
        self, price: str, quantity: int, value: str, unit_price: str, subtotal: str
    ) -> None:
        """It is rounded after the line's conditions, and then multiplied."""
        cart = cart_of(at="unit", mug=(price, quantity))
        cart.add_condition(Condition("X", "x", "item", value), line=cart.lines[0].id)
        (line,) = cart.totals.lines

        assert (str(line.unit_price.amount), str(line.subtotal.amount)) == (
            unit_price,
            subtotal,
        )
        assert total_of(cart) == Decimal(subtotal)

    def test_rules_see_it(self) -> None:
        """What rules are told of the cart is what is shown."""
        cart = cart_of(at="unit", mug=("0.335", 100))
        cart.add_discount("X", "1", rule=rule("total_at_least", amount=34))

        assert total_of(cart) == 33


@each_place
def test_what_rules_see(at: RoundingPlace) -> None:
    """The rule of a tax sees what is to be paid before all taxes."""
    seen: list[Facts] = []
    book = Rulebook()
    book.rules.add("see", lambda facts: bool(seen.append(facts)) or True)
    cart = make_cart(rulebook=book, at=at)
    cart.add("mug", price=100)
    cart.add_tax("A", "10%", rule=rule("see"))
    cart.add_tax("B", "10%", rule=rule("see"), order=1)
    cart.add_shipping("Post", "5")
    cart.add_discount("HALF", "50%")
    adds_up(cart.totals)

    assert [(each.subtotal, each.amount) for each in seen] == [(100, 55), (100, 55)]


@each_place
def test_a_tax_of_an_amount(at: RoundingPlace) -> None:
    """It is divided among the lines, or evenly where all of them are free."""
    cart = cart_of(tax("ECO", "3"), at=at, mug=20, pot=10)
    assert [str(e.taxes[0].amount.amount) for e in cart.totals.lines] == [
        "2.00",
        "1.00",
    ]

    cart.add_discount("FREE", "100%")
    assert [str(e.taxes[0].amount.amount) for e in cart.totals.lines] == [
        "1.50",
        "1.50",
    ]
    assert total_of(cart) == 3


@pytest.mark.parametrize("at", ["unit", "line"])
def test_a_line_has_no_more_than_is_due(at: RoundingPlace) -> None:
    """What is rounded up for all is a unit of one line, and not a part of every one."""
    cart = make_cart(rounding="up", at=at)
    cart.add("mug", price="5569.83")
    cart.add("pot", price="12.45")
    cart.add_tax("VAT", "2.52%")  # 140.3597... and 0.3137...

    assert [str(each.taxes[0].amount.amount) for each in cart.totals.lines] == [
        "140.36",
        "0.32",
    ]


@each_place
def test_a_tax_that_takes_off(at: RoundingPlace) -> None:
    """A tax may be negative, but nothing is ever below zero."""
    cart = cart_of(tax("BACK", "-10%"), at=at, mug="0.33", pot="0.66")
    assert [str(e.taxes[0].amount.amount) for e in cart.totals.lines] == [
        "-0.03",
        "-0.07",
    ]

    cart.add_tax("BACK", "-500%")
    assert total_of(cart) == 0


@each_place
def test_a_base_of_the_shop(at: RoundingPlace) -> None:
    """A tax may be on another amount, which every line has its part of."""
    book = Rulebook()
    book.amounts.add("deposit", lambda facts: Decimal(60))
    cart = make_cart(rulebook=book, at=at)
    cart.add("mug", price=20)
    cart.add("pot", price=10)
    cart.add_condition(tax("A", "10%", base=rule("deposit"), cap="5"))
    cart.add_condition(included("B", "20%", base=rule("deposit")))

    assert taxes_of(cart.totals) == ["A 60.00 5.00", "B 60.00 10.00"]
    assert [str(e.taxes[1].base.amount) for e in cart.totals.lines] == [
        "40.00",
        "20.00",
    ]


@pytest.mark.parametrize(("price", "amount"), [("0.5", "2"), ("1.5", "0")])
def test_half_even(price: str, amount: str) -> None:
    """From half a yen to one and a half it is from 0 to 2; a free line has no part."""
    cart = make_cart(currency="JPY", rounding="half_even", at="total")
    cart.add("mug", price=price)
    cart.add("free", price=0)
    cart.add_tax("T", "1")
    adds_up(cart.totals)

    assert [str(e.taxes[0].amount.amount) for e in cart.totals.lines] == [amount, "0"]
