"""Whoever has left a cart is reminded of it once, before anything is deleted."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from flask_cart import CartBusyError
from flask_cart import CartConfigError
from flask_cart import CartVetoError
from flask_cart import FlaskCart
from flask_cart import signals
from flask_cart.model.events import ReminderDue
from flask_cart.testing.carts import save_carts
from tests.support import shops
from tests.support.apps import make_app
from tests.support.crowds import cart_of
from tests.support.crowds import fill
from tests.support.crowds import pass_days
from tests.support.crowds import run
from tests.support.crowds import run_json
from tests.support.crowds import times_of
from tests.support.storefronts import open_storefront

OWNERS = ["guest:1", "user:1", "acme/user:1", "company:1"]


@pytest.fixture
def app() -> Flask:
    """A shop with carts in memory."""
    app = make_app(TESTING=True, CART_STORAGE="memory")
    FlaskCart(app)

    return app


@pytest.fixture(params=["memory", "sqlite", "postgresql", "valkey"])
def any_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """A shop on each storage that can list its carts."""
    if request.param == "memory":
        yield request.getfixturevalue("app")
    elif request.param == "valkey":
        url = request.getfixturevalue("valkey_server").url

        with open_storefront("cache", folder=tmp_path, redis_url=url) as storefront:
            yield storefront.app
    else:
        url = request.getfixturevalue(f"{request.param}_url")

        with shops.open_shop(url) as shop:
            yield shop.app


def ext(app: Flask) -> FlaskCart:
    extension: FlaskCart = app.extensions["cart"].extension

    return extension


def remind(app: Flask, *options: str) -> dict[str, int]:
    numbers: dict[str, int] = run_json(app, "remind", "--older-than", "1d", *options)

    return {name: number for name, number in numbers.items() if number}


@contextmanager
def hearing(app: Flask) -> Iterator[list[ReminderDue]]:
    """What the shop is told to remind of."""
    heard: list[ReminderDue] = []

    def hear(sender: Flask, event: ReminderDue, **extra: t.Any) -> None:
        heard.append(event)

    with signals.reminder_due.connected_to(hear, app):
        yield heard


def test_once(any_app: Flask) -> None:
    """Each cart that was left is told of once, with what is in it."""
    fill(any_app, *OWNERS)
    pass_days(any_app, 1.1)

    with hearing(any_app) as heard:
        assert remind(any_app) == {"reminded": 4}
        assert remind(any_app) == {}

    assert sorted(each.owner for each in heard) == sorted(OWNERS)
    (event,) = (each for each in heard if each.owner == "guest:1")
    assert event.kind == "guest"
    assert [line.item_id for line in event.lines] == ["mug"]
    assert event.last_changed is not None
    assert event.last_changed < t.cast(dt.datetime, event.occurred_at)


def test_does_not_make_it_young_again(any_app: Flask) -> None:
    """It is deleted when it would have been, and is not before."""
    fill(any_app, "user:1", "user:2")
    saved_at = times_of(any_app)
    pass_days(any_app, 1.1)
    assert remind(any_app) == {"reminded": 2}
    assert times_of(any_app) == saved_at
    pass_days(any_app, 6.9)
    assert run_json(any_app, "prune", "--yes")["deleted"] == 0
    pass_days(any_app, 7.1)
    assert run_json(any_app, "prune", "--yes")["deleted"] == 2


def test_again_after_a_change(any_app: Flask) -> None:
    """Whoever comes back and leaves it again is reminded again."""
    fill(any_app, "user:1")
    pass_days(any_app, 2)
    remind(any_app)
    fill(any_app, "user:1")

    with any_app.app_context():
        assert cart_of(any_app, "user:1").quantity == 2

    assert remind(any_app) == {"reminded": 1}
    assert remind(any_app) == {}


@pytest.mark.parametrize("workers", [2, 5])
def test_several_at_once(any_app: Flask, workers: int) -> None:
    """However many remind at once, each cart is told of once."""
    owners = [f"user:{number}" for number in range(30)]
    fill(any_app, *owners)
    pass_days(any_app, 2)
    told: Counter[str] = Counter()
    barrier = threading.Barrier(workers, timeout=60)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with any_app.app_context():
                carts = list(ext(any_app).abandoned_carts(dt.timedelta(days=1)))
                barrier.wait()

                for cart in carts:
                    if ext(any_app).mark_reminded(cart):
                        told[t.cast(t.Any, cart.key).owner] += 1
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=work) for _ in range(workers)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join(120)

    assert not errors
    assert told == Counter(owners)


def test_list(app: Flask) -> None:
    """They can be looked at before, in a table or as JSON, and nobody is told."""
    fill(app, "guest:secret-token", "user:1")
    pass_days(app, 2)

    with hearing(app) as heard:
        result = run(app, "remind", "--older-than", "1d", "--dry-run")
        listed = run_json(app, "remind", "--older-than", "1d", "--dry-run")

    assert result.output.endswith("Somebody would be reminded of 2 carts.\n")
    assert "secret-token" not in result.output
    assert [each["owner"] for each in listed["carts"]] == ["guest:secr...", "user:1"]
    assert heard == []
    assert remind(app) == {"reminded": 2}


def test_what_is_not_left(app: Flask) -> None:
    """What is empty, young, in checkout or damaged is not reminded of."""
    fill(app, "user:1", "user:2", "user:3")

    with app.app_context():
        cart_of(app, "user:1").clear()
        cart_of(app, "user:2").begin_order()
        save_carts(ext(app).storage, "user:4", {"default": (0, "{")})

    assert remind(app) == {}
    pass_days(app, 2)

    with app.app_context():
        carts = list(ext(app).abandoned_carts(dt.timedelta(days=1)))

    assert [t.cast(t.Any, each.key).owner for each in carts] == ["user:3"]
    assert remind(app) == {"reminded": 1}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(CartVetoError("Not on Sundays."), "kept"), (ZeroDivisionError(), "failed")],
)
def test_receiver_that_raises(
    app: Flask, caplog: pytest.LogCaptureFixture, error: Exception, outcome: str
) -> None:
    """It is asked again the next time, and the cart is as old as it was."""
    fill(app, "user:1")
    pass_days(app, 2)

    def refuse(sender: Flask, **extra: t.Any) -> None:
        raise error

    with signals.reminder_due.connected_to(refuse, app):
        result = run(app, "remind", "--older-than", "1d", "--json")

    assert f'"{outcome}": 1' in result.output
    assert result.exit_code == (1 if outcome == "failed" else 0)
    assert ("ZeroDivisionError" in caplog.text) is (outcome == "failed")
    assert remind(app) == {"reminded": 1}


def test_words(app: Flask) -> None:
    """Without JSON, it says what was done."""
    fill(app, "user:1")
    pass_days(app, 2)

    assert run(app, "remind", "--older-than", "1d").output == "Reminded of 1 cart.\n"
    assert run(app, "remind", "--older-than", "1d").output == "Reminded of 0 carts.\n"


@pytest.mark.parametrize("is_busy", [False, True])
def test_somebody_is_faster(
    app: Flask, monkeypatch: pytest.MonkeyPatch, is_busy: bool
) -> None:
    """A cart that somebody uses in that moment is left alone."""
    fill(app, "user:1", "user:2")
    pass_days(app, 2)

    with app.app_context():
        storage = ext(app).storage

    save = storage.save

    def lose(owner: str, changes: t.Any) -> t.Any:
        if owner == "user:2":
            return save(owner, changes)

        if is_busy:
            raise CartBusyError("Busy.")

        return None

    monkeypatch.setattr(storage, "save", lose)

    assert remind(app) == {"reminded": 1, "changed": 1}


def test_shopper_comes_back(app: Flask) -> None:
    """A cart that was changed since it was listed is not marked, nor listed."""
    fill(app, "user:1", "user:2")
    pass_days(app, 2)

    with app.app_context():
        listed = ext(app).abandoned_carts(dt.timedelta(days=1))
        first = next(listed)
        fill(app, "user:1", "user:2")

        assert not ext(app).mark_reminded(first)
        assert list(listed) == []
        assert first.quantity == 2
        assert ext(app).mark_reminded(first)
        assert not ext(app).mark_reminded(first)


def test_nothing_to_mark(app: Flask) -> None:
    """A cart that is not stored is nobody's to be reminded of."""
    with app.app_context():
        assert not ext(app).mark_reminded(cart_of(app, "user:1"))


