"""Carts and what they come to, as given by the project."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from moneyed import Money

from flask_cart import Cart
from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import InvalidConditionError
from flask_cart import InvalidItemError
from flask_cart import current_cart
from flask_cart.storage.memory import MemoryStorage
from tests.support.apps import make_app
from tests.support.shop import make_cart
from tests.support.shop import stored

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())

each_place = pytest.mark.parametrize("at", ["unit", "line", "total"])


def section(name: str, **only: str) -> pytest.MarkDecorator:
    cases = [
        pytest.param(case, id=case.get("id") or case["why"])
        for case in VECTORS[name]
        if only.items() <= case.items()
    ]
    assert cases

    return pytest.mark.parametrize("case", cases)


def fill(cart: Cart, case: dict[str, Any]) -> None:
    for item in case["items"]:
        line = cart.add(
            item["id"], item["quantity"], name=item["name"], price=item["price"]
        )

        for condition in item["conditions"]:
            cart.add_condition(Condition(**condition), line=line.id)

    for condition in case["conditions"]:
        cart.add_condition(Condition(**condition))


def amounts(cart: Cart, names: list[str]) -> dict[str, Any]:
    """What a cart comes to, by the names that the vectors have for it."""
    totals = cart.totals
    found = {
        "subtotal": totals.subtotal,
        "total": totals.total,
        "subtotal_without_conditions": totals.subtotal_without_conditions,
        "savings": totals.savings,
        "total_quantity": totals.quantity,
        "count_items": totals.count,
        "items": {
            line.item_id: {
                "unit_price": line.unit_price,
                "subtotal": line.subtotal,
                "discount_amount": line.subtotal_without_conditions - line.subtotal,
            }
            for line in totals.lines
        },
    }

    return {name: found[name] for name in names}


@section("vectors")
@each_place
def test_totals(case: dict[str, Any], at: str) -> None:
    """Each cart comes to the amounts that are expected, wherever it is rounded."""
    cart = make_cart(at=at)
    fill(cart, case)
    expected = dict(case["expect"])
    found = amounts(cart, list(expected))
    assert expected

    for item_id, of_item in expected.pop("items", {}).items():
        for name, amount in of_item.items():
            assert found["items"][item_id][name] == Money(amount, "EUR")

    for name, value in expected.items():
        amount = Money(value, "EUR") if isinstance(value, str) else value
        assert found[name] == amount


@section("condition_apply")
def test_condition(case: dict[str, Any]) -> None:
    """Each value changes the base as expected."""
    condition = Condition("X", type="x", target="total", value=case["value"])

    assert condition.apply(Decimal(case["base"])) == Decimal(case["expect"])


@section("operations")
def test_operations(case: dict[str, Any]) -> None:
    """Each sequence of changes leaves the lines that are expected."""
    cart = make_cart()
    ids: dict[str, str] = {}

    for name, item_id, *arguments in case["steps"]:
        if name == "add":
            price, quantity = arguments
            ids[item_id] = cart.add(item_id, quantity, price=price).id
        else:
            assert name == "update_relative"
            cart.increment(ids[item_id], *arguments)

    expected = case["expect"]
    quantities = {line.item_id: line.quantity for line in cart}
    assert len(cart) == expected.get("count_items", len(ids))
    assert expected.get("quantity", quantities) == quantities


@section("merge_quantities")
def test_merge(case: dict[str, Any]) -> None:
    """Whoever logs in has the quantity that is expected of both carts."""
    user = UserMixin()
    user.id = 1
    app = make_app(CART_STORAGE="memory", CART_MERGE_STRATEGY=case["strategy"])
    LoginManager(app).user_loader(lambda user_id: user)
    extension = FlaskCart(app)

    with app.test_request_context():
        extension.cart(owner="user:1").add("mug", case["user_quantity"], price=1)
        current_cart.add("mug", case["guest_quantity"], price=1)
        login_user(user)

        assert [line.quantity for line in current_cart] == [case["expect"]]


@section("rejects", kind="condition")
def test_rejected_condition(case: dict[str, Any]) -> None:
    """What is no condition is refused."""
    given = {"name": "X", "type": "x", "target": "total", "value": "5"}
    changed = {name: case[name] for name in ["value", "type"] if name in case}

    with pytest.raises(InvalidConditionError):
        Condition(**given | changed)


@section("rejects", kind="item")
def test_rejected_item(case: dict[str, Any]) -> None:
    """What is no item is refused, and nothing is stored."""
    storage = MemoryStorage()

    with pytest.raises(InvalidItemError):
        make_cart(storage).add(case.get("id", "mug"), price=case.get("price", "1"))

    assert stored(storage) is None


def test_every_reject_is_tested() -> None:
    """There is no other kind of them."""
    assert {case["kind"] for case in VECTORS["rejects"]} == {"condition", "item"}


@section("lost_savings")
@each_place
@pytest.mark.parametrize("on", ["line", "cart"])
def test_savings(case: dict[str, Any], at: str, on: str) -> None:
    """What a condition took off is saved, and a charge saves nothing."""
    cart = make_cart(at=at)
    line = cart.add("mug", price=case["base"])
    condition = Condition("X", type="x", target="total", value=case["value"])

    if on == "line":
        cart.add_condition(condition, line=line.id)
    else:
        cart.add_condition(condition)

    assert cart.totals.savings == Money(case["expect"], "EUR")


@section("quirks_not_to_copy")
@each_place
@pytest.mark.parametrize("on", ["line", "cart"])
def test_impact(case: dict[str, Any], at: str, on: str) -> None:
    """What a condition changed is measured on the amount before it."""
    cart = make_cart(at=at)
    line = cart.add("mug", price=case["base"])
    condition = Condition("X", type="x", target="subtotal", value=case["value"])

    if on == "line":
        cart.add_condition(condition, line=line.id)
    else:
        cart.add_condition(condition)

    (adjustment,) = cart.totals.explain()
    assert adjustment.amount == Money(case["correct"], "EUR")
    assert adjustment.amount != Money(case["original"], "EUR")


def test_every_section_is_tested() -> None:
    """No section of the vectors is left out."""
    assert VECTORS.keys() == {
        "meta",
        "vectors",
        "condition_apply",
        "operations",
        "merge_quantities",
        "rejects",
        "lost_savings",
        "quirks_not_to_copy",
    }
