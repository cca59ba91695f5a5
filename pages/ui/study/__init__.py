"""What the page Reader study shows: the reading, the results, and the making of a study."""