def test_mark_is_no_change(app: Flask) -> None:
    """Nothing that the shopper sees changes, no signal is sent, and the mark goes."""
    fill(app, "user:1")
    sent: list[t.Any] = []

    def note(sender: Flask, **extra: t.Any) -> None:
        sent.append(extra)

    with app.app_context(), signals.cart_updated.connected_to(note, app):
        cart = cart_of(app, "user:1")
        before = cart.to_dict() | {"version": 0}
        assert ext(app).mark_reminded(cart)
        assert cart.to_dict() | {"version": 0} == before
        assert sent == []

        assert '"reminded_at"' in ext(app).storage.load(cart.key).data
        cart.add("pot", price=2)
        assert '"reminded_at"' not in ext(app).storage.load(cart.key).data


def test_prune_that_is_vetoed(app: Flask) -> None:
    """A reminded cart that is kept is kept until it was left for as long again."""
    fill(app, "user:1")
    saved_at = times_of(app)["user:1"]
    pass_days(app, 8)
    remind(app)

    def keep(sender: Flask, **extra: t.Any) -> None:
        raise CartVetoError("She calls every month.")

    with signals.cart_abandoned.connected_to(keep, app):
        assert run_json(app, "prune", "--yes")["kept"] == 1

    assert times_of(app)["user:1"] > saved_at
    assert remind(app) == {}


def test_storages_that_cannot_list() -> None:
    """They say so."""
    app = make_app(TESTING=True)

    FlaskCart(app)

    assert "cannot list" in run(app, "remind", "--older-than", "1d").output

    with app.app_context(), pytest.raises(CartConfigError, match="cannot list"):
        list(ext(app).abandoned_carts(dt.timedelta(days=1)))
