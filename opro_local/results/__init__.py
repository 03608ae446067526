"""What runs found: pure functions of what the store has kept, as typed records."""

SCHEMA_VERSION = 1
"""Of everything that is printed as JSON; one more when a key goes or means something else."""
