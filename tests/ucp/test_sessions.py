"""The carts of assistants: what is asked for, what there is of it, and what is told."""

from __future__ import annotations

import datetime as dt
import typing as t
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import Babel
from moneyed import Money
from ucp_sdk.models.schemas.common.types.error_response import ErrorResponse
from ucp_sdk.models.schemas.shopping.cart import Cart as StandardCart
from ucp_sdk.models.schemas.shopping.cart_create_request import CartCreateRequest
from ucp_sdk.models.schemas.shopping.cart_update_request import CartUpdateRequest
from ucp_sdk.models.schemas.ucp import BusinessSchema

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import CartConfigError
from flask_cart import CartConflictError
from flask_cart import CartStorageError
from flask_cart import CartVetoError
from flask_cart.carts.links import links_in
from flask_cart.model.keys import CartKey
from flask_cart.signals import before_change
from flask_cart.signals import item_added
from flask_cart.storage.base import Change
from tests.support.assistants import SHOP
from tests.support.assistants import Assistant
from tests.support.assistants import Json
from tests.support.assistants import items_in
from tests.support.assistants import read_json
from tests.support.assistants import told
from tests.support.assistants import with_assistants
from tests.support.storefronts import JSON
from tests.support.storefronts import SHELF
from tests.support.storefronts import Product
from tests.support.storefronts import Storefront
from tests.support.storefronts import line_of
from tests.support.storefronts import open_storefront

MUG: t.Final = {"item": {"id": "mug"}, "quantity": 2, "options": {"size": "L"}}


def created(assistant: Assistant, items: t.Mapping[str, int]) -> str:
    """The id of a new cart."""
    return str(read_json(assistant.create(items))["id"])


def put(assistant: Assistant, cart_id: str, *lines: Json) -> t.Any:
    return assistant.send("PUT", f"/{cart_id}", {"line_items": list(lines)})


def stored_keys(shop: Storefront) -> list[str]:
    with shop.app.app_context():
        return sorted(
            str(each.key) for each in t.cast(t.Any, shop.extension.storage).scan()
        )


