"""Counts what is lost when many write to one cart, on every storage and without one."""
