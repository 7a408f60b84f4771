"""Carts that cannot be read are found, put aside, and only then deleted."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest
from flask import Flask

from flask_cart import FlaskCart
from flask_cart.model import document
from flask_cart.model.keys import CartKey
from flask_cart.testing.carts import save_cart
from tests.support import cache_servers
from tests.support.apps import make_app
from tests.support.crowds import run
from tests.support.crowds import run_json
from tests.support.crowds import times_of

BAD = CartKey("user:1", "default")
OLD = CartKey("user:2", "default")
GOOD = CartKey("user:3", "default")
NEW = CartKey("user:4", "default")


def upgraded(plain: dict[str, object]) -> dict[str, object]:
    return {"currency": "EUR", **plain}


@pytest.fixture
def app(memory_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """A shop with a damaged cart, one of an older version, and a good one."""
    monkeypatch.setitem(document.UPGRADERS, 0, upgraded)
    storage = memory_app.extensions["cart"].storage
    save_cart(storage, BAD, '{"schema":1,"oops":', 0)
    save_cart(storage, OLD, '{"schema":0}', 0)

    with memory_app.app_context():
        extension = memory_app.extensions["cart"].extension
        extension.cart(owner=GOOD.owner).add("mug", price=1)

    return memory_app


def text_of(app: Flask, key: CartKey) -> str | None:
    stored = app.extensions["cart"].storage.load(key)

    return str(stored.data) if stored is not None else None


def test_finding(app: Flask) -> None:
    """What is wrong is listed, nothing is changed, and the exit code says so."""
    good = app.extensions["cart"].storage.load(GOOD)
    result = run(app, "doctor")
    rows = [line.split()[:4] for line in result.output.splitlines()]

    assert result.exit_code == 1
    assert rows[:3] == [
        ["Owner", "Instance", "Problem", "Bytes"],
        ["user:1", "default", "corrupt", "19"],
        ["user:2", "default", "outdated", "12"],
    ]
    assert "Examined 3 carts, found 2 problems.\n" in result.output
    assert text_of(app, BAD) == '{"schema":1,"oops":'
    assert text_of(app, OLD) == '{"schema":0}'
    assert app.extensions["cart"].storage.load(GOOD) == good


def test_healthy(memory_app: Flask) -> None:
    """Where nothing is wrong, there is no error."""
    result = run(memory_app, "doctor", "--repair")

    assert result.exit_code == 0
    assert result.output == "Examined 0 carts, found 0 problems.\n"


def test_export(app: Flask, tmp_path: Path) -> None:
    """What cannot be read is written to a new file, for nobody else to read."""
    path = tmp_path / "bad.jsonl"
    assert run(app, "doctor", "--export", str(path)).exit_code == 1
    (line,) = map(json.loads, path.read_text().splitlines())

    assert (line["owner"], line["instance"]) == BAD
    assert line["text"] == '{"schema":1,"oops":'
    assert line["error"].startswith("The stored text is not a cart")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert text_of(app, BAD) == '{"schema":1,"oops":'


def test_export_overwrites_nothing(app: Flask, tmp_path: Path) -> None:
    """A file that exists is left as it is, and nothing is deleted then."""
    path = tmp_path / "bad.jsonl"
    path.write_text("precious")
    result = run(app, "doctor", "--repair", "--yes", "--export", str(path))

    assert result.exit_code == 1
    assert "File exists" in result.output
    assert path.read_text() == "precious"
    assert text_of(app, BAD) is not None


def test_repair_without_export(app: Flask) -> None:
    """Without an export, only what can be read is repaired."""
    result = run(app, "doctor", "--repair", "--yes")

    assert result.exit_code == 1
    assert "What cannot be read is deleted only with --export.\n" in result.output
    assert "Error: 1 cart of 3 left with a problem.\n" in result.output
    assert text_of(app, BAD) == '{"schema":1,"oops":'
    assert text_of(app, OLD) == document.encode(document.new_document("EUR"))


def test_only_what_cannot_be_repaired(app: Flask) -> None:
    """If all that is wrong could only be deleted, there is nothing to ask."""
    app.extensions["cart"].storage._carts.pop(OLD)
    result = run(app, "doctor", "--repair")

    assert result.exit_code == 1
    assert "[y/N]" not in result.output


def test_repair(app: Flask, tmp_path: Path) -> None:
    """With an export and a yes, nothing is wrong any more, and nothing is younger."""
    saved_at = times_of(app)
    export = ("--export", str(tmp_path / "bad.jsonl"))
    result = run(app, "doctor", "--repair", *export, input="n\n")
    assert result.exit_code == 1
    assert "Save 1 cart anew, and delete 1 cart? [y/N]" in result.stderr
    assert text_of(app, BAD) is not None

    export = ("--export", str(tmp_path / "bad again.jsonl"))
    result = run(app, "doctor", "--repair", *export, "--json", input="y\n")
    found = json.loads(result.stdout)

    assert result.exit_code == 0
    assert (found["checked"], found["repaired"], found["left"]) == (3, 2, 0)
    assert text_of(app, BAD) is None
    assert run(app, "doctor").exit_code == 0
    del saved_at[BAD.owner]
    assert times_of(app) == saved_at


def test_newer(app: Flask, tmp_path: Path) -> None:
    """What a newer version has stored is no damage: it is told, and stays."""
    save_cart(app.extensions["cart"].storage, NEW, '{"schema":2,"more":1}', 0)
    path = tmp_path / "bad.jsonl"
    result = run(app, "doctor", "--repair", "--yes", "--export", str(path))

    assert result.exit_code == 1
    assert ["user:4", "default", "newer"] in [
        line.split()[:3] for line in result.output.splitlines()
    ]
    assert "Error: 1 cart of 4 left with a problem.\n" in result.output
    assert text_of(app, NEW) == '{"schema":2,"more":1}'
    assert [json.loads(line)["owner"] for line in path.read_text().splitlines()] == [
        BAD.owner
    ]


def test_nothing_but_newer(memory_app: Flask) -> None:
    """If there is nothing to repair, nothing is asked or advised."""
    save_cart(memory_app.extensions["cart"].storage, NEW, '{"schema":2}', 0)
    result = run(memory_app, "doctor", "--repair")

    assert result.exit_code == 1
    assert "--export" not in result.output
    assert "[y/N]" not in result.output


def test_changed_meanwhile(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody else repairs in the meantime stays as they have left it."""
    storage = app.extensions["cart"].storage
    good = text_of(app, GOOD)
    assert good is not None

    def answer(*args: object, **options: object) -> None:
        for key in BAD, OLD:
            assert save_cart(storage, key, good, storage.load(key).version)

    monkeypatch.setattr("click.confirm", answer)
    run(app, "doctor", "--repair", "--export", str(tmp_path / "bad.jsonl"))

    assert text_of(app, BAD) == text_of(app, OLD) == good


def test_not_even_text(
    valkey_server: cache_servers.CacheServer, tmp_path: Path
) -> None:
    """In Redis, a record may be anything: it is found and exported, and stays, for it
    has no version that a deletion could be compared with."""
    app = make_app(
        CART_STORAGE="cache",
        CACHE_TYPE="RedisCache",
        CACHE_REDIS_URL=valkey_server.url,
    )
    cache = pytest.importorskip("flask_caching").Cache(app)
    FlaskCart(app)
    client = app.extensions["cache"][cache]._write_client
    path = tmp_path / "bad.jsonl"

    try:
        client.hset("cart:flask_cache_{user:1}", "default", b"\xff")
        result = run(app, "doctor", "--repair", "--yes", "--export", str(path))
        (line,) = map(json.loads, path.read_text().splitlines())

        assert result.exit_code == 1
        assert base64.b64decode(line["base64"]) == b"\xff"
        assert line["text"] is None
        assert client.hget("cart:flask_cache_{user:1}", "default") == b"\xff"
        assert run_json(app, "list")["carts"][0]["saved_at"] is None
        assert run(app, "list").output.splitlines()[1].endswith("-")
        assert run_json(app, "prune", "--yes")["deleted"] == 0
    finally:
        client.close()
