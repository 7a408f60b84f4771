"""What a shopper is told: in the words of the shop, and of codes beside their field."""

from __future__ import annotations

import re
import typing as t

import pytest
from flask.testing import FlaskClient

from flask_cart import CartQuantityError
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import rule
from flask_cart.app.wording import describe
from tests.support.storefronts import COUPONS
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import codes
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show

MUG = line_of("mug", size="L")


@pytest.fixture
def told(shop: Storefront) -> list[tuple[str, str, t.Any]]:
    """What the shop was asked to say; it says it in capitals."""
    told: list[tuple[str, str, t.Any]] = []

    @shop.extension.wording
    def tell(code: str, text: str, about: t.Any) -> str:
        told.append((code, text, about))

        return text.upper()

    return told


def said(client: FlaskClient, path: str, **fields: str) -> str:
    """What the page says after a form."""
    page = client.post(path, data=fields, follow_redirects=True).text
    messages, _, _ = page.partition('<template id="cart-failed">')

    return " ".join(re.findall(r"<p>([^<]*)</p>\s*(?:<form|<button type)", messages))


@pytest.mark.parametrize(
    ("path", "fields", "code", "words"),
    [
        ("lines", {"item": "pot"}, "added", "POT IS IN YOUR CART."),
        (f"lines/{MUG}", {"quantity": "2"}, "changed", "YOUR CART IS UP TO DATE."),
        (f"lines/{MUG}/increment", {}, "changed", "YOUR CART IS UP TO DATE."),
        (f"lines/{MUG}/remove", {}, "removed", "MUG IS OUT OF YOUR CART."),
        (f"lines/{MUG}/restore", {}, "restored", "MUG IS BACK IN YOUR CART."),
        ("lines/0/restore", {}, "nothing-to-restore", "THAT CANNOT BE PUT BACK ANY"),
        (f"lines/{MUG}/move", {"to": "later"}, "moved", "MUG IS MOVED."),
        ("coupons", {"code": "TEN"}, "coupon-noted", "TEN IS NOTED."),
        ("coupons/TEN/remove", {}, "coupon-removed", "TEN IS REMOVED."),
        ("shipping", {"method": "Post"}, "shipping-chosen", "POST IS CHOSEN."),
        ("shipping/clear", {}, "shipping-cleared", "NO SHIPPING IS CHOSEN."),
        ("metadata", {"metadata.note": "Hi"}, "noted", "IT IS NOTED."),
        ("clear", {}, "cleared", "YOUR CART IS EMPTY NOW."),
        ("lines", {"item": "boat"}, "unknown-item", "THERE IS NO ITEM"),
        ("lines", {"item": "rare", "quantity": "9"}, "not-enough", "ONLY 3"),
    ],
)
def test_the_words_of_the_shop(
    client: FlaskClient,
    told: list[tuple[str, str, t.Any]],
    path: str,
    fields: dict[str, str],
    code: str,
    words: str,
) -> None:
    """All that the pages say goes through the shop's function first."""
    fill(client)
    told.clear()

    assert words in said(client, f"/cart/{path}", **fields)
    assert [each[0] for each in told] == [code]


def test_what_it_is_about(
    client: FlaskClient, told: list[tuple[str, str, t.Any]]
) -> None:
    """The function gets the line, the code or the error; of a repetition, nothing."""
    fields = {"item": "pot", "cart_key": "k"}
    client.post("/cart/lines", data=fields)
    client.post("/cart/lines", data=fields)
    client.post("/cart/coupons", data={"code": "TEN"})
    client.post("/cart/shipping", data={"method": "Bike"})
    client.post("/cart/lines", json={"item": "rare", "quantity": 4})
    line, nothing, coupon, method, error = [about for _, _, about in told]

    assert (line.name, line.quantity) == ("Pot", 1)
    assert nothing is None
    assert coupon == "TEN"
    assert method == "Bike"
    assert (error.item_id, error.limit) == ("rare", 3)


def test_the_words_of_a_problem_document(
    client: FlaskClient, told: list[tuple[str, str, t.Any]]
) -> None:
    """A client of the API reads the same."""
    answer = client.post("/cart/lines", json={"item": "rare", "quantity": 4})

    assert answer.json["detail"] == told[0][1].upper()


def test_nothing_to_say(shop: Storefront, client: FlaskClient) -> None:
    """An empty text is not shown."""
    shop.extension.wording(lambda code, text, about: "")
    client.post("/cart/lines", data={"item": "pot"})

    assert "cart-message-success" not in client.get("/cart/").text


def test_a_code_is_refused_at_its_field(client: FlaskClient) -> None:
    """The reason is beside the field, with what was typed, until the next page."""
    fill(client)
    code = 'FR"EE<b>'
    page = client.post("/cart/coupons", data={"code": code}, follow_redirects=True).text
    field = re.search(r'<input id="cart-code".*?>', page, re.DOTALL)

    assert 'role="alert">There is no such code.' in page
    assert field is not None
    assert 'value="FR&#34;EE&lt;b&gt;" aria-invalid="true"' in field[0]
    assert "cart-message-error" not in page.partition("<template")[0]
    assert "There is no such code" not in client.get("/cart/").text


