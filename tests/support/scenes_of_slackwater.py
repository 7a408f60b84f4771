"""The scenes of the demo: all of its pages, in all states."""

from __future__ import annotations

import itertools
import typing as t
from pathlib import Path

from playwright.sync_api import Page
from playwright.sync_api import expect
from sqlalchemy import select

from demo_shop.extensions import db
from demo_shop.models import Variant
from demo_shop.sandbox_pay import SandboxPayment
from demo_shop.services.accounts import LONGEST_EMAIL
from tests.support.scenes import Programme
from tests.support.scenes import Sent
from tests.support.scenes import Stage
from tests.support.slackwater import Shop
from tests.support.slackwater import assist
from tests.support.storefronts import JSON

SCENES: t.Final[Programme[Shop]] = Programme()
scene = SCENES.scene

#: Of those who have opened an account.
_numbers: t.Final[t.Iterator[int]] = itertools.count(1)

NOTE: t.Final = "Please ring twice. My dog is deaf."
LONG: t.Final = "Donaudampfschifffahrtskapitaensmuetze"
CREDENTIALS: t.Final = {"email": "ada@example.org", "password": "kettle rope tide"}


def open_shop(folder: Path) -> Shop:
    """The demo, in which coupons may be tried as often as one likes."""
    return Shop(
        f"sqlite:///{folder / 'shop.sqlite3'}",
        DEMO_SHOP_FOLDER=folder,
        CART_RATE_LIMITS={},
    )


SCENES.pages(
    {
        "home": "/",
        "shelf": "/shelves/foul-weather",
        "search": "/search?q=boots",
        "nothing found": "/search?q=zebra&stock=1",
        "product with colours and sizes": "/goods/deckhand-jumper",
        "product with sizes": "/goods/slipway-boots",
        "product with colours": "/goods/harbour-mug",
        "product of one kind": "/goods/cleat-hook",
        "add without scripts": "/basket/lines?item=MUG-FOG&quantity=2",
        "wish without scripts": "/basket/wishlist/lines?item=CLEAT&quantity=1",
        "empty basket": "/basket/",
        "empty wishlist": "/basket/wishlist/",
        "nothing for later": "/basket/later/",
        "account of a guest": "/account",
        "activity of nobody": "/activity/",
        "no assistants": "/activity/assistants",
        "race before it": "/race/",
        "two windows before there is a basket": "/two-windows",
        "login": "/login",
        "signup": "/signup",
    }
)
# It is for developers.
SCENES.pages({"what a problem is": "/basket/about/problems/out-of-stock"}, ("en",))


def put(stage: Stage[Shop], pieces: dict[str, int]) -> None:
    """Put something into the basket, of which nothing is told on the next page."""
    items = [{"item": sku, "quantity": count} for sku, count in pieces.items()]

    if 'name="csrf_token"' not in stage.visitor.page:
        stage.visitor.get("/login")

    token = stage.visitor.field("csrf_token")
    answer = stage.visitor.client.post(
        "/basket/lines/many",
        json={"items": items},
        headers={**JSON, "X-CSRFToken": token},
    )
    assert answer.status_code == 200


# What somebody has put in their basket


@scene(is_rare=True)
def basket_of_one_line(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 1})

    return "/basket/"


@scene(is_rare=True)
def basket_just_after_adding(stage: Stage[Shop]) -> str:
    stage.visitor.get("/goods/harbour-mug")
    stage.visitor.post("/basket/lines", item="MUG-FOG", quantity="1")

    return "/basket/"


@scene(is_rare=True)
def basket_with_all_there_is_to_say(stage: Stage[Shop]) -> str:
    visitor = stage.visitor
    put(stage, {"SHIRT-NAVY-S": 2, "KETTLE-TAR": 1, "CLEAT": 3})
    visitor.enter("springtide")
    visitor.post("/basket/gift-card", card="ripple")
    visitor.get("/basket/")
    visitor.post("/basket/metadata", **{"metadata.note": NOTE})
    visitor.get("/basket/")

    return "/basket/"


