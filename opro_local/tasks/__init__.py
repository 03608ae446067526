"""From a table of labelled rows to a Task and its train, validation and test rows."""
