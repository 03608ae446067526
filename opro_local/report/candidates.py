"""Every proposal of a run with all that was measured of it: the table of a report, and the one as CSV."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from opro_local.report.spreadsheet import neutralised
from opro_local.report.table import Table
from opro_local.results.overview import Overview, ProposalResult, ProposedPrompt
from opro_local.results.result import TaskResult
from opro_local.results.steps import calibrations_of_test, later_values, proposals_of
from opro_local.results.trajectory import gain
from opro_local.results.verdicts import champion
from opro_local.results.words import manner_text, solution_text

LEFT = "dropped by racing"
COLUMNS = (
    *("step", "proposer", "instruction", "shots", "key"),
    *("train", "train_n", "train_low", "train_high", "validation", "test", "status"),
    *("labels", "answer", "biases", "form", "wordings", "test_uncalibrated"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """One proposal with its scores; what was not measured is None."""

    step: int
    proposal: ProposalResult
    fate: str
    validation: float | None
    test: float | None

    @property
    def train(self) -> float | None:
        return self.proposal.score.value if self.proposal.score else None

    @property
    def text(self) -> str:
        solution = self.proposal.solution
        return self.proposal.text if solution is None else solution_text(solution)

    @property
    def manner(self) -> str:
        """How its form and words differ from the default, if they do."""
        solution = self.proposal.solution
        return manner_text(solution.form, solution.verbalizer) if isinstance(solution, ProposedPrompt) else ""

    @property
    def shots(self) -> tuple[str, ...]:
        solution = self.proposal.solution
        return tuple(solution.shots) if isinstance(solution, ProposedPrompt) else ()


def candidate_rows(run: Overview) -> list[CandidateRow]:
    """Every proposal in order; fate says why one was rejected or left its race, and which was found best."""
    later, best = later_values(run), run.best
    rows = [_row(step, proposal, later) for step, proposal in proposals_of(run)]
    return [
        replace(row, fate=champion(run))
        if best and (row.proposal.key, row.step) == (best.key, best.step)
        else row
        for row in rows
    ]


def _row(step: int, proposal: ProposalResult, later: dict[tuple[str, str], float | None]) -> CandidateRow:
    rejected = proposal.reason and f"rejected: {proposal.reason}"
    return CandidateRow(
        step=step,
        proposal=proposal,
        fate=rejected or (LEFT if proposal.dropped else ""),
        validation=later.get(("validation", proposal.key or "")),
        test=later.get(("test", proposal.key or "")),
    )


def candidate_table(run: Overview) -> Table:
    """The best on train first."""
    rows = sorted(
        candidate_rows(run),
        key=lambda row: (row.train is None, row.fate == LEFT, -gain(row.train or 0.0, run.direction)),
    )
    return Table(
        title="All candidates",
        columns=(
            *("step", "written by", "proposer", "proposal", "shots", "train", "n"),
            *("validation", "test", "status"),
        ),
        rows=[
            (
                row.step,
                row.proposal.author,
                row.proposal.origin,
                f"{row.text}  [{row.manner}]" if row.manner else row.text,
                len(row.shots),
                row.train,
                row.proposal.score.n if row.proposal.score else None,
                row.validation,
                row.test,
                row.fate,
            )
            for row in rows
        ],
        sortable=True,
    )


def candidates_csv(run: Overview) -> str:
    """One row an accepted proposal, safe to open in a spreadsheet program; a header line comes first.

    status names the winner and what was dropped by racing; the last columns say how its answers are read. Of
    what was measured on test they have the calibration that it had there.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_csv_rows(run))
    return text.getvalue()


def _csv_rows(run: Overview) -> Iterator[list[object]]:
    tested = calibrations_of_test(run)
    for row in candidate_rows(run):
        solution, score = row.proposal.solution, row.proposal.score
        if solution is None:
            continue
        if isinstance(solution, ProposedPrompt) and row.proposal.key in tested:
            solution = replace(solution, calibration=tested[row.proposal.key])
        is_prompt = isinstance(solution, ProposedPrompt)
        text = solution.instruction if isinstance(solution, ProposedPrompt) else json.dumps(solution)
        low, high = (score.interval if score else None) or (None, None)
        yield [
            *(row.step, row.proposal.origin, neutralised(text)),
            *(neutralised(" ".join(row.shots)) if is_prompt else "", neutralised(row.proposal.key or "")),
            *(row.train, score.n if score else None, low, high, row.validation, row.test, row.fate),
            *(
                _answering(run, row.proposal.key, solution)
                if isinstance(solution, ProposedPrompt)
                else [None] * 5
            ),
            _uncalibrated(run) if row.fate == champion(run) else None,
        ]


def _answering(run: Overview, key: str | None, prompt: ProposedPrompt) -> list[str]:
    """Labels and how an answer is read; then as JSON the biases, what the form changes, the labels' words."""
    assert isinstance(run, TaskResult)
    labels = run.answering.labels
    biases = dict(zip(run.answering.alternatives, prompt.calibration, strict=False))
    words = dict(zip(labels, prompt.verbalizer, strict=True)) if prompt.verbalizer else {}
    return [
        json.dumps(list(labels), ensure_ascii=False),
        neutralised(run.answering.others.get(key or "", run.answering.reading)),
        json.dumps(biases, ensure_ascii=False),
        json.dumps(prompt.form.changes() if prompt.form else {}, ensure_ascii=False),
        json.dumps(words, ensure_ascii=False),
    ]


def _uncalibrated(run: Overview) -> float | None:
    plain = run.answering.uncalibrated if isinstance(run, TaskResult) else None
    return plain.value if plain else None
