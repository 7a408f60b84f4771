from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest
from moneyed import Money

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import Condition
from flask_cart import InvalidConditionError
from flask_cart import InvalidItemError
from flask_cart import rule
from flask_cart.model.events import CurrencyChanged
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shelf import line_of
from tests.support.shelf import prices
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart


class Traded(Product):
    """A product with prices in euros and dollars."""

    def __init__(self, cart_id: str, euros: t.Any, dollars: t.Any) -> None:
        super().__init__(cart_id, Money(euros, "EUR"))
        self.prices = {"EUR": euros, "USD": dollars}

    def cart_price_in(self, currency: str) -> t.Any:
        return self.prices.get(currency)


@pytest.fixture
def rulebook() -> Rulebook:
    """A rulebook with an amount and a rule of the shop's own."""
    rulebook = Rulebook()

    def freight(facts: t.Any, per_kilo: Decimal) -> Decimal:
        raise NotImplementedError

    def dear(facts: t.Any, amounts: list[Decimal]) -> bool:
        raise NotImplementedError

    rulebook.amounts.add("freight", freight)
    rulebook.rules.add("dear", dear)

    return rulebook


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Traded("mug", "12.50", "14"), Traded("pot", 30, Money(30, "USD")))


@pytest.fixture
def cart(
    shelf: Shelf, storage: MemoryStorage, recorder: Recorder, rulebook: Rulebook
) -> Cart:
    """A cart with 2 mugs and a pot, in euros."""
    cart = make_cart(
        storage, announcer=recorder, catalogue=shelf.catalogue(), rulebook=rulebook
    )

    with cart.batch():
        cart.add(shelf.products["mug"], 2)
        cart.add(shelf.products["pot"])

    recorder.told.clear()

    return cart


def test_change(cart: Cart, shelf: Shelf, recorder: Recorder) -> None:
    """All lines have the prices of another currency, in one write."""
    cart.change_currency("USD")

    assert prices(cart) == {"mug": 14, "pot": 30}
    assert cart.currency == "USD"
    assert cart.totals.total == Money(58, "USD")
    assert shelf.asked == [["mug", "pot"]]
    assert recorder.names == ["item_updated", "item_updated", "currency_changed"]
    (event,) = (e for e in recorder.told[0] if isinstance(e, CurrencyChanged))
    assert (event.previous_currency, event.currency) == ("EUR", "USD")


def test_the_same(cart: Cart, shelf: Shelf, recorder: Recorder) -> None:
    """The currency that it has is no change."""
    cart.change_currency("EUR")

    assert (recorder.told, shelf.asked) == ([], [])


def test_and_back(cart: Cart) -> None:
    """Prices come from the products, and not from one another."""
    cart.change_currency("USD")
    cart.change_currency("EUR")

    assert prices(cart) == {"mug": Decimal("12.50"), "pot": 30}


def test_empty(storage: MemoryStorage) -> None:
    """An empty cart may get a currency first, and needs no loader for it."""
    cart = make_cart(storage)
    cart.change_currency("USD")
    cart.refresh()

    assert (cart.currency, cart.version) != ("EUR", 0)
    cart.add("mug", price=Money(5, "USD"))


def test_add_in_the_currency_of_the_cart(cart: Cart, shelf: Shelf) -> None:
    """A product is added for its price in the cart's currency."""
    cart.change_currency("USD")
    line = cart.add(shelf.products["mug"], options={"size": "L"})

    assert line.price == Money(14, line.currency)


def test_reprice_in_the_currency_of_the_cart(cart: Cart, shelf: Shelf) -> None:
    """So it is compared with the catalogue."""
    cart.change_currency("USD")
    shelf.products["mug"].prices["USD"] = 13

    (found,) = cart.reprice()
    assert found.new_price == Money(13, "USD")
    assert prices(cart)["mug"] == 13


def test_no_price_in_a_currency(cart: Cart, shelf: Shelf) -> None:
    """What is not sold in a currency keeps the whole cart from changing."""
    with pytest.raises(InvalidItemError, match="'mug' has no price in JPY"):
        cart.change_currency("JPY")

    yen = make_cart(currency="JPY")

    with pytest.raises(InvalidItemError, match="'mug' has no price in JPY"):
        yen.add(shelf.products["mug"])

    assert (cart.currency, len(yen)) == ("EUR", 0)


@pytest.mark.parametrize("currency", ["usd", "US$", "", None, 5])
def test_no_currency(cart: Cart, currency: t.Any) -> None:
    """What is no currency is refused."""
    with pytest.raises(InvalidItemError, match="not the ISO 4217 code"):
        cart.change_currency(currency)


@pytest.fixture
def in_yen(storage: MemoryStorage) -> tuple[Cart, Product]:
    """A cart in yen of a shop in euros, with a lamp of 10 euros for 1600."""
    lamp = Product("lamp", 10)
    cart = make_cart(storage, catalogue=Shelf(lamp).catalogue())
    line = cart.add(lamp)
    cart.change_currency("JPY", prices={line.id: 1600})

    return cart, lamp


