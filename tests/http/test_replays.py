"""Replays: what was done with a key is answered as it was then, for a day."""

from __future__ import annotations

import datetime as dt
import os
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask import Response
from flask import session
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_cart import current_cart
from flask_cart import signals
from flask_cart.http.answers import LINE
from flask_cart.http.answers import REPLAYED
from flask_cart.http.answers import VERSION
from flask_cart.model.events import ItemAdded
from flask_cart.model.idempotency import LASTS
from flask_cart.model.idempotency import MAX_IN_COOKIE
from flask_cart.model.idempotency import USED_KEYS
from tests.support.forks import let_die
from tests.support.guests import cookies_of
from tests.support.guests import give_cookies
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show

POT: t.Final = {"item": "pot", "quantity": 2}

#: Moments at which a process may die: before the save, in the middle, and after it.
MOMENTS: t.Final = {"before": False, "inside": False, "after": True}


def send(
    client: FlaskClient,
    key: str = "one",
    path: str = "/cart/lines",
    method: str = "POST",
    body: t.Any = POT,
) -> TestResponse:
    """Send a change with a key, as a program does."""
    headers = JSON | {"Idempotency-Key": key}

    return client.open(path, method=method, json=body, headers=headers)


def told(answer: TestResponse) -> tuple[int, str | None, str | None]:
    """The status, the line, and whether it is a replay."""
    return answer.status_code, answer.headers.get(LINE), answer.headers.get(REPLAYED)


def version_of(answer: TestResponse) -> int:
    """The version that a change has left of the cart."""
    return int(answer.headers[VERSION])


def pass_time(shop: Storefront, time: dt.timedelta) -> None:
    """Let it be later in a shop."""
    now = shop.extension.clock() + time
    shop.extension.clock = lambda: now


def sell_nothing(shop: Storefront) -> None:
    """Let a shop have nothing any more of what it had."""
    shop.extension.product_loader(lambda ids: [])
    shop.extension.coupon_loader(lambda code: None)
    shop.extension.shipping_methods(lambda facts: ())


def log_in(shop: Storefront) -> None:
    """Let there be users in a shop, who take the carts of guests along."""
    shop.extension.owner_loader(lambda: session.get("user"))

    @shop.app.post("/login")
    def login() -> str:
        session["user"] = "user:7"
        shop.extension.merge_guest_carts()

        return "Welcome."


