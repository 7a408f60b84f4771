"""Coupons: what a cart notes of them, and what the shop says."""

from __future__ import annotations

from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart.model.coupons import coupon_key
from flask_cart.model.coupons import noted_coupons
from flask_cart.model.operations import NoteCoupon
from flask_cart.pricing.coupons import provide_coupons
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import make_cart


def test_coupon_is_what_the_shop_says_when_totals_are_read() -> None:
    """A coupon that is changed or ended by the shop is so in every cart at once."""
    table = {"SUMMER": Condition("SUMMER", "coupon", "subtotal", "-10%")}
    rulebook = Rulebook()
    rulebook.providers.append(provide_coupons(table.get))
    cart = make_cart(rulebook=rulebook)
    cart.add("mug", price=100)
    cart.metadata[coupon_key("SUMMER")] = True
    assert str(cart.totals.total.amount) == "90.00"

    table["SUMMER"] = Condition("SUMMER", "coupon", "subtotal", "-20%")
    cart.refresh()
    assert str(cart.totals.total.amount) == "80.00"

    del table["SUMMER"]
    cart.refresh()
    assert str(cart.totals.total.amount) == "100.00"
    assert noted_coupons(cart.metadata) == ("SUMMER",)


def test_other_metadata_is_no_coupon() -> None:
    """Only what was noted as a code is one."""
    assert noted_coupons({"note": "coupon:", coupon_key("A"): True}) == ("A",)


def test_loader_that_is_registered_again() -> None:
    """The later loader answers, also for what was noted before."""
    extension = FlaskCart()
    cart = make_cart(rulebook=extension._registry.rulebook)
    cart.add("mug", price=100)
    cart.metadata[coupon_key("SUMMER")] = True
    assert extension._loaders.condition_of("SUMMER") is None

    for value in ("-10%", "-20%"):
        coupon = Condition("SUMMER", "coupon", "subtotal", value)
        extension.coupon_loader({"SUMMER": coupon}.get)

    assert str(cart.totals.total.amount) == "80.00"
    assert len(extension._registry.rulebook.providers) == 1


def test_two_that_are_noted_at_the_same_time() -> None:
    """Of two codes that come at once, as many stay as a cart may note."""
    storage = MemoryStorage()
    one, other = make_cart(storage), make_cart(storage)
    assert not one.metadata
    assert not other.metadata

    one.apply(NoteCoupon("A", most=1))
    other.apply(NoteCoupon("B", most=1))

    assert noted_coupons(make_cart(storage).metadata) == ("B",)


def test_code_that_is_noted_again() -> None:
    """It is not noted twice, and keeps the others where there is room."""
    cart = make_cart()

    for code in ["A", "B", "A"]:
        cart.apply(NoteCoupon(code, most=2))

    assert noted_coupons(cart.metadata) == ("A", "B")
