"""The shop that gunicorn serves to the tests, configured by its environment."""

from __future__ import annotations

import json
import os

import redis
from flask import Flask
from flask_caching import Cache
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

from tests.support.apps import make_app
from tests.support.storefronts import make_storefront


def create_app() -> Flask:
    app = make_app(**json.loads(os.environ["SHOP_CONFIG"]))

    if app.config["CART_STORAGE"] == "cache":
        make_storefront(app, cache=Cache(app))
    elif app.config["CART_STORAGE"] == "session":
        app.config["SESSION_REDIS"] = redis.Redis.from_url(os.environ["REDIS_URL"])
        Session(app)
        make_storefront(app)
    else:
        db = SQLAlchemy(app)
        make_storefront(app, db=db)

    return app
