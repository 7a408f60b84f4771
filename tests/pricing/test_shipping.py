"""Shipping methods: which there are for a cart, what they cost, and one of them."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money
from msgspec.structs import replace

from flask_cart import Adjustment
from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import InvalidConditionError
from flask_cart import ShippingMethod
from flask_cart import ShippingOption
from flask_cart import not_
from flask_cart import rule
from flask_cart.app.reasons import tell_reason
from flask_cart.carts.cart import working_copy
from flask_cart.carts.drafts import fix
from flask_cart.carts.drafts import fixed_totals
from flask_cart.model.conditions import SHIPPING
from flask_cart.model.document import Document
from flask_cart.pricing.calculation import compute_totals
from flask_cart.pricing.calculation import shipping_options
from flask_cart.pricing.evaluation import Evaluation
from flask_cart.pricing.presets import shipping
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.pricing.shipping import FreeShipping
from flask_cart.pricing.shipping import nearest_free
from flask_cart.storage.memory import MemoryStorage
from tests.support import strategies
from tests.support.adding_up import adds_up
from tests.support.adding_up import can_be_paid
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


def reason(step: Adjustment | ShippingOption) -> str:
    """What a shopper reads."""
    return tell_reason(step.code, step.params)


def charged(cart: Cart) -> Money:
    """What the totals charge for the one shipping of a cart."""
    (shipping,) = [each for each in cart.totals.adjustments if each.type == "shipping"]

    return shipping.amount


def offered(cart: Cart) -> Money:
    """What the options say of the chosen method."""
    (option,) = [each for each in cart.shipping.options if each.is_chosen]

    return option.price


def prices(cart: Cart) -> dict[str, str]:
    return {each.name: str(each.price.amount) for each in cart.shipping.options}


def test_options(cart: Cart) -> None:
    """Each method is an option, with what it costs for this cart as it is."""
    assert cart.shipping.options == (
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
    cart.shipping.choose("Bike")
    options = cart.shipping.options

    assert prices(cart) == {"Post": "4.90", "Bike": "12.50", "Insured": "4.00"}
    assert [each.is_chosen for each in options] == [False, True, False]


def test_choose(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chosen method takes the place of the one before, in one write."""
    cart.shipping.choose("Bike")
    save, saved = MemoryStorage.save, []

    def count(*arguments: t.Any) -> t.Any:
        saved.append(arguments)

        return save(*arguments)

    monkeypatch.setattr(MemoryStorage, "save", count)
    cart.shipping.choose("Post")

    assert cart.shipping.chosen == "Post"
    assert cart.conditions == ()
    assert len(saved) == 1
    assert cart.totals.total == Money("44.90", "EUR")

    cart.shipping.choose("Post")
    assert len(saved) == 1


def test_a_cart_has_one_shipping(cart: Cart) -> None:
    """What the shop adds takes the place of what was chosen, and the other way."""
    cart.shipping.choose("Bike")
    cart.add_shipping("Pigeon", "1")
    assert cart.shipping.chosen is None
    assert cart.totals.total == Money("41.00", "EUR")
    assert not any(each.is_chosen for each in cart.shipping.options)

    cart.shipping.choose("Post")
    assert cart.conditions == ()
    assert cart.totals.total == Money("44.90", "EUR")


@pytest.mark.parametrize(
    "ship",
    [
        lambda cart: cart.shipping.choose("Bike"),
        lambda cart: cart.add_shipping("Pigeon", "1"),
    ],
)
def test_clear(cart: Cart, ship: Callable[[Cart], None]) -> None:
    """Afterwards there is no shipping, whichever it was."""
    ship(cart)
    cart.shipping.clear()

    assert cart.shipping.chosen is None
    assert cart.totals.total == Money("40.00", "EUR")


def test_order(cart: Cart) -> None:
    """It comes after what is stored, and before what is provided, of one order."""
    extra = Condition("Handling", "fee", "total", "10%")
    cart._services.registry.rulebook.providers.append(lambda facts: [extra])
    cart.shipping.choose("Post")
    cart.add_condition(Condition("Wrap", "fee", "total", "10%"))

    assert [(each.name, each.is_provided) for each in cart.totals.adjustments] == [
        ("Wrap", False),
        ("Post", False),
        ("Handling", True),
    ]
    # 40.00, 44.00, 48.90
    assert cart.totals.total == Money("53.79", "EUR")


