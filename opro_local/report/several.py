"""What searches on all folds of a table say together, and runs on the same objective with other data."""

from collections.abc import Iterator, Sequence

from opro_local.report.section import Section
from opro_local.report.sections import sections
from opro_local.report.table import ONE_SIDED, PValue, Table, WithInterval
from opro_local.results.findings import BaselineVerdict
from opro_local.results.objective import Repeats, Spread
from opro_local.results.result import RunResult
from opro_local.results.verdicts import verdict_line
from opro_local.results.words import instruction_text, solution_text


def fold_sections(runs: Sequence[RunResult], verdicts: Sequence[BaselineVerdict]) -> list[Section]:
    """The runs that ended without a test one by one, then all that were tested."""
    untested = [section for run in runs if run.test is None for section in sections(run)[:1]]
    tested = [run for run in runs if run.test is not None]
    rows = sum(run.test.n for run in tested if run.test is not None)
    together = Section(
        title="All folds together",
        lines=[
            f"cross-fitting: the winners of {len(tested)} searches on {rows} rows, each tested once",
            *([verdict_line(verdicts)] if verdicts else []),
        ],
        tables=[_fold_scores(tested), _pooled(verdicts)],
    )
    return [*untested, together]


def _fold_scores(runs: Sequence[RunResult]) -> Table:
    return Table(
        title="Folds",
        columns=("fold", "score on test", "n", "prompt"),
        rows=[
            (run.run, WithInterval(run.test.value, run.test.interval), run.test.n, solution_text(run.best))
            for run in runs
            if run.test is not None and run.best is not None
        ],
        brief=True,
    )


def _pooled(verdicts: Sequence[BaselineVerdict]) -> Table:
    return Table(
        title="Winners beside the baselines",
        columns=("baseline", "winners", "gain", ONE_SIDED, "n"),
        rows=[
            (
                instruction_text(verdict.instruction),
                verdict.word,
                WithInterval(verdict.comparison.difference, verdict.comparison.interval, signed=True),
                PValue(verdict.adjusted_p),
                verdict.comparison.n,
            )
            for verdict in verdicts
        ],
        brief=True,
    )


def repeat_section(found: Repeats) -> Section:
    return Section(
        title="All runs together",
        lines=[f"{found.solved} of {found.repeats} runs solved the problem", *_spreads(found)],
    )


def _spreads(found: Repeats) -> Iterator[str]:
    if found.steps:
        yield f"steps until solved: {_plus_minus(found.steps)}"
    if found.explored:
        yield f"different solutions: {_plus_minus(found.explored)}"
    if found.gap:
        yield f"gap to the optimum: {_plus_minus(found.gap, 100)} %"
    yield from (f"published: {line}" for line in found.published)


def _plus_minus(spread: Spread, scale: float = 1) -> str:
    deviation = "" if spread.deviation is None else f" ± {scale * spread.deviation:.1f}"
    return f"{scale * spread.mean:.1f}{deviation}"
