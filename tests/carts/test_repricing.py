from __future__ import annotations

import json
import typing as t
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartConflictError
from flask_cart import Condition
from flask_cart import Drift
from flask_cart import InvalidItemError
from flask_cart import LineDrift
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shelf import line_of
from tests.support.shelf import prices
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored


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
        assert line_of(cart, "mug").unit_amount == Decimal("12.50")

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
        own = cart.add("mug", price=20, options={"size": "L"})

        assert not cart.reprice()
        assert shelf.asked == [["mug", "pot", "cup"]]
        assert (prices(cart)["pin"], cart.get(own.id).unit_amount) == (2, 20)

    def test_keeps_what_the_shopper_chose(self, cart: Cart, shelf: Shelf) -> None:
        """Only names and prices change: not quantities, conditions or attributes."""
        mug = line_of(cart, "mug")
        cart.add_condition(Condition("GIFT", "fee", "item", "2"), line=mug.id)
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
            "is_pinned": False,
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
        assert {each.unit_amount for each in cart if each.item_id == "mug"} == {11}

    def test_expected_version(self, cart: Cart, shelf: Shelf, storage: t.Any) -> None:
        """A cart that is expected to be as it was is not re-priced after that."""
        shelf.products["mug"].cart_price = 11
        other = make_cart(storage)
        cart.expect(cart.version)
        other.metadata["note"] = "x"

        with pytest.raises(CartConflictError):
            cart.reprice()


amounts = st.integers(0, 5)


@given(
    prices=st.lists(st.tuples(amounts, amounts, st.none() | amounts), max_size=5),
    repeated=st.integers(1, 3),
)
def test_nobody_pays_more_than_he_agreed_to(
    prices: list[tuple[int, int, int | None]], repeated: int
) -> None:
    """Whatever prices were, are and were agreed to, a line is at the lower one or at
    what was agreed to; and to compare again changes nothing."""
    shelf, recorder = Shelf(), Recorder()
    cart = make_cart(catalogue=shelf.catalogue(), announcer=recorder)
    consents = {}

    for number, (old, new, agreed) in enumerate(prices):
        shelf.products[str(number)] = Product(number, new)
        line = cart.add(Product(number, old))

        if agreed is not None:
            consents[line.id] = str(agreed)

    recorder.told.clear()

    for _ in range(repeated):
        drift = cart.reprice(consents)

    assert [line.unit_amount for line in cart] == [
        new if new < old or new == agreed else old for old, new, agreed in prices
    ]
    assert len(drift.needing_consent) == sum(
        line.unit_amount != new for line, (_, new, _) in zip(cart, prices, strict=True)
    )
    assert len(recorder.told) <= 1
