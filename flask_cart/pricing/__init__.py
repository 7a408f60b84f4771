"""Pricing: from a document to its totals.

Start at `calculation`; `rulebook` has what an app registers, `evaluation` asks it.
Knows no storage, no clock of its own, and no web framework.
"""
