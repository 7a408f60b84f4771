"""How long the pages of the demo shop take beside bare pages, and how large they are.

    python -m benchmarks.demo [--rounds=200] [--folder=docs/benchmarks]

In one process, through Flask's test client, in turns, on SQLite, as "make demo" has it.
A bare page is a view of Flask that returns a text of as many bytes, which is ready; a
bare add is one that redirects.
"""

from __future__ import annotations

import argparse
import gzip
import re
import secrets
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from flask import Flask
from flask import redirect
from werkzeug.test import TestResponse

from demo_shop import create_app
from demo_shop.extensions import db
from demo_shop.models import Variant

from .measuring import Ratio
from .measuring import Work
from .measuring import microseconds
from .measuring import ratio_of
from .measuring import take_turns
from .report import FOLDER
from .report import write_note
from .report import write_table

HEADINGS: t.Final = [
    *["page", "takes, us", "bare, us", "ratio"],
    *["bytes", "compressed", "its styles and scripts, compressed"],
]

#: In the larger basket.
LINES: t.Final = 34


class Page(t.NamedTuple):
    """A page of the shop, or a form of it.

    :param lines: In the basket.
    """

    name: str
    path: str
    lines: int = 0
    is_add: bool = False


class Measured(t.NamedTuple):
    """A page, beside a bare one.

    :param links: The styles and scripts that it names, and their bytes, compressed.
    """

    page: Page
    takes: str
    bare: str
    ratio: Ratio
    text: bytes
    links: dict[str, int]


PRODUCT: t.Final = "/goods/harbour-mug"

PAGES: t.Final = [
    Page("home", "/"),
    Page("a product", PRODUCT),
    Page("a basket of 1 line", "/basket/", 1),
    Page(f"a basket of {LINES} lines", "/basket/", LINES),
    Page("an add, 1 line", "/basket/lines", 1, is_add=True),
]


class Visitor:
    """Somebody with a basket.

    :param skus: What is put into it.
    """

    def __init__(self, app: Flask, skus: t.Sequence[str]) -> None:
        self._client = app.test_client()
        self._client.environ_base["HTTP_ACCEPT"] = "text/html"
        self._skus = skus
        page = self.get("/basket/lines?item=MUG-FOG").text
        self._token = re.findall('name="csrf_token" value="([^"]*)"', page)[0]

        for sku in skus:
            self._post("/basket/lines", item=sku)

        # The next page has nothing to say about it.
        self.get("/basket/")

    def get(self, path: str) -> TestResponse:
        response = self._client.get(path)
        assert response.status_code == 200, response.text

        return response

    def add(self) -> None:
        self._post("/basket/lines", item=self._skus[0])

    def take_back(self) -> None:
        """Have one piece again, and read what the shop has to say."""
        page = self.get("/basket/").text
        lines = re.findall(r'action="(/basket/lines/\w+)/increment"', page)
        assert len(lines) == len(self._skus), page

        for line in lines:
            self._post(line, quantity=1)

        self.get("/basket/")

    def _post(self, path: str, **fields: t.Any) -> None:
        fields |= {"csrf_token": self._token, "cart_key": secrets.token_urlsafe(12)}
        response = self._client.post(path, data=fields)
        assert response.status_code == 303, response.text


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)

    with opened_shop() as app:
        rows = [cells(measure(app, page, options.rounds)) for page in PAGES]

    write_table(options.folder / "demo.csv", [HEADINGS, *rows])
    write_note(
        options.folder / "demo.txt",
        f"Median of {options.rounds} rounds; ± half of what lies between the fifths of"
        " them.",
    )


@contextmanager
def opened_shop() -> Iterator[Flask]:
    """The shop, on a database of its own."""
    with TemporaryDirectory() as folder:
        app = create_app(
            {
                "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/shop.sqlite3",
                "SECRET_KEY": "benchmark",
            }
        )
        yield app

        with app.app_context():
            db.engine.dispose()


def measure(app: Flask, page: Page, rounds: int) -> Measured:
    """Time a page in turns with a bare one of the same size."""
    visitor = visitor_with(app, page.lines)
    text = "" if page.is_add else visitor.get(page.path).text
    bare = bare_app(text).test_client()

    if page.is_add:
        work = Work(visitor.add, visitor.take_back)
        bare_work = Work(lambda: bare.post("/"))
    else:
        work = Work(lambda: visitor.get(page.path))
        bare_work = Work(lambda: bare.get("/"))

    taken = take_turns({"ours": work, "bare": bare_work}, rounds)

    return Measured(
        page,
        microseconds(taken["ours"]),
        microseconds(taken["bare"]),
        ratio_of(taken["ours"], taken["bare"]),
        text.encode(),
        linked(visitor, text),
    )


def visitor_with(app: Flask, lines: int) -> Visitor:
    """Somebody with so many lines in the basket."""
    with app.app_context():
        in_stock = sa.select(Variant.sku).where(Variant.stock > 1).order_by(Variant.id)
        skus = db.session.scalars(in_stock.limit(lines)).all()

    return Visitor(app, skus)


def bare_app(text: str) -> Flask:
    """An app whose page is ready."""
    app = Flask("bare")
    app.add_url_rule("/", "show", lambda: text)
    app.add_url_rule("/", "add", lambda: redirect("/", code=303), methods=["POST"])

    return app


def linked(visitor: Visitor, text: str) -> dict[str, int]:
    """The styles and scripts that a page names, and their bytes, compressed."""
    tags = re.findall(r'<link rel="stylesheet"[^>]*>|<script[^>]* src=[^>]*>', text)
    sizes = {}

    for tag in tags:
        (path,) = re.findall('(?:href|src)="([^"]+)"', tag)

        with visitor.get(path) as response:
            sizes[path] = compressed(response.data)

    return sizes


def compressed(text: bytes) -> int:
    """Its bytes as a server in front of the app sends them."""
    return len(gzip.compress(text, compresslevel=6))


def cells(each: Measured) -> list[str]:
    sizes = [len(each.text), compressed(each.text), sum(each.links.values())]

    return [
        each.page.name,
        each.takes,
        each.bare,
        str(each.ratio),
        *[f"{size:,}" if each.text else "" for size in sizes],
    ]


if __name__ == "__main__":
    main()
