"""Shipping methods: which there are for a cart, what they cost, and one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moneyed import Money

from flask_cart import Cart
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import InvalidConditionError
from flask_cart import ShippingMethod
from flask_cart import ShippingOption
from flask_cart import rule
from flask_cart.app.wording import tell_reason
from flask_cart.pricing.presets import shipping
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import NOW
from tests.support.shop import make_cart

POST = ShippingMethod(shipping("Post", "4.90", free_from=50))
BIKE = ShippingMethod(
    Condition("Bike", "shipping", "total", "12.50"),
    available=rule("quantity_at_most", quantity=3),
)
PERCENT = ShippingMethod(Condition("Insured", "shipping", "total", "10%"))


@pytest.fixture
def book() -> Rulebook:
    book = Rulebook()
    book.list_shipping = lambda facts: [POST, BIKE, PERCENT]

    return book


@pytest.fixture
def cart(storage: MemoryStorage, book: Rulebook) -> Cart:
    """Two mugs at 20."""
    cart = make_cart(storage, rulebook=book, clock=lambda: NOW)
    cart.add("mug", 2, price=20)

    return cart


def prices(cart: Cart) -> dict[str, str]:
    return {each.name: str(each.price.amount) for each in cart.shipping_options()}


def test_options(cart: Cart) -> None:
    """Each method is an option, with what it costs for this cart as it is."""
    assert cart.shipping_options() == (
        ShippingOption("Post", Money("4.90", "EUR"), POST.condition, False, "", {}),
        ShippingOption("Bike", Money("12.50", "EUR"), BIKE.condition, False, "", {}),
        ShippingOption(
            "Insured", Money("4.00", "EUR"), PERCENT.condition, False, "", {}
        ),
    )
    assert cart.conditions == ()


def test_prices_follow_the_cart(cart: Cart) -> None:
    """What is free from an amount on is free then, and what is on all costs more."""
    cart.add("mug", 1, price=20)

    assert prices(cart) == {"Post": "0.00", "Bike": "12.50", "Insured": "6.00"}


def test_prices_do_not_depend_on_the_choice(cart: Cart) -> None:
    """An option costs what it would cost in place of the one that is chosen."""
    cart.choose_shipping("Bike")
    options = cart.shipping_options()

    assert prices(cart) == {"Post": "4.90", "Bike": "12.50", "Insured": "4.00"}
    assert [each.is_chosen for each in options] == [False, True, False]


def test_choose(cart: Cart) -> None:
    """The chosen method takes the place of the one before, in one write."""
    cart.choose_shipping("Bike")
    version = cart.version
    cart.choose_shipping("Post")

    assert cart.conditions == (POST.condition,)
    assert cart.version == version + 1
    assert cart.totals.total == Money("44.90", "EUR")


def test_a_condition_of_the_same_name(cart: Cart) -> None:
    """A discount called like a method is not taken for it."""
    cart.add_discount("Post", "5")

    assert prices(cart)["Post"] == "4.90"
    assert not any(each.is_chosen for each in cart.shipping_options())


def test_not_available(cart: Cart) -> None:
    """What is not for this cart says why, and cannot be chosen."""
    cart.add("pot", 2, price=1)
    bike = cart.shipping_options()[1]

    assert not bike.is_available
    assert (bike.code, tell_reason(bike.code, bike.params)) == (
        "rule_not_met",
        "it is for up to 3 items, there are 4",
    )

    with pytest.raises(InvalidConditionError, match=r"'Bike' cannot .* most 3"):
        cart.choose_shipping("Bike")

    assert cart.conditions == ()


def test_chosen_and_not_available_any_more(cart: Cart) -> None:
    """What was chosen stays, and is paid, and the option says that it should not."""
    cart.choose_shipping("Bike")
    cart.add("mug", 2, price=20)
    bike = cart.shipping_options()[1]

    assert bike.is_chosen
    assert not bike.is_available
    assert cart.totals.total == Money("92.50", "EUR")


def test_unknown(cart: Cart) -> None:
    """What the shop does not have cannot be chosen."""
    with pytest.raises(InvalidConditionError, match="no shipping method 'Balloon'"):
        cart.choose_shipping("Balloon")


def test_empty_cart(book: Rulebook) -> None:
    """An empty cart is not sent anywhere, and nobody is asked."""
    book.list_shipping = lambda facts: 1 / 0

    assert make_cart(rulebook=book).shipping_options() == ()


def test_no_methods(storage: MemoryStorage) -> None:
    """A shop without methods has no options."""
    cart = make_cart(storage)
    cart.add("mug", price=5)

    assert cart.shipping_options() == ()


def test_methods_for_a_cart(cart: Cart, book: Rulebook) -> None:
    """Methods may depend on the facts, in which shipping is not counted."""
    seen: list[Facts] = []

    def by_weight(facts: Facts) -> Iterator[ShippingMethod]:
        seen.append(facts)
        kilos = facts.quantity * 3
        yield ShippingMethod(shipping("Freight", f"{kilos}.50"))

    book.list_shipping = by_weight
    cart.add_discount("X", "25%")
    cart.add_fee("Wrap", "1")
    cart.choose_shipping("Freight")
    (option,) = cart.shipping_options()

    assert option.price == Money("6.50", "EUR")
    assert (seen[-1].subtotal, seen[-1].amount) == (40, 31)
    assert dict(seen[-1].amounts) == {cart.lines[0].id: 30}


@pytest.mark.parametrize(
    "condition",
    [
        Condition("X", "fee", "total", "5"),
        Condition("X", "shipping", "subtotal", "5"),
    ],
)
def test_methods_that_cannot_be(condition: Condition) -> None:
    """A method is a condition that is shipping, on the total."""
    with pytest.raises(InvalidConditionError, match="of a shipping method must be"):
        ShippingMethod(condition)


@pytest.mark.parametrize(
    "method",
    [
        ShippingMethod(POST.condition, available=rule("in_germany")),
        ShippingMethod(POST.condition, available=rule("item")),
        ShippingMethod(
            Condition("X", "shipping", "total", "5", rule=rule("in_germany"))
        ),
    ],
)
def test_rules_that_cannot_be_asked(
    cart: Cart, book: Rulebook, method: ShippingMethod
) -> None:
    """A mistake in a method is an error, and not a method that nobody can choose."""
    book.list_shipping = lambda facts: [method]

    with pytest.raises(
        InvalidConditionError, match=r"There is no rule|cannot be asked"
    ):
        cart.shipping_options()


def test_a_rule_that_fails(cart: Cart, book: Rulebook, caplog) -> None:
    """A method whose rule raises is not available, and it is logged."""
    book.rules.add("fails", lambda facts: 1 / 0)
    book.list_shipping = lambda facts: [
        ShippingMethod(POST.condition, available=rule("fails"))
    ]

    assert cart.shipping_options()[0].code == "rule_failed"
    assert "which failed: fails." in caplog.text
