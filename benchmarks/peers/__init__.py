"""Compares whole requests under gunicorn: our cart, and what else a shop would use.

Start at `shops`, which says who is compared. What begins with `on_` is served, each
shop alone in a process, and imports nothing that the shop is not made of.
"""
