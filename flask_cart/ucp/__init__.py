"""The Universal Commerce Protocol: assistants fill a cart, and hand it to a shopper.

Start at `blueprint`, then `sessions`.
Knows no page, no cookie and no price that an assistant has sent.
"""

from .blueprint import current_assistant
from .blueprint import ucp_blueprint
from .fetching import ProfileFetcher

__all__ = ["ProfileFetcher", "current_assistant", "ucp_blueprint"]