def open_all(page: Page) -> None:
    """Open what a page has folded up."""
    page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = true)")


@scene(act=open_all)
def basket_with_everything_open(stage: Stage[Shop]) -> str | Sent:
    return basket_with_all_there_is_to_say(stage)


@scene()
def basket_of_34_lines(stage: Stage[Shop]) -> str:
    fill(stage, 34)

    return "/basket/"


def fill(stage: Stage[Shop], count: int) -> None:
    """Put one piece of so many things into the basket."""
    there = select(Variant.sku).where(Variant.stock > 0).order_by(Variant.id)

    with stage.shop.app.app_context():
        skus = db.session.scalars(there.limit(count)).all()

    put(stage, dict.fromkeys(skus, 1))


@scene(is_rare=True)
def basket_with_long_words(stage: Stage[Shop]) -> str:
    stage.later.callback(stage.shop.rename, "oyster-knife", "Oyster knife")
    stage.shop.rename("oyster-knife", LONG)
    put(stage, {"OYSTER": 9})
    stage.visitor.get("/basket/")
    stage.visitor.post("/basket/metadata", **{"metadata.note": LONG * 3})

    return "/basket/"


@scene(is_rare=True)
def product_with_long_words(stage: Stage[Shop]) -> str:
    basket_with_long_words(stage)

    return "/goods/oyster-knife"


@scene(is_rare=True)
def product_that_is_sold_out(stage: Stage[Shop]) -> str:
    stage.later.callback(stage.shop.set_stock, "OYSTER", 15)
    stage.shop.set_stock("OYSTER", 0)

    return "/goods/oyster-knife"


@scene(is_rare=True)
def basket_with_what_is_sold_out(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 1, "OYSTER": 1})
    product_that_is_sold_out(stage)

    return "/basket/"


@scene()
def basket_with_other_prices_and_too_few(stage: Stage[Shop]) -> str:
    put(stage, {"CLEAT": 1, "SHIRT-RUST-L": 3})
    stage.later.callback(stage.shop.set_price, "CLEAT", 1850)
    stage.later.callback(stage.shop.set_stock, "SHIRT-RUST-L", 5)
    stage.shop.set_price("CLEAT", 2400)
    stage.shop.set_stock("SHIRT-RUST-L", 1)

    return "/basket/"


@scene()
def basket_with_a_refused_coupon(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 1})
    stage.visitor.get("/basket/")
    stage.visitor.post("/basket/coupons", code="sprongtide")

    return "/basket/"


@scene(is_rare=True)
def basket_with_a_coupon_that_does_nothing(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 1})
    stage.visitor.enter("fairwind")

    return "/basket/"


@scene(is_rare=True)
def basket_with_a_refused_gift_card(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 1})
    stage.visitor.get("/basket/")
    stage.visitor.post("/basket/gift-card", card="PUDDLE")

    return "/basket/"


@scene()
def basket_with_something_removed(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 1, "CLEAT": 1})
    line = stage.visitor.lines()[-1]
    stage.visitor.post(f"/basket/lines/{line}/remove")

    return "/basket/"


@scene(is_rare=True)
def basket_that_was_emptied(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 1})
    stage.visitor.get("/basket/")
    version = stage.visitor.field("cart_version")
    stage.visitor.post("/basket/clear", cart_version=version)

    return "/basket/"


@scene(is_rare=True)
def saved_for_later(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 1, "CLEAT": 2})

    for line in stage.visitor.lines():
        stage.visitor.get("/basket/")
        stage.visitor.post(f"/basket/lines/{line}/move", to="later")

    return "/basket/later/"


@scene()
def wishlist(stage: Stage[Shop]) -> str:
    for slug, sku in {"harbour-mug": "MUG-FOG", "slipway-boots": "BOOTS-42"}.items():
        stage.visitor.get(f"/goods/{slug}")
        stage.visitor.post("/basket/wishlist/lines", item=sku)

    stage.visitor.get("/basket/wishlist/")

    return "/basket/wishlist/"


