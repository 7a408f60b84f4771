"""Offers as shops have them: each is one line, and comes to what it says."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest

from flask_cart import Cart
from flask_cart import Condition
from flask_cart import Rule
from flask_cart import ShippingMethod
from flask_cart import all_of
from flask_cart import among
from flask_cart import not_
from flask_cart import rule
from flask_cart.app.reasons import tell_reason
from flask_cart.carts.cart import working_copy
from flask_cart.model.operations import AddCondition
from flask_cart.pricing.presets import buy_x_get_y
from flask_cart.pricing.presets import cash_rounding
from flask_cart.pricing.presets import gift_card
from flask_cart.pricing.presets import quantity_discount
from flask_cart.pricing.presets import tax_classes
from flask_cart.pricing.rounding import ROUNDING_MODES
from flask_cart.pricing.rulebook import Rulebook
from tests.support.adding_up import adds_up
from tests.support.adding_up import can_be_paid
from tests.support.shop import make_cart

MUGS = rule("category", names=["mug"])
WINE = rule("category", names=["wine"])
ORIGINAL = rule("original")
NEVER = rule("total_at_least", amount=9999)

#: Two mugs, three pots and a pen: 25.00, 12.00 and 1.00.
GOODS = {"mug": ("12.50", 2), "pot": (4, 3), "pen": (1, 1)}


def discount(value: str, name: str = "", **terms: t.Any) -> Condition:
    return Condition(name or value, "discount", "subtotal", value, **terms)


def fee(value: str, name: str = "", **terms: t.Any) -> Condition:
    return Condition(name or value, "fee", "total", value, **terms)


def cart_of(
    *conditions: Condition, goods: dict[str, tuple] = GOODS, **services: t.Any
) -> Cart:
    """A cart of items with prices and quantities, whose category is their name."""
    cart = make_cart(**services)

    for item, (price, quantity) in goods.items():
        cart.add(item, quantity, price=price, attributes={"category": item})

    for each in conditions:
        cart.add_condition(each)

    return cart


def total(*conditions: Condition, **given: t.Any) -> Decimal:
    """What a cart comes to, where everything adds up however it is rounded."""
    for at in ("unit", "total", "line"):
        totals = cart_of(*conditions, at=at, **given).totals
        adds_up(totals)
        can_be_paid(totals)

    return totals.total.amount


def reasons(cart: Cart) -> dict[str, str]:
    """Why conditions do nothing, by their names."""
    return {e.name: tell_reason(e.code, e.params) for e in cart.totals.explain()}


class TestPer:
    """A value that acts on each piece, or on each line, by itself."""

    @pytest.mark.parametrize(
        ("offer", "shares"),
        [
            (discount("-5", per="piece", lines=MUGS), "15.00 12.00 1.00"),
            (discount("-5", per="piece"), "15.00 0.00 0.00"),
            (discount("-5", per="line"), "20.00 7.00 0.00"),
            (discount("-20%", per="piece", cap="1"), "23.00 9.60 0.80"),
            (discount("-20%", per="line", cap="1"), "24.00 11.00 0.80"),
            (discount("+0.25", per="piece", lines=not_(MUGS)), "25.00 12.75 1.25"),
            (discount("*0.5", per="piece", lines=MUGS), "12.50 12.00 1.00"),
            (discount("~5", per="piece", lines=MUGS), "30.00 12.00 1.00"),
            # Set a price.
            (discount("=10", per="piece", lines=MUGS), "20.00 12.00 1.00"),
            (discount("=0", per="piece", lines=MUGS), "0.00 12.00 1.00"),
            (discount("=10", per="line", lines=MUGS), "10.00 12.00 1.00"),
            (discount("=15", lines=MUGS), "15.00 12.00 1.00"),
            (discount("=19"), "12.50 6.00 0.50"),
            (
                discount("=3", per="piece", lines=rule("price_at_least", amount=3)),
                "6.00 9.00 1.00",
            ),
        ],
    )
    def test_shares(self, offer: Condition, shares: str) -> None:
        """Each line has what is its own, and nothing is below zero."""
        lines = cart_of(offer).totals.lines

        assert " ".join(str(line.share.amount) for line in lines) == shares
        assert total(offer) == sum(map(Decimal, shares.split()))

    @pytest.mark.parametrize(
        ("added", "amount"),
        [
            (fee("3", per="line", lines=MUGS), 3),
            (fee("3", per="line"), 9),
            (fee("0.25", per="piece"), "1.50"),
            (fee("0.25", per="piece", lines=not_(MUGS)), 1),
            (fee("5%", per="line", cap="1"), "1.65"),
            (fee("10%", lines=MUGS), "2.50"),
            (fee("-1", per="piece", lines=MUGS), -2),
        ],
    )
    def test_on_the_total(self, added: Condition, amount: object) -> None:
        """A fee for each is added to the total, and is in no line."""
        totals = cart_of(discount("-0.00"), added).totals

        assert total(added) == 38 + Decimal(amount)
        assert totals.subtotal.amount == 38
        assert totals.adjustments[1].amount.amount == Decimal(amount)

    def test_after_others(self) -> None:
        """It acts on what others have left of each."""
        assert total(discount("-10%"), discount("-1", per="piece")) == Decimal("28.30")

    def test_taxes(self) -> None:
        """Each line is taxed by what is left of it."""
        taxes = tax_classes("VAT", {"mug": "10%"}, default="20%", attribute="category")
        (mug, pot, _) = cart_of(
            discount("-5", per="piece", lines=MUGS), *taxes
        ).totals.lines

        assert [mug.taxes[0].base.amount, pot.taxes[0].base.amount] == [15, 12]

    @pytest.mark.parametrize(
        ("currency", "off", "expected"),
        [("JPY", "300", 1800), ("EUR", "2.50", "1992.50"), ("KWD", "0.125", "2.625")],
    )
    def test_currencies(self, currency: str, off: str, expected: object) -> None:
        """Amounts are those of the cart's currency."""
        price = {"JPY": "900", "EUR": "666.666667", "KWD": "1.0"}[currency]
        offer = discount(f"-{off}", per="piece")
        cart = cart_of(offer, goods={"mug": (price, 3)}, currency=currency)

        assert cart.totals.total.amount == Decimal(expected)


