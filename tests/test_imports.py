"""Which module may import which, and what importing the package costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


def test_layers() -> None:
    """Each layer imports only those below it, and the domain only itself."""
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stdout
    assert "4 kept, 0 broken" in result.stdout


def test_extras_are_not_imported() -> None:
    """Importing the package imports nothing that an extra brings."""
    extras = (
        "sqlalchemy flask_sqlalchemy flask_session flask_caching cachelib redis"
        " filelock memcache pylibmc pymemcache prometheus_client opentelemetry pytest"
    )
    code = (
        "import sys, flask_cart;"
        f"print([name for name in {extras.split()} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


MISSING = [
    ("database", "flask_sqlalchemy", "Flask-Cart[database]"),
    ("cache", "flask_caching", "Flask-Cart[cache]"),
]


@pytest.mark.parametrize(("storage", "missing", "extra"), MISSING)
def test_missing_extra_is_named(storage: str, missing: str, extra: str) -> None:
    """Without the library that a storage stands on, the error says what to install."""
    code = f"""
import sys
sys.modules["{missing}"] = None
from flask import Flask
from flask_cart import CartConfigError, FlaskCart
app = Flask(__name__)
app.config["CART_STORAGE"] = "{storage}"
try:
    FlaskCart(app)
except CartConfigError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert f"'{extra}'" in result.stdout


WITHOUT_FILELOCK = {
    "cache": "CART_STORAGE='cache', CACHE_TYPE='FileSystemCache', CACHE_DIR='cache'",
    "session": "SESSION_TYPE='cachelib', SESSION_CACHELIB=FileSystemCache('cache')",
}


@pytest.mark.parametrize("extra", WITHOUT_FILELOCK)
def test_missing_lock_is_named(extra: str, tmp_path: Path) -> None:
    """Who has installed the extension for caches or sessions alone is told so, too."""
    code = f"""
import sys
sys.modules["filelock"] = None
from cachelib import FileSystemCache
from flask import Flask
from flask_caching import Cache
from flask_session import Session
from flask_cart import CartConfigError, FlaskCart
app = Flask(__name__)
app.config.update(SECRET_KEY="test", TESTING=True, {WITHOUT_FILELOCK[extra]})
Session(app) if "SESSION_TYPE" in app.config else Cache(app)
try:
    cart_ext = FlaskCart(app)
    with app.app_context():
        cart_ext.cart(owner="user:1").add("mug", price=1)
except CartConfigError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    assert f"'Flask-Cart[{extra}]'" in result.stdout
