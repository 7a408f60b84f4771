"""Languages: each page of the shop is in one, and that is chosen below it."""

from __future__ import annotations

import re

import pytest

from tests.support.slackwater import Visitor

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
