from __future__ import annotations

import enum
import hashlib
import json
import typing as t
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from moneyed import Money
from msgspec.structs import replace
from werkzeug.local import LocalProxy

from flask_cart import Buyable
from flask_cart import CartLimitError
from flask_cart import Condition
from flask_cart import InvalidItemError
from flask_cart import Line
from flask_cart.model.document import Document
from flask_cart.model.document import decode
from flask_cart.model.document import encode
from flask_cart.model.document import new_document
from flask_cart.model.limits import Limits
from flask_cart.model.limits import check_limits
from flask_cart.model.lines import MAX_QUANTITY
from flask_cart.model.lines import ProductRef
from flask_cart.model.lines import check_quantity
from flask_cart.model.lines import make_line
from flask_cart.model.money import price_in
from flask_cart.model.products import canonical_options
from flask_cart.model.products import line_id
from flask_cart.model.values import EMPTY
from tests.support import strategies


class Mug:
    """A product."""

    cart_id: object = "mug"
    cart_name = "Mug"
    cart_price: object = "12.50"


def test_line_id_is_a_hash_of_item_and_options() -> None:
    """The id is the SHA-256 of a JSON list of the item id and the sorted options."""
    identity = json.dumps(["mug", [["ink", "7"], ["size", "M"]]], separators=(",", ":"))
    expected = hashlib.sha256(identity.encode()).hexdigest()

    assert line_id("mug", {"size": "M", "ink": "7"}) == expected


@given(st.dictionaries(strategies.labels, strategies.anything), st.randoms())
def test_line_id_does_not_depend_on_the_order(options: dict, random) -> None:
    """The same options in another order are the same line."""
    shuffled = list(options.items())
    random.shuffle(shuffled)

    assert line_id("mug", dict(shuffled)) == line_id("mug", options)


@given(
    strategies.labels,
    st.dictionaries(strategies.labels, strategies.anything, max_size=2),
    strategies.labels,
    st.dictionaries(strategies.labels, strategies.anything, max_size=2),
)
def test_line_ids_are_different(one, its_options, other, other_options) -> None:
    """Another item, or one with other options, is another line."""
    is_same = (one, its_options) == (other, other_options)

    assert (line_id(one, its_options) == line_id(other, other_options)) == is_same


def test_line_id_keeps_item_and_options_apart() -> None:
    """Nothing in an id or option can look like the text around it."""
    ids = {
        line_id("a", {"b": "c"}),
        line_id("a", {"b": "c", "d": ""}),
        line_id("a", {"b:c": ""}),
        line_id('a",[["b","c"]]', {}),
        line_id('a","b', {"c": ""}),
        line_id("ab", {"": "c"}),
    }

    assert len(ids) == 6


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("M", "M"),
        ("", ""),
        (42, "42"),
        (-1, "-1"),
        (True, "true"),
        (False, "false"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+2"), "100"),
    ],
)
def test_options_are_text(value: object, text: str) -> None:
    """What a form sends and what code gives is the same option."""
    assert canonical_options({"size": value}) == {"size": text}


def test_no_options() -> None:
    """No options are the same as none given."""
    assert canonical_options({}) is EMPTY


@pytest.mark.parametrize("quantity", [1, 2, MAX_QUANTITY])
def test_quantities(quantity: int) -> None:
    """Whole numbers from one on are quantities."""
    assert check_quantity(quantity) == quantity


def test_quantity_may_be_zero_where_that_means_none() -> None:
    """The least quantity depends on what it is for."""
    assert check_quantity(0, at_least=0) == 0


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (0, "at least 1, not 0"),
        (-3, "at least 1, not -3"),
        (MAX_QUANTITY + 1, f"at most {MAX_QUANTITY}"),
        pytest.param(10**5000, f"at most {MAX_QUANTITY}", id="5000 digits"),
        (True, "an int, not True"),
        (1.0, r"an int, not 1\.0"),
        ("1", "an int, not '1'"),
        (None, "an int, not None"),
        (Decimal(1), r"an int, not Decimal\('1'\)"),
    ],
)
def test_bad_quantities(quantity: object, message: str) -> None:
    """The error says what was given or what the bounds are."""
    with pytest.raises(ValueError, match=message):
        check_quantity(quantity)


def test_price_may_be_money_of_the_same_currency() -> None:
    """Money is taken by its amount."""
    assert price_in("EUR", Money("12.50", "EUR")) == Decimal("12.50")


def test_price_of_another_currency() -> None:
    """Money is not converted, and not taken for the cart's currency."""
    with pytest.raises(ValueError, match="in USD, the cart in EUR"):
        price_in("EUR", Money("12.50", "USD"))


