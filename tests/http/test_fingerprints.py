"""Fingerprints: what the pages' own files may be kept for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask import url_for
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_cart.http import fingerprints
from tests.support.storefronts import Storefront

FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture
def app(shop: Storefront) -> Flask:
    return shop.app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files, with one that can be changed."""
    (tmp_path / "cart.css").write_text("one")
    monkeypatch.setattr(fingerprints, "_FOLDER", tmp_path)

    return tmp_path


def address(app: Flask, filename: str = "cart.css") -> str:
    with app.test_request_context():
        return url_for("cart.static", filename=filename)


def get(client: FlaskClient, path: str, status: int = 200) -> TestResponse:
    with client.get(path) as answer:
        assert answer.status_code == status
        return answer


def kept(client: FlaskClient, path: str) -> str:
    return get(client, path).headers["Cache-Control"]


def test_are_in_the_pages(client: FlaskClient) -> None:
    """Every file that a page names has one, and can be kept for a year."""
    page = get(client, "/cart/").text
    paths = re.findall(r'"(/cart/static/[^"]+)"', page)

    assert {re.sub(r"\.[0-9a-f]{12}\.", ".", path)[13:] for path in paths} == {
        *("cart.css", "cart.js", "htmx.min.js")
    }
    assert {kept(client, path) for path in paths} == {FOREVER}


def test_change_with_the_file(app: Flask, client: FlaskClient, folder: Path) -> None:
    """What is kept for a year is never another file, also while the app runs."""
    first = address(app)
    (folder / "cart.css").write_text("another")
    second = address(app)

    assert first != second
    assert kept(client, second) == FOREVER
    assert kept(client, first) == "no-cache"
    assert kept(client, "/cart/static/cart.css") == "no-cache"


@pytest.mark.parametrize("name", ["cart.css", "cart.0123456789ab.css"])
def test_others_are_kept_as_the_app_says(
    app: Flask, client: FlaskClient, name: str
) -> None:
    """Without the right one, it is for as long as the app lets files be kept."""
    path = f"/cart/static/{name}"
    assert kept(client, path) == "no-cache"

    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 60
    assert kept(client, path) == "public, max-age=60"


def test_are_answered_without_a_cookie(app: Flask, client: FlaskClient) -> None:
    """A shared cache can keep them, also when they are asked for again."""
    first = get(client, address(app))
    known = {"If-None-Match": first.headers["ETag"]}

    with client.get(address(app), headers=known) as again:
        pass

    assert again.status_code == 304
    assert again.headers["Cache-Control"] == FOREVER
    assert "Set-Cookie" not in first.headers
    assert "Vary" not in first.headers


def test_are_for_files_that_there_are(app: Flask, client: FlaskClient) -> None:
    """What is not there has none, and is not kept."""
    assert address(app, "no.css") == "/cart/static/no.css"
    missing = get(client, "/cart/static/no.0123456789ab.css", 404)
    assert FOREVER not in missing.headers.values()


@pytest.mark.parametrize(
    "name", ["../pages.py", "../../README.md", "cart.css/x", "cart.0123456789ab.js/"]
)
def test_are_of_no_other_folder(client: FlaskClient, name: str) -> None:
    """Only what is in the folder of the pages' files is given out."""
    assert get(client, f"/cart/static/{name}", 404)
