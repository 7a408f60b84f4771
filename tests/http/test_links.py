"""Links: a cart is handed over, shared and taken along, once and by nobody else."""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_login import logout_user
from hypothesis import HealthCheck
from hypothesis import assume
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartEmptyError
from flask_cart import CartVetoError
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart.carts.links import PURPOSES
from flask_cart.carts.links import claim_link
from flask_cart.carts.links import links_in
from flask_cart.model.keys import CartKey
from flask_cart.signals import before_change
from flask_cart.storage.base import Change
from tests.support.apps import make_app
from tests.support.guests import COOKIE
from tests.support.storefronts import PageClient
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import make_storefront
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show

MUG = line_of("mug", size="L")

#: What one shopper takes over.
FOR_ONE = [each for each in PURPOSES if each != "share"]


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


@pytest.fixture
def shop(shop: Storefront) -> Storefront:
    """A shop in which one can log in, as whoever one says."""
    LoginManager(shop.app).user_loader(User)

    @shop.app.get("/login/<user_id>")
    def login(user_id: str) -> str:
        login_user(User(user_id))
        return "Hello"

    @shop.app.get("/logout")
    def logout() -> str:
        logout_user()
        return "Bye"

    shop.app.test_client_class = PageClient

    return shop


def link_to(
    shop: Storefront, owner: str, purpose: str = "handoff", **more: t.Any
) -> str:
    """The path of a link to the cart of an owner."""
    with shop.app.test_request_context():
        cart = shop.extension.cart(
            owner=owner, instance=more.pop("instance", "default")
        )
        link = shop.extension.link(cart, purpose=purpose, **more)

    return link.removeprefix("http://localhost")


def fill_cart(shop: Storefront, owner: str, instance: str = "default") -> None:
    """Put three large mugs and a pot into the cart of an owner."""
    with shop.app.app_context():
        cart = shop.extension.cart(owner=owner, instance=instance)
        products = shop.extension.load_products(["mug", "pot"])
        cart.add(products["mug"], 3, options={"size": "L"})
        cart.add(products["pot"])


def owner_of(client: FlaskClient) -> str:
    """The guest that a browser is."""
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None

    return f"guest:{cookie.value.partition('.')[0]}"


def lines_of(client: FlaskClient, instance: str = "") -> dict[str, int]:
    return {each["item"]: each["quantity"] for each in show(client, instance)["lines"]}


def stored(shop: Storefront) -> dict[str, t.Any]:
    return shop.stored(shop.app.test_client())


@pytest.mark.parametrize("purpose", ["handoff", "recover", "device"])
def test_a_cart_is_taken_over(shop: Storefront, purpose: str) -> None:
    """The page shows it with its total, and the form brings it into the cart."""
    fill_cart(shop, "ucp:1")
    client = shop.app.test_client()
    link = link_to(shop, "ucp:1", purpose)
    page = client.get(link)

    assert page.status_code == 200
    assert "Mug" in page.text
    assert "€77.50" in page.text
    assert lines_of(client) == {}

    answer = client.post(link)

    assert answer.status_code == 303
    assert answer.location == "/cart/"
    assert lines_of(client) == {"mug": 3, "pot": 1}
    assert "It is in your cart." in client.get("/cart/").text

    with shop.app.app_context():
        assert not shop.extension.cart(owner="ucp:1")


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_who_only_looks_changes_nothing(
    shop: Storefront, purpose: str, method: str
) -> None:
    """The scanners of mails follow all links, some of them several times."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1", purpose)
    before = stored(shop)
    client = shop.app.test_client()

    for _ in range(3):
        answer = client.open(link, method=method)
        assert answer.status_code in (200, 403)
        assert "Set-Cookie" not in answer.headers

    assert stored(shop) == before


@pytest.mark.parametrize("purpose", FOR_ONE)
def test_two_people_and_one_link(shop: Storefront, purpose: str) -> None:
    """The first one has the cart, the second sees nothing of it."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1", purpose)
    first, second = shop.app.test_client(), shop.app.test_client()
    first.get("/login/1")
    second.get("/login/2")

    assert first.post(link).location == "/cart/"
    assert lines_of(first) == {"mug": 3, "pot": 1}

    for answer in (second.get(link), second.post(link)):
        assert answer.status_code == 410
        assert "good for one time" in answer.text
        assert "Mug" not in answer.text

    assert lines_of(second) == {}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_twice_is_once(shop: Storefront, purpose: str) -> None:
    """A double click, and another visit, double nothing."""
    fill_cart(shop, "ucp:1")
    link = link_to(shop, "ucp:1", purpose)
    client = shop.app.test_client()
    client.get("/login/1")

    for _ in range(3):
        assert client.post(link).location == "/cart/"
        assert lines_of(client) == {"mug": 3, "pot": 1}

    answer = client.get(link)

    assert answer.status_code == (200 if purpose == "share" else 303)


