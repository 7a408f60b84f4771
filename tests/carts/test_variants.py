"""What the options of a product change: its price, its name, its stock."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartQuantityError
from flask_cart import CartStockError
from flask_cart import InvalidItemError
from flask_cart.model.keys import CartKey
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shop import make_cart

Options = t.Mapping[str, t.Any]


class Shirt(Product):
    """A shirt whose sizes are products of their own, if they have ids of their own."""

    def __init__(self, *sizes: Product, **more: t.Any) -> None:
        super().__init__("shirt", 20, **more)
        self.sizes = {each.size: each for each in sizes}
        self.asked: list[Options] = []

    def cart_variant(self, options: Options) -> Product | None:
        self.asked.append(options)

        return self.sizes[options["size"]]


def size(letter: str, price: t.Any = 20, cart_id: str = "", **more: t.Any) -> Product:
    made = Product(cart_id or f"shirt-{letter}", price, **more)
    made.size = letter
    made.cart_name = f"Shirt {letter}"

    return made


@pytest.fixture
def shirt() -> Shirt:
    return Shirt(
        size("S", "20", available=3, attributes={"weight": 100}),
        size("L", "25", available=1, attributes={"weight": 150}),
        attributes={"tax_class": "standard", "weight": 1},
    )


@pytest.fixture
def shelf(shirt: Shirt) -> Shelf:
    return Shelf(shirt, Product("mug"))


@pytest.fixture
def cart(shelf: Shelf, storage: MemoryStorage) -> Cart:
    return make_cart(storage, catalogue=shelf.catalogue())


def sizes(cart: Cart) -> dict[str, tuple[int, Decimal]]:
    cart.refresh()

    return {line.options["size"]: (line.quantity, line.unit_amount) for line in cart}


class TestAdd:
    def test_has_what_is_sold(self, cart: Cart, shirt: Shirt) -> None:
        """The name, the price and the attributes are those of the variant."""
        line = cart.add(shirt, options={"size": "L"})

        assert (line.item_id, line.name, line.unit_amount) == ("shirt", "Shirt L", 25)
        assert line.attributes == {"tax_class": "standard", "weight": 150}
        assert line.options == {"size": "L"}
        assert (line.product_id, line.variant_id) == ("shirt", "shirt-L")
        assert cart.totals.lines[0].line.variant_id == "shirt-L"
        assert shirt.asked == [{"size": "L"}]

    def test_with_options_of_its_own(self, cart: Cart) -> None:
        """The hook is told all options, as text, those of the product included."""
        shirt = Shirt(size("42"), options={"fit": "slim"})
        cart.add(shirt, options={"size": 42, "ink": ["red", "blue"]})

        assert shirt.asked == [{"size": "42", "fit": "slim", "ink": ("blue", "red")}]

    def test_given_name_and_price(self, cart: Cart, shirt: Shirt) -> None:
        """What is given goes before what the variant has."""
        line = cart.add(shirt, name="Jersey", price=9, options={"size": "L"})

        assert (line.name, line.unit_amount) == ("Jersey", 9)

    @pytest.mark.parametrize(
        ("choices", "options", "message"),
        [
            (None, {"size": "XL"}, r"'shirt' is not sold with size='XL'\.$"),
            (None, None, r"not sold with no options\.$"),
            (
                {"size": ("S", "L"), "ink": ("red",)},
                {"ink": "red"},
                r"with ink='red'\. Choose one for 'size': 'S', 'L'\.$",
            ),
            (None, {"Size": "S"}, "with Size='S'"),
            ({"size": ("S",)}, {"size": ["S", "L"]}, r"with size=\('L', 'S'\)\.$"),
        ],
    )
    def test_is_not_sold(
        self,
        cart: Cart,
        shirt: Shirt,
        choices: t.Any,
        options: t.Any,
        message: str,
    ) -> None:
        """What there is no variant of is refused, and what is missing is told."""
        shirt.cart_choices = choices

        with pytest.raises(InvalidItemError, match=message):
            cart.add(shirt, options=options)

        assert cart.version == 0

    @pytest.mark.parametrize("given", [None, InvalidItemError("Made to measure only.")])
    def test_says_no(
        self, cart: Cart, monkeypatch: pytest.MonkeyPatch, given: t.Any
    ) -> None:
        """A hook returns nothing, or raises what it has to say."""

        def choose(options: Options) -> None:
            if given is not None:
                raise given

        shirt = Product("shirt", variant=choose)

        with pytest.raises(InvalidItemError, match=str(given or "not sold")):
            cart.add(shirt)

    def test_is_no_product(self, cart: Cart) -> None:
        """A hook that returns something else is wrong, and told so."""
        with pytest.raises(CartConfigError, match=r"'cart_variant' of 'shirt'.*'L'"):
            cart.add(Product("shirt", variant=lambda options: "L"))

    def test_sold_as_it_is(self, cart: Cart) -> None:
        """With some options, a product may be its own variant."""
        shirt = Product("shirt", 20, available=1)
        shirt.cart_variant = lambda options: shirt
        line = cart.add(shirt, options={"gift": True})

        assert (line.variant_id, line.unit_amount) == (None, 20)

        with pytest.raises(CartStockError):
            cart.add(shirt)

    def test_price_in_another_currency(self, storage: MemoryStorage) -> None:
        """The variant is asked what it costs in the currency of the cart."""
        cart = make_cart(storage, currency="USD")
        large = size("L")
        large.cart_price_in = {"USD": 30}.get
        line = cart.add(Shirt(large), options={"size": "L"})

        assert line.unit_amount == 30


class TestStock:
    def test_of_its_own(self, cart: Cart, shirt: Shirt) -> None:
        """Each variant is taken from its own shelf, over all its lines."""
        cart.add(shirt, 3, options={"size": "S"})
        cart.add(shirt, options={"size": "L", "ink": "red"})

        with pytest.raises(CartStockError) as error:
            cart.add(shirt, options={"size": "L", "ink": "blue"})

        assert (error.value.limit, error.value.in_cart, error.value.wanted) == (1, 1, 2)
        assert error.value.item_id == "shirt"

    @pytest.mark.parametrize("way", ["set_quantity", "increment", "update"])
    def test_every_way(self, cart: Cart, shirt: Shirt, way: str) -> None:
        """A change of a line asks for the variant of that line."""
        small = cart.add(shirt, 2, options={"size": "S"})
        large = cart.add(shirt, options={"size": "L"})
        change = {
            "set_quantity": lambda line, most: cart.set_quantity(line.id, most),
            "increment": lambda line, most: cart.increment(line.id, most - 1),
            "update": lambda line, most: cart.update(line.id, quantity=most),
        }[way]
        cart.set_quantity(small.id, 1)
        change(small, 3)

        with pytest.raises(CartStockError):
            change(large, 2)

        assert sizes(cart) == {"S": (3, 20), "L": (1, 25)}

    def test_goes_before_that_of_the_product(self, cart: Cart) -> None:
        """A number of the product does not count where the variant has one."""
        shirt = Shirt(size("L", available=5), size("S"), available=2)
        cart.add(shirt, 5, options={"size": "L"})

        with pytest.raises(CartStockError):
            cart.add(shirt, options={"size": "S"})

    def test_maximum_of_the_product(self, cart: Cart) -> None:
        """What the variant does not tell holds over all lines of the product."""
        shirt = Shirt(size("L", available=5), size("S", available=5), maximum=4)
        cart.add(shirt, 3, options={"size": "L"})

        with pytest.raises(CartQuantityError, match="at most 4"):
            cart.add(shirt, 2, options={"size": "S"})

    def test_same_id(self, cart: Cart) -> None:
        """A variant that is only dearer takes from the stock of the product."""
        shirt = Shirt(size("L", 25, "shirt"), size("S", 20, "shirt"), available=3)
        cart.add(shirt, 2, options={"size": "L"})

        with pytest.raises(CartStockError) as error:
            cart.add(shirt, 2, options={"size": "S"})

        assert (error.value.in_cart, error.value.wanted) == (2, 4)

    def test_same_id_with_a_stock(self, cart: Cart) -> None:
        """Without an id of its own, its stock is that of its line."""
        shirt = Shirt(size("L", 25, "shirt", available=1), size("S", 20, "shirt"))
        cart.add(shirt, 5, options={"size": "S"})
        cart.add(shirt, options={"size": "L"})

        with pytest.raises(CartStockError):
            cart.add(shirt, options={"size": "L"})

    @pytest.mark.parametrize(
        ("own", "quantity", "term"),
        [
            ({}, 3, "step"),
            ({"step": 3}, 2, "step"),
            ({"step": 1}, 1, "minimum"),
            ({"minimum": 4}, 2, "minimum"),
        ],
    )
    def test_minimum_and_step(
        self, cart: Cart, own: dict[str, int], quantity: int, term: str
    ) -> None:
        """They are those of the variant, and else those of the product."""
        shirt = Shirt(size("L", **own), step=2, minimum=2)

        with pytest.raises(CartQuantityError) as error:
            cart.add(shirt, quantity, options={"size": "L"})

        assert error.value.term == term

    def test_merge(self, cart: Cart, shirt: Shirt, shelf: Shelf) -> None:
        """At a login, every variant is cut down to what there is of it."""
        guest = make_cart(
            cart._working.repository.storage,
            key=CartKey("guest:a", "default"),
            catalogue=shelf.catalogue(),
        )
        cart.add(shirt, 2, options={"size": "S"})
        guest.add(shirt, 2, options={"size": "S"})
        guest.add(shirt, options={"size": "L"})
        report = cart.merge(guest)

        assert sizes(cart) == {"S": (3, 20), "L": (1, 25)}
        assert [each.quantity for each in report.left_out] == [1]

    def test_move(self, cart: Cart, shirt: Shirt) -> None:
        """Another cart holds no more of a variant either."""
        line = cart.add(shirt, options={"size": "L"})
        cart.copy(line.id, to="gift")

        with pytest.raises(CartStockError):
            cart.move(line.id, to="gift")

    def test_variant_that_is_gone(self, cart: Cart, shirt: Shirt) -> None:
        """What is not sold any more has no terms, and nothing is lost with it."""
        line = cart.add(shirt, options={"size": "L"})
        del shirt.sizes["L"]
        cart.set_quantity(line.id, 7)

        assert cart.quantity == 7


class TestReprice:
    def test_each_variant(self, cart: Cart, shirt: Shirt) -> None:
        """Each line is compared with what is sold with its options."""
        cart.add(shirt, options={"size": "S"})
        cart.add(shirt, options={"size": "L"})
        shirt.sizes["S"].cart_price = "18"
        shirt.sizes["L"].cart_price = "30"
        shirt.sizes["L"].cart_available = 0
        shirt.sizes["L"].cart_name = "Shirt, large"
        small, large = cart.reprice()

        assert (small.is_applied, small.new_price.amount) == (True, 18)
        assert (large.needs_consent, large.name) == (True, "Shirt, large")
        assert large.objection == ("available", 0)
        assert sizes(cart) == {"S": (1, 18), "L": (1, 25)}

    @pytest.mark.parametrize("whole", [True, False])
    def test_gone(self, cart: Cart, shelf: Shelf, shirt: Shirt, whole: bool) -> None:
        """A variant that is not sold any more is gone, as a whole product is."""
        cart.add(shirt, options={"size": "S"})
        line = cart.add(shirt, options={"size": "L"})

        if whole:
            shelf.products.pop("shirt")
        else:
            del shirt.sizes["L"]

        drift = cart.reprice()

        assert line in [each.line for each in drift.gone]
        assert len(drift.gone) == (2 if whole else 1)

    def test_another_id(self, cart: Cart, shirt: Shirt) -> None:
        """A line follows its variant, so that its stock is counted right."""
        cart.add(shirt, options={"size": "S"})
        shirt.sizes["S"].cart_id = "SHIRT/S"

        assert not cart.reprice()
        assert cart.lines[0].variant_id == "SHIRT/S"

    def test_currency(self, cart: Cart, shirt: Shirt) -> None:
        """Another currency is that of the variant, or it is not sold."""
        cart.add(shirt, options={"size": "S"})
        shirt.sizes["S"].cart_price_in = {"USD": 22}.get
        cart.change_currency("USD")

        assert sizes(cart) == {"S": (1, 22)}

        del shirt.sizes["S"]

        with pytest.raises(InvalidItemError, match="no price in EUR for shirt"):
            cart.change_currency("EUR")
