"""Sharing a basket: a link that others copy it from, until it is taken back."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from demo_shop.services import sharing
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.windows import add
from tests.support.windows import button
from tests.support.windows import expect_pieces


def share(visitor: Visitor) -> str:
    """Make a link to the basket, and read it from the page."""
    visitor.get("/basket/")
    visitor.follow(visitor.post("/basket/link/"))

    return link_on(visitor)


def link_on(visitor: Visitor) -> str:
    """The path of the link that the basket's page shows; empty if there is none."""
    found = re.search(
        r'id="share-link" .*? value="[^"]*?(/basket/links[^"]*)"', visitor.page
    )

    return found[1] if found else ""


def take(visitor: Visitor, link: str) -> str:
    """Copy what a link shows."""
    visitor.get(link)

    return visitor.follow(visitor.post(link))


def test_others_copy_what_is_in_a_basket(any_shop: Shop) -> None:
    """What they had stays, what both have is not doubled, and the one that was shared
    stays as it is."""
    ada, bob = any_shop.visitor(), any_shop.visitor()
    ada.add("harbour-mug", "MUG-NAVY", "2")
    ada.add("logbook", "LOGBOOK-RUST")
    bob.add("harbour-mug", "MUG-NAVY")
    bob.add("pilot-kettle", "KETTLE-TAR")
    link = share(ada)
    page = bob.get(link)

    assert "2 \u00d7 Harbour mug" in page
    assert "pictures/harbour-mug" in page
    assert "€14.00" not in page.partition("<main")[2]

    page = take(bob, link)

    assert "All of it is in your basket." in page
    assert len(bob.lines()) == 3
    assert re.findall(r'type="number" .*? value="(.)"', bob.page) == ["2", "1", "1"]

    take(bob, link)

    assert re.findall(r'type="number" .*? value="(.)"', bob.page) == ["2", "1", "1"]
    assert len(ada.lines()) == 2


def test_a_basket_has_one_link(shop: Shop, visitor: Visitor) -> None:
    """Which is there until it is taken back; then it leads nowhere, and the next one is
    another."""
    visitor.add("harbour-mug", "MUG-NAVY")
    link = share(visitor)

    assert link
    assert share(visitor) == link
    assert shop.visitor().get(link)

    visitor.get("/basket/")
    page = visitor.follow(visitor.post("/basket/link/revoke"))

    assert "The link leads nowhere any more." in page
    assert link_on(visitor) == ""
    shop.visitor().get(link, status=404)

    visitor.post("/basket/link/revoke")

    assert "leads nowhere" not in visitor.get("/basket/")
    assert share(visitor) != link


def test_an_empty_basket_is_not_shared(visitor: Visitor) -> None:
    """And the page says what to do first."""
    visitor.get("/goods/harbour-mug")
    page = visitor.follow(visitor.post("/basket/link/"))

    assert "Put something in your basket first, then share it." in page
    assert link_on(visitor) == ""


def test_a_link_ends_with_the_order(shop: Shop, visitor: Visitor) -> None:
    """What comes into the basket next is nobody's business."""
    visitor.add("harbour-mug", "MUG-NAVY")
    link = share(visitor)
    visitor.follow(visitor.order())
    visitor.add("logbook", "LOGBOOK-RUST")
    visitor.get("/basket/")

    assert link_on(visitor) == ""
    shop.visitor().get(link, status=410)
    assert share(visitor) != link


def test_the_link_of_an_account_is_on_all_devices(shop: Shop) -> None:
    """And that of a guest does not come along: its basket is another one then."""
    desk, phone = shop.visitor(), shop.visitor()
    form = {"email": "ada@example.org", "password": "kettle rope tide"}
    desk.get("/signup")
    desk.post("/signup", **form)
    desk.add("harbour-mug", "MUG-NAVY")
    link = share(desk)
    phone.add("logbook", "LOGBOOK-RUST")
    share(phone)
    phone.get("/login")
    phone.post("/login", **form)
    phone.get("/basket/")

    assert link_on(phone) == link


def test_a_link_that_is_over_is_made_anew(
    shop: Shop, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time nobody is shown an address that does not open."""
    visitor.add("harbour-mug", "MUG-NAVY")
    monkeypatch.setattr(sharing, "LIFETIME", timedelta(microseconds=1))
    link = share(visitor)

    assert link == ""

    monkeypatch.setattr(sharing, "LIFETIME", timedelta(days=1))

    assert share(visitor)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_sharing_on_a_phone(open_window: Visits, scripts: bool) -> None:
    """With the keyboard or a thumb: a button makes the link, another one copies it; the
    field is there in any case. Somebody else opens it and has the same."""
    page = open_window(
        viewport=PHONE,
        java_script_enabled=scripts,
        permissions=["clipboard-read", "clipboard-write"],
    )
    add(page, "harbour-mug", "Fog")
    page.goto("/basket/")
    button(page, "Make a link to it").press("Enter")
    field = page.locator("#share-link")
    expect(field).to_have_value(re.compile("/basket/links/"))
    link = field.input_value()

    if scripts:
        expect(field).to_be_focused()
        button(page, "Copy the link").press("Enter")

        expect(page.locator("#share-said")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == link
        assert find_barriers(page) == []
    else:
        expect(button(page, "Copy the link")).to_have_count(0)

    other = open_window(viewport=PHONE, java_script_enabled=scripts)
    other.goto(link)
    button(other, "Put it in my cart").click()

    expect_pieces(other, 1)

    button(page, "Stop sharing").press("Enter")

    expect(button(page, "Make a link to it")).to_be_visible()
