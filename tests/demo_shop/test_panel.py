"""The developer's panel of the demo shop: what is behind its pages."""

import json
import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import func
from sqlalchemy import select

from demo_shop.extensions import db
from demo_shop.models import Trace
from demo_shop.services import tracing
from demo_shop.services.differences import differences
from tests.support.browsers import Visits
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.windows import button


def toggle(visitor: Visitor, path: str = "/") -> str:
    """Press the button at the end of a page."""
    form = visitor.get(path).partition('action="/panel/"')[2]
    there = form.partition('name="next" value="')[2].partition('"')[0]

    return visitor.follow(visitor.client.post("/panel/", data={"next": there}))


def requests(page: str) -> list[str]:
    """What the panel says of each request, the newest first."""
    return page.split('<details class="panel-request"')[1:]


def kept(shop: Shop) -> int:
    """How many requests are noted, of everybody."""
    with shop.app.app_context():
        return db.session.scalar(select(func.count(Trace.id))) or 0


def test_nothing_is_noted_until_it_is_opened(shop: Shop, visitor: Visitor) -> None:
    """It is closed at first, and then costs no cookie and no statement. It stays open
    on the next pages, and what was noted is forgotten when it is closed."""
    answer = visitor.client.get("/race/", headers={"Cookie": "panel=of-somebody-else"})

    assert "Behind this page" not in answer.text
    assert "panel=" not in "".join(answer.headers.getlist("Set-Cookie"))
    assert kept(shop) == 0

    with shop.visitor().client.get("/goods/anchor") as error:
        assert "what is behind the page" in error.text
        assert "Set-Cookie" not in error.headers

    assert "Behind this page" in toggle(visitor, "/goods/harbour-mug?x=1")
    assert "GET /goods/harbour-mug?x=1</code>" in requests(visitor.page)[0]
    assert "Behind this page" in visitor.get("/activity/")
    assert kept(shop) == 2

    assert "Behind this page" not in toggle(visitor, "/basket/")
    assert kept(shop) == 0


def test_it_shows_what_a_request_did(visitor: Visitor) -> None:
    """Of the form and of the page that it led to: signals in order, saves by number and
    with what is different, statements, the code, and the basket as JSON."""
    toggle(visitor)
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.add("harbour-mug", "MUG-NAVY")
    shown, second, product, basket, first, *_ = requests(visitor.page)

    assert "<code>GET /basket/</code>" in shown
    assert "this page" in shown
    assert "<code>POST /basket/lines</code>" in second
    assert "save #3 of the default cart · 3 signals" in second
    assert re.findall(r'panel-signal">(\w+)', second) == [
        "before_change",
        "item_updated",
        "cart_updated",
    ]
    change = "<code>lines.MUG-NAVY.quantity</code>: <del>1</del> <ins>2</ins>"

    assert change in second
    assert "UPDATE carts SET" in second
    assert "demo_shop/views/catalogue.py</code>, lines" in product
    assert "def product(slug: str)" in product
    assert "<code>templates/product.html</code>" in product
    assert "<code>templates/flask_cart/cart.html</code>" in shown
    assert "save #2 of the default cart" in basket
    assert "<code>shipping</code>: <ins>Post, tracked</ins>" in basket
    assert "save #1 of the default cart" in first
    assert "item_added" in first

    told = visitor.page.partition('aria-label="The basket as JSON"><code>')[2]

    assert json.loads(told.partition("</code>")[0])["quantity"] == 2


def test_nobody_sees_the_requests_of_others(shop: Shop, visitor: Visitor) -> None:
    """Each browser that opens the panel has a secret of its own, and what it closes is
    its own."""
    toggle(visitor)
    visitor.add("harbour-mug", "MUG-NAVY")
    other = shop.visitor()
    toggle(other)
    page = other.get("/basket/")

    assert not any("POST" in each for each in requests(page))
    assert other.get("/panel/latest") != visitor.get("/panel/latest")
    shop.visitor().get("/panel/latest", status=404)
    toggle(other)

    assert "POST /basket/lines" in visitor.get("/panel/latest")


def test_the_last_ones_are_kept(
    shop: Shop, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many browsers have it open."""
    monkeypatch.setattr(tracing, "KEPT_OF_ALL", 3)
    toggle(visitor)

    for _ in range(5):
        visitor.get("/race/")

    assert kept(shop) == 3


@pytest.mark.parametrize("there", ["//evil.example", "/\\evil.example", "https://a.b"])
def test_the_button_leads_to_no_other_site(visitor: Visitor, there: str) -> None:
    """Else it goes to the home page."""
    answer = visitor.client.post("/panel/", data={"next": there})

    assert (answer.status_code, answer.location) == (303, "/#panel")


def test_commands_are_shown_where_baskets_are_in_redis(any_shop: Shop) -> None:
    """And no secret of a guest with them; elsewhere there are statements, or files. How
    carts were read and written is told of all of them."""
    visitor = any_shop.visitor()
    toggle(visitor)
    visitor.add("harbour-mug", "MUG-NAVY")
    added = requests(visitor.page)[1]
    is_redis = "Redis" in any_shop.app.config["DEMO_SHOP_PLACE"]

    assert "save #1 of the default cart" in added
    assert "<code>write default (add_line): done, " in added
    assert ("<code>EVALSHA " in added) == is_redis
    assert not re.search(r"guest:[\w-]{5}", added)


def test_what_scripts_send_is_shown(open_window: Visits) -> None:
    """Without a new page, and without taking the focus."""
    page = open_window()
    page.goto("/goods/harbour-mug")
    button(page, "Show what is behind the page").click()
    button(page, "Add to basket").click()
    requests = page.locator("#panel-requests")

    expect(requests).to_contain_text("save #1 of the default cart")
    expect(button(page, "Add to basket")).to_be_focused()


def test_differences() -> None:
    """Lines and conditions go by what they are called, not by where they are."""
    mug, pot = {"item_id": "mug", "quantity": 1}, {"item_id": "pot", "quantity": 1}
    before = json.dumps({"lines": [mug, pot], "conditions": [], "note": "a"})
    after = json.dumps({"lines": [pot | {"quantity": 2}], "conditions": []})

    assert differences(before, f"{after}\n[]") == [
        ("lines.mug", json.dumps(mug), ""),
        ("lines.pot.quantity", "1", "2"),
        ("note", "a", ""),
    ]
    assert differences(None, '{"lines": [1]}') == [("lines", "", "[1]")]
    assert differences('{"currency": "EUR"}', None) == [("currency", "EUR", "")]
    assert differences(None, json.dumps({"note": "x" * 200}))[0][2] == "x" * 120 + "…"
