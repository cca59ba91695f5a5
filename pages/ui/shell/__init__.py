"""The frame around every page: navigation, access gate, header."""
