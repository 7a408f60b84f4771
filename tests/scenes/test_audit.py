"""Every scene is for everybody, each in one of the languages.

``make audit`` takes each in all of them.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page

from tests.browser.test_builtin_pages import what_does_not_fit
from tests.scenes.conftest import ALL
from tests.scenes.conftest import PROGRAMMES
from tests.scenes.conftest import Theatre
from tests.scenes.conftest import plays_of
from tests.support.audits import find_all_barriers
from tests.support.audits import find_lost_focus
from tests.support.audits import find_overflow
from tests.support.audits import find_wrong_language
from tests.support.audits import try_going_back
from tests.support.audits import try_lost_network
from tests.support.browsers import DESKTOP
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.pictures import ACCEPTED
from tests.support.pictures import ACCEPTING
from tests.support.pictures import compare
from tests.support.scenes import Scene
from tests.support.scenes import Stage
from tests.support.scenes import staged

EVERY: t.Final = [
    (name, scene, language) for name in PROGRAMMES for scene, language in plays_of(name)
]

PLAYS: t.Final = [play for play in EVERY if ALL or not play[1].is_rare]

#: Where forms of each kind are, when not all scenes are looked at.
FORMS: t.Final = {
    "product with colours",
    "basket that was emptied",
    "basket with everything open",
    "drawer",
    "link that shares",
    "cart with all there is to say",
    "checkout",
}

#: What is another one each time: it tells what happened when, or will, or it scrolls.
UNSTEADY: t.Final = {
    "account with orders",
    "activity",
    "assistants",
    "no assistants",
    "order that is sent",
    "order with a coupon and a gift card",
    "panel with everything open",
    "product just after adding",
    "two windows",
}

#: What has a picture that it is compared with.
PICTURED: t.Final = [
    (name, scene, scene.turn)
    for name, scene, language in PLAYS
    if language == scene.turn and not scene.is_rare and scene.name not in UNSTEADY
]

LAPTOP: t.Final = {"width": 1024, "height": 700}

TRIED: t.Final = [play for play in EVERY if ALL or play[1].name in FORMS]


def name_of(theatre: str, scene: Scene[t.Any], language: str) -> str:
    """The name of the file with a picture."""
    return f"{theatre} {scene.name} {language}".replace(" ", "-")


@pytest.fixture
def page(
    theatre: Theatre,
    scene: Scene[t.Any],
    language: str,
    stage: Stage[t.Any],
    browser: Browser,
) -> Iterator[Page]:
    """The page of a scene."""
    visits = Visits(browser, theatre.address)
    page = visits(
        failures_expected=True,
        locale=language,
        reduced_motion="reduce",
        viewport=DESKTOP,
    )
    scene.show(stage, page, theatre.address)
    yield page
    visits.end()


@pytest.fixture
def stage(theatre: Theatre, language: str) -> Iterator[Stage[t.Any]]:
    """Where it is prepared."""
    with staged(theatre.shop, language) as stage:
        yield stage


def each_of(plays: list[tuple[str, Scene[t.Any], str]]) -> pytest.MarkDecorator:
    """Run a test with each of some scenes."""
    return pytest.mark.parametrize(
        ("theatre", "scene", "language"),
        plays,
        indirect=["theatre"],
        ids=[f"{name}: {scene.name}: {language}" for name, scene, language in plays],
    )


@each_of(PLAYS)
def test_a_scene_is_for_everybody(
    page: Page, scene: Scene[t.Any], language: str, theatre: Theatre
) -> None:
    """Whatever they see with, and whatever they press; and it looks as it did."""
    found: dict[str, t.Sized] = {}

    if (theatre.name, scene, language) in PICTURED:
        # On half of the pictures is a phone in the dark.
        is_phone = scene.chance // 5 % 2 == 0
        page.set_viewport_size(PHONE if is_phone else LAPTOP)
        page.emulate_media(color_scheme="dark" if is_phone else "light")
        found["picture"] = compare(page, name_of(theatre.name, scene, language))
        page.set_viewport_size(DESKTOP)
        page.emulate_media(color_scheme="light")

    if not ACCEPTING:
        found["language"] = find_wrong_language(page, language)
        found["keyboard"] = find_lost_focus(page)
        found["width"] = find_overflow(page)
        found["axe"] = find_all_barriers(page)

    # An app that has nothing of its own yet has buttons that a thumb hits.
    if theatre.name == "blueprint":
        page.set_viewport_size(PHONE)
        found["thumb"] = what_does_not_fit(page)

    assert {what: each for what, each in found.items() if each} == {}


@each_of(TRIED)
def test_a_network_that_is_slow_and_gone(page: Page) -> None:
    """Whoever presses a button meanwhile is told so, and tries it again."""
    try_lost_network(page)


@each_of(TRIED)
def test_going_back(page: Page, theatre: Theatre, stage: Stage[t.Any]) -> None:
    """A page that one comes back to knows what has become of the cart."""
    has_cart = stage.visitor.client.get_cookie("session_cart") is not None

    if has_cart and page.locator("#cart-mini").count():
        try_going_back(page, lambda: theatre.shop.add_elsewhere(stage.visitor))


def test_the_pictures_are_few_and_small() -> None:
    """Each is of a scene that there is, and all together are less than 2 MB."""
    names = {name_of(*each) for each in PICTURED}
    files = {each.stem: each.stat().st_size for each in ACCEPTED.glob("*.webp")}

    assert set(files) == names
    assert len(files) <= 60
    assert sum(files.values()) < 2_000_000
