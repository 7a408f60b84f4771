"""The house: small rooms, short functions, and nothing that reaches through a wall."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_cart

(PACKAGE,) = map(Path, flask_cart.__path__)
ROOT = PACKAGE.parent

#: Lines of a module, and lines of code of a function.
MOST_LINES = 400
MOST_CODE = 60

#: Its docstrings are what users read.
FACADE = "carts/cart.py"
MOST_OF_FACADE = 700

MODULES = sorted(PACKAGE.rglob("*.py"))

FOLDERS = sorted({*PACKAGE.rglob("__init__.py")} - {PACKAGE / "__init__.py"})


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_is_one_room(path: Path) -> None:
    """It can be read at one go."""
    most = MOST_OF_FACADE if named(path) == FACADE else MOST_LINES

    assert len(path.read_text().splitlines()) <= most


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    """Without its docstring, comments and blank lines."""
    assert dict(long_functions(path.read_text())) == {}


def test_a_long_function_is_found() -> None:
    """Only its code counts."""
    short = "def f():\n    '''A\n    b.'''\n\n    # Why.\n" + "    x = 1\n" * 59
    long = "async def g():\n" + "    x = 1\n" * 60

    assert dict(long_functions(short)) == {}
    assert dict(long_functions(long)) == {"g": 61}


@pytest.mark.parametrize("path", FOLDERS, ids=named)
def test_a_folder_says_what_it_is(path: Path) -> None:
    """In three lines: what is here, where to start, and what it must not know."""
    text = path.read_text()
    lines = (ast.get_docstring(ast.parse(text)) or "").splitlines()

    assert text.startswith('"""')
    assert len(list(filter(None, lines))) >= 3


def test_few_modules_are_at_the_door() -> None:
    """Everything else is in a folder."""
    assert len(list(PACKAGE.glob("*.py"))) <= 4


def test_the_state_of_an_app_is_touched_in_its_folder_alone() -> None:
    """What belongs to an app is asked for with get_state() elsewhere."""
    outside = [path for path in MODULES if named(path).split("/")[0] != "app"]

    assert [named(path) for path in outside if reaches_state(path.read_text())] == []


@pytest.mark.parametrize(
    "line",
    [
        'state = current_app.extensions["cart"]',
        "state = app.extensions.get('cart')",
        'if "cart" in self.app.extensions: pass',
        'app.extensions.pop("cart", None)',
    ],
)
def test_who_touches_the_state_is_found(tmp_path: Path, line: str) -> None:
    """However it is written, in a copy of a module that does not."""
    text = (PACKAGE / "http" / "pages.py").read_text()

    assert not reaches_state(text)
    assert reaches_state(f"{text}\n\n{line}\n")


def test_no_private_name_crosses_a_folder() -> None:
    """What another folder imports has a public name."""
    assert [each for path in MODULES for each in crossing(path)] == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from ..carts.cart import _Priced", "_Priced"),
        ("from ..carts import _hidden", "_hidden"),
        ("from ..carts._hidden import shown", "_hidden"),
        ("from flask_cart.carts.cart import _Priced", "_Priced"),
        ("from .answers import _HTML", None),
        ("from .._typing import t", "_typing"),
    ],
)
def test_who_imports_a_private_name_is_found(line: str, name: str | None) -> None:
    """Inside of a folder, rooms may know each other better."""
    path = PACKAGE / "http" / "pages.py"
    found = [name for _, name in crossing(path, f"{path.read_text()}\n{line}\n")]

    assert found == ([] if name is None else [name])


def long_functions(text: str) -> Iterator[tuple[str, int]]:
    """The functions that are too long, with their lines of code."""
    code = code_lines(text)

    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue

        lines = {*range(node.lineno, (node.end_lineno or 0) + 1)} & code

        if ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines -= {*range(docstring.lineno, (docstring.end_lineno or 0) + 1)}

        if len(lines) > MOST_CODE:
            yield node.name, len(lines)


def code_lines(text: str) -> set[int]:
    """The numbers of the lines that are neither blank nor a comment."""
    nothing = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }

    return {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in nothing
        for line in range(token.start[0], token.end[0] + 1)
    }


def reaches_state(text: str) -> bool:
    """Whether a module touches ``app.extensions["cart"]``."""
    tree = ast.parse(text)
    # Docstrings may show an app's own code.
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]

    return any(
        isinstance(node, ast.Subscript | ast.Call | ast.Compare)
        and bool(re.search(r"\bextensions\b", ast.unparse(node)))
        and any(
            isinstance(each, ast.Constant) and each.value == "cart"
            for each in ast.walk(node)
        )
        for node in statements
    )


def crossing(path: Path, text: str | None = None) -> Iterator[tuple[str, str]]:
    """The private names that a module imports from another folder."""
    here = ["flask_cart", *path.relative_to(PACKAGE).parent.parts]

    for node in ast.walk(ast.parse(path.read_text() if text is None else text)):
        if not isinstance(node, ast.ImportFrom) or node.module == "__future__":
            continue

        parts = node.module.split(".") if node.module else []

        if node.level:
            parts = [*here[: len(here) + 1 - node.level], *parts]

        if parts[:1] != ["flask_cart"]:
            continue

        for name in [*parts, *(alias.name for alias in node.names)]:
            is_private = name.startswith("_") and not name.startswith("__")

            if is_private and parts[: len(here)] != here:
                yield named(path), name
