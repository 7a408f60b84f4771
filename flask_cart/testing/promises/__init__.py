"""The promises: the tests of the suite, by what they are about.

Start at `keeping`; `suite` puts them together.
Knows no storage of ours, and nothing of a cart but its key.
"""

import pkgutil

import pytest

# Before any of them is imported, so that a test that fails shows what it compared.
pytest.register_assert_rewrite(
    *(module.name for module in pkgutil.iter_modules(__path__, f"{__name__}."))
)
