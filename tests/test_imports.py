"""Which module may import which, and what importing the package costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
    assert "3 kept, 0 broken" in result.stdout


def test_extras_are_not_imported() -> None:
    """Importing the package imports nothing that an extra brings."""
    extras = "sqlalchemy flask_sqlalchemy flask_session flask_caching redis"
    code = (
        "import sys, flask_cart;"
        f"print([name for name in {extras.split()} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


def test_missing_extra_is_named() -> None:
    """Without Flask-SQLAlchemy, the error says what to install."""
    code = """
import sys
sys.modules["flask_sqlalchemy"] = None
from flask import Flask
from flask_cart import CartConfigError, FlaskCart
app = Flask(__name__)
app.config["CART_STORAGE"] = "database"
try:
    FlaskCart(app)
except CartConfigError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "pip install 'Flask-Cart[database]'" in result.stdout
