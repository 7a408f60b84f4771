"""Carts go into files, and come back as they were."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from flask import Flask

from flask_cart import CartBusyError
from flask_cart import CartStorageError
from flask_cart import FlaskCart
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Changes
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_cart
from tests.support.apps import make_app
from tests.support.crowds import run
from tests.support.crowds import run_json

KEYS = [
    CartKey("acme/user:7", "default"),
    CartKey("guest:abcdefghijklmnopqrstuv", "default"),
    CartKey("user:7", "default"),
    CartKey("user:7", "wishlist"),
]


#: Deeper, and longer, than anything that a cart has.
NESTED = '{"schema":1,"metadata":' + '{"a":' * 99_999 + "1" + "}" * 99_999 + "}"
NINES = "9" * 4000
#: From Python 3.14 on, the stack is measured rather than counted.
TOO_DEEP = "overflow" if sys.version_info >= (3, 14) else "recursion"


def new_shop(storage: object = "memory") -> Flask:
    app = make_app(CART_STORAGE=storage)
    FlaskCart(app)

    return app


def texts(app: Flask) -> dict[CartKey, str | bytes]:
    storage: MemoryStorage = app.extensions["cart"].storage

    return {each.key: each.stored.data for each in storage.scan()}


@pytest.fixture
def app() -> Flask:
    """A shop with some carts."""
    app = new_shop()

    with app.app_context():
        for number, key in enumerate(KEYS, 1):
            cart = app.extensions["cart"].extension.cart(
                owner=key.owner, instance=key.instance
            )
            cart.add("mug", number, name="Mög", price="12.50")
            cart.add_discount("SUMMER", "10%")

    return app


@pytest.fixture
def path(app: Flask, tmp_path: Path) -> Path:
    """A file that the carts were exported to."""
    path = tmp_path / "carts.jsonl"
    assert run_json(app, "export", str(path)) == {"exported": 4, "corrupt": 0}

    return path


def test_there_and_back(app: Flask, path: Path) -> None:
    """Another shop has exactly the same carts afterwards."""
    other = new_shop()

    assert run(other, "import", str(path)).output == (
        "Imported 4 carts, left 0 that were there already.\n"
    )
    assert texts(other) == texts(app)
    assert len(texts(other)) == 4


def test_file(app: Flask, path: Path) -> None:
    """It is JSON, a cart each line, and nobody else can read the tokens in it."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]

    assert [CartKey(each["owner"], each["instance"]) for each in lines] == KEYS
    assert [each["cart"]["lines"][0]["quantity"] for each in lines] == [1, 2, 3, 4]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_output(app: Flask, path: Path) -> None:
    """Without a file, the output is one, and what is said about it is beside it."""
    result = run(app, "export")

    assert result.stdout == path.read_text()
    assert result.stderr == "Exported 4 carts.\n"
    assert json.loads(run(app, "export", "--json").stderr)["exported"] == 4


def test_overwrites_nothing(app: Flask, path: Path) -> None:
    """A file that exists is left as it is."""
    before = path.read_text()
    result = run(app, "export", str(path))

    assert result.exit_code == 1
    assert "File exists" in result.output
    assert path.read_text() == before


def test_keeps_what_is_there(app: Flask, path: Path) -> None:
    """A cart that is there already stays, unless it is to be replaced."""
    exported = texts(app)

    with app.app_context():
        app.extensions["cart"].extension.cart(owner="user:7").add("pot", price=1)

    changed = texts(app)
    assert run_json(app, "import", str(path)) == {"imported": 0, "left": 4, "failed": 0}
    assert texts(app) == changed != exported

    result = run(app, "import", str(path), "--replace")
    assert result.output == ("Imported 4 carts, left 0 that somebody was changing.\n")
    assert texts(app) == exported


