"""Backends: from CART_STORAGE to a storage, and what an app is warned of.

Start at `factory`.
Knows no cart and no request but the session that carts are kept in.
"""
