"""How candidates that were measured without a search are shown: a figure each, or a table as in papers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from opro_local.cli.output import emit_json, finite, say
from opro_local.cli.runs import LENIENT, figure
from opro_local.config import Grading, Metric

if TYPE_CHECKING:
    from opro_local.problems.evaluation import CandidateScores, Part
    from opro_local.records import Score

Document = dict[str, Any]

GIVEN = "given"
"""Source of what stands on the command line."""


def show_measured(
    rows: "Sequence[CandidateScores]", *, on: "Part", metric: Metric, grading: Grading, as_json: bool
) -> None:
    """Print the scores, as a table if some come from a run or all parts were asked for."""
    if as_json:
        entries = [_entry(row, on) for row in rows]
        emit_json({"metric": metric, "grading": grading, "scores": entries})
        return
    if grading == "official":
        say(LENIENT)
    if on == "all" or any(row.source != GIVEN for row in rows):
        say("\n".join(_table(rows, metric)))
        return
    for row in rows:
        (value,) = (score.value for score in row.scores.values())
        say(f"{figure(finite(value))}  {row.candidate.instruction or '(empty)'}")


def _entry(row: "CandidateScores", on: "Part") -> Document:
    """A single part's figures stand on top, several ones under the names of their parts."""
    scores = {name: _figures(score) for name, score in row.scores.items()}
    about = {
        "source": row.source,
        "position": row.position,
        "instruction": row.candidate.instruction,
        "shots": [shot.id for shot in row.candidate.shots],
    }
    return {**about, **scores} if on == "all" else {**scores[on], **about, "split": on}


def _figures(score: "Score") -> Document:
    # JSON has no infinity, which stands for a metric that the outcomes do not allow.
    return {**asdict(score), "value": finite(score.value)}


def _table(rows: "Sequence[CandidateScores]", metric: Metric) -> list[str]:
    """One row a candidate: where it comes from, where its instruction stands, its scores, its text."""
    parts = [f"{name} (n={score.n:,})" for name, score in rows[0].scores.items()]
    head = ["source", "position", *parts, f"instruction, by {metric}"]
    lines = [
        [
            row.source,
            row.position,
            *(figure(finite(score.value)) for score in row.scores.values()),
            _text(row),
        ]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    return [_aligned(line, widths, left=2) for line in (head, *lines)]


def _aligned(line: Sequence[str], widths: Sequence[int], *, left: int) -> str:
    """Figures to the right, words to the left; nothing behind the last column."""
    cells = [
        cell.ljust(width) if i < left else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(line[:-1], widths, strict=False))
    ]
    return "  ".join([*cells, line[-1]])


def _text(row: "CandidateScores") -> str:
    """The instruction on one line, and with how many shots."""
    text = row.candidate.instruction.replace("\n", "\\n") or "(empty)"
    shots = len(row.candidate.shots)
    return f"{text}  [{shots} shots]" if shots else text
