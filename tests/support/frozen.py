"""Imported last by the process that others are forked from: none of them looks for
garbage among what it was given, which would copy all of that, again and again."""

from __future__ import annotations

import gc

gc.collect()
gc.freeze()
