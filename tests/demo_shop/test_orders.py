"""Orders: what becomes of each, its receipt, and the same once more."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from demo_shop.extensions import cart_ext
from demo_shop.extensions import db
from demo_shop.models import Order
from demo_shop.sandbox_pay import SandboxPayment
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor

NOON = dt.datetime(2026, 12, 1, 12, 5, tzinfo=dt.UTC)


def steps(page: str) -> dict[str, bool]:
    """The steps that a page shows, and whether each is done."""
    found = re.findall(
        r'<li class="step-(\w+)( is-done)?"[^>]*>\s*<strong>[^<]+</strong>\s*<(\w+)',
        page,
    )
    assert all(bool(done) is (tag == "time") for _, done, tag in found)

    return {name: bool(done) for name, done, _ in found}


def current(page: str) -> list[str]:
    """The step that a page says it is at."""
    return re.findall(r'<li class="step-(\w+)[^>]* aria-current="step"', page)


def amounts(page: str) -> dict[str, str]:
    """The rows of the sums on a page."""
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))


def order(visitor: Visitor, *, pay: bool = False) -> str:
    """Order two kettles; the address of the order's page."""
    visitor.add("pilot-kettle", "KETTLE-TAR", "2")

    if not pay:
        answer = visitor.order()
    else:
        url = str(visitor.order(pay="sandbox").location)
        visitor.get(url)
        answer = visitor.client.get(visitor.post(url, act="pay").location)

    visitor.follow(answer)

    return str(answer.location)


def act(visitor: Visitor, path: str, step: str) -> str:
    """Press a button of an order's page."""
    visitor.get(path)

    return visitor.follow(visitor.post(f"{path}/{step}"))


# What becomes of it


