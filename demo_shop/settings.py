"""The shop's configuration, from the environment or made up once and kept."""

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTANCE = ROOT / "instance"


def defaults() -> dict[str, object]:
    """The settings that a caller of `create_app` may override."""
    return {
        "CART_STORAGE": "database",
        "CART_CURRENCY": "EUR",
        "SQLALCHEMY_DATABASE_URI": os.environ.get(
            "DEMO_SHOP_DATABASE_URI", "sqlite:///shop.sqlite3"
        ),
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=90),
        # Without this, a slow page sends its older copy of the session back and
        # undoes what a faster one wrote.
        "SESSION_REFRESH_EACH_REQUEST": False,
        # A form stays good for as long as the session does.
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_CONTENT_LENGTH": 64 * 1024,
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(hours=1),
    }


def secret_key() -> str:
    """Take the key from the environment, or make one and keep it for next time."""
    if key := os.environ.get("DEMO_SHOP_SECRET_KEY"):
        return key

    path = INSTANCE / "secret_key"

    if not path.exists():
        _write_once(path, secrets.token_hex(32))

    return path.read_text()


def _write_once(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(text)

    # A link appears whole or not at all, so two workers agree on the first one's key.
    with suppress(FileExistsError):
        path.hardlink_to(draft)

    draft.unlink()
