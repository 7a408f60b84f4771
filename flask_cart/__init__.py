"""The shopping cart for Flask."""

from .cart import Cart
from .checkout import OrderDraft
from .conditions import Condition
from .current import current_cart
from .errors import CartBusyError
from .errors import CartConfigError
from .errors import CartConfigWarning
from .errors import CartConflictError
from .errors import CartCorruptError
from .errors import CartEmptyError
from .errors import CartError
from .errors import CartKeyReusedError
from .errors import CartLimitError
from .errors import CartLockTimeoutError
from .errors import CartQuantityError
from .errors import CartReplayedError
from .errors import CartStockError
from .errors import CartStorageError
from .errors import CartTooLargeError
from .errors import CartVetoError
from .errors import InvalidConditionError
from .errors import InvalidItemError
from .extension import FlaskCart
from .facts import Facts
from .items import Buyable
from .items import Line
from .merging import MergeReport
from .repricing import Drift
from .repricing import LineDrift
from .rules import Rule
from .rules import all_of
from .rules import any_of
from .rules import not_
from .rules import rule
from .shipping import ShippingMethod
from .shipping import ShippingOption
from .totals import Adjustment
from .totals import LineTotals
from .totals import Tax
from .totals import Totals

__all__ = [
    "Adjustment",
    "Buyable",
    "Cart",
    "CartBusyError",
    "CartConfigError",
    "CartConfigWarning",
    "CartConflictError",
    "CartCorruptError",
    "CartEmptyError",
    "CartError",
    "CartKeyReusedError",
    "CartLimitError",
    "CartLockTimeoutError",
    "CartQuantityError",
    "CartReplayedError",
    "CartStockError",
    "CartStorageError",
    "CartTooLargeError",
    "CartVetoError",
    "Condition",
    "Drift",
    "Facts",
    "FlaskCart",
    "InvalidConditionError",
    "InvalidItemError",
    "Line",
    "LineDrift",
    "LineTotals",
    "MergeReport",
    "OrderDraft",
    "Rule",
    "ShippingMethod",
    "ShippingOption",
    "Tax",
    "Totals",
    "all_of",
    "any_of",
    "current_cart",
    "not_",
    "rule",
]
