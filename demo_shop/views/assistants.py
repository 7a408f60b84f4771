"""Assistants: programs that fill a basket for somebody, and then hand it over."""

from flask import Blueprint

from flask_cart.ucp import ucp_blueprint

from ..extensions import csrf

bp: Blueprint = ucp_blueprint()

# They have no cookies that another site could misuse.
csrf.exempt(bp)