@scene(status=409)
def conflict_about_a_line(stage: Stage[Shop]) -> Sent:
    put(stage, {"SHIRT-NAVY-S": 1})
    (line,) = stage.visitor.lines()
    key = stage.visitor.field("cart_key")
    put(stage, {"SHIRT-NAVY-S": 1})
    token = stage.visitor.field("csrf_token")
    fields = {"csrf_token": token, "cart_key": key, "quantity": "5", "seen": "1"}

    return Sent("/basket/", f"/basket/lines/{line}", fields)


@scene(status=409, is_rare=True)
def conflict_about_the_basket(stage: Stage[Shop]) -> Sent:
    put(stage, {"MUG-FOG": 1})
    stage.visitor.get("/basket/")
    version = stage.visitor.field("cart_version")
    key = stage.visitor.field("cart_key")
    put(stage, {"CLEAT": 1})
    token = stage.visitor.field("csrf_token")
    fields = {"csrf_token": token, "cart_key": key, "cart_version": version}

    return Sent("/basket/", "/basket/clear", fields)


# What takes scripts


def add(page: Page) -> None:
    """Put what the page is about into the basket, and stay there."""
    page.locator("#buy button:not([formaction])").click()
    expect(page.locator(".cart-message")).to_be_visible()


@scene(act=add)
def product_just_after_adding(stage: Stage[Shop]) -> str:
    return "/goods/harbour-mug"


def open_drawer(page: Page) -> None:
    """Look at the basket beside the page."""
    page.locator("#cart-mini").click()
    expect(page.locator("#cart-drawer #cart-drawer-end button").last).to_be_visible()


@scene(act=open_drawer)
def drawer(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 1, "KETTLE-TAR": 2})

    return "/goods/cleat-hook"


@scene(act=open_drawer, is_rare=True)
def drawer_of_34_lines(stage: Stage[Shop]) -> str:
    fill(stage, 34)

    return "/"


@scene(act=open_drawer, is_rare=True)
def drawer_with_long_words(stage: Stage[Shop]) -> str:
    basket_with_long_words(stage)

    return "/"


# From the checkout to the order


@scene(is_rare=True)
def checkout(stage: Stage[Shop]) -> str:
    put(stage, {"SHIRT-NAVY-S": 2, "CLEAT": 1})

    return "/checkout"


@scene(status=422)
def checkout_with_mistakes(stage: Stage[Shop]) -> Sent:
    put(stage, {"MUG-FOG": 1})
    fields = stage.visitor.checkout_form() | {"name": "", "postcode": "", "email": "?"}

    return Sent("/checkout", "/checkout", fields)


def order(stage: Stage[Shop], **changes: str) -> str:
    """Order the cheapest thing there is; where that leads."""
    stage.later.callback(stage.shop.set_stock, "FLOAT-NAVY", 39)
    put(stage, {"FLOAT-NAVY": 1})
    answer = stage.visitor.order(**changes)
    assert answer.status_code == 303

    return str(answer.location)


@scene(is_rare=True)
def order_of_a_guest(stage: Stage[Shop]) -> str:
    return order(stage)


@scene(is_rare=True)
def order_with_long_words(stage: Stage[Shop]) -> str:
    fields = {"name": LONG, "street": LONG, "town": LONG}

    return order(stage, **fields, email=f"{LONG * 2}@example.org")


@scene()
def order_with_a_coupon_and_a_gift_card(stage: Stage[Shop]) -> str:
    stage.later.callback(stage.shop.charge_card, "RIPPLE", 1000)
    put(stage, {"FLOAT-NAVY": 3})
    stage.visitor.enter("springtide")
    stage.visitor.post("/basket/gift-card", card="ripple")

    return order(stage)


def act_on(stage: Stage[Shop], place: str, *steps: str) -> str:
    """Press buttons of an order's page; where the last one leads to."""
    for step in steps:
        stage.visitor.get(place)
        answer = stage.visitor.post(f"{place}/{step}")

    return str(answer.location)


