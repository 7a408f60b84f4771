"""The shopping cart for Flask."""

from .app.current import current_cart
from .carts.adding import AddReport
from .carts.cart import Cart
from .carts.drafts import OrderDraft
from .carts.merging import MergeReport
from .carts.repricing import Drift
from .carts.repricing import LineDrift
from .extension import FlaskCart
from .model.conditions import Condition
from .model.errors import CartBusyError
from .model.errors import CartConfigError
from .model.errors import CartConfigWarning
from .model.errors import CartConflictError
from .model.errors import CartCorruptError
from .model.errors import CartEmptyError
from .model.errors import CartError
from .model.errors import CartKeyReusedError
from .model.errors import CartLimitError
from .model.errors import CartLockTimeoutError
from .model.errors import CartOrderUnknownError
from .model.errors import CartQuantityError
from .model.errors import CartReplayedError
from .model.errors import CartStockError
from .model.errors import CartStorageError
from .model.errors import CartTooLargeError
from .model.errors import CartVetoError
from .model.errors import InvalidConditionError
from .model.errors import InvalidItemError
from .model.lines import Line
from .model.products import Buyable
from .model.rules import Rule
from .model.rules import all_of
from .model.rules import among
from .model.rules import any_of
from .model.rules import not_
from .model.rules import rule
from .pricing.facts import Facts
from .pricing.shipping import ShippingMethod
from .pricing.shipping import ShippingOption
from .pricing.taxes import Tax
from .pricing.totals import Adjustment
from .pricing.totals import LineTotals
from .pricing.totals import Totals

__all__ = [
    "AddReport",
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
    "CartOrderUnknownError",
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
    "among",
    "any_of",
    "current_cart",
    "not_",
    "rule",
]
