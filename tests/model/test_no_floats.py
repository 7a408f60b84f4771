"""Money is never calculated with floats: the source is searched for them."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import flask_cart.model
import flask_cart.pricing

MODULES = [
    each.name
    for folder in (flask_cart.model, flask_cart.pricing)
    for each in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}.")
]


def floats(tree: ast.AST, where: str = "") -> Iterator[str]:
    """Each float in the source: a literal, or a use of the class."""
    for node in ast.iter_child_nodes(tree):
        inside = getattr(node, "name", "") or where

        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"{node.value!r} in {inside}"

        if isinstance(node, ast.Name) and node.id == "float":
            yield f"float in {inside}"

        # A format such as f"{number:f}" would make a float of an int.
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            spec = ast.unparse(node.format_spec)
            value = ast.unparse(node.value)

            if spec.rstrip("\"'")[-1:] in set("eEfFgG%"):
                yield f"{value} as a float in {inside}"

        yield from floats(node, inside)


def calls_of_float(tree: ast.AST) -> list[str]:
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "float"
    ]


#: What is not a calculation: an amount may come as a float, a decimal is formatted.
ALLOWED = {
    "flask_cart.model.conditions": {
        "price_in(currency(), value) as a float in value_text",
        "value as a float in _plain",
    },
    "flask_cart.model.products": {"value as a float in _option_text"},
    "flask_cart.model.money": {"float in ", "float in parse_amount"},
}


@pytest.mark.parametrize("name", sorted({*MODULES} - {"flask_cart.model.values"}))
def test_source(name: str) -> None:
    """Floats are named once, where an amount is taken from one by its repr.

    Free JSON, which ``values`` reads, may have some.
    """
    source = inspect.getsource(importlib.import_module(name))
    tree = ast.parse(source)

    assert calls_of_float(tree) == []
    assert set(floats(tree)) == ALLOWED.get(name, set())


def test_floats_are_found() -> None:
    """The search finds what it is for."""
    source = "def f(x):\n    return float(x) + 1.0 + len(f'{x:.2f}')"

    assert set(floats(ast.parse(source))) == {
        "float in f",
        "1.0 in f",
        "x as a float in f",
    }
