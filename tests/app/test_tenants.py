"""Several shops in one app: the same browser, the same session, other carts."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask import request
from flask.testing import FlaskClient
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_login import logout_user

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.storage.memory import MemoryStorage
from tests.support.apps import make_app
from tests.support.guests import owner_of
from tests.support.session_shops import SESSIONS
from tests.support.session_shops import Config
from tests.support.session_shops import open_shop

#: Flask's own sessions, without the warning that carts in them are for tests.
COOKIE: Config = {"TESTING": True}


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


class Browser:
    """A browser that visits several shops with the same cookies."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def add(self, tenant: str | None, item: str, path: str = "/cart/add") -> None:
        assert self._open("POST", f"{path}/{item}", tenant).status_code == 200

    def cart(self, tenant: str | None) -> dict[str, int]:
        content: dict[str, int] = self._open("GET", "/cart", tenant).json

        return content

    def login(self, tenant: str | None, **query: str) -> None:
        self._open("POST", "/login/7", tenant, query_string=query)

    def logout(self) -> None:
        self._open("POST", "/logout", None)

    def merge(self, tenant: str | None) -> None:
        self._open("POST", "/merge", tenant)

    def _open(
        self, method: str, path: str, tenant: str | None, **options: t.Any
    ) -> t.Any:
        headers = {"Shop": tenant} if tenant is not None else {}

        return self.client.open(path, method=method, headers=headers, **options)


def load_tenant() -> str | None:
    return request.headers.get("Shop")


@pytest.fixture(params=["cookie", *SESSIONS])
def browser(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Browser]:
    """A browser, in an app with sessions of every kind, and carts beside them."""
    if request.param == "cookie":
        with open_shop(COOKIE) as shop:
            shop.extension.tenant_loader(load_tenant)
            yield Browser(shop.browser())

        return

    with (
        SESSIONS[request.param](request, tmp_path) as config,
        open_shop(config) as shop,
    ):
        shop.extension.tenant_loader(load_tenant)
        yield Browser(shop.browser())


def make_shop(storage: MemoryStorage | None = None, **config: t.Any) -> Flask:
    """An app with logins and tenants."""
    app = make_app(CART_STORAGE=storage or MemoryStorage(), **config)
    login_manager = LoginManager(app)
    login_manager.user_loader(User)
    extension = FlaskCart(app)
    extension.tenant_loader(load_tenant)

    @app.post("/login/<user_id>")
    def login(user_id: str) -> str:
        login_user(User(user_id), remember="remember" in request.args)
        return ""

    @app.post("/logout")
    def logout() -> str:
        logout_user()
        return ""

    @app.post("/merge")
    def merge() -> str:
        extension.merge_guest_carts()
        return ""

    @app.post("/cart/add/<item>")
    def add(item: str) -> str:
        current_cart.add(item, price=1)
        return ""

    @app.post("/wishlist/add/<item>")
    def wish(item: str) -> str:
        current_cart.instance("wishlist").add(item, price=1)
        return ""

    @app.get("/cart")
    def show() -> dict[str, int]:
        return _content(current_cart)

    return app


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def app(storage: MemoryStorage) -> Flask:
    return make_shop(storage)


@pytest.fixture
def extension(app: Flask) -> FlaskCart:
    extension: FlaskCart = app.extensions["cart"].extension

    return extension


@pytest.fixture
def shopper(app: Flask) -> Browser:
    return Browser(app.test_client())


