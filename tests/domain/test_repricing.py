from __future__ import annotations

import json
import typing as t
from decimal import Decimal

import pytest
from moneyed import Money

from domain.shelf import Product
from domain.shelf import Shelf
from domain.shop import ContestedStorage
from domain.shop import Recorder
from domain.shop import make_cart
from domain.shop import stored
from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartConflictError
from flask_cart import Condition
from flask_cart import Drift
from flask_cart import InvalidConditionError
from flask_cart import InvalidItemError
from flask_cart import Line
from flask_cart import LineDrift
from flask_cart import rule
from flask_cart.events import CurrencyChanged
from flask_cart.rulebook import Rulebook
from flask_cart.storage.memory import MemoryStorage


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Product("mug", "12.50"), Product("pot", 30), Product("cup", 5))


@pytest.fixture
def cart(shelf: Shelf, storage: MemoryStorage, recorder: Recorder) -> Cart:
    """A cart with 2 mugs, a pot and a cup."""
    cart = make_cart(storage, announcer=recorder, catalogue=shelf.catalogue())

    with cart.batch():
        for product, quantity in zip(shelf.products.values(), [2, 1, 1], strict=True):
            cart.add(product, quantity)

    recorder.told.clear()

    return cart


def prices(cart: Cart) -> dict[str, Decimal]:
    cart.refresh()

    return {line.item_id: line.price for line in cart}


def line_of(cart: Cart, item_id: str) -> Line:
    return next(line for line in cart if line.item_id == item_id)


def only(drift: Drift) -> LineDrift:
    (found,) = drift

    return found


def test_products(cart: Cart, shelf: Shelf) -> None:
    """A template gets the products of all lines at once, those by id included."""
    cart.add("pin", price=1)
    shelf.products["pin"] = pin = Product("pin")
    del shelf.products["cup"]

    assert cart.products() == {
        "mug": shelf.products["mug"],
        "pot": shelf.products["pot"],
        "pin": pin,
    }
    assert shelf.asked == [["mug", "pot", "cup", "pin"]]


