"""The demo shop as a shopper without JavaScript sees it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import SimpleQueue
from operator import itemgetter
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import func
from sqlalchemy import select
from werkzeug.test import TestResponse

from demo_shop import create_app
from demo_shop.extensions import db
from demo_shop.models import Category
from demo_shop.models import Product
from demo_shop.seed import prepare_database
from demo_shop.seed import read_catalogue
from tests.support.forks import FORKS
from tests.support.guests import COOKIE
from tests.support.guests import cookies_of
from tests.support.guests import give_cookies
from tests.support.slackwater import ADDRESS

SHELVES = read_catalogue()["categories"]
GOODS = [goods for shelf in SHELVES for goods in shelf["products"]]


def test_the_whole_way(any_shop):
    """A shopper adds, changes, removes, leaves a note, orders and sees the order."""
    shop = any_shop
    visitor = shop.visitor()
    visitor.get("/")
    visitor.get("/shelves/foul-weather")
    visitor.add("watch-cap", "CAP-MOSS", "2")
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.add("slipway-boots", "BOOTS-39")
    caps, mug, _ = visitor.lines()

    visitor.follow(visitor.post(f"/basket/lines/{caps}", quantity="3", seen="2"))
    visitor.follow(visitor.post(f"/basket/lines/{mug}/remove"))
    page = visitor.follow(
        visitor.post("/basket/metadata", **{"metadata.note": "Ring twice."})
    )

    # Three caps, boots at a fifth off, and the post.
    assert "€84.00" in page
    assert "€60.00" in page
    assert "€148.90" in page

    page = visitor.follow(visitor.order())

    assert "SW-1001" in page
    assert "3 \u00d7 Watch cap" in page
    assert "€148.90" in page
    assert "Ring twice." in page
    assert shop.stock("CAP-MOSS") == 13
    assert shop.stock("BOOTS-39") == 8
    assert visitor.lines() == []


def test_two_sizes_are_two_lines(visitor):
    """The same jumper in two sizes makes two lines, again in one size makes none."""
    visitor.add("deckhand-jumper", "JUMPER-NAVY-S")
    visitor.add("deckhand-jumper", "JUMPER-NAVY-M")
    page = visitor.add("deckhand-jumper", "JUMPER-NAVY-M")

    assert "Colour: Navy · Size: S" in page
    assert "Colour: Navy · Size: M" in page
    assert len(visitor.lines()) == 2
    assert "€354.00" in page


def test_the_post_is_charged_once(visitor):
    """Adding more things doesn't add more postage."""
    visitor.add("harbour-mug", "MUG-NAVY")
    page = visitor.add("harbour-mug", "MUG-FOG")

    assert page.count("<dt>Post, tracked</dt>") == 1
    assert "€32.90" in page


def test_the_sale_price_is_the_same_everywhere(visitor):
    """The price on the shelf is the price in the basket, with what it saves."""
    assert "€16.65" in visitor.get("/goods/cleat-hook")

    page = visitor.add("cleat-hook", "CLEAT", "2")

    assert "€16.65 each" in page
    assert "€33.30" in page
    assert "10% off" in page
    assert "€3.70" in page


@pytest.mark.parametrize("goods", GOODS, ids=itemgetter("slug"))
def test_every_product_can_be_looked_at_and_has_a_picture(shop, visitor, goods):
    """Each product has a page, and a drawing of its own."""
    page = visitor.get(f"/goods/{goods['slug']}")

    assert goods["name"] in page
    picture = f"/static/pictures/{goods['slug']}.svg"
    (address,) = set(re.findall(rf'"({picture}\?v=\w+)(?:#picture)?"', page))
    picture = visitor.get(address)

    assert 'id="picture"' in picture


@pytest.mark.parametrize("shelf", SHELVES, ids=itemgetter("slug"))
def test_every_shelf_shows_its_goods(visitor, shelf):
    """A category page lists all its products."""
    page = visitor.get(f"/shelves/{shelf['slug']}")

    assert [
        each for each in map(itemgetter("slug"), shelf["products"]) if each not in page
    ] == []


