"""What the project's own commands are made of; nothing that is installed."""
