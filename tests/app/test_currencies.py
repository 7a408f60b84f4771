"""Carts of one shopper in several currencies: nothing is gone without a word."""

from __future__ import annotations

import typing as t

import pytest
from flask import Flask
from flask import get_flashed_messages
from flask.testing import FlaskClient
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from moneyed import Money

from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import InvalidItemError
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.model.keys import CartKey
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_cart
from tests.support.apps import make_app

CURRENCIES = [("EUR", "USD"), ("JPY", "EUR"), ("EUR", "KWD"), ("USD", "JPY")]
PRICES = {"EUR": "12.50", "USD": "14.00", "JPY": "1500", "KWD": "4.250"}


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


class Traded:
    """A product with a price in each currency."""

    cart_name = "Traded"
    cart_price = "0"

    def __init__(self, cart_id: str) -> None:
        self.cart_id = cart_id

    def cart_price_in(self, currency: str) -> Money | None:
        return None if self.cart_id == "local" else Money(PRICES[currency], currency)


class Shop:
    """A shop with logins, whose guests and users may shop in other currencies."""

    def __init__(self, *, with_pages: bool = True, **config: t.Any) -> None:
        self.app = make_app(
            CART_STORAGE="memory", CART_INSTANCES=["wishlist"], **config
        )
        LoginManager(self.app).user_loader(User)
        self.extension = FlaskCart(self.app)
        self.extension.product_loader(lambda ids: [Traded(each) for each in ids])
        self.heard: list[t.Any] = []

        if with_pages:
            self.app.register_blueprint(self.extension.blueprint, url_prefix="/cart")

        @self.app.post("/add/<instance>/<item>/<currency>")
        def add(instance: str, item: str, currency: str) -> str:
            cart = current_cart.instance(instance)
            cart.change_currency(currency)
            price = PRICES[currency] if item == "local" else None
            cart.add("local" if price else Traded(item), price=price)

            return ""

        @self.app.post("/login")
        def login() -> dict[str, t.Any]:
            login_user(User("7"))
            report = self.extension.merge_report
            assert report is not None

            return {
                "foreign": [
                    [
                        each.instance,
                        each.currency,
                        [line.item_id for line in each.lines],
                    ]
                    for each in report.foreign
                ],
                "errors": len(report.errors),
                "told": get_flashed_messages(),
            }

        @self.app.post("/take-over")
        def take_over() -> dict[str, t.Any]:
            report = self.extension.merge_guest_carts(at_current_prices=True)

            return {"came": [line.item_id for line in report.lines]}

        @self.app.get("/totals/<instance>")
        def totals(instance: str) -> list[str]:
            total = current_cart.instance(instance).total

            return [str(total.amount), total.currency.code]

    def visitor(self, currency: str) -> FlaskClient:
        """A guest with things in two carts, in this currency."""
        client = self.app.test_client()
        client.post(f"/add/default/pot/{currency}")
        client.post(f"/add/wishlist/pan/{currency}")

        return client

    def user_has(self, currency: str, instance: str = "default") -> None:
        """Let the user have a mug, in this currency."""
        with self.app.app_context():
            cart = self.extension.cart(owner="user:7", instance=instance)
            cart.change_currency(currency)
            cart.add(Traded("mug"))


@pytest.mark.parametrize(("mine", "theirs"), CURRENCIES)
def test_what_is_not_merged_is_told(mine: str, theirs: str) -> None:
    """In the report, by a signal, and on the next page; the other cart comes."""
    shop = Shop()
    shop.user_has(mine)
    client = shop.visitor(theirs)

    def hear(sender: Flask, *, cart: t.Any, event: t.Any) -> None:
        shop.heard.append((cart.key.owner, event))

    with signals.cart_not_merged.connected_to(hear, shop.app):
        said = client.post("/login").json

    assert said["foreign"] == [["default", theirs, ["pot"]]]
    assert said["errors"] == 1
    assert len(said["told"]) == 1
    assert theirs in said["told"][0]

    ((owner, event),) = shop.heard
    assert owner == event.owner == "user:7"
    assert event.source.startswith("guest:")
    assert (event.instance, event.currency) == ("default", theirs)
    assert [line.price for line in event.lines] == [Money(PRICES[theirs], theirs)]
    # The user had no wishlist.
    assert client.get("/totals/wishlist").json == [PRICES[theirs], theirs]