def test_every_change_redirects_with_303(visitor):
    """Each form answers with a redirect, so that reloading repeats nothing."""
    visitor.add("harbour-mug", "MUG-NAVY")
    (mug,) = visitor.lines()
    line = f"/basket/#line-{mug[:12]}"

    assert f'name="next" value="{line}"' in visitor.page

    for path, fields, place in [
        (f"/basket/lines/{mug}", {"quantity": "2", "seen": "1", "next": line}, line),
        (f"/basket/lines/{mug}/increment", {"by": "1", "next": line}, line),
        (f"/basket/lines/{mug}/increment", {"by": "-1", "next": line}, line),
        (f"/basket/lines/{mug}/remove", {}, "/basket/"),
        ("/basket/metadata", {"metadata.note": "Hello"}, "/basket/"),
        ("/basket/lines/prices", {}, "/basket/"),
        ("/basket/clear", {}, "/basket/"),
        ("/basket/lines", {"item": "MUG-NAVY", "quantity": "1"}, "/basket/"),
        ("/basket/wishlist/lines", {"item": "MUG-NAVY"}, "/basket/wishlist/"),
    ]:
        response = visitor.post(path, **fields)

        assert (path, response.status_code) == (path, 303)
        assert response.location == place


def test_reading_changes_nothing(visitor):
    """The addresses that change the basket don't answer to a link."""
    visitor.add("harbour-mug", "MUG-NAVY")
    (mug,) = visitor.lines()

    for path in (f"lines/{mug}/remove", "clear", "metadata", "lines/prices"):
        visitor.get(f"/basket/{path}", status=405)

    visitor.get("/basket/lines?item=MUG-FOG")

    assert visitor.lines() == [mug]


def test_a_form_without_token_is_refused(visitor):
    """A form that doesn't come from our pages gets a kind 400 and does nothing."""
    visitor.get("/goods/harbour-mug")
    response = visitor.client.post("/basket/lines", data={"item": "MUG-NAVY"})

    assert response.status_code == 400
    assert "reload the page" in response.text
    assert visitor.lines() == []


def test_a_sold_out_size_cannot_be_added(visitor):
    """A sold out variant is marked on the page, and refused when asked for anyway."""
    assert "sold out" in visitor.get("/goods/slipway-boots")

    page = visitor.follow(visitor.post("/basket/lines", item="BOOTS-42"))

    assert "“Slipway boots, 42” has just sold out" in page
    assert visitor.lines() == []


def test_stock_counts_what_is_in_the_basket(visitor):
    """Adding is refused when it and the basket together are more than the stock."""
    visitor.add("harbour-mug", "MUG-BUOYRED", "2")
    page = visitor.add("harbour-mug", "MUG-BUOYRED", "2")

    assert "only 3 are left, counting those in your basket" in page

    (mug,) = visitor.lines()
    visitor.follow(visitor.post(f"/basket/lines/{mug}/increment"))
    page = visitor.follow(visitor.post(f"/basket/lines/{mug}/increment"))

    assert "only 3 are left" in page
    assert "€46.90" in page


def test_the_basket_says_what_sold_out_since(shop, visitor):
    """A line that others bought up is marked, and can't be ordered."""
    visitor.add("harbour-mug", "MUG-BUOYRED", "2")
    form = visitor.checkout_form()
    shop.set_stock("MUG-BUOYRED", 1)

    assert "Only 1 left. Please lower the quantity." in visitor.get("/basket/")

    page = visitor.follow(visitor.post("/checkout", **form))

    assert "only one is left" in page
    assert "Nothing was ordered yet" in page
    assert shop.stock("MUG-BUOYRED") == 1
    assert shop.orders() == []
    assert len(visitor.lines()) == 1


def test_the_last_piece_is_sold_once(shop):
    """Two shoppers order the last cap at once: one gets it, the other keeps a cart."""
    visitors = [shop.visitor(), shop.visitor()]
    start = Barrier(2)

    for visitor in visitors:
        visitor.add("harbour-mug", "MUG-NAVY")
        visitor.add("watch-cap", "CAP-RUST")

    def order(visitor) -> TestResponse:
        form = visitor.checkout_form()
        start.wait(timeout=60)

        return visitor.post("/checkout", **form)

    with ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(order, visitors))

    places = sorted(response.location.split("/")[1] for response in responses)

    assert [response.status_code for response in responses] == [303, 303]
    assert places == ["basket", "orders"]
    assert shop.stock("CAP-RUST") == 0
    assert shop.stock("MUG-NAVY") == 31
    assert len(shop.orders()) == 1
    assert sorted(len(visitor.lines()) for visitor in visitors) == [0, 2]


