"""What every shop sells."""

from __future__ import annotations

import typing as t
from decimal import Decimal

#: The products by their ids.
NAMES: t.Final = {number: f"Product {number}" for number in range(1, 21)}

#: Of each.
PRICE: t.Final = Decimal("12.50")