class TestMakeLine:
    def test_of_an_id(self) -> None:
        """An id needs a price; it is the name if there is no other."""
        line = make_line("mug", 2, "EUR", price="12.50")

        assert (line.item_id, line.name, line.unit_amount) == (
            "mug",
            "mug",
            Decimal("12.50"),
        )
        assert (line.quantity, line.options, line.attributes) == (2, {}, {})
        assert line.product_ref is None

    def test_of_a_number(self) -> None:
        """An id that is a number, as in most databases, is the same as its text."""
        line = make_line(7, 1, "EUR", price=1)

        assert line.item_id == "7"
        assert line.id == make_line("7", 1, "EUR", price=1).id

    def test_of_a_product(self) -> None:
        """A product gives its id, name and price, and is remembered."""
        line = make_line(Mug(), 1, "EUR")

        assert isinstance(Mug(), Buyable)
        assert (line.item_id, line.name, line.unit_amount) == (
            "mug",
            "Mug",
            Decimal("12.50"),
        )
        assert line.product_ref == ProductRef("Mug", "mug")

    def test_of_a_proxy_of_a_product(self) -> None:
        """What stands for a product is one, and known by the product's class."""
        line = make_line(LocalProxy(Mug), 1, "EUR")

        assert line == make_line(Mug(), 1, "EUR")
        assert line.product_ref == ProductRef("Mug", "mug")

    def test_of_a_product_with_a_number(self) -> None:
        """The product's number is text in the line and in the reference."""
        product = Mug()
        product.cart_id = 7
        line = make_line(product, 1, "EUR")

        assert line.item_id == "7"
        assert line.product_ref == ProductRef("Mug", "7")

    def test_what_is_given_wins_over_the_product(self) -> None:
        """A name and a price beside a product take the place of its own."""
        line = make_line(Mug(), 1, "EUR", name="Becher", price=0)

        assert (line.name, line.unit_amount) == ("Becher", 0)

    def test_product_with_options(self) -> None:
        """Options of the product and given ones are put together."""
        product = Mug()
        product.cart_options = {"size": "M", "ink": 7}
        line = make_line(product, 1, "EUR", options={"size": "L"})

        assert line.options == {"size": "L", "ink": "7"}

    def test_product_without_options(self) -> None:
        """A product whose options are None, as in a nullable column, has none."""
        product = Mug()
        product.cart_options = None

        assert make_line(product, 1, "EUR").options == {}

    def test_price_is_required(self) -> None:
        """An item without a price is not free."""
        with pytest.raises(InvalidItemError, match="The item 'mug' needs a price"):
            make_line("mug", 1, "EUR")

    def test_of_something_else(self) -> None:
        """The error says what a product needs."""
        with pytest.raises(InvalidItemError, match=r"'dict' cannot .* 'cart_price'"):
            make_line({"id": "mug"}, 1, "EUR")

    def test_error_quotes_a_long_id_in_part(self) -> None:
        """The error does not repeat a megabyte."""
        with pytest.raises(InvalidItemError) as caught:
            make_line("m" * 10**6, 1, "EUR", price="x" * 10**6)

        assert len(str(caught.value)) < 250


class Size(enum.StrEnum):
    M = "medium"


class Label(str):
    """Text of a class of its own, as Markup and SafeText are."""


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"name": Markup("Mug")}, id="markup name"),
        pytest.param({"name": Label("Mug")}, id="str subclass name"),
        pytest.param({"name": Size.M}, id="enum name"),
        pytest.param({"options": {"size": Size.M}}, id="enum option"),
        pytest.param({"options": {"size": Markup("M")}}, id="markup option"),
        pytest.param({"options": {Label("size"): "M"}}, id="str subclass key"),
        pytest.param({"attributes": {"note": Markup("M")}}, id="markup attribute"),
        pytest.param({"attributes": {"note": Size.M}}, id="enum attribute"),
    ],
)
def test_text_of_other_classes_is_text(fields: dict[str, object]) -> None:
    """Subclasses of str, such as Markup, are stored as the text that they are."""
    line = make_line("mug", 1, "EUR", price=1, **fields)
    document = Document(schema=1, currency="EUR", lines=(line,))

    assert decode(encode(document)) == document


@pytest.mark.parametrize("quantity", [2, enum.IntEnum("Pack", {"PAIR": 2}).PAIR])
def test_quantity_of_an_enum(quantity: int) -> None:
    """An int of an enum is stored as the int that it is."""
    line = make_line("mug", quantity, "EUR", price=1)
    document = Document(schema=1, currency="EUR", lines=(line,))

    assert decode(encode(document)) == document


