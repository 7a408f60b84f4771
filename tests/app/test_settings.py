"""What the configuration leads to. What it must not contain is in test_bad_input."""

from __future__ import annotations

import pytest

from flask_cart.app.settings import Settings
from flask_cart.app.settings import read_settings
from flask_cart.carts.repository import Retry
from flask_cart.model.limits import Limits

EVENTS = ["item_added", "item_removed"]

VALUES = {
    "CART_STORAGE": ("memory", "memory"),
    "CART_CURRENCY": ("JPY", "JPY"),
    "CART_LOCALE": ("de", "de"),
    "CART_ROUNDING": ("half_even", "half_even"),
    "CART_ROUND_AT": ("total", "total"),
    "CART_TIMEZONE": ("Europe/Berlin", "Europe/Berlin"),
    "CART_GUEST_LIFETIME": (600, 600),
    "CART_DATABASE_TABLE": ("baskets", "baskets"),
    "CART_DATABASE_BIND_KEY": ("shop", "shop"),
    "CART_DATABASE_LOCK_FOR_UPDATE": (True, True),
    "CART_CACHE_PREFIX": ("basket", "basket"),
    "CART_CACHE_TTL": (60, 60),
    "CART_CACHE_LOCKING": (True, True),
    "CART_SESSION_LOCKING": (True, True),
    "CART_LOCK_TIMEOUT": (0.25, 0.25),
    "CART_LOCK_LEASE": (2, 2.0),
    "CART_INSTANCES": (["wishlist"], frozenset({"wishlist"})),
    "CART_CLIENT_METADATA": (["note"], frozenset({"note"})),
    "CART_CHECKOUT_URL": ("/checkout", "/checkout"),
    "CART_MAX_COUPONS": (1, 1),
    "CART_RATE_LIMITS": ({"add": "9 per hour"}, {"add": "9 per hour"}),
    "CART_TRUSTED_ORIGINS": (["https://a.example"], frozenset({"https://a.example"})),
    "CART_EVENTS_ENABLED": (False, False),
    "CART_EVENTS_DISABLED": (["item_added"], frozenset({"item_added"})),
    "CART_MIGRATE_ON_LOGIN": (False, False),
    "CART_MERGE_STRATEGY": ("keep_user_cart", "keep_user_cart"),
    "CART_ABANDONED_AFTER_DAYS": (30, 30),
    "CART_MAX_ITEMS": (5, 5),
    "CART_MAX_DATA_BYTES": (5, 5),
    "CART_MAX_QUANTITY": (2**31 - 1, 2**31 - 1),
    "CART_MAX_STRING_LENGTH": (5, 5),
    "CART_JSON_ONLY": (True, True),
    "CART_STOCK_IGNORED": (["wishlist"], frozenset({"wishlist"})),
    "CART_RETRY_ATTEMPTS": (0, 0),
    "CART_RETRY_BASE_DELAY": (0, 0.0),
    "CART_RETRY_MAX_DELAY": (1.5, 1.5),
}


def test_all_keys_are_here() -> None:
    """No key is left out."""
    assert set(VALUES) == {
        f"CART_{name.upper()}" for name in Settings.__struct_fields__
    }


@pytest.mark.parametrize("key", VALUES)
def test_each_key_is_read(key: str) -> None:
    """Each key is one field, and the others keep their defaults."""
    given, expected = VALUES[key]
    settings = read_settings({key: given, "SECRET_KEY": "x"}, EVENTS)
    field = key.removeprefix("CART_").lower()
    defaults = Settings()

    assert getattr(settings, field) == expected != getattr(defaults, field)
    assert {
        name
        for name in Settings.__struct_fields__
        if getattr(settings, name) != getattr(defaults, name)
    } == {field}


def test_nothing_given() -> None:
    """Without configuration there are defaults for all."""
    assert read_settings({}, EVENTS) == Settings()


def test_documented_defaults() -> None:
    """Who configures nothing has carts in the session, waits for five seconds, and
    locks only what does not stop changing."""
    settings = Settings()

    assert settings.storage == "session"
    assert (settings.lock_timeout, settings.lock_lease) == (5, 10)
    assert (settings.cache_prefix, settings.cache_ttl) == ("cart", 86_400)
    assert not settings.cache_locking
    assert not settings.session_locking
    assert not settings.database_lock_for_update


def test_configuration_is_not_changed() -> None:
    """The app's own configuration stays as it is."""
    config = {"CART_EVENTS_DISABLED": ["item_added"], "DEBUG": True}
    read_settings(config, EVENTS)

    assert config == {"CART_EVENTS_DISABLED": ["item_added"], "DEBUG": True}


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_disabled_events_may_be_any_collection(kind: type) -> None:
    """Names come as a set in Python and as a list from the environment."""
    settings = read_settings({"CART_EVENTS_DISABLED": kind(EVENTS)}, EVENTS)

    assert settings.events_disabled == frozenset(EVENTS)


def test_storage_may_be_an_object() -> None:
    """A storage is kept as it is."""
    storage = object()

    assert read_settings({"CART_STORAGE": storage}, EVENTS).storage is storage


def test_limits_and_retry() -> None:
    """Limits and retries have the values that were given for them."""
    settings = read_settings(
        {
            "CART_MAX_ITEMS": 1,
            "CART_MAX_QUANTITY": 2,
            "CART_MAX_DATA_BYTES": 3,
            "CART_MAX_STRING_LENGTH": 4,
            "CART_RETRY_ATTEMPTS": 5,
            "CART_RETRY_BASE_DELAY": 0.5,
            "CART_RETRY_MAX_DELAY": 0.75,
        },
        EVENTS,
    )

    assert settings.limits == Limits(items=1, quantity=2, data_bytes=3, string_length=4)
    assert settings.retry == Retry(attempts=5, base_delay=0.5, max_delay=0.75)


def test_defaults_are_those_of_the_parts() -> None:
    """Carts without configuration have the limits that the parts name."""
    assert Settings().limits == Limits()
    assert Settings().retry == Retry()
