"""Many things are added at once, and a line is found by its product."""

from __future__ import annotations

import typing as t

import pytest
from moneyed import Money

from flask_cart import AddReport
from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import InvalidItemError
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart


class Shirt(Product):
    """A shirt that there is only in a large size."""

    def cart_variant(self, options: t.Mapping[str, t.Any]) -> Product:
        return {"L": Product("shirt-L", 24, available=1)}[options["size"]]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(
        Product("mug", "12.50", available=3, attributes={"tax_class": "standard"}),
        Product("pot", 30),
        Product("egg", 1, step=6),
        Shirt("shirt", 20),
    )


@pytest.fixture
def cart(shelf: Shelf, storage: MemoryStorage, recorder: Recorder) -> Cart:
    return make_cart(storage, announcer=recorder, catalogue=shelf.catalogue())


def test_the_report_has_prices(cart: Cart) -> None:
    """They are money of the cart, on what was added and on what was not."""
    report = cart.add_many([{"product": "mug", "quantity": 4}, {"product": "pot"}])
    prices = [each.price for each in (*report.added, *report.short)]

    assert prices == [Money("12.50", "EUR"), Money(30, "EUR"), Money("12.50", "EUR")]


def counts(lines: t.Iterable[t.Any]) -> dict[str, int]:
    return {line.item_id: line.quantity for line in lines}


def told(report: AddReport) -> tuple[dict[str, int], dict[str, int], list[t.Any]]:
    gone = [each["product"] for each in report.gone]

    return counts(report.added), counts(report.short), gone


class TestAddMany:
    def test_an_old_order(self, cart: Cart, shelf: Shelf, recorder: Recorder) -> None:
        """What is gone is told, what is short is cut, and the rest is one write."""
        report = cart.add_many(
            [
                {"product": "mug", "quantity": 5},
                {"product": "lamp", "quantity": 2},
                {"product": "pot"},
                {"product": "shirt", "options": {"size": "L"}, "quantity": 2},
                {"product": "shirt", "options": {"size": "S"}},
            ]
        )

        assert told(report) == (
            {"mug": 3, "pot": 1, "shirt": 1},
            {"mug": 2, "shirt": 1},
            ["lamp", "shirt"],
        )
        assert report.gone[1]["options"] == {"size": "S"}
        assert not report.is_complete
        assert counts(cart) == {"mug": 3, "pot": 1, "shirt": 1}
        assert [str(line.unit_amount) for line in cart] == ["12.50", "30", "24"]
        assert cart.lines[0].attributes == {"tax_class": "standard"}
        assert len(recorder.told) == 1
        assert shelf.asked == [["mug", "lamp", "pot", "shirt"]]

    def test_complete(self, cart: Cart, shelf: Shelf) -> None:
        """Products may be given as they are, and with all that add() takes."""
        mug = shelf.products["mug"]
        report = cart.add_many(
            {"product": mug, "price": "9", "pinned": True, "attributes": {"n": each}}
            for each in range(1)
        )

        assert report.is_complete
        assert told(report) == ({"mug": 1}, {}, [])
        assert cart.lines[0].is_pinned
        assert cart.lines[0].attributes == {"tax_class": "standard", "n": 0}
        assert shelf.asked == []

    @pytest.mark.parametrize("items", [[], [{"product": "lamp"}]])
    def test_nothing(self, cart: Cart, recorder: Recorder, items: t.Any) -> None:
        """Where nothing is left, nothing is written."""
        assert cart.add_many(items).added == ()
        assert (cart.version, recorder.told) == (0, [])

    def test_beside_what_is_there(self, cart: Cart, shelf: Shelf) -> None:
        """What is in the cart counts, in other lines of the item too."""
        cart.add(shelf.products["mug"], options={"name": "Ada"})
        cart.add(shelf.products["mug"])
        report = cart.add_many([{"product": "mug", "quantity": 2}])

        assert told(report)[:2] == ({"mug": 1}, {"mug": 1})
        assert cart.quantity == 3

    def test_the_same_twice(self, cart: Cart) -> None:
        """Each is cut down to what the others have left."""
        report = cart.add_many([{"product": "mug", "quantity": 2}] * 2)

        assert [line.quantity for line in report.added] == [2, 1]
        assert [line.quantity for line in report.short] == [1]

    def test_steps(self, cart: Cart) -> None:
        """A box that is not full is short."""
        report = cart.add_many([{"product": "egg", "quantity": 8}])
        assert told(report)[:2] == ({"egg": 6}, {"egg": 2})

        report = cart.add_many([{"product": "egg", "quantity": 5}])
        assert told(report)[:2] == ({}, {"egg": 5})

    def test_limits(self, shelf: Shelf, storage: MemoryStorage) -> None:
        """The limits of the cart are told like what is short."""
        cart = make_cart(
            storage, limits=Limits(items=1, quantity=4), catalogue=shelf.catalogue()
        )
        report = cart.add_many(
            [{"product": "pot", "quantity": 7}, {"product": "mug", "quantity": 2}]
        )

        assert told(report)[:2] == ({"pot": 4}, {"pot": 3, "mug": 2})

    def test_list_of_wishes(self, shelf: Shelf, storage: MemoryStorage) -> None:
        """Where stock does not count, nothing is short."""
        cart = make_cart(
            storage,
            catalogue=shelf.catalogue(),
            stock_ignored=frozenset({"default"}),
        )

        assert cart.add_many([{"product": "mug", "quantity": 9}]).is_complete

    def test_list_of_wishes_in_a_batch(
        self, shelf: Shelf, storage: MemoryStorage
    ) -> None:
        """It tells of what is saved, also before that is."""
        cart = make_cart(
            storage,
            catalogue=shelf.catalogue(),
            stock_ignored=frozenset({"default"}),
        )

        with cart.batch():
            report = cart.add_many([{"product": "mug", "quantity": 9}])
            assert report.is_complete
            assert cart.quantity == 9

        assert cart.quantity == 9

    def test_another_currency(self, cart: Cart, shelf: Shelf) -> None:
        """What has no price in the cart's currency is not sold in it."""
        shelf.products["mug"].cart_price_in = {"USD": 14}.get
        shelf.products["pot"].cart_price = Money(30, "USD")
        items = [{"product": each} for each in ("mug", "pot", "egg")]

        assert told(cart.add_many(items)) == ({}, {"egg": 1}, ["mug", "pot"])

    def test_rivals(self, shelf: Shelf) -> None:
        """The report is of what was saved, and not of what was there at first."""
        storage = ContestedStorage()
        cart = make_cart(storage, catalogue=shelf.catalogue())
        mug = shelf.products["mug"]
        storage.contest([lambda other: other.add(mug, 2)])
        report = cart.add_many([{"product": "mug", "quantity": 3}])

        assert told(report)[:2] == ({"mug": 1}, {"mug": 2})
        assert cart.quantity == 3

    def test_once(self, cart: Cart) -> None:
        """With a key, a second click adds nothing."""
        with cart.once("again"):
            report = cart.add_many([{"product": "mug", "quantity": 5}])

        assert told(report)[:2] == ({"mug": 3}, {"mug": 2})
        assert counts(cart) == {"mug": 3}

    @pytest.mark.parametrize(
        ("item", "message"),
        [
            ("mug", "a mapping with 'product'"),
            ({"quantity": 2}, "a mapping with 'product'"),
            ({"product": "mug", "colour": "red"}, "not .*'colour'"),
            ({"product": "mug", "on_existing": "error"}, "not .*'on_existing'"),
            ({"product": "mug", "quantity": 0}, "at least 1"),
            ({"product": "mug", "quantity": "2"}, "must be an int"),
            ({"product": "mug", "options": "L"}, "a dict"),
            ({"product": object()}, "needs 'cart_id'"),
        ],
    )
    def test_wrong(self, cart: Cart, item: t.Any, message: str) -> None:
        """A mistake is no lack of anything, and nothing is added then."""
        with pytest.raises(InvalidItemError, match=message):
            cart.add_many([{"product": "pot"}, item])

        assert cart.version == 0

    def test_without_a_loader(self, storage: MemoryStorage) -> None:
        """An id alone says nothing; a product does."""
        cart = make_cart(storage)

        with pytest.raises(CartConfigError, match="product_loader"):
            cart.add_many([{"product": "mug"}])

        assert cart.add_many([{"product": Product("mug")}]).is_complete


