"""The shops on Django, with settings as they are in production.

``SHOP`` names one. ``python -m benchmarks.peers.on_django`` makes its tables and fills
them.
"""

from __future__ import annotations

import os
import typing as t
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

Settings = dict[str, t.Any]

#: What a new project of Django has.
MIDDLEWARE: t.Final = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPS: t.Final = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
PROCESSORS: t.Final = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]


class WithoutMigrations:
    """Tables are made from the models, as there is nothing to migrate from."""

    def __contains__(self, app: str) -> bool:
        return True

    def __getitem__(self, app: str) -> None:
        return None


class Pictures:
    """Where Oscar's pictures are. None is scaled, which is to its advantage."""

    url = "/media/picture.jpg"

    def generate_thumbnail(self, source: object, **options: object) -> t.Any:
        return self


def create_app() -> t.Any:
    """The shop that the environment names."""
    set_up()

    return get_wsgi_application()


def set_up() -> None:
    """Configure Django for it."""
    shop = {"oscar": oscar, "dj-shop-cart": dj_shop_cart}[os.environ["SHOP"]]
    common: Settings = {
        "SECRET_KEY": "benchmark",
        "DEBUG": False,
        "ALLOWED_HOSTS": ["127.0.0.1"],
        "DATABASES": {"default": _database(os.environ["DATABASE_URL"])},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "MIGRATION_MODULES": WithoutMigrations(),
        "STATIC_URL": "/static/",
        "USE_TZ": True,
    }
    settings.configure(**common, **shop())
    django.setup()


def oscar() -> Settings:
    """As the manual of Oscar says; nothing is searched for, or sent."""
    from oscar import INSTALLED_APPS
    from oscar import defaults

    processors = [
        *PROCESSORS,
        "oscar.apps.search.context_processors.search_form",
        "oscar.apps.checkout.context_processors.checkout",
        "oscar.apps.communication.notifications.context_processors.notifications",
        "oscar.core.context_processors.metadata",
    ]
    names = [name for name in dir(defaults) if name.startswith("OSCAR_")]

    return {
        **{name: getattr(defaults, name) for name in names},
        "ROOT_URLCONF": "benchmarks.peers.on_oscar",
        # The pictures are what it would be for.
        "INSTALLED_APPS": [name for name in INSTALLED_APPS if "sorl" not in name],
        "MIDDLEWARE": [
            *MIDDLEWARE,
            "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
            "oscar.apps.basket.middleware.BasketMiddleware",
        ],
        "TEMPLATES": _templates(processors),
        "AUTHENTICATION_BACKENDS": [
            "oscar.apps.customer.auth_backends.EmailBackend",
            "django.contrib.auth.backends.ModelBackend",
        ],
        "HAYSTACK_CONNECTIONS": {
            "default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}
        },
        "SITE_ID": 1,
        "OSCAR_THUMBNAILER": f"{__name__}.Pictures",
        # In a row, nobody waits between two of their adds.
        "OSCAR_MAX_BASKET_QUANTITY_THRESHOLD": 2**31 - 1,
    }


def dj_shop_cart() -> Settings:
    """As its manual says: the cart of a guest is in the session."""
    return {
        "ROOT_URLCONF": "benchmarks.peers.on_dj_shop_cart",
        "INSTALLED_APPS": [*APPS, "dj_shop_cart"],
        "MIDDLEWARE": MIDDLEWARE,
        "TEMPLATES": _templates(PROCESSORS),
        "CART_STORAGE_BACKEND": "dj_shop_cart.storages.DBStorage",
    }


def _templates(processors: list[str]) -> list[Settings]:
    # While DEBUG is off, they are compiled once.
    return [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [Path(__file__).parent / "templates"],
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": processors},
        }
    ]


def _database(url: str) -> Settings:
    """What Django calls the database of an URL; connections are kept."""
    found = urlsplit(url)
    # Oscar's manual wants a transaction around each request.
    kept: Settings = {"CONN_MAX_AGE": None, "ATOMIC_REQUESTS": True}

    return kept | {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": found.path[1:],
        "USER": found.username,
        "HOST": parse_qs(found.query)["host"][0],
    }


if __name__ == "__main__":
    set_up()
    call_command("migrate", run_syncdb=True, verbosity=0)
    import_module(settings.ROOT_URLCONF).fill()
