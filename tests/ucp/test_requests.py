"""Requests of assistants: who asks, in which version, and what cannot be read."""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from itertools import pairwise
from pathlib import Path

import pytest
import spck_conformance
from ucp_sdk.models.schemas.ucp import BusinessSchema

from flask_cart.signals import cart_updated
from flask_cart.ucp import current_assistant
from flask_cart.ucp.requests import VERSIONS
from tests.support.assistants import NEWEST
from tests.support.assistants import OLDER
from tests.support.assistants import SHOP
from tests.support.assistants import Assistant
from tests.support.assistants import read_json
from tests.support.storefronts import Storefront


class TestProfile:
    @pytest.mark.parametrize(
        ("path", "version"),
        [
            ("/.well-known/ucp", NEWEST),
            (f"/.well-known/ucp/{NEWEST}", NEWEST),
            (f"/.well-known/ucp/{OLDER}", OLDER),
        ],
    )
    def test_what_the_shop_can_do(
        self, shop: Storefront, path: str, version: str
    ) -> None:
        """For everybody, for a while, and each version by itself."""
        answer = shop.app.test_client().get(path, base_url=SHOP)
        ucp = read_json(answer)["ucp"]

        BusinessSchema.model_validate(ucp)
        assert ucp["version"] == version
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert "Vary" not in answer.headers

        (service,) = ucp["services"]["dev.ucp.shopping"]

        assert service["endpoint"] == f"{SHOP}/ucp/{version}"
        assert service["transport"] == "rest"
        assert ("supported_versions" in ucp) == (version == NEWEST)

    def test_the_older_version_is_where_it_is_said_to_be(
        self, shop: Storefront
    ) -> None:
        """Its profile has the version that it is listed with."""
        client = shop.app.test_client()
        ucp = read_json(client.get("/.well-known/ucp", base_url=SHOP))["ucp"]

        for version, address in ucp["supported_versions"].items():
            found = read_json(client.get(address, base_url=SHOP))["ucp"]
            assert found["version"] == version

    def test_permalinks_are_told_of(self, shop: Storefront) -> None:
        """In the version that has them, and where they are as safe as it wants."""
        client = shop.app.test_client()
        name = "dev.ucp.shopping.permalink"

        def declared(path: str, base: str) -> t.Any:
            ucp = read_json(client.get(path, base_url=base))["ucp"]
            return ucp["capabilities"].get(name)

        (told,) = declared("/.well-known/ucp", SHOP)

        assert told["config"] == {"endpoint": f"{SHOP}/buy"}
        assert declared(f"/.well-known/ucp/{OLDER}", SHOP) is None
        assert declared("/.well-known/ucp", "http://shop.example") is None

    def test_another_version(self, shop: Storefront) -> None:
        """There is no profile of it."""
        answer = shop.app.test_client().get("/.well-known/ucp/2020-01-01")

        assert answer.status_code == 404
        assert read_json(answer)["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/ucp/", 404, None),
        ("GET", f"/ucp/{NEWEST}/orders", 404, None),
        ("POST", f"/ucp/{NEWEST}/carts/1/pay", 404, None),
        ("GET", "/.well-known/ucp/2026/more", 404, None),
        ("POST", "/.well-known/ucp", 405, "GET"),
        ("DELETE", f"/ucp/{NEWEST}/carts", 405, "POST"),
        ("GET", f"/ucp/{NEWEST}/carts", 405, "POST"),
        ("PATCH", f"/ucp/{NEWEST}/carts/1", 405, "GET, PUT"),
        ("PUT", f"/ucp/{NEWEST}/carts/1/cancel", 405, "POST"),
    ],
)
def test_where_there_is_nothing(
    shop: Storefront, method: str, path: str, status: int, allowed: str | None
) -> None:
    """It is told as everything else is, and not by a page for people."""
    answer = shop.app.test_client().open(path, method=method, base_url=SHOP)

    assert answer.status_code == status
    assert answer.mimetype == "application/json"
    assert set(read_json(answer)) == {"code", "content"}
    assert answer.headers.get("Allow") == allowed