def test_a_plain_price_is_no_lower_one(in_yen: tuple[Cart, Product]) -> None:
    """What costs 10 euros does not cost 10 yen from the next report on."""
    cart, lamp = in_yen
    lamp.cart_name = "Night lamp"
    (drift,) = cart.reprice("all")

    assert (drift.name, drift.is_applied) == ("Night lamp", True)
    assert cart.total == Money(1600, "JPY")
    assert not cart.reprice()


def test_a_plain_price_is_not_added(in_yen: tuple[Cart, Product]) -> None:
    """Neither is it added for 10 yen, alone or with many others."""
    cart, lamp = in_yen

    with pytest.raises(InvalidItemError, match="in EUR, the cart in JPY"):
        cart.add(lamp)

    assert cart.add_many([{"product": "lamp"}]).gone == ({"product": "lamp"},)
    assert cart.add(lamp, price=1500, options={"size": "S"}).price == Money(1500, "JPY")
    assert cart.total == Money(3100, "JPY")


def test_plain_prices_are_of_the_shop(in_yen: tuple[Cart, Product]) -> None:
    """Back in the currency of the shop, they are the right ones."""
    cart, lamp = in_yen
    cart.change_currency("EUR")
    cart.add(lamp)

    assert not cart.reprice()
    assert cart.total == Money(20, "EUR")


def test_plain_prices(cart: Cart, shelf: Shelf) -> None:
    """A plain number is not taken for an amount in whatever currency."""
    shelf.products["mug"] = Product("mug", "12.50")

    with pytest.raises(InvalidItemError, match="not tell what it costs in USD"):
        cart.change_currency("USD")

    assert cart.currency == "EUR"


def test_money(cart: Cart, shelf: Shelf) -> None:
    """A loader may return products that are priced for whom it loads them."""
    shelf.products["mug"] = Product("mug", Money(15, "USD"))
    cart.change_currency("USD")

    assert prices(cart) == {"mug": 15, "pot": 30}


def test_money_of_another_currency(cart: Cart, shelf: Shelf) -> None:
    """What is priced in the old currency cannot change."""
    shelf.products["mug"] = Product("mug", Money(15, "EUR"))

    with pytest.raises(InvalidItemError, match="'mug' cannot get another price"):
        cart.change_currency("USD")


def test_lines_without_a_product(cart: Cart, shelf: Shelf) -> None:
    """Lines that nobody can tell a price of are named, and can be given one."""
    pin = cart.add("pin", price=1)
    del shelf.products["mug"]

    with pytest.raises(InvalidItemError, match=r"no price in USD for mug, pin"):
        cart.change_currency("USD")

    given = {pin.id: "1.20", line_of(cart, "mug").id: Money(9, "USD")}
    cart.change_currency("USD", prices=given)
    assert prices(cart) == {"mug": 9, "pot": 30, "pin": Decimal("1.20")}
    assert shelf.asked == [["mug", "pot"], ["pot"]]


@pytest.mark.parametrize("amount", ["x", Money(1, "EUR"), -1])
def test_given_prices_are_checked(cart: Cart, amount: t.Any) -> None:
    """A price that is none, or in another currency, is refused."""
    with pytest.raises(InvalidItemError, match="'mug' cannot get another price"):
        cart.change_currency("USD", prices={line_of(cart, "mug").id: amount})


@pytest.mark.parametrize(
    "condition",
    [
        Condition("A", "discount", "subtotal", "-10%"),
        Condition("A", "discount", "subtotal", "*0.9"),
        Condition("A", "discount", "subtotal", "/2"),
        Condition("A", "shipping", "total", "0"),
        Condition("A", "tax", "subtotal", "19%", rule=rule("weekday", days=["mon"])),
        Condition("A", "tax", "subtotal", "7%", lines=rule("item", ids=["mug"])),
        Condition(
            "A",
            "discount",
            "subtotal",
            "-100%",
            base=rule("cheapest", buy=2, get=1),
        ),
    ],
)
def test_conditions_without_amounts(cart: Cart, condition: Condition) -> None:
    """Percentages and factors are the same in every currency, and stay."""
    cart.add_condition(condition)
    cart.change_currency("USD")

    assert cart.conditions == (condition,)


