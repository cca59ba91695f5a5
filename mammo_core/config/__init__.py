"""What a run is: its configuration, its default recipes, and the checks of both."""
