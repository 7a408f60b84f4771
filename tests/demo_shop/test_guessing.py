"""What is worth guessing at cannot be tried for long, and what is private stays so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from demo_shop import create_app
from demo_shop.extensions import db
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor

EMAIL = "ada@example.org"
PASSWORD = "kettle rope tide"
WAIT = "Please wait a minute."


def sign_up(visitor: Visitor) -> None:
    """Open an account."""
    visitor.get("/signup")
    visitor.follow(visitor.post("/signup", email=EMAIL, password=PASSWORD))


def statuses(
    visitor: Visitor, path: str, times: int, **fields: Callable[[int], str]
) -> list[int]:
    """Send a form again and again, each time with other values."""
    return [
        visitor.post(
            path, **{name: field(number) for name, field in fields.items()}
        ).status_code
        for number in range(times)
    ]


@pytest.mark.parametrize("path", ["/login", "/signup"])
def test_passwords(shop: Shop, visitor: Visitor, path: str) -> None:
    """Ten wrong ones are read, and after that not even the right one is, whatever
    cookies come along."""
    sign_up(shop.visitor())
    visitor.get(path)
    email, wrong = (lambda _: EMAIL), "not the {}th one".format

    assert statuses(visitor, path, 12, email=email, password=wrong) == (
        [422] * 10 + [429] * 2
    )

    other = shop.visitor()
    other.get(path)
    answer = other.post(path, email=EMAIL, password=PASSWORD)

    assert answer.status_code == 429
    assert WAIT in answer.text


def test_right_passwords_are_not_counted(shop: Shop, visitor: Visitor) -> None:
    """A family behind one address logs in and out as often as it likes."""
    sign_up(visitor)

    for _ in range(12):
        visitor.get("/account")
        visitor.follow(visitor.post("/logout"))
        visitor.get("/login")
        visitor.follow(visitor.post("/login", email=EMAIL, password=PASSWORD))


def test_gift_cards(visitor: Visitor) -> None:
    """Codes that are money cannot be guessed at."""
    visitor.add("harbour-mug", "MUG-NAVY")

    assert statuses(visitor, "/basket/gift-card", 12, card="GUESS-{}".format) == (
        [303] * 10 + [429] * 2
    )


def test_coupons(visitor: Visitor) -> None:
    """Nor can those of coupons, in the basket of Flask-Cart."""
    visitor.add("harbour-mug", "MUG-NAVY")
    answers = statuses(visitor, "/basket/coupons", 32, code="GUESS{}".format)

    assert set(answers[:30]) == {303}
    assert set(answers[30:]) == {429}


def test_the_database_is_the_owners(tmp_path: Path) -> None:
    """Nobody else on the machine reads names, addresses and baskets."""
    created = tmp_path / "new.sqlite3"
    app = create_app({"SQLALCHEMY_DATABASE_URI": f"sqlite:///{created}"})

    with app.app_context():
        db.engine.dispose()

    assert created.stat().st_mode & 0o077 == 0


def test_copies_of_a_cookie_end_with_the_session(tmp_path: Path) -> None:
    """Whoever has copied the cookie of somebody logged in has nothing after the
    log-out, where sessions are on the server."""
    shop = Shop(
        f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        DEMO_SHOP_STORAGE="session",
        DEMO_SHOP_FOLDER=tmp_path,
    )
    visitor, thief = shop.visitor(), shop.visitor()
    sign_up(visitor)

    for cookie in visitor.client._cookies.values():
        thief.client.set_cookie(cookie.key, cookie.value)

    assert EMAIL in thief.get("/account")
    visitor.get("/account")
    visitor.follow(visitor.post("/logout"))
    assert EMAIL not in thief.get("/account")
    shop.close()
