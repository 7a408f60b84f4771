"""The scenes of the blueprint: its own pages, in all states."""

from __future__ import annotations

import typing as t

from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.mug_shop import MugShop
from tests.support.scenes import Programme
from tests.support.scenes import Sent
from tests.support.scenes import Stage
from tests.support.storefronts import JSON

SCENES: t.Final[Programme[MugShop]] = Programme()
scene = SCENES.scene

SCENES.pages(
    {
        "product with options": "/goods/mug",
        "product with long words": "/goods/cap",
        "product that is sold out": "/goods/lamp",
        "add without scripts": "/cart/lines?item=mug&quantity=2&option.size=Large",
        "add what is sold out": "/cart/lines?item=lamp",
        "empty cart": "/cart/",
        "empty wishlist": "/cart/wishlist/",
    }
)
# It is for developers.
SCENES.pages({"what a problem is": "/cart/about/problems/out-of-stock"}, ("en",))


def put(stage: Stage[MugShop], item: str, count: int = 1, instance: str = "") -> None:
    """Put something into the cart, or into what is beside it."""
    options = {"mug": {"size": "Large"}, "cap": {"shade": SHADE}}.get(item, {})
    added = {"item": item, "quantity": count, "options": options}
    address = f"/cart/{instance}lines"
    answer = stage.visitor.client.post(address, json=added, headers=JSON)
    assert answer.status_code == 200


NOTE: t.Final = "Please ring twice. My dog is deaf."
SHADE: t.Final = "Rindfleischetikettierungsueberwachung"


@scene(is_rare=True)
def cart_of_one_line(stage: Stage[MugShop]) -> str:
    put(stage, "mug", 3)

    return "/cart/"


@scene()
def cart_with_all_there_is_to_say(stage: Stage[MugShop]) -> str:
    for item, count in {"mug": 3, "pot": 1, "egg": 12}.items():
        put(stage, item, count)

    for code in ("tide", "storm"):
        stage.visitor.post("/cart/coupons", code=code)

    stage.visitor.post("/cart/metadata", **{"metadata.note": NOTE})
    stage.visitor.get("/cart/")

    return "/cart/"


@scene()
def cart_of_100_lines(stage: Stage[MugShop]) -> str:
    put(stage, "pot")

    with stage.shop.app.test_request_context():
        cart = stage.shop.extension.cart(owner=_owner(stage))

        for number in range(99):
            cart.add(f"cup-{number}", name=f"Cup number {number}", price="3.20")

    return "/cart/?page=2"


def _owner(stage: Stage[MugShop]) -> str:
    """The guest that the visitor is."""
    cookie = stage.visitor.client.get_cookie("session_cart")
    assert cookie is not None

    return f"guest:{cookie.value.partition('.')[0]}"


@scene()
def cart_with_long_words(stage: Stage[MugShop]) -> str:
    put(stage, "cap", 1000)

    return "/cart/"


@scene(is_rare=True)
def cart_with_a_refused_code(stage: Stage[MugShop]) -> str:
    put(stage, "mug")
    stage.visitor.get("/cart/")
    stage.visitor.post("/cart/coupons", code="moon")

    return "/cart/"


@scene()
def cart_with_something_removed(stage: Stage[MugShop]) -> str:
    put(stage, "mug")
    put(stage, "pot", 2)
    line = stage.visitor.lines_at("/cart/")[-1]
    stage.visitor.post(f"/cart/lines/{line}/remove")

    return "/cart/"


@scene(is_rare=True)
def saved_for_later(stage: Stage[MugShop]) -> str:
    put(stage, "mug", 2, "later/")

    return "/cart/later/"


@scene()
def wishlist(stage: Stage[MugShop]) -> str:
    put(stage, "mug", 1, "wishlist/")
    put(stage, "pot", 9, "wishlist/")

    return "/cart/wishlist/"


@scene(status=409)
def conflict_about_a_line(stage: Stage[MugShop]) -> Sent:
    put(stage, "mug", 2)
    (line,) = stage.visitor.lines_at("/cart/")
    key = stage.visitor.field("cart_key")
    put(stage, "mug", 3)
    fields = {"cart_key": key, "quantity": "4", "seen": "2"}

    return Sent("/cart/", f"/cart/lines/{line}", fields)


@scene(status=409)
def conflict_about_the_cart(stage: Stage[MugShop]) -> Sent:
    put(stage, "mug")
    stage.visitor.get("/cart/")
    fields = {name: stage.visitor.field(name) for name in ("cart_key", "cart_version")}
    put(stage, "pot")

    return Sent("/cart/", "/cart/clear", fields)


def add(page: Page) -> None:
    """Put what the page is about into the cart, and stay there."""
    page.locator(".cart-form button").first.click()
    expect(page.locator(".cart-message")).to_be_visible()


@scene(act=add, is_rare=True)
def product_just_after_adding(stage: Stage[MugShop]) -> str:
    return "/goods/mug?next=/goods/mug"


def open_drawer(page: Page) -> None:
    """Look at the cart beside the page."""
    page.locator("#cart-mini").click()
    expect(page.locator("#cart-drawer-end button").last).to_be_visible()


@scene(act=open_drawer)
def drawer(stage: Stage[MugShop]) -> str:
    for item, count in {"mug": 2, "pot": 1, "egg": 6, "cap": 1}.items():
        put(stage, item, count)

    return "/goods/mug"


@scene()
def checkout(stage: Stage[MugShop]) -> str:
    cart_with_all_there_is_to_say(stage)

    return "/checkout"


@scene(is_rare=True)
def link_that_recovers(stage: Stage[MugShop]) -> str:
    return _link(stage, "recover")


@scene()
def link_that_shares(stage: Stage[MugShop]) -> str:
    put(stage, "pot")

    return _link(stage, "share")


def _link(stage: Stage[MugShop], purpose: t.Literal["recover", "share"]) -> str:
    """A link to somebody's cart."""
    extension = stage.shop.extension

    with stage.shop.app.test_request_context():
        cart = extension.cart(owner=f"guest:friend-{id(stage)}")
        cart.add(extension.load_products(["mug"])["mug"], 3, options={"size": "Large"})
        link = extension.link(cart, purpose=purpose)

    return link.removeprefix("http://localhost")


@scene(status=404, is_rare=True)
def link_that_does_not_open(stage: Stage[MugShop]) -> str:
    return "/cart/links/nonsense"


@scene()
def permalink(stage: Stage[MugShop]) -> str:
    put(stage, "pot")

    return str(stage.visitor.client.get("/buy/pot:2,lamp:1?coupon=tide").location)


@scene(status=400, is_rare=True)
def permalink_that_cannot_be_read(stage: Stage[MugShop]) -> str:
    return "/buy/ask"
