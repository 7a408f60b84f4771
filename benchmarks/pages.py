"""How soon the demo shop is seen, and an add in its header, beside bare pages of Flask.

    python -m benchmarks.pages [--rounds=15] [--folder=docs/benchmarks]

In Chromium, without a window, on this machine, each time somebody new with an empty
cache. The two take turns. The shop is on SQLite, as "make demo" has it, and both are
served by Werkzeug, in this process.
"""

from __future__ import annotations

import argparse
import statistics
import typing as t
from pathlib import Path

from flask import Flask
from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import sync_playwright

from tests.support.browsers import ARGUMENTS
from tests.support.browsers import find_chromium
from tests.support.browsers import served

from .demo import opened_shop
from .measuring import ratio_of
from .report import FOLDER
from .report import write_note
from .report import write_table

HEADINGS: t.Final = ["what", "the shop, ms", "bare, ms", "ratio", "wanted"]

#: How many times slower the processor is, where a page is looked at.
SLOWER: t.Final = 4

BARE: t.Final = """
<!doctype html><html lang="en"><title>Bare</title><link rel="icon" href="data:,">
<h1>Bare</h1><p id="count">0</p><button>Add to basket</button>
<script>
document.querySelector("button").addEventListener("click", async () => {
  const answer = await fetch("/add", {method: "POST"});
  document.querySelector("#count").textContent = await answer.text();
});
</script>
"""

#: From the click of a button until a text is another one.
CLICK: t.Final = """
([button, count]) => new Promise((done) => {
  const read = () => document.querySelector(count).textContent;
  const before = read();
  const start = performance.now();
  new MutationObserver(() => {
    if (read() !== before) done(performance.now() - start);
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
  document.querySelector(button).click();
})
"""

#: When the largest thing was painted.
PAINTED: t.Final = """
() => new Promise((done) => {
  new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime))
    .observe({type: "largest-contentful-paint", buffered: true});
})
"""

Look = t.Callable[[Page], float]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)

    with (
        opened_shop() as app,
        served(app) as shop,
        served(bare_app()) as bare,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=ARGUMENTS
        )
        rows = [
            row(
                "an add, until the header has it",
                in_turns(
                    browser,
                    options.rounds,
                    added(f"{shop}/goods/harbour-mug", "#buy button", ".basket-count"),
                    added(bare, "button", "#count"),
                ),
                "less than 100 ms",
            ),
            row(
                f"the home page, {SLOWER} times slower: largest paint",
                in_turns(browser, options.rounds, painted(shop), painted(bare)),
                "at most 1.5",
            ),
        ]
        browser.close()

    write_table(options.folder / "pages.csv", [HEADINGS, *rows])
    write_note(options.folder / "pages.txt", f"Medians of {options.rounds} rounds.")


def bare_app() -> Flask:
    """A page with a button, whose answer is how often it was pressed."""
    app = Flask("bare")
    presses: list[None] = []
    app.add_url_rule("/", "show", lambda: BARE)

    @app.post("/add")
    def add() -> str:
        presses.append(None)

        return str(len(presses))

    return app


def in_turns(
    browser: Browser, rounds: int, ours: Look, bare: Look
) -> tuple[list[float], list[float]]:
    """How many milliseconds each took, for somebody new in each round."""
    taken: tuple[list[float], list[float]] = ([], [])

    # The first time, templates are compiled.
    for number in range(rounds + 1):
        for look, times in zip((ours, bare), taken, strict=True):
            with browser.new_context() as context:
                time = look(context.new_page())

            if number:
                times.append(time)

    return taken


def added(address: str, button: str, count: str) -> Look:
    """How long an add takes until it is seen."""

    def look(page: Page) -> float:
        page.goto(address, wait_until="networkidle")

        return float(page.evaluate(CLICK, [button, count]))

    return look


def painted(address: str) -> Look:
    """When the largest thing on a page is seen, by a slow processor."""

    def look(page: Page) -> float:
        client = page.context.new_cdp_session(page)
        client.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(address, wait_until="networkidle")

        return float(page.evaluate(PAINTED))

    return look


def row(what: str, taken: tuple[list[float], list[float]], wanted: str) -> list[str]:
    ours, bare = taken
    medians = [f"{statistics.median(each):.0f}" for each in taken]

    return [what, *medians, str(ratio_of(ours, bare)), wanted]


if __name__ == "__main__":
    main()
