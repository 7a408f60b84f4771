"""Inputs: what is read of a form, and by many threads at once."""

from __future__ import annotations

import gc
import importlib.util
import re
import sys
import typing as t
from types import ModuleType

import pytest
from flask.testing import FlaskClient

from flask_cart.http import inputs
from tests.support.storefronts import fill
from tests.support.storefronts import show


@pytest.fixture
def fresh_inputs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is before anything was read with it."""
    name = "flask_cart.http.inputs_again"
    spec = importlib.util.spec_from_file_location(name, inputs.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)

    return module


def is_known(kind: type[t.Any]) -> bool:
    """Whether msgspec has made what it reads a type with."""
    return "StructInfo" in {type(each).__name__ for each in gc.get_referents(kind)}


def test_every_type_is_known_before_the_first_request(
    fresh_inputs: ModuleType,
) -> None:
    """Two threads that are the first to read a type would crash the process."""
    kinds = fresh_inputs.Input.__subclasses__()

    class Unread(inputs.Input):
        """What this would see if it were not so."""

    assert len(kinds) == 10
    assert [each for each in kinds if not is_known(each)] == []
    assert not is_known(Unread)


@pytest.mark.parametrize(
    "fields",
    [
        {"item": "mug", "item.x": "1", "option.size": "L"},
        {"item.x": "1", "item": "mug", "option.size": "L"},
        {"item": "mug", "options": "x", "option.size": "L"},
        {"item": "mug", "option.size": "L", "options": "x"},
        {"item": "mug", "options.size": "L", "quantity.x": "9"},
    ],
)
def test_a_field_beside_a_group_of_the_same_name(
    client: FlaskClient, fields: dict[str, str]
) -> None:
    """Only options and metadata are groups; all else is a field of the shop's own."""
    assert client.post("/cart/lines", data=fields).status_code == 303

    (line,) = show(client)["lines"]

    assert (line["item"], line["options"]) == ("mug", {"size": "L"})


def test_a_field_beside_the_metadata(client: FlaskClient) -> None:
    """What is called as the whole of it is no entry."""
    fill(client)

    for fields in [
        {"metadata": "x", "metadata.note": "one"},
        {"metadata.note": "two", "metadata": "x"},
    ]:
        assert client.post("/cart/metadata", data=fields).status_code == 303
        assert show(client)["metadata"] == {"note": fields["metadata.note"]}


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("", {"item": "pot", "quantity": ""}),
        ("", {"item": "mug", "option.size": "L", "quantity": ""}),
        ("/{line}", {"quantity": ""}),
        ("/{line}", {"quantity": "2", "seen": ""}),
        ("/{line}/increment", {"by": ""}),
        ("/{line}/move", {"to": "wishlist", "quantity": ""}),
        ("/{line}/move", {"to": ""}),
        ("", {"item": ""}),
    ],
)
def test_an_empty_field(
    client: FlaskClient, address: str, fields: dict[str, str]
) -> None:
    """It is refused in words, and not taken for one that is missing."""
    line = fill(client)
    before = show(client)
    path = f"/cart/lines{address.format(line=line)}"
    answer = client.post(path, data=fields, headers={"Accept": "application/json"})

    assert answer.status_code == 422
    (empty,) = (name for name, value in fields.items() if not value)
    assert f'"detail":"{empty}: Expected ' in answer.text
    assert show(client) == before


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("2.0", 200),
        ("2e0", 200),
        ("0.2e1", 200),
        ("2.5", 422),
        ("1e300", 422),
        ("9007199254740993.0", 422),
        ("-2.0", 422),
        ('"2.0"', 422),
    ],
)
def test_a_whole_number_may_have_a_point(
    client: FlaskClient, number: str, status: int
) -> None:
    """For JSON Schema 2.0 is an integer, and some clients write it so."""
    body = f'{{"item": "pot", "quantity": {number}}}'
    answer = client.post("/cart/lines", data=body, content_type="application/json")

    assert answer.status_code == status
    assert show(client)["quantity"] == (2 if status == 200 else 0)


@pytest.mark.parametrize(
    "text",
    ["TEN", " TEN ", "10/20", "über uns", "", " ", "\n", "a\x00", "\x85", "a\tb"],
)
@pytest.mark.parametrize(
    ("path", "schema", "name"),
    [
        ("lines", "Addition", "item"),
        ("coupons", "Code", "code"),
        ("shipping", "Method", "method"),
    ],
)
def test_the_document_says_what_is_text(
    client: FlaskClient, path: str, schema: str, name: str, text: str
) -> None:
    """What its pattern does not match is an invalid field, and nothing else is."""
    schemas = client.get("/cart/openapi.json").json["components"]["schemas"]
    pattern = schemas[schema]["properties"][name]["pattern"]
    method = "PUT" if path == "shipping" else "POST"
    answer = client.open(f"/cart/{path}", method=method, json={name: text})
    is_invalid = answer.status_code == 422 and answer.json["code"] == "invalid-field"

    assert (re.search(pattern, text) is None) is is_invalid
