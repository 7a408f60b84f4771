"""Tests for storages, and for apps whose requests come at the same time."""

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