class TestAnswer:
    def test_is_marked(self, any_shop: Storefront) -> None:
        """The first answer is none, all others are replays of it, on any storage."""
        client = any_shop.app.test_client()
        fill(client)
        pot = line_of("pot")
        answers = [send(client) for _ in range(3)]
        is_cookie = any_shop.app.config["CART_STORAGE"] == "session"
        # A cookie has no room for the line.
        again = (200, None if is_cookie else pot, "true")

        assert [told(each) for each in answers] == [(200, pot, None), again, again]
        assert answers[0].data == answers[1].data == answers[2].data
        assert show(client)["quantity"] == 5

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "/cart/lines/{line}", {"quantity": 7, "seen": 3}),
            ("PATCH", "/cart/lines/{line}", {"quantity": 3}),
            ("POST", "/cart/lines/{line}/increment", {"by": 2}),
            ("DELETE", "/cart/lines/{line}", {}),
            ("POST", "/cart/lines/{line}/move", {"to": "later"}),
        ],
    )
    def test_names_the_line(
        self, client: FlaskClient, method: str, path: str, body: dict[str, t.Any]
    ) -> None:
        """Also of a line that is gone, and of what came to nothing."""
        line = fill(client)
        change = path.format(line=line), method, body

        assert told(send(client, "one", *change)) == (200, line, None)
        assert told(send(client, "one", *change)) == (200, line, "true")

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "/cart/lines", POT),
            ("POST", "/cart/coupons", {"code": "TEN"}),
            ("PUT", "/cart/shipping", {"method": "Post"}),
            ("DELETE", "/cart/", {}),
            ("DELETE", "/cart/shipping", {}),
        ],
    )
    @pytest.mark.parametrize("then", [sell_nothing, lambda shop: None])
    def test_whatever_was_sold_out_since(
        self,
        shop: Storefront,
        method: str,
        path: str,
        body: t.Any,
        then: t.Callable[[Storefront], None],
    ) -> None:
        """What was done is not refused because it could not be done any more."""
        client = shop.app.test_client()
        fill(client)
        first = send(client, "one", path, method, body)
        then(shop)
        again = send(client, "one", path, method, body)

        assert told(again) == (200, first.headers.get(LINE), "true")
        assert told(send(client, "one", path, method, body | {"x": 1}))[0] in (400, 422)

    def test_has_its_version(self, any_shop: Storefront) -> None:
        """A replay tells what the change has left of the cart, and comes with the cart
        of now, on any storage; so a client sees whether it is still the same."""
        client = any_shop.app.test_client()
        fill(client)
        first = send(client)
        assert version_of(first) == first.json["version"] == show(client)["version"]
        again = send(client)
        assert version_of(again) == again.json["version"] == version_of(first)
        other = send(client, "two", body=POT)
        again = send(client)

        assert version_of(other) > version_of(first)
        assert version_of(again) == version_of(first)
        assert again.json["version"] == version_of(other)
        assert again.headers["ETag"] == other.headers["ETag"]

    @pytest.mark.parametrize("by", ["line", "coupon", "clear", "move", "nothing"])
    def test_has_its_version_whatever_it_was(
        self, client: FlaskClient, by: str
    ) -> None:
        """Also one that moves a line to another cart, and one that changes nothing."""
        line = fill(client)
        before = show(client)["version"]
        path, method, body = {
            "line": (f"/cart/lines/{line}/increment", "POST", {"by": 2}),
            "coupon": ("/cart/coupons", "POST", {"code": "TEN"}),
            "clear": ("/cart/", "DELETE", {}),
            "move": (f"/cart/lines/{line}/move", "POST", {"to": "later"}),
            "nothing": (f"/cart/lines/{line}", "PATCH", {"quantity": 3}),
        }[by]
        first = send(client, "one", path, method, body)
        send(client, "two", body={"item": "mug", "options": {"size": "L"}})
        again = send(client, "one", path, method, body)

        assert again.headers[REPLAYED] == "true"
        assert version_of(again) == version_of(first) == first.json["version"]
        assert (version_of(first) == before) is (by == "nothing")

    def test_has_the_version_of_now_if_nothing_is_left_to_do(
        self, client: FlaskClient
    ) -> None:
        """The second of two clicks that move a line is answered as it is."""
        line = fill(client)
        path = f"/cart/lines/{line}/move"
        client.post(path, json={"to": "later"}, headers=JSON)
        second = client.post(path, json={"to": "later"}, headers=JSON)

        assert version_of(second) == second.json["version"] > 0

    def test_has_its_version_if_more_was_made_of_it(self, shop: Storefront) -> None:
        """What a receiver does to the cart thereupon is not the change that is
        answered, neither the first time nor again."""
        client = shop.app.test_client()
        fill(client)

        def note(app: Flask, event: ItemAdded, **extra: t.Any) -> None:
            current_cart.metadata["last"] = event.line.name

        with signals.item_added.connected_to(note, shop.app):
            first = send(client)

        again = send(client)

        assert version_of(first) < first.json["version"]
        assert version_of(again) == version_of(first)
        assert again.json["version"] == first.json["version"]

    def test_of_a_form(self, shop: Storefront) -> None:
        """A form that is sent again says the same, on the same page."""
        client = shop.app.test_client()
        form = {"item": "pot", "cart_key": "of-the-page"}
        pages = []

        for _ in range(2):
            assert client.post("/cart/lines", data=form).location == "/cart/"
            pages.append("Pot is in your cart." in client.get("/cart/").text)
            sell_nothing(shop)

        assert pages == [True, True]

    def test_of_nothing(self, client: FlaskClient) -> None:
        """What came to nothing does so again, whatever it would come to by now."""
        line = fill(client)
        tea = line_of("tea & <b>milk</b>")
        gone = f"/cart/lines/{tea}", "DELETE", {}
        same = f"/cart/lines/{line}", "PATCH", {"quantity": 3}
        assert told(send(client, "gone", *gone)) == (200, tea, None)
        assert told(send(client, "same", *same)) == (200, line, None)
        send(client, "tea", body={"item": "tea & <b>milk</b>"})
        send(client, "more", f"/cart/lines/{line}/increment", body={})

        for key, change in [("gone", gone), ("same", same)]:
            assert send(client, key, *change).headers[REPLAYED] == "true"

        assert show(client)["quantity"] == 5

    def test_of_a_refusal(self, client: FlaskClient) -> None:
        """What was refused has not happened: it is looked at anew, and is no replay."""
        rare = {"item": "rare", "quantity": 4}
        answers = [send(client, body=rare) for _ in range(2)]

        assert [told(each) for each in answers] == [(422, None, None)] * 2
        assert answers[0].data == answers[1].data
        assert told(send(client)) == (200, line_of("pot"), None)


