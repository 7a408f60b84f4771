"""Compares whole requests: our cart, and one that is written by hand for the same view.

Start at `operations`; `shops` has the views, which are the same for both.
"""
