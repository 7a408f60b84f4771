"""What a shopper has removed, one click or request puts back as it was."""

from __future__ import annotations

import re
import typing as t

import pytest
from flask.testing import FlaskClient

from flask_cart import Condition
from flask_cart import current_cart
from tests.support.storefronts import JSON
from tests.support.storefronts import SHELF
from tests.support.storefronts import Storefront
from tests.support.storefronts import show

GIFT = Condition("GIFT", "fee", "item", "2")


def personalise(shop: Storefront, client: FlaskClient) -> str:
    """Let the shop add a mug with a name on it, between two other things."""

    def add() -> str:
        with current_cart.batch():
            current_cart.add(SHELF["pot"])
            line = current_cart.add(
                SHELF["mug"],
                2,
                price="17.50",
                options={"size": "L", "name": "Ada"},
                attributes={"secret": "costs us 3.00"},
            )
            current_cart.add_condition(GIFT, line=line.id)
            current_cart.add("wrap", name="Wrap", price=1)

        return line.id

    shop.app.add_url_rule("/personalise", view_func=add, methods=["POST"])

    return client.post("/personalise").text


def undo_form(page: str) -> tuple[str, dict[str, str]]:
    (form,) = re.findall(r'<form class="cart-form cart-undo".*?</form>', page, re.S)
    (action,) = re.findall(r'action="([^"]+)"', form)

    return action, dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))


@pytest.mark.parametrize(
    ("way", "fields"),
    [("/remove", {}), ("", {"quantity": "0"}), ("/increment", {"by": "-2"})],
)
def test_by_the_page(any_shop: Storefront, way: str, fields: dict[str, str]) -> None:
    """On every storage: the price, the attributes, the conditions, and the place."""
    client = any_shop.app.test_client()
    line_id = personalise(any_shop, client)
    before = show(client)
    page = client.post(
        f"/cart/lines/{line_id}{way}", data=fields, follow_redirects=True
    ).text
    assert len(show(client)["lines"]) == 2

    action, fields = undo_form(page)
    assert "secret" not in page
    assert "costs us" not in page
    assert not {"price", "quantity", "item"} & fields.keys()

    for _ in range(2):
        answer = client.post(action, data=fields, follow_redirects=True)
        assert "Mug is back in your cart." in answer.text

    after = show(client)
    assert after["lines"] == before["lines"]
    assert after["total"] == before["total"]


def test_by_json(any_shop: Storefront) -> None:
    """The address of the line that was deleted is all that a client has to know."""
    client = any_shop.app.test_client()
    line_id = personalise(any_shop, client)
    before = show(client)["lines"]
    client.delete(f"/cart/lines/{line_id}", headers=JSON)

    for _ in range(2):
        answer = client.post(f"/cart/lines/{line_id}/restore", headers=JSON)
        assert answer.json["lines"] == before


def test_what_can_be_put_back_is_in_the_cart(any_shop: Storefront) -> None:
    """After a reload, a client still knows what was removed, the last one first, and
    nothing of what is the shop's own; on every storage."""
    client = any_shop.app.test_client()
    line_id = personalise(any_shop, client)
    pot, mug, wrap = (each["id"] for each in show(client)["lines"])
    assert mug == line_id

    for each in (mug, pot, wrap):
        client.delete(f"/cart/lines/{each}", headers=JSON)

    cart = show(client)
    assert [each["id"] for each in cart["removed"]] == [wrap, pot, mug]
    assert cart["removed"][2] == {
        "id": mug,
        "item": "mug",
        "name": "Mug",
        "quantity": 2,
        "options": {"size": "L", "name": "Ada"},
    }

    for each in cart["removed"]:
        answer = client.post(restore_step(cart, each["id"]), headers=JSON)
        assert answer.status_code == 200

    assert [each["id"] for each in answer.json["lines"]] == [pot, mug, wrap]
    assert answer.json["removed"] == []
    assert "restore" not in {each["name"] for each in answer.json["next"]}


def restore_step(cart: dict[str, t.Any], line_id: str) -> str:
    """The address that a cart tells for it."""
    (step,) = (each for each in cart["next"] if each["name"] == "restore")
    assert step["method"] == "POST"

    return t.cast(str, step["href"]).replace("{line_id}", line_id)


def test_what_cannot_be_put_back_is_not_offered(
    shop: Storefront, client: FlaskClient
) -> None:
    """Neither what is there again, nor what is sold no more, nor what was cleared."""
    personalise(shop, client)

    for each in show(client)["lines"]:
        client.delete(f"/cart/lines/{each['id']}", headers=JSON)

    client.post("/cart/lines", json={"item": "pot"})
    assert offered(client) == ["wrap", "mug"]
    shop.extension.product_loader(lambda ids: [])
    assert offered(client) == ["wrap"]
    client.delete("/cart/", headers=JSON)
    assert offered(client) == []


def offered(client: FlaskClient) -> list[str]:
    return [each["item"] for each in show(client)["removed"]]


def test_what_is_removed_first_is_forgotten_first(
    shop: Storefront, client: FlaskClient
) -> None:
    """The cart remembers three."""
    items = [f"item-{number}" for number in range(5)]
    shop.extension.product_loader(None)

    def add() -> str:
        for each in items:
            current_cart.add(each, price=1)

        for line in list(current_cart):
            current_cart.remove(line.id)

        return ""

    shop.app.add_url_rule("/add", view_func=add)
    client.get("/add")

    assert offered(client) == ["item-4", "item-3", "item-2"]


