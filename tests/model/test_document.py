from __future__ import annotations

import datetime as dt
import json
import pickle

import pytest
from hypothesis import given

from flask_cart import CartCorruptError
from flask_cart import Condition
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.document import decode
from flask_cart.model.document import encode
from flask_cart.model.document import new_document
from flask_cart.model.lines import make_line
from flask_cart.model.values import FrozenDict
from tests.support import strategies

MUG = make_line("mug", 2, "EUR", price="12.50")


@given(strategies.documents())
def test_round_trip(document: Document) -> None:
    """What is stored is read again, whatever it is, to the last digit and type."""
    text = encode(document)
    again = decode(text)

    assert again == document
    # Python takes 1, 1.0 and True for equal; their texts differ.
    assert repr(again) == repr(document)
    assert encode(again) == text
    assert decode(text.encode()) == document


@given(strategies.documents())
def test_what_is_read_is_frozen(document: Document) -> None:
    """Nothing that comes out of a storage can be changed in place."""
    again = decode(encode(document))
    objects = [again.metadata]

    for line in again.lines:
        objects += [line.options, line.attributes]
        objects += [condition.attributes for condition in line.conditions]

    assert {type(each) for each in objects} == {FrozenDict}


@given(strategies.documents())
def test_documents_can_be_pickled(document: Document) -> None:
    """A document can be handed to another process."""
    assert pickle.loads(pickle.dumps(document)) == document


@pytest.mark.parametrize(
    "value",
    [
        *[0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1],
        *[0.0, -0.0, 1.0, 0.1, 1e22, 1e-7, 5e-324, 1.7976931348623157e308],
        *[True, False, None, "", "\x00", "\n", "\u2028", "☕", "\U0001f6d2", "\uffff"],
        *['"', "\\", "</script>", "\\u0041", [], {}, [[]], [{}], {"a": {"b": []}}],
    ],
    ids=ascii,
)
def test_values_at_the_edges(value: object) -> None:
    """Values on which JSON libraries differ come back as they were."""
    document = Document(schema=SCHEMA, currency="EUR", metadata={"x": value})
    again = decode(encode(document))

    assert repr(again.metadata) == repr(document.metadata)


def test_text_is_readable_json() -> None:
    """The text is JSON with amounts as strings and lists in their order."""
    document = Document(
        schema=SCHEMA,
        currency="EUR",
        lines=(MUG,),
        conditions=(Condition("VAT", "tax", "subtotal", "19%"),),
        metadata={"note": "Tür"},
        coupons=("SUMMER",),
        shipping="Post",
        created_at=dt.datetime(2025, 1, 2, 3, 4, 5, 6, dt.UTC),
    )
    text = encode(document)

    assert "Tür" in text
    assert json.loads(text) == {
        "schema": 1,
        "currency": "EUR",
        "lines": [
            {
                "id": MUG.id,
                "item_id": "mug",
                "name": "mug",
                "price": "12.50",
                "currency": "EUR",
                "quantity": 2,
            }
        ],
        "conditions": [
            {
                "name": "VAT",
                "type": "tax",
                "target": "subtotal",
                "value": "19%",
            }
        ],
        "metadata": {"note": "Tür"},
        "coupons": ["SUMMER"],
        "shipping": "Post",
        "created_at": "2025-01-02T03:04:05.000006Z",
        "updated_at": None,
        "merged": [],
        "pending": [],
        "settled": [],
        "removed": [],
    }


def test_new_document() -> None:
    """A new document has this schema, a currency and nothing else."""
    assert new_document("JPY") == Document(schema=SCHEMA, currency="JPY")


