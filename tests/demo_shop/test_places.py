"""Places: a visitor has a basket in the database, beside the sessions and in the cache,
and goes from one to the other."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from playwright.sync_api import expect

from demo_shop.extensions import cart_ext
from demo_shop.languages import LANGUAGES
from demo_shop.places import PLACES
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.slackwater import assist
from tests.support.windows import add
from tests.support.windows import button
from tests.support.windows import expect_pieces

SAID = "Each place has a basket of its own."
KEPT = "Baskets are kept "
KNOWN = "Your account</h1>"
ACCOUNT = {"email": "ada@example.org", "password": "kettle rope tide"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop whose files are its own as well."""
    return Shop(f"sqlite:///{tmp_path / 'shop.sqlite3'}", DEMO_SHOP_FOLDER=tmp_path)


def go_to(visitor: Visitor, place: str, page: str = "/basket/") -> str:
    """Choose a place below a page, and look at that page again."""
    form = {"storage": place, "next": page}

    return visitor.follow(visitor.client.post("/place", data=form))


def go_round(shop: Shop) -> list[str]:
    """All places, the one where everybody is at first being the last."""
    default = shop.app.config["DEMO_SHOP_STORAGE"]

    return [*(each for each in PLACES if each != default), default]


def pieces(visitor: Visitor) -> list[str]:
    """How many there are of each line of the basket."""
    return re.findall(r'type="number" .*? value="(.)"', visitor.get("/basket/"))


def copy_on(page: str) -> str:
    """Where a page leads to put a copy into this basket; nothing if it does not."""
    found = re.search(r'<a href="http://localhost(/buy/[^"]+)">Put a copy', page)

    return found[1] if found else ""


def link_on(page: str) -> str:
    """The link to the basket that a page shows."""
    found = re.search(r'id="share-link" .*? value="[^"]*?(/basket/links[^"]*)"', page)
    assert found is not None

    return found[1]


def press(visitor: Visitor, page: str) -> str:
    """Send the form of the page that asks whether to put something into the basket."""
    asked = visitor.client.get(page)
    visitor.get(asked.location or page)
    found = re.search(r'<form class="cart-form" .*? action="([^"]+)"', visitor.page)
    assert found is not None

    return visitor.follow(visitor.post(found[1]))


def test_each_place_keeps_its_own_basket(any_shop: Shop) -> None:
    """Wherever the shop has them at first. The page says which one it is, and that
    nothing was taken; who comes back finds what was there, as does nobody else."""
    visitor, other = any_shop.visitor(), any_shop.visitor()
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    first = re.findall(f"{KEPT}[^<]*", visitor.page)
    places = go_round(any_shop)

    for number, place in enumerate(places, 3):
        page = go_to(visitor, place)

        assert SAID in page
        assert re.findall(f"{KEPT}[^<]*", page) != first or place == places[-1]
        assert f'value="{place}" aria-current="true"' in page

        if place != places[-1]:
            assert pieces(visitor) == []
            visitor.add("logbook", "LOGBOOK-RUST", str(number))

    for place, there in zip(places, (["3"], ["4"], ["2"]), strict=True):
        go_to(visitor, place)
        go_to(other, place)

        assert (pieces(visitor), pieces(other)) == (there, [])


def test_a_copy_comes_along(any_shop: Shop) -> None:
    """When it is asked for, and what is in both baskets stays there."""
    visitor = any_shop.visitor()
    here, _, there = go_round(any_shop)
    go_to(visitor, there)
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    visitor.add("tide-print", "PRINT-A3")
    go_to(visitor, here)
    visitor.add("logbook", "LOGBOOK-RUST")
    go_to(visitor, there)
    copy = copy_on(go_to(visitor, here))

    assert pieces(visitor) == ["1"]
    assert "Moon and tide print" in press(visitor, copy)
    assert pieces(visitor) == ["1", "2", "1"]

    go_to(visitor, there)

    assert pieces(visitor) == ["2", "1"]


