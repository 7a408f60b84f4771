"""Money is never calculated with floats: the source is searched for them."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator

import pytest

MODULES = [
    *["money", "conditions", "pricing", "operations", "limits", "document"],
    *["rules", "facts", "builtin_rules", "rulebook", "evaluation", "presets"],
    *["shares", "steps", "totals", "shipping", "quoting"],
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


@pytest.mark.parametrize("name", MODULES)
def test_source(name: str) -> None:
    """Floats are named once, where an amount is taken from one by its repr."""
    source = inspect.getsource(importlib.import_module(f"flask_cart.{name}"))
    tree = ast.parse(source)
    found = set(floats(tree))

    assert calls_of_float(tree) == []
    assert found <= {"float in parse_amount", "value as a float in _plain"}
    assert name in {"money", "conditions"} or not found


def test_floats_are_found() -> None:
    """The search finds what it is for."""
    source = "def f(x):\n    return float(x) + 1.0 + len(f'{x:.2f}')"

    assert set(floats(ast.parse(source))) == {
        "float in f",
        "1.0 in f",
        "x as a float in f",
    }
