"""Slackwater, a small harbour store: the demo of Flask-Cart.

Start it with ``python -m flask --app demo_shop run``. It is laid out as Flask apps are:

* ``settings`` and ``extensions``: the configuration, and what is bound to the app;
* ``models``: the tables, and ``seed`` with ``catalogue.toml``: what a new one is filled
  with;
* ``forms``: what shoppers type in;
* ``places``: where baskets are, as each visitor chooses;
* ``languages``, with the catalogues in ``translations``: how it says that;
* ``services``: what the shop does, and the rules it gives Flask-Cart;
* ``sandbox_pay``: a payment provider, which a real shop would not have inside;
* ``views``: its pages, whose templates are in ``templates/``.
"""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from . import fingerprints
from . import languages
from . import places
from . import sandbox_pay
from . import settings
from .entrance import refuse_unreadable
from .extensions import cache
from .extensions import cart_ext
from .extensions import csrf
from .extensions import db
from .extensions import limiter
from .extensions import server_sessions
from .headers import add_headers
from .seed import prepare_database
from .services import accounts
from .services import activity
from .services import assistants as assistants_at_work
from .services import sharing as shared_baskets
from .services import tracing
from .services import words  # noqa: F401 - it tells the extension what to say
from .views import account
from .views import activity as activity_page
from .views import assistants
from .views import basket
from .views import catalogue
from .views import checkout
from .views import errors
from .views import express
from .views import languages as languages_page
from .views import orders
from .views import panel
from .views import payments
from .views import places as places_to_choose
from .views import prices
from .views import race
from .views import racers
from .views import search
from .views import sharing
from .views import two_windows


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the shop.

    :param config: Settings that win over the defaults and the environment.
    """
    app = _make_app(config or {})

    def make(place: str) -> Flask:
        """Make the same shop with its baskets in another place."""
        cookie = f"{app.config['SESSION_COOKIE_NAME']}_{place}"

        return _make_app(
            {
                **(config or {}),
                "DEMO_SHOP_STORAGE": place,
                "SECRET_KEY": app.config["SECRET_KEY"],
                "SESSION_COOKIE_NAME": cookie,
            }
        )

    places.init_app(app, places.Places(app, make))

    return app


def _make_app(config: Mapping[str, Any]) -> Flask:
    app = Flask(
        __name__,
        instance_path=str(settings.INSTANCE),
        template_folder=str(settings.ROOT / "templates"),
        static_folder=str(settings.ROOT / "static"),
    )
    app.config.from_mapping(settings.defaults())
    app.config.from_mapping(config)

    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = settings.secret_key()

    app.config.from_mapping(settings.storage(app.config))
    db.init_app(app)
    tracing.init_app(app)

    if "SESSION_TYPE" in app.config:
        server_sessions.init_app(app)

    if "CACHE_TYPE" in app.config:
        cache.init_app(app)

    languages.init_app(app)
    cart_ext.init_app(app, db=db)
    limiter.init_app(app)
    csrf.init_app(app)
    # It is Sandbox Pay that calls, and no browser.
    csrf.exempt(payments.hear)
    accounts.init_app(app)
    activity.init_app(app)
    assistants_at_work.init_app(app)
    shared_baskets.init_app(app)

    app.register_blueprint(catalogue.bp)
    app.register_blueprint(basket.bp, url_prefix="/basket")
    app.register_blueprint(sharing.bp)
    app.register_blueprint(cart_ext.permalinks, url_prefix="/buy")
    app.register_blueprint(assistants.bp)
    app.register_blueprint(checkout.bp)
    app.register_blueprint(express.bp)
    app.register_blueprint(orders.bp)
    app.register_blueprint(payments.bp)
    app.register_blueprint(sandbox_pay.bp)
    app.register_blueprint(search.bp)
    app.register_blueprint(account.bp)
    app.register_blueprint(activity_page.bp)
    app.register_blueprint(panel.bp)
    app.register_blueprint(places_to_choose.bp)
    app.register_blueprint(prices.bp)
    app.register_blueprint(languages_page.bp)
    app.register_blueprint(race.bp)
    app.register_blueprint(racers.bp)
    app.register_blueprint(two_windows.bp)
    errors.init_app(app)
    fingerprints.init_app(app)
    app.before_request(refuse_unreadable)
    app.after_request(add_headers)

    with app.app_context():
        prepare_database()

    return app