def test_replace_leaves_what_is_being_changed(
    app: Flask, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cart that somebody saves between the look at it and the save is not undone."""
    storage = app.extensions["cart"].storage
    load = MemoryStorage.load

    def load_before_rival(self: MemoryStorage, key: CartKey) -> object:
        stored = load(self, key)

        if stored is not None and key == KEYS[2]:
            monkeypatch.setattr(MemoryStorage, "load", load)
            save_cart(storage, key, stored.data, stored.version)

        return stored

    monkeypatch.setattr(MemoryStorage, "load", load_before_rival)

    assert run_json(app, "import", str(path), "--replace") == {
        "imported": 3,
        "left": 1,
        "failed": 0,
    }


class Held(MemoryStorage):
    """Memory in which a rival holds the lock of a guest's cart.

    :param error: What it is for whoever wants to save that.
    """

    def __init__(self, error: type[CartStorageError]) -> None:
        super().__init__()
        self.error = error

    def save(self, owner: str, changes: Changes) -> bool:
        if owner == KEYS[1].owner:
            raise self.error(f"The cart {KEYS[1]} is locked by others.")

        return super().save(owner, changes)


def test_import_of_what_is_locked(path: Path) -> None:
    """A cart that cannot be stored now is counted, and keeps no other from it."""
    app = new_shop(storage=Held(CartBusyError))
    result = run(app, "import", str(path), "--replace")

    assert result.exit_code == 1
    assert result.stdout == "Imported 3 carts, left 0 that somebody was changing.\n"
    assert result.stderr.splitlines() == [
        "CartBusyError: a cart was not imported.",
        "Error: 1 cart could not be imported.",
    ]
    assert texts(app).keys() == {KEYS[0], *KEYS[2:]}


def test_import_that_is_cut_off(path: Path) -> None:
    """Who cannot go on says how far it was, and not whose cart it was."""
    result = run(new_shop(storage=Held(CartStorageError)), "import", str(path))

    assert result.exit_code == 1
    assert result.stdout == "Imported 1 cart, left 0 that were there already.\n"
    assert result.stderr == (
        "Error: The cart guest:abcd.../default is locked by others.\n"
    )


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"owner":"user:9","instance":"default"}', "`cart`"),
        ('{"owner":"bob","instance":"default","cart":{}}', "An owner is a kind"),
        ('{"owner":"user:9","instance":"a b","cart":{}}', "An instance is a name"),
        ('{"owner":"A/user:9","instance":"a","cart":{}}', "tenant"),
        ('{"owner":"guest:abcdefg ","instance":"a","cart":{}}', "guest:abcd..."),
        ('{"owner":"user:9","instance":"a","cart":{}}', "not a cart"),
        ('{"owner":"user:9","instance":"a","cart":{},"x":1}', "unknown field"),
        ('{"owner":"user:9","instance":"a","cart":{},"\\u001b[2J":1}', "?[2J"),
        ('{"owner":"user:9","instance":"a","cart":{},"\x9b2J":1}', "?2J"),
        ('{"owner":"user:9","instance":"a","cart":{},"\u202e1":1}', "?1"),
        ('{"owner":"\\u001b]0;me\\u0007","instance":"a","cart":{}}', r"'\x1b'"),
        ('{"owner":"user:9","instance":"\\u001b[2J","cart":{}}', r"\x1b[2J"),
        ('{"owner":"user:9","instance":"a","cart":' + "[" * 999_999, TOO_DEEP),
        ('{"owner":"user:9","instance":"a","cart":' + NESTED + "}", TOO_DEEP),
        ("[" * 99_999, "Expected `object`"),
        ('{"owner":"user:9","instance":"a","cart":{"schema":' + NINES, "truncated"),
        ('{"owner":"user:9","instance":"a","cart":{"schema":' + NINES + "}}", "<="),
        ('{"owner":"user:9","instance":' + NINES + ',"cart":{}}', "of range"),
        ('{"owner":"user:' + NINES + '","instance":"a","cart":{}}', "at most 255"),
        ('{"owner":"user:9","instance":"a","cart":{},"' + NINES + '":1}', "..."),
    ],
)
def test_one_bad_line(path: Path, line: str, error: str) -> None:
    """One line that is wrong, also the last one, and nothing is stored."""
    with path.open("a") as file:
        file.write(f"\n{line}\n")

    shop = new_shop()
    result = run(shop, "import", str(path))

    assert result.exit_code == 1
    assert result.output.startswith("Line 6: ")
    assert error in result.output
    assert result.output.endswith("\nError: Nothing was imported: 1 line cannot be.\n")
    assert len(result.output) < 400
    assert result.output.count("\n") == 2
    assert result.output.replace("\n", "").isprintable()
    assert texts(shop) == {}


def test_twice_the_same(path: Path) -> None:
    """The same cart twice is a mistake: nobody can say which one is meant."""
    text = path.read_text()
    path.write_text(text + text.splitlines()[2])
    shop = new_shop()

    assert run(shop, "import", str(path)).output == (
        "Line 5: The same cart is in line 3.\n"
        "Error: Nothing was imported: 1 line cannot be.\n"
    )
    assert texts(shop) == {}


def test_many_bad_lines(tmp_path: Path) -> None:
    """Of many errors, the first ones are told."""
    path = tmp_path / "bad.jsonl"
    path.write_text("{\n" * 50)
    result = run(new_shop(), "import", str(path))

    assert len(result.output.splitlines()) == 21
    assert "Nothing was imported: 50 lines cannot be." in result.output


def test_corrupt(app: Flask, tmp_path: Path) -> None:
    """What cannot be read is not exported, and is an error in the end."""
    save_cart(app.extensions["cart"].storage, CartKey("user:1", "default"), "{", 0)
    path = tmp_path / "some.jsonl"
    result = run(app, "export", str(path))

    assert result.exit_code == 1
    assert "1 cart cannot be read: see 'flask cart doctor'." in result.output
    assert len(path.read_text().splitlines()) == 4


def test_written_by_hand(app: Flask) -> None:
    """A cart that was stored with line breaks is one line in the file."""
    storage = app.extensions["cart"].storage
    stored = storage.load(KEYS[0])
    text = json.dumps(json.loads(stored.data), indent=2)
    save_cart(storage, KEYS[0], text, stored.version)

    assert len(run(app, "export").stdout.splitlines()) == 4


def test_orders_that_were_begun(app: Flask, tmp_path: Path) -> None:
    """What may be paid goes along, and can be ordered where it has come to."""
    with app.app_context():
        extension = app.extensions["cart"].extension
        token = extension.cart(owner="user:7").begin_order().order_token

    path = tmp_path / "carts.jsonl"
    assert run_json(app, "export", str(path)) == {"exported": 5, "corrupt": 0}
    other = new_shop()
    assert run_json(other, "import", str(path))["imported"] == 5
    assert texts(other) == texts(app)

    with other.app_context():
        extension = other.extensions["cart"].extension
        draft = extension.place_order(lambda draft: draft, {}.get, token=token)

    assert (draft.order_token, draft.owner) == (token, "user:7")


def test_damaged_note(app: Flask, tmp_path: Path) -> None:
    """A note that cannot be read is not imported, as no cart is."""
    path = tmp_path / "carts.jsonl"
    path.write_text('{"owner": "@order:t", "instance": "default", "cart": {}}\n')
    result = run(app, "import", str(path))

    assert result.exit_code == 1
    assert "is no record of the kind" in result.output
