"""What is refused, with which error and words; and that it changes nothing."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from moneyed import Money

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartError
from flask_cart import CartLimitError
from flask_cart import CartTooLargeError
from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import InvalidConditionError
from flask_cart import InvalidItemError
from flask_cart.carts.cart import working_copy
from flask_cart.model.keys import cart_key
from flask_cart.model.limits import Limits
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import KEY
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored

LIMITS = Limits(items=2, quantity=50, data_bytes=2000, string_length=100)


def endless() -> list[object]:
    endless: list[object] = []
    endless.append(endless)

    return endless


class Product:
    """A product of which one thing is wrong."""

    cart_id: object = "pot"
    cart_name: object = "Pot"
    cart_price: object = "30"

    def __init__(self, **wrong: object) -> None:
        vars(self).update(wrong)


class Nameless:
    cart_id = "pot"
    cart_price = "30"


class Model:
    """A product whose values only its instances have."""

    cart_id = property(lambda self: "pot")
    cart_name = property(lambda self: "Pot")
    cart_price = property(lambda self: "30")


def add(**given: Any) -> Callable[[Cart, str], object]:
    given = {"price": "30"} | given
    product = given.pop("product", "pot")

    return lambda cart, line_id: cart.add(product, **given)


def find(product: Any) -> Callable[[Cart, str], object]:
    return lambda cart, line_id: cart.find(product)


def bare(given: Any) -> Callable[[Cart, str], object]:
    return lambda cart, line_id: cart.add_condition(given)


def update(**given: Any) -> Callable[[Cart, str], object]:
    return lambda cart, line_id: cart.update(line_id, **given)


def quantity(value: object) -> Callable[[Cart, str], object]:
    return lambda cart, line_id: cart.set_quantity(line_id, value)


def seen(value: Any) -> Callable[[Cart, str], object]:
    return lambda cart, line: cart.set_quantity(line, 2, seen=value)


def increment(by: object) -> Callable[[Cart, str], object]:
    return lambda cart, line_id: cart.increment(line_id, by)


def expect(version: object) -> Callable[[Cart, str], object]:
    return lambda cart, line_id: cart.expect(version)


def noted(key: object, value: object) -> Callable[[Cart, str], object]:
    return lambda cart, line_id: cart.metadata.update({key: value})


def condition(**given: Any) -> Callable[[Cart, str], object]:
    given = {"name": "X", "type": "fee", "target": "total", "value": "5"} | given

    return lambda cart, line_id: cart.add_condition(Condition(**given))


def on_line(**given: Any) -> Callable[[Cart, str], object]:
    given = {"name": "X", "type": "fee", "target": "item", "value": "5"} | given

    return lambda cart, line_id: cart.add_condition(Condition(**given), line=line_id)


BAD: dict[str, tuple[Callable[[Cart, str], object], type[CartError], str]] = {
    # Ids
    "id empty": (add(product=""), InvalidItemError, "id must not be empty"),
    "id blank": (add(product=" \t"), InvalidItemError, "id must not be empty"),
    "id with a line break": (add(product="a\nb"), InvalidItemError, r"'\\n'"),
    "id with NUL": (add(product="a\0"), InvalidItemError, r"'\\x00'"),
    "id with a surrogate": (add(product="\ud800"), InvalidItemError, r"\\ud800"),
    "id None": (add(product=None), InvalidItemError, "'NoneType' cannot be put"),
    "id a bool": (add(product=True), InvalidItemError, "a str, not bool"),
    "id a float": (add(product=1.5), InvalidItemError, "'float' cannot be put"),
    "id bytes": (add(product=b"pot"), InvalidItemError, "'bytes' cannot be put"),
    "id a list": (add(product=["pot"]), InvalidItemError, "'list' cannot be put"),
    "id a dict": (add(product={"id": 1}), InvalidItemError, "'dict' .* 'cart_id'"),
    "id too long": (add(product="p" * 101), CartLimitError, "100 .* has 101: 'ppp"),
    "find None": (find(None), InvalidItemError, "'NoneType' cannot be put"),
    "find a float": (find(1.5), InvalidItemError, "'float' cannot be put"),
    "find a list": (find(["pot"]), InvalidItemError, "'list' cannot be put"),
    "find a class": (find(type), InvalidItemError, "'type' cannot be put"),
    # Products
    "class": (add(product=Model, price=1), InvalidItemError, "a str, not property"),
    "product without a name": (
        lambda cart, line_id: cart.add(Nameless()),
        InvalidItemError,
        "'Nameless' cannot .* 'cart_name'",
    ),
    "product without an id": (
        lambda cart, line_id: cart.add(Product(cart_id=None)),
        InvalidItemError,
        "a str, not NoneType",
    ),
    "product of an empty id": (
        lambda cart, line_id: cart.add(Product(cart_id="")),
        InvalidItemError,
        "id must not be empty",
    ),
    "product without a price": (
        lambda cart, line_id: cart.add(Product(cart_price=None)),
        InvalidItemError,
        "'pot' needs a price",
    ),
    "product of a bad price": (
        lambda cart, line_id: cart.add(Product(cart_price="free")),
        InvalidItemError,
        "'free' is not a plain decimal",
    ),
    "product of another currency": (
        lambda cart, line_id: cart.add(Product(cart_price=Money(5, "USD"))),
        InvalidItemError,
        "in USD, the cart in EUR",
    ),
    "product of a bad name": (
        lambda cart, line_id: cart.add(Product(cart_name=5)),
        InvalidItemError,
        "name must be a str, not int",
    ),
    "product of bad options": (
        lambda cart, line_id: cart.add(Product(cart_options={"size": None})),
        InvalidItemError,
        "'size' must be a str, not NoneType",
    ),
    "product of a list of options": (
        lambda cart, line_id: cart.add(Product(cart_options=["M"])),
        InvalidItemError,
        "options must be a dict, not list",
    ),
    "product and a list of options": (
        lambda cart, line_id: cart.add(Product(), options=["M"]),
        InvalidItemError,
        "options must be a dict, not list",
    ),
    "product and a text of options": (
        lambda cart, line_id: cart.add(Product(), options="M"),
        InvalidItemError,
        "options must be a dict, not str",
    ),
    # Names
    "name empty": (add(name=""), InvalidItemError, "name must not be empty"),
    "name blank": (add(name="\u2003"), InvalidItemError, "name must not be empty"),
    "name a number": (add(name=5), InvalidItemError, "name must be a str, not int"),
    "name with a control": (add(name="a\x1b[0m"), InvalidItemError, r"\\x1b"),
    "name too long": (add(name="n" * 101), CartLimitError, "100 .* has 101: 'nnn"),
    # Prices
    "price missing": (add(price=None), InvalidItemError, "'pot' needs a price"),
    "price NaN": (add(price=math.nan), InvalidItemError, "finite, not NaN"),
    "price infinite": (add(price=math.inf), InvalidItemError, "finite, not Inf"),
    "price 'nan'": (add(price="nan"), InvalidItemError, "'nan' is not a plain"),
    "price 'inf'": (add(price="inf"), InvalidItemError, "'inf' is not a plain"),
    "price '1,000'": (add(price="1,000"), InvalidItemError, "'1,000' is not"),
    "price '12abc'": (add(price="12abc"), InvalidItemError, "'12abc' is not"),
    "price '1e3'": (add(price="1e3"), InvalidItemError, "'1e3' is not"),
    "price ' 5'": (add(price=" 5"), InvalidItemError, "' 5' is not"),
    "price '+5'": (add(price="+5"), InvalidItemError, r"'\+5' is not"),
    "price '€5'": (add(price="€5"), InvalidItemError, "'€5' is not"),
    "price of other digits": (add(price="\u0665"), InvalidItemError, "is not a plain"),
    "price empty": (add(price=""), InvalidItemError, "'' is not"),
    "price negative": (add(price=-1), InvalidItemError, "not be negative: -1"),
    "price '-0.01'": (add(price="-0.01"), InvalidItemError, "'-0.01' is not"),
    "price -0.01": (add(price=Decimal("-0.01")), InvalidItemError, "negative: -0.01"),
    "price a bool": (add(price=True), InvalidItemError, "not bool"),
    "price bytes": (add(price=b"5"), InvalidItemError, "not bytes"),
    "price a list": (add(price=[5]), InvalidItemError, "not list"),
    "price complex": (add(price=5j), InvalidItemError, "not complex"),
    "price too great": (add(price=10**15), InvalidItemError, "15 digits"),
    "price too precise": (add(price="0.1234567890123"), InvalidItemError, "12 digits"),
    "price of 1e300": (add(price=1e300), InvalidItemError, "15 digits"),
    "price in USD": (add(price=Money(5, "USD")), InvalidItemError, "USD, .* in EUR"),
    "money negative": (add(price=Money(-5, "EUR")), InvalidItemError, "negative: -5"),
    "money NaN": (add(price=Money("NaN", "EUR")), InvalidItemError, "not NaN"),
    # Quantities
    "quantity 0": (add(quantity=0), InvalidItemError, "at least 1, not 0"),
    "quantity -1": (add(quantity=-1), InvalidItemError, "at least 1, not -1"),
    "quantity 1.0": (add(quantity=1.0), InvalidItemError, r"an int, not 1\.0"),
    "quantity '1'": (add(quantity="1"), InvalidItemError, "an int, not '1'"),
    "quantity True": (add(quantity=True), InvalidItemError, "an int, not True"),
    "quantity None": (add(quantity=None), InvalidItemError, "an int, not None"),
    "quantity NaN": (add(quantity=math.nan), InvalidItemError, "an int, not nan"),
    "quantity Decimal": (add(quantity=Decimal(1)), InvalidItemError, "Decimal"),
    "quantity of 32 bits": (add(quantity=2**31), InvalidItemError, "at most 2147"),
    "quantity of 9999 digits": (
        add(quantity=10**9999),
        InvalidItemError,
        "at most 2147483647",
    ),
    "quantity over the limit": (add(quantity=51), CartLimitError, "50 .* make 51"),
    "set -1": (quantity(-1), InvalidItemError, "at least 0, not -1"),
    "set 1.5": (quantity(1.5), InvalidItemError, r"an int, not 1\.5"),
    "set '2'": (quantity("2"), InvalidItemError, "an int, not '2'"),
    "set True": (quantity(True), InvalidItemError, "an int, not True"),
    "set None": (quantity(None), InvalidItemError, "an int, not None"),
    "set ''": (quantity(""), InvalidItemError, "an int, not ''"),
    "quantity ''": (add(quantity=""), InvalidItemError, "an int, not ''"),
    "seen None": (seen(None), InvalidItemError, "an int, not None"),
    "seen ''": (seen(""), InvalidItemError, "an int, not ''"),
    "seen '1'": (seen("1"), InvalidItemError, "an int, not '1'"),
    "seen 0": (seen(0), InvalidItemError, "at least 1, not 0"),
    "update None": (update(quantity=None), InvalidItemError, "an int, not None"),
    "update ''": (update(quantity=""), InvalidItemError, "an int, not ''"),
    "version None": (expect(None), InvalidItemError, "an int, not None"),
    "version '1'": (expect("1"), InvalidItemError, "an int, not '1'"),
    "version ''": (expect(""), InvalidItemError, "an int, not ''"),
    "version True": (expect(True), InvalidItemError, "an int, not True"),
    "version 1.0": (expect(1.0), InvalidItemError, r"an int, not 1\.0"),
    "set 51": (quantity(51), CartLimitError, "50 .* make 51 of 'mug'"),
    "set 10**30": (quantity(10**30), InvalidItemError, "at most 2147483647"),
    "increment by 0.5": (increment(0.5), InvalidItemError, r"an int, not 0\.5"),
    "increment by '1'": (increment("1"), InvalidItemError, "an int, not '1'"),
    "increment by True": (increment(True), InvalidItemError, "an int, not True"),
    "increment by None": (increment(None), InvalidItemError, "an int, not None"),
    "increment over the limit": (increment(49), CartLimitError, "50 .* make 51"),
    "increment by 10**30": (increment(10**30), InvalidItemError, "at most 2147483647"),
    # Pinned
    "pinned 'on'": (add(product=Product(), pinned="on"), InvalidItemError, "a bool"),
    "pinned None": (add(product=Product(), pinned=None), InvalidItemError, "a bool"),
    "pinned 1": (add(product=Product(), pinned=1), InvalidItemError, "a bool, not 1"),
    # Options
    "options a list": (add(options=["M"]), InvalidItemError, "a dict, not list"),
    "options a str": (add(options="M"), InvalidItemError, "a dict, not str"),
    "option None": (add(options={"a": None}), InvalidItemError, "'a' .* not NoneType"),
    "option a float": (add(options={"a": 1.5}), InvalidItemError, "'a' .* not float"),
    "option a dict": (add(options={"a": {}}), InvalidItemError, "'a' .* not dict"),
    "option a list of lists": (
        add(options={"a": [["M"]]}),
        InvalidItemError,
        "'a' .* not list",
    ),
    "option NaN": (add(options={"a": Decimal("NaN")}), InvalidItemError, "not Decimal"),
    "option with a control": (add(options={"a": "\n"}), InvalidItemError, r"\\n"),
    "option's name empty": (add(options={"": "M"}), InvalidItemError, "be empty"),
    "option's name a number": (add(options={1: "M"}), InvalidItemError, "not int"),
    "option's name too long": (
        add(options={"o" * 101: "M"}),
        CartLimitError,
        "100 .* has 101: 'ooo",
    ),
    "option too long": (
        add(options={"size": "o" * 101}),
        CartLimitError,
        "100 .* has 101: 'ooo",
    ),
    # Attributes
    "attributes a list": (add(attributes=[1]), InvalidItemError, "a dict, not list"),
    "attributes a str": (add(attributes="gift"), InvalidItemError, "a dict, not str"),
    "attribute an object": (
        add(attributes={"a": object()}),
        InvalidItemError,
        r"attributes\['a'\] must be JSON .* not object",
    ),
    "attribute a date": (
        add(attributes={"a": dt.date(2025, 1, 2)}),
        InvalidItemError,
        "not date",
    ),
    "attribute Decimal": (
        add(attributes={"a": Decimal(1)}),
        InvalidItemError,
        "not Decimal",
    ),
    "attribute bytes": (add(attributes={"a": b""}), InvalidItemError, "not bytes"),
    "attribute a set": (add(attributes={"a": {1}}), InvalidItemError, "not set"),
    "attribute NaN": (add(attributes={"a": math.nan}), InvalidItemError, "not nan"),
    "attribute infinite": (add(attributes={"a": -math.inf}), InvalidItemError, "-inf"),
    "attribute of 65 bits": (add(attributes={"a": 2**64}), InvalidItemError, "64 bits"),
    "attribute's name a number": (
        add(attributes={"a": {1: 2}}),
        InvalidItemError,
        r"key of The attributes\['a'\] must be a str, not int",
    ),
    "attribute's name empty": (add(attributes={"": 1}), InvalidItemError, "be empty"),
    "attribute a surrogate": (
        add(attributes={"a": "\udfff"}),
        InvalidItemError,
        r"\\udfff",
    ),
    "attribute in itself": (add(attributes={"a": endless()}), InvalidItemError, "16"),
    "attributes too large": (
        add(attributes={"a": "x" * 2000}),
        CartTooLargeError,
        "at most 2000 bytes",
    ),
    # Lines
    "on_existing unknown": (
        add(on_existing="ignore"),
        InvalidItemError,
        "merge, replace, error, not 'ignore'",
    ),
    "on_existing None": (add(on_existing=None), InvalidItemError, "not None"),
    "on_existing a list": (add(on_existing=["merge"]), InvalidItemError, "not \\["),
    "no such line to set": (
        lambda cart, line_id: cart.set_quantity("x", 1),
        InvalidItemError,
        "no line 'x'",
    ),
    "no such line to update": (
        lambda cart, line_id: cart.update("mug", name="Becher"),
        InvalidItemError,
        "no line 'mug'",
    ),
    "no such line to increment": (
        lambda cart, line_id: cart.increment("x"),
        InvalidItemError,
        "no line 'x'",
    ),
    "no such line for a condition": (
        lambda cart, line_id: cart.add_condition(
            Condition("X", "x", "item", "1"), line="x"
        ),
        InvalidItemError,
        "no line 'x'",
    ),
    "update of a bad name": (update(name=""), InvalidItemError, "not be empty"),
    "update of a number as name": (update(name=5), InvalidItemError, "not int"),
    "update of a long name": (update(name="n" * 101), CartLimitError, "has 101"),
    "update of a bad price": (update(price="much"), InvalidItemError, "'much' is not"),
    "update in USD": (update(price=Money(1, "USD")), InvalidItemError, "USD, .* EUR"),
    "update of bad attributes": (
        update(attributes={"a": object()}),
        InvalidItemError,
        "must be JSON",
    ),
    "update of one good and one bad": (
        update(quantity=5, price=-1),
        InvalidItemError,
        "negative: -1",
    ),
    # Conditions
    "condition None": (bare(None), InvalidConditionError, "not 'NoneType'"),
    "condition a text": (bare("10%"), InvalidConditionError, "not 'str'"),
    "condition a dict": (bare({"name": "X"}), InvalidConditionError, "not 'dict'"),
    "currency a list": (condition(currency=[]), InvalidConditionError, "a currency"),
    "currency a dict": (condition(currency={}), InvalidConditionError, "a currency"),
    "currency a number": (condition(currency=978), InvalidConditionError, "978"),
    "currency small": (condition(currency="eur"), InvalidConditionError, "'eur'"),
    "condition of no name": (condition(name=""), InvalidConditionError, "be empty"),
    "condition's name None": (condition(name=None), InvalidConditionError, "NoneType"),
    "condition's name a control": (
        condition(name="a\r"),
        InvalidConditionError,
        r"\\r",
    ),
    "condition's name long": (condition(name="c" * 101), CartLimitError, "has 101"),
    "condition of no type": (condition(type=""), InvalidConditionError, "type must"),
    "condition's type None": (condition(type=None), InvalidConditionError, "NoneType"),
    "condition's type long": (condition(type="c" * 101), CartLimitError, "has 101"),
    "target unknown": (
        condition(target="postage"),
        InvalidConditionError,
        "subtotal, total, shipping, item, not 'postage'",
    ),
    "target None": (condition(target=None), InvalidConditionError, "not None"),
    "target a list": (condition(target=["item"]), InvalidConditionError, "item, not"),
    "target item": (condition(target="item"), InvalidConditionError, "acts on items"),
    **{
        f"value {value!r}": (condition(value=value), InvalidConditionError, "not")
        for value in [
            *["", " ", "5 %", " 5", "5 ", "5\n", "%", "-", "+", "-%", "--5", "+-5"],
            *["5%%", "%5", "5-", "1,5", "1.5.5", ".5", "5.", "1e3", "1e309", "0x5"],
            *[
                "nan",
                "NaN",
                "inf",
                "-INF",
                "Infinity",
                "5 EUR",
                "€5",
                "\u0665",
                "x5",
                "^2",
            ],
            *["/0", "/0.00", "/0%", "5;DROP", "None", "**2", "//2"],
        ]
    },
    "value None": (condition(value=None), InvalidConditionError, "not NoneType"),
    "value a float": (condition(value=1.5), InvalidConditionError, "not float"),
    "value a bool": (condition(value=True), InvalidConditionError, "not bool"),
    "value bytes": (condition(value=b"5"), InvalidConditionError, "not bytes"),
    "value money": (condition(value=Money(5, "EUR")), InvalidConditionError, "Money"),
    "value Decimal NaN": (
        condition(value=Decimal("NaN")),
        InvalidConditionError,
        "not 'NaN'",
    ),
    "value Decimal infinite": (
        condition(value=Decimal("-Infinity")),
        InvalidConditionError,
        "not '-Infinity'",
    ),
    "value too great": (condition(value="1" + "0" * 15), InvalidConditionError, "15"),
    "value of 400 digits": (condition(value=10**400), InvalidConditionError, "15"),
    "value of 9999 digits": (
        condition(value=10**9999),
        InvalidConditionError,
        "digits",
    ),
    "value too precise": (
        condition(value="0." + "1" * 13),
        InvalidConditionError,
        "12 digits",
    ),
    "order a str": (condition(order="1"), InvalidConditionError, "an int, not '1'"),
    "order a float": (condition(order=1.5), InvalidConditionError, "an int, not 1.5"),
    "order True": (condition(order=True), InvalidConditionError, "an int, not True"),
    "order None": (condition(order=None), InvalidConditionError, "an int, not None"),
    "order too great": (condition(order=2**31 + 1), InvalidConditionError, "2147"),
    "order too small": (condition(order=-(2**63)), InvalidConditionError, "2147"),
    "condition of a list": (
        condition(attributes=[1]),
        InvalidConditionError,
        "a dict, not list",
    ),
    "condition of an object": (
        condition(attributes={"a": object()}),
        InvalidConditionError,
        "must be JSON",
    ),
    "condition on a line of no value": (
        on_line(value=""),
        InvalidConditionError,
        "look like",
    ),
    "condition on a line of a long name": (
        on_line(name="c" * 101),
        CartLimitError,
        "has 101",
    ),
    "discount of words": (
        lambda cart, line_id: cart.add_discount("X", "ten percent"),
        InvalidConditionError,
        "not 'ten percent'",
    ),
    "discount of None": (
        lambda cart, line_id: cart.add_discount("X", None),
        InvalidConditionError,
        "not NoneType",
    ),
    "shipping of no name": (
        lambda cart, line_id: cart.add_shipping("", "4.90"),
        InvalidConditionError,
        "name must not be empty",
    ),
    # Metadata
    "metadata an object": (
        noted("a", object()),
        InvalidItemError,
        r"metadata\['a'\] must be JSON",
    ),
    "metadata NaN": (noted("a", [math.nan]), InvalidItemError, r"\[0\] .* not nan"),
    "metadata of 65 bits": (noted("a", -(2**64)), InvalidItemError, "64 bits"),
    "metadata too deep": (noted("a", endless()), InvalidItemError, "more than 16"),
    "metadata key empty": (noted("", 1), InvalidItemError, "key .* not be empty"),
    "metadata key a number": (noted(1, 1), InvalidItemError, "a str, not int"),
    "metadata key None": (noted(None, 1), InvalidItemError, "a str, not NoneType"),
    "metadata key a control": (noted("a\n", 1), InvalidItemError, r"\\n"),
    "metadata key too long": (noted("k" * 101, 1), CartLimitError, "has 101: 'kkk"),
    "metadata too large": (noted("a", "x" * 2000), CartTooLargeError, "2000 bytes"),
    "metadata of no pairs": (
        lambda cart, line_id: cart.metadata.update("note"),
        InvalidItemError,
        "metadata is not valid",
    ),
}


@pytest.mark.parametrize(("change", "error", "match"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("in_batch", [False, True], ids=["alone", "in a batch"])
def test_bad_input(
    change: Callable[[Cart, str], object],
    error: type[CartError],
    match: str,
    in_batch: bool,
) -> None:
    """The right error says what was given or expected, and nothing is changed."""
    storage = MemoryStorage()
    make_cart(storage).add("mug", 2, price="12.50")
    before = stored(storage)
    recorder = Recorder()
    cart = make_cart(storage, limits=LIMITS, announcer=recorder)
    document = working_copy(cart).document

    def give() -> None:
        if not in_batch:
            change(cart, cart.lines[0].id)
            return

        with cart.batch():
            cart.metadata["good"] = True
            change(cart, cart.lines[0].id)

    with pytest.raises(error, match=match) as caught:
        give()

    assert type(caught.value) is error
    assert len(str(caught.value)) < 400
    assert stored(storage) == before
    assert working_copy(cart).document == document
    assert cart.version == before.version
    assert recorder.told == []


@pytest.mark.parametrize("change", ["add", "update"])
def test_the_same_input_makes_no_cart(storage: MemoryStorage, change: str) -> None:
    """What is refused as the first change leaves no empty cart behind."""
    cart = make_cart(storage)

    with pytest.raises(InvalidItemError):
        cart.add("mug", price="x") if change == "add" else cart.update("x", name="x")

    assert stored(storage) is None
    assert storage.instances(KEY.owner) == []


@pytest.mark.parametrize(
    ("owner", "match"),
    [
        ("", "must not be empty.* 'user:7'"),
        (" ", "must not be empty"),
        (None, "a str, not NoneType"),
        (7, "a str, not int"),
        (b"user:7", "a str, not bytes"),
        ("7", "'user:7', .* not '7'"),
        ("user", "not 'user'"),
        ("user:", "not 'user:'"),
        (":7", "not ':7'"),
        ("User:7", "not 'User:7'"),
        ("7user:7", "not '7user:7'"),
        ("us er:7", "not 'us er:7'"),
        ("user: 7", "not 'user: 7'"),
        ("user:7 ", "not 'user:7 '"),
        ("user:7\n", r"'\\n'"),
        ("user:\0", r"'\\x00'"),
        ("user:\ud800", r"\\ud800"),
        ("user:" + "x" * 251, "at most 255 characters"),
    ],
    ids=ascii,
)
def test_bad_owner(owner: object, match: str) -> None:
    """Whose cart it is must be a kind and an id."""
    with pytest.raises(CartConfigError, match=match):
        cart_key(owner, "default")


@pytest.mark.parametrize(
    "instance",
    ["", " ", "a b", "a/b", "../x", ".x", "-x", "_x", "ä", "x\n", "x" * 65, None, 7],
    ids=ascii,
)
def test_bad_instance(cart: Cart, instance: object) -> None:
    """Which cart it is must be a name."""
    with pytest.raises(CartConfigError, match="64 letters, digits"):
        cart_key("user:7", instance)


CONFIG: dict[str, tuple[dict[str, Any], str]] = {
    "no storage": ({"CART_STORAGE": None}, "'database', 'cache', .* not None"),
    "empty storage": ({"CART_STORAGE": ""}, "not ''"),
    "unknown storage": ({"CART_STORAGE": "mongo"}, "not 'mongo'"),
    "storage a number": ({"CART_STORAGE": 42}, "42"),
    "storage an object": ({"CART_STORAGE": object()}, "object"),
    "storage a class": ({"CART_STORAGE": MemoryStorage}, "MemoryStorage"),
    "storage of no module": ({"CART_STORAGE": "no.such:storage"}, "no.such"),
    "storage of no name": ({"CART_STORAGE": "math:no_such"}, "no_such"),
    "storage not callable": ({"CART_STORAGE": "math:pi"}, "math:pi"),
    "storage that is none": ({"CART_STORAGE": "builtins:id"}, "builtins:id"),
    "database without one": ({"CART_STORAGE": "database"}, "init_app"),
    "unknown key": ({"CART_MAX_ITEM": 5}, "CART_MAX_ITEM .* 'CART_MAX_ITEMS'"),
    "misspelled key": ({"CART_STORGE": "x"}, "'CART_STORAGE'"),
    "strange key": ({"CART_ZZZZZZ": 1}, "CART_ZZZZZZ is not a setting"),
    "bare key": ({"CART_": 1}, "CART_ is not a setting"),
    "currency unknown": ({"CART_CURRENCY": "EURO"}, "not 'EURO'.* 'EUR'"),
    "currency in lower case": ({"CART_CURRENCY": "eur"}, "not 'eur'"),
    "currency None": ({"CART_CURRENCY": None}, "CART_CURRENCY is None"),
    "currency a number": ({"CART_CURRENCY": 978}, "CART_CURRENCY is 978"),
    "rounding unknown": ({"CART_ROUNDING": "bankers"}, "CART_ROUNDING is 'bankers'"),
    "round at unknown": ({"CART_ROUND_AT": "item"}, "CART_ROUND_AT is 'item'"),
    "guest without a lifetime": (
        {"CART_GUEST_LIFETIME": 0},
        "CART_GUEST_LIFETIME is 0",
    ),
    "table empty": ({"CART_DATABASE_TABLE": ""}, "CART_DATABASE_TABLE is ''"),
    "table None": ({"CART_DATABASE_TABLE": None}, "CART_DATABASE_TABLE is None"),
    "bind key a number": ({"CART_DATABASE_BIND_KEY": 5}, "BIND_KEY is 5"),
    "flag a str": (
        {"CART_DATABASE_LOCK_FOR_UPDATE": "false"},
        "LOCK_FOR_UPDATE is 'false'",
    ),
    "flag a number": ({"CART_EVENTS_ENABLED": 1}, "CART_EVENTS_ENABLED is 1"),
    "flag None": ({"CART_MIGRATE_ON_LOGIN": None}, "MIGRATE_ON_LOGIN is None"),
    "events a str": ({"CART_EVENTS_DISABLED": "item_added"}, "is 'item_added'"),
    "events unknown": (
        {"CART_EVENTS_DISABLED": ["item_add"]},
        "'item_add', .* 'item_added'",
    ),
    "events numbers": ({"CART_EVENTS_DISABLED": [5]}, "CART_EVENTS_DISABLED is"),
    "events True": ({"CART_EVENTS_DISABLED": True}, "CART_EVENTS_DISABLED is True"),
    **{
        f"{key} {value!r}": ({f"CART_{key}": value}, f"CART_{key} is {value!r}")
        for key in ["MAX_ITEMS", "MAX_DATA_BYTES", "MAX_QUANTITY", "MAX_STRING_LENGTH"]
        for value in [0, -1, 1.5, "5", None, True]
    },
    **{
        f"instance {name!r}": ({"CART_INSTANCES": [name]}, "CART_INSTANCES is")
        for name in ["", "lines", "static", "default", "a/b", "..", "x" * 65, "é", "-a"]
    },
    "instances a str": ({"CART_INSTANCES": "wishlist"}, "CART_INSTANCES is 'wish"),
    "client metadata a str": ({"CART_CLIENT_METADATA": "note"}, "is 'note'"),
    "coupons none": ({"CART_MAX_COUPONS": 0}, "CART_MAX_COUPONS is 0"),
    "rate of no route": ({"CART_RATE_LIMITS": {"ad": "1 per day"}}, "'ad', .*'add'"),
    "rate that is none": ({"CART_RATE_LIMITS": {"add": "many"}}, "'many' for 'add'"),
    "quantity of 32 bits": ({"CART_MAX_QUANTITY": 2**31}, "2147483648"),
    "retries negative": ({"CART_RETRY_ATTEMPTS": -1}, "CART_RETRY_ATTEMPTS is -1"),
    "retries too many": ({"CART_RETRY_ATTEMPTS": 101}, "CART_RETRY_ATTEMPTS is 101"),
    "retries a float": ({"CART_RETRY_ATTEMPTS": 1.5}, "CART_RETRY_ATTEMPTS is 1.5"),
    "delay negative": ({"CART_RETRY_BASE_DELAY": -0.1}, "BASE_DELAY is -0.1"),
    "delay a str": ({"CART_RETRY_MAX_DELAY": "1"}, "CART_RETRY_MAX_DELAY is '1'"),
    "delay NaN": ({"CART_RETRY_BASE_DELAY": math.nan}, "BASE_DELAY is nan"),
    "delay infinite": ({"CART_RETRY_MAX_DELAY": math.inf}, "MAX_DELAY is inf"),
}


@pytest.mark.parametrize(("config", "match"), CONFIG.values(), ids=CONFIG)
def test_bad_configuration(config: dict[str, Any], match: str) -> None:
    """The app does not start; the error says the key, the value and what to do."""
    app = Flask("shop")
    app.config.from_mapping({"CART_STORAGE": "memory"} | config)

    with pytest.raises(CartConfigError, match=match):
        FlaskCart(app)

    assert "cart" not in app.extensions


def test_there_is_enough_of_it() -> None:
    """The tables are as long as they are meant to be."""
    assert len(BAD) + len(CONFIG) >= 200
