"""The shopping cart for Flask."""

from .cart import Cart
from .checkout import OrderDraft
from .conditions import Condition
from .errors import CartBusyError
from .errors import CartConfigError
from .errors import CartConfigWarning
from .errors import CartConflictError
from .errors import CartCorruptError
from .errors import CartEmptyError
from .errors import CartError
from .errors import CartLimitError
from .errors import CartLockTimeoutError
from .errors import CartStorageError
from .errors import CartTooLargeError
from .errors import CartVetoError
from .errors import InvalidConditionError
from .errors import InvalidItemError
from .extension import FlaskCart
from .extension import current_cart
from .items import Buyable
from .items import Line
from .pricing import Adjustment
from .pricing import LineTotals
from .pricing import Totals

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
    "CartLimitError",
    "CartLockTimeoutError",
    "CartStorageError",
    "CartTooLargeError",
    "CartVetoError",
    "Condition",
    "FlaskCart",
    "InvalidConditionError",
    "InvalidItemError",
    "Line",
    "LineTotals",
    "OrderDraft",
    "Totals",
    "current_cart",
]