def test_a_condition_of_the_same_name(cart: Cart) -> None:
    """A discount called like a method is not taken for it; one goes for the other."""
    cart.add_discount("Post", "5")
    assert prices(cart)["Post"] == "4.90"
    assert not any(each.is_chosen for each in cart.shipping.options)

    cart.shipping.choose("Post")
    assert cart.conditions == ()
    assert cart.totals.total == Money("44.90", "EUR")

    cart.add_discount("Post", "5")
    assert cart.shipping.chosen is None
    assert cart.totals.total == Money("35.00", "EUR")


def test_not_available(cart: Cart) -> None:
    """What is not for this cart says why, and cannot be chosen."""
    cart.add("pot", 2, price=1)
    bike = cart.shipping.options[1]

    assert not bike.is_available
    assert (bike.code, tell_reason(bike.code, bike.params)) == (
        "rule_not_met",
        "it is for up to 3 items, there are 4",
    )

    with pytest.raises(InvalidConditionError, match=r"'Bike' cannot .* most 3"):
        cart.shipping.choose("Bike")

    assert cart.shipping.chosen is None


def test_chosen_and_dearer(cart: Cart, book: Rulebook) -> None:
    """What is charged is what is offered now: of a heavier cart, by a dearer shop."""
    rate = Decimal("2.45")

    def by_weight(facts: Facts) -> Iterator[ShippingMethod]:
        yield ShippingMethod(shipping("Freight", rate * facts.quantity))

    book.list_shipping = by_weight
    cart.shipping.choose("Freight")
    assert charged(cart) == offered(cart) == Money("4.90", "EUR")

    cart.add("mug", 2, price=20)
    assert charged(cart) == offered(cart) == Money("9.80", "EUR")

    rate = Decimal("3")
    cart.refresh()
    assert charged(cart) == offered(cart) == Money("12.00", "EUR")


def test_chosen_and_not_available_any_more(cart: Cart) -> None:
    """What was chosen stays so, costs nothing, and the totals and option say why."""
    cart.shipping.choose("Bike")
    cart.add("mug", 2, price=20)
    bike = cart.shipping.options[1]

    assert bike.is_chosen
    assert not bike.is_available
    assert cart.totals.total == Money("80.00", "EUR")
    (problem,) = cart.totals.problems
    assert (problem.name, problem.type, problem.target, problem.amount) == (
        "Bike",
        "shipping",
        "total",
        Money(0, "EUR"),
    )
    assert problem.code == "shipping_unavailable"
    assert reason(problem) == reason(bike) == "it is for up to 3 items, there are 4"
    assert problem.rule == BIKE.available
    assert problem in cart.totals.explain()

    # It is available again, and then it is charged again.
    cart.set_quantity(cart.lines[0].id, 1)
    assert cart.totals.problems == ()
    assert cart.totals.total == Money("32.50", "EUR")


def test_chosen_and_withdrawn(cart: Cart, book: Rulebook) -> None:
    """A method that the shop does not have any more says so in the totals."""
    cart.shipping.choose("Bike")
    book.list_shipping = lambda facts: [POST]
    cart.refresh()
    (problem,) = cart.totals.problems

    assert (problem.code, reason(problem)) == (
        "shipping_unavailable",
        "it is not offered any more",
    )
    assert cart.totals.total == Money("40.00", "EUR")


def test_methods_that_cannot_be_asked_for(cart: Cart, book: Rulebook, caplog) -> None:
    """The totals are there all the same, say so, and the error is logged."""
    cart.shipping.choose("Bike")
    book.list_shipping = lambda facts: 1 / 0
    cart.refresh()
    (problem,) = cart.totals.problems

    assert (problem.code, reason(problem)) == (
        "shipping_unavailable",
        "it could not be asked for",
    )
    assert cart.totals.total == Money("40.00", "EUR")
    assert "which failed: shipping_methods." in caplog.text


def test_empty_cart_with_a_choice(cart: Cart, book: Rulebook) -> None:
    """Without lines nobody is asked, nothing is charged, and nothing is wrong."""
    cart.shipping.choose("Bike")
    book.list_shipping = lambda facts: 1 / 0
    cart.remove(cart.lines[0].id)

    assert cart.shipping.chosen == "Bike"
    assert cart.totals.adjustments == ()
    assert cart.totals.total == Money(0, "EUR")


