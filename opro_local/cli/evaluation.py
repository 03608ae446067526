"""How candidates that were measured without a search are shown: a figure each, or a table as in papers."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from opro_local.cli.output import emit_json, say, say_note
from opro_local.config import Grading, Metric
from opro_local.report.table import Table, WithInterval
from opro_local.report.terminal import table_lines
from opro_local.results.overview import finite
from opro_local.results.verdicts import LENIENT
from opro_local.results.words import counts_text, figure, instruction_text, manner_text

if TYPE_CHECKING:
    from opro_local.problems.evaluation import CandidateScores, Part
    from opro_local.records import Score

GIVEN = "given"
"""Source of what stands on the command line."""


def show_measured(
    rows: "Sequence[CandidateScores]",
    *,
    on: "Part",
    task: str,
    metric: Metric,
    grading: Grading,
    as_json: bool,
) -> None:
    """Print the scores on a task, as a table if some come from a run or all parts were asked for."""
    for line in dict.fromkeys(_unmeasured(rows, metric)):
        say_note(line)
    if as_json:
        entries = [_entry(row, on) for row in rows]
        emit_json({"task": task, "metric": metric, "grading": grading, "scores": entries})
        return
    if grading == "official":
        say(LENIENT)
    if on == "all" or any(row.source != GIVEN for row in rows):
        say("\n".join(table_lines(_table(rows, metric))))
        return
    for row in rows:
        (value,) = (score.value for score in row.scores.values())
        say(f"{figure(finite(value))}  {instruction_text(row.candidate.instruction)}")


def _unmeasured(rows: "Sequence[CandidateScores]", metric: Metric) -> Iterator[str]:
    """Why some scores are not available."""
    for row in rows:
        for part, score in row.scores.items():
            if finite(score.value) is None:
                yield f"no {metric} on {part}: rows without an answer: {counts_text(score.reasons)}"


def _entry(row: "CandidateScores", on: "Part") -> dict[str, object]:
    """A single part's figures stand on top, several ones under the names of their parts."""
    scores = {name: _figures(score) for name, score in row.scores.items()}
    about = {
        "source": row.source,
        "position": row.position,
        "instruction": row.candidate.instruction,
        "shots": [shot.id for shot in row.candidate.shots],
        **({"form": changes} if (changes := row.candidate.form.changes()) else {}),
        **({"verbalizer": row.candidate.verbalizer} if row.candidate.verbalizer else {}),
    }
    return {**about, **scores} if on == "all" else {**scores[on], **about, "split": on}


def _figures(score: "Score") -> dict[str, object]:
    # JSON has no infinity, which stands for a metric that the outcomes do not allow.
    return {**asdict(score), "value": finite(score.value)}


def _table(rows: "Sequence[CandidateScores]", metric: Metric) -> Table:
    """One row a candidate: where it comes from, where its instruction stands, its scores, its text."""
    parts = [f"{name} (n={score.n:,})" for name, score in rows[0].scores.items()]
    return Table(
        title="Scores",
        columns=("source", "position", *parts, f"instruction, by {metric}"),
        rows=[
            (
                row.source,
                row.position,
                *(WithInterval(finite(score.value), None) for score in row.scores.values()),
                _text(row),
            )
            for row in rows
        ],
    )


def _text(row: "CandidateScores") -> str:
    """The instruction, with how many shots and in which form."""
    candidate = row.candidate
    shots = f"{len(candidate.shots)} shots" if candidate.shots else ""
    told = "; ".join(filter(None, [shots, manner_text(candidate.form, candidate.verbalizer)]))
    return instruction_text(candidate.instruction) + (f"  [{told}]" if told else "")
