"""A client that is generated from the standard's schemas fills a basket of the demo."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser
from playwright.sync_api import expect

from tests.clients.conftest import HERE
from tests.clients.conftest import run
from tests.support.browsers import Visits
from tests.support.browsers import browser as browser
from tests.support.browsers import served
from tests.support.slackwater import Shop
from tests.support.standard_document import make_document


def test_an_assistant_and_a_shopper(browser: Browser, tmp_path: Path) -> None:
    """It discovers, creates, updates, reads and cancels; the link opens in Chromium
    with the same total, and brings all of it into the basket."""
    (tmp_path / "openapi.json").write_text(json.dumps(make_document()))
    (tmp_path / "options.yaml").write_text("post_hooks: []\n")
    shutil.copy(HERE / "walks" / "assistant.py", tmp_path)
    python = [sys.executable, "-W", "ignore", "-m"]
    generate = ["generate", "--path", "openapi.json", "--config", "options.yaml"]
    where = ["--meta", "none", "--output-path", "standard_client", "--fail-on-warning"]
    run([*python, "openapi_python_client", *generate, *where], tmp_path)
    shop = Shop(f"sqlite:///{tmp_path / 'shop.sqlite3'}")

    with served(shop.app) as address:
        walk = [sys.executable, "assistant.py", address]
        made = json.loads(run(walk, tmp_path, **os.environ))
        open_window = Visits(browser, address)
        page = open_window()
        page.goto(made["link"])

        expect(page.locator(".totals-sum dd")).to_have_text(
            f"€{made['total'] / 100:.2f}"
        )

        page.get_by_role("button", name="Put it in my cart").click()

        expect(page.get_by_text("Your assistant walker.example put")).to_be_visible()
        expect(page.locator(".lines > li")).to_have_count(2)
        open_window.end()

    shop.close()
