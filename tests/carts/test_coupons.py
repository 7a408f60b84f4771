"""Coupons: the codes in a cart, and what the shop says of them."""

from __future__ import annotations

import pytest
from moneyed import Money

from flask_cart import CartLimitError
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import FlaskCart
from flask_cart import InvalidConditionError
from flask_cart import Rule
from flask_cart import not_
from flask_cart import rule
from flask_cart.model.limits import Limits
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.pricing.rulebook import finding_coupons
from flask_cart.pricing.rulebook import provide_coupons
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart


def test_add_and_remove() -> None:
    """Codes are iterated over as they came, each added and removed in one write."""
    recorder = Recorder()
    cart = make_cart(announcer=recorder)
    cart.coupons.add("A")
    cart.coupons.add("B")
    version = cart.version

    assert (list(cart.coupons), len(cart.coupons)) == (["A", "B"], 2)
    assert "A" in cart.coupons
    assert "C" not in cart.coupons
    assert repr(cart.coupons) == "Coupons(['A', 'B'])"

    cart.coupons.add("A")
    cart.coupons.remove("C")
    assert cart.version == version

    cart.coupons.remove("A")
    assert list(cart.coupons) == ["B"]
    assert recorder.names == [
        "cart_created",
        "coupon_added",
        "coupon_added",
        "coupon_removed",
    ]


@pytest.mark.parametrize("code", ["", " ", "A\0", None, 7])
def test_what_is_no_code(code: object) -> None:
    """What is not text is refused."""
    with pytest.raises(InvalidConditionError, match="The code of a coupon must"):
        make_cart().coupons.add(code)


def test_code_that_is_too_long() -> None:
    """A code is as long as any other text of a cart at most."""
    cart = make_cart(limits=Limits(string_length=5))
    cart.coupons.add("SPRIN")

    with pytest.raises(CartLimitError, match=r"code .* at most 5 characters"):
        cart.coupons.add("SPRING")


def test_coupon_is_what_the_shop_says_when_totals_are_read() -> None:
    """A coupon that is changed or ended by the shop is so in every cart at once."""
    table = {"SUMMER": Condition("SUMMER", "coupon", "subtotal", "-10%")}
    rulebook = Rulebook()
    rulebook.providers.append(provide_coupons(table.get))
    cart = make_cart(rulebook=rulebook)
    cart.add("mug", price=100)
    cart.coupons.add("SUMMER")
    assert str(cart.totals.total.amount) == "90.00"

    table["SUMMER"] = Condition("SUMMER", "coupon", "subtotal", "-20%")
    cart.refresh()
    assert str(cart.totals.total.amount) == "80.00"

    del table["SUMMER"]
    cart.refresh()
    assert str(cart.totals.total.amount) == "100.00"
    assert list(cart.coupons) == ["SUMMER"]


def test_coupon_that_is_refused_by_now() -> None:
    """It does nothing, and the others are asked all the same."""

    def load(code: str) -> Condition:
        if code == "OVER":
            raise CartVetoError("It has ended.")

        return Condition(code, "coupon", "subtotal", "-10%")

    rulebook = Rulebook()
    rulebook.providers.append(provide_coupons(load))
    cart = make_cart(rulebook=rulebook)
    cart.add("mug", price=100)
    cart.coupons.add("OVER")
    cart.coupons.add("SUMMER")

    assert [each.name for each in cart.totals.adjustments] == ["SUMMER"]


def test_metadata_is_no_coupon() -> None:
    """Whatever the shop notes about a cart, it is not taken for a code."""
    cart = make_cart()
    cart.metadata["coupon:A"] = True

    assert not cart.coupons


def test_loader_that_is_registered_again() -> None:
    """The later loader answers, also for what was noted before."""
    extension = FlaskCart()
    cart = make_cart(rulebook=extension._registry.rulebook)
    cart.add("mug", price=100)
    cart.coupons.add("SUMMER")
    assert extension._loaders.condition_of("SUMMER", dict) is None

    for value in ("-10%", "-20%"):
        coupon = Condition("SUMMER", "coupon", "subtotal", value)
        extension.coupon_loader({"SUMMER": coupon}.get)

    assert str(cart.totals.total.amount) == "80.00"
    assert len(extension._registry.rulebook.providers) == 1


def test_two_that_are_noted_at_the_same_time() -> None:
    """Of two codes that come at once, as many stay as a cart may note."""
    storage = MemoryStorage()
    one, other = (make_cart(storage, limits=Limits(coupons=1)) for _ in range(2))
    assert not one.coupons
    assert not other.coupons

    one.coupons.add("A")
    other.coupons.add("B")

    assert list(make_cart(storage).coupons) == ["B"]


TABLE = {
    "A": Condition("A", "coupon", "subtotal", "-10%"),
    "B": Condition("B", "coupon", "subtotal", "-1"),
    "NEVER": Condition("NEVER", "coupon", "subtotal", "-5", rule=Rule("never")),
    "FREE": Condition("FREE", "coupon", "subtotal", "-0"),
}


def coupon_of(code: str) -> Condition | None:
    """As a shop finds them, whatever a shopper types."""
    return TABLE.get(code.strip().upper())


def shop_with_coupons() -> Rulebook:
    rulebook = Rulebook()
    rulebook.rules.add("never", lambda facts: False)
    rulebook.providers.append(provide_coupons(coupon_of))

    return rulebook


