"""Stored text that is no cart: it is an error, and stays as it is."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cart import Cart
from flask_cart import CartCorruptError
from flask_cart import Condition
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.document import decode
from flask_cart.model.document import encode
from flask_cart.model.lines import make_line
from flask_cart.storage.base import Stored
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import KEY
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import sell
from tests.support.shop import stored

GOOD = encode(
    Document(
        schema=SCHEMA,
        currency="EUR",
        lines=(
            make_line("mug", 2, "EUR", price="12.50", options={"size": "M"}),
            make_line("pot", 1, "EUR", price="30"),
        ),
        conditions=(Condition("VAT", "tax", "subtotal", "19%"),),
        metadata={"note": "ring twice"},
        created_at=dt.datetime(2025, 1, 2, tzinfo=dt.UTC),
    )
)

LINE = ("lines", 0)
CONDITION = ("conditions", 0)


def put(*path: object, value: object) -> str:
    """The good text with something else at one place."""
    plain = json.loads(GOOD)
    place = plain

    for step in path[:-1]:
        place = place[step]

    place[path[-1]] = value

    return json.dumps(plain)


def without(*path: object) -> str:
    """The good text without what is at one place."""
    plain = json.loads(GOOD)
    place = plain

    for step in path[:-1]:
        place = place[step]

    del place[path[-1]]

    return json.dumps(plain)


def twice(*path: str) -> str:
    """The good text with the first of a list repeated."""
    plain = json.loads(GOOD)
    plain[path[0]].append(copy.deepcopy(plain[path[0]][0]))

    return json.dumps(plain)


def with_line_conditions(*names: str) -> str:
    """The good text with conditions on its first line."""
    plain = json.loads(GOOD)
    condition = plain["conditions"][0]
    plain["lines"][0]["conditions"] = [condition | {"name": name} for name in names]

    return json.dumps(plain)


def nested(depth: int) -> str:
    """Metadata in so many brackets."""
    return GOOD.replace('"ring twice"', "[" * depth + "]" * depth)


CORRUPT = {
    "empty": "",
    "blank": " \n",
    "truncated": GOOD[: len(GOOD) // 2],
    "last byte missing": GOOD[:-1],
    "cut in a character": b"{" + "☕".encode()[:2],
    "two documents": GOOD + GOOD,
    "not JSON": "a cart, believe me",
    "python": repr(json.loads(GOOD)),
    "pickle": b"\x80\x04N.",
    "not UTF-8": GOOD.encode("utf-16"),
    "lone surrogate": GOOD.replace("ring", "\ud800"),
    "escaped lone surrogate": GOOD.replace("ring", "\\ud800"),
    "null": "null",
    "number": "5",
    "string": '"cart"',
    "list": "[]",
    "list of a document": f"[{GOOD}]",
    "empty object": "{}",
    "only a schema": '{"schema": 1}',
    "unknown field": put("discount", value=5),
    "unknown field of a line": put(*LINE, "discount", value=5),
    "unknown field of a condition": put(*CONDITION, "discount", value=5),
    "newer schema": put("schema", value=SCHEMA + 1),
    "much newer schema": put("schema", value=10**30),
    "older schema": put("schema", value=0),
    "schema missing": without("schema"),
    "schema a string": put("schema", value="1"),
    "schema a float": put("schema", value=1.0),
    "schema true": put("schema", value=True),
    "schema null": put("schema", value=None),
    "currency missing": without("currency"),
    "currency unknown": put("currency", value="EURO"),
    "currency in lower case": put("currency", value="eur"),
    "currency null": put("currency", value=None),
    "lines an object": put("lines", value={"0": json.loads(GOOD)["lines"][0]}),
    "lines null": put("lines", value=None),
    "lines a string": put("lines", value="mug"),
    "line a string": put(*LINE, value="mug"),
    "line null": put(*LINE, value=None),
    "line twice": twice("lines"),
    "line of a wrong id": put(*LINE, "id", value="0" * 64),
    "line of another item": put(*LINE, "item_id", value="pot"),
    "line of other options": put(*LINE, "options", value={"size": "L"}),
    "line without an id": without(*LINE, "id"),
    "line without a price": without(*LINE, "price"),
    "line without a quantity": without(*LINE, "quantity"),
    "item id empty": put(*LINE, "item_id", value=""),
    "item id a number": put(*LINE, "item_id", value=7),
    "name empty": put(*LINE, "name", value=" "),
    "name null": put(*LINE, "name", value=None),
    "name with a line break": put(*LINE, "name", value="a\nb"),
    "price NaN": put(*LINE, "price", value="NaN"),
    "price sNaN": put(*LINE, "price", value="sNaN"),
    "price Infinity": put(*LINE, "price", value="Infinity"),
    "price a NaN literal": put(*LINE, "price", value=float("nan")),
    "price an Infinity literal": put(*LINE, "price", value=float("inf")),
    "price negative": put(*LINE, "price", value="-12.50"),
    "price too great": put(*LINE, "price", value="1" + "0" * 15),
    "price too precise": put(*LINE, "price", value="0." + "0" * 12 + "1"),
    "price with a comma": put(*LINE, "price", value="12,50"),
    "price empty": put(*LINE, "price", value=""),
    "price null": put(*LINE, "price", value=None),
    "price true": put(*LINE, "price", value=True),
    "price a list": put(*LINE, "price", value=["12.50"]),
    "quantity zero": put(*LINE, "quantity", value=0),
    "quantity negative": put(*LINE, "quantity", value=-1),
    "quantity of 32 bits": put(*LINE, "quantity", value=2**31),
    "quantity huge": put(*LINE, "quantity", value=10**40),
    "quantity a float": put(*LINE, "quantity", value=1.5),
    "quantity a whole float": put(*LINE, "quantity", value=2.0),
    "quantity a string": put(*LINE, "quantity", value="2"),
    "quantity true": put(*LINE, "quantity", value=True),
    "quantity null": put(*LINE, "quantity", value=None),
    "options a list": put(*LINE, "options", value=["M"]),
    "options a number": put(*LINE, "options", value={"size": 7}),
    "options null": put(*LINE, "options", value=None),
    "attributes a list": put(*LINE, "attributes", value=[1]),
    "attributes a string": put(*LINE, "attributes", value="gift"),
    "attributes of 65 bits": put(*LINE, "attributes", value={"n": 2**64}),
    "attributes with an empty key": put(*LINE, "attributes", value={"": 1}),
    "product a string": put(*LINE, "product_ref", value="mug"),
    "product of a bad variant": put(
        *LINE, "product_ref", value={"type": "Mug", "id": "mug", "variant_id": 7}
    ),
    "options of options": put(*LINE, "options", value={"size": [["M"]]}),
    "removed a line": put("removed", value=[json.loads(GOOD)["lines"][0]]),
    "removed without a line": put("removed", value=[{"place": 0}]),
    "removed from no place": put(
        "removed", value=[{"line": json.loads(GOOD)["lines"][0], "place": -1}]
    ),
    "product without an id": put(*LINE, "product_ref", value={"type": "Mug"}),
    "line conditions an object": put(*LINE, "conditions", value={}),
    "line condition twice": with_line_conditions("GIFT", "GIFT"),
    "conditions an object": put("conditions", value={}),
    "condition a string": put(*CONDITION, value="19%"),
    "condition twice": twice("conditions"),
    "condition without a value": without(*CONDITION, "value"),
    "condition of no value": put(*CONDITION, "value", value=""),
    "condition of a bad value": put(*CONDITION, "value", value="19 percent"),
    "condition of a number": put(*CONDITION, "value", value=19),
    "condition by zero": put(*CONDITION, "value", value="/0"),
    "condition of a bad target": put(*CONDITION, "target", value="everything"),
    "condition of no name": put(*CONDITION, "name", value=""),
    "condition of a bad order": put(*CONDITION, "order", value="first"),
    "condition of a huge order": put(*CONDITION, "order", value=2**31 + 1),
    "coupon of no code": put("coupons", value=[""]),
    "coupon twice": put("coupons", value=["A", "A"]),
    "shipping of no name": put("shipping", value=" "),
    "metadata a list": put("metadata", value=["note"]),
    "metadata null": put("metadata", value=None),
    "metadata NaN": put("metadata", "note", value=float("nan")),
    "metadata -Infinity": put("metadata", "note", value=float("-inf")),
    "metadata too great a float": GOOD.replace('"ring twice"', "1e400"),
    "nested 17 deep": nested(17),
    "nested 100000 deep": nested(100_000),
    "created a number": put("created_at", value=1735776000),
    "created no time": put("created_at", value="yesterday"),
    "created on February 30": put("created_at", value="2025-02-30T00:00:00Z"),
    "merged a string": put("merged", value="guest:1@5"),
    "merged numbers": put("merged", value=[5]),
    "merged nothing": put("merged", value=[{"source": "g", "quantities": {"a": -1}}]),
    "merged no line": put("merged", value=[{"source": "g", "quantities": {"": 1}}]),
}

corrupt = pytest.mark.parametrize("text", CORRUPT.values(), ids=CORRUPT)


def test_the_others_differ_from_a_good_one() -> None:
    """Without the damage, the text is a cart."""
    assert len(decode(GOOD).lines) == 2
    assert decode(json.dumps(json.loads(GOOD))) == decode(GOOD)
    assert decode(with_line_conditions("GIFT", "WRAP")).lines[0].condition("WRAP")
    assert decode(nested(16 - 1)).metadata


@corrupt
def test_decode(text: str | bytes) -> None:
    """The error carries the text, and says that it is no cart."""
    with pytest.raises(CartCorruptError, match="The stored ") as caught:
        decode(text)

    assert caught.value.data == text
    assert len(str(caught.value)) < 400


def put_into_storage(text: str | bytes) -> MemoryStorage:
    storage = MemoryStorage()
    storage._carts[KEY] = Stored(text, 5), dt.datetime.now(dt.UTC)

    return storage


@corrupt
def test_reading_and_writing(text: str | bytes) -> None:
    """No read, no write and no retry takes the place of the text."""
    storage = put_into_storage(text)
    recorder = Recorder()

    for use in [
        lambda cart: cart.lines,
        lambda cart: cart.totals,
        lambda cart: cart.add("mug", price=1),
        lambda cart: cart.clear(),
    ]:
        with pytest.raises(CartCorruptError) as caught:
            use(make_cart(storage, announcer=recorder))

        assert caught.value.data == text

    assert stored(storage) == Stored(text, 5)
    assert recorder.asked == recorder.told == []


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda cart: len(cart), id="len"),
        pytest.param(lambda cart: cart.version, id="version"),
        pytest.param(lambda cart: cart.currency, id="currency"),
        pytest.param(lambda cart: dict(cart.metadata), id="read metadata"),
        pytest.param(lambda cart: cart.remove("x"), id="remove"),
        pytest.param(lambda cart: cart.increment("x"), id="increment"),
        pytest.param(lambda cart: cart.set_quantity("x", 2), id="set_quantity"),
        pytest.param(lambda cart: cart.add_discount("A", "5%"), id="add_discount"),
        pytest.param(lambda cart: cart.remove_condition("A"), id="remove_condition"),
        pytest.param(lambda cart: cart.metadata.update(a=1), id="write metadata"),
        pytest.param(lambda cart: cart.destroy(), id="destroy"),
        pytest.param(lambda cart: cart.expect(5).destroy(), id="expect and destroy"),
        pytest.param(lambda cart: cart.order_token, id="order_token"),
        pytest.param(sell, id="place_order"),
        pytest.param(lambda cart: cart.begin_order(), id="begin_order"),
        pytest.param(lambda cart: cart.batch().__enter__(), id="batch"),
    ],
)
def test_every_use(use: Callable[[Cart], object]) -> None:
    """Whatever is done with the cart, the text is still there."""
    storage = put_into_storage(GOOD[:-1])
    cart = make_cart(storage)

    with pytest.raises(CartCorruptError):
        use(cart)

    assert stored(storage) == Stored(GOOD[:-1], 5)


def test_a_cart_that_becomes_corrupt_between_read_and_write() -> None:
    """A retry that finds no cart any more leaves what it finds."""
    storage = put_into_storage(GOOD)
    cart = make_cart(storage)
    assert len(cart) == 2
    storage._carts[KEY] = Stored("rubbish", 6), dt.datetime.now(dt.UTC)

    with pytest.raises(CartCorruptError):
        cart.add("cup", price=1)

    assert stored(storage) == Stored("rubbish", 6)


@given(st.data())
def test_damaged_at_random(data: st.DataObject) -> None:
    """Any damage to the text is an error or a document, never another exception."""
    raw = GOOD.encode()
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 20)))
    damaged = raw[:start] + data.draw(st.binary(max_size=10)) + raw[end:]

    try:
        document = decode(damaged)
    except CartCorruptError:
        return

    assert decode(encode(document)) == document


@given(st.text(max_size=50) | st.binary(max_size=50))
def test_anything_at_all(text: str | bytes) -> None:
    """Text that nobody meant to be a cart is not taken for one."""
    with pytest.raises(CartCorruptError):
        decode(text)


def test_prices_of_other_notations_are_read_exactly() -> None:
    """A price that was written as a JSON number is still a decimal."""
    document = decode(put(*LINE, "price", value=12.1))

    assert document.lines[0].unit_amount == Decimal("12.1")
