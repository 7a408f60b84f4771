"""The shop for the tests, and those who visit it."""

import re
from functools import cache
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import delete
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy import update
from werkzeug.test import TestResponse

from demo_shop import create_app
from demo_shop.extensions import db
from demo_shop.extensions import limiter
from demo_shop.languages import COOKIE as LANGUAGE
from demo_shop.models import Coupon
from demo_shop.models import CouponUse
from demo_shop.models import GiftCard
from demo_shop.models import Order
from demo_shop.models import OrderLine
from demo_shop.models import OrderTax
from demo_shop.models import Product
from demo_shop.models import Race
from demo_shop.models import Variant

SECRET_KEY = "only for tests"
ADDRESS = {
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "street": "12 Pier Road",
    "postcode": "V92 X1Y2",
    "town": "Tralee",
    "country": "Ireland",
}
#: What is so of a race that has ended.
ENDED = {"is_over": True, "is_counted": True}


class Visitor:
    """A browser without JavaScript: it sends the forms of the page it looks at."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self.client.environ_base["HTTP_ACCEPT"] = "text/html"
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

    def field_of(self, id: str) -> str:
        """The value of the button of this id on the page."""
        found = re.search(rf'<button[^>]* id="{id}"[^>]* value="([^"]*)"', self.page)
        assert found is not None, f"There is no button {id} on the page."

        return found[1]

    def post(self, path: str, **fields: str) -> TestResponse:
        """Send a form with the page's CSRF token, and a one-time key if it has any.

        The forms of a page that is everybody's have none, and ask first.
        """
        if path.endswith("/lines") and 'name="csrf_token"' not in self.page:
            self.get(f"{path}?{urlencode(fields)}")

        fields = {"csrf_token": self.field("csrf_token"), **fields}

        if 'name="cart_key"' in self.page:
            fields = {"cart_key": self.field("cart_key"), **fields}

        return self.client.post(path, data=fields)

    def follow(self, response: TestResponse) -> str:
        """Go where a POST sends the browser."""
        assert response.status_code == 303
        assert response.location is not None

        return self.get(response.location)

    def add(self, slug: str, sku: str, quantity: str = "1") -> str:
        """Put pieces in the basket, starting from the product's page."""
        self.get(f"/goods/{slug}")
        return self.follow(self.post("/basket/lines", item=sku, quantity=quantity))

    def lines(self, instance: str = "") -> list[str]:
        """The ids of the lines in the basket, or in what is kept beside it."""
        return self.lines_at(f"/basket/{instance}")

    def lines_at(self, path: str) -> list[str]:
        """The ids of the lines on a page."""
        self.get(path)
        return re.findall(r'/lines/(\w+)/remove"', self.page)

    def version(self, path: str) -> str:
        """The version of a cart."""
        answer = self.client.get(path, headers={"Accept": "application/json"})

        return str(answer.get_json()["version"])

    def order(self, **changes: str) -> TestResponse:
        """Send the checkout form."""
        return self.post("/checkout", **{**self.checkout_form(), **changes})

    def checkout_form(self) -> dict[str, str]:
        """What the checkout form is sent with."""
        self.get("/checkout")
        hidden = ("csrf_token", "token", "expected_total", "due")

        return {**ADDRESS, **{name: self.field(name) for name in hidden}}

    def enter(self, code: str) -> str:
        """Type a coupon code into the basket's box."""
        self.get("/basket/")

        return self.follow(self.post("/basket/coupons", code=code))


def assist(
    shop: "Shop", items: dict[str, int], *, name: str = "agent", update: str = ""
) -> dict[str, Any]:
    """The cart that an assistant has put together, as it was shown it.

    :param update: The id of the cart, if there is one already.
    """
    lines = [{"item": {"id": k}, "quantity": n} for k, n in items.items()]
    answer = shop.app.test_client().open(
        f"/ucp/2026-08-25/carts{update and '/'}{update}",
        method="PUT" if update else "POST",
        json={"line_items": lines},
        headers={"UCP-Agent": f'profile="https://{name}.example/profile"'},
    )
    assert answer.status_code == (200 if update else 201)
    cart: dict[str, Any] = answer.get_json()

    return cart


