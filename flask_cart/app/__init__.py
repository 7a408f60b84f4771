"""The cart inside a Flask app: configuration, whose cart it is, and what it says.

Start at `current`, the carts of a request.
Knows no route, no page and no command.
"""
