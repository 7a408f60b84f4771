"""Use cases: what can be done with a cart.

Start at `cart`, the facade, then `repository`, the one write path.
Knows no web framework: who asks, and what time it is, is handed in.
"""