def test_a_link_is_claimed_before_anything_is_taken(shop: Storefront) -> None:
    """Of two at the same moment, one has the cart: the other is too late already when
    the first has only begun, and the first can go on after a crash."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")
    first, second = shop.app.test_client(), shop.app.test_client()
    first.get("/login/1")
    second.get("/login/2")
    token = link.rpartition("/")[2].partition(".")[0]

    with shop.app.app_context():
        repository = shop.app.extensions["cart"].services.repository
        assert claim_link(repository, token, "user:1")
        assert not claim_link(repository, token, "user:2")
        assert not claim_link(repository, "a" * 22, "user:2")

    assert second.get(link).status_code == 410
    assert lines_of(second) == {}
    assert first.post(link).location == "/cart/"
    assert lines_of(first) == {"mug": 3, "pot": 1}


def test_who_comes_between_is_too_late(
    shop: Storefront, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where both have seen that the link was free."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")
    monkeypatch.setattr("flask_cart.app.links.claim_link", lambda *given: False)
    client = shop.app.test_client()

    assert client.post(link).status_code == 410
    assert lines_of(client) == {}


def test_sharing_copies(shop: Storefront) -> None:
    """Any number of people get what there is, and the owner keeps it."""
    fill_cart(shop, "user:1")
    link = link_to(shop, "user:1", "share")

    for _ in range(3):
        client = shop.app.test_client()
        assert "Mug" in client.get(link).text
        assert client.post(link).location == "/cart/"
        assert lines_of(client) == {"mug": 3, "pot": 1}

    with shop.app.app_context():
        assert shop.extension.cart(owner="user:1").quantity == 4


def test_a_copy_makes_up_what_is_missing(shop: Storefront) -> None:
    """What the shopper has already is not added once more, also by another link."""
    fill_cart(shop, "user:1")
    client = shop.app.test_client()
    client.post("/cart/lines", json={"item": "mug", "options": {"size": "L"}})
    client.post("/cart/lines", json={"item": "pot", "quantity": 5})

    for _ in range(2):
        assert client.post(link_to(shop, "user:1", "share")).status_code == 303
        assert lines_of(client) == {"mug": 3, "pot": 5}


def test_what_is_shared_has_the_prices_of_the_shop(shop: Storefront) -> None:
    """What was agreed upon with its owner, and what is the owner's, stays there."""
    with shop.app.app_context():
        cart = shop.extension.cart(owner="user:1")
        products = shop.extension.load_products(["pot"])
        cart.add(products["pot"], price="1.00", pinned=True)
        cart.metadata["note"] = "for Ann's birthday"
        cart.coupons.add("TEN")

    client = shop.app.test_client()
    link = link_to(shop, "user:1", "share")
    page = client.get(link).text

    assert "Pot" in page
    assert "1.00" not in page
    assert "birthday" not in page
    assert "TEN" not in page

    client.post(link)
    copied = show(client)

    assert copied["total"] == "40.00"
    assert copied["metadata"] == {}
    assert copied["coupons"] == []


