"""Trains runs: a configuration in, a measured outcome out."""
