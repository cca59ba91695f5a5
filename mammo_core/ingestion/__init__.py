"""Everything that comes into the house: files from outside, read with mistrust, cut, hashed and written down."""
