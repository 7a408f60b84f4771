"""The configuration of the documentation."""

import importlib.metadata

project = "Flask-Cart"
copyright = "The Flask-Cart developers"
author = "The Flask-Cart developers"
version = release = importlib.metadata.version("Flask-Cart")
language = "en_GB"

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build", "ways"]
# What is in single backticks in a docstring is code.
default_role = "code"
pygments_style = "tango"
pygments_dark_style = "monokai"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"Flask-Cart {release}"
html_copy_source = False
html_show_sourcelink = False
# The pages use no fonts, scripts or pictures of other sites.
html_theme_options = {"navigation_with_keys": True}