def test_what_is_gone_is_said(shop: Storefront) -> None:
    """What can be had is copied or merged, and the rest is told of."""
    with shop.app.app_context():
        cart = shop.extension.cart(owner="guest:1")
        cart.add(shop.extension.load_products(["rare"])["rare"], 3)
        wishes = shop.extension.cart(owner="user:1", instance="wishlist")
        wishes.add(shop.extension.load_products(["rare"])["rare"], 2)

    for link in (
        link_to(shop, "user:1", "share", instance="wishlist"),
        link_to(shop, "guest:1"),
    ):
        client = shop.app.test_client()
        client.post("/cart/lines", json={"item": "rare", "quantity": 1})
        taken = client.post(link, follow_redirects=True)

        assert taken.status_code == 200

    assert "What could be had of it is in your cart." in taken.text
    assert lines_of(client) == {"rare": 3}


def test_a_product_that_is_not_sold_any_more_is_left_out(shop: Storefront) -> None:
    """The rest is copied, and what has no product as it is."""
    fill_cart(shop, "user:1")

    with shop.app.app_context():
        shop.extension.cart(owner="user:1").add(
            "engraving", name="Engraving", price="7.00", attributes={"text": "Ann"}
        )

    link = link_to(shop, "user:1", "share")
    loader = shop.extension.load_products

    with shop.app.app_context():
        mug = loader(["mug"])["mug"]

    shop.extension.product_loader(lambda ids: [mug] if "mug" in ids else [])
    client = shop.app.test_client()
    page = client.post(link, follow_redirects=True).text

    assert "What could be had of it is in your cart." in page
    assert lines_of(client) == {"mug": 3, "engraving": 1}


def test_without_products_lines_are_copied_as_they_are() -> None:
    """A shop without a product_loader has given them their prices itself."""
    app = make_app(CART_STORAGE="memory", TESTING=True)
    extension = FlaskCart(app)
    app.register_blueprint(extension.blueprint, url_prefix="/cart")
    shop = Storefront(app, extension)

    with app.app_context():
        extension.cart(owner="user:1").add("mug", 2, price="5.00")

    client = app.test_client()
    link = link_to(shop, "user:1", "share")

    assert client.post(link).location == "/cart/"
    assert show(client)["total"] == "10.00"


@pytest.mark.parametrize("purpose", FOR_ONE)
def test_the_cart_of_an_account_opens_for_it_alone(
    shop: Storefront, purpose: str
) -> None:
    """Others are asked to log in, and see nothing, also not who it is."""
    fill_cart(shop, "user:1")
    link = link_to(shop, "user:1", purpose)
    client = shop.app.test_client()

    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 403
        assert "Log in to see this cart" in answer.text
        assert "Mug" not in answer.text

    client.get("/login/2")

    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 403
        assert "belongs to another account" in answer.text
        assert "Mug" not in answer.text

    client.get("/logout")
    client.get("/login/1")

    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 303
        assert answer.location == "/cart/"

    assert lines_of(client) == {"mug": 3, "pot": 1}


def test_some_carts_are_for_accounts(shop: Storefront) -> None:
    """What was put together for somebody is nothing for a guest."""
    fill_cart(shop, "ucp:1")
    link = link_to(shop, "ucp:1", "login")
    client = shop.app.test_client()

    assert client.post(link).status_code == 403

    client.get("/login/1")
    client.post(link)

    assert lines_of(client) == {"mug": 3, "pot": 1}


def test_the_own_link_leads_to_the_own_cart(shop: Storefront) -> None:
    """On the same browser, and after a login that has merged the cart."""
    client = shop.app.test_client()
    fill(client)
    link = link_to(shop, owner_of(client), "recover")

    assert client.get(link).location == "/cart/"

    client.get("/login/1")

    assert client.get(link).location == "/cart/"
    assert lines_of(client) == {"mug": 3}

    other = shop.app.test_client()

    assert other.get(link).status_code == 404