class TestReprice:
    def test_nothing_has_changed(
        self, cart: Cart, storage: MemoryStorage, recorder: Recorder, shelf: Shelf
    ) -> None:
        """Where nothing differs, nothing is reported, written or announced."""
        before = stored(storage)
        shelf.products["mug"].cart_price = Decimal("12.500")
        drift = cart.reprice()

        assert not drift
        assert drift.is_settled
        assert stored(storage) == before
        assert recorder.told == []
        assert shelf.asked == [["mug", "pot", "cup"]]

    def test_lower(self, cart: Cart, shelf: Shelf, recorder: Recorder) -> None:
        """A lower price is taken over at once."""
        shelf.products["mug"].cart_price = "11"
        drift = cart.reprice()
        found = only(drift)

        assert (found.line.item_id, found.line.quantity) == ("mug", 2)
        assert found.old_price == Money("12.50", "EUR")
        assert found.new_price == Money(11, "EUR")
        assert found.is_applied
        assert not found.needs_consent
        assert drift.is_settled
        assert prices(cart) == {"mug": 11, "pot": 30, "cup": 5}
        assert recorder.names == ["item_updated"]

    def test_higher(
        self, cart: Cart, shelf: Shelf, storage: MemoryStorage, recorder: Recorder
    ) -> None:
        """A higher price is not taken over without consent, and nothing is written."""
        before = stored(storage)
        shelf.products["mug"].cart_price = "14"
        drift = cart.reprice()

        assert drift.needing_consent == (only(drift),)
        assert (only(drift).is_applied, drift.is_settled) == (False, False)
        assert prices(cart)["mug"] == Decimal("12.50")
        assert stored(storage) == before
        assert recorder.told == []

    def test_some_of_each(self, cart: Cart, shelf: Shelf, recorder: Recorder) -> None:
        """What passes passes, what does not is listed, in one write."""
        shelf.products["mug"].cart_price = "14"
        shelf.products["pot"].cart_price = 29
        shelf.products["cup"].cart_price = 4
        drift = cart.reprice()

        assert [each.is_applied for each in drift] == [False, True, True]
        assert prices(cart) == {"mug": Decimal("12.50"), "pot": 29, "cup": 4}
        assert len(recorder.told) == 1

    def test_consent(self, cart: Cart, shelf: Shelf) -> None:
        """A higher price that the shopper has seen is taken over, and no other."""
        shelf.products["mug"].cart_price = "14"
        shelf.products["pot"].cart_price = 35
        shown = {
            each.line.id: str(each.new_price.amount) for each in cart.reprice() if each
        }
        del shown[line_of(cart, "pot").id]
        drift = cart.reprice(accept=shown)

        assert [each.is_applied for each in drift] == [True, False]
        assert prices(cart) == {"mug": 14, "pot": 30, "cup": 5}

    @pytest.mark.parametrize("third", ["14.50", "13.50"])
    def test_a_third_price(self, cart: Cart, shelf: Shelf, third: str) -> None:
        """Consent is to a price: who agreed to 14 has not agreed to anything else."""
        shelf.products["mug"].cart_price = third
        drift = cart.reprice(accept={line_of(cart, "mug").id: 14})

        assert only(drift).needs_consent
        assert only(drift).new_price == Money(third, "EUR")
        assert prices(cart)["mug"] == Decimal("12.50")

    def test_lower_passes_whatever_was_agreed_to(
        self, cart: Cart, shelf: Shelf
    ) -> None:
        """Nobody pays more than the price because he agreed to more."""
        shelf.products["mug"].cart_price = 11
        cart.reprice(accept={line_of(cart, "mug").id: 14})

        assert prices(cart)["mug"] == 11

    @pytest.mark.parametrize(
        "amount", ["14,00", "", "x", None, "nan", Money(14, "USD"), -14, True]
    )
    def test_consent_to_nothing(self, cart: Cart, shelf: Shelf, amount: t.Any) -> None:
        """What a form contains, and is no price, is no consent."""
        shelf.products["mug"].cart_price = 14
        drift = cart.reprice(accept={line_of(cart, "mug").id: amount, "no line": "1"})

        assert only(drift).needs_consent

    def test_all(self, cart: Cart, shelf: Shelf) -> None:
        """A shop may take over all prices without asking."""
        shelf.products["mug"].cart_price = 14
        shelf.products["pot"].cart_price = 29
        drift = cart.reprice(accept="all")

        assert drift.is_settled
        assert prices(cart) == {"mug": 14, "pot": 29, "cup": 5}

    @pytest.mark.parametrize("accept", ["higher", None, 5, ["all"]])
    def test_other_ways(self, cart: Cart, accept: t.Any) -> None:
        """There is no other way."""
        with pytest.raises(InvalidItemError, match="accept must be"):
            cart.reprice(accept)

    def test_name(self, cart: Cart, shelf: Shelf) -> None:
        """Another name is taken over at once, whatever becomes of the price."""
        shelf.products["mug"].cart_name = "Becher"
        shelf.products["mug"].cart_price = 14
        found = only(cart.reprice())

        assert (found.line.name, found.name) == ("A mug", "Becher")
        assert line_of(cart, "mug").name == "Becher"
        assert line_of(cart, "mug").price == Decimal("12.50")

    def test_gone(self, cart: Cart, shelf: Shelf) -> None:
        """A product that is gone is reported; its line is left as it is."""
        del shelf.products["mug"]
        drift = cart.reprice()
        found = only(drift)

        assert drift.gone == (found,)
        assert (found.is_gone, found.needs_consent, found.new_price) == (
            True,
            False,
            None,
        )
        assert (found.name, drift.is_settled) == ("A mug", False)
        assert prices(cart)["mug"] == Decimal("12.50")

    @pytest.mark.parametrize(
        ("terms", "objection"),
        [
            ({"available": 1}, ("available", 1)),
            ({"maximum": 1}, ("maximum", 1)),
            ({"minimum": 3}, ("minimum", 3)),
            ({"step": 3}, ("step", 3)),
        ],
    )
    def test_quantity_that_is_not_sold(
        self, cart: Cart, shelf: Shelf, terms: t.Any, objection: tuple[str, int]
    ) -> None:
        """A quantity that is not sold any more is reported; the line is left."""
        (term, value), *_ = terms.items()
        setattr(shelf.products["mug"], f"cart_{term}", value)
        drift = cart.reprice()
        found = only(drift)

        assert found.objection == objection
        assert drift.unavailable == (found,)
        assert (found.needs_consent, drift.is_settled) == (False, False)
        assert line_of(cart, "mug").quantity == 2

    def test_stock_over_all_lines(self, cart: Cart, shelf: Shelf) -> None:
        """Every line of an item is one too many if they are too many together."""
        cart.add(shelf.products["mug"], options={"size": "L"})
        shelf.products["mug"].cart_available = 2

        assert [each.objection for each in cart.reprice()] == [("available", 2)] * 2

    def test_lines_by_id(self, cart: Cart, shelf: Shelf) -> None:
        """What was added by its id has a price that the shop made, and keeps it."""
        shelf.products["pin"] = Product("pin", 1)
        cart.add("pin", price=2)

        assert not cart.reprice()
        assert prices(cart)["pin"] == 2

    def test_keeps_what_the_shopper_chose(self, cart: Cart, shelf: Shelf) -> None:
        """Only names and prices change: not quantities, conditions or attributes."""
        mug = line_of(cart, "mug")
        cart.add_item_condition(mug.id, Condition("GIFT", "fee", "item", "2"))
        cart.update(mug.id, attributes={"for": "Ada"})
        before = line_of(cart, "mug")
        shelf.products["mug"].cart_price = 11
        cart.reprice()
        after = line_of(cart, "mug")

        assert (after.conditions, after.attributes, after.quantity) == (
            before.conditions,
            before.attributes,
            before.quantity,
        )

    def test_empty(self) -> None:
        """In an empty cart nothing is different, and nobody is asked."""
        shelf = Shelf()

        assert not make_cart(key=None, catalogue=shelf.catalogue()).reprice()
        assert shelf.asked == []

    def test_without_a_loader(self, cart: Cart, storage: MemoryStorage) -> None:
        """Without a loader there is nothing to compare with."""
        with pytest.raises(CartConfigError, match="product_loader"):
            make_cart(storage).reprice()

    @pytest.mark.parametrize("price", ["x", Money(5, "USD"), -1])
    def test_product_that_cannot_be_in_the_cart(
        self, cart: Cart, shelf: Shelf, price: t.Any
    ) -> None:
        """A product whose price is none is an error that names it."""
        shelf.products["mug"].cart_price = price

        with pytest.raises(InvalidItemError, match="product 'mug' cannot be"):
            cart.reprice()

    def test_in_a_batch(self, cart: Cart, shelf: Shelf, recorder: Recorder) -> None:
        """It can be part of a batch, and sees what was changed in it."""
        shelf.products["mug"].cart_price = 11
        shelf.products["pot"].cart_price = 35

        with cart.batch():
            cart.remove(line_of(cart, "pot").id)
            drift = cart.reprice()

        assert only(drift).line.item_id == "mug"
        assert prices(cart) == {"mug": 11, "cup": 5}
        assert len(recorder.told) == 1

    def test_to_dict(self, cart: Cart, shelf: Shelf) -> None:
        """All of it is JSON for a client."""
        shelf.products["mug"].cart_price = 14
        shelf.products["pot"].cart_available = 0
        del shelf.products["cup"]
        plain = cart.reprice().to_dict()

        assert json.loads(json.dumps(plain)) == plain
        assert plain["is_settled"] is False
        assert plain["lines"][0] == {
            "line_id": line_of(cart, "mug").id,
            "item_id": "mug",
            "quantity": 2,
            "old_name": "A mug",
            "name": "A mug",
            "old_price": "12.50",
            "new_price": "14",
            "currency": "EUR",
            "is_applied": False,
            "is_gone": False,
            "objection": None,
        }
        assert plain["lines"][1]["objection"] == {"term": "available", "limit": 0}
        assert (plain["lines"][2]["new_price"], plain["lines"][2]["is_gone"]) == (
            None,
            True,
        )

    def test_rounds_of_consent(self, cart: Cart, shelf: Shelf) -> None:
        """Asked as often as the price rises, the shopper pays what he saw last."""
        for price in ["13", "14", "15"]:
            shelf.products["mug"].cart_price = price
            (found,) = cart.reprice().needing_consent

        assert not cart.reprice({found.line.id: found.new_price}).needing_consent
        assert prices(cart)["mug"] == 15