@scene(is_rare=True)
def order_that_is_packed(stage: Stage[Shop]) -> str:
    return act_on(stage, order(stage), "pack")


@scene()
def order_that_is_sent(stage: Stage[Shop]) -> str:
    return act_on(stage, order(stage), "pack", "send")


@scene(is_rare=True)
def order_that_is_cancelled(stage: Stage[Shop]) -> str:
    return act_on(stage, order(stage), "cancel")


@scene(is_rare=True)
def ordered_again_when_it_is_gone(stage: Stage[Shop]) -> str:
    place = order(stage)
    stage.shop.set_stock("FLOAT-NAVY", 0)

    return act_on(stage, place, "again")


@scene(is_rare=True)
def paying_from_the_basket(stage: Stage[Shop]) -> str:
    put(stage, {"FLOAT-NAVY": 1})
    stage.visitor.get("/basket/")

    return str(stage.visitor.post("/express").location)


def sandbox_pay(stage: Stage[Shop], act: str = "") -> str:
    """Go to pay, and press a button there; where Sandbox Pay is."""
    place = order(stage, pay="sandbox")

    if act:
        stage.visitor.get(place)
        stage.visitor.post(place, act=act)

    return place


@scene()
def paying(stage: Stage[Shop]) -> str:
    return sandbox_pay(stage)


@scene(is_rare=True)
def paying_after_a_refusal(stage: Stage[Shop]) -> str:
    return sandbox_pay(stage, "refuse")


@scene(is_rare=True)
def what_was_paid(stage: Stage[Shop]) -> str:
    return sandbox_pay(stage, "pay")


def payment(stage: Stage[Shop], act: str) -> str:
    """Where the shop tells of a payment, after a button of Sandbox Pay."""
    place = sandbox_pay(stage)
    stage.visitor.get(place)

    return str(stage.visitor.post(place, act=act).location)


@scene()
def payment_that_is_waited_for(stage: Stage[Shop]) -> str:
    return payment(stage, "pay_late")


@scene(is_rare=True)
def payment_that_was_refused(stage: Stage[Shop]) -> str:
    return payment(stage, "refuse")


@scene(is_rare=True)
def payment_that_goes_back(stage: Stage[Shop]) -> str:
    waiting = payment(stage, "pay_late")
    stage.visitor.get(waiting)
    stage.visitor.post(f"{waiting}/give-up")
    place = _other_side(stage)
    stage.visitor.get(place)
    stage.visitor.post(place, act="tell")

    return waiting


def _other_side(stage: Stage[Shop]) -> str:
    """Where the newest payment is at Sandbox Pay."""
    newest = select(SandboxPayment.secret).order_by(SandboxPayment.id.desc()).limit(1)

    with stage.shop.app.app_context():
        return f"/sandbox-pay/{db.session.scalar(newest)}"


@scene(is_rare=True)
def what_was_paid_back(stage: Stage[Shop]) -> str:
    payment_that_goes_back(stage)

    return _other_side(stage)


# People


def sign_up(stage: Stage[Shop]) -> None:
    """Open an account that nobody has."""
    visitor = stage.visitor
    visitor.get("/signup")
    email = f"{next(_numbers)}@example.org"
    answer = visitor.post("/signup", **CREDENTIALS | {"email": email})
    assert answer.status_code == 303


@scene(status=422, is_rare=True)
def login_with_mistakes(stage: Stage[Shop]) -> Sent:
    stage.visitor.get("/login")
    fields = {"csrf_token": stage.visitor.field("csrf_token"), **CREDENTIALS}

    return Sent("/login", "/login", fields)


@scene(status=422)
def signup_with_mistakes(stage: Stage[Shop]) -> Sent:
    stage.visitor.get("/signup")
    email = "a" * LONGEST_EMAIL + "@"
    fields = {"csrf_token": stage.visitor.field("csrf_token"), "email": email}

    return Sent("/signup", "/signup", fields | {"password": "short"})