def test_a_stale_tab_cannot_overwrite_a_newer_one(visitor):
    """A quantity that is set from an old page shows both, and the basket stays."""
    visitor.add("harbour-mug", "MUG-NAVY")
    (mug,) = visitor.lines()
    stale = visitor.field("cart_version")
    visitor.add("harbour-mug", "MUG-NAVY", "4")
    visitor.add("harbour-mug", "MUG-FOG")
    response = visitor.post(f"/basket/lines/{mug}", quantity="9", seen="1")

    assert response.status_code == 409
    assert "Your basket changed in another tab" in response.text
    assert "Leave it at 5" in response.text
    assert "Make it 9" in response.text

    response = visitor.post("/basket/clear", cart_version=stale)

    assert response.status_code == 409
    assert "Your basket changed in another tab" in response.text
    assert "5 \u00d7 Harbour mug" in response.text
    assert len(visitor.lines()) == 2
    assert "€88.90" in visitor.page

    page = visitor.follow(visitor.post(f"/basket/lines/{mug}", quantity="9", seen="5"))

    assert "€144.90" in page


def test_a_stale_checkout_orders_nothing(shop, visitor):
    """An order for a total that the basket no longer has goes back to the basket."""
    visitor.add("harbour-mug", "MUG-NAVY")
    seen = visitor.checkout_form()
    visitor.add("harbour-mug", "MUG-NAVY")
    page = visitor.follow(visitor.post("/checkout", **seen))

    assert "changed in another tab, so we haven't ordered anything" in page
    assert shop.orders() == []
    assert shop.stock("MUG-NAVY") == 32


def test_an_order_sent_twice_is_one_order(shop, visitor):
    """The second of two identical orders shows the first one, also with new goods."""
    visitor.add("harbour-mug", "MUG-NAVY")
    form = visitor.checkout_form()
    first = visitor.post("/checkout", **form)
    visitor.add("harbour-mug", "MUG-FOG")
    again = visitor.post("/checkout", **form)

    assert again.status_code == 303
    assert again.location == first.location
    assert len(shop.orders()) == 1
    assert shop.stock("MUG-NAVY") == 31
    assert len(visitor.lines()) == 1


def test_a_checkout_of_what_another_tab_ordered(shop, visitor):
    """A form for a basket that is empty by now says so, and orders nothing."""
    visitor.add("harbour-mug", "MUG-NAVY")
    stale = visitor.checkout_form()
    visitor.add("harbour-mug", "MUG-FOG")
    visitor.order()
    page = visitor.follow(visitor.post("/checkout", **stale))

    assert "changed in another tab, so we haven't ordered anything" in page
    assert "Nothing in it yet" in page
    assert len(shop.orders()) == 1


def test_a_wrong_address_is_explained(shop, visitor):
    """Missing and wrong fields are listed, linked, and what was typed stays."""
    visitor.add("harbour-mug", "MUG-NAVY")
    response = visitor.order(name="", email="ada@example", country="Atlantis")

    assert response.status_code == 422
    assert '<a href="#name">Tell us your name' in response.text
    assert '<a href="#email">That e-mail address looks unfinished' in response.text
    assert '<a href="#country">' in response.text
    assert 'value="12 Pier Road"' in response.text
    assert 'id="email-error"' in response.text
    assert shop.orders() == []


def test_an_order_belongs_to_its_browser(shop, visitor):
    """Somebody else who knows an order's address finds nothing there."""
    visitor.add("harbour-mug", "MUG-NAVY")
    place = visitor.order().location
    stranger = shop.visitor()

    visitor.get(place)
    stranger.get(place, status=404)
    stranger.add("harbour-mug", "MUG-NAVY")
    stranger.order()
    stranger.get(place, status=404)


def test_a_restart_keeps_the_basket(open_shop):
    """A new process with the same database and key shows the same basket."""
    before = open_shop().visitor()
    before.add("harbour-mug", "MUG-NAVY", "2")
    cookie = before.client.get_cookie(COOKIE)
    assert cookie is not None
    assert cookie.expires is not None

    after = open_shop().visitor()
    give_cookies(after.client, cookies_of(before.client))

    assert after.lines() == before.lines()
    assert "€32.90" in after.page


