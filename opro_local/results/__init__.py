"""What a run found: pure functions of what its file holds."""
