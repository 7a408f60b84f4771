"""What the templates of the pages ask for, and what the forms of old pages are told."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask import render_template_string
from flask.testing import FlaskClient
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

import flask_cart
from flask_cart import CartConfigError
from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart.http.pages import Pages
from tests.support.apps import make_app
from tests.support.storefronts import PageClient
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import show

#: The line that a shopper has who has just come.
MUG: t.Final = line_of("mug", size="L")
STATIC: t.Final = Path(flask_cart.__file__).parent / "static"


def pages_of(app: Flask) -> Pages:
    return t.cast(Pages, app.jinja_env.globals["cart_pages"])


def limits_in(app: Flask) -> dict[str, t.Any]:
    """What the fields of the current cart take."""
    return dict(pages_of(app).found(current_cart, current_cart.totals.lines).limits)


def product(**terms: t.Any) -> t.Any:
    """A product that is sold on these terms."""
    return SimpleNamespace(cart_id="egg", cart_name="Egg", cart_price=1, **terms)


@pytest.fixture
def app() -> Flask:
    return make_app(CART_STORAGE="memory", CART_MAX_QUANTITY=50)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, (1, 50, 1)),
        ({"cart_available": 9, "cart_maximum": 20}, (1, 9, 1)),
        ({"cart_available": 9, "cart_maximum": 3}, (1, 3, 1)),
        ({"cart_minimum": 4}, (4, 50, 1)),
        ({"cart_step": 6}, (6, 50, 6)),
        ({"cart_minimum": 8, "cart_step": 6}, (12, 50, 6)),
        ({"cart_minimum": 12, "cart_step": 6}, (12, 50, 6)),
    ],
)
def test_a_field_takes_what_is_sold(
    app: Flask, terms: t.Any, expected: tuple[int, int, int]
) -> None:
    """The tightest of the terms counts, and steps are counted from the minimum."""
    FlaskCart(app)

    with app.app_context():
        assert pages_of(app).limits_of(product(**terms))[:3] == expected


def test_a_quantity_that_is_too_large_by_now_may_stay(app: Flask) -> None:
    """The field of its line is valid as it is, and the page can say how many are left;
    what is gone has no terms."""
    shelf = [product(cart_available=9)]
    FlaskCart(app).product_loader(lambda ids: shelf)

    with app.test_request_context():
        egg = current_cart.add(shelf[0], 8)
        pot = current_cart.add("pot", price=1)
        shelf[0].cart_available = 2

        limits = limits_in(app)

        assert limits == {egg.id: (1, 8, 1, 2, False), pot.id: (1, 50, 1, None, True)}

        # So many are there, but not for one shopper.
        shelf[0].cart_available, shelf[0].cart_maximum = 20, 5

        assert limits_in(app)[egg.id] == (1, 8, 1, None, False)


def test_lines_of_one_stock_share_it(app: Flask) -> None:
    """A field takes what the other lines leave of it, as a change is refused that goes
    further; and each of them says how many are left, if that is fewer than in all."""
    shelf = [product(cart_available=9)]
    FlaskCart(app).product_loader(lambda ids: shelf)

    with app.test_request_context():
        for_ada = current_cart.add(shelf[0], 3, options={"name": "Ada"}).id
        for_eva = current_cart.add(shelf[0], 2, options={"name": "Eva"}).id
        assert limits_in(app) == {
            for_ada: (1, 7, 1, None, True),
            for_eva: (1, 6, 1, None, True),
        }

        shelf[0].cart_available = 5
        assert [each[1:] for each in limits_in(app).values()] == [
            (3, 1, None, True),
            (2, 1, None, True),
        ]

        shelf[0].cart_available = 4
        assert [each[1:] for each in limits_in(app).values()] == [
            (3, 1, 4, False),
            (2, 1, 4, False),
        ]

        # So many are there, but not for one shopper.
        shelf[0].cart_available, shelf[0].cart_maximum = 5, 4
        assert [each[1:] for each in limits_in(app).values()] == [
            (3, 1, None, False),
            (2, 1, None, False),
        ]


def test_a_list_of_wishes_takes_any_number(app: Flask) -> None:
    """Where stock does not count, it limits no field; how many there are is told."""
    app.config["CART_STOCK_IGNORED"] = ["wishlist"]
    egg = product(cart_available=3, cart_minimum=2, cart_step=2)
    FlaskCart(app).product_loader(lambda ids: [egg])

    with app.test_request_context():
        wishes = current_cart.instance("wishlist")
        line = wishes.add(egg, 5)
        found = pages_of(app).found(wishes, wishes.totals.lines)

        assert found.limits == {line.id: (1, 50, 1, 3, False)}


def test_a_line_says_that_there_is_less_by_now(app: Flask) -> None:
    """On the page of the cart, at the line; also if there is none any more."""
    shelf = [product(cart_available=9)]
    extension = FlaskCart(app)
    extension.product_loader(lambda ids: shelf)
    app.register_blueprint(extension.blueprint, url_prefix="/cart")
    client = PageClient(app)
    client.post("/cart/lines", data={"item": "egg", "quantity": "3"})

    assert "cart-short" not in client.get("/cart/").text

    for left, told in ((2, "Only 2 left."), (0, "Sold out")):
        shelf[0].cart_available = left

        assert f'<p class="cart-short">{told}</p>' in client.get("/cart/").text


def test_lines_of_one_stock_say_that_there_is_less_by_now(app: Flask) -> None:
    """On the page of the cart, each of them, although there are enough for one."""
    shelf = [product(cart_available=9, cart_choices={"for": ["Ada", "Eva"]})]
    extension = FlaskCart(app)
    extension.product_loader(lambda ids: shelf)
    app.register_blueprint(extension.blueprint, url_prefix="/cart")
    client = PageClient(app)

    for name in ("Ada", "Eva"):
        given = {"item": "egg", "quantity": "3", "options.for": name}
        client.post("/cart/lines", data=given)

    assert "cart-short" not in client.get("/cart/").text

    shelf[0].cart_available = 5

    page = client.get("/cart/").text
    assert page.count('<p class="cart-short">Only 5 left.</p>') == 2


@pytest.mark.parametrize(
    ("terms", "is_ready"),
    [
        ({}, True),
        ({"cart_available": 3}, True),
        ({"cart_available": 2}, False),
        ({"cart_available": 0}, False),
        ({"cart_maximum": 2}, False),
        ({"cart_minimum": 4}, False),
        ({"cart_step": 2}, False),
        ({"cart_minimum": 2, "cart_step": 3}, True),
        (None, False),
    ],
)
@pytest.mark.parametrize("path", ["/cart/", "/cart/?drawer=1"])
def test_the_checkout_does_not_stand_out_before_all_can_be_ordered(
    path: str, terms: dict[str, int] | None, is_ready: bool
) -> None:
    """Of three that are in the cart, some are not sold any more, or not in this number;
    or the product is gone, which its line says."""
    app = make_app(CART_STORAGE="memory", CART_CHECKOUT_URL="/checkout")
    shelf = [product()]
    extension = FlaskCart(app)
    extension.product_loader(lambda ids: shelf)
    app.register_blueprint(extension.blueprint, url_prefix="/cart")
    client = PageClient(app)
    client.post("/cart/lines", data={"item": "egg", "quantity": "3"})
    shelf[:] = [] if terms is None else [product(**terms)]
    page = client.get(path, headers={"HX-Request": "true"}).text
    (button,) = re.findall(r'<button class="([^"]*)" id="cart-forward"', page)

    assert ("cart-main-button" in button.split()) is is_ready
    assert ("Sold out" in page) is (terms in (None, {"cart_available": 0}))


def test_a_shop_without_a_product_loader_has_fields(app: Flask) -> None:
    """Their limit is that of any cart."""
    FlaskCart(app)

    with app.test_request_context():
        pot = current_cart.add("pot", price=1)

        assert limits_in(app) == {pot.id: (1, 50, 1, None, True)}


def test_a_coupon_that_ended_says_so(app: Flask) -> None:
    """It stays in the cart, with the reason why it does nothing."""
    coupons = {"TEN": Condition("TEN", "coupon", "subtotal", "-10%")}
    extension = FlaskCart(app)
    extension.coupon_loader(coupons.get)
    extension.product_loader(lambda ids: [product()])
    app.register_blueprint(extension.blueprint, url_prefix="/cart")
    client = PageClient(app)
    client.post("/cart/lines", data={"item": "egg"})
    client.post("/cart/coupons", data={"code": "TEN"})

    assert "Not used" not in client.get("/cart/").text

    coupons.clear()

    assert "Not used: it is not valid any more." in client.get("/cart/").text


def test_carts_are_listed_with_the_default_one_first() -> None:
    """The others are in the order of their names."""
    app = make_app(CART_STORAGE="memory", CART_INSTANCES=["wishlist", "b", "later"])
    FlaskCart(app)

    with app.app_context():
        instances = pages_of(app).instances

    assert instances == ["default", "b", "later", "wishlist"]


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("", {"quantity": 5}),
        ("/increment", {}),
        ("/move", {"to": "later"}),
    ],
)
def test_a_form_of_a_line_that_is_gone_is_told_so(
    client: FlaskClient, address: str, fields: dict[str, t.Any]
) -> None:
    """On the page of the cart; a JSON client gets a 404."""
    line = fill(client)
    client.delete(f"/cart/lines/{line}")
    response = client.post(f"/cart/lines/{line}{address}", data=fields)

    assert (response.status_code, response.location) == (303, "/cart/")
    assert "not in your cart any more" in client.get("/cart/").text
    assert client.patch(f"/cart/lines/{line}", json={"quantity": 5}).status_code == 404


@pytest.mark.parametrize(
    ("address", "fields", "asked"),
    [
        (f"lines/{MUG}", {"quantity": 5}, "Make it 5"),
        (f"lines/{MUG}/increment", {"by": 1}, "Change a quantity all the same"),
        (f"lines/{MUG}/remove", {}, "Remove something all the same"),
        (f"lines/{MUG}/move", {"to": "later"}, "Move something to another list all"),
        ("clear", {}, "Empty the cart all the same"),
        ("coupons", {"code": "TEN"}, "Use a code all the same"),
        ("coupons/SPRING/remove", {}, "Remove a code all the same"),
        ("shipping", {"method": "Post"}, "Choose another shipping all the same"),
        ("metadata", {"metadata.note": "Ring"}, "Save a note all the same"),
        ("forward", {"metadata.note": "Ring"}, "Save what was typed in all the same"),
        ("lines", {"item": "pot"}, "Change the cart all the same"),
    ],
)
def test_a_conflict_names_what_was_asked_for(
    client: FlaskClient, address: str, fields: dict[str, t.Any], asked: str
) -> None:
    """And shows the line that it is about, or else the cart; whatever it is, the way
    that changes nothing is the one that stands out."""
    fill(client)
    version = show(client)["version"]
    client.post("/cart/lines", json={"item": "pot"})
    seen = {"seen": 1} if "quantity" in fields else {}
    response = client.post(
        f"/cart/{address}", data={"cart_version": version, **seen, **fields}
    )

    assert response.status_code == 409
    assert f">{asked}" in response.text
    assert ("<mark>3</mark> \u00d7" in response.text) == address.startswith("lines/")
    assert ("cart-overview" in response.text) != address.startswith("lines/")

    ((main, name),) = re.findall(
        r"<(\w+) [^>]*cart-main-button[^>]*>([^<]*)", response.text
    )
    assert (main, name[:8]) == ("a", "Leave it")


@pytest.mark.parametrize("clicks", [1, 2])
def test_a_line_is_moved_once(any_shop: Storefront, clicks: int) -> None:
    """From one cart to another, on every storage, and by a double click too."""
    client = any_shop.app.test_client()
    line = fill(client)

    for _ in range(clicks):
        form = {"to": "later", "cart_key": "6f1d"}
        client.post(f"/cart/lines/{line}/move", data=form)
        page = client.get("/cart/").text

    assert "not in your cart" not in page
    assert show(client)["quantity"] == 0
    assert show(client, "later")["quantity"] == 3


def test_choices_may_be_none(app: Flask) -> None:
    """An attribute of a product that is None is one that it does not have."""
    extension = FlaskCart(app)
    extension.product_loader(lambda ids: [product(cart_choices=None)])
    app.register_blueprint(extension.blueprint, url_prefix="/cart")
    client = PageClient(app)

    refused = client.post("/cart/lines", json={"item": "egg", "options": {"a": "b"}})
    assert refused.status_code == 422

    client.post("/cart/lines", data={"item": "egg"})
    assert show(client)["quantity"] == 1

    client.post(f"/cart/lines/{line_of('egg')}/remove")
    assert "put Egg back" in client.get("/cart/").text


@pytest.mark.parametrize("mount", ["dispatcher", "proxy"])
def test_a_form_leads_back_under_a_prefix(shop: Storefront, mount: str) -> None:
    """The way back that the docs give works wherever the app is mounted."""

    @shop.app.get("/goods/pot")
    def show_pot() -> str:
        return render_template_string(
            "{% from 'flask_cart/macros.html' import hidden_fields %}"
            "{{ hidden_fields(next=request.script_root ~ request.path) }}"
        )

    inner = shop.app.wsgi_app
    headers = {"Accept": "text/html"}

    if mount == "proxy":
        # It takes the prefix off, and says so.
        headers["X-Forwarded-Prefix"] = "/shop"
        client = Client(ProxyFix(inner, x_prefix=1))
    else:
        client = Client(DispatcherMiddleware(NotFound(), {"/shop": inner}))

    base = "" if mount == "proxy" else "/shop"
    page = client.get(f"{base}/goods/pot", headers=headers).text
    form = dict(re.findall('name="([^"]+)" value="([^"]*)"', page))
    answer = client.post(
        f"{base}/cart/lines", data=form | {"item": "pot"}, headers=headers
    )

    assert (answer.status_code, answer.location) == (303, "/shop/goods/pot")


def test_undo_puts_back_what_was_removed(client: FlaskClient) -> None:
    """The quantity and the options too; and it is offered once."""
    line = fill(client)
    before = show(client)["lines"]
    client.post(f"/cart/lines/{line}/remove")
    page = client.get("/cart/").text
    form = page[page.index("cart-undo") :]
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    action = re.findall(r'action="([^"]+)"', form)[0]
    client.post(action, data=fields)

    assert show(client)["lines"] == before
    assert "cart-undo" not in client.get("/cart/").text


def test_where_the_forms_of_lines_are_sent(client: FlaskClient) -> None:
    """Each to its line, also where the app adds something to all addresses."""
    app = client.application
    app.url_defaults(lambda endpoint, values: values.setdefault("lang", "0"))
    lines = [fill(client), line_of("pot")]
    client.post("/cart/lines", json={"item": "pot"})
    page = client.get("/cart/").text

    for line in lines:
        for action in ("increment", "remove", "move"):
            assert f'action="/cart/lines/{line}/{action}?lang=0"' in page


def test_an_app_can_extend_a_page_by_a_block(shop: Storefront, tmp_path: Path) -> None:
    """Its own page has the name of ours, and extends it."""
    folder = tmp_path / "templates" / "flask_cart"
    folder.mkdir(parents=True)
    (folder / "cart.html").write_text(
        '{% extends "flask_cart/pages/cart.html" %}'
        "{% block checkout %}<a>Pay now</a>{% endblock %}"
    )
    (folder / "_line.html").write_text("<li>Just {{ line.name }}</li>")
    shop.app.jinja_loader.searchpath.append(str(tmp_path / "templates"))
    client = shop.app.test_client()
    fill(client)
    page = client.get("/cart/").text

    assert "<a>Pay now</a>" in page
    assert "<li>Just Mug</li>" in page
    assert "Coupons" in page


def test_the_note_beside_htmx_names_its_version() -> None:
    """What is vendored is what the note says."""
    htmx = (STATIC / "htmx.min.js").read_text()
    [version] = re.findall(r'\bversion:"([0-9.]+)"', htmx)

    assert f"npm\npackage htmx.org@{version}," in (STATIC / "htmx.txt").read_text()


@pytest.mark.parametrize("locale", ["xx", "not a locale", "de_XX_YY_ZZ_1"])
def test_a_locale_that_is_none(locale: str) -> None:
    """It is told when the app starts, not by prices in English."""
    with pytest.raises(CartConfigError, match="CART_LOCALE must be a locale"):
        FlaskCart(make_app(CART_STORAGE="memory", CART_LOCALE=locale))


def test_the_theme_is_what_the_documentation_says() -> None:
    """Each custom property is set by the stylesheet, used in it, and described."""
    css = (STATIC / "cart.css").read_text()
    docs = Path(__file__).parents[2] / "docs"
    theme = (docs / "theming.rst").read_text().partition("_the-theme:")[2]
    described = set(re.findall(r"``(--cart-\w+(?:-\w+)*)``", theme))

    assert len(described) == 12
    assert described == set(re.findall(r"^  (--cart-[\w-]+):", css, re.M))
    assert described == set(re.findall(r"var\((--cart-[\w-]+)\)", css))

    for look in (docs / "looks").glob("*.css"):
        assert set(re.findall(r"(--cart-[\w-]+):", look.read_text())) < described
