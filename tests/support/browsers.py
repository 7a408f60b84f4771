"""Real browsers for the tests, and what every page has to be in one."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import IO
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from flask import request
from playwright.sync_api import Browser
from playwright.sync_api import Locator
from playwright.sync_api import Page
from playwright.sync_api import expect
from playwright.sync_api import sync_playwright
from werkzeug.serving import WSGIRequestHandler
from werkzeug.serving import make_server

from tests.support.servers import ask_for_servers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A window of Chromium loads pages of its own, which cost more than a shop's, and
    # holds a process ready for the next. The list takes the place of Playwright's.
    "--renderer-process-limit=1",
    "--disable-features="
    + ",".join(
        [
            "AimEnabled",
            "AvoidUnnecessaryBeforeUnloadCheckSync",
            "DestroyProfileOnBrowserClose",
            "HttpsFirstBalancedModeAutoEnable",
            "HttpsUpgrades",
            "MediaRouter",
            "NetworkTimeServiceQuerying",
            "OptimizationHints",
            "PaintHolding",
            "PreconnectToSearch",
            "SpareRendererForSitePerProcess",
            "ThirdPartyStoragePartitioning",
            "WebUIOmniboxAimPopup",
            "WebUIOmniboxFullPopup",
            "WebUIOmniboxPopup",
        ]
    ),
]

#: The first has no windows, and takes half as long for the same.
CHROMIUMS: Final = ["chromium-headless-shell", "chromium"]

PHONE: Final = {"width": 360, "height": 740}
DESKTOP: Final = {"width": 1280, "height": 900}

#: Milliseconds after which something does not come any more, also on a machine that is
#: busy with something else; Playwright takes five seconds.
PATIENCE: Final = 60_000

expect.set_options(timeout=PATIENCE)

_COUNT_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


def find_chromium() -> str | None:
    """Where Chromium is, if it is anywhere."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, for the tests of one module: as long as Playwright runs, no
    test in this process can have an event loop of its own."""
    ask_for_servers()
    executable = find_chromium()

    if executable is None:
        if os.environ.get("CART_TESTS_REQUIRE_SERVERS") == "1":
            pytest.fail("Chromium is required, but there is none.")

        pytest.skip("There is no Chromium.")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


class Handler(WSGIRequestHandler):
    """Writes no line for every request, and leaves no file open: Werkzeug does when a
    browser resets the connection as soon as it has the answer."""

    def log_request(self, *args: object) -> None:
        pass

    def make_environ(self) -> WSGIEnvironment:
        return super().make_environ() | {"wsgi.file_wrapper": _read_whole}


def _read_whole(file: IO[bytes], _: int) -> list[bytes]:
    with file:
        return [file.read()]


@contextmanager
def served(app: Any, ssl_context: SSLContext | None = None) -> Iterator[str]:
    """The address of an app, on threads of this process.

    :param ssl_context: Serves it with TLS, on a host that a certificate can name.
    """
    scheme, host = ("https", "localhost") if ssl_context else ("http", "127.0.0.1")
    server = make_server(
        host,
        0,
        app,
        threaded=True,
        request_handler=Handler,
        ssl_context=ssl_context,
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    try:
        yield f"{scheme}://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=60)
        server.server_close()


class Way:
    """The way from browsers to an app, on which changes can be held up.

    :param app: Has not answered to anything yet.
    """

    def __init__(self, app: Flask) -> None:
        self._open = threading.Event()
        self._open.set()
        self._arrivals = threading.Semaphore(0)
        app.before_request(self._take)

    def hold(self) -> None:
        """Let changes arrive, and not be handled before :meth:`go_on`."""
        self._open.clear()

    def wait_for_changes(self, count: int) -> None:
        """Wait until so many more have arrived since :meth:`hold`."""
        for _ in range(count):
            assert self._arrivals.acquire(timeout=60)

    def go_on(self) -> None:
        """Handle what has arrived, all of it at once."""
        self._open.set()

    def _take(self) -> None:
        if request.method == "POST" and not self._open.is_set():
            self._arrivals.release()
            assert self._open.wait(timeout=60)


class Visits:
    """Visits of one browser to one site; an error in a console is an error.

    :param address: Of the site.
    """

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address
        self._contexts: list[Any] = []
        self.errors: list[str] = []

    def __call__(self, *, failures_expected: bool = False, **options: Any) -> Page:
        """Open a page of somebody who has not been there before.

        :param failures_expected: Whether a request may fail; what the page itself does
            wrong is still an error.
        """
        context = self._browser.new_context(base_url=self._address, **options)
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)

        if options.get("java_script_enabled", True):
            context.add_init_script(_COUNT_SHIFTS)

        def note(message: Any) -> None:
            is_failure = message.text.startswith(
                ("Failed to load resource", "htmx:", "Response Status Error Code")
            )

            if message.type == "error" and not (is_failure and failures_expected):
                self.errors.append(message.text)

        context.on("console", note)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

        return context.new_page()

    def end(self) -> None:
        """Close all pages, and see that none had an error."""
        for context in self._contexts:
            context.close()

        if self.errors:
            pytest.fail("\n".join(self.errors))


def shifts(page: Page) -> float:
    """How much of a page has moved since it was opened, whoever caused it."""
    # Two frames later, everything that has moved is counted.
    page.evaluate(
        "() => new Promise((done) =>"
        " requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )

    return float(page.evaluate("window.shifts"))


def find_barriers(page: Page, *, colours_only: bool = False) -> list[str]:
    """What axe finds wrong on a page, for those who use it in another way.

    :param colours_only: Whether nothing but the colours has changed since everything
        was looked at.
    """
    options: dict[str, Any] = {"resultTypes": ["violations"]}

    if colours_only:
        options["runOnly"] = ["color-contrast", "link-in-text-block"]

    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)

    found = page.evaluate("async (how) => (await axe.run(how)).violations", options)

    return [
        f"{each['id']}: {node['html']}: {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


def is_one_row(page: Page, selector: str) -> bool:
    """Whether all these begin above the end of each other."""
    found: bool = page.evaluate(
        """selector => {
          const boxes = [...document.querySelectorAll(selector)]
            .map((each) => each.getBoundingClientRect());
          const end = Math.min(...boxes.map((each) => each.bottom));

          return boxes.every((each) => each.top < end);
        }""",
        selector,
    )

    return found


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    # A page that is still on its way takes the focus, and what is asked, along with it.
    page.wait_for_load_state()
    target.wait_for(state="attached")

    for _ in range(80):
        page.keyboard.press("Tab")

        if target.evaluate("element => element === document.activeElement"):
            return

    pytest.fail(f"Tab never reaches {target}.")
