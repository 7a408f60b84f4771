"""SQL: carts in a table of the app's database.

Start at `database`.
Knows no cart, no signal and no request, and commits nothing of the app's.
"""