HOSTILE = [
    "",
    "0",
    "-1",
    "21",
    "1e3",
    "1.5",
    "٣",
    "9" * 400,
    "nan",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "⛵",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_never_break_a_page(shop, visitor, value):
    """Whatever a form is filled with, the answer is a message."""
    visitor.add("harbour-mug", "MUG-NAVY")
    (mug,) = visitor.lines()

    for path, fields in [
        ("/basket/lines", {"item": "MUG-NAVY", "quantity": f"{value}?"}),
        ("/basket/lines", {"item": value, "quantity": "1"}),
        (f"/basket/lines/{mug}", {"quantity": f"{value}?", "seen": "1"}),
        (f"/basket/lines/{mug}", {"quantity": "3", "seen": f"{value}?"}),
        (f"/basket/lines/{mug}/increment", {"by": f"{value}?"}),
        (f"/basket/lines/{mug}/move", {"to": value}),
        ("/basket/lines/nothing", {"quantity": "3", "seen": "1"}),
        ("/basket/lines/nothing/increment", {"by": value}),
        ("/basket/lines/prices", {f"price.{mug}": value, f"price.{value}": "14.00"}),
        ("/basket/coupons", {"code": value}),
        ("/checkout", {"expected_total": value, "name": value, "email": value}),
        (
            "/checkout",
            {**ADDRESS, "token": value, "expected_total": "18.90", "due": "18.90"},
        ),
    ]:
        response = visitor.post(path, **fields)

        assert response.status_code in (303, 422)

    assert visitor.lines() == [mug]
    assert "€18.90" in visitor.page
    assert (
        visitor.post("/basket/metadata", **{"metadata.note": value}).status_code == 303
    )
    assert "<script>alert" not in visitor.client.get("/basket/").text
    assert shop.orders() == []


def test_a_price_from_the_browser_is_ignored(visitor):
    """Fields that our forms don't have change nothing."""
    visitor.get("/goods/harbour-mug")
    page = visitor.follow(
        visitor.post(
            "/basket/lines", item="MUG-NAVY", price="0.01", name="Bargain", next="//x"
        )
    )

    assert "€18.90" in page
    assert "Bargain" not in page


def test_a_huge_form_is_refused(visitor):
    """More than a shopper could mean is 413, with a page of ours."""
    visitor.get("/login")
    response = visitor.post("/basket/metadata", **{"metadata.note": "x" * 100_000})

    assert response.status_code == 413
    assert "letterbox" in response.text


def test_error_pages_need_no_database(shop, visitor):
    """A page about an error is shown although nothing else can be."""
    with shop.app.app_context():
        db.drop_all()

    assert "Nothing on this shelf" in visitor.get("/goods", status=404)
    assert "sprung a leak" in visitor.get("/", status=500)


def test_security_headers(visitor):
    """Every answer carries a strict policy, and no page needs inline code."""
    response = visitor.client.get("/basket/")

    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response.headers["Cache-Control"]
    assert "<script>" not in response.text
    assert "style=" not in response.text

    for name in cookies_of(visitor.client):
        cookie = visitor.client.get_cookie(name)

        assert cookie is not None
        assert cookie.http_only
        assert cookie.same_site == "Lax"


def test_the_shelves_are_filled_once(shop):
    """Starting again adds nothing to a shop that has goods."""
    with shop.app.app_context():
        prepare_database()

        assert db.session.scalar(select(func.count(Category.id))) == 4
        assert db.session.scalar(select(func.count(Product.id))) == len(GOODS)


def test_the_second_of_two_clicks_is_told_the_same(visitor):
    """Whichever answer a browser shows, it says what is in the basket."""
    visitor.get("/goods/harbour-mug")

    for _ in range(2):
        page = visitor.follow(
            visitor.post("/basket/lines", item="MUG-NAVY", quantity="1", cart_key="k")
        )

        assert "Harbour mug: in your basket." in page

    assert 'basket-count">1<' in page


def start_worker(folder: Path, start: Barrier, counts: SimpleQueue) -> None:
    """Make the shop together with others, and say how many goods it has then."""
    start.wait(timeout=60)
    address = f"sqlite:///{folder / 'new.sqlite3'}"
    app = create_app({"SQLALCHEMY_DATABASE_URI": address, "SECRET_KEY": "for tests"})

    with app.app_context():
        counts.put(db.session.scalar(select(func.count(Product.id))))


def test_workers_that_start_together_agree(tmp_path):
    """Several workers on a new database make one set of tables and goods."""
    start, counts = FORKS.Barrier(4), FORKS.SimpleQueue()
    workers = [
        FORKS.Process(target=start_worker, args=(tmp_path, start, counts))
        for _ in range(4)
    ]

    for worker in workers:
        worker.start()

    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0] * 4
    assert [counts.get() for _ in workers] == [len(GOODS)] * 4