def test_it_arrives_in_the_cart_of_the_same_name(shop: Storefront) -> None:
    """If the shopper may have one; else in the cart."""
    fill_cart(shop, "guest:1", "wishlist")
    fill_cart(shop, "guest:1", "secret")
    client = shop.app.test_client()

    answer = client.post(link_to(shop, "guest:1", instance="wishlist"))

    assert answer.location == "/cart/wishlist/"
    assert lines_of(client, "wishlist") == {"mug": 3, "pot": 1}

    answer = client.post(link_to(shop, "guest:1", instance="secret"))

    assert answer.location == "/cart/"
    assert lines_of(client) == {"mug": 3, "pot": 1}


@pytest.mark.parametrize("is_begun", [True, False])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_what_is_ordered_is_over(
    shop: Storefront, purpose: str, is_begun: bool
) -> None:
    """What comes into the cart after it is nothing for who has an older link."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1", purpose)
    orders: dict[str, str] = {}

    with shop.app.app_context():
        cart = shop.extension.cart(owner="guest:1")

        if is_begun:
            cart.begin_order()

        cart.place_order(
            lambda draft: orders.setdefault(draft.order_token, "order"), orders.get
        )
        cart.add(shop.extension.load_products(["rare"])["rare"])

    client = shop.app.test_client()
    client.get("/login/1")

    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 410
        assert "ordered already" in answer.text
        assert "Rare" not in answer.text

    assert lines_of(client) == {}


def test_what_is_ordered_in_the_transaction_of_the_app_is_over(tmp_path: Path) -> None:
    """As of every other order, also where no note of it was ever kept."""
    with open_storefront("database", folder=tmp_path) as shop:
        shop.app.test_client_class = PageClient
        fill_cart(shop, "guest:1")
        link = link_to(shop, "guest:1", "share")
        session = shop.app.extensions["sqlalchemy"].session

        with shop.app.app_context():
            cart = shop.extension.cart(owner="guest:1")
            cart.place_order(lambda draft: "order", lambda token: None, session=session)
            cart.add(shop.extension.load_products(["rare"])["rare"])

        answer = shop.app.test_client().get(link)

        assert answer.status_code == 410
        assert "Rare" not in answer.text


@pytest.mark.parametrize("change", ["clear", "destroy", "anew"])
def test_what_is_gone_is_gone(shop: Storefront, change: str) -> None:
    """An empty cart, none, and another one under the same name."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")

    with shop.app.app_context():
        cart = shop.extension.cart(owner="guest:1")
        cart.clear() if change == "clear" else cart.destroy()

    if change == "anew":
        fill_cart(shop, "guest:1")

    client = shop.app.test_client()

    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 404
        assert "nothing behind this link" in answer.text

    assert lines_of(client) == {}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_link_ends(shop: Storefront, purpose: str) -> None:
    """When its time is over, and not before."""
    fill_cart(shop, "guest:1")
    now = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    shop.extension.clock = lambda: now
    link = link_to(shop, "guest:1", purpose, expires=dt.timedelta(hours=1))
    client = shop.app.test_client()
    client.get("/login/1")

    now += dt.timedelta(minutes=59)
    assert client.get(link).status_code == 200

    now += dt.timedelta(minutes=1)

    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 410
        assert "good for a while" in answer.text

    assert lines_of(client) == {}


def test_a_link_is_revoked(shop: Storefront) -> None:
    """By its address or path, once, and no other link with it; also as it was sent
    around, with what a newsletter has put behind it."""
    fill_cart(shop, "guest:1")
    link, other = link_to(shop, "guest:1"), link_to(shop, "guest:1")

    with shop.app.app_context():
        assert shop.extension.revoke_link(f"https://shop.example{link}")
        assert not shop.extension.revoke_link(link)
        assert not shop.extension.revoke_link("https://shop.example/cart/links/x")
        sent = link_to(shop, "guest:1")
        assert shop.extension.revoke_link(f"https://shop.example{sent}/?a=b/c#d/e")

    client = shop.app.test_client()

    assert client.get(link).status_code == 404
    assert client.post(link).status_code == 404
    assert client.get(other).status_code == 200