@pytest.mark.parametrize(
    "methods", [[], [ShippingMethod(BIKE.condition, available=not_(rule("logged_in")))]]
)
def test_order_with_what_is_not_there(
    cart: Cart, book: Rulebook, methods: list[ShippingMethod]
) -> None:
    """An order is neither begun nor made until something else is chosen."""
    book.list_shipping = lambda facts: [POST, BIKE]
    cart.shipping.choose("Bike")
    book.list_shipping = lambda facts: [POST, *methods]

    for order in (
        cart.begin_order,
        lambda: cart.place_order(lambda draft: "sold", lambda token: None),
    ):
        cart.refresh()

        with pytest.raises(
            CartConflictError, match="The shipping method 'Bike'"
        ) as caught:
            order()

        assert caught.value.details == {
            "code": "shipping_unavailable",
            "chosen": "Bike",
        }
        assert not working_copy(cart).document.pending

    cart.shipping.choose("Post")
    assert cart.place_order(lambda draft: draft.totals.total, lambda token: None) == (
        Money("44.90", "EUR")
    )


def test_what_is_being_paid(cart: Cart, book: Rulebook) -> None:
    """It is finished at the price at which it was begun, also with what is gone."""
    cart.shipping.choose("Bike")
    draft = cart.begin_order()
    book.list_shipping = lambda facts: 1 / 0
    cart.add("pot", price=1)
    ordered = cart.place_order(
        lambda draft: draft, lambda token: None, token=draft.order_token
    )

    assert ordered.totals == draft.totals
    assert ordered.totals.total == Money("52.50", "EUR")
    # It was chosen for what was ordered.
    assert [line.item_id for line in cart.lines] == ["pot"]
    assert cart.shipping.chosen is None


def test_another_choice_is_another_order(cart: Cart) -> None:
    """What is chosen, and the coupons, are a part of what a token stands for."""
    tokens = {cart.begin_order().order_token}
    cart.shipping.choose("Bike")
    tokens.add(cart.begin_order().order_token)
    cart.coupons.add("A")
    tokens |= {cart.begin_order().order_token, cart.order_token}

    assert len(tokens) == 3


def test_methods_are_asked_once_for_totals(cart: Cart, book: Rulebook) -> None:
    """Neither they nor the providers are asked for every pass of a calculation."""
    asked: list[str] = []
    book.list_shipping = lambda facts: asked.append("methods") or [POST, BIKE]
    book.providers.append(lambda facts: asked.append("provider") or [])
    cart.shipping.choose("Post")
    asked.clear()

    assert cart.totals is cart.totals
    assert sorted(asked) == ["methods", "provider"]


def test_another_moment_is_asked_again(storage: MemoryStorage, book: Rulebook) -> None:
    """What is offered may be another thing later, so totals are not kept for long."""
    now = [NOW]
    cart = make_cart(storage, rulebook=book, clock=lambda: now[0])
    book.list_shipping = lambda facts: [
        ShippingMethod(shipping("Post", 4 if facts.now == NOW else 5))
    ]
    cart.add("mug", price=10)
    cart.shipping.choose("Post")
    assert cart.totals.total == Money("14.00", "EUR")

    now[0] += dt.timedelta(seconds=1)
    assert cart.totals.total == Money("15.00", "EUR")


def test_unknown(cart: Cart) -> None:
    """What the shop does not have cannot be chosen."""
    with pytest.raises(InvalidConditionError, match="no shipping method 'Balloon'"):
        cart.shipping.choose("Balloon")


def test_empty_cart(book: Rulebook) -> None:
    """An empty cart is not sent anywhere, and nobody is asked."""
    book.list_shipping = lambda facts: 1 / 0

    assert make_cart(rulebook=book).shipping.options == ()


def test_no_methods(storage: MemoryStorage) -> None:
    """A shop without methods has no options."""
    cart = make_cart(storage)
    cart.add("mug", price=5)

    assert cart.shipping.options == ()


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
    cart.shipping.choose("Freight")
    (option,) = cart.shipping.options

    assert option.price == Money("6.50", "EUR")
    assert (seen[-1].subtotal, seen[-1].amount) == (40, 31)
    assert dict(seen[-1].amounts) == {cart.lines[0].id: 30}
    assert cart.totals.total == Money("37.50", "EUR")
    assert (seen[-1].subtotal, seen[-1].amount) == (40, 31)


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
        list(cart.shipping.options)


def test_two_of_one_name(cart: Cart, book: Rulebook) -> None:
    """A name that is noted must stand for one method."""
    book.list_shipping = lambda facts: [POST, BIKE, POST]

    with pytest.raises(InvalidConditionError, match="have the same name"):
        cart.shipping.choose("Post")


def test_a_rule_that_fails(cart: Cart, book: Rulebook, caplog) -> None:
    """A method whose rule raises is not available, and it is logged."""
    book.rules.add("fails", lambda facts: 1 / 0)
    book.list_shipping = lambda facts: [
        ShippingMethod(POST.condition, available=rule("fails"))
    ]

    assert cart.shipping.options[0].code == "rule_failed"
    assert "which failed: fails." in caplog.text


