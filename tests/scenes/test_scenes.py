"""Every page is among the scenes, is HTML that is right, and leads on without scripts.

Nothing here takes a browser.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path
from urllib.parse import urljoin
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from bs4 import Tag
from flask import Flask
from flask import request
from flask import request_finished
from flask import template_rendered
from flask.testing import FlaskClient
from jinja2 import Template
from werkzeug import Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.test import TestResponse

from tests.scenes.conftest import PROGRAMMES
from tests.scenes.conftest import Theatre
from tests.scenes.conftest import plays_of
from tests.support.scenes import LANGUAGES
from tests.support.scenes import staged
from tests.support.servers import ask_for_servers
from tests.support.servers import missing

#: What has no pages: parts of one that scripts ask for, and what programs read.
NO_PAGES: t.Final = {
    "activity.latest",
    "cart.openapi",
    "cart.show_item",
    "cart_permalinks.permalink",
    "panel.latest",
    "race.latest",
    "racers.show",
}
NO_SHOP: t.Final = re.compile(r"(^|\.)static$|^cart_ucp\.")

VALIDATOR: t.Final = (
    Path(sys.prefix, "node", "node_modules") / "vnu-jar" / "build" / "dist" / "vnu.jar"
)


#: What the standard allows and the checker does not know yet: a link that is expected.
UNKNOWN: t.Final = ".*“link” element with a “blocking” attribute must have a “rel”.*"

#: It is over before it would pay off to compile it well.
CHECK: t.Final = ("java", "-XX:TieredStopAtLevel=1", "-Xss8m", "-jar", VALIDATOR)


class Shown(t.NamedTuple):
    """A page as somebody without scripts gets it."""

    name: str
    url: str
    text: str
    soup: BeautifulSoup


class Collected(t.NamedTuple):
    """All pages of a shop, and what took part in making them.

    :param endpoints: Those of scenes that every run of all tests looks at.
    """

    pages: list[Shown]
    endpoints: set[str]
    templates: set[str]


@pytest.fixture(scope="module")
def collected(theatre: Theatre) -> Collected:
    """What the scenes show."""
    app = theatre.shop.app
    collected = Collected([], set(), set())
    endpoints: set[str] = set()

    def note_page(_: Flask, response: Response, **__: object) -> None:
        if response.mimetype == "text/html" and response.status_code < 300:
            endpoints.add(request.endpoint or "")

    def note_template(_: Flask, template: Template, **__: object) -> None:
        collected.templates.add(template.name or "")

    with (
        request_finished.connected_to(note_page, app),
        template_rendered.connected_to(note_template, app),
    ):
        for scene, language in theatre.plays:
            endpoints.clear()

            with staged(theatre.shop, language) as stage:
                answer = scene.read(stage)

            if not scene.is_rare:
                collected.endpoints.update(endpoints)

            name = f"{scene.name} ({language})"
            soup = BeautifulSoup(answer.text, "html.parser")
            page = Shown(name, answer.request.url, answer.text, soup)
            collected.pages.append(page)

    return collected


def test_every_page_has_a_scene(theatre: Theatre, collected: Collected) -> None:
    """Whoever adds a page adds a scene to tests/support/scenes_of_slackwater.py, and
    whoever adds one to the blueprint to scenes_of_mug_shop.py."""
    rules = theatre.shop.app.url_map.iter_rules()
    asked = {each.endpoint for each in rules if "GET" in (each.methods or ())}
    pages = {each for each in asked - NO_PAGES if not NO_SHOP.search(each)}

    # Of the small shop, these are pictures.
    assert pages - {"picture", "icon"} - collected.endpoints == set()


def test_every_template_has_a_scene(theatre: Theatre, collected: Collected) -> None:
    """But for those that others include, and those that an app takes the place of."""
    app = theatre.shop.app
    loaders = [app.jinja_loader, *(e.jinja_loader for e in app.blueprints.values())]
    names = {name for each in loaders if each for name in each.list_templates()}
    whole = {
        name
        for name in names
        if not re.search(r"(^|/)(_[^/]+|pages/.+|base\.html|macros\.html)$", name)
    }

    assert whole - collected.templates - {"flask_cart/drawer.html"} == set()


def test_every_language_has_its_turn() -> None:
    """At least three pages are looked at in each of them."""
    scenes = [each for name in PROGRAMMES for each, _ in plays_of(name)]
    spoken = [each.turn for each in scenes if not each.is_rare]

    assert {each for each in LANGUAGES if spoken.count(each) >= 3} == set(LANGUAGES)


def test_a_page_says_what_it_is(collected: Collected) -> None:
    """It has one title, one heading and one main part."""
    for page in collected.pages:
        counts = [len(page.soup.find_all(each)) for each in ("title", "h1", "main")]

        assert (page.name, counts) == (page.name, [1, 1, 1])


def test_html_is_right(collected: Collected, tmp_path: Path) -> None:
    """The W3C's checker finds no error on any page."""
    ask_for_servers()

    if shutil.which("java") is None or not VALIDATOR.exists():
        missing("Java, or the vnu-jar of npm")

    for number, page in enumerate(collected.pages):
        tmp_path.joinpath(f"{number}.html").write_text(page.text)

    done = subprocess.run(
        [
            *(*CHECK, "--errors-only", "--exit-zero-always", "--format", "json"),
            *("--filterpattern", UNKNOWN, tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    found = [
        (collected.pages[int(Path(urlsplit(each["url"]).path).stem)].name, each)
        for each in json.loads(done.stderr)["messages"]
    ]

    assert [(name, e["message"], e.get("extract")) for name, e in found] == []


# Where a page leads on


def test_nothing_leads_nowhere(theatre: Theatre, collected: Collected) -> None:
    """Each link leads to a page or to a place on the same one, each form to what takes
    it, and each button sends a form, all without scripts."""
    urls = theatre.shop.app.url_map.bind("localhost")

    for page in collected.pages:
        for path, method in leads_to(page.soup, page.url):
            try:
                urls.match(path, method)
            except RequestRedirect:
                continue
            except HTTPException as error:
                pytest.fail(f"{page.name}: {method} {path}: {error}")


def leads_to(soup: BeautifulSoup, url: str) -> t.Iterator[tuple[str, str]]:
    """Where the links and forms of a page lead, and by which method."""
    for link in soup.find_all("a"):
        target = urlsplit(urljoin(url, str(link["href"])))
        here = urlsplit(url)

        if target.netloc != here.netloc:
            continue

        if target.fragment and target[:4] == here[:4]:
            assert soup.find(id=target.fragment), link
            continue

        # The small shop has no home page.
        if target.path != "/":
            yield target.path, "GET"

    for button in buttons_of(soup):
        method, path = sent_by(button, soup, url)
        yield path, method


def form_of(field: Tag, soup: BeautifulSoup) -> Tag | None:
    """The form that a field or a button belongs to."""
    if name := field.get("form"):
        return soup.select_one(f"form#{name}")

    return field.find_parent("form")


def test_every_button_does_something_without_scripts(
    theatre: Theatre, collected: Collected
) -> None:
    """The first of each kind is pressed, with the fields as they are: it leads to a
    page, or is answered with one that says what is missing, and never with an error."""
    urls = theatre.shop.app.url_map.bind("localhost")
    pressed: set[tuple[str, ...]] = set()

    for (scene, language), page in zip(theatre.plays, collected.pages, strict=True):
        for number, button in enumerate(buttons_of(page.soup)):
            method, path = sent_by(button, page.soup, page.url)
            endpoint, values = urls.match(path, method)
            kind = (endpoint, values.get("instance", ""), *meaning_of(button))

            if kind in pressed:
                continue

            pressed.add(kind)

            # Whatever was pressed before may have taken it away.
            with staged(theatre.shop, language) as stage:
                answer = press(scene.read(stage), number, stage.visitor.client)

            # A code may be a wrong one, and one of two tabs may have to choose.
            allowed = answer.status_code in (200, 303, 409, 422)
            assert (page.name, kind, allowed) == (page.name, kind, True), answer.text

    assert len(pressed) > 15


def press(page: TestResponse, number: int, client: FlaskClient) -> TestResponse:
    """Press a button, and go where that leads."""
    soup = BeautifulSoup(page.text, "html.parser")
    button = buttons_of(soup)[number]
    form = form_of(button, soup)
    assert form is not None
    method, path = sent_by(button, soup, page.request.url)
    data = dict(fields_of(form, soup))

    if button.get("name"):
        data[str(button["name"])] = str(button.get("value", ""))

    sent = {"data" if method == "POST" else "query_string": data}
    answer = client.open(path, method=method, **sent)

    # The small shop has no home page.
    if answer.status_code == 303 and answer.location != "/":
        return client.get(answer.location)

    return answer


def buttons_of(soup: BeautifulSoup) -> list[Tag]:
    """The buttons of a page that send a form."""
    found = soup.select("button:not([type=button])")

    return [each for each in found if not each.find_parent("template")]


def meaning_of(button: Tag) -> tuple[str, ...]:
    """What makes a button another one than others that are sent to the same place."""
    name = str(button.get("name", ""))
    is_choice = name in ("act", "back", "by", "forward", "pay", "to")

    return (name, str(button.get("value", ""))) if is_choice else (name,)


def sent_by(button: Tag, soup: BeautifulSoup, url: str) -> tuple[str, str]:
    """How, and where to, a button sends its form."""
    form = form_of(button, soup)
    assert form is not None
    method = button.get("formmethod") or form.get("method") or "get"
    action = button.get("formaction") or form.get("action") or url

    return str(method).upper(), urlsplit(urljoin(url, str(action))).path


def fields_of(form: Tag, soup: BeautifulSoup) -> t.Iterator[tuple[str, str]]:
    """What a form is sent with."""
    for field in soup.select("input[name], select[name], textarea[name]"):
        if form_of(field, soup) is not form:
            continue

        if field.name == "select":
            chosen = field.find("option", selected=True) or field.find("option")
            assert isinstance(chosen, Tag)
            yield str(field["name"]), str(chosen.get("value", chosen.text.strip()))
        elif field.name == "textarea":
            yield str(field["name"]), field.text
        elif field.get("type") not in ("radio", "checkbox") or field.has_attr(
            "checked"
        ):
            yield str(field["name"]), str(field.get("value", ""))