class TestOriginal:
    """Percentages that all act on the original price."""

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (["-10%", "-20%"], "26.60"),
            (["-20%", "-10%"], "26.60"),
            (["-10%", "-5%", "-5.5%"], "30.21"),
            (["-50%", "-40%", "-20%"], 0),
            (["-100%", "-10%"], 0),
            (["-10%", "+10%"], 38),
        ],
    )
    def test_parallel(self, values: list[str], expected: object) -> None:
        """None of them acts on what another one has left."""
        offers = [discount(each, base=ORIGINAL) for each in values]

        assert total(*offers) == Decimal(expected)

    def test_of_some_lines(self) -> None:
        """Of each it is the price before all conditions, also those of the line."""
        cart = cart_of(
            discount("-10%", base=ORIGINAL, lines=MUGS),
            discount("-20%", base=ORIGINAL, lines=MUGS),
        )
        sale = Condition("SALE", "discount", "item", "-50%")
        cart.add_condition(sale, line=cart.lines[0].id)

        assert cart.totals.total.amount == Decimal("18.00")
        assert cart.totals.lines[0].share.amount == 5


class TestAmounts:
    """What a value may act on instead of all that there is."""

    @pytest.mark.parametrize(
        ("added", "amount"),
        [
            (fee("10%", base=rule("goods")), "3.80"),
            (fee("10%", base=rule("goods"), order=-1), "3.80"),
            (fee("10%", base=rule("goods"), lines=MUGS), "2.50"),
            (fee("50%", base=rule("shipping")), "2.50"),
            (fee("50%", base=rule("shipping"), order=-1), 0),
            (fee("10%", base=rule("original")), "3.80"),
            (fee("10%", base=rule("net")), "3.80"),
            (fee("10%"), "4.30"),
        ],
    )
    def test_fees(self, added: Condition, amount: object) -> None:
        """A fee on the goods does not grow with shipping, nor with what it costs."""
        post = Condition("Post", "shipping", "total", "5")

        assert total(post, added) == 43 + Decimal(amount)

    @pytest.mark.parametrize(
        ("offers", "amount"),
        [
            ([], "3.33"),  # 25 / 1.25 + 12 / 1.2 + 1 / 1.2 = 30.83
            ([discount("-50%", "HALF")], "1.67"),
            ([discount("=0", "FREE", lines=MUGS)], "1.08"),
        ],
    )
    def test_net(self, offers: list[Condition], amount: str) -> None:
        """Net is without the taxes that the prices include."""
        taxes = tax_classes(
            "VAT", {"mug": "25%"}, default="20%", attribute="category", included=True
        )
        added = fee("10%", base=rule("net"))
        before = cart_of(*offers, *taxes).totals.total.amount
        expected = {"3.33": "3.08", "1.67": "1.54", "1.08": "1.08"}[amount]

        assert total(*offers, added, *taxes) - before == Decimal(expected)

    def test_net_of_those_who_are_exempt(self) -> None:
        """Net is the same for who does not pay the tax, and for a net price."""
        vat = Condition("VAT", "tax", "subtotal", "20%", included=True)
        exempt = Condition(
            "VAT", "tax", "subtotal", "20%", included=True, exempt=rule("logged_in")
        )
        added = fee("10%", base=rule("net"))
        goods = {"mug": (120, 1)}

        assert total(added, vat, goods=goods) == 130
        assert total(added, exempt, goods=goods) == 110
        assert total(added, goods=goods) == 132

    def test_net_is_not_made_of_itself(self) -> None:
        """A tax whose rule asks for what is net is told what is not, at once."""
        asked = []
        book = Rulebook()
        book.rules.add("cheap", lambda facts: asked.append(dict(facts.net)) or True)
        vat = Condition(
            "VAT", "tax", "subtotal", "20%", included=True, rule=rule("cheap")
        )
        cart = cart_of(
            vat,
            fee("10%", base=rule("net")),
            goods={"mug": (120, 1)},
            rulebook=book,
        )

        assert cart.totals.total.amount == 130
        assert [sum(each.values()) for each in asked] == [120, 120, 100]


