"""Plain data: what an app's own ``jsonify`` makes of carts, totals and money."""

from __future__ import annotations

import json
import typing as t

import pytest
from flask import Flask
from flask import jsonify
from flask import render_template_string
from flask import request
from flask.json.provider import DefaultJSONProvider
from flask.json.provider import JSONProvider
from flask.testing import FlaskClient
from moneyed import Money

from flask_cart import Condition
from flask_cart import Facts
from flask_cart import FlaskCart
from flask_cart import ShippingMethod
from flask_cart import current_cart
from flask_cart import rule
from flask_cart import signals
from tests.support.apps import make_app
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import show


def names(plain: t.Any, where: str = "") -> set[str]:
    """What is called how, at any depth."""
    if isinstance(plain, list):
        return {name for each in plain for name in names(each, f"{where}[]")}

    if not isinstance(plain, dict):
        return set()

    here = {f"{where}.{name}" for name in plain}

    return here.union(*(names(value, f"{where}.{key}") for key, value in plain.items()))


#: What only a client of the API asks for, because it has no cart itself.
ONLY_FOR_CLIENTS: t.Final = ("coupons", "next", "order_token", "problems", "removed")


def fill_richly() -> None:
    """Something of everything that a cart can have."""
    line = current_cart.add("mug", 2, price="12.50", options={"size": "L"})
    current_cart.add_condition(Condition("GIFT", "fee", "item", "2"), line=line.id)
    current_cart.add_discount("SUMMER", "10%")
    current_cart.add_tax("VAT", "19%", included=True)
    current_cart.coupons.add("FIVE")
    current_cart.metadata["purchase price"] = {"mug": "3.00"}


@pytest.fixture
def app() -> Flask:
    """A shop in euros."""
    app = make_app(CART_STORAGE="memory")
    FlaskCart(app)

    return app


def test_cart_is_that_of_the_json_api(shop: Storefront, client: FlaskClient) -> None:
    """What a view answers with ``jsonify`` is what the blueprint answers."""

    @shop.app.get("/mine")
    def mine() -> t.Any:
        return jsonify(current_cart)

    assert client.get("/mine").json == show(client)
    fill(client)
    assert client.get("/mine").json == show(client)


def test_metadata_that_is_not_the_shoppers_stays_inside(app: Flask) -> None:
    """It is on its way to a browser; ``to_dict()`` has all of it."""
    with app.test_request_context():
        fill_richly()

        assert "purchase price" not in app.json.dumps(current_cart)
        assert current_cart.to_dict()["metadata"] == {"purchase price": {"mug": "3.00"}}


def test_what_a_cart_has_by_itself(app: Flask) -> None:
    """The metadata and the coupons of a cart are what they contain."""
    with app.test_request_context():
        fill_richly()

        assert jsonify(current_cart.metadata, current_cart.coupons).json == [
            {"purchase price": {"mug": "3.00"}},
            ["FIVE"],
        ]


def test_to_dict_has_the_names_of_the_json_api(app: Flask) -> None:
    """What is called so in one is called so in the other, with the same value."""
    with app.test_request_context():
        fill_richly()
        api = json.loads(app.json.dumps(current_cart))
        plain = json.loads(json.dumps(current_cart.to_dict()))

        for name in ONLY_FOR_CLIENTS:
            del api[name]

        for line in api["lines"]:
            del line["limits"]

        assert names(api) <= names(plain)
        assert {name: plain[name] for name in api} | {
            "metadata": {},
            "conditions": api["conditions"],
            "lines": api["lines"],
        } == api
        assert plain["total"] == str(current_cart.total.amount)
        assert plain["shipping"] is None


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "USD", "CHF"])
def test_money(currency: str) -> None:
    """It is the decimal string of the JSON API, with the decimals that it has."""
    app = make_app(CART_STORAGE="memory", CART_CURRENCY=currency)
    FlaskCart(app)

    with app.test_request_context():
        current_cart.add("mug", 3, price="7")
        total = current_cart.totals.to_dict()["total"]

        assert json.loads(app.json.dumps({"total": current_cart.total})) == {
            "total": total
        }


def test_all_that_is_ours(app: Flask) -> None:
    """Totals, lines, conditions, adjustments, taxes, events: plain, and no repr."""
    events: list[t.Any] = []

    def note(sender: Flask, *, event: t.Any, **extra: t.Any) -> None:
        events.append(event)

    with app.test_request_context(), signals.cart_updated.connected_to(note, app):
        fill_richly()
        totals = current_cart.totals
        plain = json.loads(
            app.json.dumps(
                [
                    totals,
                    totals.lines,
                    totals.explain(),
                    totals.taxes,
                    current_cart.lines,
                    current_cart.conditions,
                    events,
                ]
            )
        )

    assert plain[0]["lines"] == plain[1]
    assert plain[2] == plain[1][0]["conditions"] + plain[0]["conditions"]
    assert plain[3] == plain[0]["taxes"]
    assert [each["price"] for each in plain[4]] == ["12.50"]
    assert [each["name"] for each in plain[5]] == ["SUMMER", "VAT"]
    assert plain[6][0]["event"] == "cart_updated"


def test_what_is_ordered(app: Flask) -> None:
    """A draft has what is sold, at the prices that it is sold at, and its token."""
    with app.test_request_context():
        fill_richly()
        totals = current_cart.totals.to_dict()
        draft = current_cart.begin_order()
        plain = json.loads(app.json.dumps(draft))

        assert plain["order_token"] == draft.order_token
        assert (plain["total"], plain["currency"]) == (totals["total"], "EUR")
        assert plain["metadata"] == {"purchase price": {"mug": "3.00"}}
        assert plain["coupons"] == list(draft.coupons)


