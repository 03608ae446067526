"""What a run writes to disk: one SQLite file a run, and one cache of model replies beside them."""
