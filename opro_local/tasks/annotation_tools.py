"""What annotation tools write beside an answer that says it is none.

Label Studio 1.23 (JSON), Argilla 2.8 and its older exports, Prodigy 1.18.
"""

from collections.abc import Mapping, Sequence

NO_ANSWER = ("discarded", "draft", "pending")
"""Argilla's states of a response but "submitted"."""
REFUSALS = ("reject", "ignore")
"""What Prodigy's answer says besides "accept": the label was wrong, or not judged."""


def is_void(entry: object) -> bool:
    """Whether one annotator's entry is no answer: cancelled in Label Studio, not submitted in Argilla."""
    if not isinstance(entry, Mapping):
        return False
    return entry.get("was_cancelled") is True or entry.get("status") in NO_ANSWER


def submitted(record: Mapping[str, object], column: str, values: Sequence[object]) -> list[object]:
    """The values that were submitted, where a flat export of Argilla lists their states beside them."""
    states = record.get(f"{column}.status")
    if not isinstance(states, list) or len(states) != len(values):
        return list(values)
    return [value for value, state in zip(values, states, strict=True) if state not in NO_ANSWER]


def left_out(record: Mapping[str, object], used: Sequence[str]) -> bool:
    """Whether Prodigy's annotator did not accept the row, and the task does not ask for just that."""
    return "answer" not in used and "_input_hash" in record and record.get("answer") in REFUSALS
