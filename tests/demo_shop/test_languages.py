"""Languages: each page of the shop is in one, and that is chosen below it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator
from playwright.sync_api import expect

from demo_shop import languages
from demo_shop.sandbox_pay import ADDRESS as KNOWN
from demo_shop.seed import read_catalogue
from tests.support.browsers import Visits
from tests.support.catalogues import in_brackets
from tests.support.catalogues import untranslated
from tests.support.catalogues import write_catalogue
from tests.support.scenes import Scene
from tests.support.scenes import staged
from tests.support.scenes_of_slackwater import LONG
from tests.support.scenes_of_slackwater import SCENES
from tests.support.slackwater import ADDRESS
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.windows import add
from tools import tongues

#: Where the forms below a page lead back to.
NEXT = re.compile('name="next" value="([^"]*)"')


def test_a_language_is_chosen_below_each_page(visitor: Visitor) -> None:
    """It is remembered, and the shopper stays on the page; what is no language of the
    shop changes nothing."""
    visitor.client.post("/language", data={"language": "xx"})

    assert "\u20ac14.00" in visitor.get("/goods/harbour-mug?from=home")

    data = {"language": "de", "next": NEXT.findall(visitor.page)[-1]}
    page = visitor.follow(visitor.client.post("/language", data=data))

    assert data["next"] == "/goods/harbour-mug?from=home"
    assert "14,00\xa0\u20ac" in page
    assert 'value="de" lang="de" aria-current="true"' in page


@pytest.mark.parametrize(
    ("language", "tag"),
    [
        ("en", 'lang="en-GB" dir="ltr"'),
        ("de", 'lang="de" dir="ltr"'),
        ("fr", 'lang="fr" dir="ltr"'),
        ("es", 'lang="es" dir="ltr"'),
        ("ar", 'lang="ar" dir="rtl"'),
    ],
)
def test_the_page_says_its_language(visitor: Visitor, language: str, tag: str) -> None:
    """And in which direction it is written."""
    visitor.client.set_cookie("language", language)

    assert f"<html {tag}>" in visitor.get("/")
    assert f"<html {tag}>" in visitor.get("/nowhere", 404)


GOODS = read_catalogue()

#: One in which all that a catalogue has is in brackets. It puts no words of its own
#: between those of a list, nor into dates.
BRACKETS = "ja"

#: What is nobody's to translate: names, codes, and what shoppers have typed.
DATA = [
    "Slackwater",
    "Sandbox Pay",
    "Flask-Cart",
    "Brackets",
    *languages.LANGUAGES.values(),
    *(each["code"] for name in ("coupons", "gift_cards") for each in GOODS[name]),
    "XL",
    "SW-",
    "EUR",
    "example.org",
    # What somebody has typed.
    "boots",
    "zebra",
    "sprongtide",
    "Please ring twice. My dog is deaf.",
    "agent.example",
    # Of the developer's panel.
    "GET",
    "POST",
    "/basket/lines/many",
    "/basket/",
    "/login",
    "default",
    "kg",
    *ADDRESS.values(),
    *KNOWN.values(),
    LONG,
]


@pytest.fixture(scope="module")
def pseudo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that has each sentence in brackets, in a language of its own."""
    folder = tmp_path_factory.mktemp("pseudo")
    write_catalogue(folder, BRACKETS, in_brackets(tongues.EXTENSION))
    write_catalogue(folder, BRACKETS, in_brackets(tongues.DEMO), "messages.po")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(languages.LANGUAGES, BRACKETS, "Brackets")
        shop = Shop(
            f"sqlite:///{folder / 'shop.sqlite3'}",
            DEMO_SHOP_FOLDER=folder,
            BABEL_TRANSLATION_DIRECTORIES=str(folder),
            CART_RATE_LIMITS={},
        )
        yield shop
        shop.close()


@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.name)
def test_no_page_says_what_cannot_be_translated(
    pseudo: Shop, scene: Scene[Shop]
) -> None:
    """In whichever state it is."""
    with staged(pseudo, BRACKETS) as stage:
        page = scene.read(stage).text

    # What a problem of the API is, is for developers, and says that it is English.
    if '<html lang="en">' not in page:
        assert f'<html lang="{BRACKETS}" dir="ltr">' in page
        assert untranslated(DATA, page) == []