def test_nothing_to_copy(shop: Shop) -> None:
    """An empty basket is not offered, nor what nothing is changed by."""
    visitor = shop.visitor()

    assert SAID in go_to(visitor, "cache")
    assert copy_on(visitor.page) == ""
    assert SAID not in go_to(visitor, "cache")
    assert SAID not in go_to(visitor, "attic")
    assert 'value="cache" aria-current="true"' in visitor.page


def test_more_than_an_address_can_say(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too much for the cookie of the session waits where it is."""
    monkeypatch.setattr("demo_shop.views.places.LONGEST", 10)
    visitor = shop.visitor()
    visitor.add("harbour-mug", "MUG-NAVY")

    assert SAID in go_to(visitor, "cache")
    assert copy_on(visitor.page) == ""


def test_more_lines_than_an_address_can_have(shop: Shop) -> None:
    """And so do more things than an address can have."""
    visitor = shop.visitor()
    visitor.add("harbour-mug", "MUG-NAVY")

    with shop.app.app_context():
        (owner,) = {kept.key.owner for kept in cart_ext.storage.scan()}
        cart = cart_ext.cart(owner=owner)

        with cart.batch():
            for number in range(100):
                cart.add(f"oddment-{number}", price=1)

    assert copy_on(go_to(visitor, "cache")) == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_all_languages(shop: Shop, language: str) -> None:
    """The switch, and what is said of it, are in the language of the page."""
    visitor = shop.visitor()
    visitor.client.set_cookie("language", language)
    visitor.add("harbour-mug", "MUG-NAVY")
    page = go_to(visitor, "session")
    is_english = language == "en"

    assert (SAID in page) is is_english
    assert ("Where baskets are" in page) is is_english
    assert ("Put a copy" in page) is is_english
    assert "/buy/MUG-NAVY:1" in page


def test_who_has_not_chosen_has_no_cookie(shop: Shop) -> None:
    """And no other app is made, also for those who send what nobody can choose."""
    client = shop.visitor().client

    for cookie in ("", "place=attic", "replace=cache"):
        with client.get("/", headers={"Cookie": cookie}) as page:
            assert f"{KEPT}in the database" in page.text
            assert "Set-Cookie" not in page.headers

    assert shop.app.extensions["places"].apps.keys() == {"database"}


def test_pages_that_are_kept(shop: Shop) -> None:
    """Of who only looks, a cache may keep the home page, of one place for those of the
    same: it differs by the cookie, and the page is no other one for others."""
    pages = {}

    for place in ("database", "cache"):
        client = shop.visitor().client
        client.set_cookie("place", place)

        with client.get("/") as page:
            assert page.headers["Cache-Control"].startswith("public")
            assert "Cookie" in page.vary
            assert "Set-Cookie" not in page.headers
            pages[place] = page.text, page.headers["ETag"]

    assert "in a cache of files" in pages["cache"][0]
    assert "in the database" in pages["database"][0]
    assert pages["cache"][1] != pages["database"][1]


def test_an_account_is_one_in_all_places(any_shop: Shop) -> None:
    """Who logs in is known in each of them, and takes along what waits in it for the
    guest; who logs out is known in none."""
    visitor = any_shop.visitor()
    first, second, third = go_round(any_shop)
    go_to(visitor, first)
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    go_to(visitor, second)
    visitor.add("logbook", "LOGBOOK-RUST", "3")
    visitor.get("/signup")
    visitor.follow(visitor.post("/signup", **ACCOUNT))

    for place, there in ((first, ["2"]), (second, ["3"]), (third, [])):
        go_to(visitor, place)

        assert pieces(visitor) == there
        assert KNOWN in visitor.get("/account")

    visitor.post("/logout")

    for place in (first, second, third):
        go_to(visitor, place)

        assert pieces(visitor) == []
        assert KNOWN not in visitor.get("/account")

    phone = any_shop.visitor()
    phone.get("/login")
    phone.follow(phone.post("/login", **ACCOUNT))
    go_to(phone, first)

    assert pieces(phone) == ["2"]


def test_a_guest_waits_while_another_comes_and_goes(shop: Shop) -> None:
    """Who logs in and out in one place is still the same guest in the others."""
    visitor = shop.visitor()
    go_to(visitor, "cache")
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    go_to(visitor, "database")
    visitor.add("logbook", "LOGBOOK-RUST", "3")
    visitor.get("/signup")
    visitor.follow(visitor.post("/signup", **ACCOUNT))
    visitor.post("/logout")
    visitor.add("logbook", "LOGBOOK-RUST")
    go_to(visitor, "cache")

    assert pieces(visitor) == ["2"]


def test_a_half_typed_address_stays(shop: Shop) -> None:
    """It is the visitor's, wherever the basket is."""
    visitor = shop.visitor()
    visitor.add("logbook", "LOGBOOK-RUST")
    visitor.get("/checkout")
    visitor.post("/place", storage="cache", street="Kai 7")
    go_to(visitor, "database")

    assert 'value="Kai 7"' in visitor.get("/checkout")


def test_what_came_is_taken_out_where_it_came(shop: Shop) -> None:
    """What is not somebody's is what has come in one place."""
    visitor = shop.visitor()
    visitor.get("/signup")
    visitor.follow(visitor.post("/signup", **ACCOUNT))
    go_to(visitor, "cache")
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    go_to(visitor, "database", "/account")
    visitor.post("/logout")
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.get("/login")
    page = visitor.follow(visitor.post("/login", **ACCOUNT))

    assert "These are not mine" in page

    go_to(visitor, "cache")
    visitor.follow(visitor.post("/account/not-mine"))

    assert pieces(visitor) == ["2"]

    go_to(visitor, "database")
    visitor.follow(visitor.post("/account/not-mine"))

    assert pieces(visitor) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("act", ["pay", "pay_twice", "pay_late"])
def test_a_payment_is_heard_of_where_its_basket_is(
    shop: Shop, place: str, act: str
) -> None:
    """Also if its shopper is in another place by then; the order is in all of them, and
    the basket that was not ordered is still there."""
    visitor = shop.visitor()
    elsewhere = "database" if place == "cache" else "cache"
    go_to(visitor, elsewhere)
    visitor.add("logbook", "LOGBOOK-RUST")
    go_to(visitor, place)
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    url = str(visitor.order(pay="sandbox").location)
    go_to(visitor, elsewhere, url)
    back = visitor.post(url, act=act).location

    if act == "pay_late":
        visitor.get(url)
        visitor.post(url, act="tell")

    assert "Harbour mug" in visitor.follow(visitor.client.get(back))
    assert [order.total_cents for order in shop.orders()] == [3290]
    assert pieces(visitor) == []

    go_to(visitor, elsewhere)

    assert pieces(visitor) == ["1"]
    assert "Harbour mug" in visitor.get("/account")


def test_a_payment_is_given_up_where_its_basket_is(shop: Shop) -> None:
    """Who comes back to it is there, and its money goes back if it comes after all."""
    visitor = shop.visitor()
    go_to(visitor, "session")
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    url = str(visitor.order(pay="sandbox").location)
    go_to(visitor, "database", url)
    visitor.get(visitor.post(url, act="refuse").location)
    found = re.search(r'action="([^"]+/give-up[^"]*)"', visitor.page)
    assert found is not None

    assert "Nothing was ordered." in visitor.follow(visitor.post(found[1]))
    assert pieces(visitor) == ["2"]

    visitor.get(url)
    visitor.post(url, act="pay")

    assert shop.orders() == []
    assert pieces(visitor) == ["2"]


def test_a_link_leads_to_the_place_of_its_basket(any_shop: Shop) -> None:
    """Whoever opens it is told, and finds their own basket again where it was."""
    ada, bob = any_shop.visitor(), any_shop.visitor()
    here, _, there = go_round(any_shop)

    for place, other in ((here, there), (there, here)):
        go_to(ada, place)
        go_to(bob, other)
        ada.add("harbour-mug", "MUG-NAVY", "2")
        bob.add("logbook", "LOGBOOK-RUST")
        ada.get("/basket/")
        link = link_on(ada.follow(ada.post("/basket/link/")))
        page = bob.get(link)

        assert "This is in another place than your basket" in page
        assert "Harbour mug" in press(bob, link)
        assert "2" in pieces(bob)
        assert "another place than" not in bob.get("/basket/")

        go_to(bob, other)

        assert pieces(bob)[-1:] == ["1"]


def test_a_link_that_leads_nowhere_leads_nobody_away(shop: Shop) -> None:
    """Who opens one stays in the place that they have chosen."""
    visitor = shop.visitor()
    go_to(visitor, "cache")
    visitor.get("/basket/links/nothing", status=404)

    assert f"{KEPT}in a cache" in visitor.get("/")


def test_links_of_one_account_in_two_places(shop: Shop) -> None:
    """Each basket has its own, and so has each its own activity."""
    visitor = shop.visitor()
    visitor.get("/signup")
    visitor.follow(visitor.post("/signup", **ACCOUNT))
    links, created = [], []

    for place in ("database", "cache"):
        go_to(visitor, place)
        visitor.add("harbour-mug", "MUG-NAVY")
        visitor.get("/basket/")
        links.append(link_on(visitor.follow(visitor.post("/basket/link/"))))
        created.append(visitor.get("/activity/").count("cart_created"))

    go_to(visitor, "database")

    assert created[0] == created[1] > 0

    assert link_on(visitor.get("/basket/")) == links[0] != links[1]


def test_an_assistant_hands_over(shop: Shop) -> None:
    """What it puts together is in the default place, and so is who opens its link."""
    visitor = shop.visitor()
    go_to(visitor, "cache")
    visitor.add("logbook", "LOGBOOK-RUST")
    cart = assist(shop, {"MUG-NAVY": 2})
    page = press(visitor, cart["continue_url"].removeprefix("http://localhost"))

    assert "agent.example" in page
    assert pieces(visitor) == ["2"]

    go_to(visitor, "cache")

    assert pieces(visitor) == ["1"]


def test_many_come_first(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all who ask for a place at once, one has it made, and all are answered."""
    places = shop.app.extensions["places"]
    make, made = places._make, []

    def note(place: str) -> Flask:
        made.append(place)
        return cast(Flask, make(place))

    monkeypatch.setattr(places, "_make", note)

    def visit(number: int) -> list[str]:
        visitor = shop.visitor()
        visitor.client.set_cookie("place", "cache")
        visitor.add("harbour-mug", "MUG-NAVY")

        return pieces(visitor)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(visit, range(8))) == [["1"]] * 8

    assert made == ["cache"]


def test_the_panel_leads_to_the_places(shop: Shop) -> None:
    """What is behind a page, as the statements, is that of its place."""
    visitor = shop.visitor()
    visitor.client.post("/panel/", data={"next": "/"})
    visitor.add("harbour-mug", "MUG-NAVY")

    assert '<a href="#storage">Choose another place</a>' in visitor.page
    assert "INTO carts" in visitor.page

    go_to(visitor, "cache")
    visitor.add("logbook", "LOGBOOK-RUST")
    shown, _, added, *_ = visitor.page.split('<details class="panel-request"')

    assert "in a cache of files" in shown.partition('id="panel"')[2]
    assert "item_added (default)" in added
    assert "INTO carts" not in added


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_in_a_browser(open_any_window: Visits, scripts: bool) -> None:
    """With the keyboard, on a real server: from place to place, with a copy."""
    page = open_any_window(java_script_enabled=scripts)
    add(page, "harbour-mug", "Fog")
    page.goto("/")
    place = "Cache" if button(page, "Database").get_attribute("aria-current") else ""
    chosen = place or "Database"
    button(page, chosen).press("Enter")

    expect(page.get_by_text(SAID)).to_be_visible()
    expect(button(page, chosen)).to_have_attribute("aria-current", "true")
    expect_pieces(page, 0)

    if scripts:
        assert find_barriers(page) == []

    page.get_by_role("link", name="Put a copy of what is in it").press("Enter")
    button(page, "Add to cart").press("Enter")
    expect_pieces(page, 1)
    add(page, "harbour-mug", "Fog")
    expect_pieces(page, 2)