def test_nobody_tells_how_it_is_sent(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """A cart is plain data also while the methods cannot be asked for."""

    @app.extensions["cart"].extension.shipping_methods
    def methods(facts: Facts) -> list[ShippingMethod]:
        raise OSError("The carrier does not answer.")

    with app.test_request_context():
        fill_richly()

        assert current_cart.to_dict()["shipping_options"] == []
        assert jsonify(current_cart).get_json()["shipping_options"] == []
        assert "The carrier does not answer." in caplog.text

        with pytest.raises(OSError, match="carrier"):
            _ = current_cart.shipping.options


def test_how_it_is_sent(app: Flask) -> None:
    """The options, and what a rule says, are plain as well."""
    dear = rule("total_at_least", amount="100")

    @app.extensions["cart"].extension.shipping_methods
    def methods(facts: Facts) -> list[ShippingMethod]:
        post = Condition("Post", "shipping", "total", "4.90")
        bike = Condition("Bike", "shipping", "total", "9")

        return [ShippingMethod(post), ShippingMethod(bike, available=dear)]

    with app.test_request_context():
        current_cart.add("mug", price=20)
        current_cart.shipping.choose("Post")
        plain = json.loads(app.json.dumps([*current_cart.shipping.options, dear]))

    assert plain[0] == {
        "name": "Post",
        "price": "4.90",
        "currency": "EUR",
        "is_chosen": True,
        "is_available": True,
        "code": "",
        "reason": "",
    }
    assert (plain[1]["is_available"], plain[1]["code"]) == (False, "rule_not_met")
    assert plain[2]["name"] == "total_at_least"


def test_in_a_template(app: Flask) -> None:
    """The filter ``tojson`` has the same words, for a script on the page."""
    with app.test_request_context():
        current_cart.add("mug", price="12.50")
        page = render_template_string("{{ current_cart|tojson }}")

        assert json.loads(page)["total"] == "12.50"


def test_what_the_app_knows_itself() -> None:
    """An app's own way with money stays, and what nobody knows is a mistake."""

    class Provider(DefaultJSONProvider):
        @staticmethod
        def default(value: t.Any) -> t.Any:
            if isinstance(value, Money):
                return [str(value.amount), value.currency.code]

            return DefaultJSONProvider.default(value)

    app = Flask("shop")
    app.config |= {"SECRET_KEY": "x", "CART_STORAGE": "memory", "CART_CURRENCY": "EUR"}
    app.json = Provider(app)
    FlaskCart(app)

    with app.test_request_context():
        current_cart.add("mug", price="12.50")

        assert json.loads(app.json.dumps(current_cart.total)) == ["12.50", "EUR"]
        assert json.loads(app.json.dumps(current_cart))["total"] == "12.50"

        with pytest.raises(TypeError, match="object is not JSON"):
            app.json.dumps(object())


def test_a_provider_without_a_default_is_left_alone() -> None:
    """Some encode by other means; for them there is ``to_dict()``."""

    class Other(JSONProvider):
        def dumps(self, obj: t.Any, **options: t.Any) -> str:
            return repr(obj)

        def loads(self, s: str | bytes, **options: t.Any) -> t.Any:
            return s

    app = Flask("shop")
    app.config |= {"SECRET_KEY": "x", "CART_STORAGE": "memory"}
    app.json = Other(app)
    FlaskCart(app)

    assert app.json.dumps(1) == "1"


@pytest.mark.parametrize(
    "added", [{"quantity": "2"}, {"quantity": ""}, {"quantity": "x"}, {}]
)
@pytest.mark.parametrize("kind", [str, int])
@pytest.mark.parametrize(
    "change",
    [
        lambda line, quantity: current_cart.add("pot", quantity, price=1),
        lambda line, quantity: current_cart.set_quantity(line, quantity),
        lambda line, quantity: current_cart.update(line, quantity=quantity),
        lambda line, quantity: current_cart.increment(line, quantity),
        lambda line, quantity: current_cart.take_out({line: quantity}),
    ],
    ids=["add", "set_quantity", "update", "increment", "take_out"],
)
def test_quantity_of_a_form(
    app: Flask,
    change: t.Any,
    kind: type,
    added: dict[str, str],
) -> None:
    """What is no number is answered with 422, and nothing is changed or ignored."""
    good = kind is int and added == {"quantity": "2"}

    @app.post("/start")
    def start() -> str:
        return current_cart.add("mug", 5, price=1).id

    @app.post("/change/<line>")
    def make(line: str) -> str:
        before = current_cart.version
        change(line, request.form.get("quantity", type=kind))
        assert current_cart.version != before

        return ""

    client = app.test_client()
    line = client.post("/start").text
    answer = client.post(f"/change/{line}", data=added)

    assert answer.status_code == (200 if good else 422)


@pytest.mark.parametrize(
    "change",
    [
        lambda: current_cart.expect(None),  # type: ignore[arg-type]
        lambda: current_cart.add("mug", 10**6, price=1),
        lambda: current_cart.remove("x") or current_cart.increment("x"),
        lambda: current_cart.add("mug" * 999, price=1),
        lambda: current_cart.set_quantity("x", 1),
        lambda: current_cart.move("x", to="wishlist"),
        lambda: current_cart.add("mug", 0, price=1),
    ],
    ids=["version", "limit", "line", "long id", "gone", "moved", "none"],
)
def test_what_comes_from_a_form_is_no_error_of_the_server(
    app: Flask, change: t.Any
) -> None:
    """Nobody has to handle it, and the app's own page for the status is shown."""
    app.register_error_handler(422, lambda error: ("Please look again.", 422))

    @app.post("/change")
    def make() -> str:
        change()

        return ""

    answer = app.test_client().post("/change")

    assert (answer.status_code, answer.text) == (422, "Please look again.")