def exclusive(*values: str, **terms: t.Any) -> list[Condition]:
    """Discounts of which there is one."""
    return [discount(each, group="best", **terms) for each in values]


class TestGroups:
    """Of the conditions of one group, the cart has the best one."""

    @pytest.mark.parametrize(
        ("offers", "expected", "best"),
        [
            (exclusive("-10%", "-5"), 33, "-5"),
            (exclusive("-20%", "-5"), "30.40", "-20%"),
            (exclusive("-5", "-5.00"), 33, "-5"),
            (exclusive("-5", "-6", "-7", "-3"), 31, "-7"),
            (exclusive("-5"), 33, "-5"),
            ([discount("-50%", group="best", rule=NEVER), *exclusive("-1")], 37, "-1"),
            ([discount("-90%", group="best", cap="2"), *exclusive("-3")], 35, "-3"),
            (
                [discount("-12", group="best", lines=MUGS), *exclusive("-50%")],
                19,
                "-50%",
            ),
            ([discount("-5", group="best", per="piece"), *exclusive("-22")], 15, "-5"),
            ([buy_x_get_y("B1G1", 1, group="best"), *exclusive("-8")], 29, "B1G1"),
            ([*exclusive("-10%"), discount("-1", order=-5)], "33.30", "-10%"),
            ([*exclusive("-1"), fee("-2", group="best")], 36, "-2"),
            (
                [fee("3", group="pay"), fee("2", group="pay"), fee("9", group="pay")],
                40,
                "2",
            ),
        ],
    )
    def test_the_best(
        self, offers: list[Condition], expected: object, best: str
    ) -> None:
        """The shopper pays the least that there is to pay with one of them."""
        assert total(*offers) == Decimal(expected)

        grouped = {each.name for each in offers if each.group}
        steps = cart_of(*offers).totals.explain()

        assert [e.name for e in steps if e.is_applied and e.name in grouped] == [best]

    def test_why_not_the_others(self) -> None:
        """The others say so, unless they would not have applied anyhow."""
        cart = cart_of(
            *exclusive("-5", "-10%"), discount("-9", group="best", rule=NEVER)
        )

        assert reasons(cart) == {
            "-5": "",
            "-10%": "another offer is better",
            "-9": "it needs €9,999.00, there are €38.00",
        }

    def test_none_applies(self) -> None:
        """Where none applies, each says why."""
        cart = cart_of(
            *[discount(each, group="best", rule=NEVER) for each in ("-5", "-6")]
        )

        assert cart.totals.total.amount == 38
        assert set(reasons(cart).values()) == {"it needs €9,999.00, there are €38.00"}

    @pytest.mark.parametrize(
        ("price", "best", "expected"), [(40, "FREE", 40), (60, "-10%", 59)]
    )
    def test_free_shipping_or_less(self, price: int, best: str, expected: int) -> None:
        """Conditions of all targets can be in one group."""
        cart = cart_of(
            Condition("FREE", "coupon", "shipping", "-100%", group="best"),
            *exclusive("-10%"),
            Condition("Post", "shipping", "total", "5"),
            goods={"mug": (price, 1)},
        )

        assert cart.totals.total.amount == expected
        assert {name for name, why in reasons(cart).items() if not why} == {
            best,
            "Post",
        }

    @pytest.mark.parametrize("is_later", [False, True])
    def test_equal_ones(self, is_later: bool) -> None:
        """Of equal ones it is the one that acts first, whichever was added first."""
        free = Condition("FREE", "coupon", "shipping", "-100%", group="best")
        offers = [free, *exclusive("-5")][:: -1 if is_later else 1]
        cart = cart_of(*offers, Condition("Post", "shipping", "total", "5"))

        assert cart.totals.total.amount == 38
        assert reasons(cart)["FREE"] == "another offer is better"

    def test_equal_after_rounding(self) -> None:
        """Of equal ones it is one that applies."""
        cart = cart_of(
            discount("-5", group="best", rule=NEVER),
            *exclusive("-0.01"),
            cash_rounding("0.05"),
        )

        assert reasons(cart)["-0.01"] == ""

    def test_several_groups(self) -> None:
        """Each group has its best."""
        offers = [
            *exclusive("-10%", "-8"),
            *[discount(each, group="other") for each in ("-1", "-2", "-0.5")],
        ]

        assert total(*offers, goods={"mug": (100, 1)}) == 88

    def test_taxes_are_compared_as_well(self) -> None:
        """What counts is what is paid at the end."""
        light = Condition("LIGHT", "tax", "subtotal", "5%", group="tax")
        full = Condition("FULL", "tax", "subtotal", "20%", group="tax")
        cart = cart_of(full, light, goods={"mug": (100, 1)})

        assert cart.totals.total.amount == 105
        assert [each.name for each in cart.totals.taxes] == ["LIGHT"]

    def test_provided_ones(self) -> None:
        """Those of providers are in the same groups as those that are stored."""
        asked = []

        def provider(facts: object) -> list[Condition]:
            asked.append(facts)
            assert sum(facts.net.values()) == 38

            return [discount("-20%", group="best"), discount("-1")]

        book = Rulebook()
        book.providers.append(provider)
        book.list_shipping = lambda facts: [
            ShippingMethod(Condition("Post", "shipping", "total", "4"))
        ]
        cart = cart_of(*exclusive("-5"), rulebook=book)
        cart.shipping.choose("Post")

        asked.clear()

        assert cart.totals.total.amount == Decimal("33.40")
        assert len(asked) == 1
        assert reasons(cart)["-5"] == "another offer is better"
        assert [each.price.amount for each in cart.shipping.options] == [4]