def test_steps(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says which are done and when, and asks for no more than the next."""
    monkeypatch.setattr(cart_ext, "clock", lambda: NOON)
    path = order(visitor)
    page = visitor.page

    assert steps(page) == {"ordered": True, "packed": False, "sent": False}
    assert current(page) == ["ordered"]
    assert "01/12/2026, 12:05" in page
    assert f"{path}/send" not in page

    page = act(visitor, path, "pack")
    assert steps(page) == {"ordered": True, "packed": True, "sent": False}
    assert current(page) == ["packed"]
    assert f"{path}/cancel" not in page

    page = act(visitor, path, "send")
    assert steps(page) == {"ordered": True, "packed": True, "sent": True}
    assert current(page) == ["sent"]
    assert "It is on its way, Ada Lovelace." in page
    assert f"{path}/pack" not in page


def test_paid(visitor: Visitor) -> None:
    """What is paid says so, and what is not has no such step."""
    order(visitor, pay=True)
    page = visitor.page

    assert steps(page) == {
        "ordered": True,
        "paid": True,
        "packed": False,
        "sent": False,
    }
    assert current(page) == ["paid"]
    assert amounts(page)["Paid"] == "€108.90"


@pytest.mark.parametrize(
    ("done", "late"),
    [
        ([], "send"),
        (["pack"], "pack"),
        (["pack"], "cancel"),
        (["pack", "send"], "send"),
        (["cancel"], "pack"),
        (["cancel"], "cancel"),
    ],
)
def test_steps_out_of_order(visitor: Visitor, done: list[str], late: str) -> None:
    """An old page changes nothing, and says so."""
    path = order(visitor)

    for step in done:
        act(visitor, path, step)

    before = steps(visitor.page)
    page = act(visitor, path, late)
    assert "That can't be done with this order any more." in page
    assert steps(page) == before


def test_cancelled(shop: Shop, visitor: Visitor) -> None:
    """Goods, money and what was on a gift card go back to where they came from, once,
    and the money does not come again."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    visitor.get("/basket/")
    visitor.follow(visitor.post("/basket/gift-card", card="RIPPLE"))
    path = order(visitor, pay=True)
    assert (shop.stock("KETTLE-TAR"), shop.card("RIPPLE")) == (11, 0)
    provider = shop_payment(shop)

    for _ in range(2):
        page = act(visitor, path, "cancel")
        assert "your money is on its way back" in page
        assert steps(page) == {"ordered": True, "paid": True, "cancelled": True}
        assert current(page) == ["cancelled"]
        assert (shop.stock("KETTLE-TAR"), shop.card("RIPPLE")) == (14, 1000)

    assert "gave the money back" in visitor.get(provider)
    visitor.post(provider, act="tell")
    assert len(shop.orders()) == 1
    assert "cancelled" in visitor.get(path)


def shop_payment(shop: Shop) -> str:
    """Where the last payment was made."""
    with shop.app.app_context():
        payment = db.session.scalars(db.select(SandboxPayment)).one()

        return f"/sandbox-pay/{payment.secret}"


def test_cancelled_before_it_was_paid(shop: Shop, visitor: Visitor) -> None:
    """No money goes back of what was to be paid on arrival."""
    page = act(visitor, order(visitor), "cancel")

    assert "Everything is back on its shelf." in page
    assert "money" not in re.sub(r"<footer.*", "", page, flags=re.S)
    assert shop.stock("KETTLE-TAR") == 14


@pytest.mark.parametrize("step", ["pack", "send", "cancel", "again", "burn"])
def test_nobody_elses(shop: Shop, visitor: Visitor, step: str) -> None:
    """Whoever did not order it finds no page, and can do nothing with it."""
    path = order(visitor)
    stranger = shop.visitor()
    stranger.get("/login")
    stranger.get(path, 404)
    stranger.get("/login")

    assert stranger.post(f"{path}/{step}").status_code == 404
    assert steps(visitor.get(path)) == {"ordered": True, "packed": False, "sent": False}


def test_orders_of_nobody(shop: Shop, visitor: Visitor) -> None:
    """An order without a shopper, as the book may have from elsewhere, is no visitor's
    who has not ordered anything."""
    path = order(visitor)

    with shop.app.app_context():
        db.session.execute(db.update(Order).values(shopper=""))
        db.session.commit()

    shop.visitor().get(path, 404)


# The receipt


def test_a_whole_receipt(
    shop: Shop, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says who sold what to whom, when, at which price, with which VAT, and how it
    was paid."""
    monkeypatch.setattr(cart_ext, "clock", lambda: NOON)
    visitor.add("tide-print", "PRINT-A3", "2")
    visitor.get("/basket/")
    visitor.follow(visitor.post("/basket/gift-card", card="RIPPLE"))
    order(visitor)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", visitor.page))

    for said in [
        "SW-1001, 1 December 2026",
        "Slackwater The Old Net Loft Carrigmore Pier Ireland",
        "Ada Lovelace 12 Pier Road V92 X1Y2 Tralee Ireland",
        "2 \u00d7 Moon and tide print Size: A3 · €48.00 each €96.00",
        "2 \u00d7 Pilot kettle Colour: Tar · €52.00 each €104.00",
    ]:
        assert said in text

    assert amounts(visitor.page) == {
        "Goods": "€200.00",
        "Post, tracked": "€4.90",
        "Total": "€204.90",
        "of which VAT 13.5% in €98.35": "€11.70",
        "of which VAT 23% in €106.55": "€19.92",
        "Gift card RIPPLE": "-€10.00",
        "To pay": "€194.90",
        "Left on the card": "€0.00",
    }


def test_the_date_in_another_language(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days are as the language writes them, at the time of the shop."""
    late = dt.datetime(2026, 7, 1, 23, 30, tzinfo=dt.UTC)
    monkeypatch.setattr(cart_ext, "clock", lambda: late)
    path = order(visitor)
    visitor.client.set_cookie("language", "de")
    page = visitor.get(path)

    assert "2. Juli 2026" in page
    assert "02.07.26, 00:30" in page
    assert "2. Juli 2026" in visitor.get("/account")


# The same once more


def test_again(shop: Shop, visitor: Visitor) -> None:
    """It comes to what is in the basket already, which stays; a double click adds it
    once."""
    path = order(visitor)
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.add("pilot-kettle", "KETTLE-TAR")
    visitor.get(path)
    form = {"cart_key": visitor.field("cart_key")}
    csrf = {"csrf_token": visitor.field("csrf_token")}
    page = visitor.follow(visitor.client.post(f"{path}/again", data=form | csrf))

    assert "The same is in your basket again." in page
    assert pieces(page) == ["1", "3"]

    page = visitor.follow(visitor.client.post(f"{path}/again", data=form | csrf))
    assert "It is in your basket already." in page
    assert pieces(page) == ["1", "3"]


def pieces(page: str) -> list[str]:
    """The quantities of the lines in the basket."""
    return sorted(re.findall(r'name="quantity\.\w+" value="(\d+)"', page))


def test_again_without_a_key(visitor: Visitor) -> None:
    """A form without one adds each time."""
    path = order(visitor)
    visitor.get(path)
    csrf = {"csrf_token": visitor.field("csrf_token")}

    for _ in range(2):
        page = visitor.follow(visitor.client.post(f"{path}/again", data=csrf))

    assert pieces(page) == ["4"]


@pytest.mark.parametrize(
    ("change", "said", "count"),
    [
        ("none", "The same is in your basket again.", "2"),
        ("sold out", "No more to be had today: Pilot kettle, Tar.", None),
        ("short", "Not as many as then: Pilot kettle, Tar (1/2).", "1"),
        ("gone", "We don't sell this any more: Pilot kettle, Tar.", None),
        (
            "dearer",
            "Another price than then: Pilot kettle, Tar (€52.00 → €55.00).",
            "2",
        ),
        (
            "cheaper",
            "Another price than then: Pilot kettle, Tar (€52.00 → €49.00).",
            "2",
        ),
    ],
)
def test_what_is_different(
    shop: Shop, visitor: Visitor, change: str, said: str, count: str | None
) -> None:
    """It says what is sold out, fewer, not sold any more, or at another price, and puts
    the rest into the basket."""
    visitor.add("harbour-mug", "MUG-NAVY")
    path = order(visitor)

    match change:
        case "sold out":
            shop.set_stock("KETTLE-TAR", 0)
        case "short":
            shop.set_stock("KETTLE-TAR", 1)
        case "gone":
            shop.burn("KETTLE-TAR")
        case "dearer":
            shop.set_price("KETTLE-TAR", 5500)
        case "cheaper":
            shop.set_price("KETTLE-TAR", 4900)

    page = act(visitor, path, "again")
    assert said in page
    assert pieces(page) == sorted(filter(None, ["1", count]))
    is_whole = change in {"none", "dearer", "cheaper"}
    assert ("The same is in your basket again." in page) is is_whole


def test_nothing_of_it(shop: Shop, visitor: Visitor) -> None:
    """Then nothing is said to be in the basket, and many things are not all named."""
    for sku in ("S", "M", "L", "XL"):
        visitor.add("pier-shirt", f"SHIRT-NAVY-{sku}")
        visitor.add("pier-shirt", f"SHIRT-RUST-{sku}")

    answer = visitor.order()

    for sku in ("S", "M", "L", "XL"):
        shop.set_stock(f"SHIRT-NAVY-{sku}", 0)
        shop.set_stock(f"SHIRT-RUST-{sku}", 0)

    page = act(visitor, str(answer.location), "again")
    assert page.count("Pier stripe shirt") == 5
    assert "and 3 more." in page
    assert "is in your basket" not in page
    assert pieces(page) == []


def test_what_another_basket_leaves(shop: Shop, visitor: Visitor) -> None:
    """What the basket has already counts: there are not more because of it."""
    path = order(visitor)
    shop.set_stock("KETTLE-TAR", 3)
    visitor.add("pilot-kettle", "KETTLE-TAR", "2")
    page = act(visitor, path, "again")

    assert "Not as many as then: Pilot kettle, Tar (1/2)." in page
    assert pieces(page) == ["3"]