class TestLife:
    def test_a_cart_from_beginning_to_end(self, either: Assistant) -> None:
        """Each answer is a cart of the standard, with an ETag that is its own."""
        answer = either.create({"pot": 2})

        assert answer.status_code == 201
        StandardCart.model_validate(answer.json)

        cart_id = read_json(answer)["id"]
        again = either.read(cart_id)

        assert again.status_code == 200
        assert again.json == answer.json
        assert again.headers["ETag"] == answer.headers["ETag"]

        answer = either.update(cart_id, {"pot": 1, "rare": 2})

        assert items_in(answer) == {"pot": 1, "rare": 2}
        assert answer.headers["ETag"] != again.headers["ETag"]
        StandardCart.model_validate(answer.json)

        answer = either.cancel(cart_id)

        assert items_in(answer) == {"pot": 1, "rare": 2}
        StandardCart.model_validate(answer.json)

    def test_a_client_of_the_models(self, either: Assistant) -> None:
        """Discovers, creates, reads, updates and cancels with nothing but the models of
        the standard, and what the profile says."""
        client = either.app.test_client()
        found = read_json(client.get("/.well-known/ucp", base_url=SHOP))["ucp"]

        if either.version != found["version"]:
            address = found["supported_versions"][either.version]
            found = read_json(client.get(address, base_url=SHOP))["ucp"]

        (service,) = BusinessSchema.model_validate(found).services.popitem()[1]
        base = str(service.model_dump()["endpoint"]).removeprefix(SHOP)
        headers = {"UCP-Agent": 'profile="https://model.example/profile"'}

        def send(method: str, path: str, body: t.Any = None) -> StandardCart:
            sent = body.model_dump(mode="json", exclude_none=True) if body else {}
            answer = client.open(
                f"{base}{path}",
                method=method,
                json=sent,
                headers=headers,
                base_url=SHOP,
            )

            return StandardCart.model_validate(answer.json)

        pot = {"item": {"id": "pot"}, "quantity": 2}
        first = CartCreateRequest.model_validate({"line_items": [pot]})
        cart = send("POST", "/carts", first)
        read = send("GET", f"/carts/{cart.id}")
        kept = {"id": read.line_items[0].id, **pot, "quantity": 3}
        more = {"item": {"id": "rare"}, "quantity": 1}
        wanted = CartUpdateRequest.model_validate({"line_items": [kept, more]})
        changed = send("PUT", f"/carts/{cart.id}", wanted)
        cancelled = send("POST", f"/carts/{cart.id}/cancel")

        assert read == cart
        assert [each.quantity for each in changed.line_items] == [3, 1]
        assert cancelled.line_items == changed.line_items

    def test_what_is_not_there(self, either: Assistant) -> None:
        """After it was cancelled, and if it never was, whatever is asked."""
        cart_id = created(either, {"pot": 1})
        either.cancel(cart_id)

        for unknown in (cart_id, "cart_unknown", "x" * 500):
            for answer in (
                either.read(unknown),
                either.update(unknown, {"pot": 1}),
                either.cancel(unknown),
            ):
                assert answer.status_code == 200
                ErrorResponse.model_validate(answer.json)
                assert told(answer) == [("error", "not_found")]
                assert "ETag" not in answer.headers
                assert read_json(answer)["ucp"]["version"] == either.version

    def test_nothing_of_it_makes_no_cart(
        self, shop: Storefront, either: Assistant
    ) -> None:
        """There is no id that could be asked for, and nothing is kept."""
        before = stored_keys(shop)

        for items, code in [
            ({"boat": 1}, "item_unavailable"),
            ({}, "item_unavailable"),
        ]:
            answer = either.create(items)

            assert answer.status_code == 200
            ErrorResponse.model_validate(answer.json)
            assert told(answer) == [("error", code)]
            assert read_json(answer)["messages"][0]["severity"] == "unrecoverable"

        assert stored_keys(shop) == before

    def test_what_is_sold_out_makes_no_cart(
        self, shop: Storefront, one: Assistant
    ) -> None:
        """It is told with a word of its own."""
        gone = Product("gone", "Gone", "1.00", cart_available=0)
        shop.extension.product_loader(lambda ids: [gone])
        answer = one.create({"gone": 1})

        assert told(answer) == [("error", "out_of_stock")]
        assert stored_keys(shop) == []

    def test_an_empty_cart_is_one(self, one: Assistant) -> None:
        """It leads to the shop, and can be filled again."""
        cart_id = created(one, {"pot": 1})
        answer = one.update(cart_id, {})

        assert items_in(answer) == {}
        assert read_json(answer)["continue_url"] == f"{SHOP}/cart/"
        assert items_in(one.update(cart_id, {"pot": 2})) == {"pot": 2}

    def test_a_cart_expires(self, shop: Storefront, one: Assistant) -> None:
        """When it says, counted from the last change."""
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        shop.extension.clock = lambda: now
        answer = one.create({"pot": 1})
        cart_id = read_json(answer)["id"]
        expires = dt.datetime.fromisoformat(read_json(answer)["expires_at"])

        assert dt.timedelta(days=6, hours=23) < expires - now <= dt.timedelta(days=7)

        now = expires - dt.timedelta(seconds=1)
        assert items_in(one.read(cart_id)) == {"pot": 1}

        now = expires + dt.timedelta(seconds=1)
        assert told(one.read(cart_id)) == [("error", "not_found")]
        assert told(one.update(cart_id, {"pot": 2})) == [("error", "not_found")]

    def test_nobody_is_told_the_id(self, shop: Storefront, one: Assistant) -> None:
        """Who has it has the cart; the owner in signals is good for nothing."""
        owners = set()

        def receive(app: Flask, **told: t.Any) -> None:
            owners.add(told["event"].owner)

        with item_added.connected_to(receive, shop.app):
            cart_id = created(one, {"pot": 1})

        (owner,) = owners

        assert owner.startswith("ucp:")
        assert cart_id.removeprefix("cart_") not in owner
        assert told(one.read(owner)) == [("error", "not_found")]

    def test_answers_are_private(self, one: Assistant) -> None:
        """They set no cookie, and no cache keeps them."""
        answer = one.create({"pot": 1})

        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "Set-Cookie" not in answer.headers

    def test_what_is_shown_is_no_change(self, shop: Storefront, one: Assistant) -> None:
        """Nobody is told of it, and the cart stays of the version that it was."""
        cart_id = created(one, {"pot": 1})
        heard = []

        def hear(app: Flask, **told: t.Any) -> None:
            heard.append(told)

        etag = one.read(cart_id).headers["ETag"]

        with before_change.connected_to(hear, shop.app):
            assert Assistant(shop.app, "two").read(cart_id).headers["ETag"] == etag

        assert heard == []

    def test_the_end_in_a_cache(self, tmp_path: Path, valkey_server: t.Any) -> None:
        """There it is when the cache forgets."""
        with open_storefront(
            "cache", folder=tmp_path, redis_url=valkey_server.url, CART_CACHE_TTL=600
        ) as shop:
            answer = Assistant(with_assistants(shop).app).create({"pot": 1})

        expires = dt.datetime.fromisoformat(read_json(answer)["expires_at"])

        assert expires - dt.datetime.now(dt.UTC) <= dt.timedelta(seconds=600)

    def test_a_shop_without_products_sells_nothing_to_assistants(
        self, shop: Storefront, one: Assistant
    ) -> None:
        """Nor to one that has forgotten where its products are."""
        cart_id = created(one, {"pot": 1})
        registry = shop.app.extensions["cart"].services.registry
        registry.catalogue.loader = None

        assert items_in(one.read(cart_id)) == {"pot": 1}

    def test_carts_of_two_shops(self, shop: Storefront, one: Assistant) -> None:
        """Of shops that share an app, each knows its own."""
        tenant = "acme"
        shop.extension.tenant_loader(lambda: tenant)
        cart_id = created(one, {"pot": 1})
        tenant = "other"

        assert told(one.read(cart_id)) == [("error", "not_found")]

    def test_a_key_is_good_in_one_shop(self, shop: Storefront, one: Assistant) -> None:
        """The answer to a request in one is none to the same request in another."""
        tenant = "acme"
        shop.extension.tenant_loader(lambda: tenant)
        first = read_json(one.create({"pot": 1}, Idempotency_Key="k"))
        tenant = "other"
        second = read_json(one.create({"pot": 1}, Idempotency_Key="k"))

        assert second["id"] != first["id"]
        assert second["continue_url"] != first["continue_url"]
        assert items_in(one.read(second["id"])) == {"pot": 1}


