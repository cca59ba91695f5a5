"""Scripts that repeat what a page shows: each runs as it stands, and `components.script` fills in its constants."""
