"""The shop's files: kept for a year by whoever has asked for the right one."""

import re

import pytest

from tests.support.slackwater import Visitor

FOREVER = "public, max-age=31536000, immutable"


def kept(visitor: Visitor, path: str) -> str:
    with visitor.client.get(path) as answer:
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        return answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/", "/shelves/galley", "/goods/harbour-mug", "/basket/", "/login"]
)
def test_every_file_of_a_page_is_kept(visitor: Visitor, path: str) -> None:
    """Styles, scripts and pictures: none is asked for twice."""
    page = visitor.get(path)
    files = re.findall(r'(?:href|src|srcset)="(/(?:static|basket/static)/[^"#]+)', page)

    assert len(files) > 5
    assert {kept(visitor, file) for file in set(files)} == {FOREVER}


@pytest.mark.parametrize(
    "path", ["/static/shop.css", "/static/shop.css?v=0123456789ab"]
)
def test_others_are_kept_for_a_minute(visitor: Visitor, path: str) -> None:
    """An address that names another file, or none, is good for no longer."""
    assert kept(visitor, path) == "public, max-age=60"
