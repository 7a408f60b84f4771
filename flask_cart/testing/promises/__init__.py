"""The tests of the suite, by what they are about."""

import pkgutil

import pytest

# Before any of them is imported, so that a test that fails shows what it compared.
pytest.register_assert_rewrite(
    *(module.name for module in pkgutil.iter_modules(__path__, f"{__name__}."))
)
