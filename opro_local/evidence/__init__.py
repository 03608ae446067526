"""Statistics of what was measured: pure functions, no models and no files."""
