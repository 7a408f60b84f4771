"""The shop's configuration, from the environment or made up once and kept."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from cachelib import FileSystemCache

from .languages import sentences

ROOT = Path(__file__).resolve().parent.parent
INSTANCE = ROOT / "instance"
LIFETIME = timedelta(days=90)

#: Where baskets are, at the end of a sentence of the footer.
PLACES = sentences(
    {
        "database": "in the database of the shop",
        "session": "beside the sessions, in files",
        "cache": "in a cache of files",
        "redis": "in a cache in Redis, with a lock for each",
    }
)


def defaults() -> dict[str, object]:
    """The settings that a caller of `create_app` may override."""
    return {
        "DEMO_SHOP_STORAGE": os.environ.get("DEMO_SHOP_STORAGE", "database"),
        "DEMO_SHOP_REDIS_URL": os.environ.get("DEMO_SHOP_REDIS_URL", ""),
        #: Where sessions and baskets are, if they are in files.
        "DEMO_SHOP_FOLDER": INSTANCE,
        "CART_CURRENCY": "EUR",
        "CART_INSTANCES": {"wishlist", "later"},
        # Nobody has to hurry for a wish, and one may wait for more pieces.
        "CART_STOCK_IGNORED": {"wishlist", "later"},
        "CART_CLIENT_METADATA": {"note"},
        "CART_MAX_COUPONS": 1,
        # Nobody types so many codes.
        "CART_RATE_LIMITS": {"add_coupon": "30 per minute"},
        "SQLALCHEMY_DATABASE_URI": os.environ.get(
            "DEMO_SHOP_DATABASE_URI", "sqlite:///shop.sqlite3"
        ),
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": LIFETIME,
        # Without this, a slow page sends its older copy of the session back and
        # undoes what a faster one wrote.
        "SESSION_REFRESH_EACH_REQUEST": False,
        # A form stays good for as long as the session does.
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_CONTENT_LENGTH": 64 * 1024,
        # At an address without their fingerprint. With it, a year.
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(minutes=1),
    }


def storage(config: Mapping[str, Any]) -> dict[str, object]:
    """What a storage of the baskets needs, and that of what is counted.

    :param config: Names it as ``DEMO_SHOP_STORAGE``.
    :raises ValueError: If there is no such storage.
    """
    folder, url = Path(config["DEMO_SHOP_FOLDER"]), config["DEMO_SHOP_REDIS_URL"]
    # Each worker counts for itself where they share no memory.
    counted = {"RATELIMIT_STORAGE_URI": url or "memory://"}

    return counted | _storage(config["DEMO_SHOP_STORAGE"], folder, url)


def _storage(name: str, folder: Path, url: str) -> dict[str, object]:
    match name:
        case "database":
            return _kept("database", CART_STORAGE="database")
        case "session":
            return _kept(
                "session",
                CART_STORAGE="session",
                SESSION_TYPE="cachelib",
                SESSION_CACHELIB=FileSystemCache(str(folder / "sessions"), 0),
            )
        case "cache" if url:
            return _kept(
                "redis",
                CART_STORAGE="cache",
                CART_CACHE_TTL=LIFETIME // timedelta(seconds=1),
                CART_CACHE_LOCKING=True,
                CACHE_TYPE="RedisCache",
                CACHE_REDIS_URL=url,
            )
        case "cache":
            return _kept(
                "cache",
                CART_STORAGE="cache",
                CART_CACHE_TTL=LIFETIME // timedelta(seconds=1),
                CACHE_TYPE="FileSystemCache",
                CACHE_DIR=str(folder / "baskets"),
                CACHE_THRESHOLD=0,
            )
        case _:
            raise ValueError(
                "DEMO_SHOP_STORAGE must be 'database', 'session' or 'cache', not"
                f" {name!r}."
            )


def _kept(place: str, **config: object) -> dict[str, object]:
    return {"DEMO_SHOP_PLACE": PLACES[place], **config}


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
