"""Backbones, features, projections and linear heads that tell malignant masses from benign ones."""