class TestAmong:
    """A rule about some lines only."""

    @pytest.mark.parametrize(
        ("asked", "holds"),
        [
            (among(MUGS, rule("total_at_least", amount=25)), True),
            (among(MUGS, rule("total_at_least", amount="25.01")), False),
            (among(not_(MUGS), rule("total_below", amount=14)), True),
            (among(WINE, rule("total_below", amount=1)), True),
            (among(WINE, rule("total_at_least", amount=1)), False),
            (among(MUGS, rule("amount_at_least", amount="22.50")), True),
            (among(MUGS, rule("amount_at_least", amount=23)), False),
            (among(MUGS, rule("quantity_at_least", quantity=2)), True),
            (among(MUGS, rule("quantity_at_least", quantity=3)), False),
            (among(MUGS, rule("price_at_least", amount=12)), True),
            (among(MUGS, rule("category", names=["pot"])), False),
            (among(not_(MUGS), rule("every_item", ids=["pot", "pen"])), True),
            (all_of(among(MUGS, rule("logged_in")), not_(NEVER)), True),
            (not_(among(MUGS, rule("quantity_at_least", quantity=3))), True),
            (among(rule("first_order"), rule("total_below", amount=1)), False),
            (not_(among(rule("first_order"), rule("logged_in"))), False),
        ],
    )
    def test_holds(self, asked: Rule, holds: bool) -> None:
        """It is asked as if the cart had no other lines."""
        offers = [discount("-10%"), discount("-1", rule=asked)]

        assert total(*offers) == Decimal("33.20" if holds else "34.20")

    def test_says_of_what(self) -> None:
        """The reason says that not everything counts."""
        cart = cart_of(
            discount("-5", rule=among(MUGS, rule("total_at_least", amount=50)))
        )
        (step,) = cart.totals.adjustments

        assert reasons(cart)["-5"] == (
            "it needs €50.00, there are €25.00 among those that count"
        )
        assert step.params["amount"] - step.params["there"] == 25

    def test_on_a_line(self) -> None:
        """On a line it is about the other lines as well."""
        pen = Condition(
            "SET",
            "discount",
            "item",
            "=0",
            rule=among(MUGS, rule("total_at_least", amount=25)),
        )
        cart = cart_of()
        cart.add_condition(pen, line=cart.lines[2].id)

        assert cart.totals.total.amount == 37

    def test_shipping(self) -> None:
        """Shipping methods can ask it."""
        book = Rulebook()
        enough = among(MUGS, rule("total_at_least", amount=25))
        post = Condition("Post", "shipping", "total", "4", rule=not_(enough))
        book.list_shipping = lambda facts: [ShippingMethod(post, available=enough)]
        cart = cart_of(discount("-50%"), rulebook=book)

        assert [e.is_available for e in cart.shipping.options] == [True]
        assert [e.price.amount for e in cart.shipping.options] == [0]


