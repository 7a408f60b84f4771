"""Keys: the same change sent twice is made once, by a program and by a form."""

from __future__ import annotations

import re
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.guests import cookies_of
from tests.support.guests import give_cookies
from tests.support.storefronts import BROWSER
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import show

MUGS = {"item": "mug", "quantity": 2, "options": {"size": "L"}}


def keyed(key: str = "one", **headers: str) -> dict[str, str]:
    return {"Idempotency-Key": key} | headers


def add(client: FlaskClient, key: str = "one", **changes: t.Any) -> TestResponse:
    """Add two mugs, as a program does."""
    return client.post("/cart/lines", json=MUGS | changes, headers=keyed(key))


def form_key(client: FlaskClient, page: str = "/cart/") -> str:
    """A key of a form on a page."""
    found = re.search(r'name="cart_key" value="([^"]+)"', client.get(page).text)
    assert found is not None

    return found[1]


def send_form(client: FlaskClient, key: str, **fields: t.Any) -> TestResponse:
    """Add a pot, as a form does."""
    return client.post("/cart/lines", data={"item": "pot", "cart_key": key} | fields)


def test_keys_of_a_page(client: FlaskClient) -> None:
    """Each form has one of its own, also those of the same line."""
    fill(client)
    client.post("/cart/lines", json={"item": "pot"})
    page = client.get("/cart/", headers={"Accept": BROWSER}).text
    keys = re.findall(r'name="cart_key" value="([^"]*)"', page)

    # Two for each line, and some of the page's.
    assert len(keys) == page.count("<form") > 4
    assert len({*keys}) == len(keys)
    assert {len(key) for key in keys} == {24}


