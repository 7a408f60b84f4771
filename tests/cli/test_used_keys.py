"""Used keys are no carts for any command, and go when they are too old."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from flask_cart import CartBusyError
from flask_cart import CartReplayedError
from flask_cart.model.idempotency import USED_KEYS
from flask_cart.model.keys import CartKey
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_carts
from tests.support.crowds import cart_of
from tests.support.crowds import pass_days
from tests.support.crowds import run
from tests.support.crowds import run_json

OWNERS = ["guest:abcdefghijklmnopqrstuv", "user:7"]
BROKEN = CartKey("user:7", USED_KEYS)


def add_once(app: Flask, owner: str, key: str) -> bool:
    """Add a mug with a key; whether that is no replay."""
    with app.app_context(), suppress(CartReplayedError):
        with cart_of(app, owner).once(key) as cart:
            cart.add("mug", price=5)

        return True

    return False


def owners_of_keys(app: Flask) -> list[str]:
    """Whose keys are kept."""
    storage = app.extensions["cart"].storage

    return [e.key.owner for e in storage.scan() if e.key.instance == USED_KEYS]


@pytest.fixture
def app(memory_app: Flask) -> Flask:
    """A shop with two carts that were changed with keys."""
    for owner in OWNERS:
        assert add_once(memory_app, owner, "a")

    return memory_app


def test_are_no_carts(app: Flask, tmp_path: Path) -> None:
    """Nothing lists, counts, examines or exports them."""
    path = tmp_path / "carts.jsonl"
    listed = run_json(app, "list")["carts"]

    assert owners_of_keys(app) == OWNERS
    assert [each["instance"] for each in listed] == ["default"] * 2
    assert run_json(app, "stats")["carts"] == 2
    assert run_json(app, "doctor")["checked"] == 2
    assert run_json(app, "export", str(path)) == {"exported": 2, "corrupt": 0}
    assert USED_KEYS not in path.read_text()


def test_cannot_be_imported(app: Flask, tmp_path: Path) -> None:
    """A file cannot bring what looks like them."""
    path = tmp_path / "carts.jsonl"
    assert run_json(app, "export", str(path))["exported"] == 2
    line = json.loads(path.read_text().splitlines()[0]) | {"instance": USED_KEYS}
    path.write_text(json.dumps(line))
    result = run(app, "import", str(path))

    assert result.exit_code == 1
    assert "An instance is a name" in result.output


def test_are_copied_along(app: Flask) -> None:
    """A shop that moves to another storage knows them there, and counts carts."""
    state = app.extensions["cart"]
    places = {"old": state.storage, "new": MemoryStorage()}
    app.extensions["cart"] = replace(state, open_storage=places.__getitem__)
    command = "copy", "--from", "old", "--to", "new"

    assert run_json(app, *command) == {"copied": 2, "left": 0, "failed": 0}
    assert run_json(app, *command) == {"copied": 0, "left": 2, "failed": 0}
    assert {str(each.key) for each in places["new"].scan()} == {
        f"{owner}/{name}" for owner in OWNERS for name in ("default", USED_KEYS)
    }


def test_go_when_they_are_too_old(app: Flask) -> None:
    """Of whom no key can be sent again, nothing is kept, whether there is a cart."""
    pass_days(app, 0.5)
    add_once(app, "user:7", "b")
    pass_days(app, 1.1)

    # Only what is there is looked at, but for the carts themselves.
    assert run_json(app, "prune", "--dry-run")["carts"] == []
    assert owners_of_keys(app) == OWNERS
    assert run(app, "prune", "--yes").output == "Deleted 0 carts.\n"
    assert owners_of_keys(app) == ["user:7"]
    assert not add_once(app, "user:7", "b")

    pass_days(app, 3)
    run(app, "prune", "--yes")
    assert owners_of_keys(app) == []
    assert run_json(app, "stats")["carts"] == 2
    assert add_once(app, "user:7", "b")


def test_stay_if_they_are_being_changed(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be deleted now is another time."""
    storage = app.extensions["cart"].storage
    save = MemoryStorage.save

    def refuse(*arguments: object) -> None:
        raise CartBusyError("locked")

    pass_days(app, 3)
    monkeypatch.setattr(storage, "save", refuse)
    assert run(app, "prune", "--yes").exit_code == 0
    monkeypatch.setattr(storage, "save", lambda *each: save(storage, *each))
    assert owners_of_keys(app) == OWNERS
    assert run(app, "prune", "--yes").exit_code == 0
    assert owners_of_keys(app) == []


def test_broken_ones_are_found(app: Flask, tmp_path: Path) -> None:
    """What cannot be read is told, is never pruned, and goes once it is exported."""
    storage = app.extensions["cart"].storage
    version = storage.load(BROKEN).version
    save_carts(storage, BROKEN.owner, {USED_KEYS: (version, "{broken")})
    pass_days(app, 3)
    run(app, "prune", "--yes")
    assert owners_of_keys(app) == ["user:7"]

    found = json.loads(run(app, "doctor", "--json").stdout)["findings"]
    assert [(each["instance"], each["problem"]) for each in found] == [
        (USED_KEYS, "corrupt")
    ]

    path = tmp_path / "broken.jsonl"
    run(app, "doctor", "--export", str(path), "--repair", "--yes")
    assert json.loads(path.read_text())["text"] == "{broken"
    assert owners_of_keys(app) == []
    assert add_once(app, "user:7", "a")