class TestMemory:
    @pytest.mark.parametrize(
        ("later", "quantity"),
        [
            (dt.timedelta(hours=23, minutes=59), 2),
            (dt.timedelta(hours=24), 2),
            (dt.timedelta(hours=24, minutes=1), 2),
            (LASTS + dt.timedelta(minutes=1), 4),
        ],
    )
    def test_lasts_a_day(
        self, any_shop: Storefront, later: dt.timedelta, quantity: int
    ) -> None:
        """A day later it is answered as it was; some time after that it is new."""
        client = any_shop.app.test_client()
        send(client)
        pass_time(any_shop, later)
        again = send(client)

        assert again.status_code == 200
        assert again.headers.get(REPLAYED) == ("true" if quantity == 2 else None)
        assert show(client)["quantity"] == quantity

    @pytest.mark.unmeasured
    def test_outlasts_others(self, shop: Storefront) -> None:
        """After 500 other keys, with other bodies and of other carts, it is the same
        answer, and another body is still a mistake."""
        # Not one that checks every answer.
        client, pot = FlaskClient(shop.app, Response), line_of("pot")
        first = send(client)

        for number in range(500):
            cart = "/cart/wishlist/lines" if number % 50 == 0 else "/cart/lines"
            send(client, f"other {number}", cart, body={"item": "pot"})

        again = send(client)
        other = send(client, body={"item": "pot", "quantity": 3})

        assert (told(first), told(again)) == ((200, pot, None), (200, pot, "true"))
        assert other.status_code == 422
        assert again.json == show(client)
        assert show(client)["quantity"] == 2 + 490

    def test_in_a_cookie(self, tmp_path: Path) -> None:
        """The browser's cookie has room for the last twenty."""
        with open_storefront("session", folder=tmp_path) as shop:
            client = shop.app.test_client()

            for number in range(MAX_IN_COOKIE + 1):
                send(client, f"{number}")

            marks = [send(client, key).headers.get(REPLAYED) for key in ("1", "0")]
            assert marks == ["true", None]

    def test_leaves_a_cookie_with_the_last_cart(self, tmp_path: Path) -> None:
        """After a login, the cookie has nothing of the guest any more."""
        with open_storefront("session", folder=tmp_path) as shop:
            client = shop.app.test_client()
            log_in(shop)
            send(client)
            client.post("/login")

            with client.session_transaction() as kept:
                assert {*kept["_carts"]} == {"user:7"}
                assert {*kept["_carts"]["user:7"]} == {"default", USED_KEYS}

    @pytest.mark.parametrize("how", ["destroyed", "emptied"])
    def test_outlives_the_cart(self, shop: Storefront, how: str) -> None:
        """What was sent before a cart was deleted makes no new one after it."""
        client = shop.app.test_client()
        first = send(client)

        if how == "emptied":
            client.delete("/cart/", headers=JSON)
        else:
            with shop.app.app_context():
                for key in shop.stored(client):
                    if key.endswith("/default"):
                        owner = key.removesuffix("/default")
                        shop.extension.cart(owner=owner).destroy()

        again = send(client)
        assert told(again) == (200, line_of("pot"), "true")
        assert version_of(again) == version_of(first)
        assert show(client)["quantity"] == 0
        assert (show(client)["version"] == 0) is (how == "destroyed")

    def test_goes_along_with_a_login(self, any_shop: Storefront) -> None:
        """What was sent as a guest is known when it is sent again as a user."""
        client = any_shop.app.test_client()
        log_in(any_shop)
        first = send(client)
        client.post("/login")
        again = send(client)

        assert (again.status_code, again.headers[REPLAYED]) == (200, "true")
        assert version_of(again) == version_of(first)
        assert again.json == show(client)
        assert show(client)["quantity"] == 2


@pytest.mark.parametrize("moment", MOMENTS)
def test_process_that_dies(tmp_path: Path, moment: str) -> None:
    """The change and its key are there, or neither: sent again, it is made once."""
    with open_storefront("database", folder=tmp_path) as shop:
        client = shop.app.test_client()
        fill(client)
        let_die(send_and_die, tmp_path, cookies_of(client), moment)
        again = send(client)

        assert (again.headers.get(REPLAYED) == "true") is MOMENTS[moment]
        assert again.json == show(client)
        assert show(client)["quantity"] == 5


def send_and_die(folder: Path, cookies: dict[str, str], moment: str) -> None:
    """Send a change, and die at some moment of it, before there is an answer."""
    with open_storefront("database", folder=folder) as shop:
        storage: t.Any = shop.app.extensions["cart"].storage
        save = storage.save

        def save_and_die(*arguments: t.Any) -> None:
            if moment != "before":
                save(*arguments)

            os._exit(42)

        def die_when_written(*context: t.Any) -> None:
            if context[2].startswith(("UPDATE", "INSERT")):
                os._exit(42)

        storage.save = save_and_die

        if moment == "inside":
            sa.event.listen(sa.Engine, "after_cursor_execute", die_when_written)

        client = shop.app.test_client()
        give_cookies(client, cookies)
        send(client)
