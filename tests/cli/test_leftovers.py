"""What is beside the carts: one look at everything finds what is of no use."""

from __future__ import annotations

import datetime as dt
import json
import typing as t

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import FlaskCart
from flask_cart import signals
from flask_cart.carts.links import LinkNote
from flask_cart.carts.links import links_in
from flask_cart.metrics.prometheus import PrometheusMetrics
from flask_cart.model import document
from flask_cart.model.idempotency import USED_KEYS
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Change
from flask_cart.storage.base import Changes
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_cart
from tests.support.apps import make_app
from tests.support.crowds import cart_of
from tests.support.crowds import fill
from tests.support.crowds import pass_days
from tests.support.crowds import run
from tests.support.crowds import run_json

OWNERS = ["user:1", "user:2", "user:3"]


class CountingStorage(MemoryStorage):
    """Counts how often everything is read."""

    scans = 0

    def scan(  # type: ignore[no-untyped-def]
        self, before: dt.datetime | None = None
    ):
        self.scans += 1

        return super().scan(before)


@pytest.fixture
def storage() -> CountingStorage:
    return CountingStorage()


@pytest.fixture
def app(storage: CountingStorage) -> Flask:
    app = make_app(TESTING=True, CART_STORAGE=storage)
    FlaskCart(app)
    fill(app, *OWNERS)

    return app


@pytest.mark.parametrize(
    ("command", "scans"),
    [
        ("prune --yes", 1),
        ("prune --dry-run", 1),
        ("prune", 2),
        ("doctor", 1),
        ("stats", 1),
        ("export -", 1),
        ("list", 1),
        ("remind --older-than 1d --dry-run", 1),
    ],
)
def test_read_once(
    app: Flask, storage: CountingStorage, command: str, scans: int
) -> None:
    """Every command goes through everything once; only to ask, carts are counted."""
    assert run(app, *command.split(), input="y\n").exit_code == 0
    assert storage.scans == scans