class TestTiers:
    """A discount that grows with how many there are of an item."""

    TIERS = t.cast(dict[int, str], {3: "5%", 10: "2", 50: "=5"})

    @pytest.mark.parametrize(
        ("quantities", "expected"),
        [
            ([2], 20),
            ([1, 1], 20),
            ([3], "28.50"),
            ([1, 2], "28.50"),
            ([1, 1, 1], "28.50"),
            ([9], "85.50"),
            ([5, 5], 80),
            ([20, 20, 9], 392),
            ([20, 20, 10], 250),
        ],
    )
    def test_across_variants(self, quantities: list[int], expected: object) -> None:
        """The pieces of all variants count together, and each has the discount."""
        cart = make_cart()

        for size, quantity in zip("SML", quantities, strict=False):
            cart.add("shirt", quantity, price=10, options={"size": size})

        for each in quantity_discount("BULK", self.TIERS):
            cart.add_condition(each)

        assert cart.totals.total.amount == Decimal(expected)
        cart.add("hat", 2, price=10)
        assert cart.totals.total.amount == Decimal(expected) + 20

    def test_of_some_lines(self) -> None:
        """It can be limited to some items."""
        offers = quantity_discount("BULK", {2: "50%"}, lines=MUGS)

        assert total(*offers) == Decimal("25.50")


