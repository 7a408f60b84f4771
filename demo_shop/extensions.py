"""The extensions, made once and bound to an application by :func:`create_app`."""

from flask_babel import Babel
from flask_caching import Cache
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy.orm import DeclarativeBase

from flask_cart import FlaskCart


class Base(DeclarativeBase):
    """The base class of the models."""


# Sharing the metadata instead of the class lets type checkers see plain SQLAlchemy
# models, while `db.session`, `db.create_all` and `flask db` work as ever.
db = SQLAlchemy(metadata=Base.metadata)
#: Only for baskets in sessions on the server, and for those in a cache.
server_sessions = Session()
cache = Cache()
babel = Babel()
cart_ext = FlaskCart()
csrf = CSRFProtect()
limiter = Limiter(get_remote_address)
