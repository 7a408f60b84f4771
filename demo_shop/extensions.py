"""The extensions, made once and bound to an application by :func:`create_app`."""

from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy.orm import DeclarativeBase

from flask_cart import FlaskCart


class Base(DeclarativeBase):
    """The base class of the models."""


# Sharing the metadata instead of the class lets type checkers see plain SQLAlchemy
# models, while `db.session`, `db.create_all` and `flask db` work as ever.
db = SQLAlchemy(metadata=Base.metadata)
cart_ext = FlaskCart()
csrf = CSRFProtect()
