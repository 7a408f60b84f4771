"""The table that carts are in."""

from __future__ import annotations

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects import mysql

from ...model.errors import CartConfigError


def define_table(db: SQLAlchemy, name: str, bind_key: str | None) -> sa.Table:
    """The table of the carts in the app's metadata, where migrations see it.

    :raises CartConfigError: If the app has another table of this name.
    """
    metadata = db.metadatas.get(bind_key, sa.MetaData())
    key = f"{metadata.schema}.{name}" if metadata.schema else name
    existing = metadata.tables.get(key)

    if existing is not None:
        if not {"owner", "instance", "version", "data"} <= set(existing.columns.keys()):
            raise CartConfigError(
                f"The app has a table {name!r} that is not for carts. Set"
                " CART_DATABASE_TABLE to another name."
            )

        return existing

    def text(length: int) -> sa.types.TypeEngine[str]:
        # The usual collations of MySQL and MariaDB take 'user:Bob' for 'user:bob'.
        exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")

        return sa.String(length).with_variant(exact, "mysql", "mariadb")

    # The TEXT of MySQL and MariaDB ends at 64 KiB.
    data = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

    # Their DATETIME ends at seconds.
    moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

    return db.Table(
        name,
        sa.Column("owner", text(255), primary_key=True),
        sa.Column("instance", text(64), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("data", data, nullable=False),
        sa.Column("updated_at", moment, nullable=False, index=True),
        bind_key=bind_key,
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
    )
