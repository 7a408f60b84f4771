"""The activity page of the demo shop: what the cart's signals told."""

import re

import pytest
from sqlalchemy import func
from sqlalchemy import select

from demo_shop.extensions import cart_ext
from demo_shop.extensions import db
from demo_shop.models import CartWrite
from demo_shop.services import activity
from demo_shop.services.activity import HOW_IT_WORKS
from flask_cart import signals
from tests.support.guests import cookies_of
from tests.support.guests import give_cookies
from tests.support.guests import owner_of
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor


def writes(page: str) -> list[list[str]]:
    """The names of the signals of each write on the page, the newest write first."""
    return [
        re.findall(r"<p><code>(\w+)</code>", part)
        for part in page.split('<li class="write"')[1:]
    ]


def versions(page: str) -> list[int]:
    """The versions on the page, the newest first."""
    return [int(text) for text in re.findall(r'data-write="(\d+)"', page)]


def newest(page: str) -> int:
    """The id that the page asks for news with."""
    found = re.search(r'data-hx-get="/activity/latest\?after=(\d+)"', page)
    assert found is not None

    return int(found[1])


def kept(shop: Shop) -> int:
    """How many writes are kept, of everybody."""
    with shop.app.app_context():
        return db.session.scalar(select(func.count(CartWrite.id))) or 0


def test_every_write_is_shown_with_its_signals(visitor):
    """A change is one write with the next version and its signals in order, and the
    fields in words."""
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    visitor.add("harbour-mug", "MUG-NAVY")
    page = visitor.get("/activity/")
    last, post, first = writes(page)

    assert first == ["cart_created", "item_added", "cart_updated"]
    assert post == ["shipping_chosen", "cart_updated"]
    assert last == ["item_updated", "cart_updated"]

    new, old, oldest = versions(page)

    assert new > old > oldest
    assert "2 \u00d7 Harbour mug (Navy) at 14.00" in page
    assert "3 \u00d7 Harbour mug (Navy) at 14.00" in page
    assert "<dd>+1</dd>" in page


def test_who_has_no_cart_sees_an_empty_page(visitor):
    """Looking at it makes no cart, and says what to do."""
    page = visitor.get("/activity/")

    assert writes(page) == []
    assert "Nothing yet" in page
    assert newest(page) == 0

    visitor.get("/activity/latest", status=204)


def test_nobody_sees_the_writes_of_others(shop, visitor):
    """Another browser sees only its own."""
    visitor.add("harbour-mug", "MUG-NAVY")
    other = shop.visitor()
    other.add("watch-cap", "CAP-MOSS")
    page = other.get("/activity/")

    assert len(writes(page)) == 2
    assert "Harbour mug" not in page


def test_every_kind_of_signal_is_explained():
    """Each signal of the extension has its line, and no line is about another."""
    assert set(HOW_IT_WORKS) == signals.names()


def test_only_news_is_sent(visitor):
    """The list is asked for what is newer than it has: those, or 204 and no text."""
    visitor.add("harbour-mug", "MUG-NAVY")
    seen = newest(visitor.get("/activity/"))

    assert visitor.client.get(f"/activity/latest?after={seen}").status_code == 204

    visitor.add("watch-cap", "CAP-MOSS")
    news = visitor.get(f"/activity/latest?after={seen}")

    assert len(writes(news)) == 1
    assert "Watch cap" in news
    assert "Harbour mug" not in news
    assert newest(news) > seen

    visitor.get(f"/activity/latest?after={newest(news)}", status=204)


@pytest.mark.parametrize("after", ["", "-1", "x", "9" * 18, "9" * 40, "0; DROP"])
def test_strange_numbers(visitor, after):
    """Anything that is no number is none, and one too high has no news."""
    visitor.add("harbour-mug", "MUG-NAVY")
    response = visitor.client.get("/activity/latest", query_string={"after": after})

    assert response.status_code == (204 if after == "9" * 18 else 200)


