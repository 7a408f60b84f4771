"""The cart over HTTP: pages with forms, and JSON, from the same views."""