@pytest.mark.parametrize(
    ("asked", "tag"),
    [("de-AT, en;q=0.5", "de"), ("pt, ar;q=0.5", "ar"), ("pt", "en-GB"), ("", "en-GB")],
)
def test_who_has_not_chosen_gets_what_the_browser_asks_for(
    visitor: Visitor, asked: str, tag: str
) -> None:
    """And caches are told; who has chosen keeps that."""
    headers = {"Accept-Language": asked}
    page = visitor.client.get("/", headers=headers)

    assert f'<html lang="{tag}"' in page.text
    assert "accept-language" in page.vary

    visitor.client.set_cookie("language", "fr")

    assert '<html lang="fr"' in visitor.client.get("/", headers=headers).text


@pytest.mark.parametrize(
    ("language", "word"), [("de", "Socken"), ("fr", "chaussettes"), ("ar", "جوارب")]
)
def test_goods_are_found_as_the_page_calls_them(
    visitor: Visitor, language: str, word: str
) -> None:
    """And by what they are called in English."""
    visitor.client.set_cookie("language", language)

    for query in (word, "socks"):
        assert "/goods/boot-socks" in visitor.get(f"/search?q={query}")
        assert "/goods/harbour-mug" not in visitor.page


def test_goods_are_in_the_order_of_the_page(visitor: Visitor) -> None:
    """By the names that it shows."""
    visitor.client.set_cookie("language", "de")
    page = visitor.get("/search?sort=name")
    names = re.findall(r'card-name"><a[^>]*>([^<]*)<', page)

    assert names == sorted(names, key=str.casefold)
    assert len(names) == 28


def test_what_is_stored_is_the_same_in_all_languages(visitor: Visitor) -> None:
    """A basket and an order that were filled in one are read in another."""
    visitor.client.set_cookie("language", "ar")
    visitor.add("harbour-mug", "MUG-NAVY")
    order = visitor.follow(visitor.order())
    visitor.client.set_cookie("language", "de")
    address = re.findall('name="next" value="(/orders/[^"]*)"', order)[-1]

    assert "كوب الميناء" in order
    assert "Hafenbecher" in visitor.get(address)
    assert "Post mit Sendungsverfolgung" in visitor.page


@pytest.mark.parametrize(
    "switch", ["Deutsch", "Pounds", "Without VAT"], ids=["language", "currency", "VAT"]
)
def test_a_half_typed_address_stays(open_window: Visits, switch: str) -> None:
    """Whatever is chosen below the checkout, without scripts as well."""
    window = open_window(java_script_enabled=False)
    add(window, "harbour-mug", "Fog")
    window.goto("/checkout")
    window.locator("#street").fill("Kai 7")
    window.get_by_role("button", name=switch).click()

    expect(window.get_by_role("button", name=switch)).to_have_attribute(
        "aria-current", "true"
    )
    expect(window.locator("#street")).to_have_value("Kai 7")


def test_no_other_site_types_an_address(visitor: Visitor) -> None:
    """It would take the shopper's session away."""
    data = {"language": "de", "street": "Kai 7"}

    assert visitor.client.post("/language", data=data).status_code == 400


def test_from_right_to_left_on_a_phone(open_window: Visits) -> None:
    """All goes on that the shop is used for; lines begin on the right, more is on the
    left of fewer, and nothing is wider than the screen."""
    page = open_window(
        viewport={"width": 390, "height": 760}, locale="ar", reduced_motion="reduce"
    )
    page.goto("/goods/harbour-mug")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", level=1)).to_have_text("كوب الميناء")

    page.get_by_role("button", name="أضف إلى السلة").click()
    expect(page.locator("#cart-mini .basket-count")).to_contain_text("1")
    page.locator("#cart-mini").click()
    drawer = page.get_by_role("dialog", name="سلتك")
    more = drawer.get_by_role("button", name="واحد أكثر: كوب الميناء")
    more.click()
    expect(drawer.get_by_label("الكمية: كوب الميناء")).to_have_value("2")

    assert centre(more) < centre(drawer.locator(".step").first)
    assert centre(drawer.locator(".line-sum")) < centre(drawer.locator("h3"))

    drawer.get_by_role("button", name="إتمام الشراء").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("إتمام الشراء")

    for path in ("/", "/basket/", "/checkout", "/race/", "/account"):
        page.goto(path)
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - window.innerWidth"
        )
        assert (path, too_wide) == (path, 0)

    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page).to_have_url(re.compile("/account$"))


def centre(found: Locator) -> float:
    """How far from the left of the page the middle of something is."""
    box = found.bounding_box()
    assert box is not None

    return box["x"] + box["width"] / 2
