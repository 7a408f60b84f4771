"""The commands of `flask cart`.

Start at `browsing`; `shop` has what all commands ask for.
Knows no request and no shopper.
"""

from . import browsing
from . import examining
from . import exchange
from . import pruning
from . import reminding
from . import stats
from .group import cart_cli

__all__ = [
    "browsing",
    "cart_cli",
    "examining",
    "exchange",
    "pruning",
    "reminding",
    "stats",
]
