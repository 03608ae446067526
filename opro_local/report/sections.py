"""What a report of a run says, once: the sections that terminal, page, Markdown, CSV and workbook print."""

from collections.abc import Iterator
from typing import assert_never

from opro_local.exports.use import PLACE, use_of
from opro_local.report.candidates import candidate_table
from opro_local.report.charts import length_chart, reliability_chart, search_chart
from opro_local.report.flips import flip_section
from opro_local.report.judge import judge_section
from opro_local.report.labels import label_sections
from opro_local.report.must_stay import must_stay_section
from opro_local.report.parts import part_section
from opro_local.report.section import Block, Section, word_diff
from opro_local.report.solution import solution_section
from opro_local.report.table import ONE_SIDED, Cell, PValue, Table, WithInterval, setting_cell
from opro_local.results.answering import Answering
from opro_local.results.cost import cost_lines, worker_text
from opro_local.results.findings import BaselineVerdict
from opro_local.results.overview import Figures, Overview, StepResult
from opro_local.results.reading import fields_of
from opro_local.results.result import ObjectiveResult, RunResult, TaskResult
from opro_local.results.steps import best_start
from opro_local.results.verdicts import (
    LENIENT,
    calibration_line,
    champion,
    gain_line,
    headroom_line,
    most_common_line,
    run_verdict,
    selection_lines,
    state_line,
    tried_lines,
)
from opro_local.results.words import files_read, instruction_text, manner_text
from opro_local.wording import counted, listed

LEAST_PROPOSERS = 2
"""The starts and one proposer: then there is nothing to compare."""
FEW_LABELS = 10
"""As many as a terminal lists."""


def sections(run: RunResult) -> list[Section]:
    """In the order of their weight; a part that the run lacks is left out."""
    match run:
        case TaskResult():
            return list(_of_task(run))
        case ObjectiveResult():
            return list(_of_objective(run))
        case _:
            assert_never(run)


def _of_task(run: TaskResult) -> Iterator[Section]:
    yield _answer(run)
    if run.best is not None:
        yield _answering(run.answering, run)
        yield from judge_section(run)
        yield Section(title="Selection", lines=list(selection_lines(run)))
    for chart in (*search_chart(run), *length_chart(run), *reliability_chart(run.reliability)):
        yield Section(title=chart.title, charts=[chart])
    yield from _changes(run)
    yield from part_section(run)
    yield from flip_section(run)
    yield from must_stay_section(run)
    yield from label_sections(run)
    yield _tried(run)
    yield from _paraphrases(run)
    yield from _read_by_optimizer(run)
    yield _cost(run)


def _of_objective(run: ObjectiveResult) -> Iterator[Section]:
    yield solution_section(run)
    for chart in search_chart(run):
        yield Section(title=chart.title, charts=[chart])
    yield _tried(run)
    yield from _read_by_optimizer(run)
    yield _cost(run)


def _answer(run: TaskResult) -> Section:
    best = run.best
    if best is None:
        return Section(title="Result", lines=[state_line(run), "nothing scored yet", *_caution(run)])
    lines = [state_line(run), run_verdict(run), *gain_line(run), *most_common_line(run), *_caution(run)]
    if manner := manner_text(best.form, best.verbalizer):
        lines.append(f"form: {manner}")
    if best.shots:
        lines.append(f"with {counted(len(best.shots), 'shot')}: {listed([shot.id for shot in best.shots])}")
    whole = Block(
        title=f"The whole prompt; {PLACE} is the place of a row", text=use_of(run).text, copied=True
    )
    prompt = Block(
        title="best prompt", text=instruction_text(best.instruction), copied=bool(best.instruction)
    )
    return Section(
        title="Result",
        lines=lines,
        blocks=[prompt],
        tables=[_scores(run), *_other_metrics(run)],
        details=[whole],
    )


def _answering(found: Answering, run: TaskResult) -> Section:
    """What a stranger needs beside the prompt to get the same score."""
    named = [f"{label} ({found.wordings[label]})" if found.wordings else label for label in found.labels]
    about = (("labels", ", ".join(named) or "none: answers are open"), ("the answer", found.reading))
    biases = Table(
        title="Calibration of labels",
        columns=("label", "bias"),
        rows=list(found.biases.items()),
        caption="nats, to be added to each label's log-probability before they are compared",
        brief=len(found.biases) <= FEW_LABELS,
    )
    return Section(
        title="How answers are read",
        lines=list(calibration_line(run)),
        tables=[
            Table(title="Labels and answer", columns=("what", "how"), rows=about),
            *([biases] if found.biases else []),
        ],
    )


def _caution(run: TaskResult) -> Iterator[str]:
    """What a reader of the scores must know first."""
    if run.task.grading == "official":
        yield LENIENT
    if run.headroom and not run.headroom.exists:
        yield headroom_line(run.headroom)


def _scores(run: TaskResult) -> Table:
    """On test first, beside the baselines; one that won stands there once."""
    verdicts = {verdict.instruction: verdict for verdict in run.verdicts}
    held = (("validation", run.validation), ("train", run.train))
    others = [baseline for baseline in run.baselines if run.best and baseline.key != run.best.key]
    scores = (run.test, run.validation, run.train)
    return Table(
        title="Scores",
        columns=("prompt", "split", run.measure, "n", "verdict", "gain", ONE_SIDED, "rows needed"),
        rows=[
            *([_score(champion(run), "test", run.test)] if run.test else []),
            *(
                _score(instruction_text(b.instruction), "test", b, verdicts.get(b.instruction))
                for b in others
            ),
            *([_score(champion(run), EXPECTED, run.expected)] if run.expected else []),
            *(_score(champion(run), split, score) for split, score in held if score),
        ],
        caption=CAPTION + (WITHOUT_INTERVAL if any(map(_lacks_interval, scores)) else ""),
        brief=True,
    )


