"""Metrics of classifiers and attacks, with intervals by bootstrap over patients."""
