"""Guests whose browsers cannot be told any more which cart is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_cart import CartError
from flask_cart import current_cart
from tests.support.guests import file_sessions
from tests.support.guests import set_up
from tests.support.late import IN_TIME_WAYS
from tests.support.late import LATE_WAYS
from tests.support.late import Late
from tests.support.session_shops import open_shop

TOO_LATE = (
    "This browser has no cart yet, and cannot be told which one is its own: the answer"
    " has begun, or there is none. Change a guest's cart in the view, before it"
    " streams; threads and sockets can only change one that was changed before."
)


@pytest.fixture
def late() -> Iterator[Late]:
    with open_shop({"CART_STORAGE": "memory"}, set_up=set_up) as shop:
        yield Late(shop)


@pytest.mark.parametrize("way", LATE_WAYS)
def test_first_change(late: Late, way: str) -> None:
    """It is an error that says what to do, and nothing is stored."""
    browser = late.shop.browser()
    late.add(browser, way)

    assert [str(error) for error in late.errors] == [TOO_LATE]
    assert isinstance(late.errors[0], CartError)
    assert browser.get("/cart").json == {}
    assert not list(late.storage.scan())


@pytest.mark.parametrize("way", LATE_WAYS)
def test_further_change(late: Late, way: str) -> None:
    """Who has a cart already can go on."""
    browser = late.shop.browser()
    browser.post("/cart/add/mug")
    late.add(browser, way)

    assert late.errors == []
    assert browser.get("/cart").json == {"mug": 2}


@pytest.mark.parametrize("way", LATE_WAYS)
def test_user(late: Late, way: str) -> None:
    """A user needs no cookie for it."""
    browser = late.shop.browser()
    browser.post("/login/7")
    late.add(browser, way)

    assert late.errors == []
    assert browser.get("/cart").json == {"mug": 1}


@pytest.mark.parametrize("way", LATE_WAYS)
def test_session_on_the_server(tmp_path: Path, way: str) -> None:
    """Neither does who has a session on the server; who has none, does."""
    config = {"CART_STORAGE": "memory"} | file_sessions(tmp_path)

    with open_shop(config, set_up=set_up) as shop:
        late = Late(shop)
        visitor, newcomer = shop.visitor(), shop.browser()
        late.add(visitor, way)

        assert late.errors == []
        assert visitor.get("/cart").json == {"mug": 1}

        late.add(newcomer, way)

        assert [str(error) for error in late.errors] == [TOO_LATE]


@pytest.mark.parametrize("way", LATE_WAYS)
def test_looking(late: Late, way: str) -> None:
    """An empty cart can be shown at any time."""
    late.action = lambda: len(current_cart)
    late.add(late.shop.browser(), way)

    assert late.errors == []


@pytest.mark.parametrize("way", IN_TIME_WAYS)
def test_in_time(late: Late, way: str) -> None:
    """What comes before the answer is in time, wherever it is done."""
    browser = late.shop.browser()
    late.add(browser, way)

    assert late.errors == []
    assert browser.get("/cart").json == {"mug": 1}


def test_threads_of_a_new_guest(late: Late) -> None:
    """Threads of one request that are the first to add are one guest."""
    browser = late.shop.browser()
    late.add(browser, "threads")

    assert late.errors == []
    assert browser.get("/cart").json == {"mug": 8}