def test_numbers_of_other_classes_are_numbers() -> None:
    """Subclasses of int and float, such as NumPy's, are stored as numbers."""

    class Int64(int):
        pass

    class Float64(float):
        pass

    line = make_line(
        "mug", Int64(2), "EUR", price=1, attributes={"a": Int64(3), "b": Float64(0.5)}
    )
    document = Document(schema=1, currency="EUR", lines=(line,))

    assert decode(encode(document)) == document


class TestLine:
    def test_id_must_belong_to_the_item(self) -> None:
        """A line cannot have the id of another one."""
        line = make_line("mug", 1, "EUR", price=1)

        with pytest.raises(InvalidItemError, match="id does not belong"):
            Line(
                id=line.id,
                item_id="pot",
                name="Pot",
                unit_amount=Decimal(1),
                quantity=1,
            )

    def test_plain_dicts_are_frozen(self) -> None:
        """Options and attributes of a line cannot be changed in place."""
        line = Line(
            id=line_id("mug", {"size": "M"}),
            item_id="mug",
            name="Mug",
            unit_amount=Decimal(1),
            quantity=1,
            options={"size": "M"},
            attributes={"gift": {"paper": "red"}},
        )

        with pytest.raises(TypeError, match="methods of the cart"):
            line.options["size"] = "L"

        with pytest.raises(TypeError, match="methods of the cart"):
            line.attributes["gift"]["paper"] = "blue"

    def test_condition(self) -> None:
        """A condition of a line is found by its name."""
        condition = Condition("GIFT", "fee", "item", "2")
        line = make_line("mug", 1, "EUR", price=1)
        line = strategies.with_conditions(line, [condition])

        assert line.condition("GIFT") is condition
        assert line.condition("gift") is None

    def test_lines_cannot_be_changed(self) -> None:
        """A field cannot be set."""
        with pytest.raises(AttributeError):
            make_line("mug", 1, "EUR", price=1).quantity = 2


class TestSeveralValues:
    @pytest.mark.parametrize(
        "chosen",
        [
            ["ham", "olives"],
            ["olives", "ham"],
            ("olives", "ham", "olives"),
            {"ham", "olives"},
            frozenset({"olives", "ham"}),
            {"olives": 1, "ham": 2}.keys(),
        ],
    )
    def test_are_a_set(self, chosen: t.Any) -> None:
        """In any order and however often, it is the same line."""
        line = make_line("pizza", 1, "EUR", price=1, options={"topping": chosen})

        assert line.options == {"topping": ("ham", "olives")}
        assert line.id == line_id("pizza", {"topping": ("ham", "olives")})

    def test_are_text(self) -> None:
        """Each is canonical, as one alone is."""
        options = {"x": [True, 7, Decimal("7.0"), "7", Markup("a")]}

        assert canonical_options(options) == {"x": ("7", "7.0", "a", "true")}

    @pytest.mark.parametrize("nothing", [[], (), set()])
    def test_none(self, nothing: t.Any) -> None:
        """Nothing chosen is no option."""
        options = {"topping": nothing, "size": "L"}

        assert canonical_options(options) == {"size": "L"}

    def test_one(self) -> None:
        """One in a list makes the same line as that one alone."""
        assert line_id("pizza", {"x": ("ham",)}) == line_id("pizza", {"x": "ham"})
        assert line_id("pizza", {"x": ("ham",)}) != line_id("pizza", {"x": ("h", "am")})

    def test_of_a_product(self) -> None:
        """What a product has as ``cart_multiple`` is always several."""
        product = Mug()
        product.cart_multiple = ["topping", "sauce"]
        line = make_line(product, 1, "EUR", options={"topping": "ham", "size": "L"})

        assert line.options == {"topping": ("ham",), "size": "L"}

    @pytest.mark.parametrize("wrong", [b"ham", {"ham": 1}, [["ham"]], [None], [1.5]])
    def test_wrong(self, wrong: t.Any) -> None:
        """What is no text is none in a list either."""
        with pytest.raises(ValueError, match="'topping'"):
            canonical_options({"topping": wrong})

    def test_stored(self) -> None:
        """They come back from what is stored, and the order there does not matter."""
        line = make_line("pizza", 1, "EUR", price=1, options={"x": ["b", "a"]})
        text = msgspec.json.encode(line)

        assert msgspec.json.decode(text, type=Line) == line
        assert b'"x":["a","b"]' in text
        swapped = text.replace(b'["a","b"]', b'["b","a"]')
        assert msgspec.json.decode(swapped, type=Line) == line

    def test_limits(self) -> None:
        """Each value has a length, as one alone has."""
        line = make_line("pizza", 1, "EUR", price=1, options={"x": ["a", "b" * 256]})
        document = new_document("EUR")

        with pytest.raises(CartLimitError, match="256"):
            check_limits(document, replace(document, lines=(line,)), Limits())