class TestFind:
    @pytest.mark.parametrize(
        "options",
        [{"size": "L", "ink": ["red", "blue"]}, {"ink": {"blue", "red"}, "size": "L"}],
    )
    def test_by_options(self, cart: Cart, options: t.Any) -> None:
        """As add() would find it, from the product or the id."""
        mug = Product("mug", options={"fit": "wide"})
        cart.add(mug)
        line = cart.add(mug, options={"size": "L", "ink": ("blue", "red")})
        every = {"fit": "wide", **options}

        assert cart.find(mug, options) == line
        assert cart.find("mug", every) == line
        assert cart.find("mug", options) is None
        assert cart.find(mug, {}) == cart.lines[0]

    def test_any_line(self, cart: Cart) -> None:
        """Without options it is the line without any, or else the first."""
        mug = Product(7)
        assert cart.find(mug) is None

        large = cart.add(mug, options={"size": "L"})
        cart.add(mug, options={"size": "S"})
        assert cart.find(mug) == cart.find(7) == cart.find("7") == large
        assert cart.find(mug, {}) is None

        plain = cart.add(mug)
        assert cart.find(mug) == plain

    def test_other_items(self, cart: Cart) -> None:
        """A line of something else is none of it."""
        cart.add("pot", price=1)

        assert cart.find("mug") is None
        assert cart.find("mug", {}) is None

    def test_no_options(self, cart: Cart) -> None:
        """What can be no options finds nothing, and says why."""
        for product in ("mug", Product("mug")):
            with pytest.raises(InvalidItemError, match="must be a dict"):
                cart.find(product, "L")  # type: ignore[arg-type]

    def test_what_came_with_a_merge(self, cart: Cart, storage: MemoryStorage) -> None:
        """However a line has come, its product finds it."""
        guest = make_cart(storage, key=CartKey("guest:a", "default"))
        mug = Product("mug")
        line = guest.add(mug, options={"size": "L"})
        cart.merge(guest)
        found = cart.find(mug, {"size": "L"})

        assert found is not None
        assert found.id == line.id
