"""What becomes of the terms of products when two carts become one."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartQuantityError
from flask_cart import MergeReport
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import check_terms
from flask_cart.model.limits import terms_of
from flask_cart.model.products import variant_of
from flask_cart.storage.memory import MemoryStorage
from tests.support.shelf import Product
from tests.support.shelf import Shelf
from tests.support.shop import make_cart

GUEST = CartKey("guest:a", "default")

STRATEGIES = [
    "add_quantities",
    "keep_highest_quantity",
    "keep_user_cart",
    "replace_with_guest",
]

Items = t.Mapping[str, int]


def free(**quantities: int) -> Product:
    return Product("mug", **quantities)


class Carts:
    """A user's cart and a guest's, filled while nothing was refused."""

    def __init__(self, product: Product, **services: t.Any) -> None:
        self.product = product
        self.shelf = Shelf(product)
        self.storage = MemoryStorage()
        self.services = {"catalogue": self.shelf.catalogue(), **services}

    def cart(self, key: CartKey | None = None) -> Cart:
        options = {} if key is None else {"key": key}

        return make_cart(self.storage, **options, **self.services)

    def fill(self, cart: Cart, items: Items) -> None:
        with cart.batch():
            for size, quantity in items.items():
                cart.add(Product("mug"), quantity, options={"size": size})

    def merge(
        self, mine: Items, theirs: Items, strategy: str | None = None
    ) -> tuple[dict[str, int], dict[str, int]]:
        """What the user has after a login, and what was left out."""
        user, guest = self.cart(), self.cart(GUEST)
        self.fill(user, mine)
        self.fill(guest, theirs)
        report: MergeReport = user.merge(guest, strategy)

        assert not self.cart(GUEST)

        return sizes(user), {e.options["size"]: e.quantity for e in report.left_out}


def sizes(cart: Cart) -> dict[str, int]:
    return {line.options["size"]: line.quantity for line in cart}


@pytest.mark.parametrize(
    ("terms", "mine", "theirs", "expected", "left_out"),
    [
        # The maximum, and the stock, of one line and over several.
        ({"available": 4, "maximum": 3}, {"M": 3}, {"M": 3}, {"M": 3}, {"M": 3}),
        ({"available": 4}, {"M": 3}, {"M": 3}, {"M": 4}, {"M": 2}),
        ({"maximum": 3}, {"M": 2}, {"L": 2}, {"M": 2, "L": 1}, {"L": 1}),
        ({"available": 5}, {"M": 2}, {"M": 2, "L": 2}, {"M": 4, "L": 1}, {"L": 1}),
        ({"maximum": 2}, {"M": 1, "L": 1}, {"S": 1}, {"M": 1, "L": 1}, {"S": 1}),
        # What was enough for the guest is not there any more.
        ({"available": 1}, {}, {"M": 3}, {"M": 1}, {"M": 2}),
        ({"available": 0}, {}, {"M": 3}, {}, {"M": 3}),
        # What the user has stays, although there are not so many.
        ({"available": 2}, {"M": 3}, {"M": 1}, {"M": 3}, {"M": 1}),
        # A line is sold in steps, and from a minimum on.
        ({"step": 6, "maximum": 16}, {"M": 6}, {"M": 12}, {"M": 12}, {"M": 6}),
        ({"step": 4}, {}, {"M": 6}, {"M": 4}, {"M": 2}),
        ({"minimum": 5, "available": 7}, {"M": 5}, {"L": 5}, {"M": 5}, {"L": 5}),
        ({"minimum": 5, "step": 5, "maximum": 12}, {}, {"M": 14}, {"M": 10}, {"M": 4}),
        # There is room for all of it.
        ({"available": 6, "maximum": 6}, {"M": 3}, {"M": 3}, {"M": 6}, {}),
        ({}, {"M": 3}, {"M": 3}, {"M": 6}, {}),
    ],
)
def test_what_is_not_sold_is_left_out(
    terms: dict[str, int], mine: Items, theirs: Items, expected: Items, left_out: Items
) -> None:
    """A login takes what the products allow, and names the rest."""
    assert Carts(free(**terms)).merge(mine, theirs) == (expected, left_out)


@pytest.mark.parametrize(
    ("strategy", "expected", "left_out"),
    [
        ("add_quantities", 4, 3),
        ("keep_highest_quantity", 4, 1),
        ("keep_user_cart", 2, 0),
        ("replace_with_guest", 4, 1),
    ],
)
def test_every_strategy(strategy: str, expected: int, left_out: int) -> None:
    """Whatever one wants, a cart holds no more than there are."""
    found = Carts(free(available=4)).merge({"M": 2}, {"M": 5}, strategy)

    assert found == ({"M": expected}, {"M": left_out} if left_out else {})


def test_fewer_than_are_sold() -> None:
    """What a strategy would make fewer of than are sold stays as it is."""
    carts = Carts(free(step=6))

    assert carts.merge({"M": 6}, {"M": 5}, "replace_with_guest") == ({"M": 6}, {})


def test_again_is_left_out_again() -> None:
    """What there was no room for does not come with the next login."""
    carts = Carts(free(maximum=3))
    carts.merge({"M": 3}, {"M": 3})
    carts.product.cart_maximum = 9

    assert carts.merge({}, {"M": 1}) == ({"M": 4}, {})


def test_asks_once() -> None:
    """One call of the loader for the whole cart of the guest, and one write."""
    carts = Carts(free(maximum=3))
    carts.fill(carts.cart(GUEST), {"M": 1, "L": 1})
    carts.cart().merge(carts.cart(GUEST))

    assert carts.shelf.asked == [["mug"]]


def test_instances_without_stock() -> None:
    """A list of wishes takes over what is sold out."""
    carts = Carts(free(available=1), stock_ignored=frozenset({"default"}))

    assert carts.merge({"M": 3}, {"M": 3}) == ({"M": 6}, {})


def test_lines_by_id() -> None:
    """A line that was added by an id is asked about like one that is moved."""
    carts = Carts(free(available=4))
    user, guest = carts.cart(), carts.cart(GUEST)
    user.add("mug", 3, price=5)
    guest.add("mug", 3, price=5)

    assert [each.quantity for each in user.merge(guest).left_out] == [2]


def test_without_a_loader() -> None:
    """Nobody can be asked."""
    carts = Carts(free(available=1))
    carts.services = {}

    assert carts.merge({"M": 3}, {"M": 3}) == ({"M": 6}, {})


def test_what_is_gone() -> None:
    """A product that does not exist any more has no terms, so its lines come."""
    carts = Carts(free(available=1))
    carts.shelf.products.clear()

    assert carts.merge({"M": 3}, {"M": 3}) == ({"M": 6}, {})


def test_given_to_another_owner() -> None:
    """What is given away is so as it is, like what is in the cart already."""
    carts = Carts(free(maximum=1))
    carts.fill(carts.cart(GUEST), {"M": 3})
    company = carts.cart(GUEST).transfer("company:7")

    assert sizes(company) == {"M": 3}


def test_of_another_currency() -> None:
    """An empty cart takes over the currency, and what is sold, of another one."""
    carts = Carts(free(maximum=2))
    guest = make_cart(carts.storage, key=GUEST, currency="USD", **carts.services)
    guest.add(Product("mug"), 3, options={"size": "M"})
    user = carts.cart()
    report = user.merge(guest)

    assert (user.currency, sizes(user)) == ("USD", {"M": 2})
    assert [each.quantity for each in report.left_out] == [1]


@pytest.mark.parametrize("error", [CartConfigError("no"), RuntimeError("down")])
def test_loader_that_fails(error: Exception) -> None:
    """Neither cart is changed."""
    carts = Carts(free())
    user, guest = carts.cart(), carts.cart(GUEST)
    carts.fill(user, {"M": 1})
    carts.fill(guest, {"L": 1})

    def fail(ids: list[str]) -> list[Product]:
        raise error

    carts.services["catalogue"].loader = fail

    with pytest.raises(type(error)):
        user.merge(guest)

    assert (sizes(carts.cart()), sizes(carts.cart(GUEST))) == ({"M": 1}, {"L": 1})


quantities = st.dictionaries(st.sampled_from("SML"), st.integers(1, 12), max_size=3)
limits = st.none() | st.integers(0, 14)


@given(
    mine=quantities,
    theirs=quantities,
    strategy=st.sampled_from(STRATEGIES),
    terms=st.fixed_dictionaries(
        {
            "available": limits,
            "maximum": limits,
            "minimum": st.integers(1, 5),
            "step": st.integers(1, 4),
        }
    ),
)
def test_whatever_two_carts_have(
    mine: Items, theirs: Items, strategy: str, terms: dict[str, int | None]
) -> None:
    """A merge is never refused, and leads to what every other change could."""
    product = free(**terms)
    carts = Carts(product)
    carts.fill(carts.cart(), mine)
    before = carts.cart()._working.document
    after, left_out = carts.merge({}, theirs, strategy)

    check_terms(
        before, carts.cart()._working.document, terms_of(variant_of(product, {}))
    )

    if strategy == "add_quantities":
        every = {*mine, *theirs}
        both = {size: mine.get(size, 0) + theirs.get(size, 0) for size in every}
        assert both == {s: after.get(s, 0) + left_out.get(s, 0) for s in every}


def test_other_ways_refuse() -> None:
    """What a merge cuts, a move and a copy refuse, as they do what is added."""
    carts = Carts(free(maximum=3))
    cart = carts.cart()
    carts.fill(cart, {"M": 3})
    line = cart.lines[0]
    cart.copy(line.id, to="gift")

    for way in (cart.move, cart.copy):
        with pytest.raises(CartQuantityError):
            way(line.id, to="gift")
