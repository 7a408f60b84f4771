"""Products in the database of a shop: found, checked and compared, in requests."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask
from flask import render_template_string
from flask import request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_cart import CartConfigError
from flask_cart import CartQuantityError
from flask_cart import CartStockError
from flask_cart import CartVetoError
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.testing import interleave
from tests.support.apps import make_app
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shops import Shop
from tests.support.shops import open_shop

ALL = """\
{% set products = current_cart.products() -%}
{% for line in current_cart %}{{ products[line.item_id].picture }} {% endfor %}"""


class Market:
    """A shop whose products are in its database."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.queries: list[list[str]] = []
        db, extension, app = shop.db, shop.extension, shop.app

        class Article(db.Model):  # type: ignore[name-defined,misc]
            cart_id = sa.Column(sa.String(20), primary_key=True)
            cart_name = sa.Column(sa.String(40), nullable=False)
            cart_price = sa.Column(sa.Numeric(10, 2), nullable=False)
            cart_available = sa.Column(sa.Integer)
            picture = sa.Column(sa.String(40))

        self.model = Article

        @extension.product_loader
        def load(ids: list[str]) -> t.Iterable[Article]:
            self.queries.append(ids)

            return db.session.scalars(
                sa.select(Article).filter(Article.cart_id.in_(ids))
            )

        @app.errorhandler(CartQuantityError)
        def refuse(error: CartQuantityError) -> tuple[dict[str, t.Any], int]:
            return {"term": error.term, "limit": error.limit}, 422

        @app.post("/add/<sku>")
        def add(sku: str) -> dict[str, int]:
            product = extension.load_products([sku])[sku]
            options = {"size": request.args["size"]} if "size" in request.args else {}
            current_cart.add(product, int(request.args.get("n", 1)), options=options)

            return {"quantity": current_cart.quantity}

        @app.post("/more")
        def more() -> dict[str, int]:
            with current_cart.batch():
                for line in current_cart:
                    current_cart.increment(line.id)

            return {"quantity": current_cart.quantity}

        @app.get("/")
        def show() -> str:
            return render_template_string(ALL)

        @app.post("/checkout")
        def checkout() -> dict[str, t.Any]:
            return current_cart.reprice(accept=request.form or "lower").to_dict()

        with app.app_context():
            db.create_all()

            for name, price, available in [("mug", "12.50", 3), ("pot", 30, None)]:
                db.session.add(
                    Article(
                        cart_id=name,
                        cart_name=name.title(),
                        cart_price=Decimal(price),
                        cart_available=available,
                        picture=f"{name}.svg",
                    )
                )

            db.session.commit()

    def change(self, sku: str, **values: t.Any) -> None:
        """Change a product, as the shop's staff does."""
        table = self.model.__table__

        with self.shop.outside() as connection:
            connection.execute(table.update().filter_by(cart_id=sku).values(**values))


@contextmanager
def open_market(url: str) -> Iterator[Market]:
    with open_shop(url) as shop:
        yield Market(shop)


@pytest.fixture
def market(sqlite_url: str) -> Iterator[Market]:
    with open_market(sqlite_url) as market:
        yield market


@pytest.fixture
def client(market: Market) -> FlaskClient:
    return market.shop.app.test_client()


def test_add_up_to_the_stock(client: FlaskClient) -> None:
    """A shopper gets what there is, and is told of what there is not."""
    assert client.post("/add/mug?n=2&size=M").json == {"quantity": 2}
    assert client.post("/add/mug?size=L").json == {"quantity": 3}
    refused = client.post("/add/mug?size=L")

    assert (refused.status_code, refused.json) == (
        422,
        {"term": "available", "limit": 3},
    )


def test_one_query_for_a_cart(client: FlaskClient, market: Market) -> None:
    """All products of a page, or of a batch, are one query."""
    client.post("/add/mug")
    client.post("/add/pot")
    market.queries.clear()

    assert client.get("/").text == "mug.svg pot.svg "
    assert client.post("/more").json == {"quantity": 4}
    assert market.queries == [["mug", "pot"], ["mug", "pot"]]


def test_stock_of_today(client: FlaskClient, market: Market) -> None:
    """Stock is looked up when the cart is changed, and not when it was added to."""
    client.post("/add/mug")
    market.change("mug", cart_available=1)
    assert client.post("/more").status_code == 422

    market.change("mug", cart_available=2)
    assert client.post("/more").json == {"quantity": 2}


def test_prices_change_during_checkout(client: FlaskClient, market: Market) -> None:
    """A lower price passes, a higher one is shown, agreed to, and shown again when it
    has risen once more."""

    def checkout(form: dict[str, str] | None = None) -> list[tuple[str, str, bool]]:
        report = client.post("/checkout", data=form).json
        assert report is not None
        posted.update({each["line_id"]: each["new_price"] for each in report["lines"]})

        return [
            (each["old_price"], each["new_price"], each["is_applied"])
            for each in report["lines"]
        ]

    posted: dict[str, str] = {}
    client.post("/add/mug")
    client.post("/add/pot")
    assert checkout() == []

    market.change("mug", cart_price=Decimal(14))
    market.change("pot", cart_price=Decimal(25))
    assert checkout() == [("12.50", "14.00", False), ("30.00", "25.00", True)]

    market.change("mug", cart_price=Decimal(15))
    assert checkout(dict(posted)) == [("12.50", "15.00", False)]
    assert checkout(dict(posted)) == [("12.50", "15.00", True)]
    assert checkout(dict(posted)) == []