def test_who_comes_between_a_revocation_is_too_late(shop: Storefront) -> None:
    """Also where it was seen that the link was good."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")
    token = link.rpartition("/")[2].partition(".")[0]

    with shop.app.app_context():
        assert shop.extension.revoke_link(link)
        repository = shop.app.extensions["cart"].services.repository
        assert not claim_link(repository, token, "guest:2")


def forged(link: str) -> list[str]:
    """What others may make of a link."""
    path, _, signed = link.rpartition("/")
    token, _, signature = signed.partition(".")
    made_up = [
        signed[:-1],
        f"{signed}a",
        f"{token}.{signature[::-1]}",
        f"{token[::-1]}.{signature}",
        token,
        f".{signature}",
        signed.swapcase(),
        f"{signed}%00",
        f"{signed}%0d%0aX:y",
        "%F0%9F%98%80",
        "..",
        "a" * 22 + "." + "b" * 43,
        "a" * 5000,
    ]

    return [f"{path}/{each}" for each in made_up]


def test_a_forged_link_leads_nowhere(shop: Storefront) -> None:
    """With no page of an error, and nothing that tells it from one that is over."""
    fill_cart(shop, "guest:1")
    client = shop.app.test_client()
    link = link_to(shop, "guest:1")
    answers = [
        client.open(each, method=method)
        for each in forged(link)
        for method in ("GET", "POST")
    ]

    assert {each.status_code for each in answers} == {404}
    assert client.get(link).status_code == 200


@given(
    begin=st.integers(0, 66),
    end=st.integers(0, 66),
    put=st.text(max_size=8) | st.sampled_from(["..", "%2F", "\x00", "?", "=.", "\r\n"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_made_of_a_link_leads_nowhere(
    shop: Storefront, begin: int, end: int, put: str
) -> None:
    """It is no link, and no error.

    HYPOTHESIS_PROFILE=thorough tries 2,000 of them.
    """
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")
    path, _, signed = link.rpartition("/")
    made = signed[:begin] + put + signed[max(begin, end) :]
    # The last letter has two bits that mean nothing, and two slashes are one.
    assume(made and made[:65] != signed[:65] and "/" not in made)
    client = shop.app.test_client()

    for method in ("GET", "POST"):
        answer = client.open(f"{path}/{quote(made, safe='')}", method=method)
        assert answer.status_code == 404, made


def test_a_link_of_another_secret_leads_nowhere(shop: Storefront) -> None:
    """One of an older secret does, as long as that is known; without any, none does."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")
    client = shop.app.test_client()
    shop.app.secret_key = "newer"

    assert client.get(link).status_code == 404

    shop.app.config["SECRET_KEY_FALLBACKS"] = ["test"]

    assert client.get(link).status_code == 200

    shop.app.secret_key = None

    with shop.app.test_request_context():
        assert not shop.extension.revoke_link(link)

        with pytest.raises(CartConfigError, match="SECRET_KEY"):
            shop.extension.link(shop.extension.cart(owner="guest:1"), purpose="handoff")


