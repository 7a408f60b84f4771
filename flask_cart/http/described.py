"""Described schemas: what the types of the API are in its OpenAPI document."""

from __future__ import annotations

import inspect
import re
import typing as t

import msgspec

from .examples import INPUTS
from .schemas import ShownCart
from .schemas import ShownItem
from .schemas import ShownMeaning
from .schemas import ShownProblem

_PARAM: t.Final = re.compile(r":param (\w+): (.*?)(?=\n:param |\Z)", re.DOTALL)


def schema_name(kind: type) -> str:
    """What a type is called there."""
    return kind.__name__.removeprefix("Shown")


def describe_schemas() -> dict[str, dict[str, t.Any]]:
    """The schemas of all bodies, by their names, with what the docstrings say."""
    # Not what only a page sends.
    kinds = [ShownCart, ShownItem, ShownMeaning, ShownProblem, *INPUTS]
    template = "#/components/schemas/{name}"
    _, found = msgspec.json.schema_components(kinds, ref_template=template)
    schemas: dict[str, dict[str, t.Any]] = {}

    for schema in _renamed(found).values():
        # Only what is not about Python.
        doc = inspect.cleandoc(schema["description"])
        schema["description"] = _in_a_line(doc.partition("\n\n:param")[0])
        params = {name: _in_a_line(said) for name, said in _PARAM.findall(doc)}

        for name, field in schema.get("properties", {}).items():
            field["description"] = params[name]

        if "enum" in schema:
            schema["type"] = "string"

        schemas[schema["title"]] = schema

    return schemas


def _renamed(schemas: t.Any) -> dict[str, dict[str, t.Any]]:
    text = msgspec.json.encode(schemas).decode()
    renamed = re.sub(r'("title":"|/schemas/)Shown', r"\1", text)

    return t.cast("dict[str, dict[str, t.Any]]", msgspec.json.decode(renamed))


def _in_a_line(text: str) -> str:
    return " ".join(text.split())
