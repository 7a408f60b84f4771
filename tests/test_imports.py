"""Which module may import which, and what importing the package costs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


def lint(project: Path) -> str:
    """What the import rules of the project say of the package in a folder."""
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=project,
        capture_output=True,
        text=True,
    )

    assert result.returncode in (0, 1), result.stderr

    return result.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project, as far as the import rules look at it."""
    ignored = shutil.ignore_patterns("__pycache__", "static", "templates")
    shutil.copytree(PROJECT / "flask_cart", tmp_path / "flask_cart", ignore=ignored)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)

    return tmp_path


def test_layers() -> None:
    """Imports go down the house, in no circles, and no Flask is below the app."""
    assert "4 kept, 0 broken" in lint(PROJECT)


DOWN, CIRCLES, NO_FLASK, NO_CHANCE = (
    "Imports go down the house BROKEN",
    "No circles inside a folder BROKEN",
    "Below the app nobody knows Flask BROKEN",
    "Values and prices know no database, no clock and no chance BROKEN",
)

#: What is added to which module, and the rule that has to notice.
WRONG = {
    "up": ("model/keys.py", "from ..carts.cart import Cart", DOWN),
    "up, in a function": (
        "pricing/totals.py",
        "def open_cart():\n    from ..carts.cart import Cart",
        DOWN,
    ),
    "up, for a type": (
        "storage/base.py",
        "if t.TYPE_CHECKING:\n    from ..carts.cart import Cart",
        DOWN,
    ),
    "aside": ("http/views.py", "from ..cli import cart_cli", DOWN),
    "to another binding": ("ucp/sessions.py", "from ..http.views import show", DOWN),
    "from the kit": ("extension.py", "from .testing import interleave", DOWN),
    "circle": ("model/errors.py", "from .document import Document", CIRCLES),
    "circle, for a type": (
        "storage/sql/table.py",
        "if t.TYPE_CHECKING:\n    from .database import DatabaseStorage",
        CIRCLES,
    ),
    "Flask": ("carts/cart.py", "from flask import g", NO_FLASK),
    "chance": ("model/values.py", "import random", NO_CHANCE),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_imports(case: str, copy: Path) -> None:
    """An import that is against a rule is found, also one for types alone."""
    module, source, broken = WRONG[case]

    with (copy / "flask_cart" / module).open("a") as file:
        file.write(f"\n\n{source}\n")

    assert broken in lint(copy)


def test_new_folder(copy: Path) -> None:
    """A folder that is in no layer is found."""
    (copy / "flask_cart" / "attic").mkdir()
    (copy / "flask_cart" / "attic" / "__init__.py").touch()

    assert DOWN in lint(copy)


def test_extras_are_not_imported() -> None:
    """Importing the package imports nothing that an extra or another app brings."""
    extras = (
        "sqlalchemy flask_sqlalchemy flask_session flask_caching cachelib redis"
        " filelock memcache pylibmc pymemcache prometheus_client opentelemetry pytest"
        " http_message_signatures cryptography"
        " flask_babel babel.messages"
        # Only the app that wants it imports it.
        " flask_cart.ucp"
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
    ("database", "sqlalchemy", "Flask-Cart[database]"),
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