#: The versions of the standard that have carts, as those who check it have them.
PUBLISHED: t.Final = sorted(
    path.parent.name
    for path in Path(spck_conformance.__file__).parent.glob(
        "_bundle/conformance/requirements/*/cart.json"
    )
)


def year_after(version: str) -> dt.date:
    day = dt.date.fromisoformat(version)

    return day.replace(year=day.year + 1)


def test_versions_are_served_for_a_year_after_the_next() -> None:
    """As the guide says, with the day until which that is for sure."""
    until = {old: year_after(new) for old, new in pairwise(PUBLISHED)}
    promised = [v for v in PUBLISHED if until.get(v, dt.date.max) > dt.date.today()]
    guide = (Path(__file__).parents[2] / "docs" / "agents.rst").read_text()
    told = re.findall(r"^``(.+?)`` +``/ucp/(.+?)`` +(.+)$", guide, re.M)

    assert set(promised) <= set(VERSIONS)
    assert [version for version, _, _ in told] == list(VERSIONS)

    for version, address, how_long in told:
        assert address == version
        assert (version in until) == how_long.startswith("at least until")

        if version in until:
            assert how_long == f"at least until {until[version]}"


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "curl/8",
        'profile=""',
        "profile=https://agent.example/profile",
        'profile="http://agent.example/profile"',
        'profile="ftp://agent.example/profile"',
        'profile="agent.example/profile"',
        'profile="https://"',
        'profile="https:///profile"',
        'profile="https://[/profile"',
        'profile="javascript:alert(1)"',
        'other="https://agent.example/profile"',
        'xprofile="https://agent.example/profile"',
    ],
)
def test_who_does_not_say_who_it_is(one: Assistant, agent: str) -> None:
    """It is asked to, whatever it wants."""
    for answer in (
        one.send("POST", "", {"line_items": []}, UCP_Agent=agent),
        one.send("GET", "/cart_x", UCP_Agent=agent),
        one.send("PUT", "/cart_x", {"line_items": []}, UCP_Agent=agent),
        one.send("POST", "/cart_x/cancel", {}, UCP_Agent=agent),
    ):
        assert answer.status_code == 400
        assert read_json(answer)["code"] == "invalid_profile_url"


@pytest.mark.parametrize(
    "agent",
    [
        'profile="https://agent.example/profile"',
        'profile="https://agent.example:8443/p?q=1"; v=1',
        'name="x", profile="https://agent.example/profile"',
        'name="x";profile="https://agent.example/profile"',
    ],
)
def test_who_says_who_it_is(one: Assistant, agent: str) -> None:
    """In whatever else there is in the header."""
    line = {"item": {"id": "pot"}, "quantity": 1}
    answer = one.send("POST", "", {"line_items": [line]}, UCP_Agent=agent)

    assert answer.status_code == 201


@pytest.mark.parametrize("version", ["2020-01-01", "draft", "v1"])
def test_a_version_that_is_not_served(shop: Storefront, version: str) -> None:
    """Those that are, are told."""
    answer = Assistant(shop.app, version=version).create({"pot": 1})

    assert answer.status_code == 422
    assert read_json(answer)["code"] == "version_unsupported"
    assert NEWEST in read_json(answer)["content"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"line_items": null}',
        b'{"line_items": [{}]}',
        b'{"line_items": [{"item": {"id": "pot"}}]}',
        b'{"line_items": [{"item": {"id": "pot"}, "quantity": 0}]}',
        b'{"line_items": [{"item": {"id": "pot"}, "quantity": -1}]}',
        b'{"line_items": [{"item": {"id": "pot"}, "quantity": 1.5}]}',
        b'{"line_items": [{"item": {"id": "pot"}, "quantity": "1"}]}',
        b'{"line_items": [{"item": {"id": "pot"}, "quantity": true}]}',
        b'{"line_items": [{"item": {"id": "pot"}, "quantity": 1000001}]}',
        b'{"line_items": [{"item": {"id": ""}, "quantity": 1}]}',
        b'{"line_items": [{"item": {"id": 1}, "quantity": 1}]}',
        b'{"line_items": [{"item": {"id": " "}, "quantity": 1}]}',
        b'{"line_items": [{"item": {"id": "po\\u0000t"}, "quantity": 1}]}',
        b'{"line_items": [{"item": {"id": "\\u001b[31mpot"}, "quantity": 1}]}',
        b'{"line_items": [{"item": "pot", "quantity": 1}]}',
        b'{"line_items": ['
        + b",".join([b'{"item": {"id": "p"}, "quantity": 1}'] * 101)
        + b"]}",
    ],
)
def test_a_body_that_cannot_be_read(one: Assistant, body: bytes) -> None:
    """It says what is wrong with it, and nothing is made."""
    answer = one.app.test_client().post(
        f"/ucp/{NEWEST}/carts",
        data=body,
        content_type="application/json",
        headers={"UCP-Agent": 'profile="https://agent.example/p"'},
        base_url=SHOP,
    )

    assert answer.status_code == 400
    assert read_json(answer)["code"] == "invalid_request"
    assert read_json(answer)["content"]


