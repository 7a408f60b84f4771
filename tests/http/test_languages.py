"""Languages: the pages and the JSON API, as Flask-Babel or the settings say."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import request
from flask.testing import FlaskClient
from flask_babel import Babel
from flask_babel import force_locale
from moneyed import Money

from flask_cart import Condition
from flask_cart import current_cart
from flask_cart import rule
from flask_cart.app.language import ngettext
from tests.support.catalogues import in_brackets
from tests.support.catalogues import untranslated
from tests.support.catalogues import write_catalogue
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import open_storefront
from tools import tongues

MUG: t.Final = line_of("mug", size="L")


@pytest.fixture
def babel(shop: Storefront) -> Storefront:
    """A shop with Flask-Babel, in the language that the address asks for."""
    Babel(shop.app, locale_selector=lambda: request.args.get("lang"))

    return shop


def page_in(locale: str, folder: Path) -> str:
    """The page of a cart with three mugs, by the settings alone.

    :param folder: The app's own.
    """
    with open_storefront("memory", folder=folder, CART_LOCALE=locale) as shop:
        shop.app.root_path = str(folder)
        client = shop.app.test_client()
        fill(client)

        return client.get("/cart/").text


@pytest.mark.parametrize(
    ("locale", "frame", "title", "price"),
    [
        ("de", 'lang="de" dir="ltr"', "Ihr Warenkorb", "37,50\xa0€"),
        ("de-AT", 'lang="de-AT" dir="ltr"', "Ihr Warenkorb", "€\xa037,50"),
        ("fr", 'lang="fr" dir="ltr"', "Votre panier", "37,50\xa0€"),
        ("es_MX", 'lang="es-MX" dir="ltr"', "Tu cesta", "EUR37.50"),
        ("ar", 'lang="ar" dir="rtl"', "سلتك", "\u200f37.50\xa0€"),
        ("ja", 'lang="en" dir="ltr"', "Your cart", "€37.50"),
    ],
)
def test_the_language_of_the_settings(
    locale: str, frame: str, title: str, price: str, tmp_path: Path
) -> None:
    """Without Flask-Babel, CART_LOCALE is that of all pages; what has no catalogue is
    in English, and says so."""
    page = page_in(locale, tmp_path)

    assert f"<html {frame}>" in page
    assert f"<title>{title}</title>" in page
    assert price in page


@pytest.mark.parametrize(
    ("language", "said", "price"),
    [
        ("en", "Pot is in your cart.", "€40.00"),
        ("de", "Pot ist in Ihrem Warenkorb.", "40,00\xa0€"),
        ("fr", "Pot est dans votre panier.", "40,00\xa0€"),
        ("es", "Pot está en tu cesta.", "40,00\xa0€"),
        ("ar", "\u2068Pot\u2069 في سلتك.", "\u200f40.00\xa0€"),
    ],
)
def test_the_language_of_the_request(
    babel: Storefront, language: str, said: str, price: str
) -> None:
    """Flask-Babel knows it; in a line that is written the other way, names are kept
    apart from it."""
    client = babel.app.test_client()
    client.post(f"/cart/lines?lang={language}", data={"item": "pot"})
    page = client.get(f"/cart/?lang={language}").text

    assert f"<p>{said}</p>" in page
    assert price in page


def test_what_a_template_gives_is_what_it_asked_for(babel: Storefront) -> None:
    """Whatever the language of the page is."""
    template = babel.app.jinja_env.from_string("{{ price|money('de') }}")

    with babel.app.test_request_context("/?lang=fr"):
        assert template.render(price=Money("1", "EUR")) == "1,00\xa0€"


def test_problems_and_reasons(babel: Storefront) -> None:
    """The JSON API tells people in their language, and programs as ever."""
    client = babel.app.test_client()
    problem = client.post("/cart/lines?lang=de", json={"item": "rare", "quantity": 4})

    assert problem.json["code"] == "not-enough"
    assert problem.json["title"] == "Nicht genug verfügbar"
    assert problem.json["detail"] == "Nur noch 3 verfügbar."

    client.post("/cart/lines", json={"item": "pot", "quantity": 5})
    cart = client.get("/cart/?lang=fr", headers=JSON).json
    bike = {each["name"]: each for each in cart["shipping_options"]}["Bike"]

    assert bike["reason"] == "jusqu\u2019à 4 articles seulement, il y en a 5"


def test_a_field_that_cannot_be_read(babel: Storefront) -> None:
    """Who has typed it is asked to look at it again, and hears nothing of types."""
    client = babel.app.test_client()
    fields = {"item": "mug", "quantity": "two"}
    client.post("/cart/lines?lang=de", data=fields)

    page = client.get("/cart/?lang=de").text

    assert "<p>Bitte prüfen Sie Ihre Eingabe.</p>" in page


def test_amounts_and_times_in_reasons(babel: Storefront) -> None:
    """They are written as the language does."""
    terms = [
        rule("total_at_least", amount="1234.50"),
        rule("dates", first="2125-12-31"),
        rule("between", start="2125-12-31T18:30:00Z"),
        rule("item", ids=["cup", "jar", "jug"], quantity=2000),
    ]

    with babel.app.test_request_context("/?lang=de"):
        current_cart.add("pot", name="Pot", price=40)

        for number, each in enumerate(terms):
            current_cart.add_condition(
                Condition(f"C{number}", "discount", "subtotal", "-1%", rule=each)
            )

        said = [babel.extension.reason_of(e) for e in current_cart.totals.explain()]

    assert said == [
        "gilt ab 1.234,50\xa0€, bisher sind es 40,00\xa0€",
        "gilt ab 31.12.2125",
        "gilt ab 31.12.2125, 18:30",
        "gilt ab 2.000 \xd7 cup, jar oder jug, bisher sind es 0",
    ]


def test_outside_of_a_request(babel: Storefront) -> None:
    """A job has the language that it is forced to, else that of the settings."""
    with babel.app.app_context():
        cart = babel.extension.cart(owner="user:1")
        cart.add("pot", price=40)
        cart.add_condition(
            Condition("C", "discount", "subtotal", "-1", rule=rule("first_order"))
        )
        babel.extension.facts(lambda facts: {"orders": 1})
        [step] = cart.totals.explain()

        with force_locale("es"):
            assert babel.extension.reason_of(step) == "solo para el primer pedido"

        assert babel.extension.reason_of(step) == "it is for a first order"


def test_sentences_of_the_app(tmp_path: Path) -> None:
    """A catalogue of the app comes before ours, sentence by sentence; of one language
    that we do not have it is the only one."""
    folder = tmp_path / "translations"
    write_catalogue(folder, "de", {"Check out": "Ab zur Kasse", "Coupons": "Codes"})
    write_catalogue(folder, "nl", {"Your cart": "Je winkelmand"})
    page = page_in("de_CH", tmp_path)

    assert ">Codes</h2>" in page
    assert "Ihr Warenkorb" in page
    assert "Je winkelmand" in page_in("nl", tmp_path)
    assert 'lang="nl"' in page_in("nl", tmp_path)


def test_sentences_of_an_app_with_flask_babel(shop: Storefront, tmp_path: Path) -> None:
    """They are where Flask-Babel looks for those of the app; English ones as well."""
    write_catalogue(tmp_path / "words", "en", {"Your cart": "Your bag"})
    Babel(shop.app, default_translation_directories=str(tmp_path / "words"))

    assert "<title>Your bag</title>" in shop.app.test_client().get("/cart/").text


@pytest.mark.parametrize(
    ("number", "noun"),
    [
        (0, "منتجات"),
        (1, "منتج"),
        (2, "منتجان"),
        (3, "منتجات"),
        (11, "منتجًا"),
        (100, "منتج"),
    ],
)
def test_arabic_has_six_forms(number: int, noun: str, tmp_path: Path) -> None:
    """Each number has the one that it needs."""
    with (
        open_storefront("memory", folder=tmp_path, CART_LOCALE="ar") as shop,
        shop.app.app_context(),
    ):
        assert ngettext("item", "items", number) == noun


#: What is the shop's own on the pages.
DATA: t.Final = [
    "Mug",
    "Pot",
    "Size",
    "Rare book",
    "Post",
    "Bike",
    "TEN",
    "Wishlist",
    "boat",
]


@pytest.fixture
def pseudo(tmp_path: Path) -> Iterator[Storefront]:
    """A shop that has each sentence of ours in brackets."""
    write_catalogue(tmp_path / "words", "en", in_brackets(tongues.EXTENSION))

    with open_storefront("memory", folder=tmp_path) as shop:
        Babel(shop.app, default_translation_directories=str(tmp_path / "words"))
        shop.app.register_blueprint(shop.extension.permalinks, url_prefix="/buy")

        yield shop


def test_no_page_says_what_cannot_be_translated(pseudo: Storefront) -> None:
    """Empty or full, with all that can be said on it."""
    client = pseudo.app.test_client()
    pages = [client.get("/cart/"), client.get("/cart/links/x.y")]
    fill(client)
    client.post("/cart/lines", json={"item": "rare", "quantity": 2})
    client.post("/cart/coupons", data={"code": "TEN"})
    client.post("/cart/coupons", data={"code": "TEN!"})
    client.post("/cart/lines", data={"item": "boat"})
    pages += [client.get(f"/cart/{each}") for each in ["", "wishlist/", "?drawer=1"]]
    pages += each_answer(client)

    assert [heard for each in pages for heard in untranslated(DATA, each.text)] == []
    assert {each.status_code for each in pages} == {200, 400, 404, 409}


def each_answer(client: FlaskClient) -> list[t.Any]:
    """What is answered to forms, and to permalinks."""
    asked = {"quantity": "2", "seen": "1"}

    return [
        client.post(f"/cart/lines/{MUG}", data=asked),
        client.post("/cart/clear", data={"cart_version": "1"}),
        client.post(f"/cart/lines/{MUG}/remove", follow_redirects=True),
        client.post("/cart/clear", follow_redirects=True),
        client.get("/buy/mug:1/L,rare:9", follow_redirects=True),
        client.get("/buy/pot:2?coupon=TEN", follow_redirects=True),
    ]


def test_what_is_not_translated_is_heard() -> None:
    """In texts and in attributes, beside what is."""
    page = '<p>⟦Not ⟦this⟧.⟧ Mug 2</p> <p>But that</p> <a title="And this">+</a>'

    assert untranslated(DATA, page) == ["But that", "And this"]
