"""From names and settings to a run that is ready."""
