"""HTTP: the cart as pages with forms and as JSON, from the same views.

Start at `routes`, then `views`.
Knows no storage, and no price that a client has sent.
"""
