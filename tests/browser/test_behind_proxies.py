"""The cart where its app is not alone: below a prefix, behind a cache, elsewhere."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask_cors import CORS
from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import expect
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.support.browsers import Visits
from tests.support.browsers import served
from tests.support.mug_shop import MugShop
from tests.support.web_proxies import nginx
from tests.support.web_proxies import varnish

PREFIX: t.Final = "/shop"


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The shop's address behind nginx, which takes TLS and a prefix off."""
    shop = MugShop(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_NAME="__Host-session")
    shop.app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        shop.app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1
    )

    with (
        served(shop.app) as address,
        nginx(address, tmp_path_factory.mktemp("nginx"), PREFIX) as outside,
    ):
        yield outside


@pytest.fixture
def open_prefixed(browser: Browser, prefixed: str) -> Iterator[Visits]:
    visits = Visits(browser, prefixed)
    yield visits
    visits.end()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).first.click()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_below_a_prefix(open_prefixed: Visits, prefixed: str, scripts: bool) -> None:
    """The whole way is below the prefix, with TLS, and back to the product's page."""
    page = open_prefixed(java_script_enabled=scripts, ignore_https_errors=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    header = page.locator("#cart-mini")

    page.goto(f"{prefixed}/goods/mug?next={PREFIX}/goods/mug")
    press(page, "Add to cart")
    expect(header).to_contain_text("€12.50")
    assert urlsplit(page.url).path == f"{PREFIX}/goods/mug"

    header.click()
    press(page, "More of Harbour mug")
    expect(header).to_contain_text("€25.00")

    if scripts:
        # So far, it was in the drawer.
        page.get_by_role("link", name="View the cart").click()

    page.get_by_label("Code").fill("tide")
    press(page, "Use")
    expect(header).to_contain_text("€22.50")

    page.get_by_label("A note for us").fill("Ring twice")
    press(page, "Save the note")
    expect(page.get_by_role("status")).to_contain_text("It is noted.")

    press(page, "Remove Harbour mug")
    press(page, "Put Harbour mug back")
    expect(header).to_contain_text("€22.50")

    press(page, "Empty the cart")
    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()
    assert urlsplit(page.url).path == f"{PREFIX}/cart/"
    assert all(each.startswith(f"{prefixed}/") for each in asked)


def test_a_program_below_a_prefix(open_prefixed: Visits, prefixed: str) -> None:
    """Addresses in JSON are those of the outside, and an ETag is good there as well."""
    client = open_prefixed(ignore_https_errors=True).request
    added = client.post(
        f"{prefixed}/cart/lines",
        data={"item": "pot"},
        headers={"Accept": "application/json"},
    )
    shown = client.get(f"{prefixed}/cart/")
    again = client.get(
        f"{prefixed}/cart/", headers={"If-None-Match": shown.headers["etag"]}
    )
    document = client.get(f"{prefixed}/cart/openapi.json").json()

    assert (added.status, shown.json()["quantity"], again.status) == (200, 1, 304)
    assert document["servers"][0]["url"] in (f"{PREFIX}/cart", f"{prefixed}/cart")

    moved = client.get(f"{prefixed}/cart", max_redirects=0)
    assert moved.headers["location"] in (f"{PREFIX}/cart/", f"{prefixed}/cart/")


class Shopper:
    """Somebody with a cookie jar."""

    def __init__(self, address: str) -> None:
        self._address = urlsplit(address).netloc
        self._cookies: dict[str, str] = {}

    def ask(
        self, method: str, path: str, kind: str, body: str = ""
    ) -> tuple[str, bool]:
        """What is answered, and whether a cache had it."""
        connection = HTTPConnection(self._address, timeout=30)
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Accept": kind, "Content-Type": "application/json"}
        headers |= {"Cookie": cookies} if cookies else {}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()

        for each in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = each.partition(";")[0].partition("=")
            self._cookies[name] = value

        # It names the request that it was fetched for as well.
        return text, " " in (answer.getheader("X-Varnish") or "")


#: As it is installed, and as it is set up by impatient people: it is asked in spite of
#: cookies.
RULES: t.Final = {
    "default": "",
    "eager": 'sub vcl_recv { if (req.method == "GET") { return (hash); } }',
}


@pytest.mark.parametrize("rules", RULES)
def test_behind_a_cache(tmp_path: Path, rules: str) -> None:
    """Nobody sees the cart of another shopper, and everybody sees their own as it is;
    what is the same for all is kept."""
    shop = MugShop(SEND_FILE_MAX_AGE_DEFAULT=60)

    with served(shop.app) as address, varnish(address, tmp_path, RULES[rules]) as cache:
        ada, bob, new = Shopper(cache), Shopper(cache), Shopper(cache)

        for number in (1, 2):
            for shopper, item in ((ada, "mug"), (bob, "pot")):
                options = {"size": "Large"} if item == "mug" else {}
                line = json.dumps({"item": item, "options": options})
                shopper.ask("POST", "/cart/lines", "application/json", line)

            for path in ("/cart/", "/cart/wishlist/"):
                for kind in ("application/json", "text/html"):
                    seen = [each.ask("GET", path, kind) for each in (ada, bob, new)]
                    assert [is_kept for _, is_kept in seen] == [False] * 3

            for shopper, item in ((ada, "mug"), (bob, "pot")):
                cart = json.loads(shopper.ask("GET", "/cart/", "application/json")[0])
                found = [(line["item"], line["quantity"]) for line in cart["lines"]]
                assert found == [(item, number)]

            page, _ = new.ask("GET", "/cart/", "text/html")
            assert "Harbour mug" not in page
            assert "Watch teapot" not in page

        style = "/cart/static/cart.css", "text/css"
        kept = [new.ask("GET", *style)[1] for _ in range(2)]
        assert kept == [False, True]


FRONT: t.Final = """
<!doctype html><html lang="en"><title>Front</title><link rel="icon" href="data:,">
<h1>Front</h1>
"""

#: The whole way of a single-page app, which says what became of each step.
WAY: t.Final = """
async (api) => {
  const said = [];
  const call = async (method, path, body, headers = {}) => {
    const answer = await fetch(api + path, {
      method, credentials: "include",
      headers: body ? {"Content-Type": "application/json", ...headers} : headers,
      body: body ? JSON.stringify(body) : undefined,
    });
    const json = answer.status === 304 || answer.status === 204
      ? {} : await answer.json();
    said.push([method, path.split("/").pop(), answer.status]);
    return [json, answer.headers.get("ETag")];
  };
  const key = {"Idempotency-Key": crypto.randomUUID()};
  const mug = {item: "mug", options: {size: "Large"}, quantity: 2};
  await call("POST", "/cart/lines", mug, key);
  await call("POST", "/cart/lines", mug, key);
  const [cart, etag] = await call("GET", "/cart/");
  const line = "/cart/lines/" + cart.lines[0].id;
  await call("POST", line + "/increment", {by: 3});
  await call("PATCH", line, {quantity: 1}, {"If-Match": etag});
  await call("POST", "/cart/coupons", {code: "TIDE"});
  await call("POST", "/cart/coupons", {code: "MOON"});
  await call("PATCH", "/cart/metadata", {metadata: {note: "Ring twice"}});
  const [after, tag] = await call("GET", "/cart/");
  await call("DELETE", line, undefined, {"If-Match": tag});
  return {said, quantity: after.quantity, total: after.total, coupons: after.coupons};
}
"""


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_front_end_on_another_origin(browser: Browser, is_trusted: bool) -> None:
    """It walks the whole way if it is named, and changes nothing otherwise."""
    front = Flask("front")
    front.get("/")(lambda: FRONT)

    with served(front) as origin:
        shop = MugShop(CART_TRUSTED_ORIGINS={origin} if is_trusted else set())
        CORS(
            shop.app,
            resources="/cart/*",
            origins=[origin],
            supports_credentials=True,
            allow_headers=["Content-Type", "If-Match", "Idempotency-Key"],
            expose_headers=[
                *["ETag", "Retry-After"],
                *["Cart-Line", "Cart-Version", "Idempotent-Replayed"],
            ],
        )

        with served(shop.app) as api:
            visits = Visits(browser, origin)
            page = visits(failures_expected=True)
            page.goto("/")
            result = page.evaluate(WAY, api) if is_trusted else None
            status = page.evaluate(
                """(api) => fetch(api + "/cart/lines", {
                     method: "POST", credentials: "include", body: '{"item": "pot"}',
                     headers: {"Content-Type": "application/json"}})
                   .then((answer) => answer.status)""",
                api,
            )
            visits.end()

    assert status == (200 if is_trusted else 403)

    if result is not None:
        assert result["said"] == [
            ["POST", "lines", 200],
            ["POST", "lines", 200],
            ["GET", "", 200],
            ["POST", "increment", 200],
            ["PATCH", result["said"][4][1], 412],
            ["POST", "coupons", 200],
            ["POST", "coupons", 422],
            ["PATCH", "metadata", 200],
            ["GET", "", 200],
            ["DELETE", result["said"][4][1], 200],
        ]
        assert result["quantity"] == 5
