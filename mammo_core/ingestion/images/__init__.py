"""Reading pictures from outside: DICOM and others, bounded, and cutting masses out of them."""