CAPTION = (
    "with 95 % interval; verdict, gain and one-sided p (of better, or of worse where that is the verdict; "
    "Holm-corrected) are the winner's beside that baseline; rows needed: test rows that would detect such a "
    "gain (80 % power)"
)
EXPECTED = "other rows, expected"
WITHOUT_INTERVAL = "; without an interval: fewer than 3 rows a label, or all alike, are too few for one"


def _lacks_interval(score: Figures | None) -> bool:
    return score is not None and score.value is not None and score.interval is None


def _score(
    prompt: str, split: str, score: Figures, verdict: BaselineVerdict | None = None
) -> tuple[Cell, ...]:
    """score has a number even where it is not available: then its cell says so."""
    figures = (prompt, split, WithInterval(score.value, score.interval), score.n)
    if verdict is None:
        return (*figures, None, None, None, None)
    gain = WithInterval(verdict.comparison.difference, verdict.comparison.interval, signed=True)
    return (*figures, verdict.word, gain, PValue(verdict.adjusted_p), verdict.n_to_settle)


def _other_metrics(run: TaskResult) -> Iterator[Table]:
    """What was measured beside the metric that was optimised."""
    start = best_start(run)
    if run.test and run.test.metrics:
        yield Table(
            title="Other metrics",
            caption="on test; of errors and losses less is better",
            columns=("metric", "winner", "best start"),
            rows=[
                (name, value, start.metrics.get(name) if start else None)
                for name, value in run.test.metrics.items()
            ],
        )


def _changes(run: TaskResult) -> Iterator[Section]:
    start = best_start(run)
    if start and run.best and start.instruction != run.best.instruction:
        changes = list(word_diff(start.instruction, run.best.instruction))
        yield Section(title="Changes from the best start", changes=changes)


def _tried(run: Overview) -> Section:
    proposers = Table(
        title="By proposer",
        columns=(
            "proposer",
            "proposed",
            "accepted",
            "dropped by racing",
            "new bests",
            "best on train",
            "found",
        ),
        rows=[
            (
                *(row.proposer, row.proposals, row.accepted, row.dropped, row.records, row.best),
                champion(run) if row.won else None,
            )
            for row in run.proposers
        ],
        brief=len(run.proposers) > LEAST_PROPOSERS,
    )
    return Section(title="Candidates", lines=tried_lines(run), tables=[proposers, candidate_table(run)])


def _paraphrases(run: TaskResult) -> Iterator[Section]:
    if run.sensitivity:
        table = Table(
            title="Near-paraphrases",
            caption="of the winner, on validation",
            columns=("instruction", run.measure, "n"),
            rows=[(e.instruction, WithInterval(e.value, e.interval), e.n) for e in run.sensitivity],
        )
        yield Section(title="Sensitivity to wording", tables=[table])


def _read_by_optimizer(run: Overview) -> Iterator[Section]:
    blocks = [
        Block(title=_call_title(step, number), text=call.meta_prompt)
        for step in run.steps
        for number, call in enumerate(step.calls, start=1)
    ]
    if blocks:
        yield Section(title="Meta-prompts", details=blocks)


def _call_title(step: StepResult, number: int) -> str:
    call, calls = step.calls[number - 1], len(step.calls)
    which = f", call {number} of {calls}" if calls > 1 else ""
    return f"Step {step.number}{which}: {call.prompt_tokens} tokens read, {call.generated_tokens} written"


def _cost(run: RunResult) -> Section:
    return Section(title="Cost", lines=cost_lines(run), tables=[_usage(run)], details=[_settings(run)])


def _usage(run: Overview) -> Table:
    timing = run.timing
    rows: list[tuple[Cell, ...]] = list(fields_of(run.usage).items())
    for kind, efforts in (("scorer", timing.scorer), ("decoding", timing.decoding)):
        for effort in efforts:
            rows += [(f"{kind} {name}", value) for name, value in fields_of(effort).items()]
    rows += [
        (f"worker {number} ({each.place})", worker_text(each, workers))
        for workers in timing.workers
        for number, each in enumerate(workers, 1)
    ]
    rows += [(f"time of {part}", round(seconds, 1)) for part, seconds in timing.parts.items()]
    rows += [("seconds", round(timing.seconds))]
    return Table(title="Amounts", columns=("what", "amount"), rows=rows)


def _settings(run: RunResult) -> Table:
    rows: list[tuple[Cell, ...]] = [("begun", run.timing.created), ("data", run.data_digest)]
    for model in run.models:
        about = {"name": model.name, "numerics": model.numerics, "digest": model.digest}
        about |= {"source": model.source, "files": files_read(model)}
        rows += [(f"{model.role} {name}".removesuffix(" name"), value) for name, value in about.items()]
    rows += run.versions.items()
    rows += [
        (f"{group}.{name}", setting_cell(value))
        for group, values in run.settings.items()
        for name, value in values.items()
    ]
    return Table(title="Settings, models and versions", columns=("what", "value"), rows=rows)
