"""States what a model guarantees and what it does not, computed from its configuration."""
