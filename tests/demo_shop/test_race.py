"""The race page: many adds at once to carts by hand, and to one of the shop."""

import re
import socket
import threading
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import func
from sqlalchemy import select

from demo_shop.extensions import cart_ext
from demo_shop.extensions import db
from demo_shop.extensions import limiter
from demo_shop.models import CartWrite
from demo_shop.models import Race
from demo_shop.models.columns import now
from demo_shop.services import racers
from demo_shop.services import racing
from tests.support.browsers import Visits
from tests.support.browsers import served
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.windows import Front
from tests.support.windows import button

KEPT = "Of 50 adds answered with 200, 50 are in the cart. None is lost."
LOST = "Of 50 adds answered with 200, 1 is in the cart. 49 are lost."


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much as a busy machine needs."""
    monkeypatch.setattr(racing, "SENDING", 60)
    monkeypatch.setattr(racing, "PATIENCE", 60)
    monkeypatch.setattr(racing, "LONGEST", 180)


def race(visitor: Visitor, port: str) -> str:
    """Let them race at a port, and look at the page that the form leads to."""
    visitor.get("/race/")
    form = {"csrf_token": visitor.field("csrf_token")}
    there = {"SERVER_PORT": port, "wsgi.multithread": True}

    return visitor.follow(
        visitor.client.post("/race/", data=form, environ_overrides=there)
    )


def verdicts(page: str) -> list[str]:
    """What the page says of each cart."""
    return re.findall(r'<p class="verdict">([^<]*)</p>', page)


def test_what_is_lost_is_named_and_flask_cart_loses_nothing(
    shop: Shop, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of adds that have all read before one of them saves, carts by hand keep one.
    Without scripts the answer to the form is the page that tells, and nothing that was
    there for the race is left, nor is the visitor's basket touched."""
    visitor.add("harbour-mug", "MUG-NAVY")
    basket = visitor.lines()
    all_here = threading.Barrier(racing.ADDS)
    find_variant = racers.find_variant

    def find_together(sku: str) -> racers.Variant:
        all_here.wait(60)
        return find_variant(sku)

    monkeypatch.setattr(racers, "find_variant", find_together)

    with served(shop.app) as address:
        page = race(visitor, address.rpartition(":")[2])

    assert verdicts(page) == [LOST, LOST, KEPT]
    assert "Left of 50: 1 in the session, 1 in the cache and 50 in Flask-Cart." in page
    assert page.count('<i class="lost">') == 2 * 49
    assert visitor.lines() == basket

    with shop.app.app_context():
        owners = {each.key.owner for each in cart_ext.storage.scan()}
        writes = db.session.scalars(select(CartWrite.owner).distinct()).all()

    assert not any("race" in owner for owner in [*owners, *writes])


def test_a_page_without_a_race(visitor: Visitor) -> None:
    """It shows the code of each cart, and says that nothing was sent."""
    page = visitor.get("/race/")

    assert verdicts(page) == ["Not sent yet."] * 3
    assert 'session["cart"] = cart' in page
    assert "self.cart.add(variant)" in page


def test_a_shop_that_cannot_be_reached_says_so(visitor: Visitor) -> None:
    """Behind a socket, for instance, it has no address on this machine."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        page = race(visitor, str(nobody.getsockname()[1]))

    assert [text.partition(".")[0] for text in verdicts(page)] == [
        "No add was answered with 200"
    ] * 3


def test_a_race_ends_in_time(
    shop: Shop, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its time is over nothing more is sent, and nothing is said to be lost."""
    monkeypatch.setattr(racing, "SENDING", 0)

    with served(shop.app) as address:
        page = race(visitor, address.rpartition(":")[2])

    assert "No add was answered with 200" in verdicts(page)[2]
    assert racing.Tally("cache", 50, 50, 9, is_over=True).lost == 0


def test_only_the_shop_itself_races(shop: Shop, visitor: Visitor) -> None:
    """Who has no ticket of a race that is on finds nothing there, in any way."""
    with shop.app.app_context():
        good = racing._tickets().dumps(7)

    for ticket in ["", "7", good[:-1]]:
        for path in ("session", "cache", "flask-cart"):
            for method in ("GET", "PUT", "POST", "DELETE"):
                answer = visitor.client.open(
                    f"/race/{path}/cart", method=method, headers={"Race": ticket}
                )

                assert answer.status_code == 404
                assert "Set-Cookie" not in answer.headers

    path, headers = "/race/walking/cart", {"Race": good}

    assert visitor.client.get(path, headers=headers).status_code == 404


def test_a_worker_that_is_alone_does_not_wait(visitor: Visitor) -> None:
    """Nobody else could answer those who race, so it shows how far they are."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        visitor.get("/race/")
        form = {"csrf_token": visitor.field("csrf_token")}
        there = {"SERVER_PORT": str(silent.getsockname()[1])}
        page = visitor.follow(
            visitor.client.post("/race/", data=form, environ_overrides=there)
        )
        (thread,) = [each for each in threading.enumerate() if each.name == "race"]

    thread.join(60)

    assert "They are at it." in page


def test_one_race_at_a_time(shop: Shop) -> None:
    """While one is running no other begins, in whichever worker, until it must have
    ended; and only the last ones are kept."""
    with shop.app.app_context():
        db.session.add_all(Race() for _ in range(racing.KEPT))
        db.session.add(Race(running=True))
        db.session.commit()

        assert racing.begin_race(1) is None

        race = racing.read_race()
        assert race is not None
        assert race.is_running

        stored = db.session.get_one(Race, race.id)
        stored.began_at = now() - timedelta(seconds=racing.LONGEST + 1)
        db.session.commit()
        last = racing.read_race()
        thread = racing.begin_race(1)

        assert last is not None
        assert not last.is_running
        assert thread is not None

        thread.join(60)

        assert db.session.scalar(select(func.count(Race.id))) == racing.KEPT


def test_nobody_lets_them_race_all_the_time(shop: Shop, visitor: Visitor) -> None:
    """A visitor can begin six a minute."""
    with shop.app.app_context():
        db.session.add(Race(running=True))
        db.session.commit()

    page = visitor.get("/race/")

    assert "They are at it." in page

    # The minute of those before would end meanwhile.
    limiter.reset()
    answers = [visitor.post("/race/").status_code for _ in range(7)]

    assert answers == [303] * 6 + [429]


def test_the_counters_run(
    open_window: Visits, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page follows a race that somebody sees, and the button can be pressed again
    without a new page."""
    go_on = threading.Event()
    find_variant = racers.find_variant

    def find_later(sku: str) -> racers.Variant:
        assert go_on.wait(60)
        return find_variant(sku)

    monkeypatch.setattr(racers, "find_variant", find_later)
    page = open_window()
    page.goto("/race/")
    button(page, "Send 50 adds to each").click()
    status = page.locator("#race-status")

    expect(status).to_contain_text("They are at it.")
    expect(page.locator("#lane-flask-cart .verdict")).to_have_text("Not sent yet.")

    go_on.set()

    expect(status).to_contain_text("50 in Flask-Cart", timeout=60_000)
    expect(page.locator("#lane-flask-cart .verdict")).to_have_text(KEPT)
    expect(button(page, "Send 50 adds to each")).to_be_focused()