def test_a_code_for_an_empty_cart(client: FlaskClient) -> None:
    """Where there is no field for codes, the reason is a message."""
    assert said(client, "/cart/coupons", code="FREE") == "There is no such code."


def test_a_code_that_is_over(shop: Storefront, client: FlaskClient) -> None:
    """The loader refuses a code with a sentence; in a cart already, it does nothing,
    and the others go on."""
    ended: set[str] = set()

    @shop.extension.coupon_loader
    def load(code: str) -> Condition | None:
        if code in ended:
            raise CartVetoError(f"{code} ended yesterday.")

        return COUPONS.get(code)

    fill(client)

    for code in COUPONS:
        client.post("/cart/coupons", json={"code": code}, headers=JSON)

    before = show(client)
    ended.add("TEN")
    again = client.post("/cart/coupons", json={"code": "TEN"}, headers=JSON)
    after = show(client)

    assert (before["total"], after["total"]) == ("28.75", "32.50")
    assert again.status_code == 422
    assert again.json["detail"] == "TEN ended yesterday."


@pytest.mark.parametrize(
    ("most", "kept"), [(None, "A B C D"), (1, "D"), (2, "C D"), (5, "A B C D")]
)
def test_how_many_coupons(tmp_path, most: int | None, kept: str) -> None:
    """A coupon too many takes the place of the oldest, one that is there already of
    none."""
    with open_storefront("memory", folder=tmp_path, CART_MAX_COUPONS=most) as shop:
        shop.extension.coupon_loader(lambda c: Condition(c, "coupon", "subtotal", "-1"))
        client = shop.app.test_client()
        fill(client)

        for code in "ABCDD":
            client.post("/cart/coupons", json={"code": code}, headers=JSON)

        assert codes(client) == kept.split()


@pytest.mark.parametrize(
    ("term", "limit", "code", "words"),
    [
        ("available", 0, "out-of-stock", "This is sold out."),
        ("available", 3, "not-enough", "Only 3 left, counting those in your cart."),
        ("maximum", 5, "above-maximum", "You can have 5 of this, and no more."),
        ("minimum", 6, "below-minimum", "This is sold from 6 pieces on."),
        ("step", 6, "not-a-multiple", "This is sold in multiples of 6."),
    ],
)
def test_quantities_in_which_nothing_is_sold(
    term: str, limit: int, code: str, words: str
) -> None:
    """Each term of a product has a sentence of its own."""
    error = CartQuantityError(
        "no", item_id="egg", term=term, limit=limit, in_cart=1, wanted=7
    )

    problem = describe(error)

    assert problem is not None
    assert (problem.code, problem.detail) == (code, words)


def test_what_is_in_the_cart_is_counted_only_if_there_is_some() -> None:
    """Who has none of it is not told of it."""
    error = CartQuantityError(
        "no", item_id="egg", term="available", limit=3, in_cart=0, wanted=7
    )
    problem = describe(error)

    assert problem is not None
    assert problem.detail == "Only 3 left."


def test_no_undo_of_what_is_gone(shop: Storefront, client: FlaskClient) -> None:
    """What the shop has no more cannot be put back."""
    fill(client)
    shop.extension.product_loader(lambda ids: [])

    page = client.post(f"/cart/lines/{MUG}/remove", follow_redirects=True).text

    assert "Mug is out of your cart." in page
    assert "cart-undo" not in page


def test_a_mistake_of_the_developer(
    shop: Storefront, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the app's, and not told to the shopper as a problem of theirs."""
    shop.extension._registry.catalogue.loader = None

    answer = client.post("/cart/lines", data={"item": "mug"})

    assert answer.status_code == 500
    assert "product_loader" in caplog.text
    assert "product_loader" not in answer.text


def test_why_a_condition_does_nothing(
    shop: Storefront, client: FlaskClient, told: list[tuple[str, str, t.Any]]
) -> None:
    """The shop words it for pages, for JSON and for the app itself alike."""
    rich = rule("total_at_least", amount=10_000)

    @shop.extension.condition_provider
    def provide(facts: Facts) -> list[Condition]:
        return [Condition("RICH", "discount", "subtotal", "-10%", rule=rich)]

    client.post("/cart/lines", data={"item": "pot"})
    (shown,) = client.get("/cart/", headers=JSON).json["conditions"]
    code, text, about = told[-1]

    assert shown["code"] == code == about.code == "rule_not_met"
    assert text.startswith("it needs €10,000.00, there are ")
    assert shown["reason"] == text.upper()
    assert f"<small>{text.upper()}</small>" in client.get("/cart/").text

    with shop.app.app_context():
        assert shop.extension.reason_of(about) == text.upper()
