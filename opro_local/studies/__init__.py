"""Grids of runs over one loaded model, and the curves that they make."""
