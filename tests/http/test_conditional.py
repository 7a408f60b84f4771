"""Conditional requests: what is shown again is not sent again, and what is meant for an
older cart is not done."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from flask import Response
from flask.testing import FlaskClient
from flask_session import Session
from werkzeug.test import TestResponse

from flask_cart import current_cart
from tests.support.apps import make_app
from tests.support.cache_servers import CacheServer
from tests.support.guests import cookies_of
from tests.support.guests import give_cookies
from tests.support.shops import counted
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import make_storefront
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show


def tag_of(client: FlaskClient, path: str = "/cart/") -> str:
    """The ETag of a cart."""
    return client.get(path, headers=JSON).headers["ETag"]


def set_quantity(
    client: FlaskClient, line: str, tag: str, quantity: int = 5, **seen: int
) -> TestResponse:
    """Set a quantity in the cart of a tag."""
    return client.patch(
        f"/cart/lines/{line}",
        json={"quantity": quantity, **seen},
        headers={"If-Match": tag},
    )


def rival_adds(client: FlaskClient, item: str = "pot") -> None:
    """Something is added in another tab."""
    assert client.post("/cart/lines", json={"item": item}).status_code == 200


class Rival:
    """Another tab of a shopper."""

    def __init__(self, shop: Storefront, client: FlaskClient) -> None:
        self._storage: t.Any = shop.app.extensions["cart"].storage
        self._client = shop.app.test_client()
        give_cookies(self._client, cookies_of(client))

    def send(self, method: str, path: str, body: t.Any = None) -> None:
        # In a thread, where this request has a context of its own.
        with ThreadPoolExecutor() as pool:
            sent = pool.submit(
                self._client.open, path, method=method, json=body or {}, headers=JSON
            )

        assert sent.result().status_code == 200

    def beat_next(self, patch: pytest.MonkeyPatch, *request: t.Any) -> None:
        """Send something just before the next change of anybody is saved."""
        save = self._storage.save

        def save_later(*arguments: t.Any) -> t.Any:
            patch.setattr(self._storage, "save", save)
            self.send(*request)

            return save(*arguments)

        patch.setattr(self._storage, "save", save_later)


class TestETag:
    def test_comes_with_every_cart(self, any_shop: Storefront) -> None:
        """The answer to a change has the tag of the cart that it shows."""
        client = any_shop.app.test_client()
        empty = tag_of(client)
        changed = client.post("/cart/lines", json={"item": "pot"})

        assert changed.headers["ETag"] == tag_of(client) != empty
        assert changed.headers["ETag"].startswith(f'"{changed.json["version"]}-')

    def test_changes_with_what_is_shown(self, shop: Storefront) -> None:
        """A price that depends on the day changes it, though no cart was saved."""
        client = shop.app.test_client()
        client.post("/cart/coupons", json={"code": "TEN"})
        fill(client)
        before, version = tag_of(client), show(client)["version"]
        shop.extension._registry.rulebook.providers.clear()

        assert tag_of(client) != before
        assert show(client)["version"] == version

    def test_is_not_on_pages(self, client: FlaskClient) -> None:
        """Pages have one-time keys, and are never the same twice."""
        response = client.get("/cart/")

        assert "ETag" not in response.headers
        assert response.headers["Cache-Control"] == "private, no-store"


class TestIfNoneMatch:
    @pytest.mark.parametrize("weak", ["", "W/"])
    def test_is_not_modified(self, any_shop: Storefront, weak: str) -> None:
        """A client that has the cart is told so, without a body."""
        client = any_shop.app.test_client()
        fill(client)
        tag = tag_of(client)
        answer = client.get("/cart/", headers=JSON | {"If-None-Match": weak + tag})

        assert answer.status_code == 304
        assert answer.data == b""
        assert answer.headers["ETag"] == tag
        assert {"Accept", "Cookie"} <= set(answer.vary)
        assert answer.headers["Cache-Control"] == "private, no-cache"

    def test_is_modified(self, client: FlaskClient) -> None:
        """After a change the whole cart comes."""
        tag = tag_of(client)
        fill(client)
        answer = client.get("/cart/", headers=JSON | {"If-None-Match": tag})

        assert answer.status_code == 200
        assert answer.json["quantity"] == 3

    def test_does_not_mix_carts_up(self, client: FlaskClient) -> None:
        """Two carts of the same version have different tags."""
        assert tag_of(client, "/cart/wishlist/") != tag_of(client, "/cart/later/")

    def test_is_nothing_for_a_page(self, client: FlaskClient) -> None:
        """A browser gets its page, also with the tag of the JSON."""
        fill(client)
        answer = client.get("/cart/", headers={"If-None-Match": tag_of(client)})

        assert answer.status_code == 200
        assert answer.mimetype == "text/html"

    @pytest.mark.parametrize("named", ["{}", "W/{}", '"0-x", {}', "*"])
    def test_stops_a_change(self, client: FlaskClient, named: str) -> None:
        """A change that is meant for any other cart is not made to this one."""
        fill(client)
        tag = named.format(tag_of(client))
        answer = client.post(
            "/cart/lines", json={"item": "pot"}, headers={"If-None-Match": tag}
        )

        assert (answer.status_code, answer.json["code"]) == (412, "precondition-failed")
        assert answer.json["cart"]["quantity"] == show(client)["quantity"] == 3
        assert answer.headers["ETag"] == tag_of(client)

    @pytest.mark.parametrize("tag", ['"0-x"', "x", '""', '"1-x", "2-x"'])
    def test_lets_a_change_through(self, client: FlaskClient, tag: str) -> None:
        """Of another cart, or of none at all, it stops nothing."""
        fill(client)
        answer = client.post(
            "/cart/lines", json={"item": "pot"}, headers={"If-None-Match": tag}
        )

        assert (answer.status_code, answer.json["quantity"]) == (200, 4)

    def test_may_be_a_star(self, client: FlaskClient) -> None:
        """A star is for the first change of a cart that there is not yet."""
        answers = [
            client.post(
                "/cart/lines", json={"item": "pot"}, headers={"If-None-Match": "*"}
            )
            for _ in range(2)
        ]

        assert [each.status_code for each in answers] == [200, 412]

    def test_stops_what_is_named_only_on_saving(
        self, shop: Storefront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A cart that comes to be in the same moment is one as well."""
        client = shop.app.test_client()
        client.post("/cart/wishlist/lines", json={"item": "pot"})
        rival = Rival(shop, client)
        rival.beat_next(monkeypatch, "POST", "/cart/lines", {"item": "pot"})
        answer = client.post(
            "/cart/lines", json={"item": "rare"}, headers={"If-None-Match": "*"}
        )

        assert (answer.status_code, answer.json["code"]) == (412, "precondition-failed")
        assert [line["item"] for line in show(client)["lines"]] == ["pot"]

    def test_is_asked_after_if_match(self, client: FlaskClient) -> None:
        """Both have to hold."""
        fill(client)
        both = {"If-Match": tag_of(client), "If-None-Match": tag_of(client)}
        one = {"If-Match": tag_of(client), "If-None-Match": '"0-x"'}

        for headers, status in ((both, 412), (one, 200)):
            answer = client.post("/cart/lines", json={"item": "pot"}, headers=headers)
            assert answer.status_code == status