def test_the_last_piece(database_url: str) -> None:
    """Two requests for the last piece, in every order: one of them gets it."""
    with open_market(database_url) as market:
        app, extension = market.shop.app, market.shop.extension
        extension.owner_loader(lambda: "user:1")
        market.change("mug", cart_available=1)
        found = interleave(
            app,
            post(app, "/add/mug?size=M"),
            post(app, "/add/mug?size=L"),
            reset=lambda: empty(market.shop),
            check=one_of_them,
        )

        assert len(found) > 2


def test_the_last_piece_for_two_lines(memory_app: Flask) -> None:
    """The same goes for lines that grow, and in memory."""
    app, shelf = memory_app, Shelf(Product("mug", available=3))
    extension: FlaskCart = app.extensions["cart"].extension
    extension.owner_loader(lambda: "user:1")
    extension.product_loader(shelf)

    @app.errorhandler(CartStockError)
    def refuse(error: CartStockError) -> tuple[str, int]:
        return "", 422

    @app.post("/more/<int:number>")
    def more(number: int) -> str:
        current_cart.increment(current_cart.lines[number].id)

        return ""

    def reset() -> None:
        with app.app_context(), extension.cart(owner="user:1").batch() as cart:
            cart.clear()

            for size in "ML":
                cart.add(shelf.products["mug"], options={"size": size})

    def check(first: TestResponse, second: TestResponse) -> None:
        one_of_them(first, second)

        with app.app_context():
            assert extension.cart(owner="user:1").quantity == 3

    found = interleave(
        app, post(app, "/more/0"), post(app, "/more/1"), reset=reset, check=check
    )

    assert len(found) > 2


def post(app: Flask, path: str) -> Callable[[], TestResponse]:
    return lambda: app.test_client().post(path)


def empty(shop: Shop) -> None:
    with shop.app.app_context():
        shop.cart().destroy()


def one_of_them(first: TestResponse, second: TestResponse) -> None:
    assert sorted([first.status_code, second.status_code]) == [200, 422]


def test_registered_at_any_time() -> None:
    """A loader may be registered before an app is set up or after, and for all apps."""
    extension, shelf = FlaskCart(), Shelf(Product("mug", available=1))
    extension.product_loader(shelf)
    apps = [make_app(CART_STORAGE="memory") for _ in range(2)]

    for app in apps:
        extension.init_app(app)

        with app.app_context():
            cart = extension.cart(owner="user:1")
            line = cart.add(shelf.products["mug"])

            with pytest.raises(CartStockError):
                cart.increment(line.id)

            other = Shelf(Product("mug", available=2))
            extension.product_loader(other)
            cart.increment(line.id)
            extension.product_loader(shelf)


def test_extensions_have_their_own_products() -> None:
    """What one extension knows is nothing to another one."""
    known, unknown = FlaskCart(), FlaskCart()
    known.product_loader(Shelf(Product("mug")))

    assert list(known.load_products(["mug", "pot"])) == ["mug"]

    with pytest.raises(CartConfigError, match="product_loader"):
        unknown.load_products(["mug"])


def test_instances_without_stock() -> None:
    """CART_STOCK_IGNORED names the instances that may hold what is sold out."""
    app = make_app(CART_STORAGE="memory", CART_STOCK_IGNORED=["wishlist"])
    FlaskCart(app)
    mug = Product("mug", available=0)

    with app.test_request_context():
        current_cart.instance("wishlist").add(mug)

        for instance in ["default", "wishlists"]:
            with pytest.raises(CartStockError):
                current_cart.instance(instance).add(mug)


def test_first_wish_for_what_is_sold_out() -> None:
    """It is one like any other: a guest is made for it, who has none yet."""
    app = make_app(CART_STORAGE="memory", CART_STOCK_IGNORED=["wishlist"])
    FlaskCart(app).product_loader(Shelf(Product("mug", available=0)))

    with app.test_request_context():
        report = current_cart.add_many([{"product": "mug"}])
        assert not report.is_complete
        assert current_cart.key is None

        report = current_cart.instance("wishlist").add_many([{"product": "mug"}])
        assert report.is_complete
        assert current_cart.instance("wishlist").quantity == 1


def test_veto(memory_app: Flask) -> None:
    """Whatever else a shop does not sell, it refuses before it is saved."""

    @signals.before_change.connect_via(memory_app)
    def sell_no_knives(app: Flask, event: t.Any, **extra: t.Any) -> None:
        for each in event.events:
            if each.name == "item_added" and each.line.item_id == "knife":
                raise CartVetoError("We do not sell knives here.")

    with memory_app.test_request_context():
        current_cart.add(Product("mug"))

        with pytest.raises(CartVetoError):
            current_cart.add(Product("knife"))

        current_cart.refresh()
        assert [line.item_id for line in current_cart] == ["mug"]