def test_carts_that_are_not_shown_are_not_read(
    app: Flask, storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page in the middle, and an owner among many, cost no look at the others."""
    read: list[str | bytes] = []
    decode = document.decode

    def noted(data: str | bytes) -> object:
        read.append(data)

        return decode(data)

    monkeypatch.setattr("flask_cart.carts.scanning.decode", noted)
    assert len(run_json(app, "list", "--page=3", "--per-page=1")["carts"]) == 1
    assert len(run_json(app, "list", "--owner=user:2")["carts"]) == 1
    assert len(read) == 2

    # Nobody has left one of them for a day.
    run(app, "remind", "--older-than", "1d")
    assert run_json(app, "prune", "--dry-run")["carts"] == []
    assert len(read) == 2


def test_what_is_kept(app: Flask, storage: CountingStorage) -> None:
    """What can still be used stays, and so does what cannot be read."""
    with app.app_context():
        services = app.extensions["cart"].services
        links = links_in(services.repository)
        key = CartKey("user:1", "default")
        now = services.clock()

        for token, days in [("old", 1), ("new", 99)]:
            expires_at = now + dt.timedelta(days=days)
            note = LinkNote("share", key, "", (), expires_at)
            links.change(token, lambda stored, note=note: note)

        token = cart_of(app, "user:2").begin_order().order_token
        damaged = [
            CartKey("@link:damaged", "default"),
            CartKey("@order:damaged", "default"),
            CartKey("@other:1", "default"),
            CartKey("user:4", USED_KEYS),
        ]

        for each in damaged:
            save_cart(storage, each, "{", 0)

        with cart_of(app, "user:3").once("key") as cart:
            cart.add("mug", price=5)

    # Three carts, two notes of orders, and keys that cannot be read.
    assert json.loads(run(app, "doctor", "--json").stdout)["checked"] == 6
    run(app, "prune", "--older-than", "99d", "--yes")
    assert storage.load(CartKey("user:3", USED_KEYS)) is not None

    pass_days(app, 29)
    run(app, "prune", "--older-than", "99d", "--dry-run")
    assert storage.load(CartKey("user:3", USED_KEYS)) is not None

    run(app, "prune", "--older-than", "99d", "--yes")
    beside = {str(each.key) for each in storage.scan()} - {
        f"{owner}/default" for owner in OWNERS
    }
    assert beside == {
        "@link:new/default",
        f"@order:{token}/default",
        *map(str, damaged),
    }

    pass_days(app, 31)
    result = run_json(app, "prune", "--older-than", "99d", "--yes")
    assert result["orders"] == 1
    assert storage.load(CartKey(f"@order:{token}", "default")) is None


TOLD = ["cart_abandoned", "before_change", "cart_destroyed", "cart_updated"]


class TestDeletingUnheard:
    """Where nobody is told of it, a cart is deleted at once."""

    @pytest.fixture(autouse=True)
    def _nobody_listens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Examples of the docs may listen to all apps of the process."""
        for name in TOLD:
            monkeypatch.setattr(signals.ALL[name], "receivers", {})

    @pytest.fixture
    def saves(
        self, storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
    ) -> list[Changes]:
        """What is saved."""
        noted: list[Changes] = []
        save = storage.save

        def noting(owner: str, changes: Changes) -> bool:
            noted.append(changes)

            return save(owner, changes)

        monkeypatch.setattr(storage, "save", noting)

        return noted

    def test_one_statement(
        self, app: Flask, storage: CountingStorage, saves: list[Changes]
    ) -> None:
        """Nothing is saved but that they are gone."""
        pass_days(app, 9)

        assert run(app, "prune", "--yes").output == "Deleted 3 carts.\n"
        assert [each["default"].text for each in saves] == [None] * 3
        assert list(storage.scan()) == []

    @pytest.mark.parametrize("name", TOLD)
    def test_heard(self, app: Flask, saves: list[Changes], name: str) -> None:
        """Who listens to any of it is told, once for each."""
        heard: list[str] = []

        def note(app: Flask, cart: Cart, event: t.Any) -> None:
            heard.append(event.owner)

        pass_days(app, 9)

        with signals.ALL[name].connected_to(note, app):
            assert run(app, "prune", "--yes").output == "Deleted 3 carts.\n"

        assert heard == OWNERS
        assert len(saves) == 6

    def test_of_another_app(self, app: Flask, saves: list[Changes]) -> None:
        """A receiver that is told nothing costs nothing."""
        pass_days(app, 9)

        with signals.cart_destroyed.connected_to(lambda app, **_: None, Flask("other")):
            run(app, "prune", "--yes")

        assert len(saves) == 3

    def test_observed(self, app: Flask, saves: list[Changes]) -> None:
        """Metrics count each."""
        registry = CollectorRegistry()
        app.extensions["cart"].extension.observe(PrometheusMetrics(registry))
        pass_days(app, 9)
        run(app, "prune", "--yes")
        name, labels = "flask_cart_events_total", {"event": "cart_destroyed"}

        assert registry.get_sample_value(name, labels) == 3
        assert len(saves) == 6

    def test_rivals(
        self, app: Flask, storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What somebody has changed since it was read, or is changing, stays."""
        pass_days(app, 9)
        save = storage.save

        def late(owner: str, changes: Changes) -> bool:
            if owner == "user:1":
                raise CartBusyError("It is locked.")

            if owner == "user:2":
                key = CartKey(owner, "default")
                stored = storage.load(key)
                assert stored is not None
                renewed = Change.on(stored.version, stored.text)
                assert save(owner, {"default": renewed})

            return save(owner, changes)

        monkeypatch.setattr(storage, "save", late)

        assert run_json(app, "prune", "--yes") == {
            "deleted": 1,
            "kept": 0,
            "changed": 2,
            "failed": 0,
            "in_checkout": 0,
            "corrupt": 0,
            "orders": 0,
        }
