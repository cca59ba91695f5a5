"""Parts of the page Read a case."""
