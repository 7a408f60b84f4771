"""The kit that other people's storages and shops are tested with.

Start at `suite`, which every storage has to pass.
Knows everything below it; nothing but tests knows it.
"""

try:
    import pytest as pytest
except ImportError as error:
    raise ImportError(
        "flask_cart.testing needs pytest: pip install 'Flask-Cart[testing]'"
    ) from error

from .interleaving import InterleavingError
from .interleaving import interleave
from .stepping import Step
from .suite import StorageSuite

__all__ = [
    "InterleavingError",
    "Step",
    "StorageSuite",
    "interleave",
]
