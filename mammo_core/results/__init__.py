"""Records finished runs, reads them back, and moves them between installations."""
