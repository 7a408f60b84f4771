"""What the shop does with its tables and its baskets; the views only show it."""
