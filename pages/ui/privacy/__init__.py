"""Parts of the page Privacy."""
