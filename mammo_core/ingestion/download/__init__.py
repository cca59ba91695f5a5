"""Downloads the paper's data and compares every file with a known digest."""