def test_an_order_has_them_and_the_cart_not() -> None:
    """An order is told of the codes, and what was noted since stays in the cart."""
    cart = make_cart(rulebook=shop_with_coupons())
    cart.add("mug", price=100)
    cart.coupons.add("A")
    draft = cart.begin_order()
    cart.add("mug", price=100)
    cart.coupons.add("B")
    ordered = cart.place_order(
        lambda draft: draft.coupons, lambda token: None, token=draft.order_token
    )

    assert draft.coupons == ordered == ("A",)
    assert list(cart.coupons) == ["B"]


@pytest.mark.parametrize("is_begun", [True, False])
@pytest.mark.parametrize(
    ("noted", "used"),
    [
        (["A"], ["A"]),
        (["B", "A"], ["B", "A"]),
        (["NEVER", "A"], ["A"]),
        (["NEVER"], []),
        (["FREE"], []),
        (["nothing"], []),
        (["a"], []),
        ([" A "], []),
        (["a", "A"], ["A"]),
    ],
)
def test_those_that_are_used_up(
    noted: list[str], used: list[str], is_begun: bool
) -> None:
    """An order is told of the codes that made it cheaper, all of these and no others:
    none does so that could not be used up."""
    cart = make_cart(rulebook=shop_with_coupons())
    cart.add("mug", price=100)

    for code in noted:
        cart.coupons.add(code)

    token = cart.begin_order().order_token if is_begun else cart.order_token
    draft = cart.place_order(lambda draft: draft, lambda token: None, token=token)

    assert draft.coupons == tuple(used)
    assert (draft.totals.total.amount < 100) == bool(used)
    assert not cart.coupons


#: A coupon, the currency that it is in, and what 100 cost with it in each currency.
IN_CURRENCIES = {
    "amount": (Condition("C", "coupon", "subtotal", "-5", currency="EUR"), "95"),
    "cap": (
        Condition("C", "coupon", "subtotal", "-50%", cap="10", currency="EUR"),
        "90",
    ),
    "from": (
        Condition(
            "C",
            "coupon",
            "subtotal",
            "-10%",
            rule=rule("total_at_least", amount=40),
            currency="EUR",
        ),
        "90",
    ),
    "total": (Condition("C", "coupon", "total", "-7", currency="EUR"), "93"),
    "fee": (Condition("C", "fee", "total", "+3", currency="EUR"), "103"),
    "percentage": (Condition("C", "coupon", "subtotal", "-10%"), "90"),
    "not": (
        Condition(
            "C",
            "coupon",
            "subtotal",
            "-10%",
            rule=not_(rule("total_at_least", amount=200)),
            currency="EUR",
        ),
        "90",
    ),
}


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "USD"])
@pytest.mark.parametrize("name", IN_CURRENCIES)
def test_an_amount_belongs_to_a_currency(name: str, currency: str) -> None:
    """5 euros are not 5 yen, and "from 40 euros on" is not from 40 yen on."""
    coupon, expected = IN_CURRENCIES[name]
    rulebook = Rulebook()
    rulebook.providers.append(provide_coupons({"C": coupon}.get))
    cart = make_cart(rulebook=rulebook, currency=currency)
    cart.add("mug", price=100)
    cart.coupons.add("C")
    (adjustment,) = cart.totals.adjustments
    applies = coupon.currency in (None, currency)

    assert cart.total == Money(expected if applies else 100, currency)
    assert adjustment.is_applied is applies
    assert adjustment.code == ("" if applies else "other_currency")
    assert adjustment.reason == ("" if applies else "other_currency: codes EUR")


@pytest.mark.parametrize("currency", ["EUR", "JPY"])
def test_on_a_line(currency: str) -> None:
    """On a line as well."""
    cart = make_cart(currency=currency)
    line = cart.add("mug", price=100)
    gift = Condition("GIFT", "fee", "item", "2", currency="EUR")
    cart.add_condition(gift, line=line.id)

    assert cart.total == Money(102 if currency == "EUR" else 100, currency)


def test_stays_in_another_currency() -> None:
    """It need not be given anew, and does something again when the cart is back."""
    cart = make_cart()
    line = cart.add("mug", price=100)
    cart.add_condition(Condition("FIVE", "coupon", "total", "-5", currency="EUR"))
    cart.change_currency("USD", prices={line.id: 110})
    assert cart.total == Money(110, "USD")
    cart.change_currency("EUR", prices={line.id: 100})

    assert cart.total == Money(95, "EUR")


def test_no_currency() -> None:
    """A misspelt one is refused at once."""
    with pytest.raises(InvalidConditionError, match="'EURO' is not a currency"):
        Condition("FIVE", "coupon", "total", "-5", currency="EURO")


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_loader_that_asks_for_the_cart(currency: str) -> None:
    """It may have another amount for each currency, and for what is in the cart."""
    amounts = {"EUR": "5", "JPY": "800"}

    def load(code: str, facts: Facts) -> Condition | None:
        if facts.currency not in amounts or not facts.lines:
            return None

        return Condition(code, "coupon", "subtotal", f"-{amounts[facts.currency]}")

    rulebook = Rulebook()
    rulebook.providers.append(provide_coupons(load))
    cart = make_cart(rulebook=rulebook, currency=currency)
    cart.add("mug", price=1000)
    cart.coupons.add("C")

    assert cart.total.amount == 1000 - int(amounts.get(currency, 0))


def test_loader_that_cannot_be_looked_into() -> None:
    """It gets the code alone, like all that do not ask for more."""

    class Opaque:
        def __call__(self, code: str) -> Condition:
            return Condition(code, "coupon", "total", "-1")

        @property
        def __signature__(self) -> None:
            raise ValueError

    find = finding_coupons(Opaque())

    assert find("C", pytest.fail) == Condition("C", "coupon", "total", "-1")
