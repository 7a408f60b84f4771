"""Pages that are the same for everybody, in real browsers and behind a real cache."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask import render_template_string
from flask_wtf import CSRFProtect
from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import Response
from playwright.sync_api import expect

from tests.support.browsers import Visits
from tests.support.browsers import served
from tests.support.browsers import shifts
from tests.support.mug_shop import SHELF
from tests.support.mug_shop import MugShop
from tests.support.web_proxies import varnish

KEPT: t.Final = """
{% extends "flask_cart/base.html" %}
{% from "flask_cart/macros.html" import add_to_cart, cart_drawer %}
{% block title %}Kept{% endblock %}
{% block content %}
{{ add_to_cart(mug, next="/kept") }}
{{ add_to_cart(pot, next="/kept", label="Add the pot") }}
{% endblock %}
"""


def make_shop() -> Flask:
    """The shop, with tokens in its forms, and a page that may be kept."""
    app = MugShop().app
    CSRFProtect(app)

    def kept() -> str:
        return render_template_string(KEPT, mug=SHELF["mug"], pot=SHELF["pot"])

    cart_ext = app.extensions["cart"].extension
    app.add_url_rule("/kept", "kept", cart_ext.cacheable()(kept))

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(make_shop()) as address:
        yield address


@pytest.fixture
def visits(browser: Browser, address: str) -> Iterator[Visits]:
    visits = Visits(browser, address)
    yield visits
    visits.end()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


def test_a_key_and_a_token_when_it_is_sent(visits: Visits) -> None:
    """A double click adds once, as does each button, however fast; nothing moves."""
    page = visits()
    page.goto("/kept")
    assert page.context.cookies() == []

    page.get_by_role("button", name="Add to cart").dblclick()
    press(page, "Add the pot")
    header = page.locator("#cart-mini")
    expect(header).to_contain_text("2 items")
    expect(header).to_contain_text("€52.50")

    press(page, "Add the pot")
    expect(header).to_contain_text("3 items")
    assert shifts(page) == 0

    # Out of the browser's own cache it would be without them.
    page.goto("/cart/")
    page.goto("/kept")
    expect(header).to_contain_text("3 items")
    assert page.locator("[name=cart_key]").count() == 2


def test_a_page_in_between_without_scripts(visits: Visits) -> None:
    """It asks, and its button adds once, also when the page is loaded again."""
    page = visits(java_script_enabled=False)
    page.goto("/kept")
    page.get_by_label("Quantity").first.fill("2")
    press(page, "Add to cart")
    expect(page.get_by_role("heading")).to_have_text("Put this in your cart?")
    expect(page.locator("#cart-mini")).to_contain_text("0 items")

    page.reload()
    page.get_by_role("button", name="Add to cart").dblclick()
    page.wait_for_url("**/kept")
    expect(page.locator("#cart-mini")).to_contain_text("2 items")

    press(page, "Add the pot")
    expect(page.locator("#cart-mini")).to_contain_text("3 items")


def test_a_lost_network(visits: Visits) -> None:
    """The shopper is told, and may press once more."""
    page = visits(failures_expected=True)
    page.goto("/kept")
    page.context.set_offline(True)
    press(page, "Add the pot")
    expect(page.get_by_role("status")).to_contain_text("That did not work.")

    page.context.set_offline(False)
    press(page, "Add the pot")
    expect(page.locator("#cart-mini")).to_contain_text("1 item")


def is_kept(answer: Response | None) -> bool:
    """Whether a cache had it: it names the request that it was fetched for as well."""
    return answer is not None and " " in answer.headers["x-varnish"]


#: As it is installed, and as it is set up by impatient people: it is asked in spite of
#: cookies.
RULES: t.Final = {
    "default": "",
    "eager": 'sub vcl_recv { if (req.method == "GET") { return (hash); } }',
}


@pytest.mark.parametrize("rules", RULES)
def test_behind_a_cache(tmp_path: Path, browser: Browser, rules: str) -> None:
    """One page is shown to two visitors, and each adds something to a cart that nobody
    else sees."""
    with (
        served(make_shop()) as app,
        varnish(app, tmp_path, RULES[rules]) as address,
    ):
        visits = Visits(browser, address)
        ada, bob, new = visits(), visits(java_script_enabled=False), visits()
        assert [is_kept(visitor.goto("/kept")) for visitor in (ada, bob)] == [
            *(False, True)
        ]

        press(ada, "Add the pot")
        expect(ada.locator("#cart-mini")).to_contain_text("€40.00")

        for heading in ("Add to cart", "Add to cart"):
            press(bob, heading)

        expect(bob.locator("#cart-mini")).to_contain_text("€12.50")

        for visitor, amount in ((ada, "€40.00"), (bob, "€12.50"), (new, "€0.00")):
            assert is_kept(visitor.goto("/kept")) is (visitor is new)
            expect(visitor.locator("#cart-mini")).to_contain_text(amount)

        visits.end()
