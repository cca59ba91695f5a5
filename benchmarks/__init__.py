"""How fast and how large: each benchmark compares ways of doing one thing in one run, in turns. See `__main__`."""
