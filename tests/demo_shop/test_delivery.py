"""When a parcel arrives, as it is said before the order and kept with it."""

from __future__ import annotations

import datetime as dt

import pytest

from demo_shop.extensions import cart_ext
from demo_shop.services.delivery import estimate
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor


def at(text: str) -> dt.datetime:
    """A moment of December 2026, in UTC, in which Ireland is in the winter."""
    return dt.datetime.fromisoformat(f"2026-12-{text}+00:00")


@pytest.mark.parametrize(
    ("way", "ordered", "first", "last"),
    [
        # On Tuesday, before and after the van leaves.
        ("Night boat", "01T13:59", "02", "02"),
        ("Night boat", "01T14:00", "03", "03"),
        ("Post, tracked", "01T08:00", "03", "04"),
        # From Thursday on a weekend is between.
        ("Post, tracked", "03T08:00", "07", "08"),
        ("Letter post", "03T08:00", "08", "10"),
        ("Night boat", "04T10:00", "07", "07"),
        # On Friday evening, on Saturday and on Sunday: it leaves on Monday.
        ("Night boat", "04T18:00", "08", "08"),
        ("Night boat", "05T10:00", "08", "08"),
        ("Night boat", "06T23:59", "08", "08"),
        # Nobody works at Christmas.
        ("Night boat", "24T10:00", "28", "28"),
        ("Night boat", "25T10:00", "29", "29"),
    ],
)
def test_working_days(way: str, ordered: str, first: str, last: str) -> None:
    """They are counted from when it leaves: today until two, and else on the next."""
    expected = tuple(dt.date(2026, 12, int(day)) for day in (first, last))

    assert estimate(way, at(ordered)) == expected


@pytest.mark.parametrize(
    ("ordered", "first"),
    [
        # In the summer it is two in Ireland when it is one in UTC.
        ("2026-07-01T12:59+00:00", dt.date(2026, 7, 2)),
        ("2026-07-01T13:00+00:00", dt.date(2026, 7, 3)),
        # It is Monday there already.
        ("2026-07-05T23:30+00:00", dt.date(2026, 7, 7)),
        ("2026-12-31T09:00+00:00", dt.date(2027, 1, 4)),
    ],
)
def test_where_the_shop_is(ordered: str, first: dt.date) -> None:
    """The hour and the day are those of the shop, also over the turn of a year."""
    delivery = estimate("Night boat", dt.datetime.fromisoformat(ordered))

    assert delivery is not None
    assert delivery.first == first


@pytest.mark.parametrize("way", ["", "Balloon"])
def test_a_way_that_is_none(way: str) -> None:
    """Nothing can be said of it."""
    assert estimate(way, at("01T08:00")) is None


def plain(page: str) -> str:
    """A page without the thin spaces that are around a dash."""
    return page.replace("\u2009", " ")


@pytest.fixture
def on_tuesday(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop's clock says that it is Tuesday morning."""
    monkeypatch.setattr(cart_ext, "clock", lambda: at("01T08:00"))


@pytest.mark.usefixtures("on_tuesday")
def test_from_the_basket_to_the_receipt(
    shop: Shop, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way says it beside its price, and the order keeps what was said."""
    visitor.add("watch-cap", "CAP-MOSS")

    for path in ("/basket/", "/checkout"):
        page = plain(visitor.get(path))

        for days in (
            "Fri 4 Dec \u2013 Tue 8 Dec",
            "Thu 3 Dec \u2013 Fri 4 Dec",
            "Wed 2 Dec",
        ):
            assert f"Arrives {days}." in page

    page = plain(visitor.follow(visitor.order()))
    assert "Arrives Thu 3 Dec \u2013 Fri 4 Dec." in page

    (order,) = shop.orders()
    assert order.arrives == (dt.date(2026, 12, 3), dt.date(2026, 12, 4))
    # It is not said anew.
    monkeypatch.setattr(cart_ext, "clock", lambda: at("20T08:00"))
    assert "Arrives Thu 3 Dec" in visitor.get(f"/orders/{order.token}")


@pytest.mark.usefixtures("on_tuesday")
@pytest.mark.parametrize(
    ("language", "days"),
    [
        ("de", "Do., 3. \u2013 Fr., 4. Dez."),
        ("fr", "jeu. 3 \u2013 ven. 4 déc."),
        ("es", "jue, 3 dic \u2013 vie, 4 dic"),
        ("ar", "الخميس، 3 \u2013 الجمعة، 4 ديسمبر"),
    ],
)
def test_as_a_language_writes_it(visitor: Visitor, language: str, days: str) -> None:
    """Days are in the order and with the names of the language."""
    visitor.add("watch-cap", "CAP-MOSS")
    visitor.client.set_cookie("language", language)

    assert days in plain(visitor.get("/basket/"))


def test_paid_later(
    shop: Shop, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is paid on another day leaves after that."""
    monkeypatch.setattr(cart_ext, "clock", lambda: at("01T08:00"))
    visitor.add("watch-cap", "CAP-MOSS")
    url = str(visitor.order(pay="sandbox").location)
    monkeypatch.setattr(cart_ext, "clock", lambda: at("02T08:00"))
    visitor.get(url)
    visitor.post(url, act="pay")

    (order,) = shop.orders()
    assert order.arrives == (dt.date(2026, 12, 4), dt.date(2026, 12, 7))