class TestGuests:
    def test_carts_never_mix(self, browser: Browser) -> None:
        """One browser with one session has a cart of its own in every shop."""
        browser.add("acme", "mug")
        browser.add("globex", "pot")
        browser.add(None, "tea")
        browser.add("acme", "mug")

        assert browser.cart("acme") == {"mug": 2}
        assert browser.cart("globex") == {"pot": 1}
        assert browser.cart(None) == {"tea": 1}
        assert browser.cart("initech") == {}

    def test_nobody_clears_the_cart_of_another_shop(self, browser: Browser) -> None:
        """What is done to the cart in one shop is not done in another."""
        browser.add("acme", "mug")
        browser.add("globex", "pot")
        browser._open("POST", "/cart/clear", "acme")

        assert browser.cart("acme") == {}
        assert browser.cart("globex") == {"pot": 1}

    def test_names_that_resemble_each_other(self, shopper: Browser) -> None:
        """No shop has the carts of one whose name begins like its own."""
        names = ["a", "a.b", "a-b", "a.", "guest", "user", "0", "00"]

        for name in names:
            shopper.add(name, name)

        assert [shopper.cart(name) for name in names] == [{name: 1} for name in names]

    def test_token_is_shared(self, shopper: Browser, storage: MemoryStorage) -> None:
        """A browser has one token, and the tenants keep its carts apart."""
        shopper.add("acme", "mug")
        shopper.add("globex", "pot")

        guest = owner_of(shopper.client)
        assert storage.instances(f"acme/{guest}") == ["default"]
        assert storage.instances(f"globex/{guest}") == ["default"]
        assert storage.instances(guest) == []

    def test_two_new_guests_in_one_request(self, app: Flask) -> None:
        """A request that moves on to another shop takes nothing along."""
        shop: list[str | None] = ["acme"]
        app.extensions["cart"].extension.tenant_loader(lambda: shop[0])

        with app.test_request_context():
            acme = current_cart._get_current_object()
            wishes = current_cart.instance("wishlist")
            shop[0] = "globex"
            globex = current_cart._get_current_object()
            globex.add("pot", price=1)
            acme.add("mug", price=1)
            wishes.add("tea", price=1)

            assert _content(current_cart) == {"pot": 1}
            assert current_cart._get_current_object() is globex
            assert current_cart.tenant == "globex"
            assert _content(acme) == {"mug": 1}

            shop[0] = "acme"
            assert current_cart._get_current_object() is acme
            assert current_cart.instance("wishlist") is wishes

    def test_siblings_stay_in_the_shop(self, app: Flask) -> None:
        """Another cart of the same owner is one of the same shop, even later on."""
        shop: list[str | None] = ["acme"]
        app.extensions["cart"].extension.tenant_loader(lambda: shop[0])

        with app.test_request_context():
            acme = current_cart._get_current_object()
            shop[0] = "globex"

            assert acme.instance("wishlist").tenant == "acme"
            assert current_cart.instance("wishlist").tenant == "globex"


