"""From a candidate and an example to an Outcome, and from Outcomes to a Score."""