class TestFreeShipping:
    """A coupon for shipping is one condition."""

    @pytest.mark.parametrize(
        ("coupon", "expected"),
        [
            ({"value": "-100%"}, 38),
            ({"value": "-100%", "cap": "3"}, 40),
            ({"value": "-50%"}, "40.50"),
            ({"value": "-2"}, 41),
            ({"value": "-9"}, 38),
            ({"value": "=1.99"}, "39.99"),
            ({"value": "-100%", "rule": NEVER}, 43),
            (
                {
                    "value": "-100%",
                    "rule": among(MUGS, rule("total_at_least", amount=20)),
                },
                38,
            ),
        ],
    )
    def test_coupon(self, coupon: dict, expected: object) -> None:
        """It takes off shipping, and nothing else."""
        coupon = Condition("FREE", "coupon", "shipping", **coupon)
        post = Condition("Post", "shipping", "total", "5")
        wrap = Condition("Wrap", "fee", "total", "1")

        assert total(coupon, post, wrap) == Decimal(expected) + 1

    def test_no_shipping_yet(self) -> None:
        """Where nothing was chosen, it has nothing to change."""
        cart = cart_of(Condition("FREE", "coupon", "shipping", "-100%"))

        assert cart.totals.total.amount == 38
        assert reasons(cart) == {"FREE": "there is no amount to change"}

    def test_not_taxed(self) -> None:
        """What is not paid is not taxed."""
        taxes = tax_classes("VAT", {}, default="10%", shipping="10%")
        post = Condition("Post", "shipping", "total", "5")
        coupon = Condition("FREE", "coupon", "shipping", "-100%")

        assert total(post, coupon, *taxes) == Decimal("41.80")
        assert cart_of(post, coupon, *taxes).totals.savings.amount == 5


class TestBuyOneGetOne:
    """What is free is not bought."""

    @pytest.mark.parametrize(
        ("buy", "get", "mugs", "free"),
        [
            (1, 1, 1, 0),
            (1, 1, 2, 1),
            (1, 1, 3, 1),
            (1, 1, 4, 2),
            (2, 1, 2, 0),
            (2, 1, 3, 1),
            (2, 1, 5, 1),
            (2, 1, 6, 2),
            (1, 2, 2, 1),
            (1, 2, 3, 2),
            (1, 2, 4, 2),
            (1, 2, 5, 3),
            (3, 2, 9, 3),
        ],
    )
    def test_the_same_item(self, buy: int, get: int, mugs: int, free: int) -> None:
        """The item that is bought may be the one that is free, but no piece is both."""
        named = buy_x_get_y("X", buy, get, lines=MUGS, bought=["mug"])
        unnamed = buy_x_get_y("X", buy, get, lines=MUGS)
        goods = {"mug": (10, mugs), "pen": (1, 4)}

        assert total(named, goods=goods) == 10 * (mugs - free) + 4
        assert total(unnamed, goods=goods) == 10 * (mugs - free) + 4

    @pytest.mark.parametrize(
        ("goods", "expected"),
        [
            ({"mug": (10, 1), "lid": (3, 1)}, 10),
            ({"mug": (10, 2), "lid": (3, 1)}, 20),
            ({"mug": (10, 2), "lid": (3, 2)}, 20),
            ({"mug": (10, 3), "lid": (3, 1)}, 20),
            ({"mug": (2, 2), "lid": (3, 2)}, 8),
            ({"lid": (3, 2)}, 6),
        ],
    )
    def test_the_item_or_another(self, goods: dict, expected: int) -> None:
        """A mug gives a mug or a lid for free, the cheaper ones first."""
        lines = rule("item", ids=["mug", "lid"])
        offer = buy_x_get_y("X", 1, lines=lines, bought=["mug"])

        assert total(offer, goods=goods) == expected


