import re
from collections.abc import Callable
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy import update
from werkzeug.test import TestResponse

from demo_shop import create_app
from demo_shop.extensions import db
from demo_shop.models import Order
from demo_shop.models import Variant

ADDRESS = {
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "street": "12 Pier Road",
    "postcode": "V92 X1Y2",
    "town": "Tralee",
    "country": "Ireland",
}


class Visitor:
    """A browser without JavaScript: it sends the forms of the page it looks at."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self.page = ""

    def get(self, path: str, status: int = 200) -> str:
        """Open a page and keep its text."""
        with self.client.get(path) as response:
            assert response.status_code == status
            self.page = unescape(response.text)

        return self.page

    def field(self, name: str) -> str:
        """The value of the first field of this name on the page."""
        found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', self.page)
        assert found is not None, f"There is no field {name} on the page."

        return found[1]

    def post(self, path: str, **fields: str) -> TestResponse:
        """Send a form with the page's CSRF token."""
        fields = {"csrf_token": self.field("csrf_token"), **fields}
        return self.client.post(path, data=fields)

    def follow(self, response: TestResponse) -> str:
        """Go where a POST sends the browser."""
        assert response.status_code == 303
        assert response.location is not None

        return self.get(response.location)

    def add(self, slug: str, sku: str, quantity: str = "1") -> str:
        """Put pieces in the basket, starting from the product's page."""
        self.get(f"/goods/{slug}")
        return self.follow(self.post("/basket/", sku=sku, quantity=quantity))

    def lines(self) -> list[str]:
        """The ids of the basket's lines."""
        self.get("/basket/")
        return re.findall(r'id="line-(\w+)"', self.page)

    def order(self, **changes: str) -> TestResponse:
        """Send the checkout form."""
        self.get("/checkout")
        total = self.field("expected_total")

        return self.post("/checkout", expected_total=total, **{**ADDRESS, **changes})


class Shop:
    """A shop on a database of its own, with a view into its storeroom."""

    def __init__(self, folder: Path) -> None:
        self.app = create_app(
            {
                "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'shop.sqlite3'}",
                "SECRET_KEY": "only for tests",
                "PROPAGATE_EXCEPTIONS": False,
            }
        )

    def visitor(self) -> Visitor:
        """Somebody with a browser that was never here before."""
        return Visitor(self.app)

    def stock(self, sku: str) -> int:
        """How many pieces are on the shelf."""
        with self.app.app_context():
            return db.session.scalars(
                select(Variant.stock).where(Variant.sku == sku)
            ).one()

    def set_stock(self, sku: str, stock: int) -> None:
        """Count the shelf anew."""
        with self.app.app_context():
            db.session.execute(
                update(Variant).where(Variant.sku == sku).values(stock=stock)
            )
            db.session.commit()

    def orders(self) -> list[Order]:
        """All orders."""
        with self.app.app_context():
            return list(db.session.scalars(select(Order)))

    def close(self) -> None:
        """Let go of the database."""
        with self.app.app_context():
            db.engine.dispose()


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[[], Shop]]:
    """Opens the shop; a second call is the same shop after a restart."""
    shops: list[Shop] = []

    def open_shop() -> Shop:
        shops.append(Shop(tmp_path))
        return shops[-1]

    yield open_shop

    for shop in shops:
        shop.close()


@pytest.fixture
def shop(open_shop: Callable[[], Shop]) -> Shop:
    """A shop that has just opened."""
    return open_shop()


@pytest.fixture
def visitor(shop: Shop) -> Visitor:
    """The first visitor of the shop."""
    return shop.visitor()
