"""Storages keep carts: text and a version under a key, and nothing else.

A storage knows no cart, no signal and no request. Each one is a module of its own,
so that none is imported before an app asks for it.
"""