def test_a_damaged_link_leads_nowhere(shop: Storefront) -> None:
    """Nobody can say where it has led, and it is no reason for a page of an error."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")
    token = link.rpartition("/")[2].partition(".")[0]
    key = CartKey(f"@link:{token}", "default")

    with shop.app.app_context():
        storage = shop.extension.storage
        kept = storage.load(key)
        assert kept is not None
        storage.save(key.owner, {"default": Change.on(kept.version, "{")})

    assert shop.app.test_client().get(link).status_code == 404


def test_a_link_says_nothing(shop: Storefront) -> None:
    """Neither its address nor its page has the owner or the token of a guest in it."""
    client = shop.app.test_client()
    fill(client)
    owner = owner_of(client)
    link = link_to(shop, owner)
    page = shop.app.test_client().get(link)
    token = owner.removeprefix("guest:")

    assert re.fullmatch(r"/cart/links/[\w-]{22}\.[\w-]{43}", link)
    assert token not in link
    assert token not in page.text
    assert token not in str(page.headers)
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["X-Robots-Tag"] == "noindex"


def test_no_other_site_takes_a_cart_over(shop: Storefront) -> None:
    """A page elsewhere cannot put something into the cart of who looks at it; and
    nobody learns the link from the page that says so."""
    fill_cart(shop, "guest:1")
    client = shop.app.test_client()
    link = link_to(shop, "guest:1")
    answer = client.post(link, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert lines_of(client) == {}


def test_what_cannot_be_merged_is_said(shop: Storefront) -> None:
    """The link is as good as before: both carts are as they were."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")
    client = shop.app.test_client()
    client.post("/cart/lines", json={"item": "pot"})

    with shop.app.app_context():
        mine = shop.extension.cart(owner=owner_of(client))
        mine.change_currency("USD", prices={line_of("pot"): 45})

    answer = client.post(link, follow_redirects=True)

    assert answer.status_code == 200
    assert "Your cart cannot take that." in answer.text
    assert lines_of(client) == {"pot": 1}

    client.post("/cart/clear")

    assert client.post(link).location == "/cart/"


def test_a_veto_is_said(shop: Storefront) -> None:
    """In its own words, and another error is raised as ever."""
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")
    client = shop.app.test_client()
    error: Exception = CartVetoError("Not on Sundays.")

    def refuse(app: Flask, **extra: t.Any) -> None:
        raise error

    with before_change.connected_to(refuse, shop.app):
        assert "Not on Sundays." in client.post(link, follow_redirects=True).text

        error = ValueError("A bug.")
        assert client.post(link).status_code == 500

    assert client.post(link).location == "/cart/"


