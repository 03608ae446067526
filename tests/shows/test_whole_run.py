"""A table that opro-local has never seen, from one command to one JSON object."""

from collections import Counter
from typing import Any

import pytest
from whole_command import ROWS, FinishedRun, result

pytestmark = pytest.mark.slow


@pytest.fixture
def document(unbroken: FinishedRun) -> dict[str, Any]:
    return result(unbroken.done)


def test_rows_and_labels_arrive_as_they_are_written(document: dict[str, Any]) -> None:
    assert document["task"]["labels"] == ["007", "NA", "None"]
    assert document["task"]["rows"] == {"train": 24, "validation": 12, "test": 24, "pool": 0}
    texts = [text for text, _label in ROWS]
    assert sum(text in document["steps"][1]["meta_prompt"] for text in texts) == 3  # the exemplars


def test_every_score_has_its_number_of_rows_and_an_interval(document: dict[str, Any]) -> None:
    assert (document["status"], document["stop_reason"]) == ("finished", "budget of 2 steps used")
    assert document["metric"] == "accuracy"
    baselines = document["baselines"]
    starts = ["", "Which of these is it: 007, NA, None?", "Let's think step by step."]
    assert [baseline["instruction"] for baseline in baselines] == starts
    parts = [(document["train"], 24), (document["validation"], 12), *((score, 24) for score in baselines)]
    for score, rows in [*parts, (document["test"], 24)]:
        assert score["n"] == rows
        low, high = score["interval"]
        assert 0 <= low <= score["value"] <= high <= 1
        assert score["value"] * rows == pytest.approx(round(score["value"] * rows))


def test_the_best_instruction_is_the_best_finalist_on_train_and_validation_a_row_of_train_counting_half(
    document: dict[str, Any],
) -> None:
    train = {p["key"]: p["score"] for s in document["steps"] for p in s["proposals"] if p["score"]}
    values = {f["key"]: (12 * train[f["key"]]["value"] + 12 * f["value"]) / 24 for f in document["finalists"]}
    assert {e["key"]: e["value"] for e in document["compared"]} == pytest.approx(values)
    assert values[document["best"]["key"]] == pytest.approx(max(values.values()))
    validated = {finalist["key"]: finalist["value"] for finalist in document["finalists"]}
    assert document["validation"]["value"] == validated[document["best"]["key"]]


def test_every_proposal_is_scored_or_counted_with_its_reason(document: dict[str, Any]) -> None:
    proposals = [p for step in document["steps"] for p in step["proposals"]]
    assert len(proposals) == 2 + 2 * 8
    refused = Counter(p["reason"] for p in proposals if p["reason"] is not None)
    assert document["rejected"] == refused
    assert refused.total() + sum(p["score"] is not None for p in proposals) == len(proposals)
    assert 0 < refused.total() < 2 * 8  # a random model must do both for this to say anything


def test_what_it_cost_is_added_up(document: dict[str, Any]) -> None:
    usage = document["usage"]
    # Of train, what the headroom test asks 16 instructions comes first; the starts and "Let's think step by
    # step." are among them.
    proposed = sum(p["score"]["n"] for s in document["steps"][1:] for p in s["proposals"] if p["score"])
    tested = {document["best"]["key"], *(baseline["key"] for baseline in document["baselines"])}
    # All that is tested is calibrated on validation, also what was no finalist.
    validated = len({f["key"] for f in document["finalists"]} | tested) + len(document["sensitivity"])
    assert usage["pairs"] == 24 * 16 + proposed + 12 * validated + 24 * len(tested)
    assert usage["optimizer_tokens"] == sum(
        step["prompt_tokens"] + step["generated_tokens"] for step in document["steps"]
    )
    assert usage["tokens"] == usage["scorer_tokens"] + usage["optimizer_tokens"]
    assert usage["scorer_tokens"] > usage["pairs"] > 0
    assert document["timing"]["seconds"] > 0


def test_progress_is_shown_on_stderr_without_private_text(unbroken: FinishedRun) -> None:
    lines = unbroken.done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("step ")] == [
        "step 0",
        "step 1",
        "step 2",
    ]
    assert "thanks" not in unbroken.done.stderr
