"""Key-value stores: all carts of an owner under one key.

Start at `records`; `redis` is a hash and a script instead.
Knows no cart, no signal, no request, and not who configured the client.
"""
