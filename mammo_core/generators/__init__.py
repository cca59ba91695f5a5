"""Generators trained, judged and recorded, and sets of synthetic masses as PNG and DICOM."""
