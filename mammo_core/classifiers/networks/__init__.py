"""Whole networks on images: building, normalising, adapting, pre-training and scoring them."""