@pytest.mark.unmeasured
def test_a_deep_body(one: Assistant) -> None:
    """It is none either. Coverage is not measured any more after it."""
    answer = one.app.test_client().post(
        f"/ucp/{NEWEST}/carts",
        data=b'{"a":' * 10_000,
        headers={"UCP-Agent": 'profile="https://agent.example/p"'},
        base_url=SHOP,
    )

    assert answer.status_code == 400


def test_what_a_client_sends_along(one: Assistant) -> None:
    """Whatever is in the cart that was shown, and of the buyer, is nothing to it."""
    cart = read_json(one.create({"pot": 1}))
    cart["line_items"][0]["item"]["price"] = 1
    cart["totals"] = []
    cart["buyer"] = {"email": "ann@shop.example"}
    cart["context"] = {"address_country": "DE"}
    answer = one.send("PUT", f"/{cart['id']}", cart)

    assert read_json(answer)["totals"][-1]["amount"] == 4000
    assert "ann@" not in answer.text


@pytest.mark.parametrize("size", [65_537, 200_000])
def test_a_long_body(one: Assistant, size: int) -> None:
    """It is not read."""
    answer = one.app.test_client().post(
        f"/ucp/{NEWEST}/carts",
        data=b" " * size,
        headers={"UCP-Agent": 'profile="https://agent.example/p"'},
        base_url=SHOP,
    )

    assert answer.status_code == 413


def test_a_long_body_of_unknown_length(one: Assistant) -> None:
    """It is read up to where it is too long."""
    from io import BytesIO

    answer = one.app.test_client().post(
        f"/ucp/{NEWEST}/carts",
        input_stream=BytesIO(b" " * 70_000),
        headers={"UCP-Agent": 'profile="https://agent.example/p"'},
        environ_overrides={"wsgi.input_terminated": True},
        base_url=SHOP,
    )

    assert answer.status_code == 413


@pytest.mark.parametrize("key", ["x" * 256, "k\u00e9y", "a\tb"])
def test_a_key_that_cannot_be_one(one: Assistant, key: str) -> None:
    """It is not taken for none."""
    answer = one.create({"pot": 1}, Idempotency_Key=key)

    assert answer.status_code == 400
    assert read_json(answer)["code"] == "invalid_request"


def test_other_methods(one: Assistant) -> None:
    """Flask answers as ever."""
    assert one.send("DELETE", "/cart_x").status_code == 405


def test_who_asks_is_known_to_receivers(shop: Storefront, one: Assistant) -> None:
    """While an assistant is served, and not while somebody else is who names one."""
    known: list[str | None] = []

    def note(app: object, **more: object) -> None:
        known.append(current_assistant())

    with cart_updated.connected_to(note, shop.app):
        one.create({"pot": 2})
        somebody = {"UCP-Agent": 'profile="https://one.example/profile"'}
        form = {"item": "pot", "quantity": "1"}
        added = shop.app.test_client().post("/cart/lines", data=form, headers=somebody)
        assert added.status_code == 303

    assert known == ["https://one.example/profile", None]
    assert current_assistant() is None