def test_line_and_condition_are_found() -> None:
    """Lines are found by their id, conditions by their name."""
    tax = Condition("VAT", "tax", "subtotal", "19%")
    document = Document(schema=SCHEMA, currency="EUR", lines=(MUG,), conditions=(tax,))

    assert document.line(MUG.id) is MUG
    assert document.line("mug") is None
    assert document.condition("VAT") is tax
    assert document.condition("vat") is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"currency": "EURO"}, "'EURO' is not a currency"),
        ({"lines": (MUG, MUG)}, "Two lines have the same id"),
        (
            {"conditions": (Condition("A", "x", "total", "1"),) * 2},
            "Two conditions have the same name",
        ),
        ({"currency": "USD", "lines": (MUG,)}, "line is in EUR, the cart in USD"),
        ({"metadata": {"a": object()}}, r"The metadata\['a'\] must be JSON"),
    ],
)
def test_documents_that_cannot_be(fields: dict, message: str) -> None:
    """A document checks what its parts cannot check by themselves."""
    with pytest.raises(ValueError, match=message):
        Document(**{"schema": SCHEMA, "currency": "EUR"} | fields)


def test_lines_without_a_currency() -> None:
    """They are in that of the cart, like all that is in it."""
    lines = (make_line("mug", 1, None, price=500), make_line("pot", 1, None, price=7))
    document = Document(schema=SCHEMA, currency="JPY", lines=lines)

    assert [str(each.price.currency) for each in document.lines] == ["JPY", "JPY"]
    assert [each.currency for each in lines] == ["", ""]


class TestUpgrade:
    OLD = '{"schema": -1, "coin": "EUR", "notes": {"a": 1}}'

    def test_in_sequence(self) -> None:
        """Each upgrader gets what the one before it made of the document."""

        def rename_coin(plain: dict) -> dict:
            assert plain["schema"] == -1

            return {"currency": plain["coin"], "notes": plain["notes"]}

        def rename_notes(plain: dict) -> dict:
            assert plain == {"schema": 0, "currency": "EUR", "notes": {"a": 1}}

            return {"currency": plain["currency"], "metadata": plain["notes"]}

        upgraders = {0: rename_notes, -1: rename_coin}
        document = decode(self.OLD, upgraders)

        assert document == Document(schema=SCHEMA, currency="EUR", metadata={"a": 1})
        assert type(document.metadata) is FrozenDict

    @given(strategies.documents())
    def test_everything_survives(self, document: Document) -> None:
        """Prices, times and nested values are the same after an upgrade."""
        old = json.loads(encode(document)) | {"schema": 0}
        upgraded = decode(json.dumps(old), {0: dict})

        assert upgraded == document
        assert repr(upgraded) == repr(document)

    def test_a_document_of_today_is_left_alone(self) -> None:
        """No upgrader sees a document that is up to date."""

        def fail(plain: dict) -> dict:
            raise AssertionError

        text = encode(new_document("EUR"))

        assert decode(text, {0: fail, 1: fail}) == new_document("EUR")

    @pytest.mark.parametrize("missing", [-1, 0])
    def test_a_gap(self, missing: int) -> None:
        """Where an upgrader is missing, the error says for which schema."""
        upgraders = {number: dict for number in [-1, 0] if number != missing}

        with pytest.raises(CartCorruptError, match=f"schema {missing}, .* upgrade"):
            decode(self.OLD, upgraders)

    def test_result_is_checked(self) -> None:
        """What an upgrader makes is checked like any other document."""
        with pytest.raises(CartCorruptError, match="unknown field `coin`") as caught:
            decode(self.OLD, {-1: dict, 0: dict})

        assert caught.value.data == self.OLD

    @pytest.mark.parametrize(
        "read",
        [
            lambda plain: plain["lines"][0],
            lambda plain: plain["notes"]["a"]["b"],
            lambda plain: plain["notes"].strip(),
        ],
        ids=["KeyError", "TypeError", "AttributeError"],
    )
    def test_an_upgrader_that_stumbles(self, read) -> None:
        """A document that its upgrader cannot read is corrupt, and kept as it is."""

        def upgrade(plain: dict) -> dict:
            return {"currency": read(plain)}

        with pytest.raises(CartCorruptError) as caught:
            decode(self.OLD, {-1: dict, 0: upgrade})

        assert caught.value.data == self.OLD
        assert "which nothing can upgrade" not in str(caught.value)
