"""The examples of the documentation and the README are tests."""

from __future__ import annotations

import typing as t
from contextlib import ExitStack
from contextlib import chdir
from doctest import ELLIPSIS
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Flask
from sybil import Example
from sybil import Sybil
from sybil.parsers import markdown
from sybil.parsers import rest


class TemplateParser(rest.CodeBlockParser):
    """Writes every template that a page shows to the file in its caption."""

    language = "html+jinja"

    def evaluate(self, example: Example) -> None:
        path = Path(example.region.lexemes["options"]["caption"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example.parsed)


def set_up(namespace: dict[str, t.Any]) -> None:
    """Give a page an empty folder to work in, and a stack of what to clean up."""
    cleanup = ExitStack()
    cleanup.enter_context(chdir(cleanup.enter_context(TemporaryDirectory())))
    cleanup.callback(dispose, namespace)
    namespace.update(__name__="shop", cleanup=cleanup)


def dispose(namespace: dict[str, t.Any]) -> None:
    """Close the database connections of a page's apps."""
    for app in [each for each in namespace.values() if isinstance(each, Flask)]:
        if "sqlalchemy" not in app.extensions:
            continue

        with app.app_context():
            for engine in app.extensions["sqlalchemy"].engines.values():
                engine.dispose()


def tear_down(namespace: dict[str, t.Any]) -> None:
    namespace["cleanup"].close()


pages = Sybil(
    [rest.PythonCodeBlockParser(), rest.DocTestParser(ELLIPSIS), TemplateParser()],
    path="docs",
    pattern="*.rst",
    setup=set_up,
    teardown=tear_down,
)
readme = Sybil(
    [markdown.PythonCodeBlockParser()],
    filenames=["README.md"],
    setup=set_up,
    teardown=tear_down,
)
pytest_collect_file = (pages + readme).pytest()