class TestRepriceAmongRivals:
    """Somebody else changes the cart between the read and the save."""

    @pytest.fixture
    def storage(self) -> ContestedStorage:
        return ContestedStorage()

    def test_of_other_lines(
        self, cart: Cart, shelf: Shelf, storage: ContestedStorage
    ) -> None:
        """What somebody else changes meanwhile is kept, and so are the new prices."""
        shelf.products["mug"].cart_price = 11
        mug, pot = line_of(cart, "mug"), line_of(cart, "pot")
        storage.contest(
            [
                lambda other: other.increment(mug.id),
                lambda other: other.remove(pot.id),
                lambda other: other.add(Product("jar", 7)),
            ]
        )
        drift = cart.reprice()

        assert only(drift).is_applied
        assert storage.attempts == 4
        assert prices(cart) == {"mug": 11, "cup": 5, "jar": 7}
        assert line_of(cart, "mug").quantity == 3

    def test_of_the_same_price(
        self, cart: Cart, shelf: Shelf, storage: ContestedStorage
    ) -> None:
        """A line that got a still lower price meanwhile is not made dearer by that."""
        shelf.products["mug"].cart_price = 11
        mug = line_of(cart, "mug")
        storage.contest([lambda other: other.update(mug.id, price=10)])
        found = only(cart.reprice())

        assert (found.old_price.amount, found.new_price.amount) == (Decimal("12.5"), 11)
        assert found.needs_consent
        assert prices(cart)["mug"] == 10

    def test_an_item_that_comes_in(
        self, cart: Cart, shelf: Shelf, storage: ContestedStorage
    ) -> None:
        """Another line of the same item gets its price; nobody saw it have another."""
        shelf.products["mug"].cart_price = 11
        old = Product("mug", "12.50", options={"size": "L"})
        storage.contest([lambda other: other.add(old)])

        assert only(cart.reprice()).is_applied
        assert {each.price for each in cart if each.item_id == "mug"} == {11}

    def test_expected_version(self, cart: Cart, shelf: Shelf, storage: t.Any) -> None:
        """A cart that is expected to be as it was is not re-priced after that."""
        shelf.products["mug"].cart_price = 11
        other = make_cart(storage)
        cart.expect(cart.version)
        other.metadata["note"] = "x"

        with pytest.raises(CartConflictError):
            cart.reprice()


