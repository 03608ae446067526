"""A run's winner asked of a served model: the same test rows, read by the task's own reader, side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opro_local.answers import AnswerKind
from opro_local.config import Grading, Metric
from opro_local.errors import SettingsError
from opro_local.exports.chat_server import ChatReply
from opro_local.exports.requests import chat_body
from opro_local.exports.use import Use, use_of
from opro_local.records import Answer, Example, Outcome, Score
from opro_local.results.overview import Figures
from opro_local.results.reading import fields_of, figures
from opro_local.results.result import TaskResult, result_of
from opro_local.results.tasks import row_ids
from opro_local.scoring.marking import Marking
from opro_local.scoring.metrics import METRICS
from opro_local.scoring.stopping import grader
from opro_local.scoring.thinking import behind_thought, unended
from opro_local.store.reader import RunReader, reading
from opro_local.tasks.task import task_from_json
from opro_local.user_code import check_allowed

Asked = Callable[[Mapping[str, object]], ChatReply]
"""The body of a request -> what the served model says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The answers of one way to ask, in the order of the rows, under a name for people."""

    name: str
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrompt:
    """A run's winner and what it answered on test, also without its calibration if it has one.

    reader is the kind of answer that a reply is read as: one of the prompt's words for the labels.
    """

    use: Use
    reader: AnswerKind
    marking: Marking
    grading: Grading
    rows: Sequence[Example]
    recorded: Sequence[Side]

    def score(self, side: Side) -> Score:
        return self.marking.score(side.answers)

    def side(self, name: str, outcomes: Sequence[Outcome]) -> Side:
        """Outcomes of replies, which have no probabilities to be calibrated."""
        return Side(name=name, answers=self.marking.answers(outcomes))


def known_prompt(path: Path, *, allow_python: bool = False) -> KnownPrompt:
    """Raises StoreError, and SettingsError for a run without a tested prompt, or with code not allowed."""
    with reading(path) as run:
        found = result_of(run)
        if not isinstance(found, TaskResult) or found.best is None or found.test is None:
            raise SettingsError(f"Run {run.header.run_id} has no prompt that was measured on test.")
        task = task_from_json(run.header.problem_json)
        check_allowed(task.grader, allowed=allow_python)
        by_id = {row.id: row for row in task.rows}
        rows = [by_id[row] for row in row_ids(run.header, "test")]
        marking = Marking.of(replace(task, metric=of_replies(task.metric)))
        use = use_of(found)
        worded = replace(task, answer="label", labels=tuple(use.words.values()))
        return KnownPrompt(
            use=use,
            reader=worded.kind if use.answering.wordings else task.kind,
            marking=marking,
            grading="official" if found.task.grading == "official" else "strict",
            rows=rows,
            recorded=list(_recorded(run, found, marking, rows)),
        )


def of_replies(metric: Metric) -> Metric:
    """Replies have no probabilities: where a metric needs them, the share of right answers stands for it."""
    return "accuracy" if METRICS[metric].needs in ("likelihoods", "probabilities") else metric


def _recorded(run: RunReader, found: TaskResult, marking: Marking, rows: Sequence[Example]) -> Iterable[Side]:
    assert found.best is not None
    known = run.outcomes(found.best.key, "test")
    outcomes = [known[row.id] for row in rows]
    if found.answering.mode == "generation":
        yield Side(name="here, written", answers=marking.answers(outcomes))
        return
    name = "here, by likelihood"
    if found.best.calibration:
        yield Side(name=f"{name}, calibrated", answers=marking.answers(outcomes, found.best.calibration))
        name = f"{name}, not calibrated"
    yield Side(name=name, answers=marking.answers(outcomes))


def ask_served(known: KnownPrompt, ask: Asked, *, model: str, rows: Iterable[Example]) -> list[Outcome]:
    """What a served model answers to rows, greedily."""
    return [_read(known, row, ask(chat_body(known.use, row.text, model=model))) for row in rows]


def _read(known: KnownPrompt, row: Example, reply: ChatReply) -> Outcome:
    outcome = Outcome(example_id=row.id, target=row.target, prediction=None, score=0.0, reply=reply.text)
    answer = behind_thought(reply.text)
    if answer is None:
        return replace(outcome, reason=unended(known.use.answer_tokens))
    said = replace(row, target=known.use.words.get(row.target, row.target))
    graded = grader(known.reader, known.grading).grade(answer, said, cut=reply.cut)
    labels = {word: label for label, word in known.use.words.items()}
    prediction = labels.get(graded.prediction or "", graded.prediction)
    return replace(outcome, **fields_of(replace(graded, prediction=prediction)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SideResult:
    """differing is how many rows the served model answers differently; None for the served model."""

    name: str
    score: Figures
    differing: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer, or the reason why there is none."""

    prediction: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingRow:
    row: str
    target: str
    here: Said
    there: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What export --check says: the sides, there last, and the rows that differ from the nearest here."""

    run: str
    server: str
    model: str
    metric: Metric
    lost: Sequence[str]
    sides: Sequence[SideResult]
    rows: Sequence[DifferingRow]

    @property
    def nearest(self) -> SideResult:
        """The side here that asks most as it was asked there."""
        return self.sides[-2]


def check_result(
    known: KnownPrompt, here: Sequence[Side], there: Side, *, server: str, model: str, lost: Sequence[str]
) -> CheckResult:
    """The last of here is nearest to what was asked there."""
    apart = [_differing(side, there) for side in here]
    counts = [*map(len, apart), None]
    return CheckResult(
        run=known.use.run,
        server=server,
        model=model,
        metric=known.marking.metric,
        lost=lost,
        sides=[
            SideResult(name=side.name, score=figures(known.score(side)), differing=count)
            for side, count in zip((*here, there), counts, strict=True)
        ],
        rows=[
            DifferingRow(row=ours.example_id, target=ours.target, here=_said(ours), there=_said(theirs))
            for ours, theirs in apart[-1]
        ],
    )


def _differing(one: Side, other: Side) -> list[tuple[Answer, Answer]]:
    """The rows that two sides answer differently."""
    pairs = zip(one.answers, other.answers, strict=True)
    return [pair for pair in pairs if pair[0].prediction != pair[1].prediction]


def _said(answer: Answer) -> Said:
    return Said(prediction=answer.prediction, reason=answer.reason)