@pytest.mark.parametrize(
    "condition",
    [
        Condition("A", "discount", "subtotal", "-5"),
        Condition("A", "shipping", "total", "4.90"),
        Condition("A", "discount", "subtotal", "-10%", cap="5"),
        Condition(
            "A",
            "discount",
            "subtotal",
            "-1%",
            rule=rule("total_at_least", amount=5),
        ),
        Condition(
            "A", "discount", "subtotal", "-1%", lines=rule("price_below", amount=5)
        ),
        Condition("A", "fee", "total", "100%", base=rule("freight", per_kilo=2)),
        Condition("A", "fee", "total", "1%", rule=rule("dear", amounts=[2])),
    ],
)
def test_conditions_with_amounts(cart: Cart, condition: Condition) -> None:
    """An amount is another one in another currency: it is given, or dropped."""
    cart.add_condition(condition)

    with pytest.raises(InvalidConditionError, match="'A' has an amount in the old"):
        cart.change_currency("USD")

    assert (cart.currency, cart.conditions) == ("EUR", (condition,))
    instead = Condition("A", condition.type, condition.target, "1")
    cart.change_currency("USD", conditions=[instead])
    assert cart.conditions == (instead,)

    cart.change_currency("EUR", drop=["A"])
    assert cart.conditions == ()


def test_rules_that_are_gone(cart: Cart, storage: MemoryStorage, shelf: Shelf) -> None:
    """Of a rule that is not registered any more nobody knows what is in it."""
    cart.add_discount("A", "1%", rule=rule("dear", amounts=[2]))
    other = make_cart(storage, catalogue=shelf.catalogue())

    with pytest.raises(InvalidConditionError, match="'A' has an amount"):
        other.change_currency("USD")


def test_conditions_of_lines(cart: Cart) -> None:
    """The same goes for conditions on lines."""
    mug, pot = cart.lines
    gift = Condition("GIFT", "fee", "item", "2")
    cart.add_condition(gift, line=mug.id)
    cart.add_condition(Condition("SALE", "discount", "item", "-10%"), line=pot.id)

    with pytest.raises(InvalidConditionError, match="'GIFT' has an amount"):
        cart.change_currency("USD")

    dearer = Condition("GIFT", "fee", "item", "3")
    cart.change_currency("USD", conditions=[dearer])
    assert cart.get(mug.id).conditions == (dearer,)
    assert cart.totals.total == Money((14 + 3) * 2 + 27, "USD")

    cart.change_currency("EUR", drop=["GIFT", "POST"])
    assert cart.get(mug.id).conditions == ()
    assert [each.name for each in cart.get(pot.id).conditions] == ["SALE"]


def test_conditions_that_are_none(cart: Cart) -> None:
    """What takes the place of a condition is checked like any other."""
    cart.add_shipping("POST", "4.90")

    with pytest.raises(InvalidConditionError, match=r"on the total, .* the item"):
        cart.change_currency(
            "USD", conditions=[Condition("POST", "shipping", "item", "5")]
        )

    with pytest.raises(InvalidConditionError, match="no rule 'x'"):
        cart.change_currency(
            "USD", conditions=[Condition("X", "fee", "total", "1", rule=rule("x"))]
        )

    assert cart.currency == "EUR"


def test_order_of_conditions_stays(cart: Cart) -> None:
    """What is given takes the place of what was there."""
    cart.add_discount("A", "5")
    cart.add_discount("B", "10%")
    cart.change_currency(
        "USD", conditions=[Condition("A", "discount", "subtotal", "-6")]
    )

    assert [each.name for each in cart.conditions] == ["A", "B"]


def test_somebody_adds_something(shelf: Shelf) -> None:
    """A line that came in meanwhile has no price in the other currency."""
    storage = ContestedStorage()
    cart = make_cart(storage, catalogue=shelf.catalogue())
    cart.add(shelf.products["mug"])
    storage.contest([lambda other: other.add("pin", price=1)])

    with pytest.raises(CartConflictError):
        cart.change_currency("USD")

    assert prices(cart) == {"mug": Decimal("12.50"), "pin": 1}
    assert cart.currency == "EUR"


def test_somebody_changes_it_meanwhile(shelf: Shelf) -> None:
    """What was priced in euros is not put into a cart in dollars."""
    storage = ContestedStorage()
    cart = make_cart(storage, catalogue=shelf.catalogue())
    cart.add(shelf.products["mug"])
    uncontested = MemoryStorage()
    uncontested._carts = storage._carts
    rival = make_cart(uncontested, catalogue=shelf.catalogue())
    storage.contest([lambda other: rival.change_currency("USD")])

    with pytest.raises(CartConflictError, match="in USD now"):
        cart.add("pin", price=1)

    assert prices(cart) == {"mug": 14}


def test_order_that_was_begun(cart: Cart) -> None:
    """What was begun in euros is ordered in euros."""
    draft = cart.begin_order()
    cart.change_currency("USD")
    assert cart.order_token != draft.order_token

    placed = cart.place_order(
        lambda draft: draft, lambda token: None, token=draft.order_token
    )
    assert placed.totals.total == draft.totals.total == Money(55, "EUR")


def test_order_of_equal_numbers(shelf: Shelf, storage: t.Any) -> None:
    """Thirty dollars are another order than thirty euros."""
    cart = make_cart(storage, catalogue=shelf.catalogue())
    cart.add(shelf.products["pot"])
    draft = cart.begin_order()
    cart.change_currency("USD")

    assert prices(cart) == {"pot": 30}
    assert cart.order_token != draft.order_token