def test_a_storage_that_fails_is_not_hidden(
    shop: Storefront, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app's own page for it is shown, and nothing is taken over."""
    from flask_cart import CartStorageError

    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")

    def fail(self: Cart, other: Cart) -> None:
        raise CartStorageError("It is down.")

    client = shop.app.test_client()

    with monkeypatch.context() as patch:
        patch.setattr(Cart, "merge", fail)
        assert client.post(link).status_code == 503

    assert client.post(link).location == "/cart/"


def test_a_link_stays_in_its_shop(tmp_path: Path) -> None:
    """Of two that share an app, the other knows of none."""
    tenant = "acme"

    with open_storefront("memory", folder=tmp_path) as shop:
        shop.extension.tenant_loader(lambda: tenant)

        with shop.app.test_request_context():
            cart = shop.extension.cart(owner="guest:1")
            cart.add("mug", price=5, options={"size": "L"})
            link = shop.extension.link(cart, purpose="handoff")

        client = shop.app.test_client()
        tenant = "other"
        assert client.post(link).status_code == 404

        tenant = "acme"
        assert client.post(link).location == "/cart/"
        assert lines_of(client) == {"mug": 1}


@pytest.mark.parametrize(
    ("purpose", "expires", "message"),
    [
        ("gift", dt.timedelta(days=1), "one of handoff, recover, device, login, share"),
        (None, dt.timedelta(days=1), "one of handoff"),
        ("share", dt.timedelta(), "timedelta of more than nothing"),
        ("share", dt.timedelta(days=-1), "timedelta of more than nothing"),
        ("share", 30, "timedelta of more than nothing"),
        ("share", None, "timedelta of more than nothing"),
    ],
)
def test_what_can_be_no_link_is_refused(
    shop: Storefront, purpose: t.Any, expires: t.Any, message: str
) -> None:
    """With what there can be."""
    fill_cart(shop, "guest:1")

    with pytest.raises(CartConfigError, match=message):
        link_to(shop, "guest:1", purpose, expires=expires)


def test_an_empty_cart_has_no_link(shop: Storefront) -> None:
    """Nor has that of a guest who has none."""
    with pytest.raises(CartEmptyError):
        link_to(shop, "guest:1")

    with shop.app.test_request_context(), pytest.raises(CartEmptyError):
        shop.extension.link(current_cart, purpose="share")


@pytest.fixture
def pageless() -> list[Storefront]:
    """Apps without the pages of links."""
    json_only = make_app(CART_STORAGE="memory", CART_JSON_ONLY=True)
    without = make_app(CART_STORAGE="memory")
    return [make_storefront(json_only), Storefront(without, FlaskCart(without))]


def test_a_link_needs_its_page(pageless: list[Storefront]) -> None:
    """An app without it is told so."""
    for shop in pageless:
        with shop.app.app_context():
            shop.extension.cart(owner="guest:1").add("mug", price=5)

        with pytest.raises(CartConfigError, match="Register that"):
            link_to(shop, "guest:1")


def test_a_cart_in_a_cookie_has_no_link(tmp_path: Path) -> None:
    """Nobody else could find it."""
    with (
        open_storefront("session", folder=tmp_path) as shop,
        shop.app.test_request_context(),
    ):
        current_cart.add("mug", price=5)

        with pytest.raises(CartConfigError, match="found by its token alone"):
            shop.extension.link(current_cart, purpose="handoff")


def test_pruning_forgets_links_that_are_over(shop: Storefront) -> None:
    """Those that are good, and those that cannot be read, stay."""
    fill_cart(shop, "guest:1")
    now = dt.datetime.now(dt.UTC)
    shop.extension.clock = lambda: now
    short = link_to(shop, "guest:1", expires=dt.timedelta(hours=1))
    long = link_to(shop, "guest:1", expires=dt.timedelta(hours=3))
    now += dt.timedelta(hours=2)
    damaged = CartKey("@link:damaged", "default")

    with shop.app.app_context():
        shop.extension.storage.save(damaged.owner, {"default": Change.on(0, "{")})

    shop.app.test_cli_runner().invoke(args=["cart", "prune", "--yes"])
    client = shop.app.test_client()

    assert client.get(short).status_code == 404
    assert client.get(long).status_code == 200

    with shop.app.app_context():
        links = links_in(shop.app.extensions["cart"].services.repository)
        assert shop.extension.storage.load(damaged) is not None
        assert links.find(short.rpartition("/")[2].partition(".")[0]) is None


@pytest.fixture(params=["database", "cache"])
def lasting_shop(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Storefront]:
    """A shop on each kind of storage that finds carts by their keys."""
    url = ""

    if request.param == "cache":
        url = request.getfixturevalue("valkey_server").url

    with open_storefront(request.param, folder=tmp_path, redis_url=url) as shop:
        yield shop


@pytest.mark.parametrize("purpose", ["handoff", "share"])
def test_links_on_every_storage(lasting_shop: Storefront, purpose: str) -> None:
    """Where carts are found by their keys, a link leads to them."""
    shop = lasting_shop
    fill_cart(shop, "guest:1")
    client = shop.app.test_client()
    link = link_to(shop, "guest:1", purpose)

    for _ in range(2):
        assert client.post(link).location == "/cart/"

    assert lines_of(client) == {"mug": 3, "pot": 1}


def test_many_at_once(lasting_shop: Storefront) -> None:
    """Of eight who open a link at the same moment, one has the cart."""
    shop = lasting_shop
    fill_cart(shop, "guest:1")
    link = link_to(shop, "guest:1")
    clients = [shop.app.test_client() for _ in range(8)]

    def take(client: FlaskClient) -> int:
        status = 503

        while status == 503:
            # On a busy machine, a shopper tries again.
            status = client.post(link).status_code

        return status

    with ThreadPoolExecutor(len(clients)) as pool:
        statuses = list(pool.map(take, clients))

    carts = [lines_of(client) for client in clients]

    assert statuses.count(303) == 1
    assert set(statuses) <= {303, 404, 410}
    assert carts[statuses.index(303)] == {"mug": 3, "pot": 1}
    assert sum(map(bool, carts)) == 1
