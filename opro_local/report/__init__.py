"""Pictures and pages of what runs found; reads documents, never a run file."""