class TestTenders:
    """What a total is paid with."""

    @pytest.mark.parametrize(
        ("cards", "due", "left"),
        [
            (["10"], 28, [0]),
            (["38"], 0, [0]),
            (["50"], 0, [12]),
            (["10", "20"], 8, [0, 0]),
            (["30", "20"], 0, [0, 12]),
            (["38", "20"], 0, [0, 20]),
            (["0"], 38, [0]),
            (["37.999"], "0.01", [0]),
            (["1e3"], 0, [962]),
        ],
    )
    def test_due(self, cards: list[str], due: object, left: list[int]) -> None:
        """What is to be paid is never below zero, and what is left of each is told."""
        tenders = [
            gift_card(f"GIFT-{i}", Decimal(each)) for i, each in enumerate(cards)
        ]
        totals = cart_of(*tenders).totals

        assert total(*tenders) == totals.total.amount == 38
        assert totals.due.amount == Decimal(due)
        assert [each.left.amount for each in totals.tenders] == left
        assert [each.to_dict()["left"] is None for each in totals.tenders] == [
            False
        ] * len(cards)

    def test_no_price(self) -> None:
        """They change neither the total, nor taxes, nor what is saved."""
        vat = Condition("VAT", "tax", "total", "10%")
        bare = cart_of(discount("-8"), vat, fee("1")).totals
        paid = cart_of(gift_card("GIFT", 20), discount("-8"), vat, fee("1")).totals

        assert paid.total == bare.total
        assert paid.due.amount == bare.total.amount - 20
        assert bare.due == bare.total
        assert paid.taxes == bare.taxes
        assert paid.savings == bare.savings
        assert paid.adjustments == bare.adjustments
        assert paid.explain()[-1] == paid.tenders[0]

    def test_after_cash_rounding(self) -> None:
        """The total is rounded, and then paid."""
        tenders = [gift_card("GIFT", "10.01"), cash_rounding("0.05")]
        totals = cart_of(*tenders, goods={"mug": ("12.48", 1)}).totals

        assert (totals.total.amount, totals.due.amount) == (
            Decimal("12.50"),
            Decimal("2.49"),
        )

    @pytest.mark.parametrize("mode", ROUNDING_MODES)
    @pytest.mark.parametrize("price", ["3.5", "2.5", "0.5", "7.49"])
    def test_exact(self, mode: str, price: str) -> None:
        """Nobody pays more with a card than there is on it, however it is rounded."""
        for balance in ("1", "1.4", "2", "3"):
            totals = cart_of(
                gift_card("GIFT", balance),
                goods={"mug": (price, 1)},
                currency="JPY",
                rounding=mode,
                at="total",
            ).totals
            adds_up(totals)
            card = totals.tenders[0]

            assert -card.amount.amount <= Decimal(balance)
            assert card.left.amount == int(Decimal(balance)) + card.amount.amount

    @pytest.mark.parametrize(
        ("terms", "why"),
        [
            ({"rule": NEVER}, "it needs €9,999.00, there are €38.00"),
            ({"rule": rule("gone")}, "there is no rule 'gone' any more"),
        ],
    )
    def test_not_used(self, terms: dict, why: str) -> None:
        """One that cannot be used pays nothing and says why."""
        tender = Condition("CREDIT", "tender", "total", "-5", **terms)
        cart = make_cart()
        cart.add("mug", price=38)
        # The rule may be gone by now.
        working_copy(cart).apply(AddCondition(tender))
        totals = cart.totals

        assert totals.due == totals.total
        assert reasons(cart) == {"CREDIT": why}
        assert totals.tenders[0].left is None

    def test_store_credit(self) -> None:
        """An amount of the app's own can be paid with, such as what it owes."""
        book = Rulebook()
        book.amounts.add("credit", lambda facts: Decimal("12.50"))
        credit = Condition(
            "Credit", "tender", "total", "-100%", base=rule("credit"), cap="10"
        )
        totals = cart_of(credit, rulebook=book).totals

        assert totals.due.amount == 28
        assert totals.tenders[0].left.amount == 0

    def test_rules_are_told_the_price(self) -> None:
        """What is asked about the total does not depend on what it is paid with."""
        enough = discount("-1", rule=rule("amount_at_least", amount=38))

        assert cart_of(gift_card("GIFT", 30), enough).totals.due.amount == 7

    def test_empty(self) -> None:
        """In an empty cart there is nothing to pay."""
        totals = cart_of(gift_card("GIFT", 30), goods={}).totals

        assert (totals.total.amount, totals.due.amount) == (0, 0)
        assert totals.tenders[0].left.amount == 30
