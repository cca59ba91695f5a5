"""What the pages draw with, one folder a page, and what they share."""
