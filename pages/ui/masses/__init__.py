"""Parts of the page Synthetic masses."""
