"""Shoppers whom a token of Flask-JWT-Extended names, or Flask-Principal."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
from flask import Flask
from flask import g
from flask import session
from flask.testing import FlaskClient
from flask_jwt_extended import JWTManager
from flask_jwt_extended import create_access_token
from flask_jwt_extended import get_csrf_token
from flask_jwt_extended import get_jwt_identity
from flask_jwt_extended import jwt_required
from flask_jwt_extended import set_access_cookies
from flask_jwt_extended import verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException
from flask_principal import AnonymousIdentity
from flask_principal import Identity
from flask_principal import Principal
from flask_principal import identity_changed
from jwt import PyJWTError
from jwt import encode
from werkzeug.test import TestResponse

from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart.http.answers import REPLAYED
from tests.support.apps import make_app
from tests.support.guests import COOKIE
from tests.support.shelf import Product

SECRET: t.Final = "a secret of tokens, of more than 32 bytes"
MUG: t.Final = {"item": "mug"}
JSON: t.Final = {"Accept": "application/json"}


def make_shop(**config: object) -> tuple[Flask, FlaskCart]:
    """An app with a cart and its addresses, which knows nobody."""
    app = make_app(CART_STORAGE="memory", JWT_SECRET_KEY=SECRET, **config)
    cart_ext = FlaskCart(app)
    app.register_blueprint(cart_ext.blueprint, url_prefix="/cart")
    cart_ext.product_loader(lambda ids: [Product(each, 1) for each in ids])

    return app, cart_ext


@pytest.fixture
def shop() -> Flask:
    """A shop whose users come with tokens, as the documentation has it."""
    app, cart_ext = make_shop()
    JWTManager(app)

    @cart_ext.owner_loader
    def load_owner() -> str | None:
        if "user" not in g:
            verify_jwt_in_request(optional=True)
            g.user = get_jwt_identity()

        return f"user:{g.user}" if g.user is not None else None

    @app.post("/login/<user>")
    def login(user: str) -> dict[str, str]:
        g.user = user
        cart_ext.merge_guest_carts()

        return {"token": create_access_token(identity=user)}

    @app.post("/refresh")
    @jwt_required()
    def refresh() -> dict[str, str]:
        return {"token": create_access_token(identity=get_jwt_identity())}

    return app


def log_in(client: FlaskClient, user: str = "7") -> dict[str, str]:
    """The header that a client sends from then on."""
    answer = client.post(f"/login/{user}")

    return bearing(answer.json["token"])


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def token_of(
    user: str | None = "7", secret: str = SECRET, age: float = 0, **more: t.Any
) -> str:
    """A token that was made so many hours ago, and was good for one."""
    made = dt.datetime.now(dt.UTC) - dt.timedelta(hours=age)
    end = made + dt.timedelta(hours=1)
    claims = {"jti": "x", "type": "access", "fresh": False, "iat": made, "nbf": made}

    return encode(claims | {"sub": user, "exp": end} | more, secret)


def add(client: FlaskClient, **headers: str) -> TestResponse:
    return client.post("/cart/lines", json=MUG, headers=JSON | headers)


def mugs(client: FlaskClient, **headers: str) -> int:
    return t.cast(int, client.get("/cart/", headers=JSON | headers).json["quantity"])


def stored(app: Flask) -> dict[str, int]:
    """How many there are in each cart, by its owner; guests are all called so."""
    extension: FlaskCart = app.extensions["cart"].extension
    found: dict[str, int] = {}

    with app.app_context():
        for key, *_ in extension.storage.scan():
            kind = "guest" if key.owner.startswith("guest:") else key.owner

            if key.is_cart:
                found[kind] = extension.cart(owner=key.owner).quantity

    return found


class TestToken:
    def test_is_of_the_user(self, shop: Flask) -> None:
        """Who has a token has one cart, with any client, and needs no cookie."""
        phone, program = shop.test_client(), shop.test_client(use_cookies=False)
        user = log_in(phone)
        assert add(phone, **user).headers.getlist("Set-Cookie") == []
        assert add(program, **user).json["quantity"] == 2

        assert stored(shop) == {"user:7": 2}

    def test_is_a_guest_without_one(self, shop: Flask) -> None:
        """Who has none is a guest, and has a cookie for that."""
        client = shop.test_client()
        add(client)

        assert mugs(client) == 1
        assert client.get_cookie(COOKIE) is not None
        assert mugs(shop.test_client()) == 0
        assert [*stored(shop)] == ["guest"]

    def test_of_another_user(self, shop: Flask) -> None:
        """Nobody sees the cart of somebody else."""
        client = shop.test_client()
        add(client, **bearing(token_of("7")))

        assert mugs(client, **bearing(token_of("8"))) == 0
        assert mugs(client, **bearing(token_of("7"))) == 1
        assert mugs(client) == 0

    def test_is_another_one(self, shop: Flask) -> None:
        """A refreshed token is of the same user, though its own id is a new one."""
        client = shop.test_client()
        user = log_in(client)
        add(client, **user)
        token = client.post("/refresh", headers=user).json["token"]

        assert bearing(token) != user
        assert add(client, **bearing(token)).json["quantity"] == 2

    @pytest.mark.parametrize(
        ("token", "status"),
        [
            (token_of(age=2), 401),
            (token_of(secret="another secret, of more than 32 bytes"), 422),
            (token_of(age=-0.5), 422),
            (token_of(type="refresh"), 422),
            (token_of(sub=7), 422),
            (token_of()[:-1], 422),
            ("a.b.c", 422),
            ("none", 422),
        ],
        ids=["old", "forged", "early", "refresh", "number", "cut", "junk", "word"],
    )
    def test_that_is_not_good(self, shop: Flask, token: str, status: int) -> None:
        """It is refused, and not taken for a guest's: what would be added would be in a
        cart that the user does not see again. Nothing is changed."""
        client = shop.test_client()
        add(client)
        add(client, **bearing(token_of()))
        before = stored(shop)
        answers = [
            add(client, **bearing(token)),
            client.get("/cart/", headers=JSON | bearing(token)),
            client.delete("/cart/", headers=JSON | bearing(token)),
        ]

        assert [each.status_code for each in answers] == [status] * 3
        assert all("lines" not in each.json for each in answers)
        assert stored(shop) == before == {"guest": 1, "user:7": 1}

    def test_that_is_replaced(self, shop: Flask) -> None:
        """What was refused with an old token is made with a new one, once, whatever the
        client has got of the answers."""
        client = shop.test_client()
        key = {"Idempotency-Key": "one"}
        assert add(client, **bearing(token_of(age=2)), **key).status_code == 401

        answers = [add(client, **bearing(token_of()), **key) for _ in range(2)]
        assert [each.json["quantity"] for each in answers] == [1, 1]
        assert answers[1].headers[REPLAYED] == "true"

    def test_is_not_asked_for_where_there_is_no_cart(self, shop: Flask) -> None:
        """What can be done and how is told to everybody."""
        client = shop.test_client()
        old = bearing(token_of(age=2))

        assert client.get("/cart/openapi.json", headers=old).status_code == 200
        assert client.options("/cart/", headers=old).status_code == 200

    def test_that_is_a_guest_if_the_app_says_so(self) -> None:
        """An app can let who has no good token be a guest."""
        app, cart_ext = make_shop()
        JWTManager(app)

        @cart_ext.owner_loader
        def load_owner() -> str | None:
            try:
                verify_jwt_in_request()
            except (PyJWTError, JWTExtendedException):
                return None

            return f"user:{get_jwt_identity()}"

        client = app.test_client()
        add(client, **bearing(token_of()))

        for token in (token_of(age=2), "junk"):
            add(client, **bearing(token))

        assert stored(app) == {"guest": 2, "user:7": 1}

    def test_in_a_cookie(self) -> None:
        """Browsers send it by themselves, so a change also needs the token against
        forged requests that Flask-JWT-Extended gives beside it."""
        app, cart_ext = make_shop(JWT_TOKEN_LOCATION=["cookies"])
        JWTManager(app)

        @cart_ext.owner_loader
        def load_owner() -> str | None:
            verify_jwt_in_request(optional=True)
            user = get_jwt_identity()

            return f"user:{user}" if user is not None else None

        @app.post("/login")
        def login() -> t.Any:
            token = create_access_token(identity="7")
            answer = app.json.response(get_csrf_token(token))
            set_access_cookies(answer, token)

            return answer

        browser = app.test_client()
        secret = browser.post("/login").json

        assert add(browser).status_code == 401
        assert add(browser, **{"X-CSRF-TOKEN": "guessed"}).status_code == 401
        assert mugs(browser) == 0
        assert add(browser, **{"X-CSRF-TOKEN": secret}).json["quantity"] == 1
        assert stored(app) == {"user:7": 1}


class TestLoginWithToken:
    def test_takes_the_cart_along(self, shop: Flask) -> None:
        """What a guest has chosen is the user's after the login."""
        client = shop.test_client()
        add(client)
        user = log_in(client)

        assert mugs(client, **user) == 1
        assert mugs(client) == 0
        assert stored(shop) == {"user:7": 1}

    def test_happens_once(self, shop: Flask) -> None:
        """A login that is sent again, or from a second device, adds nothing again."""
        client, other = shop.test_client(), shop.test_client()
        add(client)
        user = log_in(client)
        log_in(client)
        log_in(other)

        assert mugs(client, **user) == mugs(other, **user) == 1

    def test_adds_to_what_is_there(self, shop: Flask) -> None:
        """The user's cart and the guest's become one, and a key of the guest's is known
        of the user."""
        client = shop.test_client()
        add(client, **bearing(token_of()))
        key = {"Idempotency-Key": "one"}
        add(client, **key)
        user = log_in(client)

        assert mugs(client, **user) == 2
        assert add(client, **user, **key).headers[REPLAYED] == "true"
        assert mugs(client, **user) == 2

    def test_that_is_refused(self, shop: Flask) -> None:
        """Who does not come in keeps the guest's cart."""
        client = shop.test_client()
        add(client)
        assert client.post("/refresh").status_code == 401

        assert mugs(client) == 1
        assert [*stored(shop)] == ["guest"]