class Traded(Product):
    """A product with prices in euros and dollars."""

    def __init__(self, cart_id: str, euros: t.Any, dollars: t.Any) -> None:
        super().__init__(cart_id, Money(euros, "EUR"))
        self.prices = {"EUR": euros, "USD": dollars}

    def cart_price_in(self, currency: str) -> t.Any:
        return self.prices.get(currency)


class TestSeveralCurrencies:
    @pytest.fixture
    def shelf(self) -> Shelf:
        return Shelf(Traded("mug", "12.50", "14"), Traded("pot", 30, Money(30, "USD")))

    @pytest.fixture
    def cart(self, shelf: Shelf, storage: MemoryStorage, recorder: Recorder) -> Cart:
        """A cart with 2 mugs and a pot, in euros."""
        cart = make_cart(
            storage, announcer=recorder, catalogue=shelf.catalogue(), rulebook=RULES
        )

        with cart.batch():
            cart.add(shelf.products["mug"], 2)
            cart.add(shelf.products["pot"])

        recorder.told.clear()

        return cart

    def test_change(self, cart: Cart, shelf: Shelf, recorder: Recorder) -> None:
        """All lines have the prices of another currency, in one write."""
        cart.change_currency("USD")

        assert prices(cart) == {"mug": 14, "pot": 30}
        assert cart.currency == "USD"
        assert cart.totals.total == Money(58, "USD")
        assert shelf.asked == [["mug", "pot"]]
        assert recorder.names == ["item_updated", "currency_changed"]
        (event,) = (e for e in recorder.told[0] if isinstance(e, CurrencyChanged))
        assert (event.previous_currency, event.currency) == ("EUR", "USD")

    def test_the_same(self, cart: Cart, shelf: Shelf, recorder: Recorder) -> None:
        """The currency that it has is no change."""
        cart.change_currency("EUR")

        assert (recorder.told, shelf.asked) == ([], [])

    def test_and_back(self, cart: Cart) -> None:
        """Prices come from the products, and not from one another."""
        cart.change_currency("USD")
        cart.change_currency("EUR")

        assert prices(cart) == {"mug": Decimal("12.50"), "pot": 30}

    def test_empty(self, storage: MemoryStorage) -> None:
        """An empty cart may get a currency first, and needs no loader for it."""
        cart = make_cart(storage)
        cart.change_currency("USD")
        cart.refresh()

        assert (cart.currency, cart.version) != ("EUR", 0)
        cart.add("mug", price=Money(5, "USD"))

    def test_add_in_the_currency_of_the_cart(self, cart: Cart, shelf: Shelf) -> None:
        """A product is added for its price in the cart's currency."""
        cart.change_currency("USD")
        line = cart.add(shelf.products["mug"], options={"size": "L"})

        assert line.price == 14

    def test_reprice_in_the_currency_of_the_cart(
        self, cart: Cart, shelf: Shelf
    ) -> None:
        """So it is compared with the catalogue."""
        cart.change_currency("USD")
        shelf.products["mug"].prices["USD"] = 13

        assert only(cart.reprice()).new_price == Money(13, "USD")
        assert prices(cart)["mug"] == 13

    def test_no_price_in_a_currency(self, cart: Cart, shelf: Shelf) -> None:
        """What is not sold in a currency keeps the whole cart from changing."""
        with pytest.raises(InvalidItemError, match="'mug' has no price in JPY"):
            cart.change_currency("JPY")

        yen = make_cart(currency="JPY")

        with pytest.raises(InvalidItemError, match="'mug' has no price in JPY"):
            yen.add(shelf.products["mug"])

        assert (cart.currency, len(yen)) == ("EUR", 0)

    @pytest.mark.parametrize("currency", ["usd", "US$", "", None, 5])
    def test_no_currency(self, cart: Cart, currency: t.Any) -> None:
        """What is no currency is refused."""
        with pytest.raises(InvalidItemError, match="not the ISO 4217 code"):
            cart.change_currency(currency)

    def test_plain_prices(self, cart: Cart, shelf: Shelf) -> None:
        """A plain number is not taken for an amount in whatever currency."""
        shelf.products["mug"] = Product("mug", "12.50")

        with pytest.raises(InvalidItemError, match="not tell what it costs in USD"):
            cart.change_currency("USD")

        assert cart.currency == "EUR"

    def test_money(self, cart: Cart, shelf: Shelf) -> None:
        """A loader may return products that are priced for whom it loads them."""
        shelf.products["mug"] = Product("mug", Money(15, "USD"))
        cart.change_currency("USD")

        assert prices(cart) == {"mug": 15, "pot": 30}

    def test_money_of_another_currency(self, cart: Cart, shelf: Shelf) -> None:
        """What is priced in the old currency cannot change."""
        shelf.products["mug"] = Product("mug", Money(15, "EUR"))

        with pytest.raises(InvalidItemError, match="'mug' cannot get another price"):
            cart.change_currency("USD")

    def test_lines_without_a_product(self, cart: Cart, shelf: Shelf) -> None:
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
    def test_given_prices_are_checked(self, cart: Cart, amount: t.Any) -> None:
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
            Condition(
                "A", "tax", "subtotal", "19%", rule=rule("weekday", days=["mon"])
            ),
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
    def test_conditions_without_amounts(self, cart: Cart, condition: Condition) -> None:
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
    def test_conditions_with_amounts(self, cart: Cart, condition: Condition) -> None:
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

    def test_rules_that_are_gone(self, cart: Cart, storage: MemoryStorage) -> None:
        """Of a rule that is not registered any more nobody knows what is in it."""
        cart.add_discount("A", "1%", rule=rule("dear", amounts=[2]))
        other = make_cart(storage, catalogue=cart._services.catalogue)

        with pytest.raises(InvalidConditionError, match="'A' has an amount"):
            other.change_currency("USD")

    def test_conditions_of_lines(self, cart: Cart) -> None:
        """The same goes for conditions on lines."""
        mug, pot = cart.lines
        gift = Condition("GIFT", "fee", "item", "2")
        cart.add_item_condition(mug.id, gift)
        cart.add_item_condition(pot.id, Condition("SALE", "discount", "item", "-10%"))

        with pytest.raises(InvalidConditionError, match="'GIFT' has an amount"):
            cart.change_currency("USD")

        dearer = Condition("GIFT", "fee", "item", "3")
        cart.change_currency("USD", conditions=[dearer])
        assert cart.get(mug.id).conditions == (dearer,)
        assert cart.totals.total == Money((14 + 3) * 2 + 27, "USD")

        cart.change_currency("EUR", drop=["GIFT", "POST"])
        assert cart.get(mug.id).conditions == ()
        assert [each.name for each in cart.get(pot.id).conditions] == ["SALE"]

    def test_conditions_that_are_none(self, cart: Cart) -> None:
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

    def test_order_of_conditions_stays(self, cart: Cart) -> None:
        """What is given takes the place of what was there."""
        cart.add_discount("A", "5")
        cart.add_discount("B", "10%")
        cart.change_currency(
            "USD", conditions=[Condition("A", "discount", "subtotal", "-6")]
        )

        assert [each.name for each in cart.conditions] == ["A", "B"]

    def test_somebody_adds_something(self, shelf: Shelf) -> None:
        """A line that came in meanwhile has no price in the other currency."""
        storage = ContestedStorage()
        cart = make_cart(storage, catalogue=shelf.catalogue())
        cart.add(shelf.products["mug"])
        storage.contest([lambda other: other.add("pin", price=1)])

        with pytest.raises(CartConflictError):
            cart.change_currency("USD")

        assert prices(cart) == {"mug": Decimal("12.50"), "pin": 1}
        assert cart.currency == "EUR"

    def test_somebody_changes_it_meanwhile(self, shelf: Shelf) -> None:
        """What was priced in euros is not put into a cart in dollars."""
        storage = ContestedStorage()
        cart = make_cart(storage, catalogue=shelf.catalogue())
        cart.add(shelf.products["mug"])
        catalogue = shelf.catalogue()

        def rival(other: Cart) -> None:
            make_cart_of(other, catalogue).change_currency("USD")

        storage.contest([rival])

        with pytest.raises(CartConflictError, match="in USD now"):
            cart.add("pin", price=1)

        assert prices(cart) == {"mug": 14}

    def test_order_that_was_begun(self, cart: Cart) -> None:
        """What was begun in euros is ordered in euros."""
        draft = cart.begin_order()
        cart.change_currency("USD")
        assert cart.token != draft.cart_token

        placed = cart.place_order(
            lambda draft: draft, lambda token: None, token=draft.cart_token
        )
        assert placed.totals.total == draft.totals.total == Money(55, "EUR")

    def test_order_of_equal_numbers(self, shelf: Shelf, storage: t.Any) -> None:
        """Thirty dollars are another order than thirty euros."""
        cart = make_cart(storage, catalogue=shelf.catalogue())
        cart.add(shelf.products["pot"])
        draft = cart.begin_order()
        cart.change_currency("USD")

        assert prices(cart) == {"pot": 30}
        assert cart.token != draft.cart_token


RULES = Rulebook()


def freight(facts: t.Any, per_kilo: Decimal) -> Decimal:
    return per_kilo


def dear(facts: t.Any, amounts: list[Decimal]) -> bool:
    return True


RULES.amounts.add("freight", freight)
RULES.rules.add("dear", dear)


def make_cart_of(other: Cart, catalogue: t.Any) -> Cart:
    """The same cart, in an app with a catalogue."""
    return make_cart(other._working.repository.storage, catalogue=catalogue)