class TestDifferences:
    def test_what_others_add_stays(self, one: Assistant, two: Assistant) -> None:
        """Each takes out and adds what it means to, of what it was shown."""
        cart_id = created(one, {"pot": 2})
        two.read(cart_id)

        assert items_in(one.update(cart_id, {"pot": 2, "rare": 1})) == {
            "pot": 2,
            "rare": 1,
        }

        answer = two.update(cart_id, {"pot": 5})

        assert items_in(answer) == {"pot": 5, "rare": 1}
        assert told(answer) == [("info", "added_elsewhere")]
        assert read_json(answer)["messages"][0]["path"] == "$.line_items[1]"

        # If that answer got lost, it sends the same again, and still loses nothing.
        assert items_in(two.update(cart_id, {"pot": 5})) == {"pot": 5, "rare": 1}

        # It was told twice of the book by now, and does not want it.
        assert items_in(two.update(cart_id, {"pot": 5})) == {"pot": 5}

    def test_headers_alone_show_nothing(self, one: Assistant, two: Assistant) -> None:
        """Who asks for no more than those takes out nothing that it has not seen."""
        cart_id = created(one, {"pot": 1})
        two.read(cart_id)
        one.update(cart_id, {"pot": 1, "rare": 1})
        two.send("HEAD", f"/{cart_id}")

        assert items_in(two.update(cart_id, {"pot": 1})) == {"pot": 1, "rare": 1}

    def test_quantities_are_added_up(self, one: Assistant, two: Assistant) -> None:
        """Of the same line, too, and each is told of the other."""
        cart_id = created(one, {"pot": 2})
        two.read(cart_id)
        one.update(cart_id, {"pot": 3})
        answer = two.update(cart_id, {"pot": 4})

        assert items_in(answer) == {"pot": 5}
        assert told(answer) == [("info", "changed_elsewhere")]

    def test_an_answer_that_gets_lost(self, one: Assistant, two: Assistant) -> None:
        """What others have added counts as seen only when it was told twice, also
        where the next change is another one."""
        cart_id = created(one, {"pot": 2})
        two.read(cart_id)
        one.update(cart_id, {"pot": 5, "rare": 1})
        two.update(cart_id, {"pot": 3})

        answer = two.update(cart_id, {"pot": 3, "tea & <b>milk</b>": 1})

        assert items_in(answer) == {"pot": 6, "rare": 1, "tea & <b>milk</b>": 1}
        assert told(answer) == [
            ("info", "changed_elsewhere"),
            ("info", "added_elsewhere"),
        ]
        assert items_in(two.update(cart_id, {"pot": 3})) == {"pot": 3}

    def test_who_looks_has_seen_it(self, one: Assistant, two: Assistant) -> None:
        """Whoever reads the cart in between means what it leaves out."""
        cart_id = created(one, {"pot": 2})
        two.read(cart_id)
        one.update(cart_id, {"pot": 2, "rare": 1})
        two.update(cart_id, {"pot": 2})
        two.read(cart_id)

        assert items_in(two.update(cart_id, {"pot": 2})) == {"pot": 2}

    def test_what_a_refusal_shows_was_shown(
        self, shop: Storefront, one: Assistant, two: Assistant
    ) -> None:
        """The quantities in it are those that the next change begins with."""
        cart_id = created(one, {"pot": 2})
        two.read(cart_id)
        one.update(cart_id, {"pot": 5})

        def refuse(app: Flask, **extra: t.Any) -> None:
            raise CartVetoError("Not on Sundays.")

        with before_change.connected_to(refuse, shop.app):
            shown = items_in(two.update(cart_id, {"pot": 3}))

        assert shown == {"pot": 5}
        assert items_in(two.update(cart_id, shown)) == {"pot": 5}

    def test_what_is_answered_again_was_shown(
        self, one: Assistant, two: Assistant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An older answer, and one to a change that was made before."""
        cart_id = created(one, {"pot": 1})
        two.read(cart_id)
        first = two.update(cart_id, {"pot": 2}, Idempotency_Key="a")
        one.update(cart_id, {"pot": 1, "rare": 1})
        two.read(cart_id)
        again = two.update(cart_id, {"pot": 2}, Idempotency_Key="a")

        assert again.data == first.data
        assert items_in(two.update(cart_id, {"pot": 4})) == {"pot": 4, "rare": 1}

        monkeypatch.setattr("flask_cart.ucp.blueprint.keep_answer", lambda *given: None)
        two.update(cart_id, {"pot": 5, "rare": 1}, Idempotency_Key="b")
        one.read(cart_id)
        one.update(cart_id, {"pot": 9, "rare": 1})
        shown = items_in(
            two.update(cart_id, {"pot": 5, "rare": 1}, Idempotency_Key="b")
        )

        assert shown == {"pot": 9, "rare": 1}
        assert items_in(two.update(cart_id, shown)) == shown

    def test_who_takes_out_takes_what_it_has_seen(
        self, one: Assistant, two: Assistant
    ) -> None:
        """And leaves what has come since."""
        cart_id = created(one, {"pot": 2, "rare": 1})
        two.read(cart_id)
        one.update(cart_id, {"pot": 5, "rare": 1})

        assert items_in(two.update(cart_id, {"rare": 1})) == {"rare": 1, "pot": 3}

    def test_what_is_taken_out_already(self, one: Assistant, two: Assistant) -> None:
        """It cannot be taken out twice, and does not come back by itself."""
        cart_id = created(one, {"pot": 2, "rare": 1})
        two.read(cart_id)
        one.update(cart_id, {"rare": 1})

        assert items_in(two.update(cart_id, {"rare": 1})) == {"rare": 1}

        one.update(cart_id, {})
        answer = two.update(cart_id, {"rare": 1})

        assert items_in(answer) == {}
        assert told(answer) == [("error", "out_of_stock")]

    def test_who_has_seen_nothing(self, one: Assistant, two: Assistant) -> None:
        """It takes nothing out, and adds what is missing."""
        cart_id = created(one, {"pot": 2, "rare": 1})

        assert items_in(two.update(cart_id, {"pot": 3})) == {"pot": 3, "rare": 1}

    def test_the_same_again_is_the_same(self, one: Assistant) -> None:
        """As it is with PUT, also without a key."""
        cart_id = created(one, {"pot": 2})

        for _ in range(3):
            assert items_in(one.update(cart_id, {"pot": 4})) == {"pot": 4}

    def test_many_clients(self, shop: Storefront, one: Assistant) -> None:
        """Whoever was forgotten loses nothing of others."""
        cart_id = created(one, {"pot": 1, "rare": 1})

        for number in range(40):
            Assistant(shop.app, f"client{number}").read(cart_id)

        assert items_in(one.update(cart_id, {"pot": 2})) == {"pot": 2, "rare": 1}

    def test_who_cancels_meanwhile(
        self, one: Assistant, two: Assistant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A cart that is gone does not come back by a change of it."""
        cart_id = created(one, {"pot": 1})
        between(monkeypatch, lambda: two.cancel(cart_id))

        assert told(one.update(cart_id, {"pot": 2})) == [("error", "not_found")]
        assert told(one.read(cart_id)) == [("error", "not_found")]

    def test_who_changes_meanwhile(
        self, one: Assistant, two: Assistant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What has been read is not what counts."""
        cart_id = created(one, {"pot": 1})
        between(monkeypatch, lambda: two.update(cart_id, {"pot": 1, "rare": 2}))

        assert items_in(one.update(cart_id, {"pot": 2})) == {"pot": 2, "rare": 2}

    def test_a_cart_that_does_not_stop_changing(
        self, one: Assistant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is asked to come back in a while."""
        cart_id = created(one, {"pot": 1})

        def fail(*given: t.Any, **more: t.Any) -> None:
            raise CartConflictError("", expected_version=1, current_version=2)

        monkeypatch.setattr("flask_cart.ucp.sessions.replace_lines", fail)
        answer = one.update(cart_id, {"pot": 2})

        assert answer.status_code == 503
        assert read_json(answer)["code"] == "busy"
        assert answer.headers["Retry-After"] == "1"

    def test_what_is_cancelled_was_told(
        self, one: Assistant, two: Assistant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What comes in meanwhile is in the answer, or the cart stays."""
        cart_id = created(one, {"pot": 1})
        two.read(cart_id)
        original = Cart.destroy
        times = iter([1])

        def destroy(cart: Cart) -> None:
            if next(times, None):
                two.update(cart_id, {"pot": 1, "rare": 1})

            original(cart)

        monkeypatch.setattr(Cart, "destroy", destroy)

        assert items_in(one.cancel(cart_id)) == {"pot": 1, "rare": 1}

        cart_id = created(one, {"pot": 1})

        def fail(cart: Cart) -> None:
            raise CartConflictError("", expected_version=1, current_version=2)

        monkeypatch.setattr(Cart, "destroy", fail)

        assert one.cancel(cart_id).status_code == 503


def between(monkeypatch: pytest.MonkeyPatch, change: t.Callable[[], object]) -> None:
    """Let something happen between what a request reads, and what it writes."""
    from flask_cart.ucp import sessions

    original = sessions.replace_lines
    times = iter([1])

    def replace_lines(*given: t.Any, **more: t.Any) -> None:
        if next(times, None):
            change()

        original(*given, **more)

    monkeypatch.setattr(sessions, "replace_lines", replace_lines)


class TestPreconditions:
    def test_the_cart_that_is_meant(self, one: Assistant, two: Assistant) -> None:
        """Another one is not changed, and comes with the refusal."""
        answer = one.create({"pot": 1})
        cart_id, etag = read_json(answer)["id"], answer.headers["ETag"]
        two.update(cart_id, {"pot": 1, "rare": 1})
        refused = one.update(cart_id, {"pot": 2}, If_Match=etag)

        assert refused.status_code == 412
        assert items_in(refused) == {"pot": 1, "rare": 1}
        assert told(refused) == [("error", "cart_changed")]
        StandardCart.model_validate(refused.json)

        etag = refused.headers["ETag"]
        done = one.update(cart_id, {"pot": 2}, If_Match=etag)

        # It was shown what there is, and wants that.
        assert items_in(done) == {"pot": 2}

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            (lambda etag: etag, 200),
            (lambda etag: f"W/{etag}", 200),
            (lambda etag: f'"other", {etag}', 200),
            (lambda etag: "*", 200),
            (lambda etag: '"1-abc"', 412),
            (lambda etag: '"nonsense"', 412),
            (lambda etag: '"' + "9" * 30 + '"', 412),
            (lambda etag: "", 412),
        ],
    )
    def test_tags(
        self, one: Assistant, change: t.Callable[[str], str], status: int
    ) -> None:
        """As they come from caches, and from nowhere."""
        answer = one.create({"pot": 1})
        given = change(answer.headers["ETag"])
        cart_id = read_json(answer)["id"]

        assert one.update(cart_id, {"pot": 2}, If_Match=given).status_code == status

    def test_who_comes_between(
        self, one: Assistant, two: Assistant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the tag was right when it was looked at."""
        answer = one.create({"pot": 1})
        cart_id, etag = read_json(answer)["id"], answer.headers["ETag"]
        between(monkeypatch, lambda: two.update(cart_id, {"rare": 2}))
        refused = one.update(cart_id, {"pot": 2}, If_Match=etag)

        assert refused.status_code == 412
        assert items_in(refused) == {"pot": 1, "rare": 2}

    def test_who_only_looks_is_nobody(self, one: Assistant, two: Assistant) -> None:
        """What others are shown is no other cart."""
        answer = one.create({"pot": 1})
        cart_id, etag = read_json(answer)["id"], answer.headers["ETag"]
        two.read(cart_id)

        assert one.update(cart_id, {"pot": 2}, If_Match=etag).status_code == 200


class TestKeys:
    def test_the_same_request_has_the_same_answer(
        self, one: Assistant, two: Assistant
    ) -> None:
        """To the byte, whatever has become of the cart since."""
        first = one.create({"pot": 1}, Idempotency_Key="a")
        cart_id = read_json(first)["id"]
        two.update(cart_id, {"rare": 1})
        again = one.create({"pot": 1}, Idempotency_Key="a")

        assert (again.status_code, again.data) == (first.status_code, first.data)
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert items_in(one.read(cart_id)) == {"pot": 1, "rare": 1}

    def test_it_is_done_once(self, one: Assistant) -> None:
        """Changes and cancellations, too."""
        cart_id = created(one, {"pot": 1})
        first = one.update(cart_id, {"pot": 2}, Idempotency_Key="b")
        one.update(cart_id, {"pot": 7})

        assert one.update(cart_id, {"pot": 2}, Idempotency_Key="b").data == first.data
        assert items_in(one.read(cart_id)) == {"pot": 7}

        gone = one.cancel(cart_id, Idempotency_Key="c")

        assert one.cancel(cart_id, Idempotency_Key="c").data == gone.data

    def test_what_came_to_nothing_is_answered_again(self, one: Assistant) -> None:
        """As it was, although there is no cart."""
        first = one.create({"boat": 1}, Idempotency_Key="a")

        assert one.create({"boat": 1}, Idempotency_Key="a").data == first.data

    def test_another_body_is_refused(self, one: Assistant) -> None:
        """So is another address."""
        cart_id = read_json(one.create({"pot": 1}, Idempotency_Key="a"))["id"]

        for answer in (
            one.create({"pot": 2}, Idempotency_Key="a"),
            one.update(cart_id, {"pot": 1}, Idempotency_Key="a"),
            one.cancel(cart_id, Idempotency_Key='"a"'),
        ):
            assert answer.status_code == 409
            assert read_json(answer)["code"] == "idempotency_conflict"

        assert items_in(one.read(cart_id)) == {"pot": 1}

    def test_keys_of_others_are_others(self, one: Assistant, two: Assistant) -> None:
        """And nobody comes to a cart by somebody else's key."""
        mine = one.create({"pot": 1}, Idempotency_Key="a")
        theirs = two.create({"pot": 1}, Idempotency_Key="a")

        assert read_json(mine)["id"] != read_json(theirs)["id"]

    def test_an_answer_that_got_lost(
        self, one: Assistant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The change is not made again, also where the answer was not kept."""
        with monkeypatch.context() as patch:
            patch.setattr("flask_cart.ucp.blueprint.keep_answer", lambda *given: None)
            first = one.create({"pot": 1}, Idempotency_Key="a")
            cart_id = read_json(first)["id"]
            again = one.create({"pot": 1}, Idempotency_Key="a")

            assert read_json(again)["id"] == cart_id
            assert items_in(again) == {"pot": 1}

            one.update(cart_id, {"pot": 2}, Idempotency_Key="b")
            one.update(cart_id, {"pot": 9})
            one.update(cart_id, {"pot": 2}, Idempotency_Key="b")
            other = one.update(cart_id, {"pot": 3}, Idempotency_Key="b")

        assert other.status_code == 409
        assert items_in(one.read(cart_id)) == {"pot": 9}

    @pytest.mark.parametrize("end", ["nothing", "cancelled", "taken"])
    def test_a_forgotten_key_makes_a_new_cart(
        self, shop: Storefront, one: Assistant, end: str
    ) -> None:
        """It is not the older one, of which nobody speaks, and its link opens."""
        now = dt.datetime.now(dt.UTC)
        shop.extension.clock = lambda: now
        older = read_json(one.create({"pot": 1}, Idempotency_Key="a"))

        if end == "cancelled":
            one.cancel(older["id"])
        elif end == "taken":
            shop.app.test_client().post(older["continue_url"], base_url=SHOP)

        now += dt.timedelta(hours=26)
        newer = one.create({"rare": 2}, Idempotency_Key="a")
        again = one.create({"rare": 2}, Idempotency_Key="a")
        link = read_json(newer)["continue_url"]

        assert read_json(newer)["id"] != older["id"]
        assert again.data == newer.data
        assert shop.app.test_client().get(link, base_url=SHOP).status_code == 200

        left = one.read(older["id"])
        assert read_json(left)["ucp"]["status"] == (
            "success" if end == "nothing" else "error"
        )

    def test_an_answer_is_given_for_a_day(
        self, shop: Storefront, one: Assistant
    ) -> None:
        """After that, it is another request."""
        now = dt.datetime.now(dt.UTC)
        shop.extension.clock = lambda: now
        cart_id = created(one, {"pot": 1})
        one.update(cart_id, {"pot": 2}, Idempotency_Key="a")
        one.update(cart_id, {"pot": 5})

        now += dt.timedelta(hours=24)
        one.update(cart_id, {"pot": 2}, Idempotency_Key="a")
        assert items_in(one.read(cart_id)) == {"pot": 5}

        now += dt.timedelta(hours=2)
        one.update(cart_id, {"pot": 2}, Idempotency_Key="a")
        assert items_in(one.read(cart_id)) == {"pot": 2}

        # The later one is kept in the place of the one that is over.
        one.update(cart_id, {"pot": 5})
        one.update(cart_id, {"pot": 2}, Idempotency_Key="a")
        assert items_in(one.read(cart_id)) == {"pot": 5}

    def test_two_at_once_keep_one_answer(self, shop: Storefront) -> None:
        """The first one is that of both."""
        from flask_cart.carts.answers import Answer
        from flask_cart.carts.answers import keep_answer
        from flask_cart.carts.answers import kept_answer

        now = dt.datetime.now(dt.UTC)

        with shop.app.app_context():
            repository = shop.app.extensions["cart"].services.repository

            for body in ("1", "2"):
                answer = Answer("", 200, body, "", now + dt.timedelta(hours=1))
                keep_answer(repository, "t", answer, now)

            kept = kept_answer(repository, "t", now)

        assert kept is not None
        assert kept.body == "1"


class TestMessages:
    def test_what_is_short(self, one: Assistant) -> None:
        """As much as there is, with the place of the line and a sentence."""
        answer = one.create({"pot": 1, "rare": 9})
        (message,) = read_json(answer)["messages"]

        assert items_in(answer) == {"pot": 1, "rare": 3}
        assert message == {
            "type": "warning",
            "code": "quantity_adjusted",
            "content": "Rare book: Only 3 of it can be had.",
            "path": "$.line_items[1]",
        }

    def test_what_there_is_not(self, one: Assistant) -> None:
        """The rest comes all the same."""
        answer = one.create({"boat": 1, "pot": 1})
        (message,) = read_json(answer)["messages"]

        assert items_in(answer) == {"pot": 1}
        assert message["code"] == "item_unavailable"
        assert message["severity"] == "recoverable"
        assert message["path"] == "$.line_items"

    def test_options(self, one: Assistant) -> None:
        """They are told by the line, kept by its id, and missing ones are told of."""
        assert told(one.create({"mug": 1})) == [("error", "missing_option")]

        answer = one.send("POST", "", {"line_items": [MUG]})
        (line,) = read_json(answer)["line_items"]
        cart_id = read_json(answer)["id"]

        assert line["options"] == {"size": "L"}

        again = put(one, cart_id, {**line, "quantity": 5})
        (line,) = read_json(again)["line_items"]

        assert (line["quantity"], line["options"]) == (5, {"size": "L"})

        without = {"id": line["id"], "item": {"id": "mug"}, "quantity": 6}

        assert items_in(put(one, cart_id, without)) == {"mug": 6}

        wrong = {"item": {"id": "mug"}, "quantity": 1, "options": {"size": "XXL"}}

        assert told(put(one, cart_id, without, wrong)) == [("error", "bad_option")]

    def test_an_id_of_another_item(self, one: Assistant) -> None:
        """It is the item that counts."""
        cart_id = created(one, {"pot": 1})
        line = {"id": line_of("pot"), "item": {"id": "rare"}, "quantity": 1}

        assert items_in(put(one, cart_id, line)) == {"rare": 1}

    def test_the_same_item_twice(self, one: Assistant) -> None:
        """It is one line."""
        line = {"item": {"id": "pot"}, "quantity": 2}
        answer = one.send("POST", "", {"line_items": [line, line]})

        assert items_in(answer) == {"pot": 4}

    @pytest.mark.parametrize(
        ("unit", "is_sold"),
        [
            ({"unit": "C62", "display_text": "each"}, True),
            ({"unit": "C62", "scale": 0, "display_text": "each"}, True),
            ({"unit": "C62", "scale": 1, "display_text": "each"}, False),
            ({"unit": "KGM", "scale": 2, "display_text": "kg"}, False),
        ],
    )
    def test_units(self, one: Assistant, unit: Json, is_sold: bool) -> None:
        """A quantity in another unit is not taken for pieces."""
        cart_id = created(one, {"pot": 3})
        line = {"item": {"id": "pot", "quantity_unit": unit}, "quantity": 5}
        answer = put(one, cart_id, {**line, "id": line_of("pot")})

        if is_sold:
            assert items_in(answer) == {"pot": 5}
            assert told(answer) == []
        else:
            assert items_in(answer) == {"pot": 3}
            assert told(answer) == [("error", "quantity_unit_mismatch")]

    def test_what_is_not_sold_any_more(self, shop: Storefront, one: Assistant) -> None:
        """It may stay and become less, and the assistant is told."""
        cart_id = created(one, {"pot": 3, "rare": 1})
        rare = SHELF["rare"]
        shop.extension.product_loader(lambda ids: [rare] if "rare" in ids else [])
        answer = one.read(cart_id)

        assert told(answer) == [("error", "item_unavailable")]
        assert read_json(answer)["messages"][0]["path"] == "$.line_items[0]"

        pot = {"id": line_of("pot"), "item": {"id": "pot"}}
        book = {"item": {"id": "rare"}, "quantity": 1}
        answer = put(one, cart_id, {**pot, "quantity": 9}, book)

        assert items_in(answer) == {"pot": 3, "rare": 1}
        assert told(answer) == [("error", "item_unavailable")]
        assert items_in(put(one, cart_id, {**pot, "quantity": 1}, book)) == {
            "pot": 1,
            "rare": 1,
        }

    def test_what_is_not_sold_like_that(self, shop: Storefront, one: Assistant) -> None:
        """In another currency, for one."""
        cart_id = created(one, {"pot": 1})

        with shop.app.app_context():
            (key,) = (
                each.key
                for each in t.cast(t.Any, shop.extension.storage).scan()
                if each.key.is_cart
            )
            cart = shop.extension.cart(owner=key.owner)
            cart.change_currency("USD", prices={line_of("pot"): 45})

        answer = one.read(cart_id)
        assert read_json(answer)["currency"] == "USD"

        line = {"item": {"id": "rare"}, "quantity": 1}
        pot = {"id": line_of("pot"), "item": {"id": "pot"}, "quantity": 1}
        answer = put(one, cart_id, pot, line)

        assert told(answer)[-1] == ("error", "item_unavailable")

        # One that is in euros alone has no price here, and the line keeps its own.
        euros = t.cast(t.Any, Money("50.00", "EUR"))
        shop.extension.product_loader(lambda ids: [Product("pot", "Pot", euros)])
        answer = one.read(cart_id)

        assert read_json(answer)["line_items"][0]["item"]["price"] == 4500
        assert told(answer) == []

    def test_prices_and_stock_of_now(self, shop: Storefront, one: Assistant) -> None:
        """The cart has the prices of the shop, and tells what is otherwise."""
        cart_id = created(one, {"pot": 2, "rare": 3})
        now = {
            "pot": Product("pot", "Pot", "45.00"),
            "rare": Product("rare", "Rare book", "99.99", cart_available=1),
        }
        shop.extension.product_loader(lambda ids: [now[each] for each in ids])
        answer = one.read(cart_id)
        price, stock = read_json(answer)["messages"]

        assert read_json(answer)["line_items"][0]["item"]["price"] == 4500
        assert price == {
            "type": "warning",
            "code": "price_changed",
            "content": "Pot costs €45.00 now.",
            "path": "$.line_items[0]",
        }
        assert stock["code"] == "out_of_stock"
        assert stock["path"] == "$.line_items[1]"

        # Told once; what is not there stays so.
        assert told(one.read(cart_id)) == [("error", "out_of_stock")]

    def test_another_language(self, shop: Storefront, one: Assistant) -> None:
        """What shoppers are told, they are told in theirs."""
        Babel(shop.app, locale_selector=lambda: "de")
        cart_id = created(one, {"pot": 2})
        kettle = Product("pot", "Pot", "45.00")
        shop.extension.product_loader(lambda ids: [kettle])
        [price] = read_json(one.read(cart_id))["messages"]

        assert price["content"] == "Pot kostet jetzt 45,00\xa0€."

    def test_another_name(self, shop: Storefront, one: Assistant) -> None:
        """It is taken over, and is nothing to be told."""
        cart_id = created(one, {"pot": 2})
        kettle = Product("pot", "Kettle", "40.00")
        shop.extension.product_loader(lambda ids: [kettle])
        answer = one.read(cart_id)

        assert read_json(answer)["line_items"][0]["item"]["title"] == "Kettle"
        assert told(answer) == []

    def test_what_is_sold_from_a_quantity_on(
        self, shop: Storefront, one: Assistant, two: Assistant
    ) -> None:
        """Where nothing of it can be done, nothing is, and it is told why."""

        class Screws(Product):
            cart_minimum = 10
            cart_step = 5

        screws = Screws("screw", "Screw", "0.10")
        shop.extension.product_loader(lambda ids: [screws])

        assert told(one.create({"screw": 3})) == [("error", "out_of_stock")]

        answer = one.create({"screw": 12})

        assert items_in(answer) == {"screw": 10}
        assert told(answer) == [("warning", "quantity_adjusted")]

    def test_a_veto(self, shop: Storefront, one: Assistant) -> None:
        """It is told in its own words, with the cart as it is."""
        cart_id = created(one, {"pot": 1})
        reason = "Not on Sundays."

        def refuse(app: Flask, **extra: t.Any) -> None:
            raise CartVetoError(reason)

        with before_change.connected_to(refuse, shop.app):
            answer = one.update(cart_id, {"pot": 2})
            created_then = one.create({"pot": 2})

        assert items_in(answer) == {"pot": 1}
        assert told(answer) == [("error", "refused")]
        assert read_json(answer)["messages"][0]["content"] == reason
        ErrorResponse.model_validate(created_then.json)

    @pytest.mark.parametrize("names_it", [True, False])
    def test_what_is_not_sold_any_more_stays(
        self, one: Assistant, monkeypatch: pytest.MonkeyPatch, names_it: bool
    ) -> None:
        """As many as there are, also for a client that sends no ids of lines."""
        cart = read_json(one.create({"pot": 2, "rare": 1}))
        monkeypatch.delitem(SHELF, "pot")
        pot: Json = {"item": {"id": "pot"}, "quantity": 3}

        if names_it:
            pot["id"] = cart["line_items"][0]["id"]

        answer = put(one, cart["id"], pot)

        assert items_in(answer) == {"pot": 2}
        assert told(answer)[0] == ("error", "item_unavailable")

    def test_a_veto_of_a_cancellation(self, shop: Storefront, one: Assistant) -> None:
        """The cart stays, and it is told why."""
        cart_id = created(one, {"pot": 1})

        def refuse(app: Flask, **extra: t.Any) -> None:
            raise CartVetoError("Not on Sundays.")

        with before_change.connected_to(refuse, shop.app):
            answer = one.cancel(cart_id)

        assert told(answer) == [("error", "refused")]
        assert items_in(answer) == items_in(one.read(cart_id)) == {"pot": 1}

    def test_a_veto_of_a_price(
        self, shop: Storefront, one: Assistant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who reads the cart gets it, with the price that it keeps."""
        cart_id = created(one, {"pot": 1})
        monkeypatch.setitem(SHELF, "pot", Product("pot", "Pot", "41.00"))

        def refuse(app: Flask, **extra: t.Any) -> None:
            raise CartVetoError("Not on Sundays.")

        with before_change.connected_to(refuse, shop.app):
            answer = one.read(cart_id)

        assert read_json(answer)["totals"][-1]["amount"] == 4000

    def test_a_mistake_of_the_shop_is_not_hidden(
        self, one: Assistant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is no client's business is an error of the server."""

        def fail(*given: t.Any, **more: t.Any) -> None:
            raise CartConfigError("A bug.")

        monkeypatch.setattr("flask_cart.ucp.sessions.replace_lines", fail)

        assert one.create({"pot": 1}).status_code == 500

    def test_words_of_the_shop(self, shop: Storefront, one: Assistant) -> None:
        """What problems are told as goes through its function."""
        shop.extension.wording(lambda code, text, about: text.upper())
        answer = one.create({"mug": 1})

        assert read_json(answer)["messages"][0]["content"].startswith("CHOOSE ONE")


class TestAnyStorage:
    @pytest.mark.parametrize(
        ("error", "code", "seconds"),
        [
            (CartStorageError("down"), "unavailable", "5"),
            (CartBusyError("b"), "busy", "1"),
        ],
    )
    def test_a_storage_that_fails(
        self,
        one: Assistant,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        code: str,
        seconds: str,
    ) -> None:
        """It is told when to come back."""
        cart_id = created(one, {"pot": 1})

        def fail(*given: t.Any, **more: t.Any) -> None:
            raise error

        monkeypatch.setattr("flask_cart.ucp.sessions.replace_lines", fail)
        answer = one.update(cart_id, {"pot": 2})

        assert answer.status_code == 503
        assert read_json(answer)["code"] == code
        assert answer.headers["Retry-After"] == seconds

    def test_what_is_left_is_pruned(self, shop: Storefront, one: Assistant) -> None:
        """What is kept beside a cart goes when it is of no use any more."""
        now = dt.datetime.now(dt.UTC)
        shop.extension.clock = lambda: now
        cart_id = created(one, {"pot": 1})
        one.create({"pot": 1}, Idempotency_Key="a")
        one.cancel(cart_id)
        runner = shop.app.test_cli_runner()
        runner.invoke(args=["cart", "prune", "--yes"])
        kinds = {key.partition(":")[0] for key in stored_keys(shop)}

        assert kinds == {"ucp", "@link", "@answer"}

        # Of the cart that is still there, what was shown is still of use.
        now += dt.timedelta(days=2)
        runner.invoke(args=["cart", "prune", "--yes"])
        names = sorted(each.partition("/")[2] for each in stored_keys(shop))

        assert names == ["default", "default", "default", "~shown"]

        now += dt.timedelta(days=500)
        runner.invoke(args=["cart", "prune", "--yes"])
        runner.invoke(args=["cart", "prune", "--yes"])

        assert stored_keys(shop) == []

    def test_what_is_kept_beside_is_no_cart(
        self, shop: Storefront, one: Assistant, tmp_path: Path
    ) -> None:
        """Commands that list carts do not see it."""
        created(one, {"pot": 1})
        runner = shop.app.test_cli_runner()
        path = str(tmp_path / "carts.jsonl")

        assert runner.invoke(args=["cart", "export", path]).exit_code == 0
        assert len(Path(path).read_text().splitlines()) == 1
        assert "shown" not in runner.invoke(args=["cart", "list"]).output

    def test_a_damaged_note_is_left(self, shop: Storefront, one: Assistant) -> None:
        """Pruning does not stumble over it."""
        key = CartKey("@answer:x", "default")

        with shop.app.app_context():
            shop.extension.storage.save(key.owner, {"default": Change.on(0, "{")})

        result = shop.app.test_cli_runner().invoke(args=["cart", "prune", "--yes"])

        assert result.exit_code == 0


class TestHandingOver:
    def test_the_shopper_has_the_cart(self, shop: Storefront, one: Assistant) -> None:
        """With the same total, and the assistant is told that it is gone."""
        answer = one.create({"pot": 2, "rare": 1})
        cart_id, link = read_json(answer)["id"], read_json(answer)["continue_url"]
        total = read_json(answer)["totals"][-1]
        client = shop.app.test_client()

        assert one.read(cart_id).json == answer.json

        page = client.get(link, base_url=SHOP)

        assert page.status_code == 200
        assert client.post(link, base_url=SHOP).status_code == 303

        cart = read_json(client.get("/cart/", base_url=SHOP, headers=JSON))

        assert total == {"type": "total", "amount": 17999}
        assert cart["total"] == "179.99"

        for gone in (one.read(cart_id), one.update(cart_id, {"pot": 1})):
            assert told(gone) == [("error", "not_found")]
            assert "taken this cart over" in read_json(gone)["messages"][0]["content"]

    def test_the_link_is_made_anew_if_it_is_gone(
        self, shop: Storefront, one: Assistant
    ) -> None:
        """The cart is asked for again, and the link is the same."""
        answer = one.create({"pot": 2})
        link = read_json(answer)["continue_url"]
        token = link.rpartition("/")[2].partition(".")[0]

        with shop.app.app_context():
            # As a cache forgets it.
            links_in(shop.app.extensions["cart"].services.repository).change(
                token, lambda note: None
            )

        client = shop.app.test_client()
        assert client.get(link, base_url=SHOP).status_code == 404

        again = one.read(read_json(answer)["id"])

        assert read_json(again)["continue_url"] == link
        assert client.get(link, base_url=SHOP).status_code == 200

    def test_a_link_that_is_revoked_stays_so(
        self, shop: Storefront, one: Assistant
    ) -> None:
        """Whatever the assistant does with its cart."""
        answer = one.create({"pot": 2})
        cart_id, link = (read_json(answer)[each] for each in ("id", "continue_url"))

        with shop.app.app_context():
            assert shop.extension.revoke_link(link)
            assert not shop.extension.revoke_link(link)

        one.read(cart_id)
        one.update(cart_id, {"pot": 3})
        client = shop.app.test_client()

        assert client.get(link, base_url=SHOP).status_code == 404
        assert client.post(link, base_url=SHOP).status_code == 404
