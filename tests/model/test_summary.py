"""A look at a stored cart tells the same as all of it, and costs little."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from msgspec.structs import replace

from flask_cart import CartCorruptError
from flask_cart.model import document
from flask_cart.model.document import Document
from flask_cart.model.document import PendingOrder
from flask_cart.model.document import encode
from flask_cart.model.document import new_document
from flask_cart.model.lines import MAX_QUANTITY
from flask_cart.model.lines import make_line
from flask_cart.model.summary import Summary
from flask_cart.model.summary import summarize
from tests.support.strategies import documents

NOW = dt.datetime(2025, 1, 2, tzinfo=dt.UTC)
EMPTY = encode(new_document("EUR"))
MUG = encode(
    replace(new_document("EUR"), lines=(make_line("mug", 2, "EUR", price="12.50"),))
)


@given(documents())
@pytest.mark.hypothesis
def test_of_any_cart(found: Document) -> None:
    """Whatever is in it: lines, amounts, orders that were begun, and since when."""
    summary = summarize(encode(found))

    assert type(summary) is Summary
    assert summary.currency == found.currency
    assert summary.pending == found.pending
    assert [(each.quantity, each.unit_amount) for each in summary.lines] == [
        (each.quantity, each.unit_amount) for each in found.lines
    ]


def test_of_orders() -> None:
    """They say how long a cart is kept."""
    pending = (PendingOrder("token", NOW, "content"),)
    found = replace(new_document("EUR"), pending=pending)

    assert summarize(encode(found).encode()).pending == pending


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        b"\xff",
        MUG[:-1],
        MUG + "}",
        MUG.replace('"quantity":2', '"quantity":0'),
        MUG.replace('"quantity":2', f'"quantity":{MAX_QUANTITY + 1}'),
        MUG.replace('"quantity":2', '"quantity":"2"'),
        MUG.replace('"12.50"', '"much"'),
        MUG.replace('"EUR"', '"XXX_"', 1),
        MUG.replace('"pending":[]', '"pending":[1]'),
        EMPTY.replace('"lines":[]', '"lines":7'),
        EMPTY.replace('"schema":1', '"schema":2'),
        EMPTY.replace('"schema":1', '"schema":0'),
        "[" * 100_000,
    ],
)
def test_damage_that_is_seen(text: str | bytes) -> None:
    """Where it looks, it finds the same errors as who reads all of it."""
    with pytest.raises(CartCorruptError) as caught:
        summarize(text)

    with pytest.raises(CartCorruptError) as expected:
        document.decode(text)

    assert str(caught.value) == str(expected.value)
    assert caught.value.data == text


def test_damage_that_is_not_seen() -> None:
    """What belongs together is for who reads all of it."""
    text = MUG.replace('"item_id":"mug"', '"item_id":"pot"')

    assert len(summarize(text).lines) == 1

    with pytest.raises(CartCorruptError):
        document.decode(text)


def test_of_an_older_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cart that an older version has stored is read in full."""
    older = new_document("EUR")
    monkeypatch.setattr("flask_cart.model.summary.decode", lambda data: older)

    assert summarize(EMPTY.replace('"schema":1', '"schema":0')) is older