def test_another_worker_shows_them(open_shop):
    """They are in the database: a page of another process has them, too."""
    first, second = open_shop(), open_shop()
    visitor = first.visitor()
    visitor.add("harbour-mug", "MUG-NAVY")
    elsewhere = Visitor(second.app)
    give_cookies(elsewhere.client, cookies_of(visitor.client))

    assert len(writes(elsewhere.get("/activity/"))) == 2


def test_the_oldest_are_forgotten(shop, visitor, monkeypatch):
    """Of each owner the last ones are kept, whatever others do."""
    monkeypatch.setattr(activity, "KEPT", 3)
    other = shop.visitor()
    other.add("watch-cap", "CAP-MOSS")

    for _ in range(5):
        visitor.add("harbour-mug", "MUG-NAVY")

    assert kept(shop) == 5
    assert len(writes(visitor.get("/activity/"))) == 3
    assert versions(visitor.page) == sorted(versions(visitor.page), reverse=True)
    assert len(writes(other.get("/activity/"))) == 2


def test_a_shop_without_the_table_still_sells(shop, visitor, caplog):
    """If nothing can be kept, that is logged, and the cart is saved."""
    with shop.app.app_context():
        CartWrite.__table__.drop(db.engine)

    page = visitor.add("harbour-mug", "MUG-NAVY")

    assert "Harbour mug" in page
    assert "A receiver of 'cart_updated' failed" in caplog.text


@pytest.mark.parametrize("column", ["cart_write.number", "shop_order.currency"])
def test_what_another_version_has_kept_is_forgotten(open_shop, column):
    """A shop with a table that had other columns begins anew; baskets stay."""
    table, name = column.split(".")
    old = open_shop()
    visitor = old.visitor()
    visitor.add("harbour-mug", "MUG-NAVY")

    with old.app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {name}")

    elsewhere = Visitor(open_shop().app)
    give_cookies(elsewhere.client, cookies_of(visitor.client))

    assert writes(elsewhere.get("/activity/")) == []
    assert len(elsewhere.lines()) == 1

    elsewhere.add("watch-cap", "CAP-MOSS")

    assert len(writes(elsewhere.get("/activity/"))) == 1


def test_a_text_of_the_shopper_is_escaped(visitor):
    """What a shopper types in is text on this page, too."""
    visitor.add("harbour-mug", "MUG-NAVY")

    owner = owner_of(visitor.client)

    with visitor.client.application.app_context():
        cart_ext.cart(owner=owner).metadata["note"] = "<b>Ring!</b>"

    with visitor.client.get("/activity/") as response:
        assert "&lt;b&gt;Ring!&lt;/b&gt;" in response.text
        assert "<b>Ring" not in response.text


def test_what_is_long_is_cut(visitor):
    """An event with many lines, or a long text, is kept in short."""
    visitor.add("harbour-mug", "MUG-NAVY")

    owner = owner_of(visitor.client)

    with visitor.client.application.app_context():
        cart = cart_ext.cart(owner=owner)
        cart.metadata["note"] = "ring " * 60

        with cart.batch():
            for number in range(40):
                cart.add(f"sku-{number}", price=1)

        cart.clear()

    page = visitor.get("/activity/")
    print(page)

    assert "ring " * 8 + "…" in page
    assert "sku-8" in page.split("cart_cleared")[1].split("cart_updated")[0]
    assert "sku-12" not in page.split("cart_cleared")[1].split("cart_updated")[0]
    assert "31 more" in page


def test_a_merge_is_shown_without_the_guests_secret(visitor):
    """After the log-in the account's page tells of the merge; the token of the guest is
    cut short."""
    visitor.add("harbour-mug", "MUG-NAVY")

    token = owner_of(visitor.client).removeprefix("guest:")
    visitor.get("/signup")
    visitor.follow(visitor.post("/signup", email="a@b.ie", password="kettle rope tide"))
    page = visitor.get("/activity/")

    assert "cart_merged" in writes(page)[0]
    assert "guest:" in page
    assert token[:8] not in page
