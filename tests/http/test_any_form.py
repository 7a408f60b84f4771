"""Any form, with anything in it, leaves a cart that the shop could have made."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_cart.http.routes import ROUTES
from tests.support.storefronts import COUPONS
from tests.support.storefronts import SHELF
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show

# What its tests reach, others reach as well: measuring them takes as long again.
pytestmark = pytest.mark.unmeasured

CARTS: t.Final = ("", "/later", "/wishlist", "/other")
LINES: t.Final = (line_of("mug", size="S"), line_of("mug", size="L"), line_of("pot"))
FORMS: t.Final = tuple(route for route in ROUTES if route.method == "POST")

#: What forms have fields of, and what they may have in them to some effect.
FIELDS: t.Final = {
    "item": tuple(SHELF),
    "quantity": ("1", "2", "0", "-1", "10000", "10001", "1e3", "\uff13"),
    "option.size": ("S", "L", "XL"),
    "seen": ("1", "2"),
    "by": ("1", "-1", "999999"),
    "to": ("default", "later", "wishlist", "other"),
    "code": tuple(COUPONS),
    "method": ("Post", "Bike", "Balloon"),
    "metadata.note": ("ring twice", ""),
    "metadata.vip": ("1",),
    "price": ("0.01",),
    "next": ("/", "//evil.example", "https://evil.example"),
    "cart_key": ("one", "two"),
    "cart_version": ("0", "1", "9" * 30),
    "_method": ("DELETE",),
}


#: What a form has to have, or it is refused before it can do any harm.
NEEDED: t.Final = {
    "add": {"item", "option.size"},
    "set_quantity": {"quantity"},
    "move": {"to"},
    "add_coupon": {"code"},
    "choose_shipping": {"method"},
    "set_metadata": {"metadata.note"},
}


class Sent(t.NamedTuple):
    """A form that is sent."""

    path: str
    fields: dict[str, str]


@st.composite
def forms(draw: st.DrawFn) -> Sent:
    anything = st.text(max_size=40)
    route = draw(st.sampled_from(FORMS))
    line_id = draw(st.sampled_from(LINES))
    code = draw(st.sampled_from([*COUPONS, "%00", "%ED%A0%80"]))
    known = draw(st.sets(st.sampled_from(sorted(FIELDS)), max_size=3))
    known |= NEEDED.get(route.view, set())
    fields = {
        name: draw(st.sampled_from([*FIELDS[name], draw(anything)]))
        for name in sorted(known)
    }
    fields |= draw(st.dictionaries(anything, anything, max_size=2))
    path = route.address.replace("<line_id>", line_id).replace("<cart_code:code>", code)

    return Sent(f"/cart{draw(st.sampled_from(CARTS))}{path}", fields)


@pytest.fixture(scope="module")
def one_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storefront]:
    """One shop for all examples; each has a shopper of its own."""
    folder = tmp_path_factory.mktemp("shop")

    with open_storefront("memory", folder=folder) as shop:
        yield shop


def check_cart(cart: dict[str, t.Any]) -> None:
    """Fail if there is anything in a cart that its shopper had no say in."""
    for line in cart["lines"]:
        product = SHELF[line["item"]]
        assert (line["name"], line["price"]) == (product.cart_name, product.cart_price)
        assert 1 <= line["quantity"] <= (product.cart_available or 10_000)

        for name, value in line["options"].items():
            assert value in product.cart_choices[name]

    assert {coupon["code"] for coupon in cart["coupons"]} <= COUPONS.keys()
    assert cart["metadata"].keys() <= {"note"}
    assert Decimal(cart["total"]) >= 0


@settings(max_examples=100, derandomize=True, deadline=None)
@given(sent=st.lists(forms(), min_size=1, max_size=8))
def test_leaves_a_cart_of_the_shop(one_shop: Storefront, sent: list[Sent]) -> None:
    """Prices, names and choices are the shop's, and a refusal changes nothing."""
    client = one_shop.app.test_client()
    fill(client)

    for each in sent:
        before = one_shop.stored(client)
        response = client.post(each.path, data=each.fields)

        assert response.status_code in (303, 400, 404, 405, 409, 413, 415)

        if response.status_code == 303:
            assert re.match("/(?!/)", response.location)
        else:
            assert one_shop.stored(client) == before

    for instance in ("", "later", "wishlist"):
        check_cart(show(client, instance))