def test_a_client_gives_no_price(shop: Storefront, client: FlaskClient) -> None:
    """There is no field for anything."""
    line_id = personalise(shop, client)
    before = show(client)["lines"]
    client.delete(f"/cart/lines/{line_id}", headers=JSON)
    address = f"/cart/lines/{line_id}/restore"

    for body in ({"price": "0.01"}, {"quantity": 9}, {"line": {}}):
        assert client.post(address, json=body).status_code == 422

    client.post(address, data={"price": "0.01", "quantity": "9"})
    assert show(client)["lines"] == before


def test_what_was_never_there(shop: Storefront, client: FlaskClient) -> None:
    """Neither what was made up, nor what is another shopper's."""
    line_id = personalise(shop, client)
    client.delete(f"/cart/lines/{line_id}", headers=JSON)
    thief = shop.app.test_client()

    for address in (line_id, "0" * 64, "nix"):
        answer = thief.post(f"/cart/lines/{address}/restore", headers=JSON)
        assert answer.status_code == 404
        assert answer.json["detail"] == "That cannot be put back any more."

    assert show(thief)["lines"] == []


def test_sold_out(shop: Storefront, client: FlaskClient) -> None:
    """The shopper is told how many there are left."""
    rare = {"item": "rare", "quantity": 3}
    line_id = client.post("/cart/lines", json=rare).json["lines"][0]["id"]
    client.delete(f"/cart/lines/{line_id}", headers=JSON)
    few = [t.cast(t.Any, SHELF["rare"])]
    shop.extension.product_loader(
        lambda ids: [type(few[0])("rare", "Rare book", "99.99", cart_available=1)]
    )
    answer = client.post(f"/cart/lines/{line_id}/restore", headers=JSON)

    assert (answer.status_code, answer.json["code"]) == (422, "not-enough")


@pytest.mark.parametrize("by_id", [True, False])
def test_a_line_without_a_product(
    shop: Storefront, client: FlaskClient, by_id: bool
) -> None:
    """What the shop has added by an id can be put back, whatever there is."""
    personalise(shop, client)
    (wrap,) = [e["id"] for e in show(client)["lines"] if e["item"] == "wrap"]

    if not by_id:
        shop.extension._registry.catalogue.loader = None

    page = client.post(f"/cart/lines/{wrap}/remove", follow_redirects=True).text
    action, fields = undo_form(page)
    client.post(action, data=fields)

    assert [each["item"] for each in show(client)["lines"]] == ["pot", "mug", "wrap"]


def test_an_update_offers_nothing(shop: Storefront, client: FlaskClient) -> None:
    """Only what is gone can be put back."""
    line_id = personalise(shop, client)
    address = f"/cart/lines/{line_id}/increment"

    assert "cart-undo" not in client.post(address, follow_redirects=True).text


@pytest.mark.parametrize("count", ["", "1"])
def test_of_a_move(any_shop: Storefront, count: str) -> None:
    """What was moved comes back to its place, and no more of it than was moved."""
    client = any_shop.app.test_client()
    line_id = personalise(any_shop, client)
    before = show(client)
    fields = {"to": "later"} | ({"quantity": count} if count else {})
    page = client.post(
        f"/cart/lines/{line_id}/move", data=fields, follow_redirects=True
    ).text

    assert "Mug is moved." in page
    assert "put Mug back" in page
    assert [e["quantity"] for e in show(client, "later")["lines"]] == [int(count or 2)]

    action, fields = undo_form(page)
    client.post(action, data=fields)

    assert show(client)["lines"] == before["lines"]
    assert show(client, "later")["lines"] == []


def test_of_an_emptied_cart(any_shop: Storefront) -> None:
    """All lines come back to their places, with the note and the coupon; once."""
    client = any_shop.app.test_client()
    personalise(any_shop, client)
    client.post("/cart/metadata", data={"metadata.note": "Ring twice"})
    client.post("/cart/coupons", data={"code": "TEN"})
    before = show(client)
    page = client.post("/cart/clear", follow_redirects=True).text

    assert "put Pot and 2 more back" in page

    action, fields = undo_form(page)

    for _ in range(2):
        page = client.post(action, data=fields, follow_redirects=True).text
        assert "Everything is back in your cart." in page

    other = {"version": 0, "order_token": ""}
    assert show(client) | other == before | other

    again = client.post(action, data=fields | {"cart_key": "x"}, follow_redirects=True)
    assert "That cannot be put back any more." in again.text


def test_of_an_emptied_list(shop: Storefront, client: FlaskClient) -> None:
    """It says what was in it; of what was empty nothing is offered."""
    assert "cart-undo" not in client.post("/cart/clear", follow_redirects=True).text

    for item in ("pot", "rare"):
        client.post("/cart/wishlist/lines", data={"item": item})

    page = client.post("/cart/wishlist/clear", follow_redirects=True).text
    assert "put Pot and Rare book back" in page

    action, fields = undo_form(page)
    assert client.post(action, data=fields).location == "/cart/wishlist/"
    assert [e["item"] for e in show(client, "wishlist")["lines"]] == ["pot", "rare"]

    client.post("/cart/metadata", data={"metadata.note": "Ring twice"})
    page = client.post("/cart/clear", follow_redirects=True).text
    assert "put everything back" in page


def test_other_carts(shop: Storefront, client: FlaskClient) -> None:
    """A wish comes back to the list of wishes."""
    client.post("/cart/wishlist/lines", data={"item": "pot"})
    (wish,) = show(client, "wishlist")["lines"]
    page = client.post(
        f"/cart/wishlist/lines/{wish['id']}/remove", follow_redirects=True
    ).text
    action, fields = undo_form(page)
    client.post(action, data=fields)

    assert show(client, "wishlist")["lines"] == [wish]
    assert show(client)["lines"] == []
