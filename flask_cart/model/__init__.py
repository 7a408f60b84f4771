"""Values: what a cart is, without any I/O.

Start at `document`, then `operations`: each turns a document into another one.
Knows no storage, no clock, no chance, no database and no web framework.
"""