@pytest.mark.parametrize(("mine", "theirs"), CURRENCIES)
def test_taken_over_at_the_prices_of_now(mine: str, theirs: str) -> None:
    """One call brings what was left, in the user's currency, and once."""
    shop = Shop()
    shop.user_has(mine)
    client = shop.visitor(theirs)
    client.post("/login")

    assert client.post("/take-over").json == {"came": ["pot"]}
    amount, currency = client.get("/totals/default").json
    assert Money(amount, currency) == Money(PRICES[mine], mine) * 2
    assert client.post("/take-over").json == {"came": []}


def test_conditions_with_amounts_stay_behind() -> None:
    """What is off in one currency is not off in another; a percentage is."""
    shop = Shop()

    @shop.app.post("/discount")
    def discount() -> str:
        current_cart.add_discount("FIVE", "5")
        current_cart.add_discount("TENTH", "10%")
        (line,) = current_cart.lines
        gift = Condition("GIFT", "fee", "item", "2")
        current_cart.add_condition(gift, line=line.id)

        return ""

    shop.user_has("EUR")
    client = shop.visitor("USD")
    client.post("/discount")
    client.post("/login")
    client.post("/take-over")

    assert client.get("/totals/default").json == ["22.50", "EUR"]


def test_what_has_no_price_stays() -> None:
    """Then nothing of that cart is taken over, nothing is lost, and it is told."""
    shop = Shop()
    shop.user_has("EUR")
    client = shop.visitor("USD")
    client.post("/add/default/local/USD")
    client.post("/login")
    shop.app.testing = True

    with pytest.raises(InvalidItemError, match=r"no price in EUR"):
        client.post("/take-over")

    assert client.get("/totals/default").json == ["12.50", "EUR"]
    with shop.app.app_context():
        storage: t.Any = shop.extension.storage
        owners = {each.key.owner for each in storage.scan()}

    assert len(owners) == 2


@pytest.mark.parametrize("said", ["In dollars.", ""])
def test_in_the_words_of_the_shop(said: str) -> None:
    """The shop says it, or says nothing."""
    shop = Shop()
    shop.user_has("EUR")

    @shop.extension.wording
    def tell(code: str, text: str, about: t.Any) -> str:
        assert (code, about.currency) == ("not-merged", "USD")

        return said

    assert shop.visitor("USD").post("/login").json["told"] == ([said] if said else [])


def test_without_pages_nothing_is_flashed() -> None:
    """An app without the blueprint has the report and the signal."""
    shop = Shop(with_pages=False)
    shop.user_has("EUR")
    said = shop.visitor("USD").post("/login").json

    assert (said["told"], len(said["foreign"])) == ([], 1)


def test_the_same_currency_is_not_told_of() -> None:
    """Nor is a cart with nothing in it."""
    shop = Shop()
    shop.user_has("USD")
    said = shop.visitor("USD").post("/login").json

    assert (said["foreign"], said["told"], said["errors"]) == ([], [], 0)


@pytest.mark.parametrize(("mine", "theirs"), CURRENCIES)
def test_change_currency_names_the_other_carts(mine: str, theirs: str) -> None:
    """It says which of the owner's other carts are in another currency still."""
    shop = Shop()

    for instance in ["default", "wishlist", "later"]:
        shop.user_has(mine, instance)

    with shop.app.app_context():
        cart = shop.extension.cart(owner="user:7")
        shop.extension.cart(owner="user:7", instance="later").clear()

        left = cart.change_currency(theirs)
        assert left == ("wishlist",)
        assert [cart.instance(each).change_currency(theirs) for each in left] == [()]
        assert cart.change_currency(theirs) == ()


def test_change_currency_of_a_new_guest() -> None:
    """Whoever has nothing has left nothing."""
    shop = Shop()

    with shop.app.test_request_context():
        assert current_cart.change_currency("JPY") == ()


def test_change_currency_beside_a_damaged_cart() -> None:
    """What cannot be read is named as well, and the change is made."""
    shop = Shop()
    shop.user_has("EUR")

    with shop.app.app_context():
        storage = t.cast(MemoryStorage, shop.extension.storage)
        save_cart(storage, CartKey("user:7", "wishlist"), "{", 0)
        cart = shop.extension.cart(owner="user:7")

        assert cart.change_currency("USD") == ("wishlist",)
        assert cart.currency == "USD"
