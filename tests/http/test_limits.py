"""Rate limits, counted by the app's Flask-Limiter."""

from __future__ import annotations

from threading import Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from flask_cart import CartConfigError
from flask_cart import FlaskCart
from tests.support.apps import make_app
from tests.support.storefronts import JSON
from tests.support.storefronts import make_storefront


def shop_with_limits(*, limiter_first: bool = False, **config: object) -> FlaskClient:
    """A shopper in a shop that has a Flask-Limiter."""
    app = make_app(
        CART_STORAGE="memory",
        CART_INSTANCES=["wishlist"],
        RATELIMIT_STORAGE_URI="memory://",
        **config,
    )
    limiter = Limiter(get_remote_address)

    if limiter_first:
        limiter.init_app(app)
        make_storefront(app)
    else:
        make_storefront(app)
        limiter.init_app(app)

    return app.test_client()


def guess(client: FlaskClient, times: int, path: str = "/cart/coupons") -> list[int]:
    """The statuses of the answers to many tries of a code."""
    return [
        client.post(path, json={"code": f"TRY{number}"}).status_code
        for number in range(times)
    ]


class TestCoupons:
    @pytest.mark.parametrize("limiter_first", [True, False])
    def test_are_limited(self, limiter_first: bool) -> None:
        """Codes can be guessed ten times a minute, whichever extension comes first."""
        client = shop_with_limits(limiter_first=limiter_first)

        assert guess(client, 12) == [422] * 10 + [429] * 2

    def test_are_limited_in_all_carts_together(self) -> None:
        """Another cart gives nobody more tries."""
        client = shop_with_limits()

        assert guess(client, 10) == [422] * 10
        assert guess(client, 1, "/cart/wishlist/coupons") == [429]

    def test_are_limited_by_client(self) -> None:
        """The tries of one client are not counted for another, as the limiter says."""
        client = shop_with_limits()
        guess(client, 11)
        other = {"REMOTE_ADDR": "192.0.2.1"}
        answer = client.post(
            "/cart/coupons", json={"code": "TEN"}, environ_overrides=other
        )

        assert answer.status_code == 200
        assert guess(client, 1) == [429]

    def test_are_not_limited_without_an_extension(self) -> None:
        """An app without Flask-Limiter has no limits."""
        app = make_app(CART_STORAGE="memory")
        make_storefront(app)

        assert guess(app.test_client(), 12) == [422] * 12

    def test_are_not_limited_if_the_extension_is_off(self) -> None:
        """What Flask-Limiter is told by its own settings holds."""
        client = shop_with_limits(RATELIMIT_ENABLED=False)

        assert guess(client, 12) == [422] * 12

    def test_are_not_limited_if_the_setting_is_empty(self) -> None:
        """An app can do without."""
        assert guess(shop_with_limits(CART_RATE_LIMITS={}), 12) == [422] * 12

    def test_from_another_site_are_not_counted(self) -> None:
        """Another site cannot use a shopper's tries up."""
        client = shop_with_limits()
        headers = {"Sec-Fetch-Site": "cross-site"}

        for _ in range(12):
            client.post("/cart/coupons", json={"code": "X"}, headers=headers)

        assert guess(client, 1) == [422]


class TestAnswer:
    def test_in_json(self) -> None:
        """A program is told in a problem document when to come back."""
        client = shop_with_limits(CART_RATE_LIMITS={"add_coupon": "1 per minute"})
        guess(client, 1)
        answer = client.post("/cart/coupons", json={"code": "TEN"})

        assert answer.status_code == 429
        assert answer.mimetype == "application/problem+json"
        assert answer.json is not None
        assert answer.json["code"] == "too-many-requests"
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert client.get("/cart/", headers=JSON).json["coupons"] == []

    @pytest.mark.parametrize("headers", [False, True])
    def test_on_a_page(self, headers: bool) -> None:
        """A browser gets the app's own page, and is told once when to come back."""
        client = shop_with_limits(
            CART_RATE_LIMITS={"add_coupon": "1 per minute"},
            RATELIMIT_HEADERS_ENABLED=headers,
        )
        client.application.register_error_handler(
            429, lambda error: (f"<p>{error.description}", 429, error.get_headers())
        )
        guess(client, 1)
        answer = client.post("/cart/coupons", data={"code": "TEN"})

        assert answer.status_code == 429
        assert answer.text == "<p>That was too often. Please wait a moment."
        assert [1 <= int(each) <= 61 for each in answer.headers.getlist("Retry-After")]
        assert len(answer.headers.getlist("Retry-After")) == 1

    def test_names_the_longest_wait(self) -> None:
        """Of several limits that are reached, the last one to end counts."""
        client = shop_with_limits(
            CART_RATE_LIMITS={"add_coupon": "1 per minute; 1 per hour"},
            RATELIMIT_FAIL_ON_FIRST_BREACH=False,
        )
        guess(client, 1)
        answer = client.post("/cart/coupons", json={"code": "TEN"})

        assert 61 < int(answer.headers["Retry-After"]) <= 3601


