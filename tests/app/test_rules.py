"""Rules in an app: where they are registered, what time it is, where failures go."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

import pytest
from flask import Flask
from moneyed import Money

from flask_cart import CartConfigError
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import FlaskCart
from flask_cart import ShippingMethod
from flask_cart import current_cart
from flask_cart import rule
from tests.support.apps import make_app

NOW = dt.datetime(2025, 6, 30, 22, 30, tzinfo=dt.UTC)


def shop(extension: FlaskCart, **config: object) -> Flask:
    app = make_app(CART_STORAGE="memory", **config)
    extension.init_app(app)

    return app


def test_registered_before_and_after() -> None:
    """Rules may be registered before an app is set up, and after that."""
    extension = FlaskCart()
    extension.rule("before")(lambda facts: True)
    app = shop(extension)
    extension.rule("after")(lambda facts: True)

    with app.test_request_context():
        current_cart.add("mug", price=10)
        current_cart.add_discount("A", "1", rule=rule("before"))
        current_cart.add_discount("B", "1", rule=rule("after"))

        assert current_cart.totals.total == Money(8, "EUR")


def test_apps_of_one_extension_have_the_same_rules() -> None:
    """What is registered on an extension is there for all of its apps."""
    extension = FlaskCart()
    extension.condition_provider(
        lambda facts: [Condition("GIFT", "discount", "subtotal", "-1")]
    )

    for app in [shop(extension), shop(extension)]:
        with app.test_request_context():
            current_cart.add("mug", price=10)

            assert current_cart.totals.total == Money(9, "EUR")


def test_in_requests() -> None:
    """A rule knows the guest and what the app knows, in every request anew."""
    extension = FlaskCart()
    app = shop(extension)
    orders = {"count": 0}

    @extension.facts
    def count_orders(facts: Facts) -> dict[str, object]:
        return {"orders": orders["count"], "kind": facts.owner_kind}

    @extension.shipping_methods
    def methods(facts: Facts) -> Iterator[ShippingMethod]:
        yield ShippingMethod(Condition("Post", "shipping", "total", "5"))

    @app.post("/add")
    def add() -> str:
        current_cart.add("mug", price=10)
        current_cart.add_discount("FIRST", "1", rule=rule("first_order"))
        current_cart.shipping.choose("Post")

        return str(current_cart.totals.total.amount)

    @app.get("/total")
    def total() -> str:
        return str(current_cart.totals.total.amount)

    client = app.test_client()
    assert client.post("/add").text == "14.00"
    assert client.get("/total").text == "14.00"

    orders["count"] = 1
    assert client.get("/total").text == "15.00"


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", "mon"), ("Europe/Berlin", "tue"), ("America/Los_Angeles", "mon")],
)
def test_time_zone(zone: str, day: str) -> None:
    """Days begin in the time zone of the shop."""
    extension = FlaskCart()
    extension.clock = lambda: NOW
    app = shop(extension, CART_TIMEZONE=zone)

    with app.test_request_context():
        current_cart.add("mug", price=10)
        current_cart.add_discount("A", "1", rule=rule("weekday", days=[day]))

        assert current_cart.totals.total == Money(9, "EUR")


@pytest.mark.parametrize(
    "zone", ["", "Europe", "Europe/Berln", "/etc/passwd", "../x", "a\0b", "+01:00"]
)
def test_no_time_zone(zone: str) -> None:
    """An app in no time zone does not start."""
    with pytest.raises(CartConfigError, match="CART_TIMEZONE must be a time zone"):
        shop(FlaskCart(), CART_TIMEZONE=zone)


def test_time_zone_is_suggested() -> None:
    """A typing error is told."""
    with pytest.raises(CartConfigError, match="Did you mean 'Europe/Berlin'"):
        shop(FlaskCart(), CART_TIMEZONE="Europe/Berln")


def test_clock_of_the_system() -> None:
    """Without another clock, it is now."""
    extension = FlaskCart()
    app = shop(extension)
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    seen: list[Facts] = []
    extension.rule("see")(lambda facts: bool(seen.append(facts)) or True)

    with app.test_request_context():
        current_cart.add("mug", price=10)
        current_cart.add_discount("A", "1", rule=rule("see"))
        assert current_cart.totals

    assert before <= seen[0].now <= dt.datetime.now(dt.UTC)


def test_logged_by_the_app(caplog: pytest.LogCaptureFixture) -> None:
    """A rule that raises is found in the log of the app."""
    extension = FlaskCart()
    app = shop(extension)
    extension.rule("fails")(lambda facts: 1 / 0)

    with app.test_request_context(), caplog.at_level(logging.ERROR, app.logger.name):
        current_cart.add("mug", price=10)
        current_cart.add_discount("A", "1", rule=rule("fails"))

        assert current_cart.totals.total == Money(10, "EUR")

    assert [record.name for record in caplog.records] == [app.logger.name]