@cache
def stocked() -> bytes:
    """The database of a shop that has just opened: each is stocked with the same."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "shop.sqlite3")
        app = create_app(
            {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{path}", "SECRET_KEY": SECRET_KEY}
        )

        with app.app_context():
            db.engine.dispose()

        return path.read_bytes()


class Shop:
    """A shop on a database of its own, with a view into its storeroom.

    :param url: The database.
    :param config: Where the baskets are, if they are somewhere else.
    """

    def __init__(self, url: str, **config: Any) -> None:
        path = Path(url.removeprefix("sqlite:///"))

        if url.startswith("sqlite:///") and not path.exists():
            path.write_bytes(stocked())

        self.app = create_app(
            {
                "SQLALCHEMY_DATABASE_URI": url,
                "SECRET_KEY": SECRET_KEY,
                "PROPAGATE_EXCEPTIONS": False,
                **config,
            }
        )

    def visitor(self) -> Visitor:
        """Somebody with a browser that was never here before."""
        return Visitor(self.app)

    def welcome(self, language: str) -> Visitor:
        """Somebody new, who reads the pages in a language; it is not counted how often
        those before have tried something."""
        limiter.reset()
        visitor = self.visitor()
        visitor.client.set_cookie(LANGUAGE, language)
        visitor.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language

        return visitor

    def add_elsewhere(self, visitor: Visitor) -> str:
        """Put one more into somebody's basket, as another device does; the version that
        the basket has then."""
        visitor.add("cork-float", "FLOAT-LAMPYELLOW")

        return visitor.version("/basket/")

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

    def set_price(self, sku: str, cents: int) -> None:
        """Print a new price tag."""
        with self.app.app_context():
            db.session.execute(
                update(Variant).where(Variant.sku == sku).values(price_cents=cents)
            )
            db.session.commit()

    def burn(self, sku: str) -> None:
        """Take something off the shelf for good."""
        with self.app.app_context():
            db.session.execute(delete(Variant).where(Variant.sku == sku))
            db.session.commit()

    def weigh(self, slug: str, grams: int) -> None:
        """Find out that something weighs so much."""
        with self.app.app_context():
            weighed = update(Product).where(Product.slug == slug).values(grams=grams)
            db.session.execute(weighed)
            db.session.commit()

    def rename(self, slug: str, name: str) -> None:
        """Call a product something else."""
        with self.app.app_context():
            renamed = update(Product).where(Product.slug == slug).values(name=name)
            db.session.execute(renamed)
            db.session.commit()

    def note_race(self, **counts: tuple[int, int]) -> None:
        """Note how many adds of a race were answered, and how many are kept."""
        tallies = [
            {"racer": racer, "sent": sent, "answered": sent, "kept": kept, **ENDED}
            for racer, (sent, kept) in counts.items()
        ]

        with self.app.app_context():
            db.session.add(Race(tallies=tallies))
            db.session.commit()

    def forget_races(self) -> None:
        """Lose what was noted of races."""
        with self.app.app_context():
            db.session.execute(delete(Race))
            db.session.commit()

    def orders(self) -> list[Order]:
        """All orders."""
        with self.app.app_context():
            return list(db.session.scalars(select(Order)))

    def card(self, code: str) -> int:
        """How many cents are on a gift card."""
        with self.app.app_context():
            return db.session.scalars(
                select(GiftCard.balance_cents).where(GiftCard.code == code)
            ).one()

    def charge_card(self, code: str, cents: int) -> None:
        """Put another amount on a gift card, as if it was spent elsewhere."""
        with self.app.app_context():
            db.session.execute(
                update(GiftCard)
                .where(GiftCard.code == code)
                .values(balance_cents=cents)
            )
            db.session.commit()

    def print_coupon(self, code: str, **about: Any) -> None:
        """Make a coupon that takes off a tenth, unless something else is said."""
        with self.app.app_context():
            about = {"blurb": "For tests", "value": "10%", **about}
            db.session.add(Coupon(code=code, **about))
            db.session.commit()

    def change_coupon(self, code: str, /, **changes: Any) -> None:
        """Change a coupon that was printed."""
        with self.app.app_context():
            db.session.execute(
                update(Coupon).where(Coupon.code == code).values(**changes)
            )
            db.session.commit()

    def burn_coupon(self, code: str) -> None:
        """Make a coupon that no order was made with go away."""
        with self.app.app_context():
            db.session.execute(delete(Coupon).where(Coupon.code == code))
            db.session.commit()

    def forget_orders(self) -> None:
        """Lose the book of orders."""
        with self.app.app_context():
            for model in (CouponUse, OrderLine, OrderTax, Order):
                db.session.execute(delete(model))

            db.session.commit()

    def used(self, code: str) -> tuple[int, int]:
        """How often a coupon was used: as it was counted, and in how many orders."""
        with self.app.app_context():
            counted = select(Coupon.used).where(Coupon.code == code)
            orders = (
                select(func.count(CouponUse.id))
                .join(CouponUse.coupon)
                .where(Coupon.code == code)
            )

            return db.session.scalar(counted) or 0, db.session.scalar(orders) or 0

    def close(self) -> None:
        """Let go of the database, in all places."""
        for app in self.app.extensions["places"].apps.values():
            with app.app_context():
                db.engine.dispose()