class TestRoutes:
    def test_have_limits_of_their_own(self) -> None:
        """Any route can have a limit, and none is counted for another."""
        client = shop_with_limits(
            CART_RATE_LIMITS={"show": "2 per minute", "add": "1 per minute"}
        )
        added = [
            client.post("/cart/lines", json={"item": item}).status_code
            for item in ("pot", "rare")
        ]
        shown = [client.get("/cart/", headers=JSON).status_code for _ in range(3)]

        assert added == [200, 429]
        assert shown == [200, 200, 429]

    def test_are_not_mixed_up_by_two_requests_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever comes in between with another limit leaves a client its own."""
        client = shop_with_limits(
            CART_RATE_LIMITS={"add_coupon": "1 per minute", "show": "9 per minute"}
        )
        guess(client, 1)
        (limiter,) = client.application.extensions["limiter"]
        add_limit = limiter.limit_manager.add_decorated_limit
        others = [Thread(target=client.application.test_client().get, args=["/cart/"])]

        def add_and_wait(*args: object, **kwargs: object) -> None:
            add_limit(*args, **kwargs)

            for other in [others.pop()] if others else []:
                other.start()
                other.join()

        monkeypatch.setattr(limiter.limit_manager, "add_decorated_limit", add_and_wait)

        assert guess(client, 1) == [429]
        assert not others

    def test_keep_the_limits_of_the_app(self) -> None:
        """What has no limit here has the limits that the app has for everything."""
        client = shop_with_limits(RATELIMIT_DEFAULT="2 per minute")
        shown = [client.get("/cart/", headers=JSON).status_code for _ in range(3)]

        assert shown == [200, 200, 429]

    def test_of_apps_that_share_a_limiter(self) -> None:
        """Each app has the limits that it is configured with."""
        limiter = Limiter(get_remote_address, storage_uri="memory://")
        clients = []

        for times in (1, 2):
            config = {"CART_RATE_LIMITS": {"add_coupon": f"{times} per minute"}}
            app = make_app(CART_STORAGE="memory", **config)
            make_storefront(app)
            limiter.init_app(app)
            clients.append(app.test_client())

        assert [guess(client, 3) for client in clients] == [
            [422, 429, 429],
            [422, 422, 429],
        ]


class TestSetting:
    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            ({"add_cupon": "1 per minute"}, "no route. Did you mean 'add_coupon'"),
            ({"add_coupon": "often"}, "'often' for 'add_coupon'"),
            ({"add_coupon": ""}, "'' for 'add_coupon'"),
            ({"add_coupon": 3}, "CART_RATE_LIMITS"),
        ],
    )
    def test_is_checked(self, limits: object, message: str) -> None:
        """A limit that would never be reached is a mistake."""
        app = make_app(CART_STORAGE="memory", CART_RATE_LIMITS=limits)

        with pytest.raises(CartConfigError, match=message):
            FlaskCart(app)

    def test_is_not_read_without_flask_limiter(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where Flask-Limiter is not installed, there is nothing to read limits."""
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        app = Flask("shop")
        app.config.from_mapping(
            CART_STORAGE="memory", CART_RATE_LIMITS={"add_coupon": "often"}
        )
        FlaskCart(app)

        assert "cart" in app.extensions
