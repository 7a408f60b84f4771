"""The table of the carts in partitions, made as docs/sizing.rst says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.shops import Shop

_migration = re.compile(r":caption: in the migration\n\n((?:    .*\n|\n)+)")

PAGE = Path(__file__).parents[2] / "docs" / "sizing.rst"


def make_partitions(shop: Shop) -> None:
    """Make the table with the command, and its partitions with the page's SQL."""
    shop.storage.table.dialect_options["postgresql"]["partition_by"] = "HASH (owner)"
    made = shop.app.test_cli_runner().invoke(args=["cart", "init-db"])
    assert made.output == "Created the table 'carts'.\n"
    (block,) = _migration.findall(PAGE.read_text())

    with shop.outside() as connection:
        # Without parameters, no percent sign is one.
        connection.exec_driver_sql(block, execution_options={"no_parameters": True})
