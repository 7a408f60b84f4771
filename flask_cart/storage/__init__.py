"""Storages: text and a version under a key, and nothing else.

Start at `base`, the contract, and `memory`, the shortest storage.
Knows no cart, no price, no signal and no request.
"""

from ..model.keys import CartKey
from .base import Annotation
from .base import Change
from .base import Changes
from .base import Guarantee
from .base import Held
from .base import Kept
from .base import Storage
from .base import Stored
from .base import Transaction
from .base import deletes_nothing
from .memory import MemoryStorage

__all__ = [
    "Annotation",
    "CartKey",
    "Change",
    "Changes",
    "Guarantee",
    "Held",
    "Kept",
    "MemoryStorage",
    "Storage",
    "Stored",
    "Transaction",
    "deletes_nothing",
]