class TestLogins:
    def test_login_merges_one_shop(self, shopper: Browser) -> None:
        """A login merges the guest's carts of its shop, and leaves those of others."""
        for tenant in ("acme", "globex", None):
            shopper.add(tenant, f"of-{tenant}")

        shopper.login("acme")

        assert shopper.cart("acme") == {"of-acme": 1}
        assert shopper.cart("globex") == {}
        assert shopper.cart(None) == {}

        shopper.logout()
        assert shopper.cart("acme") == {}
        assert shopper.cart("globex") == {"of-globex": 1}
        assert shopper.cart(None) == {"of-None": 1}

    def test_all_instances_of_one_shop(
        self, shopper: Browser, storage: MemoryStorage
    ) -> None:
        """The wishlist of the shop moves along, and that of another does not."""
        shopper.add("acme", "mug", "/wishlist/add")
        shopper.add("globex", "pot", "/wishlist/add")
        shopper.login("acme")

        assert storage.instances("acme/user:7") == ["wishlist"]
        assert storage.instances("globex/user:7") == []
        assert storage.instances("user:7") == []

    def test_user_has_a_cart_in_every_shop(self, shopper: Browser) -> None:
        """A user who is logged in has other things in another shop."""
        shopper.login("acme")
        shopper.add("acme", "mug")
        shopper.add("globex", "pot")

        assert shopper.cart("acme") == {"mug": 1}
        assert shopper.cart("globex") == {"pot": 1}

    def test_merging_by_hand(self, shopper: Browser) -> None:
        """Where the login was in another shop, the app can merge this one's carts."""
        shopper.add("acme", "mug")
        shopper.add("globex", "pot")
        shopper.login("acme")
        shopper.merge("globex")

        assert shopper.cart("acme") == {"mug": 1}
        assert shopper.cart("globex") == {"pot": 1}

    def test_remembered_user(self, shopper: Browser) -> None:
        """A user who is remembered in one shop gets the guest's cart of this one."""
        shopper.login("acme", remember="1")
        remembered = shopper.client.get_cookie("remember_token")
        assert remembered is not None
        shopper.client.delete_cookie("session")
        shopper.client.delete_cookie("remember_token")
        shopper.add("acme", "mug")
        shopper.add("globex", "pot")
        shopper.client.set_cookie("remember_token", remembered.value)

        assert shopper.cart("globex") == {"pot": 1}
        assert shopper.cart("acme") == {}

    def test_loader_that_fails(
        self, app: Flask, shopper: Browser, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A login works although nobody can say which shop it is in."""
        shopper.add("acme", "mug")
        extension = app.extensions["cart"].extension
        extension.tenant_loader(lambda: {}["shop"])

        assert shopper._open("POST", "/login/7", "acme").status_code == 200
        assert "not merged" in caplog.text

        extension.tenant_loader(load_tenant)
        shopper.logout()
        assert shopper.cart("acme") == {"mug": 1}


class TestAnyCart:
    def test_said(self, app: Flask, extension: FlaskCart) -> None:
        """Outside a request, a job says which shop it means."""
        with app.app_context():
            cart = extension.cart(owner="user:7", tenant="acme")
            wishes = cart.instance("wishlist")

        assert cart.key == ("acme/user:7", "default")
        assert (cart.tenant, wishes.key) == ("acme", ("acme/user:7", "wishlist"))

    def test_not_said(self, app: Flask, extension: FlaskCart) -> None:
        """Outside a request, nothing said is the shop without a tenant."""
        with app.app_context():
            assert _owner(extension.cart(owner="user:7")) == "user:7"
            assert _owner(extension.cart(owner="user:7", tenant=None)) == "user:7"

    @pytest.mark.parametrize("tenant", ["acme", None])
    def test_request(
        self, app: Flask, extension: FlaskCart, tenant: str | None
    ) -> None:
        """In a request, nothing said is the request's own shop."""
        headers = {"Shop": tenant} if tenant else {}

        with app.test_request_context(headers=headers):
            assert extension.cart(owner="user:7").tenant == tenant
            assert extension.cart(owner="user:7", tenant="globex").tenant == "globex"
            assert extension.cart(owner="user:7", tenant=None).tenant is None

    def test_app_without_loader(self) -> None:
        """An app without a loader has no tenants, unless they are said."""
        app = make_app(CART_STORAGE="memory")
        extension = FlaskCart(app)

        with app.test_request_context(headers={"Shop": "acme"}):
            current_cart.add("mug", price=1)

            assert current_cart.tenant is None
            assert _owner(extension.cart(owner="user:7")) == "user:7"
            assert extension.cart(owner="user:7", tenant="acme").tenant == "acme"

    def test_owner_of_a_key(self, app: Flask, extension: FlaskCart) -> None:
        """What a key or an event says leads back to its cart."""
        owner = "acme/user:7"

        with app.app_context():
            assert _owner(extension.cart(owner=owner)) == owner
            assert _owner(extension.cart(owner=owner, tenant="acme")) == owner

        with app.test_request_context(headers={"Shop": "acme"}):
            assert _owner(extension.cart(owner=owner)) == owner

    @pytest.mark.parametrize("shop", ["globex", None])
    def test_owner_of_another_shop(
        self, app: Flask, extension: FlaskCart, shop: str | None
    ) -> None:
        """In the request of one shop, no owner leads into another one."""
        headers = {"Shop": shop} if shop else {}

        with (
            app.test_request_context(headers=headers),
            pytest.raises(CartConfigError, match="names a tenant"),
        ):
            extension.cart(owner="acme/user:7")

    @pytest.mark.parametrize(("owner", "tenant"), [(7, "acme"), (7, ...), (None, ...)])
    def test_bad_owner(
        self, app: Flask, extension: FlaskCart, owner: t.Any, tenant: t.Any
    ) -> None:
        """What is no owner is none in a tenant, either."""
        with app.app_context(), pytest.raises(CartConfigError, match="An owner"):
            extension.cart(owner=owner, tenant=tenant)


class TestTwoCarts:
    """What is done with two carts stays in one shop."""

    @pytest.mark.parametrize("other", ["globex", None])
    def test_merge(self, app: Flask, extension: FlaskCart, other: str | None) -> None:
        """A cart of another shop is not merged, and stays as it is."""
        with app.app_context():
            source = extension.cart(owner="guest:x", tenant=other)
            target = extension.cart(owner="user:7", tenant="acme")
            source.add("mug", price=1)

            with pytest.raises(CartConfigError, match="cannot be merged"):
                target.merge(source)

            assert _stored(extension, "guest:x", other) == {"mug": 1}
            assert _stored(extension, "user:7", "acme") == {}

    def test_swap(self, app: Flask, extension: FlaskCart) -> None:
        """A cart is given to an owner of its own shop."""
        with app.app_context():
            cart = extension.cart(owner="user:7", tenant="acme")
            cart.add("mug", price=1)
            given = cart.transfer("company:1")
            given.instance("wishlist").add("pot", price=1)
            extension.transfer("company:1", "company:2", tenant="acme")

            assert given.key == ("acme/company:1", "default")
            assert _stored(extension, "company:2", "acme") == {"mug": 1}
            assert extension.storage.instances("acme/company:2") == [
                "default",
                "wishlist",
            ]
            assert extension.storage.instances("company:2") == []

            with pytest.raises(CartConfigError, match="names a tenant"):
                extension.cart(owner="company:2", tenant="acme").transfer(
                    "globex/user:7"
                )

    def test_move(self, app: Flask, extension: FlaskCart) -> None:
        """A line moves to the wishlist of its own shop."""
        with app.test_request_context(headers={"Shop": "globex"}):
            cart = extension.cart(owner="user:7", tenant="acme")
            cart.move(cart.add("mug", price=1).id, to="wishlist")

            assert extension.storage.instances("acme/user:7") == ["default", "wishlist"]
            assert extension.storage.instances("globex/user:7") == []

    def test_taken_out(self, app: Flask, extension: FlaskCart) -> None:
        """What came with a login in one shop is taken out in this one only."""
        with app.test_request_context(headers={"Shop": "acme"}):
            current_cart.add("mug", price=1)
            login_user(User("7"))
            assert _content(current_cart) == {"mug": 1}

            came = extension.merge_report.quantities

            for shop in ("acme", "globex"):
                extension.cart(owner="user:7", tenant=shop).add("mug", price=1)

            extension.take_out(came)
            assert _stored(extension, "user:7", "acme") == {"mug": 1}
            assert _stored(extension, "user:7", "globex") == {"mug": 1}


class TestOwnerLoader:
    def test_owner_in_a_shop(self, app: Flask, extension: FlaskCart) -> None:
        """An owner of the app's own has a cart in every shop."""
        extension.owner_loader(lambda: "company:12/7")

        with app.test_request_context(headers={"Shop": "acme"}):
            assert _owner(current_cart) == "acme/company:12/7"

    def test_owner_with_a_shop(self, app: Flask, extension: FlaskCart) -> None:
        """An owner_loader cannot choose the shop."""
        extension.owner_loader(lambda: "globex/company:12")

        with (
            app.test_request_context(headers={"Shop": "acme"}),
            pytest.raises(CartConfigError, match="names a tenant"),
        ):
            len(current_cart)

    def test_too_long(self, app: Flask, extension: FlaskCart) -> None:
        """An owner who fits only without the tenant is refused when it is touched."""
        extension.owner_loader(lambda: "company:" + "x" * 247)

        with app.test_request_context():
            assert len(current_cart) == 0

        with (
            app.test_request_context(headers={"Shop": "acme"}),
            pytest.raises(CartConfigError, match="255 characters together"),
        ):
            len(current_cart)

    @pytest.mark.parametrize("tenant", ["", "Acme", "a/b", "acme/user:7"])
    def test_bad_tenant(self, app: Flask, tenant: str) -> None:
        """A shop that there cannot be is an error, and not the shop without one."""
        with (
            app.test_request_context(headers={"Shop": tenant}),
            pytest.raises(CartConfigError, match="A tenant"),
        ):
            len(current_cart)


def test_events(app: Flask, shopper: Browser) -> None:
    """All that is announced says in which shop it happened."""
    heard: list[tuple[str, str | None, str | None]] = []

    def hear(app: Flask, event: t.Any, **extra: object) -> None:
        heard.append((event.name, event.tenant, event.to_dict()["tenant"]))

    shopper.add("acme", "mug")
    connected = [
        signals.before_change,
        signals.item_added,
        signals.cart_merged,
        signals.cart_destroyed,
        signals.cart_updated,
    ]

    for each in connected:
        each.connect(hear, app)

    shopper.login("acme")

    for each in connected:
        each.disconnect(hear, app)

    assert {name for name, _, _ in heard} == {each.name for each in connected}
    assert {each[1:] for each in heard} == {("acme", "acme")}


def _content(cart: Cart) -> dict[str, int]:
    return {line.item_id: line.quantity for line in cart}


def _stored(extension: FlaskCart, owner: str, tenant: str | None) -> dict[str, int]:
    return _content(extension.cart(owner=owner, tenant=tenant))


def _owner(cart: Cart) -> str:
    assert cart.key is not None

    return cart.key.owner