class TestHeader:
    def test_makes_a_change_once(self, any_shop: Storefront) -> None:
        """The second answer is the first one, and nothing is changed again."""
        client = any_shop.app.test_client()
        first = add(client)
        kept = any_shop.stored(client)
        second = add(client)

        assert first.status_code == second.status_code == 200
        assert first.data == second.data
        assert first.headers["ETag"] == second.headers["ETag"]
        assert any_shop.stored(client) == kept
        assert show(client)["quantity"] == 2

    def test_is_sent_twice_at_once(
        self, shop: Storefront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who finds out only on saving shows what the other one has done, too."""
        client, rival = shop.app.test_client(), shop.app.test_client()
        fill(client)
        give_cookies(rival, cookies_of(client))
        storage = shop.app.extensions["cart"].storage
        save = storage.save
        answers = []

        def save_later(*arguments: t.Any) -> t.Any:
            monkeypatch.setattr(storage, "save", save)

            # In a thread, where the other request has a context of its own.
            with ThreadPoolExecutor() as pool:
                answers.append(pool.submit(add, rival).result())

            return save(*arguments)

        monkeypatch.setattr(storage, "save", save_later)
        answers.append(add(client))

        assert [each.status_code for each in answers] == [200, 200]
        assert answers[0].data == answers[1].data
        assert show(client)["quantity"] == 5

    def test_belongs_to_one_change(self, client: FlaskClient) -> None:
        """Another body, address or method with the same key is a mistake."""
        line = line_of("mug", size="L")
        add(client)
        others = [
            add(client, quantity=3),
            client.post("/cart/wishlist/lines", json=MUGS, headers=keyed()),
            client.post(f"/cart/lines/{line}", json={"quantity": 1}, headers=keyed()),
            client.patch(f"/cart/lines/{line}", json={"quantity": 1}, headers=keyed()),
        ]

        # Another cart has keys of its own.
        assert [each.status_code for each in others] == [422, 200, 422, 422]
        assert others[0].json is not None
        assert others[0].json["code"] == "key-reused"
        assert show(client)["quantity"] == 2

    def test_does_not_mind_how_a_body_is_written(self, client: FlaskClient) -> None:
        """What says the same in JSON is the same change."""
        add(client)
        body = '{ "options": {"size": "L"},\n"quantity": 2, "item": "mug"}'
        answer = client.post(
            "/cart/lines",
            data=body,
            content_type="application/json",
            headers=keyed('"one"'),
        )

        assert answer.status_code == 200
        assert show(client)["quantity"] == 2

    @pytest.mark.parametrize("key", ["", " ", '""', "x" * 256, "ä", "a\tb"])
    def test_must_be_one(self, client: FlaskClient, key: str) -> None:
        """What no client would make up is refused, and nothing is changed."""
        answer = add(client, key)

        assert answer.status_code == 400
        assert "Idempotency-Key" in t.cast("dict[str, str]", answer.json)["detail"]
        assert show(client)["quantity"] == 0

    def test_of_a_refused_change_is_free(self, client: FlaskClient) -> None:
        """What was refused has not happened, and may be tried again."""
        refused = add(client, item="rare", quantity=4, options={})
        stale = client.post(
            "/cart/lines", json=MUGS, headers=keyed(**{"If-Match": '"7-x"'})
        )
        done = add(client)

        statuses = [each.status_code for each in (refused, stale, done)]
        assert statuses == [422, 412, 200]
        assert show(client)["quantity"] == 2

    def test_of_nothing_is_free(self, client: FlaskClient) -> None:
        """A change that comes to nothing is not remembered, and makes no cart."""
        line = line_of("mug", size="L")
        answer = client.delete(f"/cart/lines/{line}", headers=JSON | keyed())

        assert answer.status_code == 200
        assert show(client)["version"] == 0
        assert add(client).status_code == 200

    def test_holds_after_the_version_has_changed(self, client: FlaskClient) -> None:
        """A retry does not fail because its own change was made: 200, not 412."""
        fill(client)
        tag = client.get("/cart/", headers=JSON).headers["ETag"]
        answers = [
            client.post(
                "/cart/lines", json=MUGS, headers=keyed(**{"If-Match": tag})
            ).status_code
            for _ in range(2)
        ]

        assert answers == [200, 200]
        assert show(client)["quantity"] == 5

    def test_shows_the_cart_as_it_is(self, client: FlaskClient) -> None:
        """A retry that comes late shows what others have done since."""
        add(client)
        client.post("/cart/lines", json={"item": "pot"})
        late = add(client)

        assert late.json == show(client)
        assert late.json["quantity"] == 3

    def test_takes_the_place_of_the_field(self, client: FlaskClient) -> None:
        """Of a form that is sent with a header, the header counts."""
        for field in ("a", "b"):
            form = {"item": "pot", "cart_key": field}
            client.post("/cart/lines", data=form, headers=keyed())

        assert show(client)["quantity"] == 1

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "/cart/lines/{line}", {"quantity": 7, "seen": 3}),
            ("POST", "/cart/lines/{line}/increment", {"by": 2}),
            ("DELETE", "/cart/lines/{line}", {}),
            ("POST", "/cart/coupons", {"code": "TEN"}),
            ("PUT", "/cart/shipping", {"method": "Post"}),
            ("DELETE", "/cart/shipping", {}),
            ("PATCH", "/cart/metadata", {"metadata": {"note": "ring"}}),
            ("DELETE", "/cart/", {}),
        ],
    )
    def test_is_for_every_change(
        self, any_shop: Storefront, method: str, path: str, body: dict[str, t.Any]
    ) -> None:
        """Every view makes a change once, and answers the same twice."""
        client = any_shop.app.test_client()
        line = fill(client)
        answers = []

        for _ in range(2):
            answer = client.open(
                path.format(line=line),
                method=method,
                json=body,
                headers=JSON | keyed(),
            )
            answers.append((answer.status_code, answer.json))

        assert answers[0] == answers[1]
        assert answers[0][0] == 200


class TestMove:
    """A move is two writes on most storages, and has its key in the first of them."""

    def test_moves_once(self, any_shop: Storefront) -> None:
        """Some of a line are moved once, however often it is sent."""
        client = any_shop.app.test_client()
        line = fill(client)
        body = {"to": "wishlist", "quantity": 1}
        answers = [
            client.post(f"/cart/lines/{line}/move", json=body, headers=keyed())
            for _ in range(2)
        ]

        assert [each.status_code for each in answers] == [200, 200]
        assert answers[0].data == answers[1].data
        assert show(client)["quantity"] == 2
        assert show(client, "wishlist")["quantity"] == 1

    @pytest.mark.parametrize("then", ["/cart/wishlist/clear", "/cart/later/clear"])
    def test_of_a_whole_line(self, client: FlaskClient, then: str) -> None:
        """It is no mistake that the line is gone, wherever it is by now."""
        line = fill(client)
        statuses = []

        for _ in range(2):
            answer = client.post(
                f"/cart/lines/{line}/move", json={"to": "wishlist"}, headers=keyed()
            )
            statuses.append(answer.status_code)
            client.post(then)

        assert statuses == [200, 200]

    def test_without_a_key(self, client: FlaskClient) -> None:
        """A line that is there already is no mistake, one that is nowhere is."""
        line = fill(client)
        path = f"/cart/lines/{line}/move"
        first, second = [client.post(path, json={"to": "later"}) for _ in range(2)]
        client.post("/cart/later/clear")
        third = client.post(path, json={"to": "later"})

        assert [each.status_code for each in (first, second, third)] == [200, 200, 404]

    @pytest.mark.parametrize("quantity", [1, 3])
    def test_holds_after_the_version_has_changed(
        self, client: FlaskClient, quantity: int
    ) -> None:
        """A retry does not fail because its own move was made: 200, not 412."""
        line = fill(client)
        tag = client.get("/cart/", headers=JSON).headers["ETag"]
        body = {"to": "wishlist", "quantity": quantity}
        statuses = [
            client.post(
                f"/cart/lines/{line}/move",
                json=body,
                headers=keyed(key, **{"If-Match": tag}),
            ).status_code
            for key in ("one", "one", "two")
        ]

        assert statuses == [200, 200, 412]
        assert show(client, "wishlist")["quantity"] == quantity

    def test_into_its_own_cart(self, client: FlaskClient) -> None:
        """A line that is in the cart cannot be moved into it."""
        line = fill(client)
        answer = client.post(f"/cart/lines/{line}/move", json={"to": "default"})

        assert answer.status_code == 422
        assert show(client)["quantity"] == 3

    def test_belongs_to_one_move(self, client: FlaskClient) -> None:
        """The same key with another number, or another cart, is a mistake."""
        line = fill(client)
        bodies = [
            {"to": "wishlist", "quantity": 1},
            {"to": "wishlist", "quantity": 2},
            {"to": "later", "quantity": 1},
        ]
        statuses = [
            client.post(
                f"/cart/lines/{line}/move", json=body, headers=keyed()
            ).status_code
            for body in bodies
        ]

        assert statuses == [200, 422, 422]
        assert show(client)["quantity"] == 2


class TestForm:
    def test_is_sent_twice(self, any_shop: Storefront) -> None:
        """A double click adds once, and both answers lead to the same page."""
        client = any_shop.app.test_client()
        fill(client)
        key = form_key(client)
        answers = [send_form(client, key) for _ in range(2)]

        assert [each.status_code for each in answers] == [303, 303]
        assert {each.location for each in answers} == {"/cart/"}
        assert show(client)["quantity"] == 4

    def test_is_sent_again_with_something_else(self, client: FlaskClient) -> None:
        """After the Back button, the same form with another quantity is new."""
        key = "of-the-page"
        send_form(client, key, quantity=1)
        send_form(client, key, quantity=2)
        send_form(client, key, quantity=2)

        assert show(client)["quantity"] == 3

    def test_is_sent_after_the_cart_was_emptied(self, any_shop: Storefront) -> None:
        """A form that was sent stays so, whatever becomes of the cart."""
        client = any_shop.app.test_client()
        send_form(client, "used")
        client.post("/cart/clear")
        send_form(client, "used")

        assert show(client)["quantity"] == 0

    def test_has_a_new_key_on_every_page(self, client: FlaskClient) -> None:
        """No two forms have the same key."""
        fill(client)
        pages = [client.get("/cart/").text for _ in range(2)]
        keys = re.findall(r'name="cart_key" value="([^"]+)"', "".join(pages))

        assert len(set(keys)) == len(keys) >= 10
        assert all(len(each) >= 16 for each in keys)

    @pytest.mark.parametrize("key", ["x" * 10_000, "ä\n", " "])
    def test_may_have_any_key(self, client: FlaskClient, key: str) -> None:
        """Whatever is in the field, the form is sent once."""
        for _ in range(2):
            assert send_form(client, key).status_code == 303

        assert show(client)["quantity"] == 1

    def test_may_have_no_key(self, client: FlaskClient) -> None:
        """A form of the shop's own without a key adds each time."""
        for _ in range(2):
            assert send_form(client, "").status_code == 303

        assert show(client)["quantity"] == 2
