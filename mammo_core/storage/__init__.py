"""Writes and reads files whole: tables, tensors, digests, the MLflow store."""