@pytest.fixture
def principal_shop() -> Flask:
    """A shop whose users have an identity of Flask-Principal."""
    app, cart_ext = make_shop()
    Principal(app)

    @cart_ext.owner_loader
    def load_owner() -> str | None:
        return f"user:{g.identity.id}" if g.identity.id is not None else None

    @app.post("/login/<user>")
    def login(user: str) -> dict[str, int]:
        identity_changed.send(app, identity=Identity(user))
        cart_ext.merge_guest_carts()

        return {"mugs": current_cart.quantity}

    @app.post("/logout")
    def logout() -> dict[str, int]:
        before = current_cart.quantity
        session.pop("identity.id", None)
        session.pop("identity.auth_type", None)
        identity_changed.send(app, identity=AnonymousIdentity())

        return {"before": before, "mugs": current_cart.quantity}

    return app


class TestIdentity:
    def test_is_of_the_user(self, principal_shop: Flask) -> None:
        """The guest's cart becomes the user's, in the very request of the login."""
        browser, other = principal_shop.test_client(), principal_shop.test_client()
        add(browser)
        assert browser.post("/login/7").json == {"mugs": 1}
        assert add(browser).json["quantity"] == 2

        assert other.post("/login/7").json == {"mugs": 2}
        assert other.post("/login/8").json == {"mugs": 0}
        assert stored(principal_shop) == {"user:7": 2}

    def test_is_nobodys_after_a_logout(self, principal_shop: Flask) -> None:
        """The user's cart stays with the user, and the browser has an empty one, in the
        very request of the logout."""
        browser = principal_shop.test_client()
        add(browser)
        browser.post("/login/7")

        assert browser.post("/logout").json == {"before": 1, "mugs": 0}
        assert mugs(browser) == 0
        assert add(browser).json["quantity"] == 1
        assert stored(principal_shop) == {"user:7": 1, "guest": 1}
        assert browser.post("/login/7").json == {"mugs": 2}
