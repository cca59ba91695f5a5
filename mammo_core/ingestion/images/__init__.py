"""Reads images from outside, DICOM and others, in bounded processes, and cuts out masses."""