@st.composite
def shops(draw: st.DrawFn) -> list[ShippingMethod]:
    """Methods at any price, by the weight too, for some carts or for all."""
    return [
        ShippingMethod(
            Condition(
                name,
                "shipping",
                "total",
                draw(strategies.condition_values("+")),
                draw(st.integers(-2, 2)),
                rule=draw(st.none() | strategies.cart_rules),
            ),
            available=draw(st.none() | strategies.cart_rules),
        )
        for name in draw(st.lists(strategies.labels, max_size=3, unique=True))
    ]


@given(
    st.data(),
    strategies.carts() | strategies.dynamic_carts() | strategies.taxed_carts(),
    shops(),
    st.integers(0, 20),
)
def test_totals_charge_what_the_options_say(
    data: st.DataObject, document: Document, methods: list[ShippingMethod], rate: int
) -> None:
    """For any cart, weight and shop: to the last unit, or nothing and why not."""
    rounding = data.draw(strategies.rounding_of(document))
    names = [each.name for each in methods]
    chosen = data.draw(st.sampled_from([*names, "Freight", "gone"]))
    conditions = tuple(
        each
        for each in document.conditions
        if each.type != SHIPPING and each.name != chosen
    )
    document = replace(document, conditions=conditions, shipping=chosen)
    book = Rulebook()
    # Some rules cannot be asked, which a shop is told when its methods are listed.
    book.methods = lambda facts: [
        *methods,
        ShippingMethod(shipping("Freight", rate * facts.quantity)),
    ]

    def ask() -> Evaluation:
        return Evaluation(book, "user:1", "default", NOW)

    totals = compute_totals(document, rounding, ask())
    options = shipping_options(document, rounding, ask())
    bare = compute_totals(replace(document, shipping=None), rounding, ask())
    option = next((each for each in options if each.is_chosen), None)
    adds_up(totals)
    can_be_paid(totals)

    if not document.lines:
        assert totals == bare
    elif option is not None and option.is_available:
        assert [e.amount for e in totals.adjustments if e.type == SHIPPING] == [
            option.price
        ]
        assert totals.problems == ()
        # What is being paid is the same without asking anybody.
        expected, conditions, provided = fix(totals)
        lines = tuple(each.line for each in expected.lines)
        document = replace(document, lines=lines, conditions=conditions, shipping=None)
        fixed = fixed_totals(document, provided, rounding)
        assert fixed == expected
        assert fixed.total == totals.total
        assert [e.share for e in fixed.lines] == [e.share for e in totals.lines]
    else:
        (problem,) = totals.problems
        assert totals.adjustments == (*bare.adjustments, problem)
        assert totals.total == bare.total
        assert problem.code == "shipping_unavailable"
        assert reason(problem) == (
            reason(option) if option else "it is not offered any more"
        )


BOAT = ShippingMethod(shipping("Boat", "9", free_from="120"))
GIFT = ShippingMethod(shipping("Gift", "2", free_from=0))
HUGE = ShippingMethod(
    shipping("Huge", "1", free_from=45), rule("quantity_at_least", quantity=9)
)


@pytest.mark.parametrize(
    ("methods", "chosen", "expected"),
    [
        ([BIKE, BOAT, POST, HUGE, GIFT], None, ("Post", "50", "10")),
        ([BOAT, POST], "Boat", ("Boat", "120", "80")),
        ([BOAT, BIKE], "Bike", ("Boat", "120", "80")),
        ([BIKE, PERCENT, HUGE, GIFT], None, None),
        ([], None, None),
    ],
)
def test_how_far_it_is_to_free_shipping(
    storage: MemoryStorage,
    methods: list[ShippingMethod],
    chosen: str | None,
    expected: tuple[str, str, str] | None,
) -> None:
    """The chosen method counts; if it is never free, the first of the others is, of
    those that the cart can have."""
    book = Rulebook()
    book.list_shipping = lambda facts: methods
    cart = make_cart(storage, rulebook=book, clock=lambda: NOW)
    cart.add("mug", 2, price=20)

    if chosen:
        cart.shipping.choose(chosen)

    found = nearest_free(cart.shipping.options, Money(40, cart.currency))
    told = found and (found.name, str(found.amount.amount), str(found.missing.amount))

    assert told == expected


def test_free_shipping_is_reached() -> None:
    """From the sum itself on; nothing is missing above it."""
    for there, missing in [("49.99", "0.01"), ("50", "0"), ("60", "0")]:
        free = FreeShipping("Post", Money(50, "EUR"), Money(there, "EUR"))

        assert free.missing == Money(missing, "EUR")
        assert free.is_reached is (missing == "0")