class TestIfMatch:
    def test_lets_a_change_through(self, any_shop: Storefront) -> None:
        """A change that is meant for the cart as it is, is made."""
        client = any_shop.app.test_client()
        line = fill(client)
        answer = set_quantity(client, line, tag_of(client))

        assert answer.status_code == 200
        assert answer.json["quantity"] == 5

    def test_stops_a_stale_change(self, any_shop: Storefront) -> None:
        """Of a change that is meant for an older cart, nothing is done."""
        client = any_shop.app.test_client()
        line = fill(client)
        tag = tag_of(client)
        rival_adds(client)
        kept = any_shop.stored(client)
        answer = set_quantity(client, line, tag)

        assert answer.status_code == 412
        assert answer.mimetype == "application/problem+json"
        assert answer.json["code"] == "precondition-failed"
        assert answer.json["cart"] == show(client)
        assert any_shop.stored(client) == kept

    def test_stops_what_is_stale_only_on_saving(
        self, shop: Storefront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A rival in the same moment is a failed condition as well."""
        client = shop.app.test_client()
        line = fill(client)
        tag = tag_of(client)
        rival = Rival(shop, client)
        rival.beat_next(monkeypatch, "POST", "/cart/lines", {"item": "pot"})
        answer = set_quantity(client, line, tag)

        assert answer.status_code == 412
        assert answer.json["code"] == "precondition-failed"
        assert answer.json["cart"]["quantity"] == show(client)["quantity"] == 4

    @pytest.mark.parametrize(
        "tag", ['"x"', '""', "*x", '"-1-x"', '"99999999999999999999-x"', "5", '"²-x"']
    )
    def test_stops_what_names_no_cart(self, client: FlaskClient, tag: str) -> None:
        """A tag that was never given out is none of this cart."""
        line = fill(client)

        assert set_quantity(client, line, tag).status_code == 412
        assert show(client)["quantity"] == 3

    def test_may_name_several(self, client: FlaskClient) -> None:
        """One of the tags is enough."""
        line = fill(client)

        assert set_quantity(client, line, f'"0-x", {tag_of(client)}').status_code == 200

    def test_may_be_weak(self, client: FlaskClient) -> None:
        """What compresses answers makes tags weak; the version in them is the same."""
        line = fill(client)
        tag = f"W/{tag_of(client)}"
        answers = [set_quantity(client, line, tag, number) for number in (5, 6)]

        assert [each.status_code for each in answers] == [200, 412]

    @pytest.mark.parametrize("tag", ["*", '"0-x"'])
    def test_is_nothing_for_a_read(self, client: FlaskClient, tag: str) -> None:
        """A cart is shown whichever was meant; that is what If-None-Match is for."""
        fill(client)
        answer = client.get("/cart/", headers=JSON | {"If-Match": tag})

        assert answer.status_code == 200
        assert answer.json == show(client)

    def test_may_be_a_star(self, client: FlaskClient) -> None:
        """A star is any cart, if there is one."""
        headers = {"If-Match": "*"}
        first = client.post("/cart/lines", json={"item": "pot"}, headers=headers)
        fill(client)
        second = client.post("/cart/lines", json={"item": "pot"}, headers=headers)

        assert [first.status_code, second.status_code] == [412, 200]

    def test_of_an_empty_cart(self, client: FlaskClient) -> None:
        """What is meant for no cart is not done to one that has come meanwhile."""
        tag = tag_of(client)
        headers = {"If-Match": tag}
        first = client.post("/cart/lines", json={"item": "pot"}, headers=headers)
        second = client.post("/cart/lines", json={"item": "pot"}, headers=headers)

        assert [first.status_code, second.status_code] == [200, 412]

    def test_holds_for_totals_that_have_changed(self, shop: Storefront) -> None:
        """A sale that ends meanwhile is no change of the cart: the version counts."""
        client = shop.app.test_client()
        client.post("/cart/coupons", json={"code": "TEN"})
        line = fill(client)
        tag = tag_of(client)
        shop.extension._registry.rulebook.providers.clear()

        assert set_quantity(client, line, tag).status_code == 200

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "/cart/lines", {"item": "pot"}),
            ("PATCH", "/cart/lines/{line}", {"quantity": 7}),
            ("POST", "/cart/lines/{line}/increment", {}),
            ("DELETE", "/cart/lines/{line}", {}),
            ("POST", "/cart/coupons", {"code": "FIVE"}),
            ("DELETE", "/cart/coupons/TEN", {}),
            ("PUT", "/cart/shipping", {"method": "Post"}),
            ("DELETE", "/cart/shipping", {}),
            ("PATCH", "/cart/metadata", {"metadata": {"note": "ring"}}),
            ("DELETE", "/cart/", {}),
        ],
    )
    def test_is_for_every_change(
        self, shop: Storefront, method: str, path: str, body: dict[str, t.Any]
    ) -> None:
        """No view does anything to a cart that is another one."""
        client = shop.app.test_client()
        client.post("/cart/coupons", json={"code": "TEN"})
        line = fill(client)
        tag = tag_of(client)
        rival_adds(client)
        kept = shop.stored(client)
        answer = client.open(
            path.format(line=line),
            method=method,
            json=body,
            headers=JSON | {"If-Match": tag},
        )

        assert answer.status_code == 412
        assert shop.stored(client) == kept


class TestConflict:
    def test_is_told_with_both_values(self, any_shop: Storefront) -> None:
        """Who sets what another tab has set meanwhile gets 409, and what differs."""
        client = any_shop.app.test_client()
        line = fill(client)
        client.patch(f"/cart/lines/{line}", json={"quantity": 4})
        kept = any_shop.stored(client)
        answer = client.patch(f"/cart/lines/{line}", json={"quantity": 9, "seen": 3})

        assert answer.status_code == 409
        assert answer.json["code"] == "conflict"
        assert answer.json["line_id"] == line
        assert answer.json["differs"] == {"seen": 3, "stored": 4, "wanted": 9}
        assert answer.json["cart"] == show(client)
        assert any_shop.stored(client) == kept

    def test_is_no_failed_condition(self, client: FlaskClient) -> None:
        """If the cart is the one of If-Match, a line that differs is a conflict."""
        line = fill(client)

        for tag in (tag_of(client), "*"):
            assert set_quantity(client, line, tag, seen=2).status_code == 409

    def test_is_a_page(self, client: FlaskClient) -> None:
        """A shopper sees both values, and a form that does it all the same."""
        line = fill(client)
        answer = client.post(f"/cart/lines/{line}", data={"quantity": 9, "seen": 2})

        assert answer.status_code == 409
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert 'name="seen" value="3"' in answer.text
        assert 'name="quantity" value="9"' in answer.text
        assert show(client)["quantity"] == 3

    def test_of_a_rival_in_the_same_moment(
        self, shop: Storefront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who finds out only on saving is told the same, to the letter."""
        client = shop.app.test_client()
        line = fill(client)
        path = f"/cart/lines/{line}"
        rival = Rival(shop, client)
        rival.beat_next(monkeypatch, "PATCH", path, {"quantity": 7})
        answer = client.patch(path, json={"quantity": 5, "seen": 3})

        assert answer.status_code == 409
        assert answer.json["differs"] == {"seen": 3, "stored": 7, "wanted": 5}

        rival.beat_next(monkeypatch, "DELETE", path)
        gone = client.patch(path, json={"quantity": 5, "seen": 7})

        assert gone.json["differs"] == {"seen": 7, "stored": None, "wanted": 5}

    def test_of_a_rival_in_the_same_moment_is_a_page(
        self, shop: Storefront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It shows two numbers, as if the rival had been earlier."""
        client = shop.app.test_client()
        line = fill(client)
        path = f"/cart/lines/{line}"
        Rival(shop, client).beat_next(monkeypatch, "PATCH", path, {"quantity": 7})
        page = client.post(path, data={"quantity": 5, "seen": 3})

        assert page.status_code == 409
        assert "<mark>7</mark>" in page.text
        assert "<mark>5</mark>" in page.text
        assert ">Make it 5</button>" in page.text

    def test_of_more_of_a_line_that_comes_and_goes_is_a_page(
        self, shop: Storefront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One more is no quantity that the line could be made to have."""
        client = shop.app.test_client()
        line = fill(client)
        rival = Rival(shop, client)
        mug = {"item": "mug", "options": {"size": "L"}}

        @shop.extension.wording
        def put_it_back(code: str, text: str, about: t.Any) -> str:
            if code == "conflict":
                rival.send("POST", "/cart/lines", mug)

            return text

        rival.beat_next(monkeypatch, "DELETE", f"/cart/lines/{line}")
        page = client.post(f"/cart/lines/{line}/increment", data={"by": 2})

        assert page.status_code == 409
        assert "<mark>1</mark> \u00d7 Mug" in page.text
        assert ">Change a quantity all the same</button>" in page.text

    def test_of_another_version_is_a_page(self, client: FlaskClient) -> None:
        """Emptying a cart that the shopper has not seen so asks again."""
        fill(client)
        version = show(client)["version"]
        rival_adds(client)
        answer = client.post("/cart/clear", data={"cart_version": version})
        now = show(client)

        assert answer.status_code == 409
        assert f'name="cart_version" value="{now["version"]}"' in answer.text
        assert now["quantity"] == 4

        again = client.post("/cart/clear", data={"cart_version": now["version"]})

        assert again.status_code == 303
        assert show(client)["quantity"] == 0

    @pytest.mark.parametrize("version", ["", "x", "-1", "1" * 20, "²"])
    def test_needs_a_version(self, client: FlaskClient, version: str) -> None:
        """A field that has no version in it expects nothing."""
        fill(client)
        answer = client.post("/cart/clear", data={"cart_version": version})

        assert answer.status_code == 303
        assert show(client)["quantity"] == 0


class TestExpectation:
    @pytest.mark.parametrize(
        ("form", "headers"),
        [
            ({"cart_version": "0"}, {}),
            ({"cart_version": "0", "cart_key": "used"}, {}),
            ({}, {"If-Match": '"0-x"'}),
            ({}, {"If-Match": "current"}),
            ({"item": "rare", "quantity": "4"}, {"If-Match": "current"}),
        ],
        ids=["old form", "replayed", "stale", "done", "refused"],
    )
    def test_ends_with_the_view(
        self, shop: Storefront, form: dict[str, str], headers: dict[str, str]
    ) -> None:
        """What the app itself changes later in the request expects no version."""

        def note_visit(response: Response) -> Response:
            key = current_cart.key
            assert key is not None
            shop.extension.cart(owner=key.owner).add("gift", price=0)
            current_cart.refresh()
            current_cart.metadata["note"] = "was here"

            return response

        client = shop.app.test_client()
        fill(client)
        client.post("/cart/lines", data={"item": "pot", "cart_key": "used"})
        shop.app.after_request_funcs[None] = [note_visit]
        tag = tag_of(client)
        sent = {name: tag if it == "current" else it for name, it in headers.items()}
        answer = client.post("/cart/lines", data={"item": "pot"} | form, headers=sent)

        assert answer.status_code < 500
        assert show(client)["metadata"] == {"note": "was here"}


class TestReads:
    """A GET that the client has the answer to costs one read, and no write."""

    def test_of_a_database(self, tmp_path: Path) -> None:
        """It is one SELECT."""
        with open_storefront("database", folder=tmp_path) as shop:
            client = shop.app.test_client()
            look = looking(client)

            with counted() as statements:
                look()

        assert statements == ["SELECT"]

    @pytest.mark.parametrize("locking", [False, True])
    def test_of_a_cache(
        self, valkey_server: CacheServer, tmp_path: Path, locking: bool
    ) -> None:
        """It is one command, and takes no lock."""
        with open_storefront(
            "cache",
            folder=tmp_path,
            redis_url=valkey_server.url,
            CART_CACHE_LOCKING=locking,
        ) as shop:
            commands = commands_of(valkey_server, looking(shop.app.test_client()))

        assert [each.partition(" ")[0] for each in commands] == ["HGET"]

    @pytest.mark.parametrize("locking", [False, True])
    def test_beside_a_session(self, valkey_server: CacheServer, locking: bool) -> None:
        """It is one command, and one that keeps the cart for as long as the session."""
        with redis.Redis(port=valkey_server.port) as connection:
            app = make_app(
                SESSION_TYPE="redis",
                SESSION_REDIS=connection,
                CART_SESSION_LOCKING=locking,
            )
            Session(app)
            make_storefront(app)
            commands = commands_of(valkey_server, looking(app.test_client()))

        about_carts = [each for each in commands if "cart" in each.split()[1]]

        assert sorted(each.partition(" ")[0] for each in about_carts) == [
            "HGET",
            "PEXPIRE",
        ]

    def test_are_counted(self, valkey_server: CacheServer, tmp_path: Path) -> None:
        """A change is seen by these counts, so that a write would be."""
        with open_storefront("database", folder=tmp_path) as shop:
            client = shop.app.test_client()

            with counted() as statements:
                fill(client)

        with open_storefront(
            "cache", folder=tmp_path, redis_url=valkey_server.url
        ) as shop:
            client = shop.app.test_client()
            commands = commands_of(valkey_server, lambda: fill(client))

        assert "INSERT" in statements
        assert "EVALSHA" in [each.partition(" ")[0] for each in commands]


def looking(client: FlaskClient) -> Callable[[], None]:
    """What looks again at a cart that the client has already."""
    fill(client)
    tag = tag_of(client)
    # The plain client, which asks for no document beside it.
    plain = FlaskClient(client.application, client.response_wrapper)
    give_cookies(plain, cookies_of(client))

    def look() -> None:
        answer = plain.get("/cart/", headers=JSON | {"If-None-Match": tag})
        assert answer.status_code == 304

    return look


def commands_of(server: CacheServer, work: Callable[[], t.Any]) -> list[str]:
    """The commands that a Redis gets meanwhile."""
    with (
        redis.Redis(port=server.port, socket_timeout=30) as client,
        client.monitor() as monitor,
    ):
        # Its own connection is there before.
        client.ping()
        while monitor.next_command()["command"] != "PING":
            pass

        work()
        client.echo("over")

        return list(iter(lambda: monitor.next_command()["command"], "ECHO over"))