@scene(is_rare=True)
def merged_after_login(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 2})
    sign_up(stage)

    return "/account"


@scene()
def account_with_orders(stage: Stage[Shop]) -> str:
    sign_up(stage)
    stage.visitor.get("/account")
    order(stage)
    order(stage)
    put(stage, {"MUG-FOG": 2})

    return "/account"


@scene()
def activity(stage: Stage[Shop]) -> str:
    basket_with_something_removed(stage)
    stage.visitor.get("/basket/")

    return "/activity/"


@scene()
def link_of_an_assistant(stage: Stage[Shop]) -> str:
    return _link(stage)


def _link(stage: Stage[Shop]) -> str:
    cart = assist(stage.shop, {"MUG-FOG": 2, "KETTLE-TAR": 1})

    return str(cart["continue_url"]).removeprefix("http://localhost")


@scene()
def handed_over(stage: Stage[Shop]) -> str:
    place = _link(stage)
    stage.visitor.get(place)
    stage.visitor.post(place)

    return "/basket/"


@scene()
def assistants(stage: Stage[Shop]) -> str:
    handed_over(stage)
    stage.visitor.get("/basket/")

    return "/activity/assistants"


@scene(status=404, is_rare=True)
def link_that_does_not_open(stage: Stage[Shop]) -> str:
    return "/basket/links/nonsense"


@scene()
def permalink(stage: Stage[Shop]) -> str:
    return str(stage.visitor.client.get("/buy/MUG-FOG:2,CLEAT:1").location)


@scene(status=400, is_rare=True)
def permalink_that_cannot_be_read(stage: Stage[Shop]) -> str:
    return "/buy/ask"


# For developers


@scene()
def race(stage: Stage[Shop]) -> str:
    lanes = {"session": (50, 31), "cache": (50, 50), "flask-cart": (50, 50)}
    stage.later.callback(stage.shop.forget_races)
    stage.shop.note_race(**lanes)

    return "/race/"


@scene()
def two_windows(stage: Stage[Shop]) -> str:
    put(stage, {"MUG-FOG": 2})

    return "/two-windows"


def go_to(stage: Stage[Shop], place: str) -> None:
    """Have the basket in a place from now on."""
    answer = stage.visitor.client.post("/place", data={"storage": place})
    assert answer.status_code == 303


@scene()
def basket_in_another_place(stage: Stage[Shop]) -> str:
    go_to(stage, "cache")
    put(stage, {"MUG-FOG": 2, "CLEAT": 1})
    go_to(stage, "database")

    return "/basket/"


@scene()
def link_to_another_place(stage: Stage[Shop]) -> str:
    go_to(stage, "cache")

    return _link(stage)


def open_panel(stage: Stage[Shop]) -> None:
    """Show what is behind the pages from now on."""
    answer = stage.visitor.client.post("/panel/", data={"next": "/"})
    assert answer.status_code == 303


@scene(is_rare=True)
def panel(stage: Stage[Shop]) -> str:
    open_panel(stage)
    put(stage, {"MUG-FOG": 2, "CLEAT": 1})

    return "/basket/"


@scene(act=open_all)
def panel_with_everything_open(stage: Stage[Shop]) -> str | Sent:
    return panel(stage)


# When something is wrong


@scene(status=404)
def error_of_an_address(stage: Stage[Shop]) -> str:
    return "/goods/anchor"


@scene(status=405, is_rare=True)
def error_of_a_method(stage: Stage[Shop]) -> str:
    return "/logout"


@scene(status=500, is_rare=True)
def error_of_the_shop(stage: Stage[Shop]) -> str:
    views = stage.shop.app.view_functions
    stage.later.callback(views.update, {"search.show": views["search.show"]})
    views["search.show"] = _fail

    return "/search"


def _fail() -> str:
    raise RuntimeError("This is what the scene is about.")


@scene(status=400, is_rare=True)
def error_of_a_form(stage: Stage[Shop]) -> Sent:
    return Sent("/goods/harbour-mug", "/basket/lines", {"item": "MUG-FOG"})
