"""Histories of what clients did with carts, and a checker that finds what was lost.

Start at `checking`, which walks the versions of every cart; `clients` make histories.
Knows the storage contract, and of carts only what a shopper sees: lines and quantities.
"""
