"""What a type checker makes of the public API. It is checked, not run."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import assert_type

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from moneyed import Money

from flask_cart import AddReport
from flask_cart import Buyable
from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import Condition
from flask_cart import Drift
from flask_cart import Facts
from flask_cart import FlaskCart
from flask_cart import Line
from flask_cart import LineDrift
from flask_cart import LineTotals
from flask_cart import MergeReport
from flask_cart import Rule
from flask_cart import ShippingMethod
from flask_cart import ShippingOption
from flask_cart import Tax
from flask_cart import Totals
from flask_cart import all_of
from flask_cart import current_cart
from flask_cart import not_
from flask_cart import rule


class Product:
    """Anything with these three attributes can be added."""

    cart_id = 7
    cart_name = "Mug"
    cart_price = Money("12.50", "EUR")


def facts_of() -> Facts:
    raise NotImplementedError


def use(app: Flask, db: SQLAlchemy) -> None:
    extension = FlaskCart(app, db=db)
    assert_type(current_cart, Cart)
    assert_type(extension.cart(owner="user:7"), Cart)
    assert_type(extension.cart(owner="user:7", tenant="acme"), Cart)
    assert_type(extension.cart(owner="user:7", tenant=None), Cart)
    assert_type(current_cart.tenant, str | None)
    assert_type(current_cart.add(Product(), 2, options={"size": "M"}), Line)
    assert_type(current_cart.add("sku-1", price="12.50"), Line)
    assert_type(current_cart.get("id"), Line | None)
    assert_type(current_cart.totals, Totals)
    assert_type(current_cart.totals.total, Money)
    assert_type(current_cart.totals.lines, tuple[LineTotals, ...])
    assert_type(current_cart.expect(3), Cart)
    current_cart.add_condition(
        Condition("SUMMER", type="discount", target="subtotal", value="-10%")
    )
    current_cart.metadata["note"] = "ring twice"
    current_cart.move("id", to="wishlist", quantity=2)
    assert_type(current_cart.transfer("company:7"), Cart)
    assert_type(extension.merge_guest_carts("keep_user_cart"), MergeReport)
    assert_type(extension.merge_report, MergeReport | None)
    assert_type(MergeReport().quantities, dict[str, dict[str, int]])

    report = current_cart.add_many([{"product": "mug", "options": {"ink": ["red"]}}])
    assert_type(report, AddReport)
    assert_type(report.short, tuple[Line, ...])
    assert_type(current_cart.find("mug", {"ink": "red"}), Line | None)
    assert_type(current_cart.restore("id"), Line)

    for line in current_cart:
        assert_type(line, Line)
        assert_type(line.options, dict[str, str | tuple[str, ...]])

    with current_cart.batch() as cart:
        assert_type(cart, Cart)

    order = current_cart.begin_order(expected_total="1.00")
    assert_type(order.order_token, str)

    for sold in order:
        assert_type(sold.subtotal, Money)

    try:
        current_cart.clear()
    except CartConflictError as error:
        if error.cart is not None and error.cart.get("7") is None:
            assert_type(error.cart.version, int)
            print(error.cart.totals.total, error.cart.lines)

    assert_type(current_cart.order_token, str)
    number = current_cart.place_order(
        lambda draft: len(draft), lambda token: None, session=db.session
    )
    assert_type(number, int)

    current_cart.add_discount(
        "BULK", "10%", rule=all_of(rule("logged_in"), not_(rule("item", ids=["mug"])))
    )
    assert_type(current_cart.shipping.options, tuple[ShippingOption, ...])
    assert_type(current_cart.shipping.chosen, str | None)
    assert_type(list(current_cart.coupons), list[str])
    assert_type(order.coupons, tuple[str, ...])
    assert_type(current_cart.totals.taxes, tuple[Tax, ...])
    assert_type(current_cart.totals.explain()[0].rule, Rule | None)

    @extension.rule("heavy")
    def heavy(facts: Facts, kilos: int) -> bool | str:
        return facts.quantity > kilos or "it is too light"

    @extension.amount("freight")
    def freight(facts: Facts) -> Decimal:
        return facts.subtotal

    @extension.facts
    def count_orders(facts: Facts) -> dict[str, int]:
        return {"orders": 0}

    @extension.condition_provider
    def vouchers(facts: Facts) -> Iterator[Condition]:
        yield Condition("VIP", "discount", "subtotal", "-5%")

    @extension.shipping_methods
    def methods(facts: Facts) -> list[ShippingMethod]:
        return [ShippingMethod(Condition("Post", "shipping", "total", "4.90"))]

    assert_type(heavy(facts_of(), 5), bool | str)

    @extension.product_loader
    def load_products(ids: list[str]) -> list[Product]:
        return [Product() for each in ids if each == "7"]

    assert_type(extension.load_products(["7"]), dict[str, Buyable])
    assert_type(current_cart.products(), dict[str, Buyable])
    drift = current_cart.reprice(accept={"line": "12.50"})
    assert_type(drift, Drift)
    assert_type(drift.gone, tuple[LineDrift, ...])
    assert_type(current_cart.reprice("all").needing_consent[0].new_price, Money | None)
    current_cart.change_currency("USD", prices={"line": 5}, drop=["Post"])

    @extension.user_id_loader
    def load_user_id(user: object) -> int:
        return hash(user)

    @extension.owner_loader
    def load_owner() -> str | None:
        return "company:7"
