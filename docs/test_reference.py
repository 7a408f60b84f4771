"""The reference is complete, and the examples in the docstrings work."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import types
from collections.abc import Callable
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from flask import Flask
from moneyed import Money

import flask_cart
from flask_cart import Cart
from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.app.settings import Settings
from flask_cart.http import views
from flask_cart.http.routes import ROUTES
from flask_cart.pricing.builtin_amounts import AMOUNTS
from flask_cart.pricing.builtin_rules import RULES

DOCS = Path(__file__).parent
MODULES = [
    importlib.import_module(each.name)
    for each in pkgutil.walk_packages(flask_cart.__path__, "flask_cart.")
]


@pytest.fixture
def cart() -> Iterator[Cart]:
    """The cart of a request."""
    app = Flask("shop")
    app.config.from_mapping(SECRET_KEY="test", CART_STORAGE="memory")
    FlaskCart(app)

    with app.test_request_context():
        yield current_cart


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_docstrings(module: types.ModuleType, cart: Cart) -> None:
    """The examples in docstrings do what they say."""
    names = {"cart": cart, "Condition": Condition, "Decimal": Decimal, "Money": Money}
    failed, _ = doctest.testmod(module, extraglobs=names)

    assert not failed


def test_docstrings_are_found() -> None:
    """There are examples in docstrings to be run."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [each for module in MODULES for each in finder.find(module)]

    assert sum(len(each.examples) for each in found) > 10


def test_settings() -> None:
    """Every setting is in the table, with its default."""
    text = (DOCS / "configuration.rst").read_text()
    rows = re.findall(r"\* - ``CART_(\w+)``\n +- .+\n +- (.+)\n", text)
    documented = {
        name.lower(): frozenset()
        if value == "empty"
        else msgspec.json.decode(_as_json(value.strip("`")))
        for name, value in rows
    }

    assert documented == msgspec.structs.asdict(Settings())


@pytest.mark.parametrize("name", sorted(set(flask_cart.__all__)))
def test_public_names(name: str) -> None:
    """Every public name is in the reference."""
    text = (DOCS / "api.rst").read_text()

    assert re.search(rf"^\.\. (auto\w+|data):: {name}\b", text, re.MULTILINE)


@pytest.mark.parametrize("function", [*RULES, *AMOUNTS])
def test_rules(function: Callable[..., object]) -> None:
    """Every built-in rule is in the guide, with its parameters."""
    _, *names = inspect.signature(function).parameters
    params = "".join(rf"{name}[^,)]*[,)] ?" for name in names) or r"\)"

    assert re.search(
        rf"``{function.__name__}\({params}", (DOCS / "rules.rst").read_text()
    )


@pytest.mark.parametrize("name", sorted(signals.names()))
def test_signals(name: str) -> None:
    """Every signal is in the guide and in the reference."""
    assert f":data:`{name}`" in (DOCS / "signals.rst").read_text()
    assert f".. autodata:: {name}\n" in (DOCS / "api.rst").read_text()


def test_codes() -> None:
    """Every error and warning with a code has a section, and nothing else has."""
    text = (DOCS / "startup.rst").read_text()
    sections = re.findall(r"\n\.\. _(\S+):\n\n``(\S+)``\n~+\n", text)

    assert all(label == title for label, title in sections)
    assert sorted(title for _, title in sections) == sorted(_codes())


def test_json_api() -> None:
    """Every request that a JSON client can make is in the table, in the same words."""
    text = (DOCS / "json-api.rst").read_text()
    rows = re.findall(r"\* - ``([A-Z]+ /.*)``\n +-.*\n +- (.+)\n", text)
    routes = [each for each in ROUTES if not each.is_for_forms]

    assert rows == [
        (
            f"{each.method} {re.sub('<[a-z_]+:', '<', each.address)}",
            getattr(views, each.view).__doc__,
        )
        for each in routes
    ]


def _codes() -> set[str]:
    """The codes in the source."""
    root = Path(flask_cart.__file__).parent
    calls = [
        node
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]

    return {
        ast.literal_eval(call.args[1])
        for call in calls
        if call.func.id in {"CartConfigError", "warn"} and len(call.args) == 2
    }


def _as_json(value: str) -> str:
    return {"None": "null", "True": "true", "False": "false"}.get(value, value)
