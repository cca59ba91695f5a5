"""Describes this computer: paths, processors, GPUs, and who may reach the app."""
